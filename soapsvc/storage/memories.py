"""What a process remembers of what it has read and seldom changes, and when it must forget it."""

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from soapsvc.storage.list_changes import MOST_WAITING, ListChanges
from soapsvc.storage.neighbours import Changes, OwnChanges
from soapsvc.storage.waiters import Waiters

MOST_REMEMBERED = 10_000
MOST_FACTS = 50_000
LONGEST_FACT = 100


@dataclass(frozen=True, slots=True)
class _Entry:
    value: Any
    generation: int
    fresh_until: float


class Facts:
    """What never changes once it is stored: who has learned it, and has committed since, may rely on it for good.

    Before the commit it may be of a row that is taken back, and whose id another one gets. Where a server has gone, the
    next may lack what was committed last: then all facts are dropped.
    """

    def __init__(self, most: int = MOST_FACTS) -> None:
        self._most = most
        self._known: dict[Any, Any] = {}

    def find(self, key: Any) -> Any:
        """Give what is known under a key; None if nothing is."""
        return self._known.get(key)

    def keep(self, key: Any, fact: Any) -> None:
        """Remember what is stored for good, unless it is long: then it is read again."""
        if isinstance(fact, tuple) and len(fact) > LONGEST_FACT:
            return
        if len(self._known) >= self._most:
            self._known.clear()
        self._known[key] = fact


class Memories:
    """What all transactions of one database share, each for some seconds, and until somebody changes what it rests on.

    The generation says how often that happened, in any process of the service. A transaction has the one that was
    current before it began: what it reads is at least as new. So what it remembers is of use as long as that is still
    the current one, and no longer.
    """

    def __init__(
        self, seconds: float = 0.0, *, clock: Callable[[], float] = time.monotonic, changes: Changes | None = None
    ) -> None:
        self._seconds = seconds
        self._clock = clock
        self._changes = changes or OwnChanges()
        self._entries: dict[Any, _Entry] = {}
        self.facts = Facts()
        self.lists = ListChanges()
        """What has become of work lists since the process began."""
        self.items = Waiters(MOST_WAITING)
        """Who waits for a change of an item, by its id as a text."""

    def changes(self) -> int:
        """Say how often somebody changed what is remembered; it never goes down."""
        return self._changes.count()

    def begin(self) -> "Memory":
        """Give what a transaction may use that begins after this call."""
        return Memory(self, self._changes.count(), self.lists.now, self.facts)

    def forget(self) -> None:
        """Let nothing be used any more that was remembered, or is yet to be remembered by who has begun."""
        self._changes.note()
        self._entries.clear()
        self.lists.note_all()
        self.drop_facts()

    def drop_facts(self) -> None:
        """Know nothing for good any more: the database may be another one's copy, and lack what this one had."""
        self.facts = Facts()

    def find(self, key: Any, generation: int) -> Any:
        """Give what is remembered under a key, for a transaction of this generation; None if there is nothing."""
        entry = self._entries.get(key)
        if entry is None or not entry.generation == generation == self._changes.count():
            return None
        return entry.value if self._clock() < entry.fresh_until else None

    def keep(self, key: Any, value: Any, generation: int) -> None:
        """Remember what a transaction of this generation has read, unless it is out of date already."""
        if self._seconds <= 0 or generation != self._changes.count():
            return
        if len(self._entries) >= MOST_REMEMBERED:
            self._entries.clear()
        self._entries[key] = _Entry(value, generation, self._clock() + self._seconds)


@dataclass(frozen=True, slots=True)
class Memory:
    """The memories of one generation, for one transaction."""

    memories: Memories
    generation: int
    list_changes_seen: int = 0
    """How many changes of work lists the transaction sees for sure."""
    facts: Facts = field(default_factory=Facts)
    """Those of when it began: what it learns is of no use to others if all was dropped meanwhile."""

    def find(self, key: Any) -> Any:
        """Give what is remembered under a key; None if there is nothing."""
        return self.memories.find(key, self.generation)

    def keep(self, key: Any, value: Any) -> None:
        """Remember what this transaction has read."""
        self.memories.keep(key, value, self.generation)

    def forget(self) -> None:
        """Let nothing be used any more that was remembered."""
        self.memories.forget()
