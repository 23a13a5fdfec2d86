"""Units of work on SQLite: one writer commits many callers' units at once; readers never wait for it."""

import asyncio
import logging
import sqlite3
import threading
from collections.abc import Awaitable, Callable
from concurrent.futures import Future
from datetime import UTC, datetime
from typing import Any

import sqlalchemy as sa

from soapsvc.domain.errors import LostRace, StorageUnavailable
from soapsvc.storage import sqlite
from soapsvc.storage.tasks import Outcome, Result, Task, TaskQueue, Unit, deliver
from soapsvc.storage.transaction import RunFirst, Transaction

Clock = Callable[[datetime], datetime]
"""Gives the service's time for the database's: the same, unless a test wants another."""

MOST_UNITS_A_COMMIT = 128
MOST_UNITS_A_LOOK = 32
MOST_RUNS_A_UNIT = 5
MOST_UNITS_FIRST = 100
READERS = 4

_log = logging.getLogger(__name__)


def real_time(now: datetime) -> datetime:
    """Take the database's time as it is."""
    return now


class _TransactionLost(Exception):
    """SQLite gave up the whole transaction (disk full, I/O error), and with it every unit of the batch."""


class Database:
    """The store of one service on one SQLite file.

    `write` and `read` take a unit of work, a plain function of a transaction, and give a future to block on;
    `written` and `seen` do the same for who runs on an event loop. The future fails with whatever the unit raised, or
    with StorageUnavailable. A written result, faults included, is delivered only after the COMMIT is on disk.
    """

    def __init__(self, url: sa.URL, *, clock: Clock = real_time) -> None:
        self.path = sqlite.file_of(url)
        self.writer = sqlite.writer_engine(self.path)
        self.reader = sqlite.reader_engine(self.path, connections=READERS)
        self._clock = clock
        self._writes = TaskQueue(takers=1, most=MOST_UNITS_A_COMMIT)
        self._reads = TaskQueue(takers=READERS, most=MOST_UNITS_A_LOOK)
        self._closing = threading.Lock()
        self._closed = False
        self._threads = [
            threading.Thread(target=self._run_writer, name="writer", daemon=True),
            *(threading.Thread(target=self._run_reader, name=f"reader-{n}", daemon=True) for n in range(READERS)),
        ]
        for thread in self._threads:
            thread.start()

    def write(self, unit: Unit[Result]) -> Future[Result]:
        """Run a unit that may change things, in its own savepoint of a shared transaction."""
        future: Future[Result] = Future()
        self._put(self._writes, Task(unit, future))
        return future

    def read(self, unit: Unit[Result]) -> Future[Result]:
        """Run a unit that only looks, against one committed state."""
        future: Future[Result] = Future()
        self._put(self._reads, Task(unit, future))
        return future

    def written(self, unit: Unit[Result]) -> Awaitable[Result]:
        """Do what `write` does, for who awaits it on an event loop."""
        return self._put_on_loop(self._writes, unit)

    def seen(self, unit: Unit[Result]) -> Awaitable[Result]:
        """Do what `read` does, for who awaits it on an event loop."""
        return self._put_on_loop(self._reads, unit)

    def close(self) -> None:
        """Finish what was taken on, then let go of the file."""
        with self._closing:
            if self._closed:
                return
            self._closed = True
            self._writes.end()
            self._reads.end()
        for thread in self._threads:
            thread.join()
        self.writer.dispose()
        self.reader.dispose()

    def _put_on_loop(self, tasks: TaskQueue, unit: Unit[Result]) -> Awaitable[Result]:
        loop = asyncio.get_running_loop()
        future: asyncio.Future[Result] = loop.create_future()
        self._put(tasks, Task(unit, future, loop))
        return future

    def _put(self, tasks: TaskQueue, task: Task[Any]) -> None:
        with self._closing:
            if self._closed:
                raise StorageUnavailable("The service is shutting down; nothing was changed")
            tasks.put(task)

    def _now(self) -> datetime:
        # SQLite's clock is this machine's: to ask it would be one statement more for every unit.
        return self._clock(datetime.now(UTC))

    def _run_reader(self) -> None:
        connection: sa.Connection | None = None
        while batch := self._reads.take():
            try:
                connection = connection or self.reader.connect()
                with connection.begin():
                    outcomes = [self._look(connection, task) for task in batch]
            except Exception as error:
                outcomes = [self._failed(task, error) for task in batch]
                _close(connection)
                connection = None
            deliver(outcomes)
        _close(connection)

    def _look(self, connection: sa.Connection, task: Task[Any]) -> Outcome:
        """Run a unit that only looks; what it hangs on its transaction is dropped."""
        try:
            return Outcome(task, result=task.unit(Transaction(connection, self._now)))
        except BaseException as error:  # also SystemExit: a reader serves everybody and must go on
            return Outcome(task, error=self._said_plainly(error))

    def _run_writer(self) -> None:
        connection: sa.Connection | None = None
        while batch := self._writes.take():
            # Every unit of the batch in one transaction, one commit, and only then is anyone told anything.
            try:
                connection = connection or self.writer.connect()
                with connection.begin():
                    outcomes = [self._attempt(connection, task) for task in batch]
            except Exception as error:
                outcomes = [self._failed(task, error) for task in batch]
                _close(connection)
                connection = None
            deliver(outcomes)
        _close(connection)

    def _attempt(self, connection: sa.Connection, task: Task[Any]) -> Outcome:
        """Run one unit in a savepoint; again if it lost a race against another write, or wants one to run first."""
        earlier: list[Outcome] = []
        races = 0
        while races < MOST_RUNS_A_UNIT and len(earlier) < MOST_UNITS_FIRST:
            tx = task.tx = Transaction(connection, self._now)
            tx.driver.execute("SAVEPOINT unit")
            try:
                result = task.unit(tx)
                tx.driver.execute("RELEASE unit")
                return Outcome(task, result=result, earlier=tuple(earlier))
            except LostRace:
                _undo(tx)
                races += 1
            except RunFirst as demand:
                _undo(tx)
                earlier.append(self._attempt(connection, Task(demand.unit, Future())))
                if earlier[-1].error is not None:
                    return Outcome(task, error=earlier[-1].error, earlier=tuple(earlier))
            except BaseException as error:  # also SystemExit: the writer serves everybody and must go on
                _undo(tx)
                return Outcome(task, error=self._said_plainly(error), earlier=tuple(earlier))
        failure = StorageUnavailable("The work item is changing too fast; nothing was changed")
        return Outcome(task, error=failure, earlier=tuple(earlier))

    def _failed(self, task: Task[Any], error: Exception) -> Outcome:
        """Give what a unit came to whose whole transaction failed, though it may have gone well itself."""
        failure = self._said_plainly(error)
        if not isinstance(failure, StorageUnavailable):
            failure = StorageUnavailable(f"The database {self.path} took back a whole transaction")
            failure.__cause__ = error
        return Outcome(task, error=failure)

    def _said_plainly(self, error: BaseException) -> BaseException:
        """Give a failure of the database as a sentence for the operator; doors must not pass it on."""
        if not isinstance(error, sa.exc.DBAPIError | sqlite3.Error):
            return error
        failure = sqlite.said_plainly(error, self.path)
        failure.__cause__ = error
        return failure


def _undo(tx: Transaction) -> None:
    """Take back one unit; where SQLite took back everything already, all units of the batch are lost."""
    if not tx.driver.in_transaction:
        raise _TransactionLost
    tx.driver.execute("ROLLBACK TO unit")
    tx.driver.execute("RELEASE unit")


def _close(connection: sa.Connection | None) -> None:
    if connection is not None:
        try:
            connection.close()
        except sa.exc.SQLAlchemyError:
            _log.exception("a connection to the database did not close")
