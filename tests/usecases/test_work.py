"""Allocating, opening and closing: who may, whose it becomes, and the version sessions that begin and end."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from soapsvc.domain.caller import SystemAction
from soapsvc.domain.errors import (
    EntityNotEligible,
    InvalidField,
    NotAllowed,
    OpenLimitReached,
    UnknownEntity,
    WrongState,
)
from soapsvc.domain.schedule import Duration, Period
from soapsvc.domain.states import Action, State
from soapsvc.storage import work_items
from soapsvc.usecases import allocation, items
from soapsvc.usecases.items import ItemReference

BOTH = (SystemAction.WORK_ITEM_ALLOCATION, SystemAction.OPEN_OTHER_RESOURCES_ITEMS)


@pytest.fixture
def take(write, cast):
    def allocate_and_open(item_id: int, *, by: str = "ana", resource: str | None = None):
        wanted = allocation.Allocation(item=ItemReference(id=item_id), resource=resource or by)
        return write(lambda tx: allocation.allocate_and_open_items(tx, cast.caller(by), [wanted]))[0]

    return allocate_and_open


@pytest.fixture
def open_(write, cast):
    return lambda item_id, *, by="ana": write(
        lambda tx: items.open_items(tx, cast.caller(by), [ItemReference(id=item_id)])
    )[0]


@pytest.fixture
def close(write, cast):
    def one(item_id: int, *, by: str = "ana", **more):
        return write(
            lambda tx: items.close_items(tx, cast.caller(by), [items.Close(item=ItemReference(id=item_id), **more)])
        )[0]

    return one


@pytest.fixture
def look(write, cast):
    return lambda item_id, *, by: write(lambda tx: items.get_headers(tx, cast.caller(by), [ItemReference(id=item_id)]))[
        0
    ]


# Whose it becomes


@pytest.mark.parametrize("resource", ["ana", "GUID-of-ana", "guid-of-ana", "GUID-OF-ANA"])
def test_a_resource_is_named_by_guid_in_any_case_or_by_name(take, cast, offered, stored, resource):
    taken = take(offered.id, resource=resource)

    assert (taken.state, taken.owner) == (State.OPENED, cast.ana)
    assert taken == stored(offered.id)


def test_an_item_taken_out_of_the_offer_keeps_its_data_and_its_distribution(take, offered):
    taken = take(offered.id)

    assert offered == replace(
        taken,
        version=0,
        state=offered.state,
        owner=None,
        session=None,
        offered_when_opened=False,
        history_hash=offered.history_hash,
    )


@pytest.mark.parametrize("granted", [set(), *({action} for action in BOTH)])
def test_taking_an_item_for_somebody_else_needs_both_grants(take, cast, grant, offered, stored, granted):
    grant(cast.ana, *granted)

    with pytest.raises(NotAllowed):
        take(offered.id, resource="ben")
    assert stored(offered.id) == offered


def test_with_both_grants_an_item_is_taken_for_somebody_else(take, cast, grant, offered, history_of):
    grant(cast.ana, *BOTH)

    assert take(offered.id, resource="ben").owner == cast.ben
    assert history_of(offered.id)[-1].actor == "ana"


@pytest.mark.parametrize("granted", BOTH)
def test_a_grant_reaches_an_item_but_does_not_put_its_holder_into_the_offer(take, cast, grant, offered, granted):
    grant(cast.carl, granted)

    with pytest.raises(EntityNotEligible):
        take(offered.id, by="carl")


def test_somebody_who_may_not_name_others_does_not_learn_whom_there_is(take, offered):
    with pytest.raises(NotAllowed):
        take(offered.id, resource="nobody")


@pytest.mark.parametrize("resource", ["nobody", "", "Ben", "GUID-of"])
def test_an_unknown_resource_is_named(take, offered, resource):
    with pytest.raises(UnknownEntity) as unknown:
        take(offered.id, by="supervisor", resource=resource or " ")
    assert unknown.value.parameters == (resource or " ",)


def test_a_resource_outside_the_offer_set_does_not_get_the_item(take, offered, stored):
    with pytest.raises(EntityNotEligible) as refused:
        take(offered.id, by="supervisor", resource="carl")

    assert refused.value.parameters == ("carl", str(offered.id))
    assert stored(offered.id) == offered


# Ties


@pytest.mark.parametrize("state", State)
def test_the_original_offer_set_is_a_tie_whatever_the_state(look, put, cast, offered, state):
    put(offered.id, state, owner_id=cast.ana.id)

    assert look(offered.id, by="ben").state is state
    with pytest.raises(NotAllowed):
        look(offered.id, by="carl")


def test_who_held_an_item_keeps_his_tie(write, look, cast, offered):
    def hand_over(tx):
        given = replace(offered, owner=cast.carl, state=State.ALLOCATED)
        saved = work_items.save(tx, offered, given, action=Action.REALLOCATE, by=cast.supervisor)
        back = replace(saved, owner=None, state=State.OFFERED)
        work_items.save(tx, saved, back, action=Action.UNALLOCATE, by=cast.carl)

    write(hand_over)

    assert look(offered.id, by="carl").version == 2


@pytest.mark.parametrize(
    ("action", "reads", "opens", "closes"),
    [
        (SystemAction.VIEW_WORK_LIST, True, False, False),
        (SystemAction.VIEW_GLOBAL_WORK_LIST, True, False, False),
        (SystemAction.OPEN_OTHER_RESOURCES_ITEMS, False, True, False),
        (SystemAction.CLOSE_OTHER_RESOURCES_ITEMS, False, False, True),
        (SystemAction.WORK_ITEM_ALLOCATION, False, False, False),
        (SystemAction.PEND_WORK_ITEM, False, False, False),
    ],
)
def test_a_grant_reaches_only_what_it_is_for(
    *, look, open_, close, cast, grant, new_item, put, action, reads, opens, closes
):
    grant(cast.carl, action)
    pended, opened = new_item().id, new_item().id
    put(pended, State.PENDED, owner_id=cast.ana.id)
    put(opened, State.OPENED, owner_id=cast.ana.id, session_guid="s")

    for allowed, attempt in (
        (reads, lambda: look(pended, by="carl")),
        (opens, lambda: open_(pended, by="carl")),
        (closes, lambda: close(opened, by="carl")),
    ):
        if allowed:
            assert attempt().owner == cast.ana  # it stays with who holds it
        else:
            with pytest.raises(NotAllowed):
                attempt()


def test_a_grant_to_somebody_else_is_no_grant(look, cast, grant, offered):
    grant(cast.ben, SystemAction.VIEW_WORK_LIST)

    with pytest.raises(NotAllowed):
        look(offered.id, by="carl")


# Opening


def test_a_pended_item_is_opened_by_who_holds_it(open_, pended, cast):
    opened = open_(pended.id)

    assert (opened.state, opened.owner, opened.version) == (State.OPENED, cast.ana, pended.version + 1)
    assert opened.offered_when_opened is False


def test_an_item_that_somebody_else_holds_is_not_opened_or_closed_without_a_grant(open_, close, pended, opened, stored):
    with pytest.raises(NotAllowed):
        open_(pended.id, by="ben")
    open_(pended.id)
    with pytest.raises(NotAllowed):
        close(pended.id, by="ben")
    assert stored(pended.id).state is State.OPENED


@pytest.mark.parametrize("state", [state for state in State if state not in {State.ALLOCATED, State.PENDED}])
def test_an_item_in_another_state_is_not_opened(open_, put, cast, offered, everything, state):
    put(offered.id, state, owner_id=None if state is State.OFFERED else cast.ana.id)
    before = everything()

    with pytest.raises(WrongState) as wrong:
        open_(offered.id)

    assert wrong.value.parameters == (str(offered.id), state, "openWorkItem")
    assert everything() == before


@pytest.mark.parametrize("most", [0, 1, 2])
def test_nobody_has_more_items_open_than_his_limit(*, take, close, open_, cast, limit_open_items, new_item, most):
    ids = [new_item().id for _ in range(most + 1)]
    limit_open_items(cast.ana, most)
    for item_id in ids[:most]:
        take(item_id)

    with pytest.raises(OpenLimitReached) as limited:
        take(ids[most])
    assert limited.value.parameters == ("GUID-of-ana", str(most))
    if most:
        close(ids[0])
        take(ids[most])  # a closed item makes room
        with pytest.raises(OpenLimitReached):
            open_(ids[0])


def test_a_limit_is_that_of_who_gets_the_item(take, cast, limit_open_items, new_item):
    limit_open_items(cast.ben, 0)

    assert take(new_item().id, by="supervisor", resource="ana")
    with pytest.raises(OpenLimitReached):
        take(new_item().id, by="supervisor", resource="ben")


# Closing


def test_a_closed_item_keeps_its_new_data(close, opened, stored):
    notes = replace(opened.fields[1], values=("done",))

    closed = close(opened.id, payload=[notes])

    assert (closed.state, closed.fields[1].values) == (State.PENDED, ("done",))
    assert stored(opened.id) == closed


def test_inputs_in_a_payload_are_ignored(close, opened):
    customer = replace(opened.fields[0], values=("Bianchi",))

    assert close(opened.id, payload=[customer]).fields == opened.fields


def test_data_that_do_not_fit_leave_the_item_open_as_it_was(close, opened, everything):
    before = everything()
    good = replace(opened.fields[1], values=("kept?",))
    bad = replace(opened.fields[2], values=("not a number",))

    with pytest.raises(InvalidField) as refused:
        close(opened.id, payload=[good, bad])

    assert refused.value.parameters[0] == "Amount"
    assert everything() == before


def test_a_closed_item_may_be_hidden_counted_from_now(close, opened, stored):
    before = datetime.now(UTC)

    closed = close(opened.id, hidden=Period(duration=Duration(days=1)))

    assert closed.state is State.PENDHIDDEN
    assert closed.state_before_hiding is State.PENDED
    assert (
        timedelta(0)
        <= closed.hidden_until - before - timedelta(days=1) + timedelta(milliseconds=2)
        < timedelta(seconds=10)
    )
    assert stored(opened.id) == closed


@pytest.mark.parametrize(
    "period",
    [
        Period(),
        Period(duration=Duration()),
        Period(duration=Duration(days=-1)),
        Period(until=datetime(2020, 1, 1, tzinfo=UTC)),
    ],
)
def test_a_period_that_is_zero_negative_or_past_hides_nothing(close, opened, period):
    assert close(opened.id, hidden=period).state is State.PENDED


@pytest.mark.parametrize("state", [State.SUSPENDED, State.CANCELLED])
def test_a_suspended_or_cancelled_item_that_was_open_is_closed_once(close, opened, put, state):
    put(opened.id, state)

    assert close(opened.id).state is state
    with pytest.raises(WrongState):
        close(opened.id)


# Version sessions


def test_a_session_begins_with_each_opening_and_ends_with_what_closes_it(
    take, close, open_, offered, cast, sessions_of
):
    before = datetime.now(UTC) - timedelta(milliseconds=2)
    taken = take(offered.id)
    (first,) = sessions_of(offered.id)
    assert (first.guid, first.entity_id, first.opened_version) == (taken.session, cast.ana.id, 1)
    assert first.ended_version is None
    assert before <= first.opened_at <= datetime.now(UTC)

    closed = close(offered.id)
    assert closed.session is None
    assert [row.ended_version for row in sessions_of(offered.id)] == [2]

    again = open_(offered.id)
    first_again, second = sessions_of(offered.id)
    assert (first_again.guid, first_again.ended_version) == (first.guid, 2)
    assert (second.guid, second.opened_version, second.ended_version) == (again.session, 3, None)
    assert second.guid != first.guid


def test_an_opening_that_fails_begins_no_session(take, offered, cast, limit_open_items, sessions_of):
    limit_open_items(cast.ana, 0)

    with pytest.raises(OpenLimitReached):
        take(offered.id)
    assert sessions_of(offered.id) == []


def test_a_close_that_fails_ends_no_session(close, opened, sessions_of):
    with pytest.raises(InvalidField):
        close(opened.id, payload=[replace(opened.fields[1], name="Unknown")])

    assert [row.ended_version for row in sessions_of(opened.id)] == [None]


def test_closing_one_item_ends_no_other_items_session(take, close, new_item, sessions_of):
    one, other = new_item().id, new_item().id
    take(one)
    take(other)

    close(one)

    assert [row.ended_version for row in sessions_of(one) + sessions_of(other)] == [2, None]
