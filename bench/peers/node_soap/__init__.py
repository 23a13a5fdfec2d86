"""node-soap with better-sqlite3: one process, statements prepared once.

Tried in one short run each, on a machine with other work: a second process (fewer pairs, more reads in three of four
comparisons), and answers in chunks, as node-soap sends them by default (fewer of both than in one piece).
"""

import shutil
import subprocess
from pathlib import Path

from bench.peers import building, database
from bench.racers import Racer

_SOURCES = Path(__file__).parent
_WSDL = _SOURCES.parent / "work_items.wsdl"


def _build(folder: Path) -> None:
    building.tool("node", "Node.js")
    for source in _SOURCES.glob("*.js*"):
        shutil.copy(source, folder)
    building.run([building.tool("npm", "Node.js"), "ci"], folder)


def _prepare(build: Path) -> None:
    building.once(build, sorted(_SOURCES.glob("*.*")), _build)


def _start(build: Path, data: Path, port: int) -> subprocess.Popen[bytes]:
    path = database.create(data)
    server = building.built(build) / "server.js"
    return building.start(["node", server, _WSDL, path, str(port)], data, {"NODE_ENV": "production"})


RACER = Racer(
    name="node-soap",
    title="node-soap + better-sqlite3",
    prepare=_prepare,
    start=_start,
    stored_versions=database.stored_versions,
)
