"""Who races: the interface of every racer, and this service as one of them."""

import os
import shutil
import sqlite3
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from soapsvc import serving, wiring
from soapsvc.domain.work_item import NewWorkItem
from soapsvc.domain.work_type import WorkType
from soapsvc.settings import Settings
from soapsvc.storage.database import InTenancy
from soapsvc.usecases import people, scheduling, work_types
from soapsvc.usecases.sign_in import hash_password

ITEMS = 10_000
PERSON = "racer"
PASSWORD = "a password for races"  # noqa: S105
ROOT = Path(__file__).parent.parent
_PORTION = 500
_TEMPLATE = "template.db"


class CannotRace(Exception):
    """A racer's package manager, compiler or package is missing; the text says which."""


@dataclass(frozen=True, slots=True)
class Racer:
    """A program that answers the requests of the races, with 10,000 items of the ids 1 to 10,000 at version 0.

    `prepare` builds or installs it into a folder that is kept between runs, and raises CannotRace.
    `start` gets that folder, a fresh and empty data folder and a port, and gives the leader of a new process group:
    the race waits until it answers, and ends the group. `stored_versions` reads the version of each item from the data
    folder after the process has ended.
    """

    name: str
    title: str
    prepare: Callable[[Path], None]
    start: Callable[[Path, Path, int], subprocess.Popen[bytes]]
    stored_versions: Callable[[Path], dict[int, int]]


def _prepare(build: Path) -> None:
    """Make the database that every turn starts with a copy of."""
    template = build / _TEMPLATE
    for left in build.glob("template.db*"):
        left.unlink()
    fill(f"sqlite:///{template}")
    with closing(sqlite3.connect(template)) as database:
        # Closed cleanly, so all of it is in the one file.
        database.execute("PRAGMA wal_checkpoint(TRUNCATE)")


@contextmanager
def opened_template(build: Path) -> Iterator[InTenancy]:
    """Open the database that `OURS.prepare` made in a folder."""
    with wiring.opened_tenancy(_settings(f"sqlite:///{build / _TEMPLATE}"), None) as database:
        yield database


def _settings(url: str) -> Settings:
    return Settings.model_validate({"database": url})


def fill(url: str) -> None:
    """Make the tables of an empty database, and in them the items of the races and who works on them."""
    with serving.opened_service(_settings(url)) as service:
        _add_items(service.default_tenancy)


def _add_items(database: InTenancy) -> None:
    password_hash = hash_password(PASSWORD)
    database.write(lambda tx: people.add_person(tx, name=PERSON, guid=PERSON, password_hash=password_hash)).result()
    database.write(lambda tx: work_types.load(tx, [WorkType(id="race", reoffer_on_close=True)])).result()
    new = NewWorkItem(name="Race", work_type_id="race")
    for _ in range(0, ITEMS, _PORTION):
        unit = partial(scheduling.create_items, new=new, offer_to=[PERSON], count=_PORTION)
        database.write(unit).result()


def _start(build: Path, data: Path, port: int, *, processes: int) -> subprocess.Popen[bytes]:
    shutil.copy(build / _TEMPLATE, data / "soapsvc.db")
    return serve(data, port, processes=processes)


def serve(data: Path, port: int, *, processes: int, **settings: str) -> subprocess.Popen[bytes]:
    """Start this service in a folder."""
    # As it comes: no setting of whoever runs the race is carried over.
    environment = {name: value for name, value in os.environ.items() if not name.startswith("SOAPSVC_")}
    environment |= {f"SOAPSVC_{name.upper()}": value for name, value in settings.items()}
    environment["PYTHONPATH"] = str(ROOT)
    command = [sys.executable, "-m", "soapsvc", "serve", "--port", str(port), "--processes", str(processes)]
    with (data / "output.log").open("wb") as log:
        return subprocess.Popen(
            command, cwd=data, env=environment, stdout=log, stderr=subprocess.STDOUT, start_new_session=True
        )


def _stored_versions(data: Path) -> dict[int, int]:
    with closing(sqlite3.connect(data / "soapsvc.db")) as database:
        return dict(database.execute("SELECT id, version FROM work_item"))


OURS = Racer("ours", "soapsvc serve --processes 2", _prepare, partial(_start, processes=2), _stored_versions)
ALONE = Racer("ours-alone", "soapsvc serve, in one process", _prepare, partial(_start, processes=1), _stored_versions)
