"""Spyne with SQLAlchemy's ORM, as their tutorials have them, under granian.

Tried in two short runs each, in turns: one worker with 1, 2 and 4 threads (alike for pairs), and 2 workers with one
thread each (more pairs and reads in every run).
"""

import shutil
import subprocess
from pathlib import Path

from bench.peers import building, database
from bench.racers import ROOT, Racer

_SOURCES = Path(__file__).parent
_REQUIREMENTS = _SOURCES / "requirements.txt"
# Makes Spyne importable on Python 3.12 and newer.
_SHIM = ROOT / "soapsvc" / "soap" / "spyne_compatibility.py"


def _build(folder: Path) -> None:
    building.make_python_environment(_REQUIREMENTS, folder)
    shutil.copy(_SHIM, folder)


def _prepare(build: Path) -> None:
    building.once(build, [_REQUIREMENTS, _SHIM], _build)


def _start(build: Path, data: Path, port: int) -> subprocess.Popen[bytes]:
    environment = {
        "DATABASE": str(database.create(data)),
        "PYTHONPATH": f"{_SOURCES}:{building.built(build)}",
    }
    command: list[str | Path] = [building.built(build) / "venv/bin/granian", "--interface", "wsgi", "--port", str(port)]
    command += ["--workers", "2", "--blocking-threads", "1", "--backpressure", "128"]
    command += ["--no-access-log", "--log-level", "warning", "service:application"]
    return building.start(command, data, environment)


RACER = Racer(
    name="spyne",
    title="Spyne + SQLAlchemy ORM, granian",
    prepare=_prepare,
    start=_start,
    stored_versions=database.stored_versions,
)
