"""Nothing that is sent to be read takes long or fails in a way of its own: it is read, or refused with its place."""

import time
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from soapsvc.domain.errors import InvalidFilter, InvalidOrder
from soapsvc.domain.work_list import matches
from soapsvc.list_language import Limits, parse_filter, parse_order
from tests.support.work_lists import LONGEST_FILTERS, patiently

CONDITION = "the name of a column or ("


@pytest.mark.parametrize("text", LONGEST_FILTERS.values(), ids=LONGEST_FILTERS)
def test_the_longest_filters_are_read(text: str) -> None:
    values = {"id": 1, "priority": 1, "name": "x", "description": None}
    assert matches(values, parse_filter(text))  # type: ignore[arg-type]


HOSTILE = [
    ("(" * 200 + "id = 1" + ")" * 200, 51, "'('", "no more than 50 brackets within each other"),
    ("(" * 16_384, 51, "'('", "no more than 50 brackets within each other"),
    ("(name='(((' AND " * 51, 801, "'('", "no more than 50 brackets within each other"),
    ("id=1 OR " * 200 + "id=1", 1603, "'='", "no more than 200 terms"),
    ("<" * 16_384, 1, "'<'", CONDITION),
    ("< " * 201, 401, "'<'", "no more than 200 terms"),
    ("x" * 1_000_000, 16_385, "more text", "the end: no expression has more than 16384 characters"),
    ("(" * 1_000_000, 16_385, "more text", "the end: no expression has more than 16384 characters"),
    ("'" * 16_383, 1, "a text without its closing quote", CONDITION),
    ("'" * 16_384, 1, "'" * 40 + "…", CONDITION),
    (")" * 16_384, 1, "')'", CONDITION),
    ("*" * 16_384, 1, "'*'", CONDITION),
    ("id" + " " * 16_382, 16_385, "the end", "an operator"),
    (f"name='{'*' * 256}'", 6, f"'{'*' * 39}…", "a text of at most 255 characters where it has wildcards"),
    (f"name='{'x' * 4_097}'", 6, f"'{'x' * 39}…", "a text of at most 4096 characters"),
]


@pytest.mark.parametrize(("text", "position", "found", "expected"), HOSTILE)
def test_a_hostile_filter_is_refused(text, position, found, expected) -> None:
    with pytest.raises(InvalidFilter) as refused:
        parse_filter(text)
    assert refused.value.parameters == (str(position), found, expected)


def test_all_of_them_together_are_refused_in_less_than_a_second() -> None:
    began = time.process_time()
    for text, *_ in HOSTILE:
        with pytest.raises(InvalidFilter):
            parse_filter(text)
    assert time.process_time() - began < 1


def test_a_hostile_order_is_refused() -> None:
    with pytest.raises(InvalidOrder) as refused:
        parse_order("id," * 5_000)
    assert refused.value.parameters == ("600", "a comma", "no more than 200 columns")
    with pytest.raises(InvalidOrder, match="16384 characters"):
        parse_order("id" * 10_000)


def test_limits_can_be_others() -> None:
    small = Limits(length=20, depth=1, terms=1)
    assert parse_filter("(id = 1)", small) == parse_filter("(id = 1)")
    for text in ("((id = 1))", "id = 1 OR id = 2", "id = 1" + " " * 20):
        with pytest.raises(InvalidFilter):
            parse_filter(text, small)
        assert parse_filter(text)


ODDS = ("(", ")", "[", "]", "'", "''", "=", "<>", "!", ",", " ", "AND", "or", "NULL", "id", "name", "endDate", "1",
        "2010-", "*", "?", "%", "\\", '"', ";--", "\x00", "\U0001f600")  # fmt: skip


@patiently
@given(text=st.text(max_size=30) | st.lists(st.sampled_from(ODDS), max_size=12).map("".join))
def test_whatever_is_sent_is_read_or_refused_with_a_place_within_it(text: str) -> None:
    for parse, refusal in ((parse_filter, InvalidFilter), (parse_order, InvalidOrder)):
        error = _refusal(parse, refusal, text)
        assert error is None or (1 <= int(error.parameters[0]) <= len(text) + 1 and all(error.parameters))


def _refusal(parse: Callable[[str], Any], refusal: type[Any], text: str) -> Any:
    try:
        parse(text)
    except refusal as error:
        return error
    return None
