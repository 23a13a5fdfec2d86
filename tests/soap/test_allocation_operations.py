"""Who gets an item, as raw XML: allocate, unallocate, reallocate, the next item, the offer set."""

from collections.abc import Callable
from typing import Any

import pytest

from soapsvc.domain.schedule import Schedule
from soapsvc.domain.states import State
from soapsvc.domain.values import parse_moment
from soapsvc.domain.work_item import WorkItem
from soapsvc.domain.work_type import WorkType
from tests.soap.conftest import Ask, Refused
from tests.support.requests import identity as _identity
from tests.support.requests import notes as _notes
from tests.support.requests import values as _values

Stored = Callable[[int], WorkItem]
NewItem = Callable[..., WorkItem]
NewType = Callable[..., WorkType]


def _owner(item: WorkItem) -> str | None:
    return item.owner.name if item.owner else None


# allocateWorkItem


@pytest.mark.parametrize("resource", ["", "<resource>ana</resource>", "<resource> guid-of-ANA </resource>"])
def test_an_item_is_taken_without_being_opened_for_the_caller_if_nobody_is_named(
    ask: Ask, new_item: NewItem, stored: Stored, resource: str
) -> None:
    offered = new_item(attributes={"attribute1": 5})
    (answer,) = ask("allocateWorkItem", _identity(offered, 0) + resource)
    item = stored(offered.id)
    assert (item.state, item.version, _owner(item), item.session) == (State.ALLOCATED, 1, "ana", None)
    assert [part.tag for part in answer] == ["id", "header", "attributes", "state", "visible"]
    assert dict(answer.find("id").attrib) == {"id": str(item.id), "version": "1"}
    assert (answer.findtext("state"), answer.findtext("visible")) == ("ALLOCATED", "true")
    assert answer.find("header").get("distributionStrategy") == "OFFER"


def test_the_groups_of_a_batch_go_each_to_its_own_resource(ask: Ask, new_item: NewItem, stored: Stored) -> None:
    items = [new_item() for _ in range(4)]
    resources = ["<resource>ben</resource>", "<resource>ana</resource>", "<resource>GUID-of-ben</resource>"]
    content = "".join(_identity(item, 0) + to for item, to in zip(items, resources, strict=False))
    answer = ask("allocateWorkItem", content, user="supervisor")
    assert [int(one.find("id").get("id")) for one in answer] == [item.id for item in items[:3]]
    assert [_owner(stored(item.id)) for item in items] == ["ben", "ana", "ben", None]


def test_a_group_without_a_resource_may_stand_before_one_with_one(ask: Ask, new_item: NewItem, stored: Stored) -> None:
    first, second, third = (new_item() for _ in range(3))
    ask("allocateWorkItem", f"{_identity(first)}{_identity(second)}<resource>ana</resource>{_identity(third)}")
    assert [_owner(stored(item.id)) for item in (first, second, third)] == ["ana"] * 3


@pytest.mark.parametrize(
    ("user", "resource", "name", "code"),
    [
        ("ana", "ben", "SecurityFault", "BRM_SECURITY_NOT_ALLOWED"),
        ("supervisor", "carl", "InvalidEntityFault", "BRM_ENTITY_NOT_ELIGIBLE"),
        ("supervisor", "nobody", "InvalidEntityFault", "BRM_ENTITY_UNKNOWN"),
        ("supervisor", None, "InvalidEntityFault", "BRM_ENTITY_NOT_ELIGIBLE"),
    ],
)
def test_an_item_does_not_go_to_whom_it_may_not(
    refused: Refused, offered: WorkItem, unchanged: Any, user: str, resource: str | None, name: str, code: str
) -> None:
    content = _identity(offered) + (f"<resource>{resource}</resource>" if resource else "")
    with unchanged(offered):
        fault = refused("allocateWorkItem", content, user=user)
    assert (fault.name, fault.error_code) == (name, code)


# allocateAndOpenNextWorkItem


def test_the_next_item_is_that_of_the_earliest_end_then_the_least_priority_number_then_the_least_id(
    ask: Ask, new_person: Any, item_for: Any
) -> None:
    worker = new_person().name

    def due(day: int) -> Schedule:
        return Schedule(end=parse_moment(f"2999-01-{day:02}T00:00:00Z"))

    last = item_for(worker, priority=1)
    second = item_for(worker, priority=50, schedule=due(2))
    third = item_for(worker, priority=50, schedule=due(2))
    fourth = item_for(worker, priority=51, schedule=due(2))
    first = item_for(worker, priority=100, schedule=due(1))
    item_for(worker, is_enabled=False, schedule=due(1))
    order = []
    for _ in range(5):
        answer = ask("allocateAndOpenNextWorkItem", f"<resource>{worker}</resource>", user=worker)
        (item,) = answer
        assert [part.tag for part in item] == ["id", "header", "body", "state", "visible"]
        assert (item.find("id").get("version"), item.findtext("state")) == ("1", "OPENED")
        assert item.find("body").get("versionGuid")
        order.append(int(item.find("id").get("id")))
    assert order == [one.id for one in (first, second, third, fourth, last)]


@pytest.mark.parametrize("view", ["", "<workListViewID>0</workListViewID>", "<workListViewID>-1</workListViewID>"])
def test_no_view_and_zero_and_minus_one_are_the_default_view(
    ask: Ask, new_person: Any, item_for: Any, stored: Stored, view: str
) -> None:
    worker = new_person()
    item = item_for(worker.name)
    ask("allocateAndOpenNextWorkItem", f"<resource>{worker.guid}</resource>{view}", user="supervisor")
    assert (stored(item.id).state, _owner(stored(item.id))) == (State.OPENED, worker.name)


@pytest.mark.parametrize("view", [1, -2, 2**63 - 1])
def test_any_other_view_is_unknown(refused: Refused, new_person: Any, item_for: Any, unchanged: Any, view: int) -> None:
    worker = new_person().name
    with unchanged(item_for(worker)):
        content = f"<resource>{worker}</resource><workListViewID>{view}</workListViewID>"
        fault = refused("allocateAndOpenNextWorkItem", content, user="supervisor")
    assert (fault.name, fault.error_code, fault.parameters) == ("InvalidWorkViewFault", "BRM_VIEW_UNKNOWN", [str(view)])


def test_who_has_nothing_left_is_told_so(ask: Ask, refused: Refused, new_person: Any, item_for: Any) -> None:
    worker = new_person()
    suspended = item_for(worker.name)
    ask("suspendWorkItem", _identity(suspended), user="supervisor")
    fault = refused("allocateAndOpenNextWorkItem", f"<resource>{worker.name}</resource>", user="supervisor")
    assert (fault.name, fault.error_code) == ("NoMoreWorkItemsFault", "BRM_RESOURCE_NO_MORE_ITEMS")
    assert fault.parameters == [worker.guid]


def test_the_next_item_of_somebody_else_needs_a_grant(
    ask: Ask, refused: Refused, new_person: Any, item_for: Any, stored: Stored
) -> None:
    worker = new_person().name
    item = item_for(worker)
    content = f"<resource>{worker}</resource>"
    assert refused("allocateAndOpenNextWorkItem", content).name == "SecurityFault"
    ask("allocateAndOpenNextWorkItem", content, user="supervisor")
    assert _owner(stored(item.id)) == worker


def test_the_next_item_of_nobody_known_is_an_entity_fault(refused: Refused) -> None:
    fault = refused("allocateAndOpenNextWorkItem", "<resource>nobody</resource>", user="supervisor")
    assert (fault.name, fault.error_code, fault.parameters) == ("InvalidEntityFault", "BRM_ENTITY_UNKNOWN", ["nobody"])


# unallocateWorkItem


def test_items_go_back_to_their_offer_set_with_their_data(ask: Ask, new_item: NewItem, stored: Stored) -> None:
    items = [new_item() for _ in range(2)]
    for item in items:
        ask("allocateAndOpenWorkItem", f"{_identity(item)}<resource>ana</resource>")
        ask("closeWorkItem", _identity(item) + _notes("half done"))
    answer = ask("unallocateWorkItem", "".join(_identity(item, 2) for item in items))
    assert [(one.find("id").get("version"), one.findtext("state")) for one in answer] == [("3", "OFFERED")] * 2
    for item in items:
        assert (_owner(stored(item.id)), _values(stored(item.id), "Notes")) == (None, ("half done",))
    ask("allocateWorkItem", "".join(_identity(item, 3) for item in items), user="ben")


def test_somebody_elses_item_is_given_back_only_with_a_grant(
    ask: Ask, refused: Refused, pended: WorkItem, stored: Stored
) -> None:
    assert refused("unallocateWorkItem", _identity(pended), user="ben").name == "SecurityFault"
    ask("unallocateWorkItem", _identity(pended), user="supervisor")
    assert stored(pended.id).state is State.OFFERED


# reallocateWorkItem and reallocateWorkItemData


@pytest.mark.parametrize(("revert", "notes"), [("true", ()), ("1", ()), ("false", ("seen",)), ("0", ("seen",))])
def test_data_go_along_or_back_to_what_was_scheduled(
    ask: Ask, opened: WorkItem, stored: Stored, revert: str, notes: tuple[str, ...]
) -> None:
    ask("saveOpenWorkItem", _identity(opened) + _notes("seen"))
    content = f"{_identity(opened, 2)}<resource>ben</resource><revertData>{revert}</revertData>"
    (answer,) = ask("reallocateWorkItem", content, user="supervisor")
    item = stored(opened.id)
    assert (item.state, item.version, _owner(item), item.session) == (State.ALLOCATED, 3, "ben", None)
    assert (answer.find("id").get("version"), answer.findtext("state")) == ("3", "ALLOCATED")
    assert (_values(item, "Notes"), _values(item, "Customer")) == (notes, ("Adler",))


def test_the_groups_of_a_reallocation_may_differ(ask: Ask, new_item: NewItem, stored: Stored) -> None:
    items = [new_item() for _ in range(3)]
    names = ["ben", "carl", "ana"]
    content = "".join(
        f"{_identity(item, 0)}<resource>{name}</resource><revertData>{'true' if name == 'carl' else 'false'}"
        "</revertData>"
        for item, name in zip(items, names, strict=True)
    )
    ask("reallocateWorkItem", content, user="supervisor")
    assert [_owner(stored(item.id)) for item in items] == names


def test_an_item_changes_hands_with_new_data(ask: Ask, new_item: NewItem, stored: Stored) -> None:
    items = [new_item() for _ in range(2)]
    content = "".join(f"{_identity(item, 0)}<resource>ben</resource>{_notes(f'for {item.id}')}" for item in items)
    answer = ask("reallocateWorkItemData", content, user="supervisor")
    assert [one.findtext("state") for one in answer] == ["ALLOCATED"] * 2
    assert [_values(stored(item.id), "Notes") for item in items] == [(f"for {item.id}",) for item in items]


def test_unusable_data_stop_the_whole_reallocation(refused: Refused, new_item: NewItem, unchanged: Any) -> None:
    first, second = new_item(), new_item()
    with unchanged(first, second):
        content = "".join(
            f"{_identity(item)}<resource>ben</resource>{_notes(text)}"
            for item, text in ((first, "a"), (second, "a" * 21))
        )
        fault = refused("reallocateWorkItemData", content, user="supervisor")
    assert (fault.name, fault.error_code) == ("WorkItemFault", "BRM_WORKITEM_FIELD_INVALID")
    assert fault.parameters[0] == "Notes"


@pytest.mark.parametrize("operation", ["reallocateWorkItem", "reallocateWorkItemData"])
def test_reallocation_is_for_who_was_granted_it_and_to_whom_there_is(
    refused: Refused, opened: WorkItem, unchanged: Any, operation: str
) -> None:
    rest = "<revertData>false</revertData>" if operation == "reallocateWorkItem" else _notes("x")
    with unchanged(opened):
        content = _identity(opened) + "<resource>{}</resource>" + rest
        assert refused(operation, content.format("ben")).name == "SecurityFault"
        fault = refused(operation, content.format("nobody"), user="supervisor")
    assert (fault.name, fault.error_code) == ("InvalidEntityFault", "BRM_ENTITY_UNKNOWN")


# getOfferSet


@pytest.mark.parametrize("version", ["", "<apiVersion>1</apiVersion>", "<apiVersion>0</apiVersion>",
                                     "<apiVersion>-3</apiVersion>"])  # fmt: skip
def test_the_offer_set_is_read_as_guids(ask: Ask, opened: WorkItem, unchanged: Any, version: str) -> None:
    with unchanged(opened):
        answer = ask("getOfferSet", _identity(opened, 1) + version)
    assert [(part.tag, part.text) for part in answer] == [("entityGuid", "GUID-of-ana"), ("entityGuid", "GUID-of-ben")]


@pytest.mark.parametrize("version", [2, 3, 2**31 - 1])
def test_the_offer_set_is_read_as_entities_from_the_second_version_on(
    ask: Ask, offered: WorkItem, version: int
) -> None:
    answer = ask("getOfferSet", f"{_identity(offered)}<apiVersion>{version}</apiVersion>")
    assert [(part.tag, dict(part.attrib)) for part in answer] == [
        ("entityId", {"model-version": "-1", "entity-type": "RESOURCE", "guid": f"GUID-of-{name}"})
        for name in ("ana", "ben")
    ]


def test_an_allocation_does_not_change_the_offer_set(ask: Ask, offered: WorkItem) -> None:
    before = [part.text for part in ask("getOfferSet", _identity(offered))]
    ask("reallocateWorkItem", f"{_identity(offered)}<resource>carl</resource><revertData>false</revertData>",
        user="supervisor")  # fmt: skip
    assert [part.text for part in ask("getOfferSet", _identity(offered))] == before


# The work type in an answer


def test_an_item_is_answered_with_its_work_type(ask: Ask, new_item: NewItem, new_type: NewType) -> None:
    kind = new_type(version="1.2")
    item = new_item(work_type_id=kind.id)
    (answer,) = ask("allocateWorkItem", _identity(item))
    assert [part.tag for part in answer] == ["id", "header", "workType", "state", "visible"]
    assert dict(answer.find("workType").attrib) == {
        "workTypeID": kind.id,
        "workTypeDescription": "Claims",
        "version": "1.2",
    }
