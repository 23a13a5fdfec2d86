"""The work item's transitions: each gives the next value, and none changes what it was called on."""

from dataclasses import FrozenInstanceError, replace
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from soapsvc.domain.data import Direction, Field, FieldType
from soapsvc.domain.errors import InvalidField, InvalidWorkItem, StaleVersion, WrongState
from soapsvc.domain.organisation import Entity, EntityType, guid_key
from soapsvc.domain.schedule import Schedule
from soapsvc.domain.states import State
from soapsvc.domain.work_item import Distribution, ItemContext, NewWorkItem, WorkItem

ANA = Entity(id=1, type=EntityType.RESOURCE, guid="GUID-of-ana", name="ana")
LATER = datetime(2026, 11, 22, tzinfo=UTC)
NOTES = Field(name="Notes", direction=Direction.INOUT, type=FieldType.STRING, length=20)
NEW_NOTES = replace(NOTES, values=("done",))


def an_item(state: State = State.OFFERED, **properties) -> WorkItem:
    held = state in {State.ALLOCATED, State.OPENED, State.PENDED, State.PENDHIDDEN}
    return WorkItem(
        **{
            "id": 2,
            "guid": "item-guid",
            "version": 6,
            "state": state,
            "name": "Review claim",
            "description": None,
            "priority": 50,
            "distribution": Distribution.OFFER,
            "group_id": None,
            "work_type_id": None,
            "attributes": {},
            "context": ItemContext(),
            "schedule": Schedule(),
            "fields": (NOTES,),
            "owner": ANA if held else None,
            "session": "a session" if state is State.OPENED else None,
        }
        | properties
    )


def test_an_item_has_no_values_but_its_own():
    with pytest.raises(TypeError, match="colour"):
        an_item().with_changes(colour="red")


@pytest.mark.parametrize("supplied", [None, -1, 6])
def test_the_stored_version_none_and_minus_one_are_current(supplied):
    an_item().check_version(supplied)


@given(st.integers().filter(lambda version: version not in {-1, 6}))
def test_every_other_version_lower_or_higher_is_stale(supplied):
    with pytest.raises(StaleVersion) as stale:
        an_item(State.OPENED).check_version(supplied)

    assert str(stale.value) == f"The work item with id = 2 is currently at version 6, not at version {supplied}"
    assert stale.value.parameters == ("2", "6", str(supplied), "OPENED", "GUID-of-ana")


def test_version_zero_is_a_version_and_not_absent():
    with pytest.raises(StaleVersion):
        an_item().check_version(0)


@pytest.mark.parametrize("state", State)
def test_only_an_offered_item_is_allocated_and_opened(state):
    item = an_item(state)
    if state is State.OFFERED:
        opened = item.allocated_and_opened(to=ANA, session="new")
        assert opened == replace(item, state=State.OPENED, owner=ANA, session="new", offered_when_opened=True)
    else:
        with pytest.raises(WrongState) as wrong:
            item.allocated_and_opened(to=ANA, session="new")
        assert wrong.value.parameters == ("2", state, "allocateAndOpenWorkItem")


@pytest.mark.parametrize("state", State)
def test_only_an_allocated_or_pended_item_is_opened(state):
    item = an_item(state, offered_when_opened=True)
    if state in {State.ALLOCATED, State.PENDED}:
        assert item.opened(session="new") == replace(item, state=State.OPENED, session="new", offered_when_opened=False)
    else:
        with pytest.raises(WrongState) as wrong:
            item.opened(session="new")
        assert wrong.value.parameters == ("2", state, "openWorkItem")


@pytest.mark.parametrize("state", [state for state in State if state is not State.OPENED])
def test_an_item_that_nobody_has_open_is_not_closed(state):
    with pytest.raises(WrongState) as wrong:
        an_item(state).closed(payload=(), hidden_until=None)
    assert wrong.value.parameters == ("2", state, "closeWorkItem")


def test_a_closed_item_is_pended_with_its_new_data_and_stays_with_who_holds_it():
    item = an_item(State.OPENED)

    assert item.closed(payload=[NEW_NOTES], hidden_until=None) == replace(
        item, state=State.PENDED, session=None, fields=(NEW_NOTES,)
    )


def test_closed_for_a_period_it_is_hidden_and_comes_back_pended():
    item = an_item(State.OPENED)

    assert item.closed(payload=[NEW_NOTES], hidden_until=LATER) == replace(
        item,
        state=State.PENDHIDDEN,
        session=None,
        fields=(NEW_NOTES,),
        hidden_until=LATER,
        state_before_hiding=State.PENDED,
    )


@pytest.mark.parametrize(
    ("offered_when_opened", "reoffer", "state"),
    [
        (True, True, State.OFFERED),
        (True, False, State.PENDED),
        (False, True, State.PENDED),
        (False, False, State.PENDED),
    ],
)
def test_it_is_offered_anew_only_if_it_was_offered_when_opened_and_its_work_type_says_so(
    offered_when_opened, reoffer, state
):
    item = an_item(State.OPENED, offered_when_opened=offered_when_opened)

    closed = item.closed(payload=(), hidden_until=None, reoffer=reoffer)

    assert closed.state is state
    assert closed.owner == (None if state is State.OFFERED else ANA)


def test_a_hidden_period_comes_before_a_new_offer():
    item = an_item(State.OPENED, offered_when_opened=True)

    assert item.closed(payload=(), hidden_until=LATER, reoffer=True).state is State.PENDHIDDEN


@pytest.mark.parametrize(
    ("hidden_until", "resumed_to", "hidden_in"),
    [(None, State.PENDED, None), (LATER, State.PENDHIDDEN, State.PENDED)],
)
def test_a_suspended_item_that_was_open_takes_the_data_and_stays_suspended(hidden_until, resumed_to, hidden_in):
    item = an_item(State.SUSPENDED, session="a session", owner=ANA, state_before_suspension=State.OPENED)

    closed = item.closed(payload=[NEW_NOTES], hidden_until=hidden_until)

    assert closed == replace(
        item,
        session=None,
        fields=(NEW_NOTES,),
        state_before_suspension=resumed_to,
        hidden_until=hidden_until,
        state_before_hiding=hidden_in,
    )
    assert closed.resumed().state is resumed_to


def test_a_cancelled_item_that_was_open_is_closed_without_data_once():
    item = an_item(State.CANCELLED, session="a session", owner=ANA)

    closed = item.closed(payload=(), hidden_until=None)

    assert closed == replace(item, session=None)
    with pytest.raises(WrongState):
        closed.closed(payload=(), hidden_until=None)


def test_a_cancelled_item_takes_no_data():
    item = an_item(State.CANCELLED, session="a session", owner=ANA)

    with pytest.raises(InvalidField) as refused:
        item.closed(payload=[NEW_NOTES], hidden_until=None)
    assert refused.value.parameters[0] == "Notes"


@pytest.mark.parametrize("state", [state for state in State if state is not State.OPENED])
def test_the_state_is_judged_before_the_data(state):
    unknown = replace(NOTES, name="Unknown")

    with pytest.raises(WrongState):
        an_item(state).closed(payload=[unknown], hidden_until=None)


def test_data_that_do_not_fit_close_nothing():
    with pytest.raises(InvalidField):
        an_item(State.OPENED).closed(payload=[replace(NOTES, values=("x" * 21,))], hidden_until=None)


def test_a_payload_may_be_read_only_once():
    closed = an_item(State.OPENED).closed(payload=iter([NEW_NOTES]), hidden_until=None)

    assert closed.fields == (NEW_NOTES,)


def test_a_transition_leaves_the_item_and_its_version_as_they_were():
    item = an_item(State.OPENED)
    before = replace(item)

    closed = item.closed(payload=[NEW_NOTES], hidden_until=LATER)

    assert item == before
    assert closed.version == item.version  # the store alone gives versions
    with pytest.raises(FrozenInstanceError):
        item.state = State.COMPLETED


@pytest.mark.parametrize(
    ("state", "visible"),
    [
        ("CREATED", False),
        ("OFFERED", True),
        ("ALLOCATED", True),
        ("OPENED", True),
        ("PENDED", True),
        ("PENDHIDDEN", False),
        ("SUSPENDED", False),
        ("CANCELLED", False),
    ],
)
def test_an_item_is_visible_unless_hidden_suspended_cancelled_or_not_yet_enabled(state, visible):
    assert an_item(State(state)).visible is visible


@pytest.mark.parametrize(
    ("properties", "named"),
    [
        ({"name": ""}, "name"),
        ({"name": " \t"}, "name"),
        ({"name": "x" * 256}, "name"),
        ({"description": "x" * 4097}, "description"),
        ({"priority": 0}, "priority"),
        ({"priority": 101}, "priority"),
        ({"priority": -1}, "priority"),
        ({"attributes": {"attribute8": "x" * 21}}, "attribute8"),
        ({"attributes": {"attribute41": "x"}}, "attribute41"),
    ],
)
def test_a_new_item_with_a_property_that_cannot_be_is_refused_by_the_propertys_name(properties, named):
    with pytest.raises(InvalidWorkItem) as refused:
        NewWorkItem(**({"name": "Review claim"} | properties))
    assert refused.value.parameters[0] == named


@pytest.mark.parametrize(
    "properties", [{"name": "x" * 255}, {"description": "x" * 4096}, {"priority": 1}, {"priority": 100}]
)
def test_a_new_item_may_go_to_the_limits(properties):
    assert NewWorkItem(**({"name": "Review claim"} | properties))


def test_a_new_item_is_offered_with_priority_50_unless_it_says_otherwise():
    new = NewWorkItem(name="Review claim")

    assert (new.priority, new.distribution) == (50, Distribution.OFFER)


def test_entities_are_the_same_if_their_ids_are():
    assert replace(ANA, name="another", guid="another", max_open_items=7) == ANA
    assert replace(ANA, id=2) != ANA


@given(st.from_regex(r"[0-9A-Za-z-]{1,64}", fullmatch=True))
def test_guids_are_compared_without_regard_to_case(guid):
    assert guid_key(guid) == guid_key(guid.upper()) == guid_key(guid.lower())
