"""How many callbacks are under way at once: a few to each receiver, so that a slow one does not take all the places."""

import threading
from collections import Counter


class Slots:
    """Places for tries that run at the same time in this process, by the receiver's host; threads may share it."""

    def __init__(self, *, per_host: int) -> None:
        self._per_host = per_host
        self._taken: Counter[str] = Counter()
        self._lock = threading.Lock()

    def take(self, host: str) -> bool:
        """Take a place if the host has one left; whoever got one gives it back by `release`."""
        with self._lock:
            if self._taken[host] >= self._per_host:
                return False
            self._taken[host] += 1
            return True

    def release(self, host: str) -> None:
        """Give a place back."""
        with self._lock:
            self._taken[host] -= 1
            if not self._taken[host]:
                del self._taken[host]
