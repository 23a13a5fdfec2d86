"""Who waits for an operation to end, or for an item to change: on an event loop, without a thread or a transaction."""

import asyncio
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress


class Waiter:
    """One who waits, on the loop that it was made on."""

    def __init__(self) -> None:
        self.loop = asyncio.get_running_loop()
        self._is_woken = asyncio.Event()

    def wake(self) -> None:
        """Let it look again, from any thread; if its loop is gone, nobody waits there any longer."""
        with suppress(RuntimeError):  # its loop is closed, and with it the wait is over
            self.loop.call_soon_threadsafe(self._is_woken.set)

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
        self.most = most
        self.is_closed = False
        """Whether nobody shall wait any more."""
        self._lock = threading.Lock()
        self._count = 0
        self._waiting: dict[str, list[Waiter]] = {}

    @property
    def count(self) -> int:
        """How many wait now."""
        return self._count

    def close(self) -> None:
        """Let everybody who waits go, and nobody wait any more, from any thread."""
        with self._lock:
            self.is_closed = True
        self.wake_all()

    def wake_all(self) -> None:
        """Wake everybody who waits, from any thread."""
        with self._lock:
            waiting = [waiter for waiters in self._waiting.values() for waiter in waiters]
        for one in waiting:
            one.wake()

    @contextmanager
    def place(self, subject: str) -> Iterator[Waiter | None]:
        """Wait for what has this id: from before it is committed, or looked at, so that nothing is missed.

        None: there is no place.
        """
        waiter = self._enter(subject)
        try:
            yield waiter
        finally:
            if waiter is not None:
                self._leave(subject, waiter)

    def wake(self, *subjects: str) -> None:
        """Wake all who wait for one of these, from any thread."""
        if not self._waiting:
            return
        with self._lock:
            waiting = [waiter for subject in subjects for waiter in self._waiting.get(subject, ())]
        for one in waiting:
            one.wake()

    def _enter(self, subject: str) -> Waiter | None:
        with self._lock:
            if self.is_closed or self._count >= self.most:
                return None
            self._count += 1
            waiter = Waiter()
            self._waiting.setdefault(subject, []).append(waiter)
            return waiter

    def _leave(self, subject: str, waiter: Waiter) -> None:
        with self._lock:
            self._count -= 1
            self._waiting[subject].remove(waiter)
            if not self._waiting[subject]:
                del self._waiting[subject]
