"""The checker finds what is wrong, says where, and finds nothing else: before it judges, it is judged here."""

import os
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.proof import record
from tests.proof.checker import check
from tests.proof.linearizability import is_linearizable
from tests.proof.record import FOREVER, Call, Seen
from tests.proof.stored import Row, Stored
from tests.proof.synthetic import first_call, history, measure
from tests.proof.violations import Rule, Violation

IS_LONG = os.environ.get("SOAPSVC_PROOF") == "long"
CHANGE = "setWorkItemPriority"
READ = "getWorkItemHeader"
WRONG = "InvalidWorkItemFault"
ITEM = 1


def call(number: int, operation: str, begin: int, end: int, supplied: int | None = None, **rest) -> Call:
    told = {"outcome": "ok"} | rest
    return Call(
        number=number, client=number, user="ana", operation=operation, items=[(ITEM, supplied)], begin=begin, end=end,
        **told,
    )  # fmt: skip


def made(number: int, version: int, begin: int, end: int, supplied: int | None = None, **rest) -> Call:
    return call(number, CHANGE, begin, end, supplied, seen=[Seen(ITEM, version)], **rest)


def looked(number: int, version: int, begin: int, end: int, state: str | None = None) -> Call:
    return call(number, READ, begin, end, seen=[Seen(ITEM, version, state)])


def lost(number: int, begin: int, supplied: int | None = None, operation: str = CHANGE, **rest) -> Call:
    return call(number, operation, begin, FOREVER, supplied, outcome="unknown", **rest)


def conflict(number: int, stored: int, supplied: int, begin: int, end: int) -> Call:
    parameters = [str(ITEM), str(stored), str(supplied), _state(stored), ""]
    return call(
        number, CHANGE, begin, end, supplied, outcome="fail", fault="InvalidVersionFault", parameters=parameters
    )


def refused(number: int, state: str, begin: int, end: int) -> Call:
    parameters = [str(ITEM), state, "openWorkItem"]
    return call(number, "openWorkItem", begin, end, outcome="fail", fault="InvalidWorkItemFault", parameters=parameters)


def failed(number: int, operation: str, fault: str, state: str = "", **rest) -> Call:
    parameters = [str(ITEM), state, operation] if state else []
    return call(number, operation, 0, 9, outcome="fail", fault=fault, parameters=parameters, **rest)


def _state(version: int) -> str:
    return "PENDHIDDEN" if version % 2 else "OFFERED"


def stored_up_to(last: int, **changed: Row) -> Stored:
    _, first = first_call(ITEM)
    rows = [first]
    for version in range(1, last + 1):
        usual = Row(version, CHANGE, "ana", _state(version - 1), _state(version), first.token, version, False)
        rows.append(changed.get(f"row{version}", usual))
    return Stored({ITEM: rows}, {ITEM: (rows[-1].version, rows[-1].state_after, rows[-1].token)})


def judged(calls: list[Call], stored: Stored) -> set[Rule]:
    return {found.rule for found in check([first_call(ITEM)[0], *calls], stored)}


GOOD = [made(1, 1, 0, 10, supplied=0), conflict(2, 1, 0, 5, 15), looked(3, 1, 12, 14), made(4, 2, 13, 20)]


def test_a_history_that_is_as_it_should_be_is_found_so() -> None:
    assert judged(GOOD, stored_up_to(2)) == set()


def row(version: int, before: str, after: str, **rest) -> Row:
    told = {"action": CHANGE, "actor": "ana", "token": "first-1", "at": version, "is_new": False} | rest
    return Row(version=version, state_before=before, state_after=after, **told)


WITH_TOKEN = {"action": "saveOpenWorkItem", "token": "t", "is_new": True}
TOKEN_ROW = row(1, "OFFERED", "PENDHIDDEN", **WITH_TOKEN)
TOKEN_AGAIN = row(2, "PENDHIDDEN", "OFFERED", **WITH_TOKEN)
BY_BEN = row(1, "OFFERED", "PENDHIDDEN", actor="ben")
FROM_PENDED = row(1, "PENDED", "PENDHIDDEN")
AFTER_A_GAP = row(3, "PENDHIDDEN", "OFFERED")
SAVE = "saveOpenWorkItem"
TWICE = [made(1, 1, 0, 9, request="r"), made(2, 2, 10, 19, request="r")]

BROKEN = [
    ("a version is given twice", [*GOOD, made(5, 2, 15, 25)], stored_up_to(2), Rule.ONE_CALL),
    ("two steps at once", [made(1, 2, 0, 9, supplied=0), lost(2, 0)], stored_up_to(2), Rule.NEXT_VERSION),
    ("what was acknowledged is gone", GOOD, stored_up_to(1), Rule.STORED),
    ("what was seen is gone", [looked(1, 1, 0, 9)], stored_up_to(0), Rule.TOLD_IS_STORED),
    ("a row that nobody asked for", GOOD, stored_up_to(3), Rule.ASKED_FOR),
    ("somebody else's row", GOOD[:1], stored_up_to(1, row1=BY_BEN), Rule.STORED),
    ("an unknown change that came too late", [looked(1, 1, 0, 9), lost(2, 10)], stored_up_to(1), Rule.ASKED_FOR),
    ("an unknown change that happened twice", [lost(1, 0)], stored_up_to(2), Rule.ASKED_FOR),
    ("another row than was asked for", [lost(1, 0, token="t")], stored_up_to(1, row1=TOKEN_ROW), Rule.AS_ASKED),
    ("a look at what was over", [*GOOD, looked(5, 1, 21, 25)], stored_up_to(2), Rule.IN_TIME),
    ("a look at what was still to come", [looked(5, 1, -3, -2), *GOOD], stored_up_to(2), Rule.IN_TIME),
    ("a conflict with what was not current", [*GOOD, conflict(5, 1, 0, 21, 25)], stored_up_to(2), Rule.IN_TIME),
    ("a conflict with the right version", [*GOOD, conflict(5, 2, 2, 21, 25)], stored_up_to(2), Rule.JUSTIFIED),
    ("a state that was not its state", [*GOOD, refused(5, "PENDHIDDEN", 21, 25)], stored_up_to(2), Rule.STATE_WAS),
    ("another state", [*GOOD, looked(5, 2, 21, 25, "ALLOCATED")], stored_up_to(2), Rule.TOLD_AS_STORED),
    ("a fault that cannot be", [failed(1, READ, "SecurityFault")], stored_up_to(0), Rule.EXPECTED),
    ("a refusal of what is possible", [failed(1, CHANGE, WRONG, "OFFERED")], stored_up_to(0), Rule.STATE_FORBIDS),
    ("an answer about something else", [call(1, READ, 0, 9, seen=[Seen(2, 0)])], stored_up_to(0), Rule.ABOUT),
    ("a look at another version", [call(1, READ, 0, 9, 1, seen=[Seen(ITEM, 0)])], stored_up_to(0), Rule.LOOK),
    ("a gap", GOOD[:1], stored_up_to(2, row2=AFTER_A_GAP), Rule.GAPLESS),
    ("a change that is not possible", [], stored_up_to(1, row1=TOKEN_ROW), Rule.STATE_ALLOWS),
    ("a step from another state", GOOD[:1], stored_up_to(1, row1=FROM_PENDED), Rule.CONTINUED),
    ("not its last row", GOOD[:1], replace(stored_up_to(1), items={ITEM: (2, "OFFERED", None)}), Rule.LAST_ROW),
    ("an item without a history", GOOD[:1], replace(stored_up_to(1), items={}), Rule.HISTORY),
    ("a broken chain", [], replace(stored_up_to(0), broken=[ITEM]), Rule.CHAIN),
    ("a request that was done twice", TWICE, stored_up_to(2), Rule.SAME_ANSWER),
    (
        "a token that is stored twice",
        [lost(1, 0, operation=SAVE, token="t")],
        stored_up_to(2, row1=TOKEN_ROW, row2=TOKEN_AGAIN),
        Rule.ONCE,
    ),
    (
        "a refused change that was made",
        [failed(1, SAVE, WRONG, "OFFERED", token="t")],
        stored_up_to(1, row1=TOKEN_ROW),
        Rule.ASKED_FOR,
    ),
]


@pytest.mark.parametrize(("calls", "stored", "rule"), [case[1:] for case in BROKEN], ids=[case[0] for case in BROKEN])
def test_what_is_wrong_is_found(calls: list[Call], stored: Stored, rule: Rule) -> None:
    assert rule in judged(calls, stored)


def test_a_batch_that_is_half_done_is_found() -> None:
    both = Call(
        number=1, client=1, user="ana", operation="closeWorkItem", items=[(1, None), (2, None)], begin=0, token="t"
    )
    firsts = [first_call(item) for item in (1, 2)]
    closed = Row(1, "closeWorkItem", "ana", "OFFERED", "OFFERED", "t", 1, True)
    rows = {1: [firsts[0][1], closed], 2: [firsts[1][1]]}
    stored = Stored(rows, {item: (one[-1].version, "OFFERED", one[-1].token) for item, one in rows.items()})
    found = check([firsts[0][0], firsts[1][0], both], stored)
    assert Rule.WHOLE_BATCH in {one.rule for one in found}


def _looked_at_both(begin: int, end: int, *versions: int) -> Call:
    seen = [Seen(item, version) for item, version in zip((1, 2), versions, strict=True)]
    both = [(1, None), (2, None)]
    return Call(
        number=9, client=9, user="ana", operation=READ, items=both, begin=begin, end=end, outcome="ok", seen=seen
    )


def _two_items(batch: Call) -> tuple[list[Call], Stored]:
    """Both items were changed by a batch, and then the second once more, from 30 to 40."""
    firsts = [first_call(item, -item) for item in (1, 2)]
    again = Call(
        number=8, client=8, user="ana", operation=CHANGE, items=[(2, None)], begin=30, end=40, outcome="ok",
        seen=[Seen(2, 2)],
    )  # fmt: skip
    rows = {item: [row_, Row(1, CHANGE, "ana", "OFFERED", "OFFERED", row_.token, 1, False)] for item, (_, row_) in
            zip((1, 2), firsts, strict=True)}  # fmt: skip
    rows[2].append(Row(2, CHANGE, "ana", "OFFERED", "OFFERED", firsts[1][1].token, 2, False))
    stored = Stored(rows, {item: (one[-1].version, "OFFERED", one[-1].token) for item, one in rows.items()})
    return [*(call for call, _ in firsts), batch, again], stored


BATCH = Call(
    number=1, client=1, user="ana", operation=CHANGE, items=[(1, None), (2, None)], begin=0, end=20, outcome="ok",
    seen=[Seen(1, 1), Seen(2, 1)],
)  # fmt: skip


@pytest.mark.parametrize(
    ("look", "is_possible"),
    [
        (_looked_at_both(5, 10, 0, 0), True),
        (_looked_at_both(5, 10, 1, 1), True),
        (_looked_at_both(5, 10, 1, 0), False),
        (_looked_at_both(5, 10, 0, 1), False),
        (_looked_at_both(0, 50, 1, 2), True),
        (_looked_at_both(0, 50, 0, 2), False),
    ],
    ids=["before", "after", "the first only", "the second only", "at the end", "of two times"],
)
def test_a_look_at_two_items_sees_one_state(look: Call, is_possible: bool) -> None:
    calls, stored = _two_items(BATCH)
    found = {one.rule for one in check([*calls, look], stored)}
    assert found == (set() if is_possible else {Rule.ONE_STATE})


def test_a_repeat_explains_what_the_lost_first_try_did() -> None:
    tries = [lost(1, 0, request="r"), made(2, 1, 50, 60, request="r"), looked(3, 1, 20, 30)]
    assert judged(tries, stored_up_to(1)) == set()


def test_an_undisturbed_service_owes_an_answer() -> None:
    assert not check([first_call(ITEM)[0], lost(1, 0)], stored_up_to(0))
    (found,) = check([first_call(ITEM)[0], lost(1, 0)], stored_up_to(0), is_undisturbed=True)
    assert found.rule == Rule.ANSWERED


def test_a_violation_says_which_item_which_calls_and_when() -> None:
    (found,) = check([first_call(ITEM)[0], *GOOD, looked(5, 1, 21, 25)], stored_up_to(2))
    assert isinstance(found, Violation)
    text = str(found)
    assert "Item 1." in text
    assert "call 5 of client 5 (ana): getWorkItemHeader [1], 0.000000 to 0.000000: ok (1/1)" in text
    assert "call 4 of client 4" in text or "call 1 of client 1" in text


@st.composite
def small_histories(draw: st.DrawFn) -> tuple[list[Call], int]:
    """Calls that happened in some order, and up to two lies about them."""
    calls: list[Call] = []
    now = 0
    kinds = st.sampled_from(["made", "made", "supplied", "looked", "conflict", "refused", "lost", "never"])
    for number, kind in enumerate(draw(st.lists(kinds, max_size=8))):
        point = 10 * number + 10
        begin, end = point - draw(st.integers(0, 25)), point + draw(st.integers(0, 25))
        if kind in {"made", "supplied", "lost"}:
            supplied = now if kind == "supplied" else draw(st.sampled_from([None, now])) if kind == "lost" else None
            now += 1
            calls.append(lost(number, begin, supplied) if kind == "lost" else made(number, now, begin, end, supplied))
        elif kind == "never":
            calls.append(lost(number, begin, draw(st.sampled_from([None, now, now + 1]))))
        elif kind == "conflict":
            calls.append(conflict(number, now, now + draw(st.sampled_from([-1, 1, 2])), begin, end))
        elif kind == "refused":
            calls.append(refused(number, _state(now), begin, end))
        else:
            calls.append(looked(number, now, begin, end))
    for _ in range(draw(st.integers(0, 2)) if calls else 0):
        at = draw(st.integers(0, len(calls) - 1))
        calls[at] = draw(_lie(calls[at]))
    return calls, max(0, now + draw(st.sampled_from([0, 0, 0, 0, 1, -1])))


def _lie(told: Call) -> st.SearchStrategy[Call]:
    lies = [
        st.integers(-25, 25).map(lambda by: replace(told, begin=told.begin + by, end=max(told.end, told.begin + by)))
    ]
    if told.outcome == "ok":
        ((item, version, *_),) = told.seen
        lies.append(st.sampled_from([-1, 1]).map(lambda by: replace(told, seen=[Seen(item, max(0, version + by))])))
    return st.one_of(lies)


@pytest.mark.timeout(600)
@settings(max_examples=20_000 if IS_LONG else 400, deadline=None)
@given(small_histories())
def test_the_fast_checker_and_the_one_that_tries_every_order_agree(drawn: tuple[list[Call], int]) -> None:
    calls, last = drawn
    is_possible = is_linearizable(calls, last, _state)
    found = check([first_call(ITEM)[0], *calls], stored_up_to(last))
    if is_possible:
        assert not found
    elif not any(one.fault == "InvalidWorkItemFault" for one in calls):
        assert found  # refusals by state are judged one by one: several together may escape the fast one


def test_a_history_is_read_as_it_was_written(tmp_path: Path) -> None:
    calls, _ = history(500, items=10)
    record.write(tmp_path / "history.jsonl", calls)
    assert [str(one) for one in record.read(tmp_path / "history.jsonl")] == [str(one) for one in calls]


def test_a_last_line_that_was_cut_off_leaves_its_call_unknown(tmp_path: Path) -> None:
    file = tmp_path / "history.jsonl"
    record.write(file, [made(1, 1, 0, 10)])
    file.write_bytes(file.read_bytes()[:-5])
    (read,) = record.read(file)
    assert read.outcome == "unknown"


@pytest.mark.timeout(600)
def test_a_long_history_is_checked_in_nearly_linear_time() -> None:
    """A million calls may take two minutes of processor time."""
    calls, most = (1_000_000, 120) if IS_LONG else (20_000, 5)
    seconds, violations = measure(calls)
    print(f"{calls:,} calls checked in {seconds:.1f} s of processor time")
    assert violations == 0
    assert seconds < most
