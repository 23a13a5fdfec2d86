"""How a mistake does something after the commit, in a transaction of its own."""

import os
import threading
from typing import Any

from soapsvc.storage import postgresql_database, sqlite_database
from soapsvc.storage.database import run_in

LATER_SECONDS = 0.3
IS_POSTGRESQL = os.environ.get("SOAPSVC_DATABASE", "").startswith("postgresql")
_opened: list[Any] = []


def watch() -> None:
    """Remember the database that the service opens."""
    kind = postgresql_database.PostgresqlDatabase if IS_POSTGRESQL else sqlite_database.SqliteDatabase
    init = kind.__init__

    def remembered(self: Any, *arguments: Any, **options: Any) -> None:
        init(self, *arguments, **options)
        _opened[:] = [self]

    kind.__init__ = remembered


def soon_after(tx: Any, unit: Any, seconds: float = LATER_SECONDS) -> None:
    """Run a unit of work of the same tenancy soon after the commit."""
    in_tenancy = run_in(tx.tenancy, unit)
    tx.after_commit(lambda: threading.Timer(seconds, lambda: _opened[0].write(in_tenancy)).start())
