"""Units of work on SQLite: one writer commits many callers' units at once; readers never wait for it.

Units that come from an event loop run on it, if they are short: a thread would fight with the loop for the
interpreter's lock at every statement. Only what waits for the disk, the commit, is a thread's business.
"""

import asyncio
import queue
import threading
import time
from collections import deque
from collections.abc import Awaitable, Callable
from concurrent.futures import Future
from datetime import UTC, datetime
from functools import partial
from typing import Any

import sqlalchemy as sa

from soapsvc.domain.errors import StorageUnavailable
from soapsvc.storage import sqlite
from soapsvc.storage.database import Clock, real_time
from soapsvc.storage.memories import Memories
from soapsvc.storage.neighbours import Neighbour
from soapsvc.storage.readers import NotAtOnce, Readers
from soapsvc.storage.tasks import Outcome, Result, Task, Unit, call_on, deliver
from soapsvc.storage.writer import Writer

MOST_UNITS_A_COMMIT = 128

_SECONDS_ON_LOOP = 0.1
"""How long a batch on an event loop waits for other processes to write, before the thread waits for it."""


class SqliteDatabase:
    """The store of one service on one SQLite file."""

    def __init__(
        self,
        url: sa.URL,
        *,
        clock: Clock = real_time,
        memories: Memories | None = None,
        neighbour: Neighbour | None = None,
    ) -> None:
        self.path = sqlite.file_of(url)
        self._clock = clock
        self._memories = memories or Memories()
        self._writer = Writer(self.path, self._now, self._memories)
        self._readers = Readers(self.path, self._now, self._memories)
        self._neighbour = neighbour
        self._asking_since: float | None = None
        self._turn = threading.Condition()
        """Guards the four below; who waits for it waits for the last write."""
        self._waiting: deque[Task[Any]] = deque()
        self._is_writing = False
        self._expected_on: asyncio.AbstractEventLoop | None = None
        self._closed = False
        self._jobs: queue.SimpleQueue[Callable[[], None] | None] = queue.SimpleQueue()
        self._thread = threading.Thread(target=self._work, name="writer", daemon=True)
        self._thread.start()

    def write(self, unit: Unit[Result]) -> Future[Result]:
        """Run a unit that may change things, in its own savepoint of a shared transaction."""
        future: Future[Result] = Future()
        self._put_write(Task(unit, future))
        return future

    def read(self, unit: Unit[Result]) -> Future[Result]:
        """Run a unit that only looks, against one committed state."""
        future: Future[Result] = Future()
        self._put_read(Task(unit, future))
        return future

    def written(self, unit: Unit[Result], *, is_long: bool = False) -> Awaitable[Result]:
        """Do what `write` does, for who awaits it on an event loop, which a long unit must not keep."""
        loop = asyncio.get_running_loop()
        future: asyncio.Future[Result] = loop.create_future()
        self._put_write(Task(unit, future, loop, is_long))
        return future

    async def seen(self, unit: Unit[Result], *, is_long: bool = False) -> Result:
        """Do what `read` does, for who awaits it on an event loop, which a long unit must not keep."""
        if not is_long and not self._closed:
            try:
                return self._readers.look_at_once(unit)
            except NotAtOnce:
                pass
        loop = asyncio.get_running_loop()
        future: asyncio.Future[Result] = loop.create_future()
        self._put_read(Task(unit, future, loop))
        return await future

    def changes(self) -> int:
        """Say how often people, grants or tenancies were changed, as far as the processes of this service know."""
        return self._memories.changes()

    def hear_others(self) -> None:
        """Do nothing: other services and commands that write to the file tell nobody."""

    def close(self) -> None:
        """Finish what was taken on, then let go of the file."""
        with self._turn:
            if self._closed:
                return
            self._closed = True
            if self._expected_on is not None:
                self._hand_over()  # the loop may have ended before its batch came to its turn, or wait for this
            self._turn.wait_for(lambda: not self._is_writing)
        self._jobs.put(None)
        self._thread.join()
        self._writer.close()
        self._readers.close()

    def _now(self) -> datetime:
        # SQLite's clock is this machine's: to ask it would be one statement more for every unit.
        return self._clock(datetime.now(UTC))

    def _put_read(self, task: Task[Any]) -> None:
        with self._turn:
            self._check_open()
            self._readers.put(task)

    def _put_write(self, task: Task[Any]) -> None:
        with self._turn:
            self._check_open()
            self._waiting.append(task)
            if not self._is_writing:
                self._is_writing = True
                self._expect_batch()
            elif self._expected_on is not None and not self._suits(task, self._expected_on):
                self._hand_over()
            # else whoever is writing will go on with it

    def _check_open(self) -> None:
        if self._closed:
            raise StorageUnavailable("The service is shutting down; nothing was changed")

    def _expect_batch(self) -> None:
        """Have what waits run soon: where all of it comes from, if that is one event loop, else in the thread."""
        loop = self._waiting[0].loop
        if loop is not None and not self._closed and all(self._suits(task, loop) for task in self._waiting):
            self._expected_on = loop
            if call_on(loop, self._write_on_loop, loop):
                return
        self._hand_over()

    def _hand_over(self) -> None:
        """Let the thread run what waits."""
        self._expected_on = self._asking_since = None
        self._jobs.put(self._write_in_thread)

    def _suits(self, task: Task[Any], loop: asyncio.AbstractEventLoop) -> bool:
        """Say whether a task may run on a loop: on any but its caller's it might keep, or be kept by, a stranger."""
        return task.loop is loop and not task.is_long

    def _write_on_loop(self, loop: asyncio.AbstractEventLoop, *, is_soon: bool = False) -> None:
        """Run a batch here, and leave its commit to the thread; all of it, if there is something to wait for."""
        if not is_soon:
            # Those who were just answered, and those whose requests are just coming in, come first.
            loop.call_soon(partial(self._write_on_loop, loop, is_soon=True))
            return
        with self._turn:
            if self._expected_on is not loop:
                return  # the thread has taken it over
            has_begun = self._begin_at_once()
            if not has_begun and self._can_wait_for_neighbours():
                self._wait_for_neighbours(loop)
                return
            self._expected_on = self._asking_since = None
            batch = self._next_batch()
        if not has_begun:
            self._jobs.put(partial(self._write_batch, batch))
            return
        try:
            outcomes = self._writer.attempt_all(batch, may_take_long=False)
        except BaseException as error:  # whatever it is, the thread has the time to meet it again, and to say what
            self._jobs.put(partial(self._write_again, batch))
            if not isinstance(error, Exception):
                raise  # the loop shall end by it, as by Ctrl-C
        else:
            self._jobs.put(partial(self._commit, batch, outcomes))

    def _begin_at_once(self) -> bool:
        try:
            return self._writer.begin_at_once()
        except sqlite.ERRORS:
            self._writer.take_back()
            return False

    def _can_wait_for_neighbours(self) -> bool:
        """Say whether it is a neighbour that writes, or most likely so: for long, it would be somebody else."""
        if self._neighbour is None or not self._writer.is_connected:
            return False
        now = time.monotonic()
        self._asking_since = self._asking_since or now
        return now - self._asking_since < _SECONDS_ON_LOOP

    def _wait_for_neighbours(self, loop: asyncio.AbstractEventLoop) -> None:
        if self._neighbour is not None:
            self._neighbour.when_written(loop, partial(self._write_on_loop, loop, is_soon=True))

    def _work(self) -> None:
        """Do what may wait for the disk, or for other processes."""
        while (job := self._jobs.get()) is not None:
            job()

    def _write_in_thread(self) -> None:
        with self._turn:
            batch = self._next_batch()
        self._write_batch(batch)

    def _write_again(self, batch: list[Task[Any]]) -> None:
        self._writer.take_back()
        self._write_batch(batch)

    def _write_batch(self, batch: list[Task[Any]]) -> None:
        try:
            self._writer.begin()
            outcomes = self._writer.attempt_all(batch)
        except Exception as error:
            self._writer.take_back()
            self._end_batch(self._writer.failed(batch, error))
        else:
            self._commit(batch, outcomes)

    def _commit(self, batch: list[Task[Any]], outcomes: list[Outcome]) -> None:
        """Commit once for all units of the batch, and only then tell anyone anything."""
        try:
            self._writer.commit()
        except Exception as error:
            self._writer.take_back()
            outcomes = self._writer.failed(batch, error)
        self._end_batch(outcomes)

    def _next_batch(self) -> list[Task[Any]]:
        batch: list[Task[Any]] = []
        while self._waiting and len(batch) < MOST_UNITS_A_COMMIT:
            task = self._waiting.popleft()
            if task.is_wanted():
                batch.append(task)
        return batch

    def _end_batch(self, outcomes: list[Outcome]) -> None:
        if self._neighbour is not None:
            self._neighbour.tell_written()
        deliver(outcomes)
        with self._turn:
            if self._waiting:
                self._expect_batch()
            else:
                self._is_writing = False
                self._turn.notify_all()
