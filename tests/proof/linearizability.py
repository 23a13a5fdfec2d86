"""A small checker that tries every order, for histories of one item with few calls: what the fast one must agree with.

The algorithm is that of Wing and Gong, with Lowe's memory of what was tried. It knows nothing of the places that the
fast checker gives to calls: it runs them, one after another, on an item that is a version and, perhaps, the operation
that is at work on it.
"""

from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from typing import NamedTuple

from tests.proof import operations
from tests.proof.operations import ENDS, STARTED
from tests.proof.record import FOREVER, Call
from tests.proof.stored import Operation


class Item(NamedTuple):
    """An item as the checker runs calls on it: its version, the operation at work on it, and those that are done."""

    version: int = 0
    running: str | None = None
    ended: frozenset[str] = frozenset()


class Step(NamedTuple):
    """Something that may happen between two moments to an item as it is, and gives what it is then; None: not now."""

    begin: int
    end: int
    follow: Callable[[Item], Item | None]
    is_certain: bool
    """Whether it must happen; what is unknown need not."""


def is_linearizable(
    calls: Sequence[Call],
    last: int,
    state_at: Callable[[int], str] = lambda _: "",
    accepted: Iterable[Operation] = (),
) -> bool:
    """Say whether some order of the calls, each between its beginning and its end, explains all that was told.

    The calls are all about one item, which begins at version 0 and ends at `last`. `state_at` gives its state at a
    version. `accepted` are the operations that are stored; all have ended.
    """
    steps = [step for call in calls for step in _steps(call, state_at)] + list(_ends(calls, accepted))
    certain = sum(1 << number for number, step in enumerate(steps) if step.is_certain)
    seen = {(0, Item())}
    waiting = [(0, Item())]
    while waiting:
        done, item = waiting.pop()
        if done & certain == certain and item.version == last:
            return True
        left = [(number, step) for number, step in enumerate(steps) if not done >> number & 1]
        first_end = min((step.end for _, step in left), default=FOREVER)
        for number, step in left:
            after = step.follow(item) if step.begin <= first_end else None
            following = (done | 1 << number, after)
            if after is not None and following not in seen:
                seen.add(following)  # type: ignore[arg-type]
                waiting.append(following)  # type: ignore[arg-type]
    return False


def _look(is_possible: Callable[[Item], bool]) -> Callable[[Item], Item | None]:
    return lambda item: item if is_possible(item) else None


def _change(wanted: int | None, made: int | None = None) -> Callable[[Item], Item | None]:
    def follow(item: Item) -> Item | None:
        is_possible = item.running is None and wanted in {None, item.version} and made in {None, item.version + 1}
        return item._replace(version=item.version + 1) if is_possible else None

    return follow


def _steps(call: Call, state_at: Callable[[int], str]) -> Iterable[Step]:
    """Give what a call did by itself, or saw."""
    ((_, supplied),) = call.items
    wanted = None if supplied == -1 else supplied
    if call.operation in ENDS:
        if call.outcome == "ok":
            yield Step(call.begin, call.end, _look(lambda item: _is_told(call, item)), True)
    elif call.outcome == "unknown":
        if operations.changes(call.operation):
            yield Step(call.begin, FOREVER, _change(wanted), False)
    elif call.outcome == "ok":
        (seen,) = call.seen
        if operations.changes(call.operation):
            yield Step(call.begin, call.end, _change(wanted, seen.version), True)
        else:
            look = _look(lambda item: item.version == seen.version and wanted in {None, item.version})
            yield Step(call.begin, call.end, look, True)
    else:
        yield Step(call.begin, call.end, _look(lambda item: _is_refused(call, wanted, item, state_at)), True)


def _is_told(call: Call, item: Item) -> bool:
    (seen,) = call.seen
    if call.status == STARTED[call.operation]:
        return (item.version, item.running) == (seen.version, call.session)
    return item.version == seen.version and call.session in item.ended


def _is_refused(call: Call, wanted: int | None, item: Item, state_at: Callable[[int], str]) -> bool:
    if call.fault == "InvalidVersionFault":
        return item.version == int(call.parameters[1]) and wanted not in {None, item.version}
    state = call.parameters[1]
    if state in STARTED.values():
        return item.running is not None and wanted in {None, item.version}
    return state_at(item.version) == state and wanted in {None, item.version}


def _ends(calls: Sequence[Call], accepted: Iterable[Operation]) -> Iterable[Step]:
    """Give the acceptance and the end of each operation: between the two nothing else changes the item."""
    asked: dict[str, list[Call]] = defaultdict(list)
    for call in calls:
        if call.operation in ENDS:
            asked[call.session or ""].append(call)
    for operation in accepted:
        begin = min(call.begin for call in asked[operation.session])
        told = [call for call in asked[operation.session] if call.outcome == "ok"]
        ended = [call for call in told if call.status != STARTED[call.operation]]
        yield Step(begin, min((call.end for call in told), default=FOREVER), _accept(operation), True)
        yield Step(begin, min((call.end for call in ended), default=FOREVER), _end(operation), True)


def _accept(operation: Operation) -> Callable[[Item], Item | None]:
    def follow(item: Item) -> Item | None:
        is_possible = item.running is None and item.version == operation.accepted
        return item._replace(running=operation.session) if is_possible else None

    return follow


def _end(operation: Operation) -> Callable[[Item], Item | None]:
    def follow(item: Item) -> Item | None:
        if item.running != operation.session:
            return None
        return Item(item.version + 1, None, item.ended | {operation.session})

    return follow
