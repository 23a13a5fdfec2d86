"""The rules of versions that are begun and ended over REST find what is wrong, and nothing else."""

import os
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.proof.checker import check
from tests.proof.linearizability import is_linearizable
from tests.proof.operations import session_token
from tests.proof.record import FOREVER, Call, Seen
from tests.proof.stored import Operation, Row, Session, Stored
from tests.proof.synthetic import first_call
from tests.proof.violations import Rule

IS_LONG = os.environ.get("SOAPSVC_PROOF") == "long"
ITEM = 1
SAVE = "saveOpenWorkItem"


def call(number: int, operation: str, begin: int, end: int, supplied: int | None = None, **rest) -> Call:
    return Call(
        number=number, client=number, user="ana", operation=operation, items=[(ITEM, supplied)], begin=begin, end=end,
        **({"outcome": "ok"} | rest),
    )  # fmt: skip


def made(number: int, version: int, begin: int, end: int) -> Call:
    return call(number, SAVE, begin, end, seen=[Seen(ITEM, version)])


def told(number: int, status: str, version: int, begin: int, end: int, supplied: int | None = None, **rest) -> Call:
    asked = {"operation": "SaveAndClose", "session": "s", "seen": [Seen(ITEM, version)], "status": status} | rest
    return call(number, begin=begin, end=end, supplied=supplied, **asked)


def refused(number: int, operation: str, fault: str, *parameters: str, begin: int = 0, end: int = 9, **rest) -> Call:
    return call(number, operation, begin, end, outcome="fail", fault=fault, parameters=parameters, **rest)


DONE = Operation("SaveAndClose", "s", ITEM, "ana", 1, True, 2)
SAVED = Session(ITEM, "Saved", 0, 2)


def stored(*operations: Operation, last: int = 2, session: Session | None = SAVED, **changed) -> Stored:
    """An item that is open all the time, and what ended versions of it."""
    _, first = first_call(ITEM, state="OPENED")
    rows, token = [first], first.token
    ended = {one.accepted + 1: one for one in operations if one.error is None and one.is_finished}
    for version in range(1, last + 1):
        if version in ended:
            token = session_token(ended[version].session)
        action = "closeWorkItem" if version in ended else SAVE
        rows.append(Row(version, action, "ana", "OPENED", "OPENED", token, version, version in ended))
    sessions = {one.session: session._replace(ended=one.accepted + 1) for one in operations} if session else {}
    items = {ITEM: (last, "OPENED", token)}
    return replace(Stored({ITEM: rows}, items, sessions=sessions, operations=operations), **changed)


def judged(calls: list[Call], stored: Stored) -> set[Rule]:
    return {found.rule for found in check([first_call(ITEM)[0], *calls], stored)}


FIRST = made(1, 1, 0, 10)
GOOD = [
    FIRST,
    told(2, "Saving", 1, 12, 20, supplied=1),
    told(3, "In Progress", 1, 11, 13, operation="getStatus"),
    refused(4, SAVE, "InvalidWorkItemFault", "1", "Saving", SAVE, begin=14, end=18),
    refused(5, "Complete", "operation-conflict", "s", "Saving", begin=14, end=18, session="s"),
    told(6, "Saved", 2, 15, 30),
    told(7, "Saved", 2, 31, 32, operation="getStatus"),
    refused(8, "Complete", "InvalidWorkItemFault", "1", "Saved", "Complete", begin=31, end=33, session="s"),
]
LOST = [FIRST, told(2, "", 1, 12, FOREVER, outcome="unknown", seen=[])]


@pytest.mark.parametrize("calls", [GOOD, LOST], ids=["answered", "without an answer"])
def test_what_ends_as_it_should_is_found_so(calls: list[Call]) -> None:
    assert judged(calls, stored(DONE)) == set()


GIVEN_UP = DONE._replace(version=1, error="BRM_VERSION_OPERATION_GIVEN_UP")
OPEN = Session(ITEM, "SaveFailed", 0)


def test_an_operation_that_was_given_up_changes_nothing() -> None:
    failed = stored(GIVEN_UP, last=1, sessions={"s": OPEN})
    assert judged([*LOST, told(3, "SaveFailed", 1, 13, 20, operation="getStatus")], failed) == set()
    assert Rule.STATUS in judged([*LOST, told(3, "Saved", 1, 13, 20, operation="getStatus")], failed)


OF_ANOTHER = Row(2, SAVE, "ana", "OPENED", "OPENED", "first-1", 2, False)
BETWEEN = stored(DONE._replace(version=3), last=3)
BETWEEN.rows[ITEM][2:3] = [OF_ANOTHER]
BEGUN = told(2, "In Progress", 1, 12, 20, operation="beginVersion")
TOO_LATE = told(9, "In Progress", 1, 21, 22, operation="getStatus")
TOO_EARLY = refused(9, SAVE, "InvalidWorkItemFault", "1", "Saving", SAVE, begin=0, end=5)
BY_STATE = refused(9, "Complete", "InvalidWorkItemFault", "1", "Saved", "Complete", begin=1, end=5, session="s")
ELSEWHERE = refused(9, "beginVersion", "version-in-progress", "1", "s", begin=31, end=33, session="t")
UNKNOWN = refused(9, "getStatus", "version-unknown", "s", begin=31, end=33, session="s")
TWICE = [DONE, DONE._replace(accepted=2, version=3)]

BROKEN = [
    ("another change between acceptance and end", LOST, BETWEEN, Rule.KEPT),
    ("an end that leaves out a version", LOST, stored(DONE._replace(version=3), last=3), Rule.ONE_STEP),
    ("two ends of one version", GOOD, stored(*TWICE, last=3), Rule.ONE_OPERATION),
    ("what never ends", LOST, stored(DONE._replace(is_finished=False), last=1, sessions={"s": OPEN}), Rule.ENDED),
    ("what is still at work", GOOD, stored(DONE, left=["item 1 is Saving"]), Rule.ENDED),
    ("an end of the item and not of the version", GOOD, stored(DONE, sessions={"s": OPEN}), Rule.ENDED),
    ("an end that is called a failure", GOOD, stored(DONE._replace(error="BRM_X")), Rule.FAILED),
    ("an end that nobody asked for", [FIRST], stored(DONE), Rule.ASKED_FOR),
    ("accepted at another version", [FIRST, told(2, "Saving", 1, 12, 20, supplied=0)], stored(DONE), Rule.ACCEPTED),
    ("accepted at a version that never was", LOST, stored(DONE._replace(accepted=7, version=8)), Rule.ACCEPTED),
    ("told that it is saved before it was", [FIRST, told(2, "Saved", 1, 12, 20)], stored(DONE), Rule.STATUS),
    ("told that it is at work at a later version", [*GOOD, told(9, "Saving", 2, 12, 40)], stored(DONE), Rule.STATUS),
    ("told that it is in progress after its acceptance", [*GOOD, TOO_LATE], stored(DONE), Rule.STATUS),
    (
        "told of an end that came later",
        [*LOST, told(3, "Saved", 2, 5, 11, operation="getStatus")],
        stored(DONE),
        Rule.IN_TIME,
    ),
    ("refused for what was not at work yet", [*GOOD, TOO_EARLY], stored(DONE), Rule.STATE_WAS),
    ("refused by the end of a version that had not ended", [*GOOD, BY_STATE], stored(DONE), Rule.REFUSED),
    ("refused for a version that had ended", [*GOOD, ELSEWHERE], stored(DONE), Rule.REFUSED),
    ("a version that is not known although it was told of", [*GOOD, UNKNOWN], stored(DONE), Rule.REFUSED),
    ("a beginning that is not stored", [FIRST, BEGUN], stored(DONE), Rule.BEGUN),
]


@pytest.mark.parametrize(("calls", "stored", "rule"), [case[1:] for case in BROKEN], ids=[case[0] for case in BROKEN])
def test_what_is_wrong_is_found(calls: list[Call], stored: Stored, rule: Rule) -> None:
    assert rule in judged(calls, stored)


@st.composite
def histories_with_ends(draw: st.DrawFn) -> tuple[list[Call], list[Operation], int]:
    """Calls that happened in some order, some of them ends in the background, and up to two lies about them."""
    calls: list[Call] = []
    accepted: list[Operation] = []
    now, running = 0, None
    kinds = [*draw(st.lists(st.sampled_from(["made", "looked", "conflict", "end", "refused"]), max_size=7)), "made"]
    for number, kind in enumerate(kinds):
        point = 10 * number + 10
        begin, end = point - draw(st.integers(0, 25)), point + draw(st.integers(0, 25))
        if running is not None and kind in {"made", "end"}:  # what is at work ends first
            now += 1
            calls.append(_asked(number, now, accepted[-1].session, *running, end))
            running = None
        elif kind == "end":
            accepted.append(Operation("SaveAndClose", f"s{number}", ITEM, "ana", now, True, now + 1))
            running = (point, begin, draw(st.sampled_from(["Saved", "Saving", "unknown"])))
        elif kind == "made":
            now += 1
            calls.append(made(number, now, begin, end))
        elif kind == "conflict":
            wrong = str(now + 1)
            parameters = (str(ITEM), str(now), wrong, "OPENED", "")
            fault = "InvalidVersionFault"
            calls.append(refused(number, SAVE, fault, *parameters, begin=begin, end=end, supplied=now + 1))
        elif kind == "refused" and running is not None:
            parameters = ("1", "Saving", SAVE)
            calls.append(refused(number, SAVE, "InvalidWorkItemFault", *parameters, begin=begin, end=end))
        else:
            calls.append(call(number, "getWorkItem", begin, end, seen=[Seen(ITEM, now)]))
    for _ in range(draw(st.integers(0, 2)) if calls else 0):
        at = draw(st.integers(0, len(calls) - 1))
        calls[at] = _lie(calls[at], draw(st.integers(-25, 25)), is_of_later=draw(st.booleans()))
    return calls, accepted, now


def _asked(number: int, version: int, session: str, accepted_at: int, begin: int, answer: str, end: int) -> Call:
    """Give what asked for an end that made a version, with one of the answers that it can have had."""
    if answer == "Saved":
        return told(number, "Saved", version, begin, end, session=session)
    if answer == "Saving":
        return told(number, "Saving", version - 1, begin, accepted_at + 10, session=session)
    return told(number, "", 0, begin, FOREVER, outcome="unknown", seen=[], session=session)


def _lie(one: Call, by: int, *, is_of_later: bool) -> Call:
    begin = one.begin + by
    seen = [Seen(ITEM, (one.seen[0].version or 0) + 1)] if one.seen and is_of_later else one.seen
    return replace(one, begin=begin, end=max(one.end, begin), seen=seen)


@pytest.mark.timeout(600)
@settings(max_examples=20_000 if IS_LONG else 300, deadline=None)
@given(histories_with_ends())
def test_the_fast_checker_and_the_one_that_tries_every_order_agree_about_ends(
    drawn: tuple[list[Call], list[Operation], int],
) -> None:
    calls, accepted, last = drawn
    is_possible = is_linearizable(calls, last, lambda _: "OPENED", accepted)
    found = check([first_call(ITEM)[0], *calls], stored(*accepted, last=last))
    if is_possible:
        assert not found
    elif not any(one.fault == "InvalidWorkItemFault" for one in calls):
        assert found  # refusals by state are judged one by one: several together may escape the fast one
