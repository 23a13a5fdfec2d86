"""Who waits for an operation: on an event loop, without a thread or a transaction, woken when it ends."""

import asyncio
import threading
from collections.abc import Iterator
from contextlib import contextmanager

from soapsvc.storage.tasks import call_on


class Waiter:
    """One who waits, on the loop that it was made on."""

    def __init__(self) -> None:
        self.loop = asyncio.get_running_loop()
        self._is_woken = asyncio.Event()

    def wake(self) -> None:
        """Let it look again, from any thread; if its loop is gone, nobody waits there any longer."""
        call_on(self.loop, self._is_woken.set)

    async def wait(self, seconds: float) -> bool:
        """Wait until it is woken, at most so long; say whether it was."""
        try:
            async with asyncio.timeout(seconds):
                await self._is_woken.wait()
        except TimeoutError:
            return False
        self._is_woken.clear()
        return True


class Waiters:
    """All who wait in this process, no more than may: further ones are told at once that there is no place."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._lock = threading.Lock()
        self._count = 0
        self._waiting: dict[str, list[Waiter]] = {}
        self.is_closed = False
        """Whether nobody shall wait any more."""

    @contextmanager
    def place(self, operation: str) -> Iterator[Waiter | None]:
        """Wait for the operation of this id: from before it is committed, so that no end is missed. None: no place."""
        waiter = self._enter(operation)
        try:
            yield waiter
        finally:
            if waiter is not None:
                self._leave(operation, waiter)

    def wake(self, operation: str) -> None:
        """Wake all who wait for an operation, from any thread."""
        with self._lock:
            waiting = list(self._waiting.get(operation, ()))
        for one in waiting:
            one.wake()

    def close(self) -> None:
        """Let everybody who waits go, and nobody wait any more, from any thread."""
        with self._lock:
            self.is_closed = True
            waiting = [waiter for waiters in self._waiting.values() for waiter in waiters]
        for one in waiting:
            one.wake()

    def _enter(self, operation: str) -> Waiter | None:
        with self._lock:
            if self.is_closed or self._count >= self._most:
                return None
            self._count += 1
            waiter = Waiter()
            self._waiting.setdefault(operation, []).append(waiter)
            return waiter

    def _leave(self, operation: str, waiter: Waiter) -> None:
        with self._lock:
            self._count -= 1
            self._waiting[operation].remove(waiter)
            if not self._waiting[operation]:
                del self._waiting[operation]
