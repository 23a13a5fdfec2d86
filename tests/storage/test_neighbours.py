"""Several processes of one service: what one changes the others know at once, and each gets its turn to write."""

import asyncio
import threading

import pytest

from soapsvc.domain.caller import SystemAction
from soapsvc.domain.errors import StorageUnavailable
from soapsvc.storage import neighbours as neighbours_module
from soapsvc.storage import people, sqlite, standing
from soapsvc.storage.database import InTenancy, open_database
from soapsvc.storage.memories import Memories
from soapsvc.storage.neighbours import Neighbours
from tests.storage.units import DEADLINE, adding, names
from tests.support.driver import watching

SECONDS = 3600.0
UNITS = 30


@pytest.fixture
def neighbours() -> Neighbours:
    return Neighbours(2)


@pytest.fixture
def both(database_url, database_path, database, neighbours):
    """The database as two processes of one service have it, which remember for an hour."""
    opened = []
    for number in range(2):
        member = neighbours.member(number)
        memories = Memories(SECONDS, changes=member.changes)
        opened.append(open_database(database_url, memories=memories, neighbour=member))
    yield [InTenancy(one, database.tenancy) for one in opened]
    for one in opened:
        one.close()


def test_a_grant_that_one_process_takes_back_holds_in_none_of_them(both, cast):
    one, other = both
    action = SystemAction.CANCEL_WORK_ITEM
    one.write(lambda tx: people.grant(tx, cast.ana, action)).result(DEADLINE)

    def may(database):
        return database.read(lambda tx: bool(standing.of(tx, cast.ana).scopes.get(action))).result(DEADLINE)

    assert [may(one), may(other)] == [True, True]
    one.write(lambda tx: people.revoke(tx, cast.ana, action)).result(DEADLINE)
    assert [may(one), may(other)] == [False, False]


def test_changes_of_several_processes_at_once_are_all_counted(neighbours):
    one, other = (neighbours.member(number).changes for number in range(2))
    for changes in (one, other, other):
        before = one.count()
        changes.note()
        assert one.count() == other.count() == before + 1


def test_who_takes_the_place_of_another_process_goes_on_with_its_count(neighbours):
    neighbours.member(1).changes.note()
    assert neighbours.member(1).changes.count() == neighbours.member(0).changes.count() == 1


def test_two_processes_that_write_at_once_both_get_their_turns_on_their_loops(both, new_loop, another_process):
    """The one that finds the file locked lets its loop go on, and runs there when it is told that it may."""
    started, threads = threading.Barrier(2, timeout=DEADLINE), set()
    failures = []

    def write_all(database, prefix):
        async def main():
            await database.written(adding(f"{prefix} at first"))  # connected: that is done in the thread
            started.wait()
            for number in range(UNITS):
                await database.written(adding(f"{prefix}{number}"))

        try:
            with asyncio.Runner(loop_factory=new_loop) as runner:
                runner.run(asyncio.wait_for(main(), DEADLINE))
        except BaseException as error:
            failures.append(error)

    def notice(_, statement):
        if statement.startswith("SAVEPOINT"):
            threads.add(threading.current_thread().name)

    with watching(before=notice):
        loops = [
            threading.Thread(target=write_all, args=(one, prefix), name=prefix)
            for one, prefix in zip(both, "ab", strict=True)
        ]
        for loop in loops:
            loop.start()
        for loop in loops:
            loop.join(DEADLINE)

    assert not failures
    assert {f"{prefix}{number}" for prefix in "ab" for number in range(UNITS)} <= names(another_process)
    assert {"a", "b"} <= threads


def test_who_waits_for_a_neighbour_is_told_when_it_has_written(both, new_loop, monkeypatch):
    """A neighbour that holds the file does not keep the loop, and the batch is run when it is let go of."""
    monkeypatch.setattr(neighbours_module, "_SECONDS_UNTOLD", 3600.0)
    one, other = both
    entered, release = threading.Event(), threading.Event()

    def hold(_):
        entered.set()
        assert release.wait(DEADLINE)

    async def main():
        await other.written(adding("connected"))
        holding = one.write(hold)
        assert await asyncio.to_thread(entered.wait, DEADLINE)
        waiting = other.written(adding("told"))
        assert await other.seen(lambda _: "the loop goes on") == "the loop goes on"
        assert not waiting.done()
        release.set()
        result = await waiting
        holding.result(DEADLINE)
        return result

    with asyncio.Runner(loop_factory=new_loop) as runner:
        assert runner.run(asyncio.wait_for(main(), DEADLINE)) == "told"


def test_a_file_that_somebody_else_keeps_locked_is_unavailable_in_the_end(both, new_loop, another_process, monkeypatch):
    monkeypatch.setattr(sqlite, "BUSY_TIMEOUT", 0.05)

    async def main():
        await both[0].written(adding("connected"))
        with another_process() as connection:
            connection.execute("BEGIN IMMEDIATE")
            with pytest.raises(StorageUnavailable):
                await both[0].written(adding("kept out"))
            connection.execute("ROLLBACK")
        return await both[0].written(adding("let in"))

    with asyncio.Runner(loop_factory=new_loop) as runner:
        assert runner.run(asyncio.wait_for(main(), DEADLINE)) == "let in"
    assert "kept out" not in names(another_process)


def test_telling_nobody_never_waits(neighbours):
    for _ in range(100_000):
        neighbours.member(0).tell_written()


def test_a_neighbour_that_is_closed_while_it_waits_still_writes_what_it_took_on(both, new_loop, another_process):
    one, other = both
    entered, release = threading.Event(), threading.Event()

    def hold(_):
        entered.set()
        assert release.wait(DEADLINE)

    async def main():
        await other.written(adding("connected"))
        one.write(hold)
        assert await asyncio.to_thread(entered.wait, DEADLINE)
        waiting = other.written(adding("taken on"))
        await asyncio.sleep(0)
        closing = asyncio.get_running_loop().run_in_executor(None, other.close)
        release.set()
        await closing
        return await waiting

    with asyncio.Runner(loop_factory=new_loop) as runner:
        assert runner.run(asyncio.wait_for(main(), DEADLINE)) == "taken on"
    assert "taken on" in names(another_process)
