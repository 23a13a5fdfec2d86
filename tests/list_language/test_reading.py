"""Filters and orders are read as the contract says, and what is wrong with one is told with its place."""

from datetime import UTC, datetime
from decimal import Decimal

import pytest
from hypothesis import given

from soapsvc.domain.errors import InvalidFilter, InvalidOrder
from soapsvc.domain.states import State
from soapsvc.domain.work_item import Distribution
from soapsvc.domain.work_list import (
    COLUMNS,
    DEFAULT_ORDER,
    And,
    Comparison,
    Interval,
    IsNull,
    Operator,
    Or,
    OrderTerm,
    Range,
)
from soapsvc.list_language import parse_filter, parse_order
from tests.support.work_lists import CONDITIONS, ORDERS, patiently, written, written_order

EQUAL, UNEQUAL, LESS, GREATER, AT_MOST, AT_LEAST = Operator


def at(*parts: int) -> datetime:
    return datetime(*parts, tzinfo=UTC)  # type: ignore[misc, arg-type]


SECOND = Interval(at(2010, 5, 23, 14, 25, 10), at(2010, 5, 23, 14, 25, 10, 999999))
YEAR = Interval(at(2010, 1, 1), at(2010, 12, 31, 23, 59, 59, 999999))


# Filters


@pytest.mark.parametrize(
    ("text", "condition"),
    [
        # The published examples.
        (
            "(priority = 1) OR ((priority < 12) AND (priority > 4)) OR (description='fred')",
            Or(
                (
                    Comparison("priority", EQUAL, 1),
                    And((Comparison("priority", LESS, 12), Comparison("priority", GREATER, 4))),
                    Comparison("description", EQUAL, "fred"),
                )
            ),
        ),
        (
            "visible=TRUE OR ((startDate>2010-05-23T14:25:10) AND (distributionStrategy=OFFERED))",
            Or(
                (
                    Comparison("visible", EQUAL, True),
                    And(
                        (
                            Comparison("startDate", GREATER, SECOND),
                            Comparison("distributionStrategy", EQUAL, Distribution.OFFER),
                        )
                    ),
                )
            ),
        ),
        ("state=OFFERED", Comparison("state", EQUAL, State.OFFERED)),
        (
            "attribute14='x' AND name='y*'",
            And((Comparison("attribute14", EQUAL, "x"), Comparison("name", EQUAL, "y*"))),
        ),
        # Operators.
        ("id = 1", Comparison("id", EQUAL, 1)),
        ("id <> 1", Comparison("id", UNEQUAL, 1)),
        ("id != 1", Comparison("id", UNEQUAL, 1)),
        ("id < 1", Comparison("id", LESS, 1)),
        ("id > 1", Comparison("id", GREATER, 1)),
        ("id <= 1", Comparison("id", AT_MOST, 1)),
        ("id >= 1", Comparison("id", AT_LEAST, 1)),
        # AND binds tighter than OR.
        (
            "id=1 OR id=2 AND id=3",
            Or((Comparison("id", EQUAL, 1), And((Comparison("id", EQUAL, 2), Comparison("id", EQUAL, 3))))),
        ),
        (
            "(id=1 OR id=2) AND id=3",
            And((Or((Comparison("id", EQUAL, 1), Comparison("id", EQUAL, 2))), Comparison("id", EQUAL, 3))),
        ),
        ("((id=1))", Comparison("id", EQUAL, 1)),
        # Neither keywords nor names of columns have a case; blanks are free.
        ("PRIORITY=1", Comparison("priority", EQUAL, 1)),
        ("id=1 aNd id=2", And((Comparison("id", EQUAL, 1), Comparison("id", EQUAL, 2)))),
        ("id=1 or id=2", Or((Comparison("id", EQUAL, 1), Comparison("id", EQUAL, 2)))),
        ("id=1 AND(id=2)", And((Comparison("id", EQUAL, 1), Comparison("id", EQUAL, 2)))),
        ("\n id\t=\r 1 ", Comparison("id", EQUAL, 1)),
        ("state=offered", Comparison("state", EQUAL, State.OFFERED)),
        ("visible=false", Comparison("visible", EQUAL, False)),
        # Texts.
        ("name=''", Comparison("name", EQUAL, "")),
        ("name=''''", Comparison("name", EQUAL, "'")),
        ("name='it''s'", Comparison("name", EQUAL, "it's")),
        ("name='NULL'", Comparison("name", EQUAL, "NULL")),
        ("name=') OR id=1'", Comparison("name", EQUAL, ") OR id=1")),
        ("name='\u00e4\U0001f600'", Comparison("name", EQUAL, "\u00e4\U0001f600")),
        ("name < 'a*'", Comparison("name", LESS, "a*")),
        # What is not there, or has no characters.
        ("name = NULL", IsNull("name")),
        ("endDate != null", IsNull("endDate", negated=True)),
        ("endDate <> null", IsNull("endDate", negated=True)),
        ("priority = Null", IsNull("priority")),
        ("name = Empty", Comparison("name", EQUAL, "")),
        ("name != EMPTY", Comparison("name", UNEQUAL, "")),
        # Numbers.
        ("attribute1 = -5", Comparison("attribute1", EQUAL, -5)),
        ("attribute1 = +5", Comparison("attribute1", EQUAL, 5)),
        ("attribute15 = 9223372036854775807", Comparison("attribute15", EQUAL, 2**63 - 1)),
        ("attribute5 = 1.50", Comparison("attribute5", EQUAL, Decimal("1.50"))),
        ("attribute16 = -.5", Comparison("attribute16", EQUAL, Decimal("-0.5"))),
        ("attribute18 = 3", Comparison("attribute18", EQUAL, Decimal(3))),
        # Strategies: as published, and as items show them.
        ("distributionStrategy=OFFER", Comparison("distributionStrategy", EQUAL, Distribution.OFFER)),
        ("distributionStrategy=ALLOCATED", Comparison("distributionStrategy", EQUAL, Distribution.ALLOCATE)),
        ("distributionStrategy=ALLOCATE", Comparison("distributionStrategy", EQUAL, Distribution.ALLOCATE)),
        # Dates.
        ("endDate=2010", Comparison("endDate", EQUAL, YEAR)),
        ("attribute6>=2010", Comparison("attribute6", AT_LEAST, YEAR)),
        ("endDate=[2010,2010-05-23T14:25:10]", Range("endDate", YEAR, SECOND)),
        ("endDate = [ 2010 , 2010 ]", Range("endDate", YEAR, YEAR)),
        # None at all.
        ("", None),
        (" \n", None),
    ],
)
def test_a_filter_is_read_as_what_it_says(text: str, condition) -> None:
    assert parse_filter(text) == condition


@patiently
@given(condition=CONDITIONS)
def test_every_condition_that_is_written_is_read_as_it_was(condition) -> None:
    assert parse_filter(written(condition)) == condition


VALUE = "a value or ["
CONDITION = "the name of a column or ("
DATE = "a date without quotes, from 2026 to 2026-11-21T14:30:00.000Z"
STATES = "CREATED, OFFERED, ALLOCATED, OPENED, PENDED, PENDHIDDEN, SUSPENDED, COMPLETED or CANCELLED"


@pytest.mark.parametrize(
    ("text", "position", "found", "expected"),
    [
        ("priority", 9, "the end", "an operator"),
        ("priority =", 11, "the end", VALUE),
        ("priority = 1 AND", 17, "the end", CONDITION),
        ("(priority = 1", 14, "the end", "), AND or OR"),
        ("endDate=[2010,", 15, "the end", "a date"),
        ("endDate=[2010", 14, "the end", "a comma"),
        ("endDate=[2010,2011", 19, "the end", "]"),
        ("priority 1", 10, "'1'", "an operator"),
        ("= 1", 1, "'='", CONDITION),
        ("()", 2, "')'", CONDITION),
        (")", 1, "')'", CONDITION),
        ("id = 1)", 7, "')'", "AND, OR or the end"),
        ("(id = 1))", 9, "')'", "AND, OR or the end"),
        ("id = 1 2", 8, "'2'", "AND, OR or the end"),
        ("(id = 1 id = 2)", 9, "'id'", "), AND or OR"),
        ("id = 1 ANDid = 2", 8, "'ANDid'", "AND, OR or the end"),
        ("id = 1 AND AND id = 2", 12, "'AND'", CONDITION),
        ("AND id = 1", 1, "'AND'", CONDITION),
        ("id == 1", 5, "'='", VALUE),
        ("NOT id = 1", 5, "'id'", "an operator"),
        ("id # 1", 4, "'#'", "an operator"),
        ("id = #", 6, "'#'", VALUE),
        ("id = \U0001f600", 6, "'\U0001f600'", VALUE),
        ("name='\U0001f600' #", 10, "'#'", "AND, OR or the end"),  # characters are counted, not bytes
        ('name="x"', 6, "'\"'", VALUE),
        ("name='abc", 6, "a text without its closing quote", VALUE),
        ("name='it's'", 10, "'s'", "AND, OR or the end"),
        ("name='''", 6, "a text without its closing quote", VALUE),
        # Columns.
        ("nam = 'x'", 1, "'nam'", "the name of a column"),
        ("id = 1 AND attribute41 = 1", 12, "'attribute41'", "the name of a column"),
        # Values of another type than the column.
        ("priority = 'x'", 12, "'x'", "a whole number of 64 bits"),
        ("priority = x", 12, "'x'", "a whole number of 64 bits"),
        ("priority = 1.5", 12, "'1.5'", "a whole number of 64 bits"),
        ("priority = 2010-05", 12, "'2010-05'", "a whole number of 64 bits"),
        ("id = 9223372036854775808", 6, "'9223372036854775808'", "a whole number of 64 bits"),
        ("attribute5 = 1e5", 14, "'1e5'", "a number of at most 38 digits"),
        (f"attribute5 = {'1' * 39}", 14, f"'{'1' * 39}'", "a number of at most 38 digits"),
        ("name = fred", 8, "'fred'", "a text in single quotes, NULL or Empty"),
        ("name = 5", 8, "'5'", "a text in single quotes, NULL or Empty"),
        ("startDate = '2010'", 13, "'2010'", DATE),
        ("startDate = 5", 13, "'5'", DATE),
        ("startDate = now", 13, "'now'", DATE),
        ("startDate = 2010-13", 13, "'2010-13'", DATE),
        ("startDate = 2010-02-30", 13, "'2010-02-30'", DATE),
        ("startDate = Empty", 13, "'Empty'", DATE),
        ("endDate=[2010,2011-00]", 15, "'2011-00'", DATE),
        ("state = OPEN", 9, "'OPEN'", STATES),
        ("state = 'OPENED'", 9, "'OPENED'", STATES),
        ("visible = 1", 11, "'1'", "TRUE or FALSE"),
        ("distributionStrategy = X", 24, "'X'", "OFFERED, ALLOCATED, OFFER or ALLOCATE"),
        # Operators that the column or the value has no use for.
        ("state < OFFERED", 7, "'<'", "= or !="),
        ("visible >= TRUE", 9, "'>='", "= or !="),
        ("distributionStrategy > OFFER", 22, "'>'", "= or !="),
        ("priority < NULL", 10, "'<'", "= or !="),
        ("endDate <= NULL", 9, "'<='", "= or !="),
        ("endDate != [2010,2011]", 9, "'!='", "="),
        ("priority = [1,2]", 1, "'priority'", "a column of dates: only they have ranges"),
        # Characters that no message holds.
        ("name='\x00'", 7, "the character U+0000", "a character that XML can hold"),
        ("name='\ud800'", 7, "the character U+D800", "a character that XML can hold"),
        # Long things are shown in part.
        ("x" * 50, 51, "the end", "an operator"),
        (f"id = {'1' * 50}", 6, f"'{'1' * 40}…'", "a whole number of 64 bits"),
    ],
)
def test_what_is_wrong_with_a_filter_is_told_with_its_place(text, position, found, expected) -> None:
    with pytest.raises(InvalidFilter) as refused:
        parse_filter(text)
    assert refused.value.parameters == (str(position), found, expected)
    assert str(refused.value) == (
        f"The filter cannot be used: at position {position} stands {found}, expected is {expected}"
    )


# Orders


@pytest.mark.parametrize(
    ("text", "order"),
    [
        ("priority ASC, startDate DESC", (OrderTerm("priority"), OrderTerm("startDate", descending=True))),
        ("priority", (OrderTerm("priority"),)),
        ("PRIORITY desc", (OrderTerm("priority", descending=True),)),
        ("attribute5,id Desc", (OrderTerm("attribute5"), OrderTerm("id", descending=True))),
        ("", DEFAULT_ORDER),
        (" ", DEFAULT_ORDER),
    ],
)
def test_an_order_is_read_as_what_it_says(text: str, order) -> None:
    assert parse_order(text) == order


@patiently
@given(order=ORDERS)
def test_every_order_that_is_written_is_read_as_it_was(order) -> None:
    assert parse_order(written_order(order)) == order


def test_every_sortable_column_can_be_ordered_by_and_all_at_once() -> None:
    sortable = [name for name, column in COLUMNS.items() if column.is_sortable]
    assert parse_order(", ".join(sortable)) == tuple(map(OrderTerm, sortable))


@pytest.mark.parametrize(
    ("text", "position", "found", "expected"),
    [
        ("priority,", 10, "the end", "the name of a column"),
        (",", 1, "','", "the name of a column"),
        ("DESC", 1, "'DESC'", "the name of a column"),
        ("priority startDate", 10, "'startDate'", "a comma, ASC, DESC or the end"),
        ("priority ascending", 10, "'ascending'", "a comma, ASC, DESC or the end"),
        ("priority DESC ASC", 15, "'ASC'", "a comma or the end"),
        ("priority = 1", 10, "'='", "a comma, ASC, DESC or the end"),
        ("priority;", 9, "';'", "a comma, ASC, DESC or the end"),
        ("due", 1, "'due'", "the name of a column"),
        ("priority, name", 11, "'name'", "a column that lists can be ordered by"),
        ("state", 1, "'state'", "a column that lists can be ordered by"),
        ("id, priority, ID DESC", 15, "'ID'", "a column that was not named before"),
        ("priority\x0b", 9, "the character U+000B", "a character that XML can hold"),
    ],
)
def test_what_is_wrong_with_an_order_is_told_with_its_place(text, position, found, expected) -> None:
    with pytest.raises(InvalidOrder) as refused:
        parse_order(text)
    assert refused.value.parameters == (str(position), found, expected)
