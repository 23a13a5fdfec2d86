"""Units of work that wait for their turn, and how those who asked for them are told what became of them."""

import asyncio
import logging
import queue
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import Future
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

from soapsvc.storage.transaction import Follower, Transaction

Result = TypeVar("Result")
Unit = Callable[[Transaction], Result]

_log = logging.getLogger(__name__)


@dataclass(slots=True, eq=False)
class Task(Generic[Result]):
    """A unit that waits to be run, and who waits for it: on the event loop, if there is one.

    `is_long`: it may take so long that no event loop should wait for it.
    """

    unit: Unit[Result]
    future: "Future[Result] | asyncio.Future[Result]"
    loop: asyncio.AbstractEventLoop | None = None
    is_long: bool = False
    tx: Transaction | None = None
    """Its last run; those before it were dropped."""

    def is_wanted(self) -> bool:
        """Say whether it shall run: nobody wants what was given up."""
        if isinstance(self.future, Future):
            return self.future.set_running_or_notify_cancel()
        return not self.future.cancelled()


@dataclass(frozen=True, slots=True, eq=False)
class Outcome:
    """What a unit came to, held back until the commit that it shares: even a fault may rest on a neighbour's write."""

    task: Task[Any]
    result: Any = None
    error: BaseException | None = None
    earlier: tuple["Outcome", ...] = ()
    """Of units that this one wanted to run first; nobody waits for them."""

    def follow(self) -> None:
        """Do what should follow the unit's end."""
        for outcome in self.earlier:
            outcome.follow()
        for follower in self._followers():
            try:
                follower()
            except Exception:
                _log.exception("what should follow a unit of work failed")

    def _followers(self) -> Sequence[Follower]:
        if self.task.tx is None:
            return ()
        return self.task.tx.followers_of_commit if self.error is None else self.task.tx.followers_of_rollback

    def tell(self) -> None:
        """Give it to who waits, in his own thread; who gave up, or was told already, is not told."""
        if self.task.future.done():
            return
        if self.error is None:
            self.task.future.set_result(self.result)
        elif isinstance(self.error, StopIteration):  # no future of asyncio's takes it
            failure = RuntimeError("a unit of work raised StopIteration")
            failure.__cause__ = self.error
            self.task.future.set_exception(failure)
        else:
            self.task.future.set_exception(self.error)


def deliver(outcomes: Iterable[Outcome]) -> None:
    """Do what follows each unit, and tell everybody who waits: those on one event loop by one call into it."""
    on_loops: dict[asyncio.AbstractEventLoop, list[Outcome]] = {}
    for outcome in outcomes:
        outcome.follow()
        if outcome.task.loop is None:
            outcome.tell()
        else:
            on_loops.setdefault(outcome.task.loop, []).append(outcome)
    for loop, together in on_loops.items():
        call_on(loop, _tell_all, together)


def _tell_all(outcomes: Iterable[Outcome]) -> None:
    for outcome in outcomes:
        outcome.tell()


def call_on(loop: asyncio.AbstractEventLoop, function: Callable[..., object], *arguments: Any) -> bool:
    """Let an event loop call a function, from any thread; say whether it still could."""
    try:
        loop.call_soon_threadsafe(function, *arguments)
    except RuntimeError:  # it was closed: nobody waits there any longer
        return False
    return True


class TaskQueue:
    """Tasks in the order in which they came, for several threads of which each takes its share at a time."""

    def __init__(self, *, takers: int, most: int) -> None:
        self._takers = takers
        self._most = most
        self._tasks: queue.SimpleQueue[Task[Any] | None] = queue.SimpleQueue()

    def put(self, task: Task[Any]) -> None:
        """Add a task at the end."""
        self._tasks.put(task)

    def end(self) -> None:
        """Let each taker come to an end when all that was put before is taken."""
        for _ in range(self._takers):
            self._tasks.put(None)

    def take(self) -> list[Task[Any]]:
        """Wait for a task, and take with it the taker's share of what waits behind it; empty at the end."""
        batch: list[Task[Any]] = []
        while not batch:
            task = self._tasks.get()
            if task is None:
                return []
            share = min(self._most, 1 + self._tasks.qsize() // self._takers)
            while task is not None:
                if task.is_wanted():
                    batch.append(task)
                if len(batch) >= share:
                    return batch
                try:
                    task = self._tasks.get_nowait()
                except queue.Empty:
                    return batch
            self._tasks.put(None)  # the end was met behind these: they come first, then it is met again
        return batch
