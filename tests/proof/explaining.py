"""Which call made which stored version: one to one, and none without a call that can have made it."""

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from heapq import heapify, heappop

from tests.proof import operations
from tests.proof.operations import REAPPEAR
from tests.proof.record import FOREVER, Call
from tests.proof.stored import Row, Stored
from tests.proof.violations import Rule, Violation

LATEST = {None, -1}
Key = tuple[int, int]
"""An item and one of its versions."""


@dataclass(slots=True)
class Request:
    """One request, with its repeats of the same RequestID: it takes effect once, or not at all."""

    calls: list[Call]
    begin: int
    answered: list[Call]

    @property
    def first(self) -> Call:
        return self.calls[0]

    @property
    def end(self) -> int:
        return min((call.end for call in self.answered), default=FOREVER)

    @property
    def may_have_happened(self) -> bool:
        return any(call.outcome != "fail" for call in self.calls)


@dataclass(slots=True)
class Change:
    """A stored version and the request that made it."""

    item: int
    version: int
    request: Request


@dataclass
class Explained:
    """What is explained so far; `open_requests` may still explain some of the rows that are not."""

    changes: dict[Key, Change] = field(default_factory=dict)
    open_requests: list[Request] = field(default_factory=list)
    violations: list[Violation] = field(default_factory=list)


def requests(calls: Iterable[Call]) -> list[Request]:
    """Put calls that repeat each other together; those that only look are left out."""
    found: dict[object, Request] = {}
    for call in calls:
        if not operations.changes(call.operation):
            continue
        key = call.number if call.request is None else (call.user, call.request)
        request = found.setdefault(key, Request([], call.begin, []))
        request.calls.append(call)
        if call.outcome == "ok":
            request.answered.append(call)
    return list(found.values())


def explain(calls: Sequence[Call], stored: Stored) -> Explained:
    """Find the rows of all requests that were acknowledged, and of those that wrote a token."""
    explained = Explained()
    with_token: dict[str, list[Key]] = defaultdict(list)
    for item, rows in stored.rows.items():
        for row in rows:
            if row.is_new and row.token is not None:
                with_token[row.token].append((item, row.version))
    for request in requests(calls):
        token, session = request.first.token, request.first.session
        if request.answered:
            _explain_answered(request, stored, with_token, explained)
        elif token in with_token and request.may_have_happened:
            _explain_by_token(request, with_token[token], stored, explained)
        elif session is not None:
            if session in stored.sessions and request.may_have_happened:
                begun = stored.sessions[session]
                _explain_by_token(request, [(begun.item, begun.opened)], stored, explained)
        elif request.may_have_happened and token is None:
            explained.open_requests.append(request)
    return explained


def _explain_answered(request: Request, stored: Stored, with_token: dict[str, list[Key]], explained: Explained) -> None:
    first, calls = request.answered[0], request.answered
    for other in calls[1:]:
        if other.seen != first.seen:
            explained.violations.append(Violation(Rule.SAME_ANSWER, None, calls))
    reached = list(_reached(first, with_token))
    moments = set()
    for item, supplied, version in reached:
        if supplied not in LATEST and version != supplied + 1:
            text = f"version {supplied} led to {version}"
            explained.violations.append(Violation(Rule.NEXT_VERSION, item, [first], text))
        row = _row(stored, item, version)
        if row is None:
            detail = f"there is no row for version {version}"
            explained.violations.append(Violation(Rule.STORED, item, [first], detail))
            continue
        moments.add(row.at)
        if not _is_of(row, first) or first.token not in {None, row.token}:
            text = f"the row is {row}"
            explained.violations.append(Violation(Rule.STORED, item, [first], text))
        claim(request, item, version, explained)
    if len(moments) > 1:
        explained.violations.append(Violation(Rule.ONE_CHANGE, None, [first], f"moments {sorted(moments)}"))
    if first.token is not None:
        _check_once(request, [(item, version) for item, _, version in reached], with_token[first.token], explained)


def _reached(call: Call, with_token: dict[str, list[Key]]) -> Iterator[tuple[int, int | None, int]]:
    """Give the item, the supplied version and the one that was reached, for each item of an acknowledged change."""
    supplied = dict(call.items)
    if call.operation == "completeWorkItem":  # its answer names no version
        ((item, version),) = call.items
        stored = [at for one, at in with_token.get(call.token or "", ()) if one == item]
        yield item, version, (stored[0] if stored else version + 1 if version not in LATEST else -1)
        return
    for one in call.seen:
        yield one.item, supplied.get(one.item), -1 if one.version is None else one.version


def _explain_by_token(request: Request, keys: list[Key], stored: Stored, explained: Explained) -> None:
    """Take the rows that say whose they are: the request took effect, though nobody was told."""
    call = request.first
    items = dict(call.items)
    wanted = [(item, version) for item, version in keys if item in items] if items else keys[:1]
    if items and len({item for item, _ in wanted}) != len(items):
        explained.violations.append(Violation(Rule.WHOLE_BATCH, None, request.calls))
    for item, version in wanted:
        row = _row(stored, item, version)
        supplied = items.get(item)
        if row is None or not _is_of(row, call):
            text = f"the row is {row}"
            explained.violations.append(Violation(Rule.AS_ASKED, item, request.calls, text))
        if supplied not in LATEST and version != supplied + 1:
            text = f"version {supplied} led to {version}"
            explained.violations.append(Violation(Rule.NEXT_VERSION, item, [call], text))
        claim(request, item, version, explained)
    _check_once(request, list(dict(wanted).items()), keys, explained)


def _check_once(request: Request, expected: list[Key], found: list[Key], explained: Explained) -> None:
    if sorted(expected) != sorted(found):
        text = f"it stands at {found}"
        explained.violations.append(Violation(Rule.ONCE, found[0][0] if found else None, request.calls, text))


def _is_of(row: Row, call: Call) -> bool:
    return row.actor == call.user and row.action in operations.actions(call.operation)


def claim(request: Request, item: int, version: int, explained: Explained) -> None:
    """Say that a request made a version."""
    other = explained.changes.setdefault((item, version), Change(item, version, request))
    if other.request is not request:
        both = [*other.request.calls, *request.calls]
        explained.violations.append(Violation(Rule.ONE_CALL, item, both, f"version {version}"))


def _row(stored: Stored, item: int, version: int) -> Row | None:
    rows = stored.rows.get(item, ())
    return rows[version] if 0 <= version < len(rows) else None


def explain_rest(stored: Stored, explained: Explained, deadline: Callable[[int, int], int]) -> list[Change]:
    """Find a request for each row that has none yet; give what was found.

    `deadline` says when a version of an item was there at the latest: no request that began later can have made it.
    For the rows of one operation and person those requests that can have made the earlier of two can also have made
    the later, so to give each row, in the order of deadlines, the first that is left is as good as any way. A request
    that supplied a version can have made one row only, and comes first.
    """
    rest = [
        (deadline(item, row.version), item, row)
        for item, rows in stored.rows.items()
        for row in rows
        if (item, row.version) not in explained.changes and (row.action, row.actor) != (REAPPEAR, None)
    ]
    rest.sort(key=lambda one: one[0])
    made = _batches(rest, explained)
    pools = _Pools(request for request in explained.open_requests if len(request.first.items) <= 1)
    for latest, item, row in rest:
        if (item, row.version) in explained.changes:
            continue
        request = pools.take(item, row, latest)
        if request is None:
            text = f"nobody asked for {row}"
            explained.violations.append(Violation(Rule.ASKED_FOR, item, detail=text))
            continue
        change = explained.changes[item, row.version] = Change(item, row.version, request)
        made.append(change)
    return made


def _batches(rest: Sequence[tuple[int, int, Row]], explained: Explained) -> list[Change]:
    """Find the rows of batches, which are of one moment."""
    by_moment: dict[tuple[int, str, str | None], dict[int, Row]] = defaultdict(dict)
    for _, item, row in rest:
        by_moment[row.at, row.action, row.actor][item] = row
    of_item: dict[tuple[int, str, str | None], list[int]] = defaultdict(list)
    for (at, action, actor), rows in by_moment.items():
        for item in rows:
            of_item[item, action, actor].append(at)
    made: list[Change] = []
    for request in explained.open_requests:
        call = request.first
        if len(call.items) < 2:
            continue
        for at in of_item[call.items[0][0], call.operation, call.user]:
            rows = by_moment[at, call.operation, call.user]
            if all(_may_be(rows.get(item), supplied) for item, supplied in call.items):
                changes = [Change(item, rows.pop(item).version, request) for item, _ in call.items]
                made += changes
                explained.changes.update({(one.item, one.version): one for one in changes})
                break
    return made


def _may_be(row: Row | None, supplied: int | None) -> bool:
    return row is not None and (supplied in LATEST or row.version == supplied + 1)


class _Pools:
    """Requests of unknown outcome that wrote no token, by what rows they can have made, the earliest first."""

    def __init__(self, open_requests: Iterable[Request]) -> None:
        self._pools: dict[object, list[tuple[int, int, Request]]] = defaultdict(list)
        for request in open_requests:
            call = request.first
            item, supplied = call.items[0] if call.items else (None, None)
            exact = None if supplied in LATEST else supplied + 1
            self._pools[call.operation, call.user, item, exact].append((request.begin, call.number, request))
        for pool in self._pools.values():
            heapify(pool)

    def take(self, item: int, row: Row, latest: int) -> Request | None:
        for key in ((item, row.version), (item, None), (None, None)):
            pool = self._pools.get((row.action, row.actor, *key))
            if pool and pool[0][0] <= latest:
                return heappop(pool)[2]
        return None
