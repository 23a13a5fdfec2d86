"""Units of work on PostgreSQL, in a bounded set of threads: short writes side by side in batches, the others alone.

Who is alone has a connection and a transaction of his own, and the database keeps him apart from everybody else.
"""

import asyncio
import logging
import sys
import threading
import time
import weakref
from collections.abc import Awaitable, Callable
from concurrent.futures import Future, ThreadPoolExecutor
from datetime import datetime
from functools import partial
from typing import Any

import sqlalchemy as sa

from soapsvc.domain.errors import LostRace, OutcomeUnknown, StorageUnavailable
from soapsvc.storage import postgresql
from soapsvc.storage.batches import Batch, Member
from soapsvc.storage.database import Clock, Limits, real_time
from soapsvc.storage.memories import Memories, Memory
from soapsvc.storage.notices import Listener
from soapsvc.storage.postgresql import READING, WRITING, ConnectionLost, Link
from soapsvc.storage.tasks import Outcome, Result, Task, Unit, deliver
from soapsvc.storage.transaction import RunFirst, Transaction
from soapsvc.storage.wire import Wire

MOST_RUNS_A_UNIT = 5
MOST_UNITS_FIRST = 100
MOST_UNITS_A_BATCH = 64
MOST_BATCHES = 2
"""How many batches run at the same time: while one waits for a lock or the disk, another one goes on."""
SWITCH_SECONDS = 0.0005
"""How long a thread that has its answer waits for a busy event loop to let go of the interpreter's lock."""

_log = logging.getLogger(__name__)


class PostgresqlDatabase:
    """The store of one service on PostgreSQL, which other processes may share."""

    def __init__(
        self,
        url: sa.URL,
        *,
        clock: Clock = real_time,
        memories: Memories | None = None,
        limits: Limits | None = None,
    ) -> None:
        self._limits = limits or Limits()
        self._address = postgresql.address_of(url)
        self._engine = postgresql.engine_for(url, self._limits)
        self._clock = clock
        self._memories = memories or Memories()
        self._idle: list[Link] = []
        """Connections that wait for work, the last used at the end: it is the most likely to be alive."""
        self._threads = ThreadPoolExecutor(self._limits.connections, thread_name_prefix="database")
        self._turn = threading.Lock()
        self._closed = False
        self._waiting: list[tuple[Task[Any], float]] = []
        """Units that will share a transaction, and until when each may wait for one."""
        self._batches = 0
        """How many batches are under way, or about to be."""
        self._expected_on: weakref.WeakSet[asyncio.AbstractEventLoop] = weakref.WeakSet()
        """Loops that will begin a batch soon, unless they end before."""
        self._most_batches = min(MOST_BATCHES, self._limits.connections - 1)
        """One connection is left for those who must be alone."""
        self._listener: Listener | None = None
        sys.setswitchinterval(min(SWITCH_SECONDS, sys.getswitchinterval()))

    def write(self, unit: Unit[Result]) -> Future[Result]:
        """Run a unit that may change things, in a transaction of its own; again, if it lost a race."""
        future: Future[Result] = Future()
        self._put(self._change, Task(unit, future))
        return future

    def read(self, unit: Unit[Result]) -> Future[Result]:
        """Run a unit that only looks, against one committed state."""
        future: Future[Result] = Future()
        self._put(self._look, Task(unit, future))
        return future

    def written(self, unit: Unit[Result], *, is_long: bool = False) -> Awaitable[Result]:
        """Do what `write` does, for who awaits it on an event loop; no unit keeps it, and a long one no other unit."""
        loop = asyncio.get_running_loop()
        future: asyncio.Future[Result] = loop.create_future()
        task = Task(unit, future, loop)
        if is_long or not self._most_batches:
            self._put(self._change, task)
        else:
            self._put_beside_others(task, loop)
        return future

    async def seen(self, unit: Unit[Result], *, is_long: bool = False) -> Result:  # noqa: ARG002
        """Do what `read` does, for who awaits it on an event loop; no unit keeps it."""
        loop = asyncio.get_running_loop()
        future: asyncio.Future[Result] = loop.create_future()
        self._put(self._look, Task(unit, future, loop))
        return await future

    def changes(self) -> int:
        """Say how often people, grants or tenancies were changed, or may have been, as far as this process knows."""
        return self._memories.changes()

    def hear_others(self) -> None:
        """Let `changes` go up also for what other nodes change, from now on."""
        with self._turn:
            if self._listener is None and not self._closed:
                self._listener = Listener(self._engine, self._memories.forget)

    def close(self) -> None:
        """Finish what was taken on, then let go of the connections."""
        with self._turn:
            if not self._closed:
                self._have_waiting_run()  # the loop on which that is expected may have ended before
            self._closed = True
        if self._listener is not None:
            self._listener.close()
        self._threads.shutdown()
        self._drop_idle()
        self._engine.dispose()

    def _put(self, attempt: Callable[[Task[Any]], None], task: Task[Any]) -> None:
        with self._turn:
            self._check_open()
            self._threads.submit(self._run, attempt, task, self._deadline())

    def _put_beside_others(self, task: Task[Any], loop: asyncio.AbstractEventLoop) -> None:
        with self._turn:
            self._check_open()
            self._waiting.append((task, self._deadline()))
            if loop in self._expected_on or self._batches == self._most_batches:
                return  # it is taken along
            self._expected_on.add(loop)
        # Those who were just answered, and those whose requests are just coming in, come first.
        loop.call_soon(loop.call_soon, self._begin_batch, loop)

    def _begin_batch(self, loop: asyncio.AbstractEventLoop) -> None:
        with self._turn:
            self._expected_on.discard(loop)
            if not self._closed:
                self._have_waiting_run()

    def _have_waiting_run(self) -> None:
        if self._waiting and self._batches < self._most_batches:
            self._batches += 1
            self._threads.submit(self._run_batches)

    def _run_batches(self) -> None:
        """Run what waits, and what comes meanwhile."""
        while waiting := self._next_batch():
            try:
                tasks = [task for task, deadline in waiting if self._is_to_run(task, deadline)]
                if tasks:
                    self._run_batch(tasks)
            except BaseException as error:
                # A mistake of ours: nobody shall wait for ever, and the next batch shall run.
                _log.exception("a batch of units of work came to no end")
                unknown = OutcomeUnknown("A mistake of the service came between the change and its answer")
                unknown.__cause__ = error
                deliver(Outcome(task, error=unknown) for task, _ in waiting if not task.future.done())

    def _next_batch(self) -> list[tuple[Task[Any], float]]:
        with self._turn:
            waiting, self._waiting = self._waiting[:MOST_UNITS_A_BATCH], self._waiting[MOST_UNITS_A_BATCH:]
            self._batches -= not waiting
            return waiting

    def _run_batch(self, tasks: list[Task[Any]]) -> None:
        """Run units side by side, and give those who cannot be there to other threads."""
        try:
            link, begun = self._begun(WRITING, in_haste=True)
        except BaseException as error:
            deliver([Outcome(task, error=self._said_plainly(error)) for task in tasks])
            return
        try:
            batch = Batch(link, tasks, begun)
            outcomes = self._outcomes(batch, link)
        except BaseException:
            link.close()
            raise
        self._give_back(link)
        deliver(outcomes)
        told = {one.task for one in outcomes}
        for member in batch.members:
            if member.task not in told:
                self._run_again(member)

    def _outcomes(self, batch: Batch, link: Link) -> list[Outcome]:
        """Run a batch; give what it came to. Whoever is not among these, nothing of his is stored."""
        try:
            batch.run()
        except OutcomeUnknown as error:
            link.roll_back()
            return [Outcome(one.task, error=error) for one in batch.outcomes]
        except BaseException as error:  # also SystemExit: the thread serves everybody and must go on
            link.roll_back()
            if link.is_usable:
                return []
            return [Outcome(one.task, error=self._said_plainly(error)) for one in batch.members]
        return [self._with_plain_error(one) for one in batch.outcomes]

    def _run_again(self, member: Member) -> None:
        """Run a unit alone, whatever came of the batch that it was in: nothing of it is stored."""
        attempt = partial(self._change, races=int(member.has_lost))
        try:
            self._threads.submit(self._run, attempt, member.task, self._deadline())
        except RuntimeError:  # the store is being closed, and takes nothing new
            self._run(attempt, member.task, self._deadline())

    def _with_plain_error(self, outcome: Outcome) -> Outcome:
        return outcome if outcome.error is None else Outcome(outcome.task, error=self._said_plainly(outcome.error))

    def _deadline(self) -> float:
        return time.monotonic() + self._limits.statement

    def _check_open(self) -> None:
        if self._closed:
            raise StorageUnavailable("The service is shutting down; nothing was changed")

    def _run(self, attempt: Callable[[Task[Any]], None], task: Task[Any], deadline: float) -> None:
        if self._is_to_run(task, deadline):
            attempt(task)

    def _is_to_run(self, task: Task[Any], deadline: float) -> bool:
        """Say whether a unit is wanted, and in time; who waits for one that is late is told so."""
        if not task.is_wanted():
            return False
        if time.monotonic() <= deadline:
            return True
        failure = StorageUnavailable(f"No connection to the database {self._address} was free in time")
        deliver([Outcome(task, error=failure)])
        return False

    def _look(self, task: Task[Any]) -> None:
        """Run a unit that only looks; what it hangs on its transaction is dropped."""
        link = None
        try:
            link, begun = self._begun(READING)
            outcome = Outcome(task, result=task.unit(begun(link.wire)))
        except BaseException as error:  # also SystemExit: the thread serves everybody and must go on
            outcome = Outcome(task, error=self._said_plainly(error))
        deliver([outcome])  # who waits does not wait for the end of a transaction that has changed nothing
        if link is not None:
            link.roll_back()
            self._give_back(link)

    def _change(self, task: Task[Any], *, races: int = 0) -> None:
        """Run a unit that may change things, and tell who waits for it."""
        deliver([self._write(task, races=races)])

    def _write(self, task: Task[Any], tenancy: int | None = None, *, races: int = 0) -> Outcome:
        """Run a unit until it is committed; again if it lost a race, or wants another one to run before it."""
        earlier: list[Outcome] = []
        while races < MOST_RUNS_A_UNIT and len(earlier) < MOST_UNITS_FIRST:
            try:
                return Outcome(task, result=self._commit(task, tenancy, is_again=races > 0), earlier=tuple(earlier))
            except RunFirst as demand:
                first = Task(demand.unit, Future())
                earlier.append(self._write(first, task.tx.tenancy if task.tx else tenancy))
                if earlier[-1].error is not None:
                    return Outcome(task, error=earlier[-1].error, earlier=tuple(earlier))
            except LostRace:
                races += 1
            except BaseException as error:  # also SystemExit: the thread serves everybody and must go on
                races += 1
                if not postgresql.is_race(error) or races == MOST_RUNS_A_UNIT:
                    return Outcome(task, error=self._said_plainly(error), earlier=tuple(earlier))
        failure = StorageUnavailable("The work item is changing too fast; nothing was changed")
        return Outcome(task, error=failure, earlier=tuple(earlier))

    def _commit(self, task: Task[Any], tenancy: int | None, *, is_again: bool) -> Any:
        """Run a unit once and commit it; whatever it raises, it is rolled back."""
        link, begun = self._begun(WRITING)
        tx = task.tx = begun(link.wire, is_again=is_again)
        tx.tenancy = tenancy
        try:
            result = task.unit(tx)
            link.commit()
        except BaseException:
            link.roll_back()
            raise
        else:
            return result
        finally:
            self._give_back(link)

    def _begun(self, how: str, *, in_haste: bool = False) -> tuple[Link, Callable[..., Transaction]]:
        """Begin a transaction on a connection that answers; give what makes it a unit's, by the wire of its own."""
        while True:
            memory = self._memories.begin()
            link = self._idle_link() or Link(self._engine)
            try:
                now = link.begin(how, in_haste=in_haste)
            except ConnectionLost:
                link.close()
                self._drop_idle()
                self._memories.drop_facts()
            except BaseException:
                link.close()
                raise
            else:
                clock = partial(self._clock, now)
                return link, partial(_transaction, link.connection, clock, memory)

    def _idle_link(self) -> Link | None:
        try:
            return self._idle.pop()
        except IndexError:
            return None

    def _drop_idle(self) -> None:
        """Let go of all connections that wait: they were made to the same server, which has gone since."""
        while link := self._idle_link():
            link.close()

    def _give_back(self, link: Link) -> None:
        if link.is_usable:
            self._idle.append(link)
        else:
            link.close()
            self._memories.drop_facts()

    def _said_plainly(self, error: BaseException) -> BaseException:
        return postgresql.said_plainly(error, self._address)


def _transaction(
    connection: sa.Connection,
    clock: Callable[[], datetime],
    memory: Memory,
    wire: Wire | Member,
    *,
    is_again: bool = False,
) -> Transaction:
    return Transaction(connection, clock, memory, is_again=is_again, wire=wire)
