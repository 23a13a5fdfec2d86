"""Units of work: one writer, one COMMIT for many, each in its own savepoint, nothing told before it is on disk."""

import threading
from concurrent.futures import CancelledError, Future, wait

import pytest
import sqlalchemy as sa

from soapsvc.domain.errors import LostRace, NameTaken, StorageUnavailable
from soapsvc.storage import people
from soapsvc.storage.database import open_database
from soapsvc.storage.sqlite_database import MOST_UNITS_A_COMMIT
from soapsvc.storage.tables import offer
from soapsvc.storage.writer import MOST_RUNS_A_UNIT
from tests.storage.units import (
    DEADLINE,
    adding,
    adding_and_failing,
    losing_the_transaction,
    names,
    spoiling_the_commit,
)
from tests.support.driver import watching

# One commit for many


def test_units_that_wait_together_are_committed_by_one_commit(database, held, commits, another_process):
    with held():
        futures = [database.write(adding(f"p{number}")) for number in range(50)]

    assert [future.result(DEADLINE) for future in futures] == [f"p{number}" for number in range(50)]
    assert len(commits) == 2  # the unit that held the writer, and then all of them
    assert names(another_process) >= {f"p{number}" for number in range(50)}


def test_no_commit_is_shared_by_more_units_than_the_limit(database, held, commits):
    with held():
        futures = [database.write(lambda tx: None) for _ in range(2 * MOST_UNITS_A_COMMIT + 1)]
    wait(futures, DEADLINE)

    assert len(commits) == 1 + 3


def test_units_run_one_after_another_in_the_order_in_which_they_came(database, held):
    order: list[int] = []
    with held():
        futures = [database.write(lambda tx, n=number: order.append(n)) for number in range(20)]
    wait(futures, DEADLINE)

    assert order == list(range(20))


def test_a_unit_sees_what_its_neighbour_in_the_batch_wrote(database, held):
    with held():
        database.write(adding("first"))
        second = database.write(lambda tx: people.find_resource_by_name(tx, "first"))

    assert second.result(DEADLINE).name == "first"


# A savepoint for each


def test_a_unit_that_fails_after_writing_leaves_nothing_and_its_neighbours_stay(database, held, another_process):
    with held():
        before = database.write(adding("before"))
        failing = database.write(adding_and_failing("failing"))
        after = database.write(adding("after"))

    assert (before.result(DEADLINE), after.result(DEADLINE)) == ("before", "after")
    with pytest.raises(ValueError, match="failing"):
        failing.result(DEADLINE)
    assert {"before", "after"} <= names(another_process)
    assert "failing" not in names(another_process)


def test_a_unit_that_fails_in_sql_leaves_nothing_and_its_neighbours_stay(database, held, another_process):
    def unit(tx):
        adding("failing")(tx)
        tx.connection.exec_driver_sql("INSERT INTO nowhere VALUES (1)")

    with held():
        futures = [database.write(one) for one in (adding("before"), unit, adding("after"))]

    with pytest.raises(StorageUnavailable):
        futures[1].result(DEADLINE)
    wait(futures, DEADLINE)
    assert {"before", "after"} <= names(another_process)
    assert "failing" not in names(another_process)


def test_a_unit_fails_with_the_very_error_that_it_raised(database):
    error = NameTaken("x")

    assert database.write(adding_and_failing("x", error)).exception(DEADLINE) is error


def test_a_foreign_key_that_leads_nowhere_is_refused(database):
    def unit(tx):
        tx.connection.execute(sa.insert(offer).values(work_item_id=1, entity_id=4711, tenancy_id=1))

    with pytest.raises(StorageUnavailable):
        database.write(unit).result(DEADLINE)


# Nothing told before the commit


def test_results_and_faults_are_delivered_only_after_the_commit(database, held):
    futures: list[Future[object]] = []
    done_at_commit: list[list[bool]] = []

    def look(_, statement):
        if statement == "COMMIT":
            done_at_commit.append([future.done() for future in futures])

    with watching(after=look):
        with held():
            for unit in (adding("good"), adding_and_failing("bad"), lambda tx: None, adding_and_failing("worse")):
                futures.append(database.write(unit))
        wait(futures, DEADLINE)

    assert done_at_commit == [[False, False, False, False]] * 2  # of the unit that held the writer, and of these


@pytest.mark.parametrize("told", [0, 1])
def test_whoever_is_told_finds_the_whole_batch_committed(database, held, another_process, told):
    """The good unit and the bad one are told, each, when another process already sees what the batch wrote."""
    seen: list[set[str]] = []
    with held():
        futures = [database.write(unit) for unit in (adding("good"), adding_and_failing("bad"), adding("last"))]
        futures[told].add_done_callback(lambda _: seen.append(names(another_process)))
    wait(futures, DEADLINE)

    assert {"good", "last"} <= seen[0]


# When the commit fails


@pytest.mark.parametrize("spoil", [spoiling_the_commit, losing_the_transaction])
def test_if_the_commit_fails_every_unit_of_the_batch_is_told_so_and_nothing_is_stored(
    database, held, another_process, spoil
):
    with held():
        units = (adding("first"), adding_and_failing("bad"), spoil, adding("last"))
        futures = [database.write(unit) for unit in units]

    assert all(isinstance(future.exception(DEADLINE), StorageUnavailable) for future in futures)
    assert not {"first", "bad", "last"} & names(another_process)


@pytest.mark.parametrize("spoil", [spoiling_the_commit, losing_the_transaction])
def test_the_next_write_after_a_failed_commit_works(database, another_process, spoil):
    assert isinstance(database.write(spoil).exception(DEADLINE), StorageUnavailable)

    assert database.write(adding("next")).result(DEADLINE) == "next"
    assert "next" in names(another_process)


def test_a_fault_that_rests_on_a_neighbours_write_is_not_told_if_that_write_never_came_to_be(database, held):
    with held():
        database.write(adding("same"))
        second = database.write(adding("same"))  # by itself this is NameTaken
        database.write(spoiling_the_commit)

    assert isinstance(second.exception(DEADLINE), StorageUnavailable)


def test_a_failed_commit_is_a_sentence_for_the_operator(database, database_path):
    told = str(database.write(spoiling_the_commit).exception(DEADLINE))

    assert told.startswith(f"The database {database_path} ")


# Run again


@pytest.mark.parametrize("lost", [1, MOST_RUNS_A_UNIT - 1])
def test_a_unit_that_lost_a_race_is_run_again_from_the_start(database, another_process, lost):
    runs: list[object] = []

    def unit(tx):
        runs.append(tx)
        adding("once")(tx)  # on a run that saw its predecessor's write this would be NameTaken
        if len(runs) <= lost:
            raise LostRace
        return "won"

    assert database.write(unit).result(DEADLINE) == "won"
    assert len(runs) == lost + 1
    assert len({id(tx) for tx in runs}) == len(runs)  # each run has a transaction of its own
    assert "once" in names(another_process)


def test_a_unit_that_always_loses_is_given_up_and_leaves_nothing(database, held, another_process):
    runs: list[None] = []

    def unit(tx):
        runs.append(None)
        adding("never")(tx)
        raise LostRace

    with held():
        futures = [database.write(one) for one in (adding("before"), unit, adding("after"))]

    assert isinstance(futures[1].exception(DEADLINE), StorageUnavailable)
    assert len(runs) == MOST_RUNS_A_UNIT
    wait(futures, DEADLINE)
    assert {"before", "after"} <= names(another_process)
    assert "never" not in names(another_process)


def test_what_should_follow_a_dropped_run_does_not_happen(database):
    fired: list[str] = []
    runs: list[None] = []

    def unit(tx):
        runs.append(None)
        run = len(runs)
        tx.after_commit(lambda: fired.append(f"commit of run {run}"))
        tx.after_rollback(lambda: fired.append(f"rollback of run {run}"))
        if run < 3:
            raise LostRace

    database.write(unit).result(DEADLINE)

    assert fired == ["commit of run 3"]


# What follows


def test_what_follows_a_commit_happens_once_after_the_shared_commit(database, held, another_process):
    seen: list[tuple[str, bool]] = []

    def unit_of(name):
        def unit(tx):
            adding(name)(tx)
            tx.after_commit(lambda: seen.append((name, {"one", "two"} <= names(another_process))))
            tx.after_rollback(lambda: seen.append((name, False)))

        return unit

    with held():
        futures = [database.write(unit_of(name)) for name in ("one", "two")]
    wait(futures, DEADLINE)

    assert seen == [("one", True), ("two", True)]


def test_what_follows_a_rollback_happens_once_when_the_unit_failed(database, held, commits):
    fired: list[str] = []

    def failing(tx):
        tx.after_commit(lambda: fired.append("commit"))
        tx.after_rollback(lambda: fired.append(f"rollback, {len(commits)} commits"))
        raise ValueError

    with held():
        futures = [database.write(failing), database.write(adding("neighbour"))]
    wait(futures, DEADLINE)

    assert fired == ["rollback, 2 commits"]


@pytest.mark.parametrize("spoil", [spoiling_the_commit, losing_the_transaction])
def test_when_the_shared_commit_fails_what_follows_a_rollback_happens(database, held, spoil):
    fired: list[str] = []

    def unit(tx):
        tx.after_commit(lambda: fired.append("commit"))
        tx.after_rollback(lambda: fired.append("rollback"))

    with held():
        futures = [database.write(unit), database.write(spoil)]
    wait(futures, DEADLINE)

    assert fired == ["rollback"]


def test_a_follower_that_fails_harms_nobody(database):
    fired: list[str] = []

    def fail():
        raise ValueError("in a follower")

    def unit(tx):
        tx.after_commit(fail)
        tx.after_commit(lambda: fired.append("second"))
        return "result"

    assert database.write(unit).result(DEADLINE) == "result"
    assert fired == ["second"]
    assert database.write(adding("next")).result(DEADLINE) == "next"


@pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")
def test_whatever_a_unit_raises_the_writer_goes_on(database):
    class Exit(BaseException):
        """As SystemExit, or the failure of an assertion in pytest: no Exception."""

    def unit(_):
        raise Exit

    assert isinstance(database.write(unit).exception(1), Exit | StorageUnavailable)
    assert database.write(adding("next")).result(1) == "next"


# Giving up before, and closing


def test_a_write_that_was_given_up_while_it_waited_never_runs(database, held, another_process):
    with held():
        given_up = database.write(adding("given up"))
        assert given_up.cancel()
        kept = database.write(adding("kept"))

    assert kept.result(DEADLINE) == "kept"
    with pytest.raises(CancelledError):
        given_up.result(DEADLINE)
    assert "given up" not in names(another_process)


def test_closing_finishes_what_was_taken_on_and_then_refuses(database, held, another_process):
    with held():
        futures = [database.write(adding(f"p{number}")) for number in range(MOST_UNITS_A_COMMIT + 10)]
        closing = threading.Thread(target=database.close)
        closing.start()
    closing.join(DEADLINE)

    assert not closing.is_alive()
    assert [future.result(0) for future in futures] == [f"p{number}" for number in range(MOST_UNITS_A_COMMIT + 10)]
    assert {f"p{number}" for number in range(MOST_UNITS_A_COMMIT + 10)} <= names(another_process)
    with pytest.raises(StorageUnavailable, match="shutting down"):
        database.write(adding("late"))


def test_a_read_after_closing_is_refused_with_a_reason(database):
    database.close()

    with pytest.raises(StorageUnavailable):
        database.read(people.everyone).result(DEADLINE)


def test_closing_twice_is_closing_once(database):
    database.close()
    database.close()


def test_a_database_that_nobody_wrote_to_closes(database_url):
    open_database(database_url).close()
