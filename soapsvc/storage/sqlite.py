"""SQLite as a durable store: how connections are made, and what SQLAlchemy's defaults would get wrong."""

import sqlite3
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import sqlalchemy as sa
from filelock import FileLock, Timeout

from soapsvc.domain.errors import StorageUnavailable

BUSY_TIMEOUT = 5.0
"""Seconds that a transaction waits for another process to end its own."""

_BUSY_PAUSE = 0.0005
_PRIMARY_CODE = 0xFF


def file_of(url: sa.URL) -> Path:
    """Give the database's file. Raises StorageUnavailable with a sentence where there can be none."""
    if not url.database or url.database == ":memory:" or url.query:
        raise StorageUnavailable(f"SOAPSVC_DATABASE must name a file, as in sqlite:///soapsvc.db, and not '{url}'")
    path = Path(url.database).absolute()
    if not path.parent.is_dir():
        raise StorageUnavailable(f"The database's folder {path.parent} does not exist")
    if path.is_dir():
        raise StorageUnavailable(f"The database {path} is a folder, not a file")
    return path


def _url(path: Path) -> sa.URL:
    """Give a file's URL, unparsed: in its text a % or a ? would mean something."""
    return sa.URL.create("sqlite", database=str(path))


def writer_engine(path: Path) -> sa.Engine:
    """Make the engine that writes: every transaction takes the write lock at its begin, every commit is on disk.

    With a deferred BEGIN a unit could read, lose the lock race, and fail on its first write; with synchronous
    below FULL a commit in WAL mode may be lost when the machine stops.
    """
    engine = sa.create_engine(_url(path), poolclass=sa.NullPool, connect_args={"timeout": 0}, hide_parameters=True)

    @sa.event.listens_for(engine, "connect")
    def configure(connection: sqlite3.Connection, _: object) -> None:
        connection.isolation_level = None  # else pysqlite opens transactions by itself, and none before a SAVEPOINT
        _execute_when_free(connection.execute, "PRAGMA journal_mode = WAL")
        connection.execute("PRAGMA synchronous = FULL")
        connection.execute("PRAGMA foreign_keys = ON")

    @sa.event.listens_for(engine, "begin")
    def begin(connection: sa.Connection) -> None:
        _execute_when_free(connection.exec_driver_sql, "BEGIN IMMEDIATE")

    return engine


def reader_engine(path: Path, *, connections: int) -> sa.Engine:
    """Make the engine that reads: each transaction sees one committed state and can change nothing."""
    engine = sa.create_engine(
        _url(path),
        pool_size=connections,
        max_overflow=0,
        connect_args={"timeout": BUSY_TIMEOUT},
        hide_parameters=True,
    )

    @sa.event.listens_for(engine, "connect")
    def configure(connection: sqlite3.Connection, _: object) -> None:
        connection.isolation_level = None
        connection.execute("PRAGMA query_only = ON")

    @sa.event.listens_for(engine, "begin")
    def begin(connection: sa.Connection) -> None:
        connection.exec_driver_sql("BEGIN")

    return engine


@contextmanager
def sole_server(path: Path) -> Iterator[None]:
    """Hold the right to serve this file; a second server is refused. Raises StorageUnavailable."""
    lock = FileLock(f"{path}.lock", timeout=0)
    try:
        with lock:
            yield
    except Timeout:
        raise StorageUnavailable(f"Another soapsvc already serves {path}") from None
    except OSError as error:
        raise StorageUnavailable(f"The lock file {path}.lock cannot be had: {error.strerror}") from None


def said_plainly(error: sa.exc.DBAPIError | sqlite3.Error, path: Path) -> StorageUnavailable:
    """Turn a driver's error into a sentence for the operator."""
    cause = error.orig if isinstance(error, sa.exc.DBAPIError) else error
    code = getattr(cause, "sqlite_errorcode", 0) & _PRIMARY_CODE
    reasons = {
        sqlite3.SQLITE_BUSY: f"is locked by another process, for more than {BUSY_TIMEOUT:.0f} seconds",
        sqlite3.SQLITE_READONLY: "is read-only",
        sqlite3.SQLITE_CANTOPEN: "cannot be opened: look at its folder's permissions",
        sqlite3.SQLITE_PERM: "cannot be opened: look at its permissions",
        sqlite3.SQLITE_NOTADB: "is not a SQLite database",
        sqlite3.SQLITE_CORRUPT: "is damaged",
        sqlite3.SQLITE_FULL: "cannot grow: the disk is full",
        sqlite3.SQLITE_IOERR: "cannot be read or written: the disk reports an error",
    }
    return StorageUnavailable(f"The database {path} {reasons.get(code, f'cannot be used: {cause}')}")


def _execute_when_free(execute: Any, statement: str) -> None:
    """Run a statement that needs a lock, asking often.

    SQLite's own busy handler soon sleeps for 100 ms at a time; between two batches of a busy server the lock is free
    for far less, and another process would wait in vain.
    """
    deadline = time.monotonic() + BUSY_TIMEOUT
    while True:
        try:
            execute(statement)
            return
        except (sqlite3.OperationalError, sa.exc.OperationalError) as error:
            cause = error.orig if isinstance(error, sa.exc.OperationalError) else error
            if getattr(cause, "sqlite_errorcode", 0) & _PRIMARY_CODE != sqlite3.SQLITE_BUSY:
                raise
            if time.monotonic() > deadline:
                raise
            time.sleep(_BUSY_PAUSE)
