"""Decides from the recorded calls and the stored rows whether the service kept its promise, in nearly linear time.

Every stored version of an item must be one acknowledged change, or one whose outcome nobody knows, and the other way
round. Then every call that names a version stands at a place in its item's order: a change that made version v at 2v, a
look at version v at 2v + 1. The calls are linearizable if and only if that order never puts a call before another that
had ended before it began: in that order, no call ends before the latest beginning of those before it.
"""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import replace
from itertools import pairwise
from operator import itemgetter

from tests.proof import operations
from tests.proof.explaining import LATEST, Change, explain, explain_rest
from tests.proof.operations import ALLOWED_IN, NEXT, STARTED
from tests.proof.order import Place, Windows, check_one_state, check_order, made_together
from tests.proof.record import FOREVER, Call
from tests.proof.sessions import Sessions, is_about_session, is_known_refusal
from tests.proof.stored import Row, Stored
from tests.proof.violations import Rule, Violation


def check(calls: Sequence[Call], stored: Stored, *, is_undisturbed: bool = False) -> list[Violation]:
    """Give everything that is wrong. `is_undisturbed`: nothing was done to the service, so nothing may be unknown."""
    found = list(_check_stored(stored))
    stored = replace(stored, rows={item: _without_gaps(rows) for item, rows in stored.rows.items()})
    explained = explain(calls, stored)
    sessions = Sessions(calls, stored)
    sessions.explain(explained)
    places: dict[int, list[Place]] = defaultdict(list)
    found += _place_looks(places, calls, stored)
    _place_changes(places, explained.changes.values())
    windows = {item: Windows(order, len(stored.rows.get(item, ()))) for item, order in places.items()}

    def deadline(item: int, version: int) -> int:
        return windows[item].goes[version - 1] if version and item in windows else FOREVER

    _place_changes(places, explain_rest(stored, explained, deadline))
    found += explained.violations
    for item, order in places.items():
        order.sort(key=itemgetter(0, 1))  # those of one rank stand in no order, and so in that of their beginnings
        found += check_order(item, order)
        windows[item] = Windows(order, len(stored.rows.get(item, ())))
    together = made_together(explained.changes.values())
    for call in calls:
        found += _check_answer(call)
        found += _check_fault(call, stored, windows, sessions)
        found += check_one_state(call, windows, explained.changes, together)
        if is_undisturbed and call.outcome == "unknown":
            found.append(Violation(Rule.ANSWERED, None, [call]))
    found += sessions.check(windows)
    return found


def _without_gaps(rows: Sequence[Row]) -> Sequence[Row]:
    """Give the rows up to the first gap: what lies behind it cannot be counted."""
    if rows[-1].version == len(rows) - 1:
        return rows
    return [row for version, row in enumerate(rows) if row.version == version]


def _check_stored(stored: Stored) -> Iterable[Violation]:
    for item in stored.broken:
        yield Violation(Rule.CHAIN, item)
    if set(stored.rows) != set(stored.items):
        yield Violation(Rule.HISTORY, min(set(stored.rows) ^ set(stored.items)))
    for item, rows in stored.rows.items():
        if [row.version for row in rows] != list(range(len(rows))):
            versions = [row.version for row in rows]
            yield Violation(Rule.GAPLESS, item, detail=f"there are {versions[:50]}")
        last = rows[-1]
        if stored.items.get(item) != (last.version, last.state_after, last.token):
            detail = f"the item is {stored.items.get(item)}, its last row {last}"
            yield Violation(Rule.LAST_ROW, item, detail=detail)
        for before, after in pairwise(rows):
            if after.state_before != before.state_after:
                detail = f"version {after.version} comes from {after.state_before}, not {before.state_after}"
                yield Violation(Rule.CONTINUED, item, detail=detail)
            if after.state_before not in ALLOWED_IN.get(after.action, ()):
                yield Violation(Rule.STATE_ALLOWS, item, detail=f"it was made: {after}")


def _place_changes(places: dict[int, list[Place]], changes: Iterable[Change]) -> None:
    for change in changes:
        request = change.request
        places[change.item].append(Place(2 * change.version, request.begin, request.end, request.first))


def _place_looks(places: dict[int, list[Place]], calls: Iterable[Call], stored: Stored) -> Iterable[Violation]:
    for call in calls:
        is_change = call.outcome == "ok" and operations.changes(call.operation)
        for item, version, state, token in _versions_told(call):
            rows = stored.rows.get(item, ())
            if not 0 <= version < len(rows):
                detail = f"version {version} of {len(rows)} was told"
                yield Violation(Rule.TOLD_IS_STORED, item, [call], detail)
                continue
            row = rows[version]
            if (state or row.state_after) != row.state_after or (token or row.token) != row.token:
                detail = f"{state}, {token} was told, and {row} is stored"
                yield Violation(Rule.TOLD_AS_STORED, item, [call], detail)
            if not is_change:
                places[item].append(Place(2 * version + 1, call.begin, call.end, call))


def _versions_told(call: Call) -> Iterable[tuple[int, int, str | None, str | None]]:
    """Give the versions of items that an answer names, or vouches for."""
    if call.outcome == "ok":
        for one in call.seen:
            if one.version is not None:
                yield one.item, one.version, one.state, one.token
    elif call.fault == "InvalidVersionFault" and len(call.parameters) >= 4:
        item, version, _, state, *_ = call.parameters
        yield int(item), int(version), state, None
    elif call.fault == "InvalidWorkItemFault" and len(call.parameters) == 3:
        item, state, _ = call.parameters
        supplied = dict(call.items).get(int(item))
        if supplied not in LATEST and not is_about_session(call):
            yield int(item), supplied, "OPENED" if state in STARTED.values() else state, None


def _check_answer(call: Call) -> Iterable[Violation]:
    """Look whether an answer is about the items that were asked for, and a look at the versions."""
    if call.outcome != "ok" or not call.items or call.operation == "completeWorkItem":
        return
    if [one.item for one in call.seen] != [item for item, _ in call.items]:
        yield Violation(Rule.ABOUT, None, [call])
    elif call.operation in operations.READS:
        for (item, supplied), one in zip(call.items, call.seen, strict=True):
            if supplied not in {*LATEST, one.version}:
                yield Violation(Rule.LOOK, item, [call])


def _check_fault(call: Call, stored: Stored, windows: dict[int, Windows], sessions: Sessions) -> Iterable[Violation]:
    """Look whether a fault is one that this call may meet, and justified by what was current meanwhile."""
    if call.outcome != "fail":
        return
    if call.fault == "InvalidVersionFault":
        yield from _check_conflict(call)
    elif call.fault == "InvalidWorkItemFault" and len(call.parameters) == 3:
        if not is_about_session(call):
            yield from _check_wrong_state(call, stored, windows, sessions)
    elif not (call.fault == "NoMoreWorkItemsFault" and call.operation == NEXT) and not is_known_refusal(call):
        yield Violation(Rule.EXPECTED, None, [call])


def _check_conflict(call: Call) -> Iterable[Violation]:
    item, version, supplied, *_ = call.parameters
    sent = dict(call.items).get(int(item))
    if sent in LATEST or str(sent) != supplied or version == supplied:
        yield Violation(Rule.JUSTIFIED, int(item), [call])


def _check_wrong_state(
    call: Call, stored: Stored, windows: dict[int, Windows], sessions: Sessions
) -> Iterable[Violation]:
    item, state, operation = int(call.parameters[0]), call.parameters[1], call.parameters[2]
    if operation not in operations.actions(call.operation) or state in ALLOWED_IN.get(operation, set()):
        yield Violation(Rule.STATE_FORBIDS, item, [call])
    elif state in STARTED.values():
        during = windows[item].during(call.begin, call.end) if item in windows else range(1)
        if not sessions.was_at_work(item, state, during, call.end):
            yield Violation(Rule.STATE_WAS, item, [call], "no operation was at work meanwhile")
    elif item in windows:
        rows = stored.rows.get(item, ())
        during = windows[item].during(call.begin, call.end)
        if not any(rows[version].state_after == state for version in during if version < len(rows)):
            detail = f"no version that was current meanwhile is {state}"
            yield Violation(Rule.STATE_WAS, item, [call], detail)
