"""Conditions and orders of work lists as SQL, alike on every database: values are bound parameters, always."""

from collections.abc import Iterator, Mapping, Sequence
from decimal import Decimal
from enum import StrEnum
from itertools import count
from typing import Any

import sqlalchemy as sa
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.functions import FunctionElement

from soapsvc.domain.attributes import ATTRIBUTES, LONGEST_TEXT, AttributeKind
from soapsvc.domain.states import INVISIBLE
from soapsvc.domain.work_list import (
    COLUMNS,
    EQUALITY,
    And,
    Comparison,
    Condition,
    Interval,
    IsNull,
    Kind,
    Operator,
    Or,
    Order,
    OrderTerm,
    Range,
    completed,
    has_wildcards,
)
from soapsvc.storage.tables import BigInteger, Moment

Shape = tuple[Any, ...]
"""A condition without its values: equal shapes have the same SQL."""

Columns = Mapping[str, sa.ColumnElement[Any]]
"""What stands for each column of work lists, by its name in the contract."""

NO_CONDITION: Shape = ()
"""The shape of no condition at all."""


# Values


class ExactDecimal(sa.TypeDecorator[Decimal]):
    """A decimal number as a text that is ordered as the number is: SQLite has no exact numbers with fractions.

    A sign, nine digits of the exponent, and the digits; of negative numbers all digits are turned round.
    """

    impl = sa.String
    cache_ok = True
    _ZERO, _NEGATIVE, _POSITIVE = "1", "0", "2"
    _BIAS = 500_000_000
    _TURNED = str.maketrans("0123456789", "9876543210")

    def __init__(self) -> None:
        super().__init__(64)

    def process_bind_param(self, value: Decimal | None, dialect: Any) -> str | None:  # noqa: ARG002
        """Write the number as such a text."""
        if value is None or value.is_zero():
            return None if value is None else self._ZERO
        digits = "".join(map(str, value.as_tuple().digits)).lstrip("0").rstrip("0")
        size = f"{value.adjusted() + self._BIAS:09}{digits}"
        # What is shorter is nearer to zero; the end mark puts it behind, where nearer to zero is greater.
        return self._POSITIVE + size if value > 0 else self._NEGATIVE + size.translate(self._TURNED) + "~"

    def process_result_value(self, value: str | None, dialect: Any) -> Decimal | None:  # noqa: ARG002
        """Read the number, without zeros at its end."""
        if value is None or value == self._ZERO:
            return None if value is None else Decimal(0)
        is_negative = value.startswith(self._NEGATIVE)
        size = value[1:-1].translate(self._TURNED) if is_negative else value[1:]
        digits = size[9:]
        exponent = int(size[:9]) - self._BIAS - len(digits) + 1
        return Decimal((int(is_negative), tuple(map(int, digits)), exponent))


class _Pattern(sa.TypeDecorator[str]):
    """A text with the wildcards ? and *, as the pattern of the database's own operator."""

    impl = sa.String
    cache_ok = True
    _GLOB = str.maketrans({"[": "[[]"})
    _LIKE = str.maketrans({"!": "!!", "%": "!%", "_": "!_", "?": "_", "*": "%"})

    def process_bind_param(self, value: str | None, dialect: Any) -> str | None:
        """Write the pattern."""
        return None if value is None else value.translate(self._GLOB if dialect.name == "sqlite" else self._LIKE)


class _Matches(FunctionElement[bool]):
    """Whether a text matches a pattern, case by case: SQLite's LIKE takes a and A for the same, its GLOB does not."""

    inherit_cache = True
    type = sa.Boolean()


@compiles(_Matches)
def _like(element: _Matches, compiler: Any, **options: Any) -> str:
    text, pattern = (compiler.process(each, **options) for each in element.clauses)
    return f"({text} LIKE {pattern} ESCAPE '!')"


@compiles(_Matches, "sqlite")
def _glob(element: _Matches, compiler: Any, **options: Any) -> str:
    text, pattern = (compiler.process(each, **options) for each in element.clauses)
    return f"({text} GLOB {pattern})"


class _ByCodePoint(FunctionElement[str]):
    """A text that is compared by code points, as Python and SQLite do, and not as some language sorts."""

    inherit_cache = True

    def __init__(self, text: sa.ColumnElement[Any]) -> None:
        super().__init__(text)
        self.type = text.type


@compiles(_ByCodePoint)
def _collated(element: _ByCodePoint, compiler: Any, **options: Any) -> str:
    return f'({compiler.process(element.clauses, **options)} COLLATE "C")'


@compiles(_ByCodePoint, "sqlite")
def _plain(element: _ByCodePoint, compiler: Any, **options: Any) -> str:
    return str(compiler.process(element.clauses, **options))


class as_one(FunctionElement[bool]):  # noqa: N801 - reads as what it is in SQL
    """A condition that PostgreSQL shall not take apart: where a table has parts, that takes time by powers of two."""

    inherit_cache = True
    type = sa.Boolean()


@compiles(as_one)
def _is_true(element: as_one, compiler: Any, **options: Any) -> str:
    return f"(({compiler.process(element.clauses, **options)}) IS TRUE)"


@compiles(as_one, "sqlite")
def _itself(element: as_one, compiler: Any, **options: Any) -> str:
    return f"({compiler.process(element.clauses, **options)})"


# Columns

_ATTRIBUTE_TYPES: Mapping[AttributeKind, type[sa.types.TypeEngine[Any]] | sa.types.TypeEngine[Any]] = {
    AttributeKind.LONG: BigInteger,
    AttributeKind.DECIMAL: ExactDecimal(),
    AttributeKind.MOMENT: Moment(),
}
_OF_TABLE = {
    "id": "id",
    "name": "name",
    "description": "description",
    "priority": "priority",
    "startDate": "start_at",
    "endDate": "end_at",
    "distributionStrategy": "distribution",
    "state": "state",
    "appInstance": "app_instance",
    "appName": "app_name",
    "appInstanceDescription": "app_instance_description",
    **{name: name for name in ATTRIBUTES},
}
_TEXTS = {Kind.TEXT, Kind.DECIMAL, Kind.DISTRIBUTION}


def attribute_columns() -> list[sa.Column[Any]]:
    """Make a column for each attribute, of its type; all may be NULL."""
    return [
        sa.Column(name, _ATTRIBUTE_TYPES.get(kind) or sa.String(LONGEST_TEXT[name]))
        for name, kind in ATTRIBUTES.items()
    ]


def columns_of(table: sa.FromClause) -> Columns:
    """Give those columns that a table has: by their own names, or as attribute_columns() and work_item name them."""
    is_visible = sa.and_(*(table.c.state != state.value for state in sorted(INVISIBLE)))
    there = {name: table.c[named] for name, named in _OF_TABLE.items() if named in table.c}
    return there | {"visible": is_visible}


def _comparable(name: str, columns: Columns) -> sa.ColumnElement[Any]:
    column = columns[name]
    return _ByCodePoint(column) if COLUMNS[name].kind in _TEXTS else column


def _parameter(name: str, field: str, columns: Columns) -> sa.BindParameter[Any]:
    """Make a parameter for a value of a column; a whole number may be greater than the column's values ever are."""
    return sa.bindparam(name, type_=BigInteger if COLUMNS[field].kind is Kind.LONG else columns[field].type)


# Conditions


def lowered(condition: Condition | None) -> tuple[Shape, Mapping[str, Any]]:
    """Take a condition apart: its shape, and the values of the parameters that `clause` names in it."""
    values: list[Any] = []
    shape = NO_CONDITION if condition is None else _shape(condition, values)
    return shape, {f"value{number}": value for number, value in enumerate(values)}


def _shape(condition: Condition, values: list[Any]) -> Shape:
    match condition:
        case And(conditions):
            return ("and", *(_shape(each, values) for each in _largest_first(conditions)))
        case Or(conditions):
            return ("or", *(_shape(each, values) for each in _largest_first(conditions)))
        case IsNull(field, negated):
            return ("not null" if negated else "null", field)
        case Range(field, start, end):
            values += (start.first, end.last)
            return ("within", field)
        case Comparison():
            return _shape_of_comparison(condition, values)


def _largest_first(conditions: Sequence[Condition]) -> Sequence[Condition]:
    """Put first what has most terms: SQLite's parser holds a hundred symbols, with all that stands before a bracket."""
    return sorted(conditions, key=_count_terms, reverse=True)


def _count_terms(condition: Condition) -> int:
    return sum(map(_count_terms, condition.conditions)) if isinstance(condition, And | Or) else 1


def _shape_of_comparison(term: Comparison, values: list[Any]) -> Shape:
    is_equal = term.operator is Operator.EQUAL
    match term.value:
        case bool(value):
            return ("true" if value is is_equal else "false", term.field)
        case Interval(first, last) if term.operator in EQUALITY:
            values += (first, last)
            return ("within" if is_equal else "outside", term.field)
        case Interval(first, last):
            values.append(first if term.operator in {Operator.LESS, Operator.AT_LEAST} else last)
        case str(value) if term.operator in EQUALITY and has_wildcards(value):
            values.append(value)
            return ("like" if is_equal else "unlike", term.field)
        case StrEnum() as value:
            values.append(value.value)
        case value:
            values.append(value)
    return (term.operator.value, term.field)


def clause(shape: Shape, columns: Columns) -> sa.ColumnElement[bool]:
    """Give a condition's SQL, by its shape."""
    return _clause(shape, columns, count()) if shape else sa.true()


def _clause(shape: Shape, columns: Columns, numbers: Iterator[int]) -> sa.ColumnElement[bool]:
    kind, *parts = shape
    if kind in {"and", "or"}:
        join = sa.and_ if kind == "and" else sa.or_
        return join(*[_clause(part, columns, numbers) for part in parts])
    (field,) = parts
    column = columns[field]
    match kind:
        case "null":
            return column.is_(None)
        case "not null":
            return column.is_not(None)
        case "true" | "false":
            return column if kind == "true" else sa.not_(column)
        case "like" | "unlike":
            matched: sa.ColumnElement[bool] = _Matches(
                _comparable(field, columns), sa.bindparam(f"value{next(numbers)}", type_=_Pattern())
            )
            return matched if kind == "like" else sa.not_(matched)
    comparable = _comparable(field, columns)
    first = _parameter(f"value{next(numbers)}", field, columns)
    if kind in {"within", "outside"}:
        last = _parameter(f"value{next(numbers)}", field, columns)
        is_within = kind == "within"
        return (
            sa.and_(comparable >= first, comparable <= last)
            if is_within
            else sa.or_(comparable < first, comparable > last)
        )
    compared: sa.ColumnElement[bool] = _COMPARE[kind](comparable, first)
    return compared


_COMPARE: Mapping[str, Any] = {
    "=": lambda column, value: column == value,
    "!=": lambda column, value: column != value,
    "<": lambda column, value: column < value,
    ">": lambda column, value: column > value,
    "<=": lambda column, value: column <= value,
    ">=": lambda column, value: column >= value,
}


# Orders


def order_by(order: Order, columns: Columns) -> list[sa.ColumnElement[Any]]:
    """Give what to order rows by so that no two stand level; NULLs stand last in both directions."""
    return [_directed(term, columns) for term in completed(order)]


def _directed(term: OrderTerm, columns: Columns) -> sa.ColumnElement[Any]:
    column = _comparable(term.field, columns)
    directed = column.desc() if term.descending else column.asc()
    return directed.nulls_last() if COLUMNS[term.field].may_be_absent else directed


def key_columns(order: Order, columns: Columns) -> list[sa.ColumnElement[Any]]:
    """Give the columns whose values say where a row stands, labelled key0, key1, …"""
    return [columns[term.field].label(f"key{number}") for number, term in enumerate(completed(order))]


def after(order: Order, is_null: tuple[bool, ...], columns: Columns) -> sa.ColumnElement[bool]:
    """Give the condition that a row stands behind the one whose key values are the parameters after0, after1, …

    `is_null` says which of those are NULL; they get no parameter.
    """
    *earlier, (last, name, _) = [
        (term, f"after{number}", null)
        for number, (term, null) in enumerate(zip(completed(order), is_null, strict=True))
    ]
    behind = _beyond(last, name, columns)
    for term, name, null in reversed(earlier):
        column = _comparable(term.field, columns)
        if null:  # nothing stands behind it in this column
            behind = sa.and_(column.is_(None), behind)
        else:
            level = column == _parameter(name, term.field, columns)
            behind = sa.or_(_beyond(term, name, columns), sa.and_(level, behind))
    return behind


def _beyond(term: OrderTerm, name: str, columns: Columns) -> sa.ColumnElement[bool]:
    column, value = _comparable(term.field, columns), _parameter(name, term.field, columns)
    beyond = column < value if term.descending else column > value
    return sa.or_(beyond, column.is_(None)) if COLUMNS[term.field].may_be_absent else beyond
