"""The two operations as a door asks for them: woken by their end, bounded in time and number, repeated and failed."""

import asyncio
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import pytest

from soapsvc.domain.document import NewDocument
from soapsvc.domain.errors import StorageUnavailable
from soapsvc.domain.states import State
from soapsvc.domain.version_errors import AssemblyFailed
from soapsvc.domain.version_session import FAILED, STARTED, SUCCEEDED, OperationKind, SessionState
from soapsvc.jobs.version_operations import OperationHandler, Outcome, Patience, Steps, VersionOperations
from soapsvc.storage.waiters import Waiters
from tests.jobs.conftest import SECONDS
from tests.support.versions import CALLBACK, KINDS, Versions

PATIENT = Patience(timeout=SECONDS, polling=SECONDS)


@dataclass
class Door:
    """A door with a worker in its process, whose work the test decides."""

    ana: Versions
    database: Any
    running: Any
    act: Callable[[], Any] = lambda: ()
    patience: Patience = PATIENT
    most_waiting: int = 100
    done: list[str] = field(default_factory=list)
    attempts: int = 3

    def work(self, order: Any) -> Sequence[NewDocument]:
        self.done.append(order.operation.id)
        return self.act() or ()

    def ask(self, conversation: Callable[[VersionOperations], Any]) -> Any:
        """Run what a door does, on a loop of its own."""
        waiters = Waiters(self.most_waiting)
        handlers = [
            OperationHandler(
                database=self.database,
                kind=operation,
                slots=2,
                steps=Steps(work=self.work),
                ended=waiters.wake,
                record_delivery=self.ana.record,
                most_attempts=self.attempts,
            )
            for operation in KINDS
        ]
        with self.running(*handlers, poll=60.0) as runner:
            self.operations = VersionOperations(self.database, runner, waiters, dict.fromkeys(KINDS, self.patience))
            return asyncio.run(conversation(self.operations))

    def end(self, operation: OperationKind, target: Any, **options: Any) -> Outcome:
        return self.ask(lambda operations: submit(operations, operation, self.ana, target, **options))


async def submit(operations, operation, ana, target, **options) -> Outcome:
    end = operations.save_and_close if operation is OperationKind.SAVE_AND_CLOSE else operations.complete
    return await end(ana.caller, target, **options)


@pytest.fixture
def door(ana, whole_database, running) -> Door:
    return Door(ana, whole_database, running)


def eventually(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + SECONDS
    while not condition():
        assert time.monotonic() < deadline
        threading.Event().wait(0.01)


@pytest.mark.parametrize("operation", KINDS)
class TestBoth:
    def test_who_waits_is_woken_by_the_end_and_not_by_the_poll(self, door, operation, ana):
        target = ana.open(answers={"Notes": "said"})
        before = time.monotonic()

        outcome = door.end(operation, target)

        assert (outcome.is_finished, outcome.session.state, outcome.item.version) == (True, SUCCEEDED[operation], 2)
        assert time.monotonic() - before < SECONDS / 2

    def test_what_takes_longer_than_the_patience_is_answered_as_going_on(self, door, operation, ana):
        target = ana.open()
        go_on = threading.Event()
        door.act = lambda: go_on.wait(SECONDS) and None
        door.patience = Patience(timeout=0.05, polling=SECONDS)

        async def conversation(operations):
            outcome = await submit(operations, operation, ana, target)
            go_on.set()
            return outcome

        outcome = door.ask(conversation)

        assert (outcome.is_finished, outcome.session.state, outcome.item.version) == (False, STARTED[operation], 1)
        assert ana.session(target).state is SUCCEEDED[operation], "the worker ended it before it stopped"

    @pytest.mark.parametrize("options", [{"callback": CALLBACK}, {"wait": 0.0}], ids=["callback", "respond-async"])
    def test_with_a_callback_or_on_demand_nothing_is_waited_for(self, door, operation, ana, options):
        target = ana.open()
        go_on = threading.Event()
        door.act = lambda: go_on.wait(SECONDS) and None

        async def conversation(operations):
            outcome = await submit(operations, operation, ana, target, **options)
            go_on.set()
            return outcome

        assert door.ask(conversation).session.state is STARTED[operation]
        eventually(lambda: ana.session(target).state is SUCCEEDED[operation])
        assert len(ana.told) == (1 if "callback" in options else 0)

    def test_a_process_that_is_about_to_end_lets_go_who_waits_and_the_operation_ends(self, door, operation, ana):
        target, later = ana.open(), ana.open()
        begun, go_on = threading.Event(), threading.Event()
        door.act = lambda: begun.set() or (go_on.wait(SECONDS) and None)

        async def conversation(operations):
            waiting = asyncio.create_task(submit(operations, operation, ana, target))
            await asyncio.to_thread(begun.wait, SECONDS)
            operations.close()
            outcomes = [await waiting, await submit(operations, operation, ana, later)]
            go_on.set()
            return outcomes

        before = time.monotonic()
        assert [one.session.state for one in door.ask(conversation)] == [STARTED[operation]] * 2
        assert time.monotonic() - before < SECONDS / 2
        assert [ana.session(one).state for one in (target, later)] == [SUCCEEDED[operation]] * 2

    def test_a_patience_of_nothing_never_waits(self, door, operation, ana):
        target = ana.open()
        door.patience = Patience(timeout=0.0, polling=SECONDS)
        assert door.end(operation, target).session.state is STARTED[operation]

    def test_a_request_may_shorten_the_patience_and_not_lengthen_it(self, door, operation, ana):
        target = ana.open()
        go_on = threading.Event()
        door.act = lambda: go_on.wait(SECONDS) and None
        door.patience = Patience(timeout=0.05, polling=SECONDS)

        async def conversation(operations):
            outcome = await submit(operations, operation, ana, target, wait=1000.0)
            go_on.set()
            return outcome

        assert not door.ask(conversation).is_finished

    def test_where_too_many_wait_the_next_is_answered_at_once(self, door, operation, ana):
        first, second = ana.open(), ana.open()
        go_on = threading.Event()
        door.act = lambda: go_on.wait(SECONDS) and None
        door.most_waiting = 1

        async def conversation(operations):
            waiting = asyncio.create_task(submit(operations, operation, ana, first))
            while not operations._waiters._count:
                await asyncio.sleep(0)
            at_once = await submit(operations, operation, ana, second)
            go_on.set()
            return at_once, await waiting

        at_once, waited = door.ask(conversation)
        assert not at_once.is_finished
        assert waited.is_finished

    def test_all_who_ask_the_same_are_told_the_same_and_it_is_done_once(self, door, operation, ana):
        target = ana.open()
        go_on = threading.Event()
        door.act = lambda: go_on.wait(SECONDS) and None

        async def conversation(operations):
            waiting = [asyncio.create_task(submit(operations, operation, ana, target)) for _ in range(5)]
            while operations._waiters._count < 5:
                await asyncio.sleep(0.01)
            go_on.set()
            return await asyncio.gather(*waiting)

        outcomes = door.ask(conversation)
        assert {(outcome.session.state, outcome.item.version) for outcome in outcomes} == {(SUCCEEDED[operation], 2)}
        assert len(door.done) == 1

    def test_asked_again_afterwards_it_is_told_at_once_and_not_done_again(self, door, operation, ana):
        target = ana.open()
        first, again = door.end(operation, target), door.end(operation, target)
        assert (again.session, again.item) == (first.session, first.item)
        assert len(door.done) == 1

    def test_what_the_operation_is_to_blame_for_fails_it_at_once(self, door, operation, ana):
        target = ana.open()

        def act():
            raise AssemblyFailed("letter.txt", "it is wrong", 3)

        door.act = act
        outcome = door.end(operation, target)

        assert (outcome.session.state, outcome.item.version) == (FAILED[operation], 1)
        error = outcome.session.error
        assert (error.code, error.template, error.line) == ("BRM_ASSEMBLY_FAILED", "letter.txt", 3)
        assert len(door.done) == 1

        door.act = lambda: ()
        assert door.end(operation, target).session.state is SUCCEEDED[operation]

    def test_what_the_service_is_to_blame_for_is_tried_again_and_given_up_in_the_end(self, door, operation, ana):
        target = ana.open()
        secret = "a path that nobody is to know"

        def act():
            raise OSError(secret)

        door.act = act
        outcome = door.end(operation, target)

        assert (outcome.session.state, outcome.item.version, outcome.item.state) == (FAILED[operation], 1, State.OPENED)
        assert outcome.session.error.code == "BRM_VERSION_OPERATION_GIVEN_UP"
        assert secret not in outcome.session.error.message
        assert len(door.done) == 3

    def test_a_storage_that_fails_for_a_while_is_tried_again(self, door, operation, ana):
        target = ana.open()

        def act():
            if len(door.done) < 3:
                raise StorageUnavailable("it is locked")

        door.act = act
        assert door.end(operation, target).session.state is SUCCEEDED[operation]

    def test_an_item_that_moved_all_the_same_ends_it_failed(self, door, operation, ana, write):
        import sqlalchemy as sa

        from soapsvc.storage.tables import work_item

        target = ana.open()
        item = ana.item(target)
        move = sa.update(work_item).where(work_item.c.id == item.id).values(version=7)
        door.act = lambda: write(lambda tx: tx.connection.execute(move)) and None

        outcome = door.end(operation, target)

        assert (outcome.session.state, outcome.item.version) == (FAILED[operation], 7)
        assert outcome.item.running is None

    def test_a_door_that_goes_away_leaves_the_operation_to_its_end(self, door, operation, ana):
        target = ana.open()
        go_on = threading.Event()
        door.act = lambda: go_on.wait(SECONDS) and None

        async def conversation(operations):
            waiting = asyncio.create_task(submit(operations, operation, ana, target))
            while not door.done:
                await asyncio.sleep(0.01)
            waiting.cancel()
            await asyncio.gather(waiting, return_exceptions=True)
            go_on.set()
            return operations._waiters._count

        assert door.ask(conversation) == 0
        eventually(lambda: ana.session(target).state is SUCCEEDED[operation])

    def test_who_waits_for_what_another_process_ends_finds_out_by_looking(self, door, operation, ana):
        target = ana.open()
        door.patience = Patience(timeout=SECONDS, polling=0.02)

        async def conversation(operations):
            operations._runner.place_for = _no_place
            waiting = asyncio.create_task(submit(operations, operation, ana, target))
            while ana.session(target).state is SessionState.IN_PROGRESS:
                await asyncio.sleep(0.01)
            await asyncio.to_thread(lambda: ana.finish(ana.claim(operation)))
            return await waiting

        assert door.ask(conversation).session.state is SUCCEEDED[operation]
        assert door.done == []


def _no_place(operation):
    import contextlib

    return contextlib.nullcontext(None)


def test_waiting_holds_no_thread(door, ana):
    targets = [ana.open() for _ in range(30)]
    go_on = threading.Event()
    door.act = lambda: go_on.wait(SECONDS) and None

    async def conversation(operations):
        operation = OperationKind.SAVE_AND_CLOSE
        waiting = [asyncio.create_task(submit(operations, operation, ana, target)) for target in targets]
        while operations._waiters._count < len(targets) or len(door.done) < 2:
            await asyncio.sleep(0.01)
        threads = [thread.name for thread in threading.enumerate() if thread.name.startswith(operation)]
        go_on.set()
        outcomes = await asyncio.gather(*waiting)
        return threads, outcomes

    threads, outcomes = door.ask(conversation)
    assert len(threads) == 2, "one for each slot"
    assert all(outcome.is_finished for outcome in outcomes)


def test_an_outcome_is_finished_unless_it_runs(door, ana):
    outcome = door.end(OperationKind.COMPLETE, ana.open())
    for state in SessionState:
        seen = replace(outcome, session=replace(outcome.session, state=state))
        assert seen.is_finished == (state not in {*STARTED.values(), SessionState.POST_PROCESSING})
