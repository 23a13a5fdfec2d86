"""What a unit of work gets: one transaction's connection, the clock, and what shall follow its end."""

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import TypeVar

import sqlalchemy as sa

from soapsvc.storage.tables import moment_from

Result = TypeVar("Result")
Follower = Callable[[], object]

_SQLITE_NOW = sa.text(
    "SELECT CAST(strftime('%s', 'now') AS INTEGER) * 1000000 + CAST(substr(strftime('%f', 'now'), 4) AS INTEGER) * 1000"
)


class Transaction:
    """One run of a unit of work.

    A unit touches nothing but its transaction, for it may be run again. What must happen afterwards is hung on
    `after_commit` or `after_rollback`; it fires once, after the unit's fate is sealed, and is dropped on a re-run.
    """

    def __init__(self, connection: sa.Connection, clock_offset: Callable[[], timedelta]) -> None:
        self.connection = connection
        self._clock_offset = clock_offset
        self._now: datetime | None = None
        self.followers_of_commit: list[Follower] = []
        self.followers_of_rollback: list[Follower] = []

    def now(self) -> datetime:
        """Give the moment of this unit by the database's clock: the same one each time it is asked."""
        if self._now is None:
            self._now = moment_from(self.connection.execute(_SQLITE_NOW).scalar_one()) + self._clock_offset()
        return self._now

    def after_commit(self, follower: Follower) -> None:
        """Call `follower` once this unit's work is on disk."""
        self.followers_of_commit.append(follower)

    def after_rollback(self, follower: Follower) -> None:
        """Call `follower` once this unit's work is undone."""
        self.followers_of_rollback.append(follower)
