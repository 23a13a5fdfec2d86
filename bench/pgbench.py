"""Runs pgbench with the service's own guarded update and history row, and reads what it measured."""

import re
import resource
import statistics
import subprocess
from dataclasses import dataclass
from pathlib import Path

from bench.racers import ITEMS
from bench.server import Server

_SCRIPT = Path(__file__).parent / "change.sql"
_SPARE_SECONDS = 60
_THREADS = 2


@dataclass(frozen=True, slots=True)
class Outcome:
    """Changes of the whole run, warm-up and all; what the measured part of it came to; all of its processor time."""

    changes: int
    rate: float
    p50: float
    p99: float
    processor_seconds: float


def run(on: Server, database: str, folder: Path, *, clients: int, seconds: int) -> Outcome:
    """Change every item once to warm up; then measure. Every client has items of its own."""
    each = ITEMS // clients
    ((person, tenancy),) = on.rows(database, "SELECT entity_id, tenancy_id FROM offer LIMIT 1")
    values = {"clients": clients, "items_each": each, "person": person, "tenancy": tenancy}
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    common = [on.programs / "pgbench", "-n", "-M", "prepared", "-f", _SCRIPT, "-c", clients, "-j", _THREADS]
    common += [f"-D{name}={value}" for name, value in values.items()]
    warm = _changes(_told([*common, "-Dn=0", "-t", each, on.of(database)], seconds))
    log = folder / "log"
    text = _told([*common, f"-Dn={each}", "-T", seconds, "-l", f"--log-prefix={log}", on.of(database)], seconds)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    waits = [int(line.split()[2]) / 1000 for part in folder.glob("log.*") for line in part.read_text().splitlines()]
    return Outcome(
        changes=warm + _changes(text),
        rate=float(_number(r"tps = ([\d.]+)", text)),
        p50=statistics.median(waits),
        p99=statistics.quantiles(waits, n=100)[98],
        processor_seconds=after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime,
    )


def _told(command: list[object], seconds: int) -> str:
    done = subprocess.run(
        list(map(str, command)), check=False, capture_output=True, text=True, timeout=seconds + _SPARE_SECONDS
    )
    if done.returncode:
        raise SystemExit(f"pgbench failed: {done.stderr.strip().splitlines()[0]}")
    return done.stdout


def _changes(text: str) -> int:
    return int(_number(r"actually processed: (\d+)", text))


def _number(pattern: str, text: str) -> str:
    found = re.search(pattern, text)
    if found is None:
        raise ValueError(f"pgbench said nothing of {pattern}: {text}")
    return found[1]
