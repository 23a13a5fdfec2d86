"""The page of work lists says of the language what the code knows: every example is read, every column is there."""

import pytest

from soapsvc import list_language
from soapsvc.domain.attributes import LONGEST_TEXT
from soapsvc.domain.errors import InvalidFilter, InvalidOrder
from soapsvc.domain.values import parse_moment
from soapsvc.domain.work_item import DESCRIPTION_MAX_LENGTH
from soapsvc.domain.work_list import COLUMNS, DEFAULT_ORDER, Capability, Column, ColumnType, Interval
from soapsvc.list_language import Limits, interval, parse_filter, parse_order
from tests.architecture import pages

PAGE = pages.page("docs/work-lists.md")


def _table(heading: str) -> list[list[str]]:
    return [[cell.strip("`") for cell in row] for row in pages.rows(pages.section(PAGE, heading).partition("\n###")[0])]


@pytest.mark.parametrize("text", [row[0] for row in _table("## Filters")])
def test_every_documented_filter_is_read(text: str) -> None:
    assert parse_filter(text) is not None


@pytest.mark.parametrize("text", [row[0] for row in _table("## Orders")])
def test_every_documented_order_is_read(text: str) -> None:
    assert parse_order(text)


def test_the_documented_order_of_lists_that_name_none_is_the_one_that_they_have() -> None:
    (default,) = (row[0] for row in _table("## Orders") if "names none" in row[1])
    assert parse_order(default) == DEFAULT_ORDER == parse_order("")


def test_the_documented_columns_are_those_that_there_are() -> None:
    table = [row for row in _table("### Columns") if len(row) == 6]
    expected = [column for name, column in COLUMNS.items() if not name.startswith("attribute")]
    assert table == [
        [
            str(column.id),
            column.name,
            str(column.type),
            "filters, orders" if column.capability is Capability.BOTH else "filters",
            "yes" if column.may_be_absent else "no",
            column.description,
        ]
        for column in expected
    ]


def _numbers(text: str) -> set[int]:
    found: set[int] = set()
    for part in text.split(", "):
        first, _, last = part.partition(" to ")
        found |= set(range(int(first), int(last or first) + 1))
    return found


def test_the_documented_attributes_are_those_that_there_are() -> None:
    documented = {
        number: (type_, values)
        for numbers, type_, values in (row for row in _table("### Columns") if len(row) == 3)
        for number in _numbers(numbers)
    }
    attributes = [COLUMNS[f"attribute{number}"] for number in range(1, 41)]
    assert documented == {number: (str(one.type), _values(one)) for number, one in enumerate(attributes, start=1)}
    assert [one.id for one in attributes] == list(range(13, 53))
    assert all(one.may_be_absent and one.capability is Capability.BOTH for one in attributes)


def _values(column: Column) -> str:
    if column.type is ColumnType.STRING:
        return f"texts of at most {LONGEST_TEXT[column.name]} characters"
    return {"LONG": "whole numbers of 64 bits", "DECIMAL": "decimal numbers of at most 38 digits", "MOMENT": "dates"}[
        column.kind.name
    ]


@pytest.mark.parametrize(("text", "named"), _table("### Dates"))
def test_every_documented_date_names_the_time_that_the_page_says(text: str, named: str) -> None:
    first, _, last = named.partition(" to ")
    assert interval(text) == Interval(parse_moment(first), parse_moment(last))


@pytest.mark.parametrize(("text", "position", "found", "expected"), _table("## Errors"))
def test_every_documented_error_is_the_one_that_is_told(text: str, position: str, found: str, expected: str) -> None:
    with pytest.raises(InvalidFilter) as refused:
        parse_filter(text)
    assert refused.value.parameters == (position, found, expected)


def test_the_documented_order_that_is_refused_is() -> None:
    assert "`priority, name`" in pages.section(PAGE, "## Errors")
    with pytest.raises(InvalidOrder):
        parse_order("priority, name")


def test_the_documented_limits_are_those_that_hold() -> None:
    limits = Limits()
    expected = [limits.length, limits.depth, limits.terms, DESCRIPTION_MAX_LENGTH, list_language.LONGEST_PATTERN]
    assert [int(most) for _, most in _table("## Limits")] == expected
