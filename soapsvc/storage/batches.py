"""Units that wait at the same time, side by side in one transaction on PostgreSQL: they share each way and the COMMIT.

Each unit is a greenlet. When all of them wait for answers, what they ask goes to the server together, and the answers
let them go on. No savepoint keeps one from another, so what they may do is little: look, change rows by a guard, and
store what nobody waits for. Who needs more must run again, alone.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from operator import attrgetter
from typing import Any

from greenlet import GreenletExit, getcurrent, greenlet
from psycopg.pq.abc import PGresult

from soapsvc.domain.errors import LostRace
from soapsvc.storage.postgresql import Link
from soapsvc.storage.statements import Manner, RowSql
from soapsvc.storage.tasks import Outcome, Task
from soapsvc.storage.transaction import RunFirst, Transaction
from soapsvc.storage.wire import Asked, Cursor, texts_of


class NotTogether(BaseException):
    """A unit needs a transaction of its own, or has left in this one what must not be stored.

    No Exception, so that no unit takes it for a refusal.
    """


class Batch:
    """Units in one transaction, which has begun."""

    def __init__(self, link: Link, tasks: Sequence[Task[Any]], begin: Callable[["Member"], Transaction]) -> None:
        self._link = link
        self.members = [Member(task, begin, link) for task in tasks]

    def run(self) -> None:
        """Run all units until what they changed is committed.

        Raises what Link.commit raises, and whatever else spoils it for all: then nothing is stored.
        """
        try:
            self._run_all()
            if any(member.has_spoilt for member in self.members):
                raise NotTogether
            good = [one for one in self.members if one.outcome is not None and one.outcome.error is None]
            self._link.wire.keep_each(gathered(asked for member in good for asked in member.taken()))
            self._link.commit()
        finally:
            for member in self.members:
                member.give_up()

    @property
    def outcomes(self) -> list[Outcome]:
        """What units came to that have come to an end here."""
        return [member.outcome for member in self.members if member.outcome is not None]

    def _run_all(self) -> None:
        for member in self.members:
            member.go_on()
        while asking := self._next():
            asked = [member.taken() for member in asking]
            results = iter(self._link.wire.exchange([one for every in asked for one in every]))
            for member, every in zip(asking, asked, strict=True):
                member.go_on([next(results) for _ in every])

    def _next(self) -> "Sequence[Member]":
        """Give whose statements go now: first all who look; then who change rows, in the order of their items.

        In this order everybody locks, so no two transactions wait for each other.
        """
        waiting = [member for member in self.members if member.is_waiting]
        looking = [member for member in waiting if member.turn is None]
        return looking or sorted(waiting, key=attrgetter("turn"))


def gathered(statements: Iterable[Asked]) -> Iterator[Asked]:
    """Put inserts of rows together, before everything else: by powers of two, so that few statements are prepared."""
    rows: dict[RowSql, list[Sequence[bytes | None]]] = {}
    others: list[Asked] = []
    for sql, values in statements:
        if isinstance(sql, RowSql):
            rows.setdefault(sql, []).append(values)
        else:
            others.append((sql, values))
    for sql, every in rows.items():
        while every:
            size = 1 << (len(every).bit_length() - 1)
            yield sql.of(size), [value for values in every[:size] for value in values]
            del every[:size]
    yield from others


class Member:
    """One unit of a batch. To its transaction it is the wire."""

    def __init__(self, task: Task[Any], begin: Callable[["Member"], Transaction], link: Link) -> None:
        self.task = task
        self.outcome: Outcome | None = None
        """What it came to; None where it must be run again, alone."""
        self.is_waiting = False
        """Whether it has asked something, and cannot go on before it has the answer."""
        self.turn: int | None = None
        """The item whose row it is about to change; None while it only looks."""
        self.has_lost = False
        self.rows = link.wire.rows
        self._begin = begin
        self._asked: list[Asked] = []
        self._has_written = False
        self._others = getcurrent()
        self._greenlet = greenlet(self._work)

    @property
    def has_spoilt(self) -> bool:
        """Say whether it has written what must not be stored."""
        return self._has_written and (self.outcome is None or self.outcome.error is not None)

    def go_on(self, results: Sequence[PGresult] = ()) -> None:
        """Let the unit run until it asks for something, or ends."""
        self.is_waiting = False
        self._greenlet.switch(results)

    def taken(self) -> list[Asked]:
        """Give what it has asked since the last time, to be run now."""
        asked, self._asked = self._asked, []
        return asked

    def give_up(self) -> None:
        """End the unit, where it still waits."""
        if self._greenlet:
            self._greenlet.throw()

    def cursor(self, manner: Manner, turn: int | None) -> Cursor:
        """Give what runs a statement. Raises NotTogether for one that may touch what is not the unit's own."""
        if manner is Manner.ALONE:
            raise NotTogether
        self.turn = turn
        return Cursor(self)

    def keep(self, sql: str, values: Sequence[Any]) -> None:
        """Have a statement run before the next one."""
        self._asked.append((sql, texts_of(values)))

    def be_alone(self) -> None:
        """Refuse to go on beside others."""
        raise NotTogether

    def flush(self) -> None:
        """Refuse what goes another way than by statements."""
        raise NotTogether

    def run(self, *statements: tuple[str, Sequence[Any]]) -> list[PGresult]:
        """Have statements run beside those of the others; give their results."""
        kept = len(self._asked)
        self._asked += [(sql, texts_of(values)) for sql, values in statements]
        self.is_waiting = True
        results: list[PGresult] = self._others.switch()[kept:]
        self._has_written |= bool(kept) or (self.turn is not None and any(one.command_tuples for one in results))
        return results

    def _work(self, _: object) -> None:
        try:
            self.task.tx = self._begin(self)
            self.outcome = Outcome(self.task, result=self.task.unit(self.task.tx))
        except LostRace:
            self.has_lost = True
        except (NotTogether, RunFirst, GreenletExit):
            pass  # it has no outcome
        except BaseException as error:  # also SystemExit: the thread serves everybody and must go on
            self.outcome = Outcome(self.task, error=error)
