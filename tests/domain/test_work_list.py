"""What conditions and orders of work lists mean: of values that are there, that are not, and of dates by precision."""

from dataclasses import fields
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from soapsvc.domain.schedule import Schedule
from soapsvc.domain.states import State
from soapsvc.domain.work_item import Distribution, ItemContext, WorkItem
from soapsvc.domain.work_list import (
    COLUMNS,
    DEFAULT_ORDER,
    And,
    Capability,
    ColumnType,
    Comparison,
    Interval,
    IsNull,
    Operator,
    Or,
    OrderTerm,
    Range,
    completed,
    matches,
    sort_key,
    values_of_item,
)
from tests.support import work_lists
from tests.support.work_lists import ORDERS, WILDCARDS, patiently

EQUAL, UNEQUAL, LESS, GREATER, AT_MOST, AT_LEAST = Operator
FIXED = [
    "id", "name", "description", "priority", "startDate", "endDate", "distributionStrategy", "visible", "state",
    "appInstance", "appName", "appInstanceDescription",
]  # fmt: skip
SORTABLE = {"id", "priority", "startDate", "endDate", "distributionStrategy", "appInstance"}
ATTRIBUTES = [f"attribute{number}" for number in range(1, 41)]


# The columns


def test_the_columns_are_those_of_the_contract_numbered_from_one() -> None:
    assert list(COLUMNS) == FIXED + ATTRIBUTES
    assert [column.id for column in COLUMNS.values()] == list(range(1, 53))
    assert all(column.name == name and column.description for name, column in COLUMNS.items())


def test_every_column_filters_and_those_of_the_contract_order() -> None:
    for name, column in COLUMNS.items():
        sorts = name in SORTABLE or name in ATTRIBUTES
        assert column.capability is (Capability.BOTH if sorts else Capability.FILTER)


@pytest.mark.parametrize(
    ("type_", "names"),
    [
        (ColumnType.NUMERIC, ["id", "priority", *(f"attribute{n}" for n in (1, 5, 15, 16, 17, 18))]),
        (ColumnType.DATETIME, ["startDate", "endDate", *(f"attribute{n}" for n in (6, 7, 19, 20))]),
        (ColumnType.BOOLEAN, ["visible"]),
        (ColumnType.STATE, ["state"]),
        (ColumnType.DISTRIBUTION, ["distributionStrategy"]),
    ],
)
def test_a_column_has_the_type_of_the_contract(type_: ColumnType, names: list[str]) -> None:
    assert [name for name, column in COLUMNS.items() if column.type is type_] == names


def test_all_other_columns_are_texts() -> None:
    texts = [name for name, column in COLUMNS.items() if column.type is ColumnType.STRING]
    numbers = [*range(2, 5), *range(8, 15), *range(21, 41)]
    assert texts == [
        "name", "description", "appInstance", "appName", "appInstanceDescription", *(f"attribute{n}" for n in numbers)
    ]  # fmt: skip


def test_an_item_has_a_value_for_each_column_but_those_that_it_may_lack() -> None:
    moment = datetime(2026, 11, 21, tzinfo=UTC)
    item = WorkItem(
        **dict.fromkeys(field.name for field in fields(WorkItem))
        | {
            "id": 7,
            "state": State.PENDHIDDEN,
            "name": "Review",
            "description": "all of it",
            "priority": 9,
            "distribution": Distribution.ALLOCATE,
            "attributes": {"attribute5": Decimal("1.5")},
            "context": ItemContext(app_instance="i", app_name="n", app_instance_description="d"),
            "schedule": Schedule(start=moment, end=moment + timedelta(days=1)),
        }
    )
    assert values_of_item(item) == {
        "id": 7,
        "name": "Review",
        "description": "all of it",
        "priority": 9,
        "startDate": moment,
        "endDate": moment + timedelta(days=1),
        "distributionStrategy": Distribution.ALLOCATE,
        "visible": False,
        "state": State.PENDHIDDEN,
        "appInstance": "i",
        "appName": "n",
        "appInstanceDescription": "d",
        "attribute5": Decimal("1.5"),
    }
    assert {name for name in FIXED if not COLUMNS[name].may_be_absent} <= set(values_of_item(item))


# Conditions


def holds(value: object, operator: Operator, operand: object) -> bool:
    return matches({"name": value}, Comparison("name", operator, operand))  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("value", "operand", "meets"),
    [
        (4, 5, {UNEQUAL, LESS, AT_MOST}),
        (5, 5, {EQUAL, AT_MOST, AT_LEAST}),
        (6, 5, {UNEQUAL, GREATER, AT_LEAST}),
        (Decimal("1.50"), Decimal("1.5"), {EQUAL, AT_MOST, AT_LEAST}),
        ("a", "b", {UNEQUAL, LESS, AT_MOST}),
        ("B", "a", {UNEQUAL, LESS, AT_MOST}),  # by code points, capitals first
        ("z", "ä", {UNEQUAL, LESS, AT_MOST}),
        ("\uffee", "\U0001f600", {UNEQUAL, LESS, AT_MOST}),  # not as UTF-16 would have it
        ("", "", {EQUAL, AT_MOST, AT_LEAST}),
        (None, 5, set()),
        (None, "", set()),
        (None, "*", set()),
    ],
)
def test_a_value_meets_the_comparisons_that_it_should_and_one_that_is_absent_none(value, operand, meets) -> None:
    assert {operator for operator in Operator if holds(value, operator, operand)} == meets


@pytest.mark.parametrize(("text", "meets", "fails"), WILDCARDS)
def test_in_a_text_that_is_sought_question_marks_and_stars_are_wild(text: str, meets, fails) -> None:
    for value in meets:
        assert (holds(value, EQUAL, text), holds(value, UNEQUAL, text)) == (True, False)
    for value in fails:
        assert (holds(value, EQUAL, text), holds(value, UNEQUAL, text)) == (False, True)


def test_in_a_text_that_ranks_they_stand_for_themselves() -> None:
    assert holds("a+", GREATER, "a*")
    assert not holds("a)", GREATER, "a*")


DAY = Interval(datetime(2010, 5, 23, tzinfo=UTC), datetime(2010, 5, 23, 23, 59, 59, 999999, tzinfo=UTC))
TICK = timedelta(microseconds=1)


@pytest.mark.parametrize(
    ("value", "meets"),
    [
        (DAY.first - TICK, {UNEQUAL, LESS, AT_MOST}),
        (DAY.first, {EQUAL, AT_MOST, AT_LEAST}),
        (DAY.first + timedelta(hours=9), {EQUAL, AT_MOST, AT_LEAST}),
        (DAY.last, {EQUAL, AT_MOST, AT_LEAST}),
        (DAY.last + TICK, {UNEQUAL, GREATER, AT_LEAST}),
        (None, set()),
    ],
)
def test_a_date_is_compared_with_all_the_time_that_it_names(value, meets) -> None:
    assert {operator for operator in Operator if holds(value, operator, DAY)} == meets


def test_a_range_holds_both_of_its_dates_to_their_ends() -> None:
    later = Interval(DAY.first + timedelta(days=2), DAY.last + timedelta(days=2))
    term = Range("endDate", DAY, later)
    for value in (DAY.first, DAY.last, DAY.last + TICK, later.first, later.last):
        assert matches({"endDate": value}, term)
    for value in (DAY.first - TICK, later.last + TICK, None):
        assert not matches({"endDate": value}, term)
    assert not matches({"endDate": DAY.first}, Range("endDate", later, DAY))


def test_null_is_what_is_not_there_and_an_empty_text_is() -> None:
    for values in ({}, {"name": None}):
        assert matches(values, IsNull("name"))
        assert not matches(values, IsNull("name", negated=True))
    assert not matches({"name": ""}, IsNull("name"))
    assert matches({"name": ""}, IsNull("name", negated=True))


@pytest.mark.parametrize("first", [True, False])
@pytest.mark.parametrize("second", [True, False])
def test_all_must_hold_of_an_and_and_one_of_an_or(first: bool, second: bool) -> None:
    both = (IsNull("name", negated=not first), IsNull("state", negated=not second))
    assert matches({}, And(both)) is (first and second)
    assert matches({}, Or(both)) is (first or second)


def test_visible_state_and_strategy_are_compared_as_what_they_are() -> None:
    values = {"visible": False, "state": State.OPENED, "distributionStrategy": Distribution.OFFER}
    assert matches(values, Comparison("visible", EQUAL, False))
    assert matches(values, Comparison("state", EQUAL, State.OPENED))
    assert matches(values, Comparison("distributionStrategy", UNEQUAL, Distribution.ALLOCATE))


# Orders


def test_the_default_order_is_by_end_date_and_then_by_priority() -> None:
    assert list(DEFAULT_ORDER) == [OrderTerm("endDate"), OrderTerm("priority"), OrderTerm("id")]


@pytest.mark.parametrize(
    ("order", "whole"),
    [
        (("priority",), ("priority", "id")),
        (("priority", "id"), ("priority", "id")),
        (("id", "priority"), ("id",)),
        ((), ("id",)),
    ],
)
def test_every_order_ends_with_the_id(order, whole) -> None:
    assert completed(tuple(map(OrderTerm, order))) == tuple(map(OrderTerm, whole))


def test_an_id_that_descends_does_so_in_a_completed_order() -> None:
    assert completed((OrderTerm("id", descending=True),)) == (OrderTerm("id", descending=True),)


def ordered(*terms: OrderTerm) -> list[int]:
    items = [
        {"id": 1, "priority": 2, "endDate": None},
        {"id": 2, "priority": 2, "endDate": DAY.last},
        {"id": 3, "priority": 1, "endDate": DAY.last},
        {"id": 4, "priority": 1},
        {"id": 5, "priority": 9, "endDate": DAY.first},
    ]
    return [item["id"] for item in sorted(items, key=sort_key(terms))]  # type: ignore[misc]


@pytest.mark.parametrize(
    ("terms", "ids"),
    [
        (DEFAULT_ORDER, [5, 3, 2, 4, 1]),
        ((OrderTerm("endDate", descending=True), OrderTerm("priority")), [3, 2, 5, 4, 1]),
        ((OrderTerm("endDate"),), [5, 2, 3, 1, 4]),
        ((OrderTerm("priority", descending=True),), [5, 1, 2, 3, 4]),
        ((OrderTerm("id", descending=True),), [5, 4, 3, 2, 1]),
    ],
)
def test_who_has_no_value_stands_last_in_both_directions(terms, ids) -> None:
    assert ordered(*terms) == ids


@patiently
@given(items=st.lists(work_lists.items(), min_size=2, max_size=4), order=ORDERS)
def test_no_order_leaves_two_items_level(items, order) -> None:
    keys = [sort_key(order)(item | {"id": number}) for number, item in enumerate(items)]
    in_order = sorted(keys)
    assert all(one < other for one, other in pairwise(in_order))
