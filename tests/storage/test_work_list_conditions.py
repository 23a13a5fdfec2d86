"""Conditions and orders in SQL choose and sort as plain Python does, for all values and on every database."""

from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from functools import cache
from itertools import pairwise
from typing import Any

import pytest
import sqlalchemy as sa
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy.dialects import postgresql, sqlite

from soapsvc.domain.states import INVISIBLE, State
from soapsvc.domain.work_list import (
    COLUMNS,
    EQUALITY,
    Comparison,
    Condition,
    Operator,
    Order,
    OrderTerm,
    Range,
    completed,
    matches,
    sort_key,
)
from soapsvc.list_language import interval, parse_filter
from soapsvc.storage import work_list_conditions
from soapsvc.storage.statements import Statement
from soapsvc.storage.tables import BigInteger, Moment
from soapsvc.storage.transaction import Transaction
from soapsvc.storage.work_list_conditions import ExactDecimal
from tests.support import work_lists
from tests.support.work_lists import CONDITIONS, DECIMALS, LONGEST_FILTERS, ORDERS, WILDCARDS, patiently

LISTED = sa.Table(
    "listed",
    sa.MetaData(),
    sa.Column("id", BigInteger, primary_key=True),
    sa.Column("name", sa.String(255)),
    sa.Column("description", sa.Text),
    sa.Column("priority", sa.Integer),
    sa.Column("start_at", Moment),
    sa.Column("end_at", Moment),
    sa.Column("distribution", sa.String(16)),
    sa.Column("state", sa.String(16)),
    sa.Column("app_instance", sa.Text),
    sa.Column("app_name", sa.Text),
    sa.Column("app_instance_description", sa.Text),
    *work_list_conditions.attribute_columns(),
)
COLUMNS_OF = work_list_conditions.columns_of(LISTED)
INSERT = Statement(sa.insert(LISTED).values({column.name: sa.bindparam(column.name) for column in LISTED.c}))
EMPTY = Statement(sa.delete(LISTED))

Item = dict[str, Any]
Ask = Callable[[Callable[[Transaction], Any]], Any]


@pytest.fixture
def ask(database, write) -> Ask:
    write(lambda tx: LISTED.create(tx.connection))
    return write


def put(tx: Transaction, items: Sequence[Item]) -> list[Item]:
    """Fill the table with these items alone; give them with their ids."""
    EMPTY.change(tx)
    numbered = [item | {"id": number} for number, item in enumerate(items, start=1)]
    for item in numbered:
        columns = {COLUMNS_OF[name].name: value for name, value in item.items() if name != "visible"}
        INSERT.change(tx, **columns)
    return numbered


@cache
def _chosen(shape: work_list_conditions.Shape) -> Statement:
    return Statement(sa.select(LISTED.c.id).where(work_list_conditions.clause(shape, COLUMNS_OF)))


def chosen(tx: Transaction, condition: Condition | None) -> set[int]:
    shape, values = work_list_conditions.lowered(condition)
    return {row.id for row in _chosen(shape).rows(tx, **values)}


def listed(tx: Transaction, order: Order, behind: Any = None) -> list[Any]:
    select = sa.select(LISTED.c.id, *work_list_conditions.key_columns(order, COLUMNS_OF))
    values = {}
    if behind is not None:
        key = [getattr(behind, f"key{number}") for number in range(len(completed(order)))]
        is_null = tuple(value is None for value in key)
        select = select.where(work_list_conditions.after(order, is_null, COLUMNS_OF))
        values = {f"after{number}": value for number, value in enumerate(key) if value is not None}
    return Statement(select.order_by(*work_list_conditions.order_by(order, COLUMNS_OF))).rows(tx, **values)


@patiently
@given(
    items=st.lists(work_lists.items(), min_size=1, max_size=5), conditions=st.lists(CONDITIONS, min_size=4, max_size=4)
)
def test_sql_chooses_the_items_that_a_condition_describes(ask: Ask, items, conditions) -> None:
    def compare(tx: Transaction) -> None:
        stored = put(tx, items)
        for condition in conditions:
            assert chosen(tx, condition) == {item["id"] for item in stored if matches(item, condition)}

    ask(compare)


@patiently
@given(items=st.lists(work_lists.items(), min_size=2, max_size=6), order=ORDERS)
def test_sql_sorts_items_as_an_order_says_and_finds_those_behind_each(ask: Ask, items, order) -> None:
    def compare(tx: Transaction) -> None:
        stored = put(tx, items)
        rows = listed(tx, order)
        assert [row.id for row in rows] == [item["id"] for item in sorted(stored, key=sort_key(order))]
        for place, row in enumerate(rows, start=1):
            assert listed(tx, order, behind=row) == rows[place:]

    ask(compare)


BLANK = dict.fromkeys(COLUMNS) | {"state": "OFFERED", "priority": 1}


@pytest.mark.parametrize(("text", "meets", "fails"), WILDCARDS)
def test_question_marks_and_stars_are_wild_and_nothing_else_is(ask: Ask, text: str, meets, fails) -> None:
    def compare(tx: Transaction) -> None:
        put(tx, [BLANK | {"name": name} for name in (*meets, *fails)])
        found = set(range(1, len(meets) + 1))
        assert chosen(tx, Comparison("name", Operator.EQUAL, text)) == found
        assert chosen(tx, Comparison("name", Operator.UNEQUAL, text)) == {*range(1, len(meets + fails) + 1)} - found

    ask(compare)


_DAY = interval("2010-05-23")
_TICK = timedelta(microseconds=1)
_ENDS = [_DAY.first - _TICK, _DAY.first, _DAY.first + _TICK, _DAY.last - _TICK, _DAY.last, _DAY.last + _TICK]


@pytest.mark.parametrize(
    ("column", "values", "operands"),
    [
        ("endDate", [*_ENDS, None], [_DAY]),
        ("name", ["", "a", "a)", "a*", "a+", "A", None], ["a*", "a", "", "?"]),
        (
            "attribute5",
            [Decimal(text) for text in ("-1.51", "-1.5", "0", "1.5", "10")] + [None],
            [Decimal("1.50"), Decimal(0)],
        ),
        ("priority", [1, 2, 3], [2, 2**63 - 1]),
        ("state", list(State), [State.OPENED]),
        ("visible", list(State), [True, False]),
    ],
)
def test_every_operator_chooses_what_it_should_at_the_edges(ask: Ask, column: str, values, operands) -> None:
    def compare(tx: Transaction) -> None:
        named = "state" if column == "visible" else column
        stored = put(tx, [BLANK | {named: value} for value in values])
        for item in stored:
            item["visible"] = item["state"] not in INVISIBLE
        for operator in EQUALITY if column in {"state", "visible"} else Operator:
            for operand in operands:
                term = Comparison(column, operator, operand)
                assert chosen(tx, term) == {item["id"] for item in stored if matches(item, term)}, term

    ask(compare)


def test_a_range_reaches_from_its_first_moment_to_its_last(ask: Ask) -> None:
    def compare(tx: Transaction) -> None:
        put(tx, [BLANK | {"endDate": value} for value in [*_ENDS, None]])
        assert chosen(tx, Range("endDate", _DAY, _DAY)) == {2, 3, 4, 5}

    ask(compare)


def test_who_has_no_value_stands_last_in_both_directions_and_behind_all_others(ask: Ask) -> None:
    def compare(tx: Transaction) -> None:
        put(tx, [BLANK | {"attribute8": text} for text in (None, "b", "a", None, "b")])
        for descending, expected in ((False, [3, 2, 5, 1, 4]), (True, [2, 5, 3, 1, 4])):
            order = (OrderTerm("attribute8", descending=descending),)
            rows = listed(tx, order)
            assert [row.id for row in rows] == expected
            for place, row in enumerate(rows, start=1):
                assert [one.id for one in listed(tx, order, behind=row)] == expected[place:]

    ask(compare)


def test_no_condition_is_met_by_every_item(ask: Ask) -> None:
    def compare(tx: Transaction) -> None:
        put(tx, [BLANK, BLANK])
        assert chosen(tx, None) == {1, 2}

    ask(compare)


def test_a_number_beyond_its_column_is_a_number_that_no_item_has(ask: Ask) -> None:
    def compare(tx: Transaction) -> None:
        put(tx, [BLANK])
        assert chosen(tx, parse_filter(f"priority < {2**63 - 1}")) == {1}
        assert chosen(tx, parse_filter(f"priority < {-(2**63)}")) == set()

    ask(compare)


@pytest.mark.parametrize("text", LONGEST_FILTERS.values(), ids=LONGEST_FILTERS)
def test_the_longest_filters_that_can_be_read_can_be_run(ask: Ask, text: str) -> None:
    def compare(tx: Transaction) -> None:
        put(tx, [BLANK | {"name": "x"}])
        assert chosen(tx, parse_filter(text)) == {1}

    ask(compare)


def test_an_order_by_every_column_can_be_run_and_followed(ask: Ask) -> None:
    order = tuple(OrderTerm(column.name) for column in COLUMNS.values() if column.is_sortable and column.name != "id")

    def compare(tx: Transaction) -> None:
        put(tx, [BLANK | {"attribute40": text} for text in "ba"])
        rows = listed(tx, order, behind=None)
        assert [row.id for row in rows] == [2, 1]

    ask(compare)


# Shapes


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("name = 'a'", "name = 'b'"),
        ("name = 'a*'", "name = '?b'"),
        ("endDate > 2010", "endDate > 2011-05-01T10:00"),
        ("endDate = 2010", "endDate = [2010, 2011]"),
        ("priority = 1 AND (id = 2 OR id = 3)", "priority = 4 AND (id = 5 OR id = 6)"),
        ("name = ''", "name = Empty"),
        ("visible = TRUE", "visible != FALSE"),
    ],
)
def test_conditions_that_differ_in_values_alone_have_one_shape_and_so_one_statement(one: str, other: str) -> None:
    shapes = [work_list_conditions.lowered(parse_filter(text))[0] for text in (one, other)]
    assert shapes[0] == shapes[1]
    assert hash(shapes[0]) == hash(shapes[1])


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("name = 'a'", "name = 'a*'"),
        ("name = 'a'", "name != 'a'"),
        ("name = 'a'", "name = NULL"),
        ("name < 'a'", "name > 'a'"),
        ("visible = TRUE", "visible = FALSE"),
        ("attribute2 = 'a'", "attribute3 = 'a'"),
        ("id = 1 AND id = 2", "id = 1 OR id = 2"),
        ("id = 1 AND (id = 2 OR id = 3)", "(id = 1 AND id = 2) OR id = 3"),
    ],
)
def test_conditions_of_different_sql_have_different_shapes(one: str, other: str) -> None:
    assert len({work_list_conditions.lowered(parse_filter(text))[0] for text in (one, other)}) == 2


@patiently
@given(condition=CONDITIONS)
def test_no_value_of_a_condition_stands_in_its_shape(condition: Condition) -> None:
    def words(shape: Any) -> set[str]:
        return {shape} if isinstance(shape, str) else {word for part in shape for word in words(part)}

    shape, _ = work_list_conditions.lowered(condition)
    kinds = {"and", "or", "null", "not null", "within", "outside", "true", "false", "like", "unlike"}
    assert words(shape) <= kinds | {"=", "!=", "<", ">", "<=", ">="} | set(COLUMNS)


# Decimals


@patiently
@given(one=DECIMALS, other=DECIMALS)
def test_decimals_are_written_as_texts_of_the_same_order_and_equal_if_they_are(one: Decimal, other: Decimal) -> None:
    first, second = (ExactDecimal().process_bind_param(value, None) for value in (one, other))
    assert (first < second, first == second) == (one < other, one == other)


@patiently
@given(
    value=st.decimals(allow_nan=False, allow_infinity=False).filter(lambda value: len(value.as_tuple().digits) <= 38)
)
def test_a_decimal_is_read_back_as_the_number_that_it_was(value: Decimal) -> None:
    text = ExactDecimal().process_bind_param(value, None)
    assert len(text) <= ExactDecimal().impl.length
    assert ExactDecimal().process_result_value(text, None) == value


def test_decimals_of_very_different_sizes_stand_in_order() -> None:
    values = [Decimal(text) for text in ("-1e60000", "-10", "-9", "-1.01", "-1", "-0.99", "-1e-60000")]
    values += [Decimal(0), *(-value for value in reversed(values))]
    texts = [ExactDecimal().process_bind_param(value, None) for value in values]
    assert all(one < other for one, other in pairwise(texts))


def test_no_decimal_is_none() -> None:
    assert ExactDecimal().process_bind_param(None, None) is None
    assert ExactDecimal().process_result_value(None, None) is None


def test_every_column_of_work_lists_has_one_in_the_table() -> None:
    assert set(COLUMNS_OF) == set(COLUMNS)
    moment = datetime(2010, 1, 1, tzinfo=UTC)
    assert Moment().process_bind_param(moment, None) == 1_262_304_000_000_000


# What each database is told


def _in_postgresql(select: sa.Select[Any]) -> str:
    return str(select.compile(dialect=postgresql.dialect()))


@pytest.mark.parametrize("text", ["name = 'a'", "name < 'a'", "name = 'a*'", "attribute5 < 1", "attribute40 >= 'a'"])
def test_postgresql_compares_texts_and_what_is_kept_as_one_by_code_points(text: str) -> None:
    condition = work_list_conditions.clause(work_list_conditions.lowered(parse_filter(text))[0], COLUMNS_OF)
    assert f'(listed.{text.split(maxsplit=1)[0]} COLLATE "C") ' in _in_postgresql(
        sa.select(LISTED.c.id).where(condition)
    )


def test_postgresql_sorts_and_continues_by_code_points() -> None:
    order = (OrderTerm("appInstance"), OrderTerm("attribute5", descending=True))
    behind = work_list_conditions.after(order, (False, False, False), COLUMNS_OF)
    sorted_ = sa.select(LISTED.c.id).where(behind).order_by(*work_list_conditions.order_by(order, COLUMNS_OF))
    sql = _in_postgresql(sorted_)
    assert 'ORDER BY (listed.app_instance COLLATE "C") ASC, (listed.attribute5 COLLATE "C") DESC NULLS LAST, ' in sql
    assert '(listed.app_instance COLLATE "C") > ' in sql
    assert '(listed.attribute5 COLLATE "C") < ' in sql


@pytest.mark.parametrize(
    ("text", "glob", "like"),
    [
        ("a?b*", "a?b*", "a_b%"),
        ("100%*", "100%*", "100!%%"),
        ("a_b?", "a_b?", "a!_b_"),
        ("!*", "!*", "!!%"),
        ("[a]*\\", "[[]a]*\\", "[a]%\\"),
    ],
)
def test_a_pattern_is_said_in_each_database_s_own_way(text: str, glob: str, like: str) -> None:
    condition = work_list_conditions.clause(("like", "name"), COLUMNS_OF)
    (parameter,) = [part for part in sa.sql.visitors.iterate(condition) if isinstance(part, sa.BindParameter)]
    for dialect, expected in ((sqlite.dialect(), glob), (postgresql.dialect(), like)):
        assert parameter.type.dialect_impl(dialect).bind_processor(dialect)(text) == expected
    assert "LIKE %(value0)s::VARCHAR ESCAPE '!'" in _in_postgresql(sa.select(LISTED.c.id).where(condition))
