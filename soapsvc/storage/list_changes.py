"""What has become of work lists since this process began: who waits for a change is woken, and nobody polls."""

import asyncio
import threading
from collections.abc import Collection
from contextlib import suppress
from dataclasses import dataclass

from soapsvc.domain.errors import TooManyWaiting

MOST_WAITING = 1_000


@dataclass(eq=False, slots=True)
class _Waiter:
    loop: asyncio.AbstractEventLoop
    woken: asyncio.Future[None]

    def wake(self) -> None:
        """End the wait, from whatever thread."""
        with suppress(RuntimeError):  # the loop is closed, and with it the wait is over
            self.loop.call_soon_threadsafe(self._end)

    def _end(self) -> None:
        if not self.woken.done():
            self.woken.set_result(None)


class ListChanges:
    """Counts changes of lists, by the ids of the entities whose lists they are, as soon as they are on disk.

    A point is a number of that count, which means something in this process only: what clients keep is a mark of the
    database, see list_marks. Changes of other processes are noted when somebody has looked for them.
    """

    def __init__(self) -> None:
        self.now = 0
        """How many changes were noted: what is read after looking at this sees all of them."""
        self.most_waiting = MOST_WAITING
        self._last: dict[int, int] = {}
        self._last_of_all = 0
        self._waiters: dict[int, set[_Waiter]] = {}
        self._count = 0
        self.is_closed = False
        """Whether nobody shall wait any more."""
        self._turn = threading.Lock()

    @property
    def waiting(self) -> int:
        """How many wait now."""
        return self._count

    def note(self, lists: Collection[int]) -> None:
        """Count a change of these lists, and wake who waits for one."""
        if not lists:
            return
        with self._turn:
            self.now += 1
            woken: set[_Waiter] = set()
            for one in lists:
                self._last[one] = self.now
                woken |= self._waiters.get(one, set())
        for waiter in woken:
            waiter.wake()

    def note_all(self) -> None:
        """Count a change of every list: who is in what has changed, or this process is about to end."""
        with self._turn:
            self.now += 1
            self._last_of_all = self.now
            woken = {waiter for waiters in self._waiters.values() for waiter in waiters}
        for waiter in woken:
            waiter.wake()

    def close(self) -> None:
        """Let everybody who waits go, and nobody wait any more."""
        self.is_closed = True
        self.note_all()

    def changed_since(self, lists: Collection[int], point: int) -> bool:
        """Say whether one of these lists changed after a point."""
        return max(self._last_of_all, *(self._last.get(one, 0) for one in lists)) > point

    async def wait(self, lists: Collection[int], point: int, seconds: float) -> bool:
        """Wait until one of these lists has changed after a point, at most so long; say whether it has.

        It costs neither a thread nor a transaction. Raises TooManyWaiting.
        """
        loop = asyncio.get_running_loop()
        waiter = _Waiter(loop, loop.create_future())
        self._enter(waiter, lists)
        try:
            if not self.is_closed and not self.changed_since(lists, point):
                with suppress(TimeoutError):
                    async with asyncio.timeout(seconds):
                        await waiter.woken
        finally:
            self._leave(waiter, lists)
        return self.changed_since(lists, point)

    def _enter(self, waiter: _Waiter, lists: Collection[int]) -> None:
        with self._turn:
            if self._count >= self.most_waiting:
                raise TooManyWaiting
            self._count += 1
            for one in lists:
                self._waiters.setdefault(one, set()).add(waiter)

    def _leave(self, waiter: _Waiter, lists: Collection[int]) -> None:
        with self._turn:
            self._count -= 1
            for one in lists:
                self._waiters[one].discard(waiter)
                if not self._waiters[one]:
                    del self._waiters[one]
