"""Writes from an event loop that has to wait, or gives up, or ends; and the end of the database under it."""

import asyncio
import sqlite3
import threading

import pytest

from soapsvc.domain.errors import StorageUnavailable
from soapsvc.storage import sqlite
from tests.storage.units import DEADLINE, adding, names
from tests.support.driver import watching

KINDS_OF_DATABASE = ("sqlite",)

# Another process has the lock


def test_while_another_process_writes_the_loop_does_other_things_and_then_the_write_succeeds(
    connected, on_loop, another_process
):
    async def main():
        loop, refused, asking = asyncio.get_running_loop(), asyncio.Event(), []

        def notice(_, statement):
            if statement == "BEGIN IMMEDIATE":
                asking.append(threading.get_ident())
                if len(asking) > 5:  # it asks again and again, so it is refused
                    loop.call_soon_threadsafe(refused.set)

        with another_process() as connection:
            connection.execute("BEGIN IMMEDIATE")
            with watching(before=notice):
                waiting = [connected.written(adding(name)) for name in ("patient", "neighbour")]
                await refused.wait()
            assert await connected.seen(lambda _: threading.get_ident()) == threading.get_ident()
            assert not any(future.done() for future in waiting)
            connection.execute("COMMIT")
        return await asyncio.gather(*waiting), asking

    results, asking = on_loop(main())

    assert results == ["patient", "neighbour"]
    assert asking.count(threading.get_ident()) <= 1  # on the loop it is tried once at most, and never waited for
    assert names(another_process) >= set(results)


def test_a_file_that_stays_locked_beyond_the_timeout_is_unavailable_until_it_is_free(
    connected, on_loop, another_process, monkeypatch
):
    monkeypatch.setattr(sqlite, "BUSY_TIMEOUT", 0.05)

    async def main():
        with another_process() as connection:
            connection.execute("BEGIN IMMEDIATE")
            waiting = (connected.written(adding(name)) for name in ("one", "two"))
            outcomes = await asyncio.gather(*waiting, return_exceptions=True)
            connection.execute("ROLLBACK")
        return outcomes, await connected.written(adding("three"))

    outcomes, third = on_loop(main())

    assert [type(outcome) for outcome in outcomes] == [StorageUnavailable] * 2
    assert third == "three"
    assert not {"one", "two"} & names(another_process)


# Giving up


@pytest.mark.parametrize("given_up", [0, 1, 2])
def test_a_unit_given_up_before_its_batch_never_runs(connected, on_loop, held, another_process, given_up):
    async def main():
        with held():
            waiting = [connected.written(adding(f"p{number}")) for number in range(3)]
            waiting[given_up].cancel()
        outcomes = await asyncio.gather(*waiting, return_exceptions=True)
        return outcomes, await connected.written(adding("next"))

    outcomes, following = on_loop(main())

    kept = [f"p{number}" for number in range(3) if number != given_up]
    assert [outcome for outcome in outcomes if isinstance(outcome, str)] == kept
    assert isinstance(outcomes[given_up], asyncio.CancelledError)
    assert following == "next"
    assert names(another_process) & {"p0", "p1", "p2"} == set(kept)


def test_where_everybody_gave_up_the_next_write_works(connected, on_loop, another_process):
    async def main():
        for number in range(5):
            assert connected.written(adding(f"p{number}")).cancel()
        return await connected.written(adding("next"))

    assert on_loop(main()) == "next"
    assert not {f"p{number}" for number in range(5)} & names(another_process)


def test_a_caller_that_is_cancelled_gives_its_unit_up(connected, on_loop, held, another_process):
    async def write():
        await connected.written(adding("given up"))

    async def main():
        with held():
            caller = asyncio.create_task(write())
            await asyncio.sleep(0)  # it runs as far as it can
            caller.cancel()
            await asyncio.wait([caller])
        await connected.written(adding("next"))

    on_loop(main())

    assert "given up" not in names(another_process)


def test_giving_up_during_the_commit_changes_nothing_for_the_unit_and_its_neighbours(
    connected, on_loop, another_process
):
    async def main():
        loop = asyncio.get_running_loop()

        async def give_up() -> bool:
            return waiting[1].cancel()

        def come_between(_, statement):
            if statement == "COMMIT":
                assert asyncio.run_coroutine_threadsafe(give_up(), loop).result(DEADLINE)

        with watching(before=come_between):
            waiting = [connected.written(adding(f"p{number}")) for number in range(3)]
            outcomes = await asyncio.gather(*waiting, return_exceptions=True)
        return outcomes, await connected.written(adding("next"))

    (first, given_up, last), following = on_loop(main())

    assert (first, last, following) == ("p0", "p2", "next")
    assert isinstance(given_up, asyncio.CancelledError)
    assert {"p0", "p1", "p2"} <= names(another_process)  # it had been taken on


# Loops that end


def leave_behind(database, loop, *units) -> None:
    """Hand in writes from a loop that stops before it can run them."""

    async def hand_in():
        for unit in units:
            database.written(unit)

    loop.run_until_complete(hand_in())


@pytest.fixture
def loop(new_loop):
    loop = new_loop()
    yield loop
    loop.close()


@pytest.mark.parametrize("is_closed", [False, True])
@pytest.mark.parametrize("is_busy", [False, True])
def test_closing_finishes_what_a_loop_left_behind(connected, loop, held, another_process, is_closed, is_busy):
    def leave():
        leave_behind(connected, loop, adding("left"), adding("behind"))
        if is_closed:
            loop.close()

    if is_busy:  # the loop is gone when its batch comes to its turn; else it stops with the batch before it
        with held():
            leave()
    else:
        leave()
    ended_in_time(connected.close)

    assert {"left", "behind"} <= names(another_process)


def ended_in_time(function) -> None:
    thread = threading.Thread(target=function, daemon=True)
    thread.start()
    thread.join(DEADLINE)
    assert not thread.is_alive()


@pytest.mark.parametrize("is_closed", [False, True])
@pytest.mark.parametrize("is_busy", [False, True])
def test_a_loop_that_ended_holds_up_nobody_elses_writes(connected, loop, held, another_process, is_closed, is_busy):
    waiting = []

    def leave():
        leave_behind(connected, loop, adding("left"), adding("behind"))
        waiting.append(connected.write(adding("while it may still run")))
        if is_closed:
            loop.close()

    if is_busy:
        with held():
            leave()
    else:
        leave()

    assert waiting[0].result(DEADLINE) == "while it may still run"
    assert connected.write(adding("later")).result(DEADLINE) == "later"
    assert {"left", "behind"} <= names(another_process)


def test_a_loop_that_ended_holds_up_no_other_loop(connected, loop, on_loop, another_process):
    leave_behind(connected, loop, adding("left"))

    async def main():
        return await connected.written(adding("later"))

    assert on_loop(main()) == "later"
    assert "left" in names(another_process)


def test_a_loop_that_goes_on_later_is_told_then_and_runs_nothing_twice(connected, loop):
    runs: list[None] = []

    async def hand_in():
        return connected.written(lambda _: runs.append(None) or "told"), connected.written(adding("neighbour"))

    async def hear(futures):
        return [await future for future in futures]

    futures = loop.run_until_complete(hand_in())
    connected.write(adding("between")).result(DEADLINE)

    assert loop.run_until_complete(asyncio.wait_for(hear(futures), DEADLINE)) == ["told", "neighbour"]
    assert len(runs) == 1


def test_a_loop_whose_batch_was_taken_over_keeps_out_of_it(connected, loop):
    entered, let_go, begun_here = threading.Event(), threading.Event(), []
    here = threading.get_ident()

    def wait(_):
        entered.set()
        assert let_go.wait(DEADLINE)

    async def turn():
        for _ in range(5):
            await asyncio.sleep(0)

    leave_behind(connected, loop, adding("left"))
    holding = connected.write(wait)
    try:
        assert entered.wait(DEADLINE)
        with watching(before=lambda *_: begun_here.append(1) if threading.get_ident() == here else None):
            loop.run_until_complete(turn())
    finally:
        let_go.set()
    holding.result(DEADLINE)

    assert not begun_here


def test_a_loop_that_is_broken_off_within_a_batch_leaves_it_to_the_thread(connected, on_loop, another_process):
    """As by Ctrl-C, which comes between any two statements."""
    here = threading.get_ident()

    def break_off(_, statement):
        if statement.startswith("SAVEPOINT") and threading.get_ident() == here:
            raise KeyboardInterrupt

    async def main():
        await asyncio.gather(*(connected.written(adding(name)) for name in ("one", "two")))

    with watching(before=break_off), pytest.raises(KeyboardInterrupt):
        on_loop(main())
    ended_in_time(connected.close)

    assert {"one", "two"} <= names(another_process)


# Closing


def test_closing_while_a_loop_waits_finishes_what_was_taken_on_and_then_refuses(
    connected, on_loop, held, another_process
):
    async def main():
        with held():
            waiting = [connected.written(adding(f"p{number}")) for number in range(200)]
            closing = asyncio.create_task(asyncio.to_thread(connected.close))
            await refused()
        results = await asyncio.gather(*waiting)
        await closing
        return results

    async def refused():
        """Wait until the database takes nothing on."""
        while True:
            try:
                connected.written(lambda _: None)
            except StorageUnavailable:
                break
            await asyncio.sleep(0)

    assert on_loop(main()) == [f"p{number}" for number in range(200)]
    assert {f"p{number}" for number in range(200)} <= names(another_process)
    with pytest.raises(StorageUnavailable, match="shutting down"):
        connected.write(lambda _: None)


@pytest.mark.parametrize("many", [1, 300])
@pytest.mark.parametrize("is_busy", [False, True])
def test_a_loop_may_close_the_database_that_it_waits_for(connected, new_loop, another_process, many, is_busy):
    """To close blocks; the loop cannot run what is expected on it, and is told afterwards."""
    results: list[object] = []

    async def main():
        waiting = [connected.written(adding(f"p{number}")) for number in range(many)]
        if is_busy:
            await waiting[0]
            waiting.append(connected.written(adding("last")))
        connected.close()
        results.extend(await asyncio.wait_for(asyncio.gather(*waiting), DEADLINE))

    def run():
        with asyncio.Runner(loop_factory=new_loop) as runner:
            runner.run(main())

    ended_in_time(run)

    expected = [f"p{number}" for number in range(many)] + ["last"] * is_busy
    assert results == expected
    assert names(another_process) >= set(expected)


def test_what_comes_from_a_loop_after_closing_is_refused(connected, on_loop):
    connected.close()

    async def main():
        for call in (connected.written, connected.seen):
            for is_long in (False, True):
                with pytest.raises(StorageUnavailable, match="shutting down"):
                    await call(lambda _: None, is_long=is_long)

    on_loop(main())


def test_a_closed_database_has_let_go_of_the_file(connected, on_loop, database_path):
    async def main():
        await connected.written(adding("one"))
        await connected.seen(lambda _: None)

    on_loop(main())
    connected.close()

    with sqlite3.connect(database_path, isolation_level=None) as connection:
        # Possible only for the last connection.
        assert connection.execute("PRAGMA journal_mode = DELETE").fetchone() == ("delete",)
    connection.close()
