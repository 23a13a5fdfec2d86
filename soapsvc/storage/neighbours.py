"""What the processes of one service share: how often what they remember was changed, and when one has written."""

import asyncio
import mmap
import os
from collections.abc import Callable
from contextlib import suppress
from typing import Protocol

_SECONDS_UNTOLD = 0.002
"""How long who waits to write waits for another process that says nothing when it has written, such as a command."""

_COUNTER_BYTES = 8


class Changes(Protocol):
    """How often somebody changed what others remember: it never goes down, and goes up with every change."""

    def count(self) -> int:
        """Say how often it was."""

    def note(self) -> None:
        """Say that it was changed once more."""


class OwnChanges:
    """The changes of a process that has no neighbours."""

    def __init__(self) -> None:
        self._count = 0

    def count(self) -> int:
        """Say how often it was."""
        return self._count

    def note(self) -> None:
        """Say that it was changed once more."""
        self._count += 1


class Neighbours:
    """Made by the process that starts the others: they have it from their beginning, and it is never sent."""

    def __init__(self, most: int) -> None:
        self._counters = memoryview(mmap.mmap(-1, most * _COUNTER_BYTES)).cast("Q")
        self._told, self._tell = os.pipe()
        os.set_blocking(self._told, False)
        os.set_blocking(self._tell, False)

    def member(self, number: int) -> "Neighbour":
        """Give what the process of a number, counted from 0, has of it; one that takes its place has the same."""
        return Neighbour(SharedChanges(self._counters, number), self._told, self._tell)


class SharedChanges:
    """The changes of all processes together: each counts its own, where no other one writes."""

    def __init__(self, counters: memoryview, number: int) -> None:
        self._counters = counters
        self._number = number

    def count(self) -> int:
        """Say how often it was, by any of them."""
        return sum(self._counters)

    def note(self) -> None:
        """Say that this process changed it once more."""
        self._counters[self._number] += 1


class Neighbour:
    """One process among its neighbours.

    Whose turn it is to write, SQLite alone decides. To be told when to ask it again is quicker than to ask it often,
    and whoever is not told asks all the same.
    """

    def __init__(self, changes: Changes, told: int, tell: int) -> None:
        self.changes = changes
        self._told = told
        self._tell = tell

    def tell_written(self) -> None:
        """Let who waits know that the file was let go of."""
        with suppress(BlockingIOError):  # then they have been told often enough
            os.write(self._tell, b".")

    def when_written(self, loop: asyncio.AbstractEventLoop, ask: Callable[[], object]) -> None:
        """Have an event loop call a function when another process may have written, once."""

        def wake() -> None:
            timer.cancel()
            loop.remove_reader(self._told)
            with suppress(BlockingIOError):  # then another one was quicker
                os.read(self._told, mmap.PAGESIZE)
            ask()

        timer = loop.call_later(_SECONDS_UNTOLD, wake)
        loop.add_reader(self._told, wake)
