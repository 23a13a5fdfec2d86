"""Work items in the database: the guard, the versions, and the history that is written with them."""

import uuid
from dataclasses import fields, replace
from datetime import UTC, datetime
from decimal import Decimal

import pytest
import sqlalchemy as sa

from soapsvc.domain.data import Direction, Field, FieldType
from soapsvc.domain.errors import LostRace, UnknownWorkItem
from soapsvc.domain.schedule import Schedule
from soapsvc.domain.states import Action, State
from soapsvc.domain.work_item import Distribution, ItemContext, NewWorkItem, WorkItem
from soapsvc.storage import history, work_items
from soapsvc.storage.tables import history as history_table
from soapsvc.storage.tables import holder
from soapsvc.storage.tables import work_item as work_item_table

SOON = datetime(2026, 11, 22, 8, 30, 0, 123456, tzinfo=UTC)


def bump(tx, item_id: int) -> None:
    """Do to the row what somebody else's write does."""
    tx.connection.execute(
        sa.update(work_item_table).where(work_item_table.c.id == item_id).values(version=work_item_table.c.version + 1)
    )


def loses(tx, before, after) -> bool:
    """Say whether the guard stops a save."""
    try:
        work_items.save(tx, before, after, action=Action.SET_PRIORITY, by=None)
    except LostRace:
        return True
    return False


def rows(database, table):
    return database.read(lambda tx: tx.connection.execute(sa.select(table)).all()).result(10)


def test_saving_over_a_row_that_moved_after_loading_is_a_lost_race_and_writes_nothing(database, cast, offered):
    """THE test of the guard: the row moves in the same transaction, so no lock and no snapshot can help."""

    def unit(tx):
        item = work_items.get(tx, offered.id)
        bump(tx, item.id)
        taken = item.allocated_and_opened(to=cast.ana, session="s")
        return loses(tx, item, taken), work_items.get(tx, offered.id)

    lost, after = database.write(unit).result(10)

    assert lost
    assert after == replace(offered, version=1)  # bumped by the rival, and otherwise as it was
    assert [row.version for row in rows(database, history_table)] == [0]
    assert rows(database, holder) == []


def test_an_item_that_is_loaded_has_every_value_that_an_item_has(offered):
    assert WorkItem(**vars(offered)) == offered
    assert vars(offered).keys() == {field.name for field in fields(WorkItem)}


def test_saving_what_was_saved_already_is_a_lost_race(database, cast, offered):
    def unit(tx):
        taken = offered.allocated_and_opened(to=cast.ana, session="s")
        return loses(tx, offered, taken), loses(tx, offered, taken)

    assert database.write(unit).result(10) == (False, True)


@pytest.mark.parametrize("claimed", [-1, 1, 2])
def test_saving_from_a_version_that_is_not_stored_is_a_lost_race(database, offered, claimed):
    before = replace(offered, version=claimed)

    assert database.write(lambda tx: loses(tx, before, replace(before, priority=1))).result(10)


def test_a_save_touches_no_other_item(database, new_item, stored):
    one, other = new_item(), new_item()

    database.write(
        lambda tx: work_items.save(tx, one, replace(one, priority=1), action=Action.SET_PRIORITY, by=None)
    ).result(10)

    assert (stored(one.id).priority, stored(other.id)) == (1, other)


def test_every_save_raises_the_version_by_exactly_one_with_one_history_row(database, offered, stored):
    def unit(tx):
        item = work_items.get(tx, offered.id)
        saved = work_items.save(
            tx, item, replace(item, priority=item.priority + 1), action=Action.SET_PRIORITY, by=None
        )
        return saved, work_items.get(tx, offered.id)

    for version in range(1, 6):
        saved, read = database.write(unit).result(10)
        assert saved == read
        assert read.version == version

    assert [row.version for row in rows(database, history_table)] == [0, 1, 2, 3, 4, 5]
    assert stored(offered.id).priority == offered.priority + 5


def test_a_save_that_changes_nothing_is_a_version_too(database, offered, stored):
    database.write(lambda tx: work_items.save(tx, offered, offered, action=Action.RESCHEDULE, by=None)).result(10)

    found = stored(offered.id)
    assert found == replace(offered, version=1, history_hash=found.history_hash)
    assert found.history_hash != offered.history_hash


def test_a_unit_that_fails_after_its_save_leaves_neither_item_nor_history(database, offered, stored):
    def unit(tx):
        work_items.save(tx, offered, replace(offered, priority=1), action=Action.SET_PRIORITY, by=None)
        raise ValueError("afterwards")

    with pytest.raises(ValueError, match="afterwards"):
        database.write(unit).result(10)

    assert stored(offered.id) == offered
    assert [row.version for row in rows(database, history_table)] == [0]


def test_where_no_history_can_be_written_the_item_stays_as_it_was(database, offered, stored):
    def unit(tx):
        # The row that the save is about to write is there already.
        tx.connection.execute(
            sa.insert(history_table).values(
                work_item_id=offered.id,
                version=1,
                tenancy_id=1,
                action="x",
                at=SOON,
                state_after="OFFERED",
                changed="[]",
            )
        )
        work_items.save(tx, offered, replace(offered, priority=1), action=Action.SET_PRIORITY, by=None)

    with pytest.raises(Exception, match="database"):
        database.write(unit).result(10)

    assert stored(offered.id) == offered
    assert [row.version for row in rows(database, history_table)] == [0]


def test_the_history_tells_who_did_what_and_what_changed(database, cast, offered):
    fields = (replace(offered.fields[1], values=("done",)),)

    def unit(tx):
        taken = work_items.save(
            tx,
            offered,
            offered.allocated_and_opened(to=cast.ana, session="s"),
            action=Action.ALLOCATE_AND_OPEN,
            by=cast.ana,
        )
        closed = taken.closed(payload=fields, hidden_until=None)
        work_items.save(tx, taken, closed, action=Action.CLOSE, by=cast.ana)
        return history.of(tx, offered.id)

    scheduled, taken, closed = database.write(unit).result(10)

    assert (scheduled.version, scheduled.action, scheduled.actor) == (0, Action.SCHEDULE, None)
    assert (scheduled.state_before, scheduled.state_after) == (None, State.OFFERED)
    assert (taken.version, taken.action, taken.actor) == (1, Action.ALLOCATE_AND_OPEN, "ana")
    assert (taken.state_before, taken.state_after) == (State.OFFERED, State.OPENED)
    assert taken.changed == ["offered_when_opened", "owner", "session", "state"]
    assert (closed.version, closed.action, closed.actor) == (2, Action.CLOSE, "ana")
    assert (closed.state_before, closed.state_after) == (State.OPENED, State.PENDED)
    assert closed.changed == ["fields", "session", "state"]
    assert scheduled.at <= taken.at == closed.at


def test_the_history_keeps_the_data_of_the_versions_that_changed_them(database, cast, offered):
    def unit(tx):
        item = work_items.save(tx, offered, replace(offered, priority=1), action=Action.SET_PRIORITY, by=None)
        fields = (item.fields[0], replace(item.fields[1], values=("new",)), *item.fields[2:])
        work_items.save(tx, item, replace(item, fields=fields), action=Action.RESCHEDULE, by=None)

    database.write(unit).result(10)

    first, second, third = (row.fields for row in rows(database, history_table))
    assert "Adler" in first
    assert second is None
    assert "new" in third


def test_everything_of_an_item_is_read_back_as_it_was_saved(database, cast, offered, stored):
    after = replace(
        offered,
        state=State.PENDHIDDEN,
        name="Another name \u00e4\U0001f600",
        description="several\nlines",
        priority=7,
        group_id=2**40,
        work_type_id="a type",
        attributes={"attribute1": 2**62, "attribute2": "text", "attribute5": Decimal("1.50"), "attribute6": SOON},
        context=ItemContext(activity_id="a", app_name="b", app_instance_description=""),
        schedule=Schedule(start=SOON, end=SOON),
        fields=(Field(name="X", direction=Direction.OUTPUT, type=FieldType.INTEGER_NUMBER, values=("1",)),),
        owner=cast.carl,
        session=str(uuid.uuid4()),
        offered_when_opened=True,
        state_before_hiding=State.ALLOCATED,
        hidden_until=SOON,
        state_before_suspension=State.PENDHIDDEN,
        data_rescheduled=True,
    )

    database.write(lambda tx: work_items.save(tx, offered, after, action=Action.RESCHEDULE, by=None)).result(10)

    found = stored(offered.id)
    assert found == replace(after, version=1, history_hash=found.history_hash)
    assert found.history_hash != offered.history_hash


def test_a_new_item_is_at_version_zero_with_a_guid_and_its_offer_set(database, cast):
    def unit(tx):
        return work_items.add(
            tx, NewWorkItem(name="New"), (), guid="a guid", by=cast.supervisor, offered_to=[cast.ana, cast.ben]
        )

    item = database.write(unit).result(10)

    assert (item.version, item.guid, item.state, item.owner) == (0, "a guid", State.OFFERED, None)
    assert database.read(
        lambda tx: [work_items.is_offered_to(tx, item, one) for one in (cast.ana, cast.ben, cast.carl)]
    ).result(10) == [True, True, False]
    (entry,) = database.read(lambda tx: history.of(tx, item.id)).result(10)
    assert (entry.version, entry.actor, entry.state_before) == (0, "supervisor", None)


def test_an_item_that_is_allocated_at_once_has_been_held(database, cast):
    def unit(tx):
        new = NewWorkItem(name="New", distribution=Distribution.ALLOCATE)
        return work_items.add(tx, new, (), guid="g", by=None, offered_to=[cast.ana], allocated_to=cast.ana)

    item = database.write(unit).result(10)

    assert (item.state, item.owner) == (State.ALLOCATED, cast.ana)
    assert database.read(lambda tx: work_items.has_been_held_by(tx, item, cast.ana)).result(10)


def test_who_held_an_item_once_has_held_it_for_ever(database, cast, offered):
    def unit(tx):
        item = offered
        for owner in (cast.ana, cast.carl, cast.ana, None):
            item = work_items.save(tx, item, replace(item, owner=owner), action=Action.REALLOCATE, by=None)
        return [work_items.has_been_held_by(tx, item, one) for one in (cast.ana, cast.carl, cast.ben)]

    assert database.write(unit).result(10) == [True, True, False]


def test_only_items_in_the_state_opened_count_as_open(database, cast, new_item):
    items = [new_item() for _ in State]

    def unit(tx):
        for item, state in zip(items, State, strict=True):
            work_items.save(tx, item, replace(item, state=state, owner=cast.ana), action=Action.REALLOCATE, by=None)
        return work_items.count_open(tx, cast.ana), work_items.count_open(tx, cast.ben)

    assert database.write(unit).result(10) == (1, 0)


def test_an_unknown_item_is_named(database):
    with pytest.raises(UnknownWorkItem) as unknown:
        database.read(lambda tx: work_items.get(tx, 4711)).result(10)
    assert unknown.value.parameters == ("4711",)


def test_items_are_listed_by_id_and_the_highest_id_is_known(database, new_item):
    assert database.read(work_items.highest_id).result(10) == 0
    ids = [new_item().id for _ in range(3)]

    assert database.read(work_items.highest_id).result(10) == ids[-1]
    assert [item.id for item in database.read(lambda tx: work_items.first(tx, 2)).result(10)] == ids[:2]


def test_items_that_changed_in_different_attributes_do_not_share_a_statement(database, new_item, stored):
    """The statement is made of the first one's columns: it would lose the others'."""
    one, two = new_item(), new_item()
    changes = [(one, replace(one, priority=1)), (two, replace(two, priority=1, name="Other"))]

    with pytest.raises(ValueError, match="different attributes"):
        database.write(lambda tx: work_items.save_alike(tx, changes, action=Action.SET_PRIORITY, by=None)).result(10)
    assert (stored(one.id), stored(two.id)) == (one, two)


def test_of_items_saved_together_one_that_moved_keeps_all_as_they_were(database, new_item, stored):
    one, two = new_item(), new_item()

    def race(tx):
        rival = work_items.get(tx, two.id)
        work_items.save(tx, rival, replace(rival, priority=9), action=Action.SET_PRIORITY, by=None)
        changes = [(item, replace(item, priority=1)) for item in (one, two)]
        with pytest.raises(LostRace):
            work_items.save_alike(tx, changes, action=Action.SET_PRIORITY, by=None)
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        database.write(race).result(10)
    assert (stored(one.id).version, stored(two.id).version) == (0, 0)
