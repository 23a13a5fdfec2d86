"""The processes of a racer: what memory and processor time they use, and how they end."""

import contextlib
import os
import signal
import subprocess
import threading
import time
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType

_PAGE = os.sysconf("SC_PAGE_SIZE")
_TICK = 1 / os.sysconf("SC_CLK_TCK")
_SAMPLE_SECONDS = 0.25
_PATIENCE_SECONDS = 20.0


def usage(leader: int) -> tuple[int, float]:
    """Give the resident bytes and the processor seconds of a leader, all that it started, and all of its session.

    Memory that two of its processes share counts twice.
    """
    family = _family(leader).values()
    return sum(one.resident for one in family), sum(one.seconds for one in family)


def _family(leader: int) -> dict[int, "_Process"]:
    found = _processes()
    family = {number for number, one in found.items() if leader in (number, one.session)}
    grown = True
    while grown:  # what made itself a session of its own is still known by its parent
        children = {number for number, one in found.items() if one.parent in family}
        grown = not children <= family
        family |= children
    return {number: found[number] for number in family}


@dataclass(frozen=True, slots=True)
class _Process:
    parent: int
    session: int
    started: int
    resident: int
    seconds: float


def _processes() -> dict[int, _Process]:
    found = {}
    for entry in Path("/proc").iterdir():
        if not entry.name.isdigit():
            continue
        try:
            # The name of a program, in brackets, may hold anything; the fields behind it are numbers.
            fields = (entry / "stat").read_text().rpartition(")")[2].split()
            if fields[0] == "Z":  # it has ended, and its parent has not looked yet
                continue
        except (FileNotFoundError, ProcessLookupError):
            continue
        found[int(entry.name)] = _Process(
            parent=int(fields[1]),
            session=int(fields[3]),
            started=int(fields[19]),
            resident=int(fields[21]) * _PAGE,
            seconds=(int(fields[11]) + int(fields[12])) * _TICK,
        )
    return found


def end(process: subprocess.Popen[bytes]) -> None:
    """Ask a leader and all that it started to stop, and stop what does not."""
    family = _family(process.pid)
    for number in (signal.SIGTERM, signal.SIGKILL):
        deadline = time.monotonic() + _PATIENCE_SECONDS
        for member in _still_running(process, family):
            with contextlib.suppress(ProcessLookupError):
                os.kill(member, number)
        while _still_running(process, family) and time.monotonic() < deadline:
            time.sleep(0.02)
    process.wait()


def _still_running(process: subprocess.Popen[bytes], family: dict[int, "_Process"]) -> list[int]:
    """Give those of a family that did not end; a number that was given to another process since does not count."""
    process.poll()
    now = _processes()
    return [number for number, one in family.items() if number in now and now[number].started == one.started]


class MemoryWatch:
    """Watches the memory of a process group while a block runs."""

    def __init__(self, leader: int) -> None:
        self.peak = 0
        self._leader = leader
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._watch, daemon=True)

    def __enter__(self) -> "MemoryWatch":
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._over.set()
        self._thread.join()

    def _watch(self) -> None:
        while not self._over.wait(_SAMPLE_SECONDS):
            self.peak = max(self.peak, usage(self._leader)[0])
