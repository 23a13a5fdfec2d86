"""What a service's store is, on whatever database: units of work go in, and come to their results once committed."""

from collections.abc import Awaitable, Callable
from concurrent.futures import Future
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

import sqlalchemy as sa

from soapsvc.domain.errors import StorageUnavailable
from soapsvc.storage.memories import Memories
from soapsvc.storage.neighbours import Neighbour
from soapsvc.storage.tasks import Result, Unit
from soapsvc.storage.transaction import Transaction

Clock = Callable[[datetime], datetime]
"""Gives the service's time for the database's: the same, unless a test wants another."""

SQLITE, POSTGRESQL = "sqlite", "postgresql"


def real_time(now: datetime) -> datetime:
    """Take the database's time as it is."""
    return now


@dataclass(frozen=True, kw_only=True, slots=True)
class Limits:
    """What a process may ask of a server: how many connections, and how long it waits, in seconds.

    `statement`: for one statement, and for a connection to be free; `lock`: for somebody else's lock.
    """

    connections: int = 16
    statement: float = 10.0
    lock: float = 5.0


class Database(Protocol):
    """The store of one service.

    `write` and `read` take a unit of work, a plain function of a transaction, and give a future to block on;
    `written` and `seen` are their like for who runs on an event loop. All fail with whatever the unit raised, or with
    StorageUnavailable. A written result, faults included, is delivered only after the COMMIT is on disk.
    """

    def write(self, unit: Unit[Result]) -> Future[Result]:
        """Run a unit that may change things; it stands or falls as a whole, and may be run more than once."""

    def read(self, unit: Unit[Result]) -> Future[Result]:
        """Run a unit that only looks, against one committed state."""

    def written(self, unit: Unit[Result], *, is_long: bool = False) -> Awaitable[Result]:
        """Do what `write` does, for who awaits it on an event loop, which a long unit must not keep."""

    async def seen(self, unit: Unit[Result], *, is_long: bool = False) -> Result:
        """Do what `read` does, for who awaits it on an event loop, which a long unit must not keep."""

    def changes(self) -> int:
        """Say how often people, grants or tenancies were changed, or may have been, as far as this process knows.

        What was read of them before the number went up is out of date. Any thread may ask; it costs next to nothing.
        """

    def hear_others(self) -> None:
        """Let `changes` go up also for what other nodes change, from now on.

        On PostgreSQL that is at once, as long as the connection for it lives; on SQLite it is never.
        """

    def close(self) -> None:
        """Finish what was taken on, then let go of the database."""


def open_database(
    url: sa.URL,
    *,
    clock: Clock = real_time,
    memories: Memories | None = None,
    limits: Limits | None = None,
    neighbour: Neighbour | None = None,
) -> Database:
    """Open the database that a URL names; `limits` are for a server, of which SQLite has none.

    `neighbour` is this process among those that serve a SQLite file together.

    Raises StorageUnavailable for a URL that names neither.
    """
    match url.get_backend_name():
        case "sqlite":
            from soapsvc.storage.sqlite_database import SqliteDatabase  # noqa: PLC0415 - one of two is needed

            return SqliteDatabase(url, clock=clock, memories=memories, neighbour=neighbour)
        case "postgresql":
            from soapsvc.storage.postgresql_database import PostgresqlDatabase  # noqa: PLC0415

            return PostgresqlDatabase(url, clock=clock, memories=memories, limits=limits or Limits())
    raise StorageUnavailable("The database's URL must begin with sqlite:/// or postgresql://")


def run_in(tenancy: int, unit: Unit[Result]) -> Unit[Result]:
    """Give a unit that is run in a tenancy: it sees and changes nothing but that tenancy's rows."""

    def run(tx: Transaction) -> Result:
        tx.tenancy = tenancy
        return unit(tx)

    return run


class InTenancy:
    """A database as one tenancy has it: units that are put here are run in that tenancy."""

    def __init__(self, database: Database, tenancy: int) -> None:
        self.database = database
        self.tenancy = tenancy

    def write(self, unit: Unit[Result]) -> Future[Result]:
        """Run a unit that may change things."""
        return self.database.write(run_in(self.tenancy, unit))

    def read(self, unit: Unit[Result]) -> Future[Result]:
        """Run a unit that only looks."""
        return self.database.read(run_in(self.tenancy, unit))

    def written(self, unit: Unit[Result], *, is_long: bool = False) -> Awaitable[Result]:
        """Do what `write` does, for who awaits it on an event loop, which a long unit must not keep."""
        return self.database.written(run_in(self.tenancy, unit), is_long=is_long)

    async def seen(self, unit: Unit[Result], *, is_long: bool = False) -> Result:
        """Do what `read` does, for who awaits it on an event loop, which a long unit must not keep."""
        return await self.database.seen(run_in(self.tenancy, unit), is_long=is_long)

    def close(self) -> None:
        """Close the whole database."""
        self.database.close()
