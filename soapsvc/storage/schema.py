"""The schema's life: made and brought up to date by migrations, and refused where this code is too old for it."""

from pathlib import Path
from typing import TYPE_CHECKING

import sqlalchemy as sa

from soapsvc.domain.errors import StorageUnavailable
from soapsvc.storage import sqlite
from soapsvc.storage.statements import Statement
from soapsvc.storage.tables import schema_level
from soapsvc.storage.transaction import Transaction

if TYPE_CHECKING:
    from alembic.config import Config

CODE_LEVEL = 6
"""The newest migration that this code knows. A migration that older code cannot live with raises `oldest_code`."""

_TOUCH = Statement(sa.update(schema_level).values(oldest_code=schema_level.c.oldest_code))
_MIGRATIONS = Path(__file__).parent / "migrations"


def prepare(url: sa.URL) -> bool:
    """Make the database, or bring it up to date; say whether anything had to be done.

    Raises StorageUnavailable, with a sentence for the operator: no folder, locked, read-only, no database, too new.
    """
    path = sqlite.file_of(url)
    engine = sqlite.migrating_engine(path)
    try:
        with engine.begin() as connection:
            sqlite.begin_to_write(connection)
            return _prepare(connection, path)
    except sqlite.ERRORS as error:
        raise sqlite.said_plainly(error, path) from error
    finally:
        engine.dispose()


def check(url: sa.URL) -> None:
    """Raise StorageUnavailable unless the database exists and this code may run on it as it is."""
    path = sqlite.file_of(url)
    if not path.exists():
        raise StorageUnavailable(f"There is no database at {path}: `soapsvc serve` or `soapsvc migrate` makes one")
    engine = sqlite.reader_engine(path)
    try:
        with engine.connect() as connection:
            if _is_behind(connection, path):
                raise StorageUnavailable(f"The database {path} is of an older release: `soapsvc migrate` updates it")
    except sqlite.ERRORS as error:
        raise sqlite.said_plainly(error, path) from error
    finally:
        engine.dispose()


def _prepare(connection: sa.Connection, path: Path) -> bool:
    if not _is_behind(connection, path):
        return False
    from alembic import command  # noqa: PLC0415 - takes longer to import than all the rest, and is seldom needed

    command.upgrade(migration_config(connection), "head")
    if connection.exec_driver_sql("PRAGMA foreign_key_check").first() is not None:
        raise StorageUnavailable(f"The database {path} has rows that refer to none: it was left as it was")
    return True


def _is_behind(connection: sa.Connection, path: Path) -> bool:
    """Say whether migrations are missing. Raises StorageUnavailable for a schema that this code is too old for."""
    level = _level_of(connection)
    if level > CODE_LEVEL:
        oldest = connection.execute(sa.select(schema_level.c.oldest_code)).scalar_one()
        if oldest > CODE_LEVEL:
            raise StorageUnavailable(
                f"The database {path} is of schema level {level} and needs a soapsvc that knows level {oldest}; "
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
