"""One turn of one racer: start it, warm it up, measure it, end it, and compare what it stored with what it said."""

import http.client
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from bench import disk, ledger, messages, processes
from bench.load import Load, LoadFailed, Outcome, without_place
from bench.racers import Racer
from bench.races import Race
from soapsvc import serving

_WARM_UP_SECONDS = 2.0
_START_SECONDS = 60.0


class DoesNotAnswer(Exception):
    """A racer ended, or gave no answer, after it was started; the text has the last line that it printed."""


@contextmanager
def running(racer: Racer, build: Path, data: Path, port: int) -> Iterator[subprocess.Popen[bytes]]:
    """Run a racer until the block ends, and give its process. Raises DoesNotAnswer."""
    process = racer.start(build, data, port)
    try:
        wait_until_it_answers(process, data, port, _ask)
        yield process
    finally:
        processes.end(process)


def take(racer: Racer, race: Race, build: Path, seconds: float) -> dict[str, Any]:
    """Take a turn on a fresh database; say what came, also if that is a failure."""
    # On the disk of the builds: a folder for temporary files may lie in memory, where a commit costs nothing.
    with tempfile.TemporaryDirectory(dir=build, prefix="turn-") as name:
        data, notes = Path(name, "data"), Path(name, "load")
        data.mkdir()
        notes.mkdir()
        load = Load(notes, build.parent / "tools", serving.free_port())
        try:
            with disk.flushes_of(race.flush, load.tools), running(racer, build, data, load.port) as process:
                result = _measured(load, race, process.pid, seconds)
                status = process.poll()
        except (DoesNotAnswer, LoadFailed) as error:
            return {"complaint": str(error)}
        if status is not None:
            return {
                **result,
                "complaint": without_place(f"it ended during the race, with status {status}: {_printed(data)}"),
            }
        return {**result, "complaint": _complaint(result, load, racer.stored_versions(data))}


def _measured(load: Load, race: Race, leader: int, seconds: float) -> dict[str, Any]:
    load.closed(race.work, race.clients, _WARM_UP_SECONDS)
    used = processes.usage(leader)[1]
    with processes.MemoryWatch(leader) as memory:
        outcome = _driven(load, race, seconds)
    at_end, used_now = processes.usage(leader)
    return {
        **outcome,
        "processor_seconds": used_now - used,
        "memory_peak": max(memory.peak, at_end),
        "memory_end": at_end,
    }


def _driven(load: Load, race: Race, seconds: float) -> Outcome:
    if race.rate is None:
        return load.closed(race.work, race.clients, seconds)
    return load.at_rate(race.rate, race.clients, seconds)


def _complaint(outcome: Outcome, load: Load, stored: dict[int, int]) -> str | None:
    if outcome["starved"]:
        return (
            f"no item was left to ask for: {outcome['unanswered']} requests have no answer, of the others these"
            f" many had each status: {outcome['statuses']}"
        )
    if outcome["wrong"] or outcome["unreadable"]:
        return f"{outcome['wrong']} answers had a wrong version, and {outcome['unreadable']} none"
    return ledger.complaint(load.ledger(), stored, load.unanswered)


def wait_until_it_answers(process: subprocess.Popen[bytes], data: Path, port: int, ask: Callable[[int], int]) -> None:
    """Ask, for the status of an answer, until it is 200. Raises DoesNotAnswer."""
    deadline = time.monotonic() + _START_SECONDS
    status = None
    while process.poll() is None and time.monotonic() < deadline:
        try:
            status = ask(port)
        except (OSError, http.client.HTTPException):
            status = None
        if status == 200:
            return
        time.sleep(0.02)
    state = "ended" if process.poll() is not None else f"answered {status}" if status else "gave no answer"
    raise DoesNotAnswer(without_place(f"it {state}: {_printed(data)}".strip()))


def _printed(data: Path) -> str:
    """Give the last line that a racer printed: errors come last, and a table has room for one line."""
    lines = [line for path in sorted(data.glob("*.log")) for line in path.read_text(errors="replace").splitlines()]
    return next((line.strip() for line in reversed(lines) if line.strip()), "")


def _ask(port: int) -> int:
    """Read the header of item 1, and give the status of the answer."""
    operation, body = "getWorkItemHeader", messages.requests(port)["read"][1] % 1
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=5)
    try:
        headers = {"Content-Type": "text/xml; charset=utf-8", "SOAPAction": f'"{operation}"'}
        connection.request("POST", messages.PATH, body.encode(), headers)
        return connection.getresponse().status
    finally:
        connection.close()
