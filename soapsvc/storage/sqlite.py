"""SQLite as a durable store: how connections are made, and what SQLAlchemy's defaults would get wrong."""

import logging
import sqlite3
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import sqlalchemy as sa
from filelock import FileLock, Timeout

from soapsvc.domain.errors import StorageUnavailable

BUSY_TIMEOUT = 5.0
"""Seconds that a transaction waits for another process to end its own."""

ERRORS = (sa.exc.DBAPIError, sqlite3.Error)
"""What a failure of the database is raised as."""

_BUSY_PAUSE = 0.0005
_READERS_CACHE_KB = 8192
"""A long list fills what SQLite keeps by itself: the next one would read every page anew, and take a quarter longer."""
_PRIMARY_CODE = 0xFF
_STATEMENTS = 500
_BEGIN = "BEGIN IMMEDIATE"

_log = logging.getLogger(__name__)


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
    """Make the engine that writes, by transactions that `begin_to_write` begins; every commit is on disk.

    With synchronous below FULL a commit in WAL mode may be lost when the machine stops.
    """
    return _writer_engine(path, foreign_keys=True)


def migrating_engine(path: Path) -> sa.Engine:
    """Make an engine that writes like `writer_engine`, without looking at references.

    A migration makes tables anew that others refer to, and this cannot be turned off within its transaction.
    """
    return _writer_engine(path, foreign_keys=False)


def _writer_engine(path: Path, *, foreign_keys: bool) -> sa.Engine:
    engine = _engine(path, timeout=0)

    @sa.event.listens_for(engine, "connect")
    def configure(connection: sqlite3.Connection, _: object) -> None:
        _execute_when_free(connection, "PRAGMA journal_mode = WAL")
        connection.execute("PRAGMA synchronous = FULL")
        connection.execute(f"PRAGMA foreign_keys = {'ON' if foreign_keys else 'OFF'}")

    return engine


def reader_engine(path: Path, *, may_wait: bool = True) -> sa.Engine:
    """Make the engine that reads, and can change nothing.

    Readers seldom wait, but they do for a process that keeps the file to itself, or repairs it.
    """
    engine = _engine(path, timeout=BUSY_TIMEOUT if may_wait else 0)

    @sa.event.listens_for(engine, "connect")
    def configure(connection: sqlite3.Connection, _: object) -> None:
        connection.execute("PRAGMA query_only = ON")
        connection.execute(f"PRAGMA cache_size = -{_READERS_CACHE_KB}")

    return engine


def _engine(path: Path, *, timeout: float) -> sa.Engine:
    # Without an isolation level, else pysqlite opens transactions by itself, and none before a SAVEPOINT. A connection
    # is used by one thread at a time, but not always by the same one.
    arguments = {
        "timeout": timeout,
        "isolation_level": None,
        "check_same_thread": False,
        "cached_statements": _STATEMENTS,
    }
    return sa.create_engine(_url(path), poolclass=sa.NullPool, connect_args=arguments, hide_parameters=True)


def execute(connection: sa.Connection, statement: str) -> None:
    """Run a statement without parameters on the driver itself."""
    _driver(connection).execute(statement)


def begin_to_write(connection: sa.Connection) -> None:
    """Begin a transaction that has the write lock, as soon as it is free.

    With a deferred BEGIN a unit could read, lose the lock race, and fail on its first write.
    """
    _execute_when_free(_driver(connection), _BEGIN)


def begin_at_once(connection: sa.Connection) -> bool:
    """Begin a transaction that has the write lock, if that is free; say whether it was."""
    try:
        _driver(connection).execute(_BEGIN)
    except sqlite3.OperationalError as error:
        if _is_busy(error):
            return False
        raise
    return True


def close(connection: sa.Connection) -> None:
    """Close a connection, with whatever was begun on it undone."""
    try:
        connection.close()
    except ERRORS:
        _log.exception("a connection to the database did not close")


def _driver(connection: sa.Connection) -> sqlite3.Connection:
    driver: sqlite3.Connection = connection.connection.driver_connection  # type: ignore[assignment]
    return driver


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


def said_plainly(error: BaseException, path: Path) -> BaseException:
    """Turn a driver's error into a sentence for the operator; any other stays what it is."""
    if not isinstance(error, ERRORS):
        return error
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
    failure = StorageUnavailable(f"The database {path} {reasons.get(code, f'cannot be used: {cause}')}")
    failure.__cause__ = error
    return failure


def _execute_when_free(connection: sqlite3.Connection, statement: str) -> None:
    """Run a statement that needs a lock, asking often.

    SQLite's own busy handler soon sleeps for 100 ms at a time; between two batches of a busy server the lock is free
    for far less, and another process would wait in vain.
    """
    deadline = time.monotonic() + BUSY_TIMEOUT
    while True:
        try:
            connection.execute(statement)
            return
        except sqlite3.OperationalError as error:
            if not _is_busy(error) or time.monotonic() > deadline:
                raise
            time.sleep(_BUSY_PAUSE)


def _is_busy(error: sqlite3.OperationalError) -> bool:
    return error.sqlite_errorcode & _PRIMARY_CODE == sqlite3.SQLITE_BUSY
