"""What a work list shows and in which order: the columns, conditions on them and their meaning, in plain Python."""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from enum import Enum, StrEnum
from functools import total_ordering
from types import MappingProxyType
from typing import Any

from soapsvc.domain.attributes import ATTRIBUTES, AttributeKind
from soapsvc.domain.states import State
from soapsvc.domain.work_item import Distribution, WorkItem


class ColumnType(StrEnum):
    """What clients are told of a column's values; the names are those of the wire contract."""

    NUMERIC = "COL_NUMERIC"
    STRING = "COL_STRING"
    DATETIME = "COL_DATETIME"
    BOOLEAN = "COL_BOOLEAN"
    STATE = "COL_STATE"
    DISTRIBUTION = "COL_DISTSTRATEGY"


class Capability(StrEnum):
    """What a column is good for; the names are those of the wire contract."""

    FILTER = "FILTER"
    BOTH = "BOTH_ORDER_FILTER"


class Kind(Enum):
    """What the values of a column are in Python."""

    LONG = int
    DECIMAL = Decimal
    MOMENT = datetime
    TEXT = str
    BOOLEAN = bool
    STATE = State
    DISTRIBUTION = Distribution


@dataclass(frozen=True, kw_only=True, slots=True)
class Column:
    """A column of work lists; `id` is its place among them, from 1. An item may have no value in some of them."""

    id: int
    name: str
    description: str
    kind: Kind
    is_sortable: bool
    may_be_absent: bool

    @property
    def type(self) -> ColumnType:
        """What clients are told of its values."""
        return _TYPES[self.kind]

    @property
    def capability(self) -> Capability:
        """What it is good for: every column filters, some order."""
        return Capability.BOTH if self.is_sortable else Capability.FILTER


_TYPES: Mapping[Kind, ColumnType] = {
    Kind.LONG: ColumnType.NUMERIC,
    Kind.DECIMAL: ColumnType.NUMERIC,
    Kind.MOMENT: ColumnType.DATETIME,
    Kind.TEXT: ColumnType.STRING,
    Kind.BOOLEAN: ColumnType.BOOLEAN,
    Kind.STATE: ColumnType.STATE,
    Kind.DISTRIBUTION: ColumnType.DISTRIBUTION,
}
_OF_ATTRIBUTES: Mapping[AttributeKind, Kind] = {
    AttributeKind.LONG: Kind.LONG,
    AttributeKind.DECIMAL: Kind.DECIMAL,
    AttributeKind.MOMENT: Kind.MOMENT,
    AttributeKind.TEXT: Kind.TEXT,
}
_FIXED = (
    ("id", "The number of the work item", Kind.LONG, True),
    ("name", "What the work item is called", Kind.TEXT, False),
    ("description", "What the work item is about", Kind.TEXT, False),
    ("priority", "How urgent it is: 1 to 100", Kind.LONG, True),
    ("startDate", "When work on it should start", Kind.MOMENT, True),
    ("endDate", "When work on it should end", Kind.MOMENT, True),
    ("distributionStrategy", "How it came to people: offered or allocated", Kind.DISTRIBUTION, True),
    ("visible", "Whether it is to be seen among work to do", Kind.BOOLEAN, False),
    ("state", "Where it stands in its life", Kind.STATE, False),
    ("appInstance", "The instance of the application that it belongs to", Kind.TEXT, True),
    ("appName", "The application that it belongs to", Kind.TEXT, False),
    ("appInstanceDescription", "What that instance is about", Kind.TEXT, False),
)
_ALL = (
    *_FIXED,
    *((name, f"What its scheduler gave as {name}", _OF_ATTRIBUTES[kind], True) for name, kind in ATTRIBUTES.items()),
)
_MAY_BE_ABSENT = {"description", "startDate", "endDate", "appInstanceDescription", *ATTRIBUTES}
COLUMNS: Mapping[str, Column] = MappingProxyType(
    {
        name: Column(
            id=number,
            name=name,
            description=description,
            kind=kind,
            is_sortable=is_sortable,
            may_be_absent=name in _MAY_BE_ABSENT,
        )
        for number, (name, description, kind, is_sortable) in enumerate(_ALL, start=1)
    }
)
"""Every column that conditions and orders may name, by name, in the order of their ids."""


class Operator(StrEnum):
    """How a term compares a column with a value."""

    EQUAL = "="
    UNEQUAL = "!="
    LESS = "<"
    GREATER = ">"
    AT_MOST = "<="
    AT_LEAST = ">="


EQUALITY = frozenset({Operator.EQUAL, Operator.UNEQUAL})


@dataclass(frozen=True, slots=True)
class Interval:
    """The time that a date names by the precision it is written to: all of 2010, or one second of it.

    `first` and `last` are its first and its last microsecond, both in UTC.
    """

    first: datetime
    last: datetime


Operand = int | Decimal | str | bool | Interval | State | Distribution


@dataclass(frozen=True, slots=True)
class Comparison:
    """A term `field operator value`. With = and != a text's ? stands for any character and its * for any number.

    Who has no value in that field meets no comparison, not even !=.
    """

    field: str
    operator: Operator
    value: Operand


@dataclass(frozen=True, slots=True)
class Range:
    """A term `field=[from,to]`: the field's moment lies in one of the two intervals, or between them."""

    field: str
    start: Interval
    end: Interval


@dataclass(frozen=True, slots=True)
class IsNull:
    """A term `field = NULL`, or `field != NULL` where it is negated: whether there is no value."""

    field: str
    negated: bool = False


@dataclass(frozen=True, slots=True)
class And:
    """All of these hold; there are at least two."""

    conditions: "tuple[Condition, ...]"


@dataclass(frozen=True, slots=True)
class Or:
    """One of these holds at least; there are at least two."""

    conditions: "tuple[Condition, ...]"


Condition = And | Or | Comparison | Range | IsNull


@dataclass(frozen=True, slots=True)
class OrderTerm:
    """One column that a list is ordered by. Who has no value in it stands last, in both directions."""

    field: str
    descending: bool = False


Order = tuple[OrderTerm, ...]

_BY_ID = OrderTerm("id")
DEFAULT_ORDER: Order = (OrderTerm("endDate"), OrderTerm("priority"), _BY_ID)
"""What ends first comes first, then the lower priority number, then the older."""


def completed(order: Order) -> Order:
    """Give an order in which no two items stand level: by id, after all else. What comes after the id is idle."""
    fields = [term.field for term in order]
    return order[: fields.index("id") + 1] if "id" in fields else (*order, _BY_ID)


def values_of_item(item: WorkItem) -> Mapping[str, Any]:
    """Give what an item shows in the columns, by their names; what it has no value for is absent or None."""
    return {
        "id": item.id,
        "name": item.name,
        "description": item.description,
        "priority": item.priority,
        "startDate": item.schedule.start,
        "endDate": item.schedule.end,
        "distributionStrategy": item.distribution,
        "visible": item.visible,
        "state": item.state,
        "appInstance": item.context.app_instance,
        "appName": item.context.app_name,
        "appInstanceDescription": item.context.app_instance_description,
        **item.attributes,
    }


def matches(values: Mapping[str, Any], condition: Condition) -> bool:
    """Say whether an item with these values, by column, is one that a condition describes."""
    match condition:
        case And(conditions):
            return all(matches(values, each) for each in conditions)
        case Or(conditions):
            return any(matches(values, each) for each in conditions)
        case IsNull(field, negated):
            return (values.get(field) is None) is not negated
        case Range(field, start, end):
            value = values.get(field)
            return value is not None and start.first <= value <= end.last
        case Comparison(field, operator, operand):
            value = values.get(field)
            return value is not None and _compare(operator, value, operand)


def _compare(operator: Operator, value: Any, operand: Operand) -> bool:
    if operator in EQUALITY:
        return _is_equal(value, operand) is (operator is Operator.EQUAL)
    first, last = (operand.first, operand.last) if isinstance(operand, Interval) else (operand, operand)
    by_operator: Mapping[Operator, bool] = {
        Operator.LESS: value < first,
        Operator.GREATER: value > last,
        Operator.AT_MOST: value <= last,
        Operator.AT_LEAST: value >= first,
    }
    return by_operator[operator]


def _is_equal(value: Any, operand: Operand) -> bool:
    if isinstance(operand, Interval):
        return bool(operand.first <= value <= operand.last)
    if isinstance(operand, str) and has_wildcards(operand):
        return _pattern(operand).fullmatch(value) is not None
    return bool(value == operand)


def has_wildcards(text: str) -> bool:
    """Say whether a text stands for more than itself."""
    return "?" in text or "*" in text


def _pattern(text: str) -> re.Pattern[str]:
    wild = {"?": ".", "*": ".*"}
    return re.compile("".join(wild.get(character, re.escape(character)) for character in text), re.DOTALL)


def sort_key(order: Order) -> Callable[[Mapping[str, Any]], Any]:
    """Give the key by which to sort items' values, by column, so that they stand in an order."""
    terms = completed(order)

    def key(values: Mapping[str, Any]) -> Any:
        return tuple(_place(values.get(term.field), term.descending) for term in terms)

    return key


def _place(value: Any, descending: bool) -> Any:
    if value is None:
        return (True,)
    return (False, _Backwards(value) if descending else value)


@total_ordering
@dataclass(frozen=True, slots=True)
class _Backwards:
    value: Any

    def __lt__(self, other: "_Backwards") -> bool:
        return bool(other.value < self.value)
