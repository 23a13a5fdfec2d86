"""PHP's SoapServer, under php-fpm behind nginx, with PDO and SQLite.

Opcache, the WSDL kept in memory, a persistent connection to the database; PHP prepares its statements anew for each
request. Tried in one short run each, on a machine with other work, so only large differences mean something: 1, 2, 4
and 8 children (4 did best for pairs, 8 worst at 64 clients), 2 workers of nginx (no better), and connections to
php-fpm that are kept (a child then serves only the connection that it has, and some requests waited for more than a
second). Not tried: a lock of its own around the writes, in place of SQLite's busy handler.
"""

import os
import subprocess
from pathlib import Path

from bench.peers import building, database
from bench.racers import Racer

_SOURCES = Path(__file__).parent
_WSDL = _SOURCES.parent / "work_items.wsdl"
# What each part is, and Debian's package that brings it.
_PARTS = {
    "fpm": ("usr/sbin/php-fpm[0-9]*", "php-fpm"),
    "nginx": ("usr/sbin/nginx", "nginx"),
    "opcache": ("usr/lib/php/2*/opcache.so", "php-cli"),
    "pdo": ("usr/lib/php/2*/pdo.so", "php-common"),
    "pdo_sqlite": ("usr/lib/php/2*/pdo_sqlite.so", "php-sqlite3"),
    "soap": ("usr/lib/php/2*/soap.so", "php-soap"),
}
_TEMPLATES = ("nginx.conf", "php-fpm.conf", "php.ini", "start.sh")


def _parts(folder: Path) -> dict[str, Path]:
    return {name: building.unpacked(folder, *part) for name, part in _PARTS.items()}


def _build(folder: Path) -> None:
    building.unpack_debian_packages(sorted({package for _, package in _PARTS.values()}), folder)
    _parts(folder)


def _prepare(build: Path) -> None:
    building.once(build, [Path(__file__)], _build)


def _start(build: Path, data: Path, port: int) -> subprocess.Popen[bytes]:
    data = data.absolute()
    root = os.geteuid() == 0
    values = {
        **_parts(building.built(build)),
        "data": data,
        "database": database.create(data),
        "port": port,
        "sources": _SOURCES,
        "wsdl": _WSDL,
        "as_root": "--allow-to-run-as-root" if root else "",
        "pool_user": "user = root" if root else "",
        "user": "user root;" if root else "",
    }
    for name in _TEMPLATES:
        (data / name).write_text((_SOURCES / name).read_text().format_map(values))
    return building.start(["sh", "start.sh"], data, {"PHP_INI_SCAN_DIR": ""})


RACER = Racer(
    name="php",
    title="PHP SoapServer, php-fpm + nginx",
    prepare=_prepare,
    start=_start,
    stored_versions=database.stored_versions,
)
