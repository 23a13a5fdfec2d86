"""Units of work on PostgreSQL: each has a connection and a transaction of its own, in one of a bounded set of threads.

The database is what keeps units apart, in this process and in others: nothing here knows of any other unit.
"""

import asyncio
import sys
import threading
import time
from collections.abc import Awaitable, Callable
from concurrent.futures import Future, ThreadPoolExecutor
from functools import partial
from typing import Any

import sqlalchemy as sa

from soapsvc.domain.errors import LostRace, StorageUnavailable
from soapsvc.storage import postgresql
from soapsvc.storage.database import Clock, Limits, real_time
from soapsvc.storage.memories import Memories
from soapsvc.storage.notices import Listener
from soapsvc.storage.postgresql import READING, WRITING, ConnectionLost, Link
from soapsvc.storage.tasks import Outcome, Result, Task, Unit, deliver
from soapsvc.storage.transaction import RunFirst, Transaction

MOST_RUNS_A_UNIT = 5
MOST_UNITS_FIRST = 100
SWITCH_SECONDS = 0.0005
"""How long a thread that has its answer waits for a busy event loop to let go of the interpreter's lock."""


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
        self._listener: Listener | None = None
        sys.setswitchinterval(min(SWITCH_SECONDS, sys.getswitchinterval()))

    def write(self, unit: Unit[Result]) -> Future[Result]:
        """Run a unit that may change things, in a transaction of its own; again, if it lost a race."""
        future: Future[Result] = Future()
        self._put(self._write, Task(unit, future))
        return future

    def read(self, unit: Unit[Result]) -> Future[Result]:
        """Run a unit that only looks, against one committed state."""
        future: Future[Result] = Future()
        self._put(self._read, Task(unit, future))
        return future

    def written(self, unit: Unit[Result], *, is_long: bool = False) -> Awaitable[Result]:  # noqa: ARG002
        """Do what `write` does, for who awaits it on an event loop; no unit keeps it."""
        loop = asyncio.get_running_loop()
        future: asyncio.Future[Result] = loop.create_future()
        self._put(self._write, Task(unit, future, loop))
        return future

    async def seen(self, unit: Unit[Result], *, is_long: bool = False) -> Result:  # noqa: ARG002
        """Do what `read` does, for who awaits it on an event loop; no unit keeps it."""
        loop = asyncio.get_running_loop()
        future: asyncio.Future[Result] = loop.create_future()
        self._put(self._read, Task(unit, future, loop))
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
            self._closed = True
        if self._listener is not None:
            self._listener.close()
        self._threads.shutdown()
        self._drop_idle()
        self._engine.dispose()

    def _put(self, attempt: Callable[[Task[Any]], Outcome], task: Task[Any]) -> None:
        with self._turn:
            if self._closed:
                raise StorageUnavailable("The service is shutting down; nothing was changed")
            self._threads.submit(self._run, attempt, task, time.monotonic() + self._limits.statement)

    def _run(self, attempt: Callable[[Task[Any]], Outcome], task: Task[Any], deadline: float) -> None:
        if not task.is_wanted():
            return
        if time.monotonic() > deadline:
            failure = StorageUnavailable(f"No connection to the database {self._address} was free in time")
            deliver([Outcome(task, error=failure)])
            return
        deliver([attempt(task)])

    def _read(self, task: Task[Any]) -> Outcome:
        """Run a unit that only looks; what it hangs on its transaction is dropped."""
        link = None
        try:
            link, tx = self._begun(READING)
            return Outcome(task, result=task.unit(tx))
        except BaseException as error:  # also SystemExit: the thread serves everybody and must go on
            return Outcome(task, error=self._said_plainly(error))
        finally:
            if link is not None:
                link.roll_back()
                self._give_back(link)

    def _write(self, task: Task[Any], tenancy: int | None = None) -> Outcome:
        """Run a unit until it is committed; again if it lost a race, or wants another one to run before it."""
        earlier: list[Outcome] = []
        races = 0
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
        link, tx = self._begun(WRITING, is_again=is_again)
        task.tx = tx
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

    def _begun(self, how: str, *, is_again: bool = False) -> tuple[Link, Transaction]:
        """Begin a transaction on a connection that answers."""
        memory = self._memories.begin()
        while True:
            link = self._idle_link() or Link(self._engine)
            try:
                now = link.begin(how)
            except ConnectionLost:
                link.close()
                self._drop_idle()
            except BaseException:
                link.close()
                raise
            else:
                clock = partial(self._clock, now)
                return link, Transaction(link.connection, clock, memory, is_again=is_again, wire=link.wire)

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

    def _said_plainly(self, error: BaseException) -> BaseException:
        return postgresql.said_plainly(error, self._address)
