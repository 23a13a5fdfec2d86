"""The connections that only look: some with a thread of their own, and one for whoever is on an event loop."""

import threading
from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from typing import Any

import sqlalchemy as sa

from soapsvc.storage import sqlite
from soapsvc.storage.memories import Memories, Memory
from soapsvc.storage.tasks import Outcome, Result, Task, TaskQueue, Unit, deliver
from soapsvc.storage.transaction import Transaction

READERS = 4
MOST_UNITS_A_LOOK = 32


class NotAtOnce(Exception):
    """There is something to wait for: a thread should do it."""


class Readers:
    """Runs units that only look, each against one committed state."""

    def __init__(self, path: Path, now: Callable[[], datetime], memories: Memories) -> None:
        self._path = path
        self._now = now
        self._memories = memories
        self._engine = sqlite.reader_engine(path)
        self._tasks = TaskQueue(takers=READERS, most=MOST_UNITS_A_LOOK)
        self._engine_at_once = sqlite.reader_engine(path, may_wait=False)
        self._at_once = threading.Lock()
        self._closed = False
        self._connection: sa.Connection | None = None
        self._threads = [
            threading.Thread(target=self._run, name=f"reader-{n}", daemon=True) for n in range(1, READERS + 1)
        ]
        for thread in self._threads:
            thread.start()

    def put(self, task: Task[Any]) -> None:
        """Let one of the threads run a unit."""
        self._tasks.put(task)

    def look_at_once(self, unit: Unit[Result]) -> Result:
        """Run a unit here and now. Raises what it raises, and NotAtOnce if the database lets it wait or fails."""
        if not self._at_once.acquire(blocking=False):
            raise NotAtOnce
        try:
            if self._closed:
                raise NotAtOnce
            return self._look(unit)
        except sqlite.ERRORS as error:
            if self._connection is not None:
                sqlite.close(self._connection)
            self._connection = None
            raise NotAtOnce from error
        finally:
            self._at_once.release()

    def close(self) -> None:
        """Finish what was taken on, then let go of the file."""
        self._tasks.end()
        for thread in self._threads:
            thread.join()
        with self._at_once:
            self._closed = True
            if self._connection is not None:
                sqlite.close(self._connection)
            self._connection = None

    def _look(self, unit: Unit[Result]) -> Result:
        if self._connection is None:
            self._connection = self._engine_at_once.connect()
        memory = self._memories.begin()
        sqlite.execute(self._connection, "BEGIN")
        try:
            return unit(Transaction(self._connection, self._now, memory))
        finally:
            sqlite.execute(self._connection, "ROLLBACK")

    def _run(self) -> None:
        connection: sa.Connection | None = None
        while batch := self._tasks.take():
            try:
                connection = connection or self._engine.connect()
                memory = self._memories.begin()
                sqlite.execute(connection, "BEGIN")
                outcomes = [self._attempt(connection, memory, task) for task in batch]
                sqlite.execute(connection, "ROLLBACK")
            except Exception as error:
                outcomes = [Outcome(task, error=sqlite.said_plainly(error, self._path)) for task in batch]
                if connection is not None:
                    sqlite.close(connection)
                connection = None
            deliver(outcomes)
        if connection is not None:
            sqlite.close(connection)

    def _attempt(self, connection: sa.Connection, memory: Memory, task: Task[Any]) -> Outcome:
        """Run a unit; what it hangs on its transaction is dropped."""
        try:
            return Outcome(task, result=task.unit(Transaction(connection, self._now, memory)))
        except BaseException as error:  # also SystemExit: a reader serves everybody and must go on
            return Outcome(task, error=sqlite.said_plainly(error, self._path))
