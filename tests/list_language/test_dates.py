"""A date in a filter names all the time that its precision leaves open."""

from datetime import UTC, datetime

import pytest

from soapsvc.domain.work_list import Interval
from soapsvc.list_language import interval


def at(*parts: int) -> datetime:
    return datetime(*parts, tzinfo=UTC)  # type: ignore[misc, arg-type]


SECOND = Interval(at(2010, 5, 23, 14, 25, 10), at(2010, 5, 23, 14, 25, 10, 999999))
YEAR = Interval(at(2010, 1, 1), at(2010, 12, 31, 23, 59, 59, 999999))


@pytest.mark.parametrize(
    ("text", "first", "last"),
    [
        ("2010", at(2010, 1, 1), at(2010, 12, 31, 23, 59, 59, 999999)),
        ("2010-02", at(2010, 2, 1), at(2010, 2, 28, 23, 59, 59, 999999)),
        ("2012-02", at(2012, 2, 1), at(2012, 2, 29, 23, 59, 59, 999999)),
        ("2010-12", at(2010, 12, 1), at(2010, 12, 31, 23, 59, 59, 999999)),
        ("2010-05-23", at(2010, 5, 23), at(2010, 5, 23, 23, 59, 59, 999999)),
        ("2010-05-23T14", at(2010, 5, 23, 14), at(2010, 5, 23, 14, 59, 59, 999999)),
        ("2010-05-23T14:25", at(2010, 5, 23, 14, 25), at(2010, 5, 23, 14, 25, 59, 999999)),
        ("2010-05-23T14:25:10", *(SECOND.first, SECOND.last)),
        ("2010-05-23T14:25:10.1", at(2010, 5, 23, 14, 25, 10, 100000), at(2010, 5, 23, 14, 25, 10, 199999)),
        ("2010-05-23T14:25:10.123", at(2010, 5, 23, 14, 25, 10, 123000), at(2010, 5, 23, 14, 25, 10, 123999)),
        ("2010-05-23T14:25:10.123456", *[at(2010, 5, 23, 14, 25, 10, 123456)] * 2),
        # With a zone it is the same time elsewhere; without one it is UTC.
        ("2010-05-23T14:25:10Z", *(SECOND.first, SECOND.last)),
        ("2010-05-23t14:25:10z", *(SECOND.first, SECOND.last)),
        ("2010-05-23T16:25:10+02:00", *(SECOND.first, SECOND.last)),
        ("2010-05-23T09:55:10-04:30", *(SECOND.first, SECOND.last)),
        ("2010-05-23+02:00", at(2010, 5, 22, 22), at(2010, 5, 23, 21, 59, 59, 999999)),
        ("2010Z", *(YEAR.first, YEAR.last)),
        ("2010-05:00", at(2010, 1, 1, 5), at(2011, 1, 1, 4, 59, 59, 999999)),
        ("0001", at(1, 1, 1), at(1, 12, 31, 23, 59, 59, 999999)),
        ("9999", at(9999, 1, 1), at(9999, 12, 31, 23, 59, 59, 999999)),
    ],
)
def test_a_date_names_all_the_time_that_its_precision_leaves_open(text, first, last) -> None:
    assert interval(text) == Interval(first, last)


@pytest.mark.parametrize(
    "text",
    [
        "", "10", "201", "20100", "0000", "2010-0", "2010-00", "2010-13", "2010-1-1", "2010-02-29", "2010-05-32",
        "2010-05-23T", "2010-05-23T24", "2010-05-23T24:01", "2010-05-23T14:60", "2010-05-23T14:25:60",
        "2010-05-23 14:25",
        "2010-05-23T14:25:10.", "2010-05-23T14:25:10.1234567", "2010-05-23T14:25:10+15:00", "2010-05-23T14:25:10+2:00",
        "20100523", "-2010", "2010-05-23T14:25:10ZZ", "0001+01:00", "9999-01:00", "٢٠١٠",
    ],
)  # fmt: skip
def test_what_no_calendar_holds_is_no_date(text: str) -> None:
    with pytest.raises(ValueError, match=r"."):
        interval(text)
