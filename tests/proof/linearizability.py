"""A small checker that tries every order, for histories of one item with few calls: what the fast one must agree with.

The algorithm is that of Wing and Gong, with Lowe's memory of what was tried. It knows nothing of the places that the
fast checker gives to calls: it runs them, one after another, on an item that is only a version.
"""

from collections.abc import Callable, Iterable
from typing import NamedTuple

from tests.proof import operations
from tests.proof.record import FOREVER, Call


class Step(NamedTuple):
    """A call as something that may happen between two moments to an item at a version, and leads to the next or not."""

    begin: int
    end: int
    is_possible: Callable[[int], bool]
    rises: bool
    is_certain: bool
    """Whether it must happen; what is unknown need not."""


def is_linearizable(calls: Iterable[Call], last: int, state_at: Callable[[int], str] = lambda _: "") -> bool:
    """Say whether some order of the calls, each between its beginning and its end, explains all that was told.

    The calls are all about one item, which begins at version 0 and ends at `last`. `state_at` gives its state at a
    version.
    """
    steps = [step for call in calls if (step := _step(call, state_at)) is not None]
    certain = sum(1 << number for number, step in enumerate(steps) if step.is_certain)
    seen = {(0, 0)}
    waiting = [(0, 0)]
    while waiting:
        done, version = waiting.pop()
        if done & certain == certain and version == last:
            return True
        left = [(number, step) for number, step in enumerate(steps) if not done >> number & 1]
        first_end = min((step.end for _, step in left), default=FOREVER)
        for number, step in left:
            following = (done | 1 << number, version + step.rises)
            if step.begin <= first_end and step.is_possible(version) and following not in seen:
                seen.add(following)
                waiting.append(following)
    return False


def _step(call: Call, state_at: Callable[[int], str]) -> Step | None:
    ((_, supplied),) = call.items
    wanted = None if supplied == -1 else supplied
    if call.outcome == "unknown":
        if not operations.changes(call.operation):
            return None
        return Step(call.begin, FOREVER, lambda version: wanted in {None, version}, True, False)
    if call.outcome == "ok" and operations.changes(call.operation):
        (seen,) = call.seen
        return Step(call.begin, call.end, lambda now: now + 1 == seen.version and wanted in {None, now}, True, True)
    if call.outcome == "ok":
        (seen,) = call.seen
        return Step(call.begin, call.end, lambda now: now == seen.version and wanted in {None, now}, False, True)
    if call.fault == "InvalidVersionFault":
        told = int(call.parameters[1])
        return Step(call.begin, call.end, lambda now: now == told and wanted not in {None, now}, False, True)
    state = call.parameters[1]
    return Step(call.begin, call.end, lambda now: state_at(now) == state and wanted in {None, now}, False, True)
