"""Work on an item from its opening to its end, as raw XML: save, pend, set the priority, skip, complete."""

from collections.abc import Callable
from typing import Any

import pytest
from lxml import etree

from soapsvc.domain.states import State
from soapsvc.domain.work_item import WorkItem
from soapsvc.domain.work_type import WorkType
from tests.conftest import FIELDS
from tests.soap.conftest import Ask, Refused
from tests.support.requests import identity as _identity
from tests.support.requests import notes as _notes
from tests.support.requests import values as _values

Stored = Callable[[int], WorkItem]
NewItem = Callable[..., WorkItem]
NewType = Callable[..., WorkType]
NO_DATA = "<workItemPayload><dataModel/></workItemPayload>"


# saveOpenWorkItem


def test_saving_keeps_the_data_and_the_item_open_in_the_same_session(
    ask: Ask, opened: WorkItem, stored: Stored
) -> None:
    for version, text in ((1, "first"), (2, "second")):
        (identity,) = ask("saveOpenWorkItem", _identity(opened, version) + _notes(text))
        assert (identity.tag, identity.attrib) == (
            "workItemID",
            {"id": str(opened.id), "version": str(version + 1)},
        )
    item = stored(opened.id)
    assert (item.state, item.session, _values(item, "Notes")) == (State.OPENED, opened.session, ("second",))


@pytest.mark.parametrize(
    ("user", "text", "name"),
    [("ben", "x", "SecurityFault"), ("ana", "x" * 21, "WorkItemFault")],
)
def test_what_cannot_be_saved_changes_nothing(
    refused: Refused, opened: WorkItem, unchanged: Any, user: str, text: str, name: str
) -> None:
    with unchanged(opened):
        assert refused("saveOpenWorkItem", _identity(opened) + _notes(text), user=user).name == name


# pendWorkItem


def _period(content: str) -> str:
    return f"<hiddenPeriod>{content}</hiddenPeriod>"


HIDES = {
    "a duration": '<hiddenDuration days="1" hours="-1"/>',
    "a long duration": '<hiddenDuration years="1" months="1" weeks="1" days="1" hours="1" minutes="1"/>',
    "a moment": "<visibleDate>2999-01-01T00:00:00Z</visibleDate>",
}
SHOWS = {
    "a period of nothing": "",
    "a zero duration": "<hiddenDuration/>",
    "a negative duration": '<hiddenDuration days="-1"/>',
    "a moment that is past": "<visibleDate>2001-01-01T00:00:00Z</visibleDate>",
}


@pytest.mark.parametrize("period", HIDES.values(), ids=HIDES)
def test_a_period_to_come_hides_an_item(ask: Ask, pended: WorkItem, stored: Stored, period: str) -> None:
    (identity,) = ask("pendWorkItem", _identity(pended, 2) + _period(period))
    item = stored(pended.id)
    assert (identity.get("version"), item.state, item.version) == ("3", State.PENDHIDDEN, 3)
    (header,) = ask("getWorkItemHeader", _identity(pended))
    assert header.get("state") == "PENDHIDDEN"


@pytest.mark.parametrize("period", SHOWS.values(), ids=SHOWS)
@pytest.mark.parametrize("before", ["ALLOCATED", "PENDED"])
def test_a_period_that_is_none_brings_an_item_back_to_where_it_was(
    ask: Ask, new_item: NewItem, stored: Stored, before: str, period: str
) -> None:
    item = new_item()
    ask("allocateWorkItem", _identity(item))
    if before == "PENDED":
        ask("openWorkItem", _identity(item))
        ask("closeWorkItem", _identity(item))
    version = stored(item.id).version
    ask("pendWorkItem", _identity(item, version) + _period(HIDES["a duration"]))
    ask("pendWorkItem", _identity(item, version + 1) + _period(period))
    assert (stored(item.id).state, stored(item.id).version) == (before, version + 2)
    # what is not hidden stays as it is
    ask("pendWorkItem", _identity(item, version + 2) + _period(period))
    assert (stored(item.id).state, stored(item.id).version) == (before, version + 3)


def test_the_items_of_a_batch_have_periods_of_their_own(ask: Ask, new_item: NewItem, stored: Stored) -> None:
    items = [new_item() for _ in range(3)]
    ask("allocateWorkItem", "".join(_identity(item) for item in items))
    periods = [HIDES["a duration"], SHOWS["a zero duration"], HIDES["a moment"]]
    content = "".join(_identity(item, 1) + _period(period) for item, period in zip(items, periods, strict=True))
    answer = ask("pendWorkItem", content)
    assert [part.get("id") for part in answer] == [str(item.id) for item in items]
    assert [stored(item.id).state for item in items] == ["PENDHIDDEN", "ALLOCATED", "PENDHIDDEN"]


# setWorkItemPriority


def _priority(item: WorkItem, kind: str, number: int) -> str:
    priority = f"<workItemPriority><{kind}>{number}</{kind}></workItemPriority>"
    return f"<workItemIDandPriority>{_identity(item)}{priority}</workItemIDandPriority>"


@pytest.mark.parametrize(
    ("kind", "number", "reached"),
    [("absPriority", 1, 1), ("absPriority", 100, 100), ("offsetPriority", 50, 100), ("offsetPriority", -49, 1),
     ("offsetPriority", 0, 50)],
)  # fmt: skip
def test_a_priority_is_set_or_moved(
    ask: Ask, pended: WorkItem, stored: Stored, kind: str, number: int, reached: int
) -> None:
    (identity,) = ask("setWorkItemPriority", _priority(pended, kind, number))
    item = stored(pended.id)
    assert (identity.get("version"), item.priority, item.state) == ("3", reached, State.PENDED)


@pytest.mark.parametrize(
    ("kind", "number"),
    [("absPriority", 0), ("absPriority", 101), ("absPriority", -(2**31)), ("offsetPriority", 51),
     ("offsetPriority", -50), ("offsetPriority", 2**31 - 1)],
)  # fmt: skip
def test_a_priority_stays_from_1_to_100(
    refused: Refused, pended: WorkItem, unchanged: Any, kind: str, number: int
) -> None:
    with unchanged(pended):
        fault = refused("setWorkItemPriority", _priority(pended, kind, number))
    assert (fault.name, fault.error_code) == ("WorkItemFault", "BRM_WORKITEM_INVALID")


def test_priorities_of_a_batch_are_set_and_moved_together(ask: Ask, new_item: NewItem, stored: Stored) -> None:
    first, second = new_item(priority=10), new_item(priority=20)
    content = _priority(first, "offsetPriority", 5) + _priority(second, "absPriority", 99)
    ask("setWorkItemPriority", content, user="supervisor")
    assert [stored(item.id).priority for item in (first, second)] == [15, 99]


def test_only_a_grant_reaches_the_priority_of_what_one_does_not_hold(refused: Refused, offered: WorkItem) -> None:
    assert refused("setWorkItemPriority", _priority(offered, "absPriority", 1)).name == "SecurityFault"


# skipWorkItem


def test_allocated_items_are_skipped_where_nothing_required_is_missing(
    ask: Ask, new_item: NewItem, stored: Stored
) -> None:
    fields = tuple(field for field in FIELDS if field.name != "Amount")
    items = [new_item(fields) for _ in range(2)]
    ask("allocateWorkItem", "".join(_identity(item) for item in items))
    (success,) = ask("skipWorkItem", "".join(_identity(item, 1) for item in items), user="supervisor")
    assert (success.tag, success.text) == ("success", "true")
    assert [stored(item.id).state for item in items] == [State.COMPLETED] * 2


def test_a_required_field_without_a_value_stops_a_skip(
    ask: Ask, refused: Refused, offered: WorkItem, stored: Stored
) -> None:
    ask("allocateWorkItem", _identity(offered))
    fault = refused("skipWorkItem", _identity(offered), user="supervisor")
    assert (fault.name, fault.error_code, fault.parameters[0]) == (
        "WorkItemFault", "BRM_WORKITEM_FIELD_INVALID", "Amount",
    )  # fmt: skip
    assert stored(offered.id).state is State.ALLOCATED


def test_skipping_needs_a_grant_even_for_ones_own(ask: Ask, refused: Refused, offered: WorkItem) -> None:
    ask("allocateWorkItem", _identity(offered))
    assert refused("skipWorkItem", _identity(offered)).name == "SecurityFault"


# completeWorkItem: its three answers


def _complete(ask: Ask, item: WorkItem, *, piled: bool, payload: str = NO_DATA) -> etree._Element:
    wanted = "<getNextPiledItem>true</getNextPiledItem>" if piled else ""
    return ask("completeWorkItem", _identity(item) + payload + wanted)


@pytest.mark.parametrize("wanted", ["", "<getNextPiledItem>0</getNextPiledItem>",
                                    "<getNextPiledItem>true</getNextPiledItem>"])  # fmt: skip
def test_completing_keeps_the_last_data_and_has_an_empty_answer_where_nothing_follows(
    ask: Ask, opened: WorkItem, stored: Stored, wanted: str
) -> None:
    answer = ask("completeWorkItem", _identity(opened, 1) + _notes("done") + wanted)
    assert (len(answer), answer.text, answer.attrib) == (0, None, {})
    item = stored(opened.id)
    assert (item.state, item.version, item.session) == (State.COMPLETED, 2, None)
    assert (_values(item, "Notes"), item.owner.name) == (("done",), "ana")  # type: ignore[union-attr]


@pytest.mark.parametrize("piled", [False, True])
def test_a_completed_item_of_a_group_is_answered_with_the_group(
    ask: Ask, new_item: NewItem, new_type: NewType, piled: bool
) -> None:
    kind = new_type(piled=True)
    item = new_item(group_id=2**40 + 1, work_type_id=kind.id)
    new_item(work_type_id=kind.id)
    ask("allocateAndOpenWorkItem", f"{_identity(item)}<resource>ana</resource>")
    (group,) = _complete(ask, item, piled=piled)
    assert (group.tag, group.text) == ("groupID", str(2**40 + 1))


def test_the_next_of_a_pile_is_named_with_its_version_and_left_where_it_is(
    ask: Ask, new_item: NewItem, new_type: NewType, stored: Stored
) -> None:
    kind = new_type(piled=True)
    first, urgent, last = (new_item(work_type_id=kind.id, priority=priority) for priority in (50, 1, 50))
    new_item(work_type_id=new_type(piled=True).id, priority=1)
    ask("setWorkItemPriority", _priority(urgent, "absPriority", 2), user="supervisor")
    ask("allocateAndOpenWorkItem", f"{_identity(first)}<resource>ana</resource>")
    (following,) = _complete(ask, first, piled=True)
    assert (following.tag, dict(following.attrib)) == ("nextWorkItem", {"id": str(urgent.id), "version": "1"})
    assert (stored(urgent.id).state, stored(last.id).state) == (State.OFFERED, State.OFFERED)


def test_nothing_of_a_pile_is_named_to_who_does_not_ask(ask: Ask, new_item: NewItem, new_type: NewType) -> None:
    kind = new_type(piled=True)
    first, _ = (new_item(work_type_id=kind.id) for _ in range(2))
    ask("allocateAndOpenWorkItem", f"{_identity(first)}<resource>ana</resource>")
    assert len(_complete(ask, first, piled=False)) == 0


@pytest.mark.parametrize("limit", [1, 2, 3])
def test_a_pile_ends_at_its_limit_and_the_count_starts_anew(
    ask: Ask, new_item: NewItem, new_type: NewType, limit: int
) -> None:
    kind = new_type(piled=True, piling_limit=limit)
    items = [new_item(work_type_id=kind.id) for _ in range(2 * limit + 1)]
    named = []
    for item in items[:-1]:
        ask("allocateAndOpenWorkItem", f"{_identity(item)}<resource>ana</resource>")
        named.append(len(_complete(ask, item, piled=True)))
    assert named == ([1] * (limit - 1) + [0]) * 2


def test_required_fields_are_not_looked_at_when_completing(ask: Ask, opened: WorkItem, stored: Stored) -> None:
    ask("completeWorkItem", _identity(opened) + NO_DATA)
    assert (stored(opened.id).state, _values(stored(opened.id), "Amount")) == (State.COMPLETED, ())


# closeWorkItem, where the work type offers anew


@pytest.mark.parametrize(("reoffer", "state", "owner"), [(True, "OFFERED", None), (False, "PENDED", "ana")])
def test_an_item_out_of_an_offer_goes_back_to_it_when_it_is_closed_if_its_work_type_says_so(
    ask: Ask, new_item: NewItem, new_type: NewType, stored: Stored, reoffer: bool, state: str, owner: str | None
) -> None:
    item = new_item(work_type_id=new_type(reoffer_on_close=reoffer).id)
    ask("allocateAndOpenWorkItem", f"{_identity(item)}<resource>ana</resource>")
    (identity,) = ask("closeWorkItem", _identity(item, 1) + _notes("kept"))
    closed = stored(item.id)
    assert (identity.get("version"), closed.state, closed.owner.name if closed.owner else None) == ("2", state, owner)
    assert _values(closed, "Notes") == ("kept",)
