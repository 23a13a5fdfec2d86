"""What a unit of work gets: one transaction's connection, the clock, and what shall follow its end."""

from collections.abc import Callable
from datetime import datetime
from typing import TYPE_CHECKING, Any, TypeVar

import sqlalchemy as sa

from soapsvc.storage.memories import Memories, Memory

if TYPE_CHECKING:
    from soapsvc.storage.batches import Member
    from soapsvc.storage.statements import Manner
    from soapsvc.storage.wire import Wire  # it needs psycopg, which not everybody has

Result = TypeVar("Result")
Follower = Callable[[], object]


class RunFirst(Exception):
    """Another unit must run before this one, and shall stand even if this one then fails.

    A unit raises it; both run in the same shared transaction, each in a savepoint of its own, and this one from its
    start. An item whose time to come back has come is such a case: who is told the version that the timer led to must
    find it stored. It runs in the tenancy of the one that wanted it.
    """

    def __init__(self, unit: "Callable[[Transaction], object]") -> None:
        super().__init__()
        self.unit = unit


class Transaction:
    """One run of a unit of work, on a connection of SQLAlchemy's and, for who is in a hurry, of the driver's.

    A unit touches nothing but its transaction, for it may be run again. What must happen afterwards is hung on
    `after_commit` or `after_rollback`; it fires once, after the unit's fate is sealed, and is dropped on a re-run.
    """

    def __init__(
        self,
        connection: sa.Connection,
        clock: Callable[[], datetime],
        memory: Memory | None = None,
        *,
        is_again: bool = False,
        wire: "Wire | Member | None" = None,
    ) -> None:
        self.wire = wire
        """What statements go by in place of the driver, if the database has such a thing."""
        self._connection = connection
        self.is_again = is_again
        """Whether the unit lost a race before: then it locks what it loads, and loses no other."""
        self.memory = memory or Memory(Memories(), 0)
        """What the process remembers of what this transaction would read of the organisation."""
        self.tenancy: int | None = None
        """The id of the tenancy whose rows statements see; none until the unit says so."""
        self._facts: dict[Any, Any] = {}
        self.dialect: Any = connection.dialect
        self.driver: Any = connection.connection.driver_connection
        self._clock = clock
        self._now: datetime | None = None
        self.followers_of_commit: list[Follower] = []
        self.followers_of_rollback: list[Follower] = []

    @property
    def connection(self) -> sa.Connection:
        """SQLAlchemy's own connection; what was kept for later is run before anybody gets it."""
        if self.wire is not None:
            self.wire.flush()
        return self._connection

    def cursor(self, manner: "Manner", turn: int | None = None) -> Any:
        """Give a cursor of the DB API for a statement; `turn` is the id of the row that it changes by a guard."""
        return self.driver.cursor() if self.wire is None else self.wire.cursor(manner, turn)

    def be_alone(self) -> None:
        """Share the transaction with no other unit from here on.

        For who is about to do more than look and change one item: he would be found out, but only after he has begun,
        and then everybody who shares it begins anew.
        """
        if self.wire is not None:
            self.wire.be_alone()

    def now(self) -> datetime:
        """Give the moment of this unit by the database's clock: the same one each time it is asked."""
        if self._now is None:
            self._now = self._clock()
        return self._now

    def known(self, *key: Any) -> Any:
        """Give what this transaction, or one that was committed, has learned under a key; None if there is nothing."""
        fact = self._facts.get(key)
        return self.memory.facts.find(key) if fact is None else fact

    def learn(self, fact: Any, *key: Any) -> None:
        """Know what is stored and never changes: here at once, and in others of this process after the commit."""
        self._facts[key] = fact
        self.after_commit(lambda: self.memory.facts.keep(key, fact))

    def after_commit(self, follower: Follower) -> None:
        """Call `follower` once this unit's work is on disk."""
        self.followers_of_commit.append(follower)

    def after_rollback(self, follower: Follower) -> None:
        """Call `follower` once this unit's work is undone."""
        self.followers_of_rollback.append(follower)
