"""Statements on a connection to PostgreSQL by libpq's own calls: each is prepared once, and several go on one way.

A cursor of psycopg's takes four times the processor time for a statement, and its pipelines save none of it.
"""

import select
import time
from collections.abc import Iterable, Sequence
from functools import cache
from itertools import count
from math import inf
from typing import TYPE_CHECKING, Any

import psycopg
from psycopg.adapt import Transformer
from psycopg.errors import error_from_result
from psycopg.pq import DiagnosticField, ExecStatus
from psycopg.pq.abc import PGresult

from soapsvc.storage.statements import Manner

if TYPE_CHECKING:
    from soapsvc.storage.batches import Member

MOST_PREPARED = 500
_GOOD = (ExecStatus.COMMAND_OK, ExecStatus.TUPLES_OK)

Asked = tuple[str, Sequence[bytes | None]]
"""A statement to be sent, with its values as texts."""

_Sent = tuple[str, bytes | None]
"""A statement that was sent, or with a name the wish to prepare it."""


class NoAnswer(psycopg.OperationalError):
    """The server did not answer in time."""


class Wire:
    """Sends statements, with placeholders as psycopg writes them, and reads what comes back.

    What nobody waits for is kept, and goes with the next statement that somebody waits for, before it.
    """

    def __init__(self, driver: "psycopg.Connection[Any]", seconds: float) -> None:
        self.seconds = seconds
        """How long it waits for an answer."""
        self.is_broken = False
        """Whether answers may still be on their way, or the connection is lost: it is of no use any more."""
        self.failed = ""
        """The statement that failed last."""
        self.rows = Transformer(driver)
        self._connection = driver.pgconn
        self._readable, self._both = select.poll(), select.poll()
        self._readable.register(self._connection.socket, select.POLLIN)
        self._both.register(self._connection.socket, select.POLLIN | select.POLLOUT)
        self._prepared: dict[str, bytes] = {}
        self._numbers = count()
        self._kept: list[Asked] = []

    def cursor(self, manner: Manner, turn: int | None) -> "Cursor":  # noqa: ARG002
        """Give what runs a statement, in whatever manner, and then has its rows."""
        return Cursor(self)

    def keep(self, sql: str, values: Sequence[Any]) -> None:
        """Have a statement run before the next one; if it fails, that one is not run, and fails with its error."""
        self._kept.append((sql, texts_of(values)))

    def keep_each(self, statements: Iterable[Asked]) -> None:
        """Do the same with statements whose values are texts already."""
        self._kept += statements

    def forget(self) -> None:
        """Drop what was kept."""
        self._kept.clear()

    def be_alone(self) -> None:
        """Share the transaction with nobody, as it is anyway."""

    def flush(self) -> None:
        """Run what was kept. Raises psycopg.Error."""
        if self._kept:
            self.run()

    def run(self, *statements: tuple[str, Sequence[Any]]) -> list[PGresult]:
        """Run what was kept, then these, until one fails; give the results of these.

        Raises psycopg.Error: that of the one that failed.
        """
        own = [(sql, texts_of(values)) for sql, values in statements]
        results = self.exchange([*self._kept, *own])
        return results[len(results) - len(own) :]

    def exchange(self, statements: Sequence[Asked]) -> list[PGresult]:
        """Run these until one fails, in place of what was kept; give their results. Raises psycopg.Error."""
        self._kept = []
        if self.is_broken:
            raise psycopg.OperationalError("the connection is lost")
        self.is_broken = True  # until all answers are here
        deadline = time.monotonic() + self.seconds
        self._connection.enter_pipeline_mode()
        asked = self._send(statements)
        while self._connection.flush():
            self._wait(self._both, deadline)
        answers = [self._answer(deadline) for _ in asked]
        self._next(deadline)  # it says that the server is ready again
        self._connection.exit_pipeline_mode()
        self.is_broken = False
        return self._checked(asked, answers)

    def _send(self, statements: Sequence[Asked]) -> list[_Sent]:
        asked: list[_Sent] = []
        new: dict[str, bytes] = {}
        for sql, values in statements:
            name = self._prepared.get(sql) or new.get(sql)
            if name is None and len(self._prepared) < MOST_PREPARED:
                name = new[sql] = b"soapsvc_%d" % next(self._numbers)
                self._connection.send_prepare(name, _numbered(sql, len(values)))
                asked.append((sql, name))
            if name is None:
                self._connection.send_query_params(_numbered(sql, len(values)), values)
            else:
                self._connection.send_query_prepared(name, values)
            asked.append((sql, None))
        self._connection.pipeline_sync()
        return asked

    def _answer(self, deadline: float) -> PGresult:
        """Give the next answer, and with it the end of what belongs to it."""
        result = self._next(deadline)
        if result is None:
            raise psycopg.OperationalError("the connection is lost")
        if result.status == ExecStatus.FATAL_ERROR and _ends_the_session(result):
            raise error_from_result(result)
        self._next(deadline)
        return result

    def _next(self, deadline: float) -> PGresult | None:
        while self._connection.is_busy():
            self._wait(self._readable, deadline)
            self._connection.consume_input()
        return self._connection.get_result()

    def _wait(self, poll: select.poll, deadline: float) -> None:
        left = deadline - time.monotonic()
        if left == inf:
            poll.poll()
        elif left <= 0 or not poll.poll(left * 1000):
            raise NoAnswer("the server did not answer in time")

    def _checked(self, asked: Sequence[_Sent], answers: Sequence[PGresult]) -> list[PGresult]:
        """Give the results of statements. Raises psycopg.Error where one failed; none behind it was run."""
        results = []
        for (sql, name), result in zip(asked, answers, strict=True):
            if result.status not in _GOOD:
                self.failed = sql
                raise error_from_result(result)
            if name is None:
                results.append(result)
            else:
                self._prepared[sql] = name
        return results


class Cursor:
    """One run of a statement, and its rows, as cursors of the DB API have them."""

    def __init__(self, wire: "Wire | Member") -> None:
        self._wire = wire
        self._results: list[PGresult] = []

    def execute(self, sql: str, values: Sequence[Any]) -> None:
        """Run it. Raises psycopg.Error."""
        self._results = self._wire.run((sql, values))

    def executemany(self, sql: str, every: Sequence[Sequence[Any]]) -> None:
        """Run it once with each of these values. Raises psycopg.Error."""
        self._results = self._wire.run(*((sql, values) for values in every))

    @property
    def rowcount(self) -> int:
        """How many rows were touched, by all runs together."""
        return sum(result.command_tuples or 0 for result in self._results)

    def fetchone(self) -> tuple[Any, ...] | None:
        """Give the first row."""
        return next(iter(self._fetched(1)), None)

    def fetchall(self) -> list[tuple[Any, ...]]:
        """Give all rows."""
        return self._fetched(self._results[0].ntuples)

    def _fetched(self, most: int) -> list[tuple[Any, ...]]:
        (result,) = self._results
        rows = self._wire.rows
        rows.set_pgresult(result)
        return rows.load_rows(0, min(most, result.ntuples), tuple)


@cache
def _numbered(sql: str, length: int) -> bytes:
    """Write the placeholders as the server wants them."""
    return (sql % tuple(f"${number}" for number in range(1, length + 1))).encode()


def _ends_the_session(result: PGresult) -> bool:
    return result.error_field(DiagnosticField.SEVERITY_NONLOCALIZED) not in {b"ERROR"}


def texts_of(values: Sequence[Any]) -> list[bytes | None]:
    """Write values as the server reads them. Raises psycopg.Error for what it would not take."""
    texts: list[bytes | None] = []
    for value in values:
        if value is None:
            texts.append(None)
        elif isinstance(value, str):
            if "\0" in value:
                raise psycopg.DataError("PostgreSQL text fields cannot contain NUL (0x00) bytes")
            texts.append(value.encode())
        elif isinstance(value, int):  # a truth value is one, too
            texts.append(b"%d" % value)
        elif isinstance(value, psycopg.Binary):
            texts.append(b"\\x" + bytes(value.obj).hex().encode())
        else:
            raise psycopg.ProgrammingError(f"a value of the type {type(value).__name__} cannot be sent")
    return texts
