"""Builds what every command needs: the database that the settings name."""

from collections.abc import Iterator
from contextlib import contextmanager
from importlib.util import find_spec
from typing import TYPE_CHECKING

import sqlalchemy as sa

from soapsvc.domain.errors import StorageUnavailable
from soapsvc.settings import Settings
from soapsvc.storage import schema
from soapsvc.storage.database import Database, InTenancy, Limits, open_database
from soapsvc.usecases.tenancies import find_tenancy

if TYPE_CHECKING:
    from soapsvc.storage.copying import Copying


def database_url(settings: Settings) -> sa.URL:
    """Read the database's URL. Raises StorageUnavailable with a sentence."""
    return _url(settings.database, "SOAPSVC_DATABASE")


def _url(text: str, given_as: str) -> sa.URL:
    """Read a URL; what is said of a wrong one names where it was given, and nothing of what may be secret in it."""
    try:
        url = sa.make_url(text)
    except (sa.exc.ArgumentError, ValueError):
        raise StorageUnavailable(f"{given_as} is no SQLAlchemy URL, such as sqlite:///soapsvc.db") from None
    if url.get_backend_name() not in {"sqlite", "postgresql"}:
        raise StorageUnavailable(f"{given_as} must begin with sqlite:/// or postgresql://")
    if url.get_backend_name() == "postgresql" and not find_spec("psycopg"):
        raise StorageUnavailable("PostgreSQL needs what `pip install 'soapsvc[postgresql]'` installs")
    return url


def limits_of(settings: Settings) -> Limits:
    """Give what the settings allow a process to ask of a database server."""
    return Limits(
        connections=settings.database_connections,
        statement=settings.database_seconds,
        lock=settings.database_lock_seconds,
    )


def migrate(settings: Settings) -> bool:
    """Make the database or bring it up to date; say whether there was anything to do. Raises StorageUnavailable."""
    return schema.prepare(database_url(settings))


@contextmanager
def opened_tenancy(settings: Settings, moniker: str | None) -> Iterator[InTenancy]:
    """Open an existing database as a tenancy has it, the default one if none is named.

    Raises StorageUnavailable, UnknownTenancy.
    """
    named = settings.default_tenancy if moniker is None else moniker
    with opened_database(settings) as database:
        tenancy = database.read(lambda tx: find_tenancy(tx, named)).result()
        yield InTenancy(database, tenancy.id)


@contextmanager
def opened_database(settings: Settings) -> Iterator[Database]:
    """Open an existing database, beside a service that may be running on it. Raises StorageUnavailable."""
    url = database_url(settings)
    schema.check(url)
    database = open_database(url, limits=limits_of(settings))
    try:
        yield database
    finally:
        database.close()


@contextmanager
def opened_copy(source: str, target: str) -> Iterator[tuple["Copying", Database]]:
    """Open two databases to copy one into the other, and the other for reading. Raises StorageUnavailable."""
    from soapsvc.storage import copying  # noqa: PLC0415 - makes every table once more, and is seldom needed

    urls = _url(source, "--from"), _url(target, "--to")
    with copying.opened(*urls) as copy:
        database = open_database(urls[1])
        try:
            yield copy, database
        finally:
            database.close()
