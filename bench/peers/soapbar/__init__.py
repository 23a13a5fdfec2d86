"""soapbar with sqlite3, under granian, one WSGI worker with one thread.

Tried in three short runs each, in turns, pairs only: ASGI (like WSGI at 16 clients, fewer at 64), a second thread (not
told apart), and a second worker (not more, and a higher p99). Reads were tried once each, and were most with two
workers; this form is the one for pairs.
"""

import subprocess
from pathlib import Path

from bench.peers import building, database
from bench.racers import Racer

_SOURCES = Path(__file__).parent
_REQUIREMENTS = _SOURCES / "requirements.txt"


def _prepare(build: Path) -> None:
    building.once(build, [_REQUIREMENTS], lambda folder: building.make_python_environment(_REQUIREMENTS, folder))


def _start(build: Path, data: Path, port: int) -> subprocess.Popen[bytes]:
    environment = {"DATABASE": str(database.create(data)), "PYTHONPATH": str(_SOURCES)}
    command: list[str | Path] = [building.built(build) / "venv/bin/granian", "--interface", "wsgi", "--port", str(port)]
    command += ["--workers", "1", "--blocking-threads", "1", "--backpressure", "128"]
    command += ["--no-access-log", "--log-level", "warning", "service:application"]
    return building.start(command, data, environment)


RACER = Racer(
    name="soapbar",
    title="soapbar + sqlite3, granian",
    prepare=_prepare,
    start=_start,
    stored_versions=database.stored_versions,
)
