"""The one connection that writes: many units in one transaction, each in a savepoint of its own, and one commit."""

from collections.abc import Callable, Sequence
from concurrent.futures import Future
from datetime import datetime
from pathlib import Path
from typing import Any

import sqlalchemy as sa

from soapsvc.domain.errors import LostRace, StorageUnavailable
from soapsvc.storage import sqlite
from soapsvc.storage.memories import Memories
from soapsvc.storage.tasks import Outcome, Task
from soapsvc.storage.transaction import RunFirst, Transaction

MOST_RUNS_A_UNIT = 5
MOST_UNITS_FIRST = 100


class TransactionLost(Exception):
    """SQLite gave up the whole transaction (disk full, I/O error), and with it every unit of the batch."""


class Writer:
    """Runs batches of units, from whatever thread has its turn; turns are the caller's business."""

    def __init__(self, path: Path, now: Callable[[], datetime], memories: Memories) -> None:
        self._path = path
        self._now = now
        self._memories = memories
        self._memory = memories.begin()
        self._engine = sqlite.writer_engine(path)
        self._connection: sa.Connection | None = None

    def begin(self) -> None:
        """Begin a transaction, once nobody else writes."""
        self._memory = self._memories.begin()
        sqlite.begin_to_write(self._connected())

    @property
    def is_connected(self) -> bool:
        """Say whether there is a connection; to make one takes a while."""
        return self._connection is not None

    def begin_at_once(self) -> bool:
        """Begin a transaction, unless there is still something to wait for: then say no."""
        self._memory = self._memories.begin()
        return self._connection is not None and sqlite.begin_at_once(self._connection)

    def attempt_all(self, batch: Sequence[Task[Any]], *, may_take_long: bool = True) -> list[Outcome]:
        """Run every unit of a batch. Raises what spoils it for all; RunFirst, too, if this must not take long."""
        return [self._attempt(task, may_take_long=may_take_long) for task in batch]

    def commit(self) -> None:
        """Put everything on disk."""
        sqlite.execute(self._connected(), "COMMIT")

    def take_back(self) -> None:
        """Undo everything since the begin, and let go of the connection: it may be what failed."""
        connection, self._connection = self._connection, None
        if connection is not None:
            sqlite.close(connection)

    def close(self) -> None:
        """Let go of the file."""
        self.take_back()

    def said_plainly(self, error: BaseException) -> BaseException:
        """Give a failure of the database as a sentence for the operator; doors must not pass it on."""
        return sqlite.said_plainly(error, self._path)

    def failed(self, batch: Sequence[Task[Any]], error: Exception) -> list[Outcome]:
        """Give what units came to whose whole transaction failed, though they may have gone well themselves."""
        failure = self.said_plainly(error)
        if not isinstance(failure, StorageUnavailable):
            failure = StorageUnavailable(f"The database {self._path} took back a whole transaction")
            failure.__cause__ = error
        return [Outcome(task, error=failure) for task in batch]

    def _attempt(self, task: Task[Any], *, may_take_long: bool, tenancy: int | None = None) -> Outcome:
        """Run one unit in a savepoint; again if it lost a race against another write, or wants one to run first."""
        earlier: list[Outcome] = []
        races = 0
        while races < MOST_RUNS_A_UNIT and len(earlier) < MOST_UNITS_FIRST:
            tx = task.tx = Transaction(self._connected(), self._now, self._memory)
            tx.tenancy = tenancy
            tx.driver.execute("SAVEPOINT unit")
            try:
                result = task.unit(tx)
                tx.driver.execute("RELEASE unit")
                return Outcome(task, result=result, earlier=tuple(earlier))
            except LostRace:
                _undo(tx)
                races += 1
            except RunFirst as demand:
                if not may_take_long:
                    raise
                _undo(tx)
                first = Task(demand.unit, Future())
                earlier.append(self._attempt(first, may_take_long=True, tenancy=tx.tenancy))
                if earlier[-1].error is not None:
                    return Outcome(task, error=earlier[-1].error, earlier=tuple(earlier))
            except BaseException as error:  # also SystemExit: the writer serves everybody and must go on
                _undo(tx)
                return Outcome(task, error=self.said_plainly(error), earlier=tuple(earlier))
        failure = StorageUnavailable("The work item is changing too fast; nothing was changed")
        return Outcome(task, error=failure, earlier=tuple(earlier))

    def _connected(self) -> sa.Connection:
        if self._connection is None:
            self._connection = self._engine.connect()
        return self._connection


def _undo(tx: Transaction) -> None:
    """Take back one unit; where SQLite took back everything already, all units of the batch are lost."""
    if not tx.driver.in_transaction:
        raise TransactionLost
    tx.driver.execute("ROLLBACK TO unit")
    tx.driver.execute("RELEASE unit")
