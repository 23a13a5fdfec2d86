"""How items come into being: who may, to whom they are offered, and what is refused."""

import pytest
import sqlalchemy as sa

from soapsvc.domain.caller import SystemAction
from soapsvc.domain.data import Direction, Field, FieldType
from soapsvc.domain.errors import InvalidField, InvalidWorkItem, NotAllowed, UnknownEntity, UnknownWorkType
from soapsvc.domain.organisation import EntityType
from soapsvc.domain.states import Action, State
from soapsvc.domain.work_item import Distribution, NewWorkItem
from soapsvc.storage import work_items
from soapsvc.storage.tables import entity
from soapsvc.usecases import scheduling

NEW = NewWorkItem(name="Review claim")
TEXT = Field(name="Notes", direction=Direction.INOUT, type=FieldType.STRING)


@pytest.fixture
def schedule(write, cast):
    def one(new: NewWorkItem = NEW, fields=(), offer_to=("ana",), *, by: str = "supervisor"):
        return write(lambda tx: scheduling.schedule_item(tx, cast.caller(by), new, fields, offer_to))

    return one


def test_a_scheduled_item_is_offered_at_version_zero(schedule, stored, history_of):
    item = schedule(fields=[TEXT], offer_to=["ana", "GUID-of-ben"])

    assert (item.version, item.state, item.owner, item.distribution) == (0, State.OFFERED, None, Distribution.OFFER)
    assert item.fields == (TEXT,)
    assert item.guid
    assert stored(item.id) == item
    (entry,) = history_of(item.id)
    assert (entry.version, entry.action, entry.actor) == (0, Action.SCHEDULE, "supervisor")
    assert (entry.state_before, entry.state_after) == (None, State.OFFERED)


def test_every_item_has_a_guid_of_its_own(schedule):
    assert schedule().guid != schedule().guid


@pytest.mark.parametrize("reference", ["ana", "GUID-of-ana", "guid-OF-ana"])
def test_an_item_is_offered_by_guid_in_any_case_or_by_name(schedule, database, cast, reference):
    item = schedule(offer_to=[reference])

    assert database.read(lambda tx: work_items.is_offered_to(tx, item, cast.ana)).result(10)
    assert not database.read(lambda tx: work_items.is_offered_to(tx, item, cast.ben)).result(10)


def test_an_entity_named_twice_is_offered_the_item_once(schedule):
    assert schedule(offer_to=["ana", "GUID-of-ana", "guid-of-ana"])


def test_scheduling_needs_a_grant(schedule, cast, grant, write):
    with pytest.raises(NotAllowed):
        schedule(by="ana")
    assert write(work_items.highest_id) == 0

    grant(cast.ana, SystemAction.SCHEDULE_WORK_ITEM)
    assert schedule(by="ana")


def test_the_grant_comes_before_all_that_may_be_wrong_with_the_item(schedule):
    with pytest.raises(NotAllowed):
        schedule(fields=[TEXT, TEXT], offer_to=["nobody"], by="ana")


@pytest.mark.parametrize(
    ("what", "error"),
    [
        ({"offer_to": ["nobody"]}, UnknownEntity),
        ({"offer_to": ["ana", "nobody"]}, UnknownEntity),
        ({"offer_to": []}, InvalidWorkItem),
        ({"fields": [TEXT, TEXT]}, InvalidField),
        ({"new": NewWorkItem(name="x", work_type_id="unknown")}, UnknownWorkType),
        (
            {"new": NewWorkItem(name="x", distribution=Distribution.ALLOCATE), "offer_to": ["ana", "ben"]},
            InvalidWorkItem,
        ),
    ],
)
def test_what_cannot_be_scheduled_is_refused_and_leaves_nothing(schedule, everything, what, error):
    before = everything()

    with pytest.raises(error):
        schedule(**what)
    assert everything() == before


def test_an_item_that_is_allocated_at_once_is_its_resources(schedule, cast):
    item = schedule(NewWorkItem(name="x", distribution=Distribution.ALLOCATE), offer_to=["ana"])

    assert (item.version, item.state, item.owner) == (0, State.ALLOCATED, cast.ana)
    assert item.distribution is Distribution.ALLOCATE


def test_an_item_may_be_offered_to_a_group_but_not_allocated_to_it(schedule, write):
    group = {
        "tenancy_id": 1,
        "type": EntityType.GROUP,
        "guid": "Clerks",
        "guid_key": "clerks",
        "name": "Clerks",
    }
    write(lambda tx: tx.connection.execute(sa.insert(entity).values(group)))

    assert schedule(offer_to=["CLERKS"]).state is State.OFFERED
    with pytest.raises(InvalidWorkItem):
        schedule(NewWorkItem(name="x", distribution=Distribution.ALLOCATE), offer_to=["CLERKS"])


def test_the_operator_creates_many_alike_or_none(write, everything):
    ids = write(lambda tx: scheduling.create_items(tx, new=NEW, offer_to=["ana"], count=3))
    assert len(set(ids)) == 3
    before = everything()

    with pytest.raises(UnknownEntity):
        write(lambda tx: scheduling.create_items(tx, new=NEW, offer_to=["ana", "nobody"], count=3))
    assert everything() == before


def test_what_the_operator_creates_has_no_actor(write, history_of):
    (item_id,) = write(lambda tx: scheduling.create_items(tx, new=NEW, offer_to=["ana"], count=1))

    assert history_of(item_id)[0].actor is None
