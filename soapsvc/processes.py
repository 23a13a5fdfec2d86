"""Several processes that do the same work: one starts the others, replaces who dies, and ends with them."""

import logging
import os
import signal
import sys
import threading
import time
from collections.abc import Callable

_STOP = {signal.SIGINT, signal.SIGTERM}
_SECONDS_BETWEEN_STARTS = 1.0

_log = logging.getLogger(__name__)


def run(count: int, work: Callable[[int], object]) -> None:
    """Run `work` in so many processes, each with a number from 0 on, until this one is told to stop (SIGINT, SIGTERM).

    They are told once, by SIGTERM, and have the time that they need. One that ends before is replaced. All of them die
    when this process does. It must have no other threads, and heeds no more such signals afterwards.
    """
    heeded = _STOP | {signal.SIGCHLD}
    before = signal.pthread_sigmask(signal.SIG_BLOCK, heeded)
    signal.signal(signal.SIGCHLD, _nothing)  # some systems drop what would be ignored before it can be waited for
    team = _Team(work)
    try:
        for number in range(count):
            team.start(number)
        while signal.sigwait(heeded) == signal.SIGCHLD:
            team.replace_who_ended()
        team.stop()
    finally:
        # Who tells it to stop once more, while it waits for the others, must not kill it when it has waited.
        signal.pthread_sigmask(signal.SIG_SETMASK, before | _STOP)


def are_possible() -> bool:
    """Say whether this system can start a process as a copy of another."""
    return hasattr(os, "fork")


def heed_no_more_signals() -> None:
    """Let this process end in its own time, however often it is told to."""
    signal.pthread_sigmask(signal.SIG_BLOCK, _STOP)


class _Team:
    """The processes that work, by their ids."""

    def __init__(self, work: Callable[[int], object]) -> None:
        self._work = work
        self._numbers: dict[int, int] = {}
        self._started: dict[int, float] = {}
        # Nothing is ever written: when this process dies, its end of the pipe closes, and they notice.
        self._life_line, self._held = os.pipe()

    def start(self, number: int) -> None:
        """Start the process of a number."""
        self._started[number] = time.monotonic()
        sys.stdout.flush()
        sys.stderr.flush()
        identity = os.fork()
        if identity == 0:
            os._exit(self._child(number))
        self._numbers[identity] = number
        _log.info("process %d is %d", number, identity)

    def _child(self, number: int) -> int:
        try:
            os.close(self._held)
            signal.signal(signal.SIGCHLD, signal.SIG_DFL)
            threading.Thread(target=_die_with, args=(self._life_line,), daemon=True).start()
            # What is typed at a terminal reaches all; only the first process says when to stop.
            signal.pthread_sigmask(signal.SIG_SETMASK, {signal.SIGINT})
            self._work(number)
        except BaseException:
            _log.exception("process %d cannot go on", number)
            return 1
        finally:
            sys.stdout.flush()
            sys.stderr.flush()
        return 0

    def replace_who_ended(self) -> None:
        """Start another process for each that has ended; one that ends at once is not started at once."""
        for number, status in self._ended():
            _log.error("process %d ended, with status %d; another takes its place", number, status)
            if time.monotonic() - self._started[number] < _SECONDS_BETWEEN_STARTS:
                time.sleep(_SECONDS_BETWEEN_STARTS)
            self.start(number)

    def _ended(self) -> list[tuple[int, int]]:
        """Give the numbers of who ended since the last time, with their exit status, negative for a signal."""
        ended = []
        for identity in list(self._numbers):
            found, status = os.waitpid(identity, os.WNOHANG)
            if found:
                ended.append((self._numbers.pop(identity), os.waitstatus_to_exitcode(status)))
        return ended

    def stop(self) -> None:
        """Tell all to stop, and wait until they have."""
        for identity in self._numbers:
            os.kill(identity, signal.SIGTERM)
        for identity in self._numbers:
            os.waitpid(identity, 0)


def _nothing(number: int, frame: object) -> None:
    """Do nothing about a signal."""


def _die_with(life_line: int) -> None:
    os.read(life_line, 1)
    os.kill(os.getpid(), signal.SIGKILL)
