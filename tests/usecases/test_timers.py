"""Hidden items come back when their time comes: by the sweep, or first of all by a write on them."""

from dataclasses import replace
from datetime import timedelta

import pytest

from soapsvc.domain.errors import NotAllowed, StaleVersion, WrongState
from soapsvc.domain.schedule import Duration, Period
from soapsvc.domain.states import Action, State
from soapsvc.storage import history, work_items
from soapsvc.storage.database import InTenancy, open_database
from soapsvc.usecases import allocation, items, scheduling, timers
from soapsvc.usecases.access import ItemReference
from tests.conftest import DEFAULT_TENANCY

AN_HOUR = Period(duration=Duration(hours=1))


@pytest.fixture
def clock():
    """How many hours later it is than it really is."""
    return [0.0]


@pytest.fixture
def database(database_url, clock):
    database = open_database(database_url, clock=lambda now: now + timedelta(hours=clock[0]))
    yield InTenancy(database, DEFAULT_TENANCY)
    database.close()


@pytest.fixture
def hidden(new_item, write, cast):
    """Make an item that ana hid for an hour."""

    def make():
        reference = ItemReference(id=new_item().id)
        write(lambda tx: allocation.allocate_items(tx, cast.caller("ana"), [allocation.Allocation(item=reference)]))
        pend = items.Pend(item=reference, hidden=AN_HOUR)
        return write(lambda tx: items.pend_items(tx, cast.caller("ana"), [pend]))[0]

    return make


@pytest.fixture
def sweep(write):
    return lambda most=100: write(lambda tx: timers.bring_back_due(tx, most))


def test_the_sweep_brings_back_what_is_due_as_a_version_without_an_actor(hidden, sweep, clock, stored, history_of):
    item = hidden()
    clock[0] = 1.01

    assert sweep() == 1

    back = stored(item.id)
    assert back == replace(
        item, version=3, state=State.ALLOCATED, hidden_until=None, state_before_hiding=None,
        history_hash=back.history_hash,
    )  # fmt: skip
    entry = history_of(item.id)[-1]
    assert (entry.version, entry.action, entry.actor) == (3, Action.REAPPEAR, None)
    assert (entry.state_before, entry.state_after) == (State.PENDHIDDEN, State.ALLOCATED)
    assert sweep() == 0


def test_nothing_comes_back_before_its_time(hidden, sweep, clock, stored):
    item = hidden()
    clock[0] = 0.99

    assert sweep() == 0
    assert stored(item.id) == item


def test_the_sweep_works_in_portions_the_longest_overdue_first(hidden, sweep, clock, stored):
    made = []
    for hours in (0.2, 0.1, 0.0):
        clock[0] = hours
        made.append(hidden().id)
    clock[0] = 5

    assert sweep(2) == 2
    assert [stored(item_id).state for item_id in made] == [State.PENDHIDDEN, State.ALLOCATED, State.ALLOCATED]
    assert (sweep(2), sweep(2)) == (1, 0)


def test_many_that_are_due_at_once_come_back_whole(kind, database, write, cast, clock, sweep):
    many = {"sqlite": 3000, "postgresql": 300}[kind]

    def hide(tx):
        until = tx.now() + timedelta(hours=1)
        for item in work_items.first(tx, 10_000):
            given = work_items.save(tx, item, item.allocated(to=cast.ana), action=Action.ALLOCATE, by=None)
            work_items.save(tx, given, given.pended(hidden_until=until), action=Action.PEND, by=None)

    write(lambda tx: scheduling.create_items(tx, new=scheduling.NewWorkItem(name="x"), offer_to=["ana"], count=many))
    database.write(hide).result(60)
    clock[0] = 2

    portions = [sweep(many // 3) for _ in range(4)]

    assert portions == [many // 3] * 3 + [0]
    found = database.read(lambda tx: {(one.state, one.version) for one in work_items.first(tx, 10_000)}).result(30)
    assert found == {(State.ALLOCATED, 3)}
    assert database.read(lambda tx: list(history.broken_chains(tx, after=0, to=10_000))).result(60) == []


def test_a_hidden_item_that_is_suspended_does_not_come_back_before_it_is_resumed(
    hidden, sweep, clock, write, cast, stored
):
    item = hidden()
    reference = ItemReference(id=item.id)
    suspended = write(lambda tx: scheduling.suspend_item(tx, cast.caller("supervisor"), reference))
    clock[0] = 2

    assert sweep() == 0
    assert stored(item.id) == suspended

    write(lambda tx: scheduling.resume_item(tx, cast.caller("supervisor"), reference))
    assert stored(item.id).state is State.PENDHIDDEN
    assert sweep() == 1
    assert (stored(item.id).state, stored(item.id).version) == (State.ALLOCATED, 5)


def test_a_cancelled_item_does_not_come_back(hidden, sweep, clock, write, cast, stored):
    item = hidden()
    cancelled = write(lambda tx: scheduling.cancel_item(tx, cast.caller("supervisor"), ItemReference(id=item.id)))
    clock[0] = 2

    assert sweep() == 0
    assert stored(item.id) == cancelled


def test_a_reader_finds_an_item_that_is_due_as_it_is_stored(hidden, clock, write, cast, stored):
    item = hidden()
    clock[0] = 2

    (read,) = write(lambda tx: items.get_headers(tx, cast.caller("ana"), [ItemReference(id=item.id, version=2)]))

    assert read == item == stored(item.id)


def test_a_write_brings_an_item_that_is_due_back_first(hidden, clock, write, cast, history_of):
    item = hidden()
    clock[0] = 2

    (opened,) = write(lambda tx: items.open_items(tx, cast.caller("ana"), [ItemReference(id=item.id)]))

    assert (opened.state, opened.version) == (State.OPENED, 4)
    assert [(one.action, one.actor) for one in history_of(item.id)[-2:]] == [
        (Action.REAPPEAR, None),
        (Action.OPEN, "ana"),
    ]


def test_who_supplies_the_version_before_the_timer_is_told_the_one_after_it_and_that_one_is_stored(
    hidden, clock, write, cast, stored
):
    item = hidden()
    clock[0] = 2

    with pytest.raises(StaleVersion) as stale:
        write(lambda tx: items.open_items(tx, cast.caller("ana"), [ItemReference(id=item.id, version=2)]))

    assert stale.value.parameters == (str(item.id), "3", "2", "ALLOCATED", "GUID-of-ana")
    assert (stored(item.id).state, stored(item.id).version) == (State.ALLOCATED, 3)
    (opened,) = write(lambda tx: items.open_items(tx, cast.caller("ana"), [ItemReference(id=item.id, version=3)]))
    assert opened.version == 4


def test_the_timer_stands_though_the_write_fails_on_the_state(hidden, clock, write, cast, stored):
    item = hidden()
    clock[0] = 2

    with pytest.raises(WrongState) as wrong:
        write(lambda tx: items.save_item(tx, cast.caller("ana"), ItemReference(id=item.id), ()))

    assert wrong.value.parameters[1] == "ALLOCATED"
    assert (stored(item.id).state, stored(item.id).version) == (State.ALLOCATED, 3)


def test_who_has_no_tie_to_an_item_sets_off_no_timer(hidden, clock, write, cast, stored):
    item = hidden()
    clock[0] = 2

    with pytest.raises(NotAllowed):
        write(lambda tx: items.open_items(tx, cast.caller("carl"), [ItemReference(id=item.id)]))
    assert stored(item.id) == item


@pytest.mark.parametrize("count", [2, 6, 50])
def test_a_batch_may_name_any_number_of_items_that_are_due(hidden, clock, write, cast, count):
    references = [ItemReference(id=hidden().id) for _ in range(count)]
    clock[0] = 2

    opened = write(lambda tx: items.open_items(tx, cast.caller("ana"), references))

    assert [(one.state, one.version) for one in opened] == [(State.OPENED, 4)] * count


def test_in_a_batch_that_fails_the_timers_stand_and_nothing_else(hidden, offered, clock, write, cast, stored):
    item = hidden()
    clock[0] = 2

    with pytest.raises(WrongState):
        write(
            lambda tx: items.open_items(
                tx, cast.caller("ana"), [ItemReference(id=item.id), ItemReference(id=offered.id)]
            )
        )
    assert (stored(item.id).state, stored(item.id).version) == (State.ALLOCATED, 3)
    assert stored(offered.id) == offered


def test_a_touch_of_an_item_that_is_due_applies_its_timer_first(hidden, clock, write, stored):
    item = hidden()
    clock[0] = 1.01

    touched = write(lambda tx: scheduling.touch_item(tx, item.id))

    assert (touched.version, touched.state) == (4, State.ALLOCATED)
    assert stored(item.id) == touched
