"""The database of a command: that of the settings, whole or as one tenancy has it."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from soapsvc import settings

if TYPE_CHECKING:
    from soapsvc.storage.database import Database, InTenancy


@contextmanager
def opened_tenancy(moniker: str | None) -> Iterator["InTenancy"]:
    """Open the database as a tenancy has it, the default one if none is named.

    Raises StorageUnavailable, UnknownTenancy, InvalidSettings.
    """
    from soapsvc import wiring

    with wiring.opened_tenancy(settings.load({}).settings, moniker) as database:
        yield database


@contextmanager
def opened_database() -> Iterator["Database"]:
    """Open the database with all its tenancies. Raises StorageUnavailable, InvalidSettings."""
    from soapsvc import wiring

    with wiring.opened_database(settings.load({}).settings) as database:
        yield database
