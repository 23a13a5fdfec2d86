"""gSOAP (C++) with SQLite: a thread for each connection, statements prepared once.

Tried in five short runs each, in turns, pairs at 64 clients: a writing connection for each thread, in turns by a mutex
or by SQLite's busy handler, against one that all share. The shared one had the best median, a little before the mutex,
with runs that overlap; with the busy handler alone p99 was above half a second in every run. SQLite's
locking_mode=EXCLUSIVE on the shared one was not told apart from it.
"""

import subprocess
from pathlib import Path

from bench.peers import building, database
from bench.racers import Racer

_SOURCES = Path(__file__).parent


def _build(folder: Path) -> None:
    building.unpack_debian_packages(["gsoap", "libgsoap-dev", "libsqlite3-dev"], folder)
    compiler = building.tool("g++", "Debian's g++")
    soapcpp2 = building.unpacked(folder, "usr/bin/soapcpp2", "gsoap")
    # The code that is generated reads stdsoap2.h of the same release.
    headers = building.unpacked(folder, "usr/include/stdsoap2.h", "libgsoap-dev").parent
    library = building.unpacked(folder, "usr/lib/*/libgsoap++.a", "libgsoap-dev")
    sqlite = building.unpacked(folder, "usr/lib/*/libsqlite3.so", "libsqlite3-dev")
    building.run([soapcpp2, "-S", "-L", "-w", "-x", "-c++11", "-d", folder, _SOURCES / "work_items.h"], folder)
    generated = [folder / "soapC.cpp", folder / "soapServer.cpp"]
    command: list[str | Path] = [
        compiler,
        "-std=c++17",
        "-O3",
        "-march=native",
        "-pthread",
        "-I",
        folder,
        "-I",
        headers,
    ]
    command += [_SOURCES / "server.cpp", *generated, library, sqlite, "-o", folder / "server"]
    building.run(command, folder)


def _prepare(build: Path) -> None:
    building.once(build, sorted(_SOURCES.glob("*.*")), _build)


def _start(build: Path, data: Path, port: int) -> subprocess.Popen[bytes]:
    path = database.create(data)
    return building.start([building.built(build) / "server", path, str(port)], data)


RACER = Racer(
    name="gsoap",
    title="gSOAP 2.8 (C++), a thread per connection",
    prepare=_prepare,
    start=_start,
    stored_versions=database.stored_versions,
)
