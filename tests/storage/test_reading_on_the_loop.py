"""Reads from an event loop: at once and on it, of one committed state, without any power to change it."""

import asyncio
import threading
from datetime import UTC, datetime

import pytest

from soapsvc.domain.errors import StorageUnavailable, UnknownWorkItem
from soapsvc.storage import people, sqlite, work_items
from soapsvc.storage.database import InTenancy, open_database
from soapsvc.storage.memories import Memories
from soapsvc.storage.readers import NotAtOnce, Readers
from tests.conftest import DEFAULT_TENANCY
from tests.storage.units import DEADLINE, adding, names

KINDS_OF_DATABASE = ("sqlite",)


def where(_) -> int:
    """A unit that tells the thread in which it runs."""
    return threading.get_ident()


def has(name: str):
    return lambda tx: people.find_resource_by_name(tx, name) is not None


def test_a_short_read_runs_on_the_loops_own_thread_and_is_answered_at_once(connected, on_loop):
    async def main():
        reading = connected.seen(where)
        with pytest.raises(StopIteration) as answered:  # it came to its end without having waited for anything
            reading.send(None)
        return answered.value.value

    assert on_loop(main()) == threading.get_ident()


def test_a_long_read_never_runs_on_the_loop_which_answers_others_meanwhile(connected, on_loop):
    let_go = threading.Event()

    def long(_):
        assert let_go.wait(DEADLINE)  # only the loop lets it go: on the loop this would wait in vain
        return threading.get_ident()

    async def main():
        running = asyncio.create_task(connected.seen(long, is_long=True))
        for number in range(5):
            assert await connected.seen(where) == threading.get_ident()
            assert await connected.written(adding(f"p{number}")) == f"p{number}"
        assert not running.done()
        let_go.set()
        return await running

    assert on_loop(main()) != threading.get_ident()


@pytest.mark.parametrize("is_long", [False, True])
def test_who_was_told_of_a_write_reads_it_at_once(connected, on_loop, is_long):
    async def main():
        for number in range(20):
            name = await connected.written(adding(f"p{number}"))
            assert await connected.seen(has(name), is_long=is_long)

    on_loop(main())


def test_many_who_write_and_read_at_once_read_each_his_own_write(connected, on_loop):
    async def write_and_read(who: str) -> bool:
        return await connected.seen(has(await connected.written(adding(who))))

    async def main():
        return await asyncio.gather(*(write_and_read(f"p{number}") for number in range(100)))

    assert all(on_loop(main()))


def test_a_read_does_not_wait_for_an_open_write_and_sees_only_what_is_committed(connected, on_loop):
    wrote, let_go = threading.Event(), threading.Event()

    def unit(tx):
        adding("dora")(tx)
        wrote.set()
        assert let_go.wait(DEADLINE)

    async def main():
        writing = connected.written(unit, is_long=True)
        assert await asyncio.to_thread(wrote.wait, DEADLINE)
        meanwhile = await connected.seen(has("dora"))
        assert not writing.done()
        let_go.set()
        await writing
        return meanwhile, await connected.seen(has("dora"))

    assert on_loop(main()) == (False, True)


def test_a_read_sees_one_state_from_its_begin_to_its_end(connected, on_loop):
    def unit(tx):
        before = has("dora")(tx)
        connected.write(adding("dora")).result(DEADLINE)
        return before, has("dora")(tx)

    async def main():
        return await connected.seen(unit), await connected.seen(has("dora"))

    assert on_loop(main()) == ((False, False), True)


def changing_the_schema(tx):
    tx.connection.exec_driver_sql("DROP TABLE history")


def writing_past_sqlalchemy(tx):
    tx.driver.execute("UPDATE account SET name = 'x'")


@pytest.mark.parametrize("unit", [adding("dora"), changing_the_schema, writing_past_sqlalchemy])
def test_a_read_can_change_nothing_and_those_after_it_are_answered_at_once_again(
    connected, on_loop, another_process, unit
):
    before = names(another_process)

    async def main():
        for _ in range(3):
            with pytest.raises(StorageUnavailable, match="read-only"):
                await connected.seen(unit)
            assert await connected.seen(where) == threading.get_ident()
        return await connected.seen(has("dora"))

    assert on_loop(main()) is False
    assert names(another_process) == before


def test_a_read_fails_with_what_its_unit_raised_after_one_run(connected, on_loop):
    runs: list[None] = []

    def unit(tx):
        runs.append(None)
        work_items.get(tx, 4711)

    async def main():
        with pytest.raises(UnknownWorkItem):
            await connected.seen(unit)
        return await connected.seen(where)

    assert on_loop(main()) == threading.get_ident()
    assert len(runs) == 1


def test_a_failure_of_the_database_is_a_sentence_for_the_operator(connected, on_loop, database_path):
    async def main():
        await connected.seen(lambda tx: tx.connection.exec_driver_sql("SELECT secret FROM nowhere"))

    with pytest.raises(StorageUnavailable) as failed:
        on_loop(main())

    assert str(failed.value).startswith(f"The database {database_path} ")


@pytest.mark.parametrize("ask", [people.everyone, lambda tx: tx.connection.exec_driver_sql("SELECT 1")])
def test_a_connection_that_broke_is_replaced(connected, on_loop, ask):
    """As when the disk reports an error: whatever is asked of the connection fails from then on."""

    def breaking(tx):
        tx.driver.close()
        ask(tx)

    async def main():
        for _ in range(3):
            with pytest.raises(StorageUnavailable):
                await connected.seen(breaking)
            assert await connected.seen(where) == threading.get_ident()
            assert len(await connected.seen(people.everyone)) == 4

    on_loop(main())


def test_a_connection_that_broke_between_two_reads_harms_no_read(connected, on_loop):
    async def main():
        await connected.seen(lambda tx: kept.append(tx.driver))
        kept.pop().close()
        return [len(await connected.seen(people.everyone)) for _ in range(2)], await connected.seen(where)

    kept: list = []

    assert on_loop(main()) == ([4, 4], threading.get_ident())


def test_two_loops_never_use_one_connection_at_a_time(connected, new_loop, on_loop):
    entered, let_go = threading.Event(), threading.Event()

    def waiting(tx):
        entered.set()
        assert let_go.wait(DEADLINE)
        return id(tx.driver)

    def other_loop(into: list[int]) -> None:
        async def main():
            into.append(await connected.seen(waiting))

        with asyncio.Runner(loop_factory=new_loop) as runner:
            runner.run(main())

    async def main():
        assert await asyncio.to_thread(entered.wait, DEADLINE)
        mine = await connected.seen(lambda tx: id(tx.driver))
        let_go.set()
        return mine

    others: list[int] = []
    thread = threading.Thread(target=other_loop, args=[others], daemon=True)
    thread.start()
    mine = on_loop(main())
    thread.join(DEADLINE)

    assert len(others) == 1
    assert mine != others[0]


def test_a_file_that_another_process_keeps_to_itself_does_not_keep_the_loop(
    database_url, on_loop, another_process, monkeypatch
):
    monkeypatch.setattr(sqlite, "BUSY_TIMEOUT", DEADLINE / 2)
    database = InTenancy(open_database(database_url), DEFAULT_TENANCY)

    async def main():
        loop = asyncio.get_running_loop()
        with another_process() as connection:
            for statement in ("PRAGMA locking_mode = EXCLUSIVE", "UPDATE account SET enabled = 1"):
                connection.execute(statement)
            began = loop.time()
            reading = asyncio.create_task(database.seen(people.everyone))
            await asyncio.sleep(0)  # it runs as far as it can
            assert loop.time() - began < DEADLINE / 4
        return await reading

    try:
        assert len(on_loop(main())) == 4
    finally:
        database.close()


def test_where_the_readers_are_closed_no_read_opens_the_file_again(database_path):
    """A loop's read may have found the database open a moment before another thread closed it."""
    readers = Readers(database_path, lambda: datetime.now(UTC), Memories())
    readers.close()

    with pytest.raises(NotAtOnce):
        readers.look_at_once(people.everyone)


def test_a_read_that_nobody_waits_for_any_longer_is_not_run(connected, on_loop):
    runs: list[None] = []

    async def main():
        reading = asyncio.create_task(connected.seen(lambda _: runs.append(None)))
        reading.cancel()
        await asyncio.wait([reading])
        return await connected.seen(where)

    on_loop(main())

    assert runs == []


def test_a_loop_that_closes_the_database_during_its_reads_is_told(connected, on_loop):
    async def main():
        reading = [asyncio.create_task(connected.seen(people.everyone, is_long=True)) for _ in range(50)]
        await asyncio.sleep(0)  # they run as far as they can
        connected.close()
        return await asyncio.gather(*reading)

    assert [len(everyone) for everyone in on_loop(main())] == [4] * 50
