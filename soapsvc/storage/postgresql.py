"""PostgreSQL as a store: how connections are made, how long they wait, and what their failures mean."""

from collections.abc import Generator, Iterator, Mapping
from contextlib import contextmanager, suppress
from datetime import datetime
from typing import Any, TypeVar

import psycopg
import sqlalchemy as sa
from psycopg.pq import TransactionStatus
from psycopg.types.numeric import Int8Dumper

from soapsvc.domain.errors import OutcomeUnknown, StorageUnavailable
from soapsvc.storage.database import Limits
from soapsvc.storage.statements import without_values
from soapsvc.storage.tables import moment_from
from soapsvc.storage.wire import Wire

ERRORS = (sa.exc.DBAPIError, psycopg.Error)
"""What a failure of the database is raised as."""

WRITING = "BEGIN ISOLATION LEVEL READ COMMITTED READ WRITE"
READING = "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY"
"""How units begin: one that changes things is kept right by its guards, one that looks sees one committed state."""

_COMMIT, _ROLLBACK = "COMMIT", "ROLLBACK"

CONNECT_SECONDS = 3
BEGIN_SECONDS = 3.0
_GRACE_SECONDS = 1.0
_STATEMENTS = 500
_NOW = "SELECT (extract(epoch FROM statement_timestamp()) * 1000000)::bigint"
_NOW_IN_HASTE = f"{_NOW}, set_config('lock_timeout', '100ms', true)"
"""The same for who would rather give up his transaction than wait for somebody else's lock."""

_RACES = ("40001", "40P01", "23503", "23505")
"""Serialization failure; deadlock; a row that somebody else has just taken away, or added."""
_CERTAIN_AT_COMMIT = ("40001", "40P01", "40002", "23")
"""What a COMMIT can be refused with that surely stored nothing."""

_APPLICATION = "soapsvc"
"""What connections call themselves, unless the URL says otherwise."""

_MIGRATING = 7_310_579_611_803_926
"""The key of the advisory lock under which migrations run: any number that others do not use."""

Result = TypeVar("Result")


class ConnectionLost(Exception):
    """The connection was found dead before anything was done on it: another one may serve."""


class _Connection(psycopg.Connection[Any]):
    """A connection that waits for each answer, but not for ever: a server may be stopped, or cut off."""

    patience = float(CONNECT_SECONDS)
    wire_factory = Wire

    def wait(self, gen: Generator[Any, Any, Result], interval: float = 0.1, timeout: float | None = None) -> Result:
        return super().wait(gen, interval, self.patience if timeout is None else timeout)


def address_of(url: sa.URL) -> str:
    """Name a database without what is secret in its URL."""
    host = url.host or url.query.get("host") or "this machine"
    return f"{url.database or 'of the user'} at {host}" + (f":{url.port}" if url.port else "")


def engine_for(url: sa.URL, limits: Limits | None) -> sa.Engine:
    """Make an engine whose connections begin no transactions by themselves; without limits a statement may take long.

    SQLAlchemy pools nothing here: who runs units keeps the connections.
    """
    parameters = _parameters(url)

    def connect() -> _Connection:
        connection = _Connection.connect(**parameters, autocommit=True, prepare_threshold=1)
        try:
            _configure(connection, limits)
        except BaseException:
            connection.close()
            raise
        return connection

    return sa.create_engine(
        sa.URL.create("postgresql+psycopg"),
        creator=connect,
        poolclass=sa.NullPool,
        paramstyle="format",
        use_native_hstore=False,
        hide_parameters=True,
    )


@contextmanager
def transaction(connection: sa.Connection) -> Iterator[None]:
    """Put what SQLAlchemy runs within a block into one transaction, which the driver does not begin by itself."""
    driver: _Connection = connection.connection.driver_connection  # type: ignore[assignment]
    with driver.transaction():
        yield


def lock_for_migrating(connection: sa.Connection) -> None:
    """Wait until nobody else migrates this database, till the transaction's end."""
    connection.execute(sa.select(sa.func.pg_advisory_xact_lock(_MIGRATING)))


def has_company(connection: sa.Connection) -> bool:
    """Say whether a soapsvc, or who calls itself as this one does, is connected to the same database."""
    asked = connection.exec_driver_sql(
        "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid() "
        "AND application_name IN (%s, current_setting('application_name'))",
        (_APPLICATION,),
    )
    return bool(asked.scalar_one())


def _parameters(url: sa.URL) -> Mapping[str, Any]:
    """Give what libpq is told: the URL's own words come before ours."""
    ours = {
        "connect_timeout": CONNECT_SECONDS,
        "application_name": _APPLICATION,
        "client_encoding": "utf8",
        "keepalives_idle": 10,
        "keepalives_interval": 5,
        "keepalives_count": 3,
        "tcp_user_timeout": 10_000,
    }
    named = {"host": url.host, "port": url.port, "dbname": url.database, "user": url.username, "password": url.password}
    return ours | dict(url.query) | {name: value for name, value in named.items() if value is not None}


def _configure(connection: _Connection, limits: Limits | None) -> None:
    connection.prepared_max = _STATEMENTS
    # Of one type whatever its size: else the server would prepare each statement for each combination of sizes.
    connection.adapters.register_dumper(int, Int8Dumper)
    wanted = {"idle_in_transaction_session_timeout": "60s"}
    if limits is not None:
        wanted |= {"statement_timeout": _milliseconds(limits.statement), "lock_timeout": _milliseconds(limits.lock)}
    settings = ", ".join(f"set_config('{name}', '{value}', false)" for name, value in wanted.items())
    connection.execute(f"SELECT {settings}")
    # An answer means that it is on disk, whatever the server's own default is.
    connection.execute(
        "SELECT set_config('synchronous_commit', 'on', false) WHERE current_setting('synchronous_commit') = 'off'"
    )
    connection.patience = limits.statement + _GRACE_SECONDS if limits else float("inf")


def _milliseconds(seconds: float) -> str:
    return f"{max(1, round(seconds * 1000))}ms"


class Link:
    """One connection, and the transaction on it."""

    def __init__(self, engine: sa.Engine) -> None:
        self.connection = engine.connect()
        self.driver: _Connection = self.connection.connection.driver_connection  # type: ignore[assignment]
        self.wire = self.driver.wire_factory(self.driver, self.driver.patience)
        self.is_new = True

    def begin(self, how: str, *, in_haste: bool = False) -> datetime:
        """Begin a transaction; give the database's time, which comes with the same answer.

        `in_haste`: in which no statement waits for a lock for longer than a moment.
        Raises ConnectionLost where an old connection does not answer: nothing was done on it.
        """
        patience, self.wire.seconds = self.wire.seconds, min(BEGIN_SECONDS, self.wire.seconds)
        try:
            _, now = self.wire.run((how, ()), (_NOW_IN_HASTE if in_haste else _NOW, ()))
        except psycopg.OperationalError as error:
            if not self.is_new:
                raise ConnectionLost from error
            raise
        finally:
            self.wire.seconds = patience
        self.is_new = False
        return moment_from(int(now.get_value(0, 0) or 0))

    def commit(self) -> None:
        """Put everything on disk, with what was kept until now.

        Raises OutcomeUnknown where nobody said whether it is, StorageUnavailable where the server has taken it back.
        """
        try:
            (result,) = self.wire.run((_COMMIT, ()))
        except psycopg.Error as error:
            if self._is_surely_not_committed(error):
                raise without_values(error) from None
            raise OutcomeUnknown("The connection was lost during the COMMIT") from without_values(error)
        if result.command_status != b"COMMIT":  # so it answers where a statement had failed before
            raise StorageUnavailable("The database took back a whole transaction")

    def _is_surely_not_committed(self, error: psycopg.Error) -> bool:
        """Say whether the server has refused the COMMIT, or has passed over it behind a statement that failed."""
        state = error.sqlstate or ""
        return state.startswith(_CERTAIN_AT_COMMIT) or (not self.wire.is_broken and self.wire.failed != _COMMIT)

    def roll_back(self) -> None:
        """Undo everything since the begin; where that fails, the connection is of no use any more."""
        self.wire.forget()
        with suppress(psycopg.Error):
            self.wire.run((_ROLLBACK, ()))

    @property
    def is_usable(self) -> bool:
        """Say whether the next unit may have this connection."""
        return not self.wire.is_broken and self.driver.info.transaction_status is TransactionStatus.IDLE

    def close(self) -> None:
        """Let go of the connection; the server undoes what was begun on it."""
        with suppress(psycopg.Error):
            self.driver.close()
        with suppress(*ERRORS):
            self.connection.invalidate()
            self.connection.close()


def cause_of(error: BaseException) -> BaseException:
    """Give the driver's error of one that may be SQLAlchemy's."""
    return error.orig if isinstance(error, sa.exc.DBAPIError) and error.orig is not None else error


def is_race(error: BaseException) -> bool:
    """Say whether a unit failed by what others did meanwhile: it may go well, or fail with sense, another time."""
    cause = cause_of(error)
    return isinstance(cause, psycopg.Error) and cause.sqlstate in _RACES


_REASONS = {
    "28": "does not let this user in",
    "3D000": "does not exist",
    "42501": "does not allow this to this user",
    "53100": "cannot grow: its disk is full",
    "53300": "has too many connections",
    "55P03": "kept a row locked for longer than the lock timeout",
    "57014": "took longer than the statement timeout",
    "57P": "is shutting down or starting",
    "25006": "is read-only",
}


def said_plainly(error: BaseException, address: str) -> BaseException:
    """Turn a driver's error into a sentence for the operator; any other stays what it is."""
    cause = cause_of(error)
    if not isinstance(cause, psycopg.Error):
        return error
    state = cause.sqlstate or ""
    reason = next((text for prefix, text in _REASONS.items() if state.startswith(prefix)), None)
    if reason is None and not state and isinstance(cause, psycopg.OperationalError):
        reason = _unreachable(cause)
    failure = StorageUnavailable(
        f"The database {address} {reason or f'cannot be used: {type(cause).__name__} {state}'}"
    )
    failure.__cause__ = error
    return failure


def _unreachable(cause: psycopg.Error) -> str:
    text = str(cause)
    for state, sign in (("28", "authentication failed"), ("3D000", "does not exist"), ("53300", "too many clients")):
        if sign in text:
            return _REASONS[state]
    return "cannot be reached, or the connection to it was lost"
