"""A whole service, row by row, from one database into another: goes on where it was stopped, and is compared."""

import hashlib
import time
from collections.abc import Generator, Iterator, Sequence
from contextlib import ExitStack, closing, contextmanager, suppress
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa

from soapsvc.domain.errors import StorageUnavailable
from soapsvc.storage import schema, sqlite
from soapsvc.storage.database import POSTGRESQL, SQLITE
from soapsvc.storage.tables import metadata

ROWS, CHARACTERS = 5_000, 4_000_000
"""The most rows of a transaction, and how many characters it has when no further row is put into it."""
_FETCHED = 100
_PATIENCE = 5.0

_AS_MIGRATED = [(1, "default", "default", None)]
"""The rows of `tenancy` that a migrated database has before anything is done to it; no other table has any."""


def _as_stored() -> list[sa.Table]:
    """Give every table with its values as the database has them, those that are referred to first."""
    plain = sa.MetaData()
    tables = [table.to_metadata(plain) for table in metadata.sorted_tables]
    for column in (column for table in tables for column in table.c):
        if isinstance(column.type, sa.TypeDecorator):
            column.type = column.type.impl_instance
    return tables


TABLES = [table for table in _as_stored() if table.primary_key.columns]
"""All tables that the code knows. The one that has no key is the migrations' own, and both databases have the same."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Comparison:
    """How many rows of a table there are on each side, and whether they are the same in every value."""

    table: str
    source_rows: int
    target_rows: int
    is_same: bool


class Side:
    """One of the two databases, on one connection."""

    def __init__(self, connection: sa.Connection, name: str) -> None:
        self.connection = connection
        self.name = name
        self.is_server = connection.dialect.name == POSTGRESQL

    @contextmanager
    def reading(self) -> Iterator[None]:
        """See one committed state."""
        with self.speaking_plainly():
            self._run(_postgresql().READING if self.is_server else "BEGIN")
        try:
            yield
        finally:
            with suppress(Exception):  # it was lost, and who read from it knows
                self._run("ROLLBACK")

    @contextmanager
    def writing(self) -> Iterator[None]:
        """Change all or nothing."""
        with self.speaking_plainly():
            if self.is_server:
                self._run(_postgresql().WRITING)
            else:
                sqlite.begin_to_write(self.connection)
            try:
                yield
                self._run("COMMIT")
            except BaseException:
                with suppress(Exception):  # what failed first is what is told
                    self._run("ROLLBACK")
                raise

    def rows(self, table: sa.Table, after: int = 0) -> Generator[tuple[Any, ...], None, None]:
        """Give a table's rows behind so many, in the order of their keys, which is the same on every database."""
        select = sa.select(table).order_by(*map(self._ordered, table.primary_key.columns)).offset(after)
        portions = select.execution_options(yield_per=_FETCHED)
        with self.speaking_plainly(), self.connection.execute(portions) as result:
            for row in result:
                yield tuple(row)

    def count(self) -> int:
        """Give how many rows there are in all tables."""
        with self.speaking_plainly():
            return sum(map(self.count_of, TABLES))

    def count_of(self, table: sa.Table) -> int:
        """Give how many rows there are in one table."""
        count: int = self.connection.execute(sa.select(sa.func.count()).select_from(table)).scalar_one()
        return count

    def insert(self, table: sa.Table, rows: Sequence[tuple[Any, ...]]) -> None:
        """Add rows as they are. Raises StorageUnavailable for those that this database cannot have."""
        try:
            self.connection.execute(sa.insert(table), [dict(zip(table.c.keys(), row, strict=True)) for row in rows])
        except (sa.exc.DataError, sa.exc.IntegrityError) as error:
            has_nul = any("\0" in value for row in rows for value in row if isinstance(value, str))
            reason = "a text has the character NUL" if has_nul else type(error.orig).__name__
            raise StorageUnavailable(
                f"The database {self.name} does not take the rows of {table.name} "
                f"from {_key(table, rows[0])} to {_key(table, rows[-1])}: {reason}"
            ) from None  # what the driver says may hold values

    def clear(self, table: sa.Table) -> None:
        """Take all rows out of a table."""
        self.connection.execute(sa.delete(table))

    def number_on(self) -> None:
        """Let the next row of every table have an id above those that there are; SQLite does so by itself."""
        for table in TABLES if self.is_server else ():
            for column in table.primary_key.columns:
                sequence = sa.func.pg_get_serial_sequence(table.name, column.name)
                highest = sa.select(sa.func.max(column)).scalar_subquery()
                if self.connection.execute(sa.select(sequence)).scalar_one() is not None:
                    self.connection.execute(sa.select(sa.func.setval(sequence, highest)).where(highest.is_not(None)))

    def expect_nobody_else(self) -> None:
        """Wait a moment until nobody else serves this database. Raises StorageUnavailable.

        A file's lock has said so already. A server knows who is connected, and forgets who was killed a little later.
        """
        deadline = time.monotonic() + _PATIENCE
        while self.is_server and _postgresql().has_company(self.connection):
            if time.monotonic() > deadline:
                raise StorageUnavailable(f"Another soapsvc is connected to {self.name}: stop it first")
            time.sleep(0.05)

    def expect_statistics(self) -> None:
        """Let the server look at what it has now, so that it plans well from the first request on."""
        if self.is_server:
            self._run("ANALYZE")

    @contextmanager
    def speaking_plainly(self) -> Iterator[None]:
        """Turn a driver's errors into sentences that name this database."""
        kind = _postgresql() if self.is_server else sqlite
        try:
            yield
        except kind.ERRORS as error:
            raise kind.said_plainly(error, self.name) from error

    def _run(self, statement: str) -> None:
        driver: Any = self.connection.connection.driver_connection
        driver.execute(statement)

    def _ordered(self, column: sa.Column[Any]) -> sa.ColumnElement[Any]:
        is_text = self.is_server and isinstance(column.type, sa.String)
        return sa.collate(column, "C") if is_text else column


class Copying:
    """The rows of one database on their way into another. How far they came is what the other one has of them."""

    def __init__(self, source: Side, target: Side, rows: int) -> None:
        self._source = source
        self._target = target
        self._rows = rows

    def count(self) -> int:
        """Give how many rows there are to be copied."""
        return self._source.count()

    def run(self) -> Iterator[tuple[str, int]]:
        """Copy; give the table and the number of rows of each portion that is on disk, or was found there.

        Raises StorageUnavailable where the target has anything that the source has not; then nothing was changed.
        """
        with self._source.reading():
            is_new = self._is_as_migrated()
            found = dict.fromkeys(TABLES, 0) if is_new else {table: self._found(table) for table in TABLES}
            for table in TABLES:
                yield table.name, found[table]
                with closing(self._source.rows(table, after=found[table])) as rows:
                    for portion in self._portions(rows):
                        with self._target.writing():
                            if is_new:
                                self._target.clear(metadata.tables["tenancy"])
                            self._target.insert(table, portion)
                        is_new = False
                        yield table.name, len(portion)
        with self._target.writing():
            self._target.number_on()
        self._target.expect_statistics()

    def compare(self) -> Iterator[Comparison]:
        """Read both anew, as they are now, and compare them table by table."""
        with self._source.reading(), self._target.reading():
            for table in TABLES:
                source_rows, source_hash = _hashed(self._source.rows(table))
                target_rows, target_hash = _hashed(self._target.rows(table))
                yield Comparison(
                    table=table.name,
                    source_rows=source_rows,
                    target_rows=target_rows,
                    is_same=source_hash == target_hash,
                )

    def _is_as_migrated(self) -> bool:
        with self._target.reading():
            if self._target.count() != len(_AS_MIGRATED):
                return False
            return [*self._target.rows(next(one for one in TABLES if one.name == "tenancy"))] == _AS_MIGRATED

    def _found(self, table: sa.Table) -> int:
        """Give how many of the source's first rows the target has. Raises StorageUnavailable if it has others."""
        count, theirs, ours = 0, self._target.rows(table), self._source.rows(table)
        with self._target.reading(), closing(theirs), closing(ours):
            for row in theirs:
                if row != next(ours, None):
                    raise StorageUnavailable(
                        f"The database {self._target.name} has a row in {table.name} that is not of this copy: "
                        "name an empty one, made by `soapsvc migrate`"
                    )
                count += 1
        return count

    def _portions(self, rows: Iterator[tuple[Any, ...]]) -> Iterator[list[tuple[Any, ...]]]:
        portion: list[tuple[Any, ...]] = []
        characters = 0
        for row in rows:
            portion.append(row)
            characters += sum(len(value) for value in row if isinstance(value, str | bytes))
            if len(portion) == self._rows or characters >= CHARACTERS:
                yield portion
                portion, characters = [], 0
        if portion:
            yield portion


def _key(table: sa.Table, row: tuple[Any, ...]) -> list[Any]:
    return [value for column, value in zip(table.c, row, strict=True) if column.primary_key]


def _hashed(rows: Iterator[tuple[Any, ...]]) -> tuple[int, str]:
    count, digest = 0, hashlib.sha256()
    for row in rows:
        count += 1
        digest.update(repr(row).encode())
    return count, digest.hexdigest()


@contextmanager
def opened(source: sa.URL, target: sa.URL, *, rows: int = ROWS) -> Iterator[Copying]:
    """Open two databases of exactly this code's schema, which nobody serves meanwhile.

    `rows`: the most of a transaction. Raises StorageUnavailable: missing, not migrated, of a newer release, served,
    one and the same.
    """
    if _same(source, target):
        raise StorageUnavailable("A service is copied from one database to another: these are the same")
    with ExitStack() as stack:
        for url in (source, target):
            schema.check(url, is_exact=True)
            stack.enter_context(schema.right_to_serve(url))
        sides = stack.enter_context(_side(source)), stack.enter_context(_side(target, writes=True))
        for side in sides:
            side.expect_nobody_else()
        yield Copying(*sides, rows)


def _same(source: sa.URL, target: sa.URL) -> bool:
    if {source.get_backend_name(), target.get_backend_name()} == {SQLITE}:
        return sqlite.file_of(source).resolve() == sqlite.file_of(target).resolve()
    return source == target


@contextmanager
def _side(url: sa.URL, *, writes: bool = False) -> Iterator[Side]:
    if url.get_backend_name() == SQLITE:
        path = sqlite.file_of(url)
        engine, name = (sqlite.writer_engine if writes else sqlite.reader_engine)(path), str(path)
    else:
        engine, name = _postgresql().engine_for(url, None), _postgresql().address_of(url)
    try:
        with engine.connect() as connection:
            yield Side(connection, name)
    finally:
        engine.dispose()


def _postgresql() -> Any:
    from soapsvc.storage import postgresql  # noqa: PLC0415 - its driver is not needed between two files

    return postgresql
