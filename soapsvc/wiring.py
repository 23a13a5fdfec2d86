"""Builds what every command needs: the database that the settings name."""

from collections.abc import Iterator
from contextlib import contextmanager
from importlib.util import find_spec

import sqlalchemy as sa

from soapsvc.domain.errors import StorageUnavailable
from soapsvc.settings import Settings
from soapsvc.storage import schema
from soapsvc.storage.database import Database, InTenancy, Limits, open_database
from soapsvc.usecases.tenancies import find_tenancy


def database_url(settings: Settings) -> sa.URL:
    """Read the database's URL. Raises StorageUnavailable with a sentence."""
    try:
        url = sa.make_url(settings.database)
    except sa.exc.ArgumentError:
        raise StorageUnavailable("SOAPSVC_DATABASE is no SQLAlchemy URL, such as sqlite:///soapsvc.db") from None
    if url.get_backend_name() not in {"sqlite", "postgresql"}:
        raise StorageUnavailable("SOAPSVC_DATABASE must begin with sqlite:/// or postgresql://")
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
