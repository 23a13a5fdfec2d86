"""Statements that requests run: SQLAlchemy composes and compiles them once, and the driver runs them.

SQLAlchemy's own way of running a statement costs about ten times what SQLite takes for it.
"""

from collections import namedtuple
from collections.abc import Callable, Mapping, Sequence
from copy import copy
from enum import Enum
from operator import attrgetter, methodcaller
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa
from sqlalchemy.sql import visitors
from sqlalchemy.sql.functions import Function, GenericFunction

from soapsvc.storage.transaction import Transaction

if TYPE_CHECKING:
    from soapsvc.storage.batches import Member
    from soapsvc.storage.wire import Wire

_ALL = methodcaller("fetchall")
_FIRST = methodcaller("fetchone")
_COUNT = attrgetter("rowcount")
_named_tuple: Callable[[str, Sequence[str]], Any] = namedtuple


_HARMLESS = frozenset({"coalesce", "count", "max", "min"})
"""Functions of which it is known that they change and lock nothing."""


class RowSql(str):
    """The SQL of an insert of one row, which may go together with those that others insert, in whatever order."""

    __slots__ = ()

    def of(self, rows: int) -> str:
        """Give the SQL that inserts so many rows; their values follow on one another."""
        beginning, row = self.rsplit(" VALUES ", 1)
        return f"{beginning} VALUES {', '.join([row] * rows)}"


class Manner(Enum):
    """What a statement asks of the transaction that it is run in."""

    LOOKS = "looks"
    """It changes and locks nothing."""
    GUARDS = "guards"
    """It changes one row, if that is as it should be."""
    ALONE = "alone"
    """It may lock, or change, anything: its transaction must be its unit's own."""


class Statement:
    """A statement with bound parameters, to be run in any transaction.

    Each run gives every parameter that has no value of its own, by its name; TENANCY has that of the transaction. What
    the driver refuses is raised as SQLAlchemy raises it: as a sqlalchemy.exc.DBAPIError, without the values.

    Every table that a statement names is restricted to the transaction's tenancy, and a test looks at each of them.
    The few that go across tenancies say so. `guarded_by` names the parameter that is the id of the one row that an
    update changes, if it is in the state that the update demands. `is_of_rows` says of an insert that nothing else of
    its unit depends on when it is run, or on what: it may be put together with those of other units.
    """

    def __init__(
        self,
        construct: sa.Select[Any] | sa.CompoundSelect[Any] | sa.Insert | sa.Update | sa.Delete,
        *,
        across_tenancies: bool = False,
        guarded_by: str | None = None,
        is_of_rows: bool = False,
    ) -> None:
        self.construct = construct
        self.guarded_by = guarded_by
        self.is_of_rows = is_of_rows
        self.across_tenancies = across_tenancies
        self._compiled: dict[str, _Compiled] = {}

    def rows(self, tx: Transaction, **parameters: Any) -> list[Any]:
        """Give all rows, as named tuples."""
        compiled = self._for(tx)
        return [compiled.row(values) for values in compiled.run(tx, parameters, _ALL)]

    def row(self, tx: Transaction, **parameters: Any) -> Any:
        """Give the first row as a named tuple, or None."""
        compiled = self._for(tx)
        values = compiled.run(tx, parameters, _FIRST)
        return None if values is None else compiled.row(values)

    def value(self, tx: Transaction, **parameters: Any) -> Any:
        """Give the first value of the first row, or None."""
        row = self.row(tx, **parameters)
        return None if row is None else row[0]

    def plan(self, tx: Transaction, **parameters: Any) -> list[str]:
        """Say how the database would run it, in its own words, line by line."""
        compiled = self._for(tx)
        lines: list[str] = compiled.explained().run(tx, parameters, _ALL)
        return [line[-1] for line in lines]

    def change(self, tx: Transaction, **parameters: Any) -> int:
        """Run it for what it changes; say how many rows it touched."""
        count: int = self._for(tx).run(tx, parameters, _COUNT)
        return count

    def change_each(self, tx: Transaction, every: Sequence[Mapping[str, Any]]) -> int:
        """Run it once with each of these parameters; say how many rows were touched together."""
        if len(every) == 1:  # sqlite3 takes three times as long for a list of one
            return self.change(tx, **every[0])
        count: int = self._for(tx).run_each(tx, every).rowcount
        return count

    def store(self, tx: Transaction, every: Sequence[Mapping[str, Any]]) -> None:
        """Run it once with each of these parameters: at once, or before the next statement or the commit.

        Nobody learns how many rows it touches; where it fails, so does what follows it.
        """
        if tx.wire is None:
            self.change_each(tx, every)
            return
        compiled = self._for(tx)
        for parameters in every:
            compiled.keep(tx.wire, tx, parameters)

    def _for(self, tx: Transaction) -> "_Compiled":
        compiled = self._compiled.get(tx.dialect.name)
        if compiled is None:
            compiled = _Compiled(self.construct, tx.dialect, self.guarded_by, is_of_rows=self.is_of_rows)
            self._compiled[tx.dialect.name] = compiled
        return compiled


class _Compiled:
    """A statement in the SQL of one database, and how values go into it and come out of it."""

    def __init__(
        self, construct: Any, dialect: sa.Dialect, guarded_by: str | None = None, *, is_of_rows: bool = False
    ) -> None:
        compiled = construct.compile(dialect=dialect)
        self._sql = RowSql(compiled) if is_of_rows else str(compiled)
        self._guarded_by = guarded_by
        self.manner = Manner.GUARDS if guarded_by else Manner.LOOKS if _only_looks(construct) else Manner.ALONE
        self._explain = "EXPLAIN QUERY PLAN" if dialect.name == "sqlite" else "EXPLAIN (COSTS OFF)"
        bound = {name: parameter for parameter, name in compiled.bind_names.items()}
        self._constants = {name: parameter.value for name, parameter in bound.items() if not parameter.required}
        self._parameters = [(name, _to_driver(bound[name].type, dialect)) for name in compiled.positiontup]
        self._is_of_a_tenancy = "tenancy" in bound
        columns = list(getattr(construct, "exported_columns", ()))
        self._row_of = _named_tuple("Row", [column.key for column in columns])._make
        conversions = [_from_driver(column.type, dialect) for column in columns]
        self._conversions = [(at, convert) for at, convert in enumerate(conversions) if convert is not None]

    def explained(self) -> "_Compiled":
        """Give what tells the database's plan for it, with the same parameters."""
        explained = copy(self)
        explained._sql = f"{self._explain} {self._sql}"
        return explained

    def run(self, tx: Transaction, parameters: Mapping[str, Any], take: Callable[[Any], Any]) -> Any:
        """Run it, and take something from the driver's cursor: some rows are computed, and refused, only then."""
        cursor = tx.cursor(self.manner, parameters[self._guarded_by] if self._guarded_by else None)
        try:
            cursor.execute(self._sql, self._values(tx, parameters))
            return take(cursor)
        except tx.dialect.dbapi.Error as error:
            raise self._refused(tx, error) from None

    def run_each(self, tx: Transaction, every: Sequence[Mapping[str, Any]]) -> Any:
        """Run it with each of these parameters; give the driver's cursor."""
        cursor = tx.cursor(Manner.ALONE)
        try:
            cursor.executemany(self._sql, [self._values(tx, parameters) for parameters in every])
        except tx.dialect.dbapi.Error as error:
            raise self._refused(tx, error) from None
        return cursor

    def keep(self, wire: "Wire | Member", tx: Transaction, parameters: Mapping[str, Any]) -> None:
        """Have it run before the next statement."""
        try:
            wire.keep(self._sql, self._values(tx, parameters))
        except tx.dialect.dbapi.Error as error:
            raise self._refused(tx, error) from None

    def row(self, values: Sequence[Any]) -> Any:
        """Make a named tuple of what the driver gave."""
        if not self._conversions:
            return self._row_of(values)
        converted = list(values)
        for at, convert in self._conversions:
            converted[at] = convert(converted[at])
        return self._row_of(converted)

    def _values(self, tx: Transaction, parameters: Mapping[str, Any]) -> list[Any]:
        if self._is_of_a_tenancy:
            given = {**self._constants, **parameters, "tenancy": tenancy_of(tx)}
        else:
            given = {**self._constants, **parameters}
        return [given[name] if convert is None else convert(given[name]) for name, convert in self._parameters]

    def _refused(self, tx: Transaction, error: Exception) -> BaseException:
        told = without_values(error)
        refused = sa.exc.DBAPIError.instance(self._sql, None, told, tx.dialect.dbapi.Error, hide_parameters=True)
        refused.__cause__ = told
        return refused


def _only_looks(construct: Any) -> bool:
    """Say whether a statement changes and locks nothing, which some functions do."""
    if not construct.is_select:
        return False
    for part in visitors.iterate(construct):
        if getattr(part, "_for_update_arg", None) is not None or getattr(part, "is_dml", False):
            return False
        if isinstance(part, (Function, GenericFunction)) and part.name not in _HARMLESS:
            return False
    return True


def without_values(error: Exception) -> Exception:
    """Give a driver's error without the values that PostgreSQL puts into its texts; SQLite puts none."""
    if not getattr(error, "sqlstate", None):
        return error
    diagnosis = error.diag  # type: ignore[attr-defined]
    named = diagnosis.constraint_name or diagnosis.table_name or ""
    return type(error)(f"{type(error).__name__} {named}".strip())


def tenancy_of(tx: Transaction) -> int:
    """Give the tenancy whose rows a transaction's statements see. Raises LookupError where none was chosen."""
    if tx.tenancy is None:
        raise LookupError("a statement on one tenancy's rows was run in a transaction that is in none")
    return tx.tenancy


def _to_driver(type_: sa.types.TypeEngine[Any], dialect: sa.Dialect) -> Callable[[Any], Any] | None:
    return type_.dialect_impl(dialect).bind_processor(dialect)


def _from_driver(type_: sa.types.TypeEngine[Any], dialect: sa.Dialect) -> Callable[[Any], Any] | None:
    return type_.dialect_impl(dialect).result_processor(dialect, None)
