"""Writes from an event loop: short units run on it, and what `write` promises to threads holds for them too."""

import asyncio
import threading
from concurrent.futures import ThreadPoolExecutor

import pytest

from soapsvc.domain.errors import LostRace, NameTaken, StorageUnavailable
from soapsvc.storage import people
from soapsvc.storage.sqlite_database import MOST_UNITS_A_COMMIT
from soapsvc.storage.transaction import RunFirst
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

KINDS_OF_DATABASE = ("sqlite",)


def where(_) -> int:
    """A unit that tells the thread in which it runs."""
    return threading.get_ident()


def noting(threads: list[int], unit=lambda _: None):
    """A unit that also notes the thread of each of its runs."""

    def noted(tx):
        threads.append(threading.get_ident())
        return unit(tx)

    return noted


async def told(awaitables) -> list[object]:
    """What units came to, faults included."""
    return await asyncio.gather(*awaitables, return_exceptions=True)


# Where a unit runs


def test_a_short_unit_runs_on_the_loops_own_thread_and_its_commit_does_not(connected, on_loop):
    committing: list[int] = []

    def note(_, statement):
        if statement == "COMMIT":
            committing.append(threading.get_ident())

    async def main():
        return await connected.written(where)

    with watching(before=note):
        assert on_loop(main()) == threading.get_ident()
    assert len(committing) == 1
    assert committing[0] != threading.get_ident()


@pytest.mark.parametrize("neighbours", [0, 2])
def test_a_long_unit_never_runs_on_the_loop_which_answers_others_meanwhile(connected, on_loop, neighbours):
    let_go = threading.Event()

    def long(_):
        assert let_go.wait(DEADLINE)  # only the loop lets it go: on the loop this would wait in vain
        return threading.get_ident()

    async def main():
        before = [connected.written(adding(f"before {number}")) for number in range(neighbours)]
        running = connected.written(long, is_long=True)
        after = [connected.written(adding(f"after {number}")) for number in range(neighbours)]
        for _ in range(5):
            assert await connected.seen(where) == threading.get_ident()
        assert not running.done()
        let_go.set()
        return await running, await asyncio.gather(*before, *after)

    thread, results = on_loop(main())

    assert thread != threading.get_ident()
    assert results == [f"{when} {number}" for when in ("before", "after") for number in range(neighbours)]


def test_a_unit_that_comes_from_a_thread_and_may_wait_does_not_keep_a_loop(connected, on_loop):
    """A thread may wait for its unit, and so may the unit for the loop: nobody said that it is short."""
    let_go = threading.Event()

    async def main():
        own = connected.written(adding("own"))
        waiting = connected.write(lambda _: let_go.wait(DEADLINE))  # comes while the loop's batch is expected
        for _ in range(5):
            await connected.seen(where)
        let_go.set()
        return await own, await asyncio.wrap_future(waiting)

    assert on_loop(main()) == ("own", True)


def test_a_coroutine_that_blocks_its_loop_for_a_write_gets_its_answer(connected, on_loop):
    async def main():
        waiting = connected.written(adding("mine"))  # is expected on this loop, which cannot run it now
        blocked = await_here(connected.write(adding("blocking")))
        return await waiting, blocked

    def await_here(future):
        return future.result(DEADLINE / 2)

    assert on_loop(main()) == ("mine", "blocking")


# One commit for many, a savepoint for each


def test_units_that_wait_together_are_committed_by_one_commit(connected, on_loop, commits, another_process):
    everyone, threads = [f"p{number}" for number in range(50)], []

    async def main():
        return await asyncio.gather(*(connected.written(noting(threads, adding(name))) for name in everyone))

    assert on_loop(main()) == everyone
    assert len(commits) == 1
    assert threads == [threading.get_ident()] * 50
    assert names(another_process) >= set(everyone)


def test_units_that_come_during_a_commit_share_the_next(connected, on_loop, commits, held):
    async def main():
        with held():
            waiting = [connected.written(adding(f"p{number}")) for number in range(50)]
        return await asyncio.gather(*waiting)

    assert on_loop(main()) == [f"p{number}" for number in range(50)]
    assert len(commits) == 2


def test_no_commit_is_shared_by_more_units_than_the_limit(connected, on_loop, commits):
    many = 2 * MOST_UNITS_A_COMMIT + 1

    async def main():
        return await asyncio.gather(*(connected.written(lambda _, n=number: n) for number in range(many)))

    assert on_loop(main()) == list(range(many))
    assert len(commits) == 3


def test_a_unit_that_fails_after_writing_leaves_nothing_and_its_neighbours_stay(connected, on_loop, another_process):
    def wrong(tx):
        adding("wrong")(tx)
        tx.connection.exec_driver_sql("INSERT INTO nowhere VALUES (1)")

    async def main():
        units = (adding("before"), adding_and_failing("failing"), wrong, adding("before"), adding("after"))
        return await told(connected.written(unit) for unit in units)

    before, failing, wrong_one, same, after = on_loop(main())

    assert (before, after) == ("before", "after")
    assert [type(error) for error in (failing, wrong_one, same)] == [ValueError, StorageUnavailable, NameTaken]
    assert {"before", "after"} <= names(another_process)
    assert not {"failing", "wrong"} & names(another_process)


class Exit(BaseException):
    """As SystemExit: no Exception."""


@pytest.mark.parametrize("error", [StopIteration, Exit, asyncio.CancelledError])
def test_whatever_a_unit_raises_it_is_told_so_and_its_neighbours_are_told_theirs(connected, on_loop, error):
    async def main():
        units = (adding("before"), adding_and_failing("failing", error()), adding("after"))
        before, failing, after = [connected.written(unit) for unit in units]
        with pytest.raises((error, RuntimeError)):  # a future takes no StopIteration
            await failing
        return await before, await after, await connected.written(adding("next"))

    assert on_loop(main()) == ("before", "after", "next")


# Nothing told before the commit


def test_results_and_faults_are_told_only_after_the_commit(connected, on_loop):
    waiting: list[asyncio.Future[object]] = []
    done_at_commit: list[list[bool]] = []

    async def main():
        loop = asyncio.get_running_loop()

        async def done() -> list[bool]:
            return [future.done() for future in waiting]

        def look(_, statement):
            if statement == "COMMIT":
                # What was told before went the same way into the loop, and comes before this question.
                done_at_commit.append(asyncio.run_coroutine_threadsafe(done(), loop).result(DEADLINE))

        with watching(before=look):
            waiting.extend(connected.written(unit) for unit in (adding("a"), adding_and_failing("b"), lambda _: None))
            await told(waiting)

    on_loop(main())

    assert done_at_commit == [[False, False, False]]


def test_whoever_is_told_finds_the_whole_batch_committed(connected, on_loop, another_process):
    async def asking(unit) -> set[str]:
        await told([connected.written(unit)])
        return names(another_process)

    async def main():
        return await asyncio.gather(*map(asking, (adding("good"), adding_and_failing("bad"), adding("last"))))

    assert all({"good", "last"} <= seen for seen in on_loop(main()))


@pytest.mark.parametrize("spoil", [spoiling_the_commit, losing_the_transaction])
def test_if_the_commit_fails_every_unit_is_told_so_and_nothing_is_stored_and_the_next_write_works(
    connected, on_loop, another_process, spoil
):
    fired: list[str] = []

    def followed(tx):
        tx.after_commit(lambda: fired.append("commit"))
        tx.after_rollback(lambda: fired.append("rollback"))
        return adding("first")(tx)

    async def main():
        units = (followed, adding_and_failing("bad"), spoil, adding("last"))
        outcomes = await told(connected.written(unit) for unit in units)
        return outcomes, await connected.written(adding("next"))

    outcomes, following = on_loop(main())

    assert [type(outcome) for outcome in outcomes] == [StorageUnavailable] * 4
    assert fired == ["rollback"]
    assert following == "next"
    assert not {"first", "bad", "last"} & names(another_process)


# Run again


@pytest.mark.parametrize("lost", [1, MOST_RUNS_A_UNIT - 1, MOST_RUNS_A_UNIT])
def test_a_unit_that_lost_a_race_is_run_again_from_the_start(connected, on_loop, another_process, lost):
    threads: list[int] = []
    fired: list[int] = []

    def unit(tx):
        run = len(threads)
        tx.after_commit(lambda: fired.append(run))
        adding("once")(tx)  # on a run that saw its predecessor's write this would be NameTaken
        if run <= lost:
            raise LostRace
        return "won"

    async def main():
        return await told(map(connected.written, (adding("before"), noting(threads, unit), adding("after"))))

    before, outcome, after = on_loop(main())
    is_given_up = lost == MOST_RUNS_A_UNIT

    assert (before, after) == ("before", "after")
    assert isinstance(outcome, StorageUnavailable) if is_given_up else outcome == "won"
    assert threads == [threading.get_ident()] * min(lost + 1, MOST_RUNS_A_UNIT)
    assert fired == ([] if is_given_up else [lost + 1])
    assert ("once" in names(another_process)) is not is_given_up


@pytest.mark.parametrize("first_fails", [False, True])
def test_a_unit_that_wants_another_first_hands_its_batch_to_the_thread_and_nothing_runs_twice_visibly(
    connected, on_loop, another_process, commits, first_fails
):
    firsts: list[int] = []
    followed: list[str] = []

    def demanding(tx):
        if people.find_resource_by_name(tx, "first") is None:
            adding("half done")(tx)
            raise RunFirst(noting(firsts, adding_and_failing("first") if first_fails else adding("first")))
        return adding("second")(tx)

    def following(name):
        def unit(tx):
            tx.after_commit(lambda: followed.append(name))
            return adding(name)(tx)  # after a run of its own that stands this would be NameTaken

        return unit

    async def main():
        return await told(connected.written(unit) for unit in (following("before"), demanding, following("after")))

    before, demanded, after = on_loop(main())

    assert (before, after) == ("before", "after")
    assert isinstance(demanded, ValueError) if first_fails else demanded == "second"
    assert followed == ["before", "after"]
    assert len(firsts) == 1
    assert threading.get_ident() not in firsts
    assert len(commits) == 1
    written = {"before", "after"} | (set() if first_fails else {"first", "second"})
    assert names(another_process) & {"before", "first", "second", "half done", "after"} == written


# From everywhere at once


def test_units_from_threads_and_from_two_loops_run_once_each_and_everybody_is_told_his_own(
    connected, new_loop, another_process
):
    start = threading.Barrier(4)

    def with_loop(who: str) -> list[str]:
        async def main():
            results = []
            for number in range(10):
                several = (adding(f"{who}-{number}-{part}") for part in range(3))
                results += await asyncio.gather(*(connected.written(unit, is_long=number == 5) for unit in several))
            return results

        start.wait(DEADLINE)
        with asyncio.Runner(loop_factory=new_loop) as runner:
            return runner.run(main())

    def without(who: str) -> list[str]:
        start.wait(DEADLINE)
        return [
            connected.write(adding(f"{who}-{number}-{part}")).result(DEADLINE)
            for number in range(10)
            for part in range(3)
        ]

    with ThreadPoolExecutor(4) as pool:
        running = {who: pool.submit(kind, who) for kind in (with_loop, without) for who in (f"{kind.__name__}1",)}
        running |= {who: pool.submit(kind, who) for kind in (with_loop, without) for who in (f"{kind.__name__}2",)}
        results = {who: future.result(DEADLINE) for who, future in running.items()}

    expected = {who: [f"{who}-{number}-{part}" for number in range(10) for part in range(3)] for who in running}
    assert results == expected
    assert {name for one in expected.values() for name in one} <= names(another_process)


def test_units_run_in_the_order_in_which_they_came_wherever_they_came_from(connected, on_loop, held):
    order: list[int] = []

    async def main():
        with held():
            futures = [
                connected.written(lambda _, n=number: order.append(n), is_long=number == 7)
                if number % 3
                else asyncio.wrap_future(connected.write(lambda _, n=number: order.append(n)))
                for number in range(20)
            ]
        await asyncio.gather(*futures)

    on_loop(main())

    assert order == list(range(20))
