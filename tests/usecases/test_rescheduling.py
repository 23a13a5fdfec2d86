"""What a scheduler changes on items that exist, and what it means for who works on them."""

from dataclasses import replace

import pytest

from soapsvc.domain.data import Direction, Field, FieldType
from soapsvc.domain.errors import InvalidField, InvalidRequest, Rescheduled
from soapsvc.domain.schedule import Schedule
from soapsvc.domain.states import State
from soapsvc.domain.work_item import NewWorkItem
from soapsvc.domain.work_type import WorkType
from soapsvc.usecases import allocation, completion, items, scheduling, work_types
from soapsvc.usecases.access import ItemReference
from tests.conftest import FIELDS
from tests.storage.test_work_items import SOON

CUSTOMER, NOTES, AMOUNT = FIELDS


def valued(field: Field, *values: str) -> Field:
    return replace(field, values=values)


def values_of(item) -> dict[str, tuple[str, ...]]:
    return {field.name: field.values for field in item.fields}


@pytest.fixture
def typed(write):
    """An item of a work type whose items take what comes while they are open."""
    write(lambda tx: work_types.load(tx, [WorkType(id="t", fields=FIELDS, ignore_incoming_data=False)]))
    new = NewWorkItem(name="x", work_type_id="t")
    return write(lambda tx: scheduling.create_item(tx, new, (), ("ana", "ben")))


@pytest.fixture
def reschedule(write, cast):
    def one(item, *body: Field, schedule: Schedule | None = None, version: int | None = None):
        reference = ItemReference(id=item.id, version=version)
        return write(lambda tx: scheduling.reschedule_item(tx, cast.caller("supervisor"), reference, schedule, body))

    return one


@pytest.fixture
def take(write, cast):
    def one(item):
        batch = [allocation.Allocation(item=ItemReference(id=item.id))]
        return write(lambda tx: allocation.allocate_and_open_items(tx, cast.caller("ana"), batch))[0]

    return one


@pytest.fixture
def finish(write, cast):
    def one(how: str, item, version: int | None = None):
        ana, reference = cast.caller("ana"), ItemReference(id=item.id, version=version)
        if how == "close":
            return write(lambda tx: items.close_items(tx, ana, [items.Close(item=reference)]))[0]
        return write(lambda tx: completion.complete_item(tx, ana, reference, ())).item

    return one


def test_values_are_overlaid_inputs_too_and_none_is_emptied(reschedule, offered):
    changed = reschedule(offered, valued(CUSTOMER, "Bach"), valued(NOTES))
    again = reschedule(offered, valued(AMOUNT, "7"), valued(CUSTOMER))

    assert values_of(changed) == {"Customer": ("Bach",), "Notes": (), "Amount": ()}
    assert values_of(again) == {"Customer": ("Bach",), "Notes": (), "Amount": ("7",)}
    assert (again.version, again.state) == (2, State.OFFERED)


def test_dates_are_replaced_only_if_there_are_new_ones(reschedule, offered):
    dated = reschedule(offered, schedule=Schedule(start=SOON, end=SOON))

    assert reschedule(offered).schedule == dated.schedule
    assert reschedule(offered, schedule=Schedule(end=SOON)).schedule == Schedule(start=None, end=SOON)


def test_data_that_come_while_an_item_is_open_are_ignored_but_checked(reschedule, opened, finish):
    changed = reschedule(opened, valued(CUSTOMER, "Bach"), schedule=Schedule(end=SOON))

    assert values_of(changed)["Customer"] == ("Adler",)
    assert (changed.version, changed.schedule.end, changed.data_rescheduled) == (2, SOON, False)
    with pytest.raises(InvalidField):
        reschedule(opened, valued(NOTES, "x" * 21))
    assert finish("close", opened).state is State.PENDED


@pytest.mark.parametrize("how", ["close", "complete"])
@pytest.mark.parametrize("version", [None, -1])
def test_who_has_an_item_open_is_told_of_new_data_before_he_ends_his_work(
    reschedule, typed, take, finish, stored, how, version
):
    opened = take(typed)
    reschedule(opened, valued(CUSTOMER, "Bach"))

    with pytest.raises(Rescheduled) as told:
        finish(how, opened, version)

    assert told.value.parameters == (str(typed.id), "2")
    assert (told.value.item_id, told.value.version) == (typed.id, 2)
    assert told.value.fields == stored(typed.id).fields
    assert finish(how, opened, 2).version == 3


def test_a_save_that_names_no_version_does_not_overwrite_new_data_unknowingly(
    reschedule, typed, take, write, cast, stored
):
    opened = take(typed)
    changed = reschedule(opened, valued(NOTES, "the scheduler's"))

    def save(version: int | None):
        reference = ItemReference(id=opened.id, version=version)
        return write(lambda tx: items.save_item(tx, cast.caller("ana"), reference, [valued(NOTES, "mine")]))

    with pytest.raises(Rescheduled):
        save(None)
    assert stored(opened.id) == changed
    assert values_of(save(changed.version))["Notes"] == ("mine",)


def test_a_reschedule_that_changes_no_value_disturbs_nobody(reschedule, typed, take, finish):
    opened = take(typed)
    reschedule(opened, schedule=Schedule(end=SOON))
    reschedule(opened, valued(NOTES))

    assert finish("close", opened).version == 4


def test_new_data_before_an_opening_disturb_nobody(reschedule, typed, take, finish):
    reschedule(typed, valued(CUSTOMER, "Bach"))

    assert finish("close", take(typed)).state is State.PENDED


def test_an_opening_starts_with_data_that_are_known(reschedule, typed, take, finish, write, cast):
    opened = take(typed)
    reschedule(opened, valued(CUSTOMER, "Bach"))
    finish("close", opened, 2)

    (again,) = write(lambda tx: items.open_items(tx, cast.caller("ana"), [ItemReference(id=typed.id)]))
    assert finish("close", again).version == 5


# Data as scheduled


@pytest.fixture
def revert(write, cast):
    def one(item):
        batch = [allocation.Reallocation(item=ItemReference(id=item.id), resource="ben", revert_data=True)]
        return write(lambda tx: allocation.reallocate_items(tx, cast.caller("supervisor"), batch))[0]

    return one


@pytest.fixture
def worked_on(write, cast, opened):
    """An item of which ana has filled in the notes."""
    payload = [valued(NOTES, "mine"), valued(AMOUNT, "1")]
    write(lambda tx: items.save_item(tx, cast.caller("ana"), ItemReference(id=opened.id), payload))
    return opened


def test_a_reverted_item_has_its_data_as_scheduled(worked_on, revert, offered):
    reverted = revert(worked_on)

    assert reverted.fields == offered.fields
    assert (reverted.state, reverted.session, reverted.version) == (State.ALLOCATED, None, 3)


def test_data_as_scheduled_are_those_of_the_last_reschedule(offered, reschedule, take, write, cast, revert):
    reschedule(offered, valued(CUSTOMER, "Bach"))
    opened = take(offered)
    payload = [valued(NOTES, "mine")]
    write(lambda tx: items.save_item(tx, cast.caller("ana"), ItemReference(id=opened.id), payload))
    reschedule(offered, schedule=Schedule(end=SOON))  # it says nothing of the data

    assert values_of(revert(opened)) == {"Customer": ("Bach",), "Notes": (), "Amount": ()}


def test_what_a_worker_saved_before_a_reschedule_is_not_taken_for_the_schedulers(
    offered, reschedule, take, write, cast, revert
):
    opened = take(offered)
    close = items.Close(item=ItemReference(id=opened.id), payload=[valued(NOTES, "mine")])
    write(lambda tx: items.close_items(tx, cast.caller("ana"), [close]))
    reschedule(offered, valued(CUSTOMER, "Bach"))

    assert values_of(revert(opened)) == {"Customer": ("Bach",), "Notes": (), "Amount": ()}


def test_data_as_scheduled_are_those_of_enabling(write, cast, revert):
    new = NewWorkItem(name="x", is_enabled=False)
    created = write(lambda tx: scheduling.create_item(tx, new, FIELDS, ("ana", "ben")))
    reference, body = ItemReference(id=created.id), [valued(CUSTOMER, "Bach")]
    write(lambda tx: scheduling.enable_item(tx, cast.caller("supervisor"), reference, body))

    assert values_of(revert(created))["Customer"] == ("Bach",)


def test_an_item_that_was_never_changed_reverts_to_what_it_is(offered, revert):
    assert revert(offered).fields == offered.fields


# A service that wants a version with every change


@pytest.mark.parametrize("version", [None, -1])
def test_where_a_version_is_required_a_change_without_one_is_refused(write, cast, opened, everything, version):
    strict = replace(cast.caller("ana"), must_supply_version=True)
    close = items.Close(item=ItemReference(id=opened.id, version=version))
    before = everything()

    with pytest.raises(InvalidRequest) as refused:
        write(lambda tx: items.close_items(tx, strict, [close]))
    assert refused.value.parameters == (str(opened.id),)
    assert everything() == before


def test_where_a_version_is_required_a_change_with_one_and_a_read_without_are_fine(write, cast, opened):
    strict = replace(cast.caller("ana"), must_supply_version=True)

    assert write(lambda tx: items.get_headers(tx, strict, [ItemReference(id=opened.id)]))
    close = items.Close(item=ItemReference(id=opened.id, version=1))
    assert write(lambda tx: items.close_items(tx, strict, [close]))[0].version == 2


def test_where_a_version_is_required_the_next_item_needs_none(write, cast, offered):
    strict = replace(cast.caller("ana"), must_supply_version=True)

    assert write(lambda tx: allocation.allocate_and_open_next_item(tx, strict, "ana", None)).id == offered.id


def test_a_field_of_a_type_unknown_to_the_item_is_refused(reschedule, offered):
    unknown = Field(name="Unknown", direction=Direction.INOUT, type=FieldType.STRING, values=("x",))

    with pytest.raises(InvalidField):
        reschedule(offered, unknown)
