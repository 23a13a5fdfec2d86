"""Items, conditions and orders of work lists, made at random; and conditions written as clients write them."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from datetime import UTC, datetime, timedelta, timezone
from decimal import Decimal
from typing import Any

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st

from soapsvc.domain.states import INVISIBLE, State
from soapsvc.domain.work_item import Distribution
from soapsvc.domain.work_list import (
    COLUMNS,
    EQUALITY,
    And,
    Column,
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
)
from soapsvc.list_language import interval

# To make items and conditions takes long on a busy machine, and a database is the same for all examples of a test.
patiently = settings(
    deadline=None,
    max_examples=40,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow, HealthCheck.data_too_large],
)

# Few texts, so that they meet each other, and what databases take for something else.
TEXTS = st.sampled_from(
    [
        "",
        *"aAbzäÄ%_[]^!\\'*?\U0001f600\uffee",
        "ab",
        "aB",
        "Ab",
        "a?",
        "?b",
        "a*",
        "*b",
        "A*",
        "?*",
        "aab",
        "a%b",
        "[a]",
        "[*",
    ]
)
WILDCARDS: Sequence[tuple[str, Sequence[str], Sequence[str]]] = [
    ("y*", ["y", "yes", "y\nes"], ["Y", "ay", ""]),
    ("*y", ["y", "hey", "yy"], ["yo", "heY", ""]),
    ("?", ["a", "*", "ä", "\U0001f600", "\n"], ["", "ab"]),
    ("a?c*", ["abc", "a?c*", "abcd"], ["ac", "abbc", "Abc"]),
    ("**", ["", "a"], []),
    (".*", [".", ".a"], ["a", ""]),
    ("[a]*", ["[a]", "[a]b"], ["a", "a]"]),
    ("[^a]?", ["[^a]b"], ["bb"]),
    ("%_*", ["%_", "%_a"], ["ab"]),
    ("!%?", ["!%a"], ["%a", "!!a"]),
    ("\\*", ["\\", "\\a"], ["*", "a"]),
    ("ä*", ["äb"], ["Äb", "ab"]),
    ("a", ["a"], ["A", "ab", "ba"]),
]
"""Texts that are sought, values that are found by them, and values that are not."""

DATES = (
    "2009", "2010", "2010-01", "2010-02", "2009-12-31", "2010-01-01", "2010-05-23T14", "2010-05-23T14:25",
    "2010-05-23T14:25:10", "2010-05-23T14:25:10.5", "2010-05-23T14:25:10.123", "2010-05-23T14:25:10.123456",
    "2010-01-01T00:30+01:00", "2009-12-31-05:00", "0001", "9999", "1969-12-31T23:59:59.999",
)  # fmt: skip
INTERVALS = st.sampled_from([interval(text) for text in DATES])
MOMENTS = st.sampled_from(
    [
        end + timedelta(microseconds=step)
        for one in map(interval, DATES)
        for end in (one.first, one.last)
        for step in (-1, 0, 1)
        if datetime(1, 1, 1, tzinfo=UTC) < end < datetime(9999, 12, 31, tzinfo=UTC)
    ]
)
DECIMALS = st.sampled_from(
    [Decimal(text) for text in ("0", "-0", "1.5", "1.50", "-1.5", "-1.51", "9", "10", "-9", "-10", "0.1", "0.099")]
    + [Decimal("0.30000000000000000000000000000000000001"), Decimal("0.3"), Decimal(10**37), Decimal(-(10**37) - 1)]
)
LONGS = st.sampled_from([-(2**63), -3, -1, 0, 1, 2, 10, 2**53, 2**53 + 1, 2**63 - 1])
VALUES: Mapping[Kind, st.SearchStrategy[Any]] = {
    Kind.TEXT: TEXTS,
    Kind.LONG: LONGS,
    Kind.DECIMAL: DECIMALS,
    Kind.MOMENT: MOMENTS,
    Kind.STATE: st.sampled_from(State),
    Kind.DISTRIBUTION: st.sampled_from(Distribution),
    Kind.BOOLEAN: st.booleans(),
}
# A few of each kind are asked for often, and all of them now and then.
OFTEN = ("priority", "name", "endDate", "attribute1", "attribute5", "attribute6", "attribute8", "state", "visible",
         "distributionStrategy", "description")  # fmt: skip
_COLUMN = st.sampled_from([COLUMNS[name] for name in OFTEN]) | st.sampled_from(list(COLUMNS.values()))
_SORTABLE = [column for column in COLUMNS.values() if column.is_sortable]


_LACKED = {column.name: None if column.may_be_absent else "" for column in COLUMNS.values()}
_HAD = {
    name: VALUES[COLUMNS[name].kind] | st.none() if COLUMNS[name].may_be_absent else VALUES[COLUMNS[name].kind]
    for name in (*OFTEN, "startDate", "attribute40")
} | {"priority": st.sampled_from([1, 2, 3])}  # so that items stand level


def items() -> st.SearchStrategy[dict[str, Any]]:
    """The values of an item, by column, without its id: absent ones are None."""
    return st.fixed_dictionaries(_HAD).map(lambda had: _LACKED | had | {"visible": had["state"] not in INVISIBLE})


def _terms(column: Column) -> st.SearchStrategy[Condition]:
    equality = column.kind in {Kind.BOOLEAN, Kind.STATE, Kind.DISTRIBUTION}
    operators = st.sampled_from([one for one in Operator if not equality or one in EQUALITY])
    operand = INTERVALS if column.kind is Kind.MOMENT else VALUES[column.kind]
    terms: st.SearchStrategy[Condition] = st.builds(Comparison, st.just(column.name), operators, operand)
    terms |= st.builds(IsNull, st.just(column.name), st.booleans())
    return terms | st.builds(Range, st.just(column.name), INTERVALS, INTERVALS) if column.kind is Kind.MOMENT else terms


def _joined(inner: st.SearchStrategy[Condition]) -> st.SearchStrategy[Condition]:
    several = st.lists(inner, min_size=2, max_size=4).map(tuple)
    return st.builds(And, several) | st.builds(Or, several)


CONDITIONS: st.SearchStrategy[Condition] = st.recursive(_COLUMN.flatmap(_terms), _joined, max_leaves=8)
ORDERS: st.SearchStrategy[Order] = st.lists(
    st.builds(
        OrderTerm,
        st.sampled_from([column.name for column in _SORTABLE if column.name in OFTEN])
        | st.sampled_from([column.name for column in _SORTABLE]),
        st.booleans(),
    ),
    min_size=1,
    max_size=4,
    unique_by=lambda term: term.field,
).map(tuple)


def written(condition: Condition) -> str:
    """A condition as a client writes it; what stands in brackets there does so here."""
    match condition:
        case And(conditions) | Or(conditions):
            word = " AND " if isinstance(condition, And) else " OR "
            return word.join(f"({written(one)})" if isinstance(one, And | Or) else written(one) for one in conditions)
        case IsNull(field, negated):
            return f"{field} {'!=' if negated else '='} NULL"
        case Range(field, start, end):
            return f"{field}=[{_written_value(start)}, {_written_value(end)}]"
        case Comparison(field, operator, value):
            return f"{field} {operator} {_written_value(value)}"


def written_order(order: Order) -> str:
    return ", ".join(f"{term.field} {'DESC' if term.descending else 'ASC'}" for term in order)


def _written_value(value: Any) -> str:
    match value:
        case bool():
            return str(value).upper()
        case State() | Distribution():
            return value.value
        case str():
            return "'" + value.replace("'", "''") + "'"
        case Interval():
            return next(text for text in _dates(value.first) if interval(text) == value)
        case Decimal():
            return format(value, "f")
        case _:
            return str(value)


def _dates(first: datetime) -> Iterator[str]:
    """All texts of dates that begin with a moment, in the zones of DATES."""
    for hours in (0, 1, -5):
        with suppress(OverflowError):
            local = first.astimezone(timezone(timedelta(hours=hours)))
            whole = local.replace(tzinfo=None).isoformat(timespec="microseconds")
            for length in (4, 7, 10, 13, 16, 19, 21, 22, 23, 24, 25, 26):
                yield f"{whole[:length]}{hours:+03}:00"


# As much as is allowed


def _nested(depth: int, wrap: str) -> str:
    """A condition that item 1 meets, with AND and OR in turn at each depth."""
    text = "id = 1"
    for level in range(depth):
        term = "priority = 2 OR" if level % 2 else "priority = 1 AND"
        text = wrap.format(term=term, reverse=" ".join(reversed(term.rsplit(" ", 1))), inner=f"({text})")
    return text


def _halved(terms: int, level: int = 0) -> str:
    if terms == 1:
        return "id = 1"
    half = _halved(terms // 2, level + 1)
    return f"({half}) {'OR' if level % 2 else 'AND'} ({half})"


LONGEST_FILTERS: Mapping[str, str] = {
    "to the left": _nested(50, "{inner} {reverse}"),
    "to the right": _nested(50, "{term} {inner}"),
    "on both sides": _nested(43, "{term} {inner}").replace("id = 1", _halved(128)),
    "brackets alone": "(" * 50 + "name = 'x'" + ")" * 50,
    "wide": " OR ".join(["name = '?*x*'"] * 199 + ["name = 'x'"]),
    "a pattern of brackets": f"name = '{'[' * 254}?' OR id = 1",
    "a pattern of wildcards": f"name = '{'*' * 255}'",
    "a long text": f"description = '{'[' * 4096}' OR id = 1",
}
"""The longest and deepest filters of each make that can be read; an item of id 1, priority 1 and name x meets them."""
