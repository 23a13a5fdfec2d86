"""The schema's life: made and brought up to date by migrations, and refused where this code is too old for it."""

from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from pathlib import Path
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa

from soapsvc.domain.errors import StorageUnavailable
from soapsvc.storage import sqlite, version_tables  # noqa: F401 - the schema is whole only with all tables
from soapsvc.storage.database import SQLITE, Limits
from soapsvc.storage.statements import Statement
from soapsvc.storage.tables import schema_level
from soapsvc.storage.transaction import Transaction

if TYPE_CHECKING:
    from alembic.config import Config

CODE_LEVEL = 10
"""The newest migration that this code knows. A migration that older code cannot live with raises `oldest_code`."""

_TOUCH = Statement(sa.update(schema_level).values(oldest_code=schema_level.c.oldest_code))
_MIGRATIONS = Path(__file__).parent / "migrations"


def prepare(url: sa.URL) -> bool:
    """Make the database, or bring it up to date; say whether anything had to be done.

    A server's database must exist, be it empty. Raises StorageUnavailable, with a sentence for the operator: no folder,
    locked, read-only, no database, out of reach, too new.
    """
    with _opened_to_migrate(url) as (connection, name):
        return _prepare(connection, name)


def check(url: sa.URL, *, is_exact: bool = False) -> None:
    """Raise StorageUnavailable unless the database exists and this code may run on it as it is.

    `is_exact`: nor may it be of a newer release, with tables and columns that this code knows nothing of.
    """
    with _opened_to_look(url) as (connection, name):
        if _is_behind(connection, name):
            raise StorageUnavailable(f"The database {name} is of an older release: `soapsvc migrate` updates it")
        if is_exact and _level_of(connection) != CODE_LEVEL:
            raise StorageUnavailable(f"The database {name} is of a newer release: use that one's soapsvc")


@contextmanager
def right_to_serve(url: sa.URL) -> Iterator[None]:
    """Hold the right to serve a database: a file's has one server, others any number. Raises StorageUnavailable."""
    with sqlite.sole_server(sqlite.file_of(url)) if _is_file(url) else nullcontext():
        yield


def _is_file(url: sa.URL) -> bool:
    return url.get_backend_name() == SQLITE


@contextmanager
def _opened_to_migrate(url: sa.URL) -> Iterator[tuple[sa.Connection, str]]:
    """Begin a transaction that nobody else migrates beside; give it with the database's name for operators."""
    if _is_file(url):
        path = sqlite.file_of(url)
        with (
            _speaking_plainly(sqlite.ERRORS, sqlite.said_plainly, path),
            _begun(sqlite.migrating_engine(path)) as connection,
        ):
            sqlite.begin_to_write(connection)
            yield connection, str(path)
        return
    from soapsvc.storage import postgresql  # noqa: PLC0415 - its driver is not needed for a file

    name = postgresql.address_of(url)
    with (
        _speaking_plainly(postgresql.ERRORS, postgresql.said_plainly, name),
        _begun(postgresql.engine_for(url, None)) as connection,
        postgresql.transaction(connection),
    ):
        postgresql.lock_for_migrating(connection)
        yield connection, name


@contextmanager
def _opened_to_look(url: sa.URL) -> Iterator[tuple[sa.Connection, str]]:
    if _is_file(url):
        path = sqlite.file_of(url)
        if not path.exists():
            raise StorageUnavailable(f"There is no database at {path}: `soapsvc serve` or `soapsvc migrate` makes one")
        with (
            _speaking_plainly(sqlite.ERRORS, sqlite.said_plainly, path),
            _begun(sqlite.reader_engine(path)) as connection,
        ):
            yield connection, str(path)
        return
    from soapsvc.storage import postgresql  # noqa: PLC0415

    name = postgresql.address_of(url)
    with (
        _speaking_plainly(postgresql.ERRORS, postgresql.said_plainly, name),
        _begun(postgresql.engine_for(url, Limits())) as connection,
    ):
        yield connection, name


@contextmanager
def _begun(engine: sa.Engine) -> Iterator[sa.Connection]:
    try:
        with engine.begin() as connection:
            yield connection
    finally:
        engine.dispose()


@contextmanager
def _speaking_plainly(kinds: tuple[type[Exception], ...], said_plainly: Any, name: Any) -> Iterator[None]:
    try:
        yield
    except kinds as error:
        raise said_plainly(error, name) from error


def _prepare(connection: sa.Connection, name: str) -> bool:
    if not _is_behind(connection, name):
        return False
    from alembic import command  # noqa: PLC0415 - takes longer to import than all the rest, and is seldom needed

    command.upgrade(migration_config(connection), "head")
    if connection.dialect.name == SQLITE and connection.exec_driver_sql("PRAGMA foreign_key_check").first() is not None:
        raise StorageUnavailable(f"The database {name} has rows that refer to none: it was left as it was")
    return True


def _is_behind(connection: sa.Connection, name: str) -> bool:
    """Say whether migrations are missing. Raises StorageUnavailable for a schema that this code is too old for."""
    level = _level_of(connection)
    if level > CODE_LEVEL:
        oldest = connection.execute(sa.select(schema_level.c.oldest_code)).scalar_one()
        if oldest > CODE_LEVEL:
            raise StorageUnavailable(
                f"The database {name} is of schema level {level} and needs a soapsvc that knows level {oldest}; "
                f"this one knows level {CODE_LEVEL}: install a newer soapsvc"
            )
    return level < CODE_LEVEL


def _level_of(connection: sa.Connection) -> int:
    if not sa.inspect(connection).has_table("alembic_version"):
        return 0
    revision: str | None = connection.execute(sa.text("SELECT version_num FROM alembic_version")).scalar_one_or_none()
    if revision is not None and not revision.isdecimal():
        raise StorageUnavailable(f"The database belongs to another application: its schema is at '{revision}'")
    return int(revision or 0)


def touch(tx: Transaction) -> None:
    """Write without changing anything: fails where the database cannot be written to."""
    _TOUCH.change(tx)


def migration_config(connection: sa.Connection) -> "Config":
    """Give Alembic's configuration for migrating over this connection, inside its transaction."""
    from alembic.config import Config  # noqa: PLC0415

    config = Config()
    config.set_main_option("script_location", str(_MIGRATIONS).replace("%", "%%"))
    config.attributes["connection"] = connection
    return config
