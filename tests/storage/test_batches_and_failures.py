"""Short writes that share a transaction on PostgreSQL: no unit suffers from what befalls its neighbours."""

import asyncio
import threading
from collections import Counter

import pytest
import sqlalchemy as sa

from soapsvc.domain.errors import (
    LostRace,
    OutcomeUnknown,
    StaleVersion,
    StorageUnavailable,
    UnknownWorkItem,
)
from soapsvc.storage import history, postgresql_database, sessions, work_items
from soapsvc.storage.database import InTenancy, Limits, open_database
from soapsvc.storage.postgresql_database import PostgresqlDatabase
from soapsvc.storage.statements import Statement
from soapsvc.usecases import items
from soapsvc.usecases.access import ItemReference
from tests.conftest import DEFAULT_TENANCY
from tests.storage.units import DEADLINE, changing, noting, told
from tests.support.databases import end_connections, run_by_hand
from tests.support.driver import watching

pytestmark = [pytest.mark.parametrize("kind", ["postgresql"]), pytest.mark.usefixtures("kind")]


@pytest.fixture
def new_loop():
    """Make an event loop, of the one kind that is everywhere: nothing here depends on it."""
    return asyncio.new_event_loop


LOCK_SECONDS = 2
"""Longer than a batch waits for a lock, and shorter than a unit does that is alone."""


# Units that fail


def test_who_is_refused_before_he_has_written_anything_fails_alone(together, commits, offered, versions):
    runs = []
    commits.clear()
    refused, version = together(noting(runs, lambda tx: work_items.get(tx, 4711)), noting(runs, changing(offered.id)))
    assert isinstance(refused, UnknownWorkItem)
    assert (version, versions(offered.id)) == (1, ([0, 1], 1))
    assert (len(runs), len(commits)) == (2, 1)


@pytest.mark.parametrize("error", [KeyError("spoilt"), SystemExit(3), StopIteration()], ids=repr)
def test_who_fails_after_writing_leaves_nothing_and_his_neighbours_stay(together, new_item, versions, error):
    first, second = new_item().id, new_item().id

    def failing(tx):
        changing(first)(tx)
        raise error

    failure, version = together(failing, changing(second))
    assert repr(error) in repr(failure) or isinstance(failure, RuntimeError)
    assert (versions(first), version, versions(second)) == (([0], 0), 1, ([0, 1], 1))


@pytest.mark.parametrize("looks", [False, True], ids=["at once", "after another look"])
def test_what_was_kept_by_who_fails_is_not_stored(together, database_url, new_item, opened, looks):
    """Nobody has waited for it: it goes with the next look, or not at all."""

    def failing(tx):
        sessions.begin(tx, opened.with_changes(session="left behind"))
        if looks:
            work_items.get(tx, opened.id)
        raise KeyError

    assert together(failing, changing(new_item().id))[1] == 1
    assert not run_by_hand(database_url, "SELECT 1 FROM version_session WHERE guid = 'left behind'")


def test_where_the_database_refuses_what_one_has_kept_the_others_stay(together, new_item, opened, versions):
    """It is known only with the commit, which is none then."""

    def failing(tx):
        sessions.begin(tx, opened.with_changes(id=4711, session="of no item"))

    other = new_item().id
    failure, version = together(failing, changing(other))
    assert isinstance(failure, StorageUnavailable)
    assert (version, versions(other)) == (1, ([0, 1], 1))


def test_a_statement_that_the_database_refuses_harms_no_neighbour(together, offered, versions):
    def failing(tx):
        return Statement(sa.select((1 / sa.literal_column("0")).label("x"))).row(tx)

    failure, version = together(failing, changing(offered.id))
    assert isinstance(failure, StorageUnavailable)
    assert (version, versions(offered.id)) == (1, ([0, 1], 1))


# Races


def test_of_two_who_supply_one_version_one_succeeds_and_the_other_is_told(together, cast, opened, versions):
    close = items.Close(item=ItemReference(id=opened.id, version=opened.version))
    came_to = together(*[lambda tx: items.close_items(tx, cast.caller("ana"), [close])] * 3)
    assert Counter(type(one) for one in came_to) == {list: 1, StaleVersion: 2}
    assert versions(opened.id) == ([0, 1, 2], 2)


def test_who_supplied_no_version_is_run_again_and_his_neighbours_are_not(together, new_item, versions):
    same, other = new_item().id, new_item().id
    runs = []
    together(*(noting(runs, changing(one, number), one) for number, one in enumerate((same, same, other), 1)))
    assert versions(same) == ([0, 1, 2], 2)
    assert Counter(runs) == {same: 3, other: 1}


def test_who_always_loses_ends_after_as_many_runs_as_alone(together):
    runs = []

    def losing(_):
        runs.append(1)
        raise LostRace

    (failure,) = together(losing)
    assert isinstance(failure, StorageUnavailable)
    assert len(runs) == 5


def test_nobody_waits_for_a_row_that_somebody_outside_keeps_locked_but_who_wants_it(
    database, on_loop, database_url, new_item, versions
):
    locked, free = new_item().id, new_item().id
    engine = sa.create_engine(database_url.set(drivername="postgresql+psycopg"), poolclass=sa.NullPool)

    async def main(somebody):
        waiting = asyncio.ensure_future(database.written(changing(locked)))
        async with asyncio.timeout(LOCK_SECONDS):
            assert await database.written(changing(free)) == 1
        assert not waiting.done()
        somebody.rollback()
        assert await waiting == 1

    with engine.connect() as somebody:
        somebody.exec_driver_sql(f"SELECT id FROM work_item WHERE id = {locked} FOR UPDATE")  # noqa: S608
        on_loop(main(somebody))
    assert versions(locked) == versions(free) == ([0, 1], 1)


# A server that goes away, and callers that do


def test_a_commit_whose_answer_is_lost_is_unknown_to_all_who_shared_it(together, database_url, new_item):
    ids = [new_item().id for _ in range(2)]

    def cut(_, statement):
        if statement == "COMMIT":
            end_connections(database_url)

    with watching(before=cut):
        came_to = together(*map(changing, ids))
    assert [type(one) for one in came_to] == [OutcomeUnknown] * 2


def test_a_connection_that_is_lost_before_the_commit_fails_all_and_changes_nothing(
    together, database_url, new_item, versions
):
    """As alone: who tried again would answer later than he promised."""
    ids = [new_item().id for _ in range(2)]

    cuts = []

    def cut(_, statement):
        if statement.startswith("UPDATE") and not cuts:
            cuts.append(end_connections(database_url))

    with watching(before=cut):
        came_to = together(*map(changing, ids))
    assert [type(one) for one in came_to] == [StorageUnavailable] * 2
    assert [versions(one) for one in ids] == [([0], 0)] * 2
    assert together(*map(changing, ids)) == [1, 1]


def test_a_connection_that_was_ended_meanwhile_is_replaced(together, database_url, offered):
    end_connections(database_url)
    assert together(changing(offered.id)) == [1]


def test_a_unit_that_was_given_up_never_runs(database, on_loop, offered, versions):
    runs = []

    async def main():
        given_up = asyncio.ensure_future(database.written(noting(runs, changing(offered.id))))
        other = database.written(lambda tx: work_items.get(tx, offered.id))
        given_up.cancel()
        await other

    on_loop(main())
    assert (runs, versions(offered.id)) == ([], ([0], 0))


def test_closing_finishes_what_was_taken_on_and_then_refuses(database, on_loop, new_item, versions):
    ids = [new_item().id for _ in range(3)]

    async def main():
        taken = [asyncio.ensure_future(database.written(changing(one))) for one in ids]
        await asyncio.sleep(0)  # they are put, and their batch has not begun
        database.close()
        with pytest.raises(StorageUnavailable):
            await database.written(changing(ids[0]))
        return await told(taken)

    assert on_loop(main()) == [1, 1, 1]
    assert [versions(one) for one in ids] == [([0, 1], 1)] * 3


def test_a_loop_that_ended_holds_up_nobody_else(database, new_loop, together, new_item, versions):
    left, other = new_item().id, new_item().id
    ended = new_loop()

    async def leave():
        database.written(changing(left))

    ended.run_until_complete(leave())
    ended.close()
    assert together(changing(other)) == [1]
    database.close()
    assert versions(left) == ([0, 1], 1)


def test_units_of_two_loops_run_once_each_and_everybody_is_told_his_own(database, new_loop, new_item, versions):
    ids = [[new_item().id for _ in range(10)] for _ in range(2)]
    came_to: dict[int, list[object]] = {}

    async def main(number):
        came_to[number] = await told(database.written(lambda tx, i=one: (i, changing(i)(tx))) for one in ids[number])

    def run(number):
        with asyncio.Runner(loop_factory=new_loop) as runner:
            runner.run(main(number))

    threads = [threading.Thread(target=run, args=(number,)) for number in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(DEADLINE)
    assert came_to == {number: [(one, 1) for one in ids[number]] for number in range(2)}
    assert all(versions(one) == ([0, 1], 1) for every in ids for one in every)


def test_the_history_of_a_batch_is_a_whole_chain(together, database, new_item):
    ids = [new_item().id for _ in range(3)]
    for _ in range(2):
        together(*map(changing, ids))
    assert database.read(lambda tx: list(history.broken_chains(tx, after=0, to=max(ids)))).result(DEADLINE) == []


# Those who wait for a batch


def test_who_waits_for_a_batch_for_too_long_is_told_so(database_url, on_loop, offered, monkeypatch):
    monkeypatch.setattr(postgresql_database, "MOST_BATCHES", 1)
    database = InTenancy(open_database(database_url, limits=Limits(statement=0.5)), DEFAULT_TENANCY)
    entered, enough = threading.Event(), threading.Event()

    def keep(_):
        entered.set()
        assert enough.wait(DEADLINE)

    async def run():
        first = asyncio.ensure_future(database.written(keep))
        assert await asyncio.to_thread(entered.wait, DEADLINE)
        late = database.written(lambda tx: work_items.get(tx, offered.id))
        threading.Timer(0.6, enough.set).start()
        return await told([first, late])

    try:
        _, late = on_loop(run())
        again = on_loop(told_of(lambda: [database.written(lambda tx: work_items.get(tx, offered.id))]))
    finally:
        database.database.close()
    assert isinstance(late, StorageUnavailable)
    assert "free in time" in str(late)
    assert again == [offered]


def test_a_mistake_of_the_batches_themselves_is_told_and_the_next_ones_run(
    database, on_loop, monkeypatch, offered, caplog
):
    def units():
        return [database.written(lambda tx: work_items.get(tx, offered.id)) for _ in range(2)]

    with monkeypatch.context() as patched:
        patched.setattr(PostgresqlDatabase, "_outcomes", lambda *_: 1 / 0)
        for _ in range(postgresql_database.MOST_BATCHES + 1):
            failed = on_loop(told_of(units))
            assert [type(one) for one in failed] == [OutcomeUnknown] * 2
    assert on_loop(told_of(units)) == [offered, offered]
    assert "came to no end" in caplog.text


async def told_of(units):
    return await told(units())
