"""Units of work on SQLite: one writer commits many callers' units at once; readers never wait for it."""

import logging
import queue
import threading
from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Generic, TypeVar

import sqlalchemy as sa

from soapsvc.domain.errors import LostRace, StorageUnavailable
from soapsvc.storage import sqlite
from soapsvc.storage.transaction import Follower, RunFirst, Transaction

Result = TypeVar("Result")
Unit = Callable[[Transaction], Result]

Clock = Callable[[datetime], datetime]
"""Gives the service's time for the database's: the same, unless a test wants another."""

MOST_UNITS_A_COMMIT = 128
MOST_RUNS_A_UNIT = 5
MOST_UNITS_FIRST = 100
READERS = 4

_log = logging.getLogger(__name__)


def real_time(now: datetime) -> datetime:
    """Take the database's time as it is."""
    return now


@dataclass(slots=True)
class _Task(Generic[Result]):
    """A unit that waits for the writer, and who waits for it."""

    unit: Unit[Result]
    future: Future[Result]
    tx: Transaction | None = None
    """Its last run; those before it were dropped."""


@dataclass(frozen=True, slots=True)
class _Outcome:
    """What a unit came to, held back until the commit that it shares: even a fault may rest on a neighbour's write."""

    task: _Task[Any]
    result: Any = None
    error: BaseException | None = None
    earlier: tuple["_Outcome", ...] = ()
    """Of units that this one wanted to run first; nobody waits for them."""

    def _followers(self) -> Sequence[Follower]:
        if self.task.tx is None:
            return ()
        return self.task.tx.followers_of_commit if self.error is None else self.task.tx.followers_of_rollback

    def deliver(self) -> None:
        for outcome in self.earlier:
            outcome.deliver()
        for follower in self._followers():
            try:
                follower()
            except Exception:
                _log.exception("what should follow a unit of work failed")
        if self.error is None:
            self.task.future.set_result(self.result)
        else:
            self.task.future.set_exception(self.error)


class _TransactionLost(Exception):
    """SQLite gave up the whole transaction (disk full, I/O error), and with it every unit of the batch."""


class Database:
    """The store of one service on one SQLite file.

    `write` and `read` take a unit of work, a plain function of a transaction, and give a future: await it with
    `asyncio.wrap_future`, or block on `.result()`. It fails with whatever the unit raised, or with
    StorageUnavailable. A written result, faults included, is delivered only after the COMMIT is on disk.
    """

    def __init__(self, url: sa.URL, *, clock: Clock = real_time) -> None:
        self.path = sqlite.file_of(url)
        self.writer = sqlite.writer_engine(self.path)
        self.reader = sqlite.reader_engine(self.path, connections=READERS)
        self._clock = clock
        self._tasks: queue.SimpleQueue[_Task[Any] | None] = queue.SimpleQueue()
        self._connection: sa.Connection | None = None
        self._readers = ThreadPoolExecutor(READERS, "reader")
        self._thread = threading.Thread(target=self._run, name="writer", daemon=True)
        self._closing = threading.Lock()
        self._closed = False
        self._thread.start()

    def write(self, unit: Unit[Result]) -> Future[Result]:
        """Run a unit that may change things, in its own savepoint of a shared transaction."""
        future: Future[Result] = Future()
        with self._closing:
            if self._closed:
                raise StorageUnavailable("The service is shutting down; nothing was changed")
            self._tasks.put(_Task(unit, future))
        return future

    def read(self, unit: Unit[Result]) -> Future[Result]:
        """Run a unit that only looks, on a connection of its own, against one committed state."""
        with self._closing:
            if self._closed:
                raise StorageUnavailable("The service is shutting down")
            return self._readers.submit(self._read, unit)

    def close(self) -> None:
        """Finish what was taken on, then let go of the file."""
        with self._closing:
            if self._closed:
                return
            self._closed = True
            self._tasks.put(None)
        self._thread.join()
        self._readers.shutdown()
        self.writer.dispose()
        self.reader.dispose()

    def _read(self, unit: Unit[Result]) -> Result:
        try:
            with self.reader.connect() as connection:
                return unit(Transaction(connection, self._clock))
        except sa.exc.DBAPIError as error:
            raise self._said_plainly(error) from error

    def _run(self) -> None:
        while batch := self._next_batch():
            self._commit(batch)
        self._disconnect()

    def _next_batch(self) -> list[_Task[Any]]:
        """Wait for a task, then take what else is waiting; empty at the end of the service."""
        batch: list[_Task[Any]] = []
        task = self._tasks.get()
        while task is not None:
            if task.future.set_running_or_notify_cancel():
                batch.append(task)
            if len(batch) == MOST_UNITS_A_COMMIT:
                return batch
            try:
                task = self._tasks.get_nowait() if batch else self._tasks.get()
            except queue.Empty:
                return batch
        if batch:
            self._tasks.put(None)  # the end was met behind these: finish them first, then meet it again
        return batch

    def _commit(self, batch: list[_Task[Any]]) -> None:
        """Run every unit of the batch in one transaction, commit once, and only then tell anyone anything."""
        try:
            connection = self._connect()
            with connection.begin():
                outcomes = [self._attempt(connection, task) for task in batch]
        except Exception as error:
            failure = self._said_plainly(error)
            failure.__cause__ = error
            outcomes = [_Outcome(task, error=failure) for task in batch]
            self._disconnect()
        for outcome in outcomes:
            outcome.deliver()

    def _attempt(self, connection: sa.Connection, task: _Task[Any]) -> _Outcome:
        """Run one unit in a savepoint; again if it lost a race against another write, or wants one to run first."""
        earlier: list[_Outcome] = []
        races = 0
        while races < MOST_RUNS_A_UNIT and len(earlier) < MOST_UNITS_FIRST:
            tx = task.tx = Transaction(connection, self._clock)
            connection.exec_driver_sql("SAVEPOINT unit")
            try:
                result = task.unit(tx)
                connection.exec_driver_sql("RELEASE unit")
                return _Outcome(task, result=result, earlier=tuple(earlier))
            except LostRace:
                self._undo(connection)
                races += 1
            except RunFirst as demand:
                self._undo(connection)
                earlier.append(self._attempt(connection, _Task(demand.unit, Future())))
                if earlier[-1].error is not None:
                    return _Outcome(task, error=earlier[-1].error, earlier=tuple(earlier))
            except BaseException as error:  # also SystemExit: the writer serves everybody and must go on
                self._undo(connection)
                failure = self._said_plainly(error) if isinstance(error, sa.exc.DBAPIError) else error
                return _Outcome(task, error=failure, earlier=tuple(earlier))
        failure = StorageUnavailable("The work item is changing too fast; nothing was changed")
        return _Outcome(task, error=failure, earlier=tuple(earlier))

    def _undo(self, connection: sa.Connection) -> None:
        """Take back one unit; where SQLite took back everything already, all units of the batch are lost."""
        if not getattr(connection.connection.dbapi_connection, "in_transaction", False):
            raise _TransactionLost
        connection.exec_driver_sql("ROLLBACK TO unit")
        connection.exec_driver_sql("RELEASE unit")

    def _connect(self) -> sa.Connection:
        if self._connection is None:
            self._connection = self.writer.connect()
        return self._connection

    def _disconnect(self) -> None:
        connection, self._connection = self._connection, None
        if connection is not None:
            try:
                connection.close()
            except sa.exc.SQLAlchemyError:
                _log.exception("the writer's connection did not close")

    def _said_plainly(self, error: Exception) -> StorageUnavailable:
        """Give a failure of the database as a sentence for the operator; doors must not pass it on."""
        if isinstance(error, sa.exc.DBAPIError):
            return sqlite.said_plainly(error, self.path)
        return StorageUnavailable(f"The database {self.path} took back a whole transaction")
