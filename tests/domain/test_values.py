"""The text forms of values: what XML Schema allows, within the years 1 to 9999 and 64 bits, and nothing else."""

from datetime import UTC, date, datetime, timedelta, timezone
from decimal import Decimal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from soapsvc.domain import values

ZONES = st.integers(-14 * 60, 14 * 60).map(lambda minutes: timezone(timedelta(minutes=minutes)))
MOMENTS = st.datetimes(min_value=datetime(2, 1, 1), max_value=datetime(9998, 12, 31), timezones=ZONES)


@given(st.integers(-(2**63), 2**63 - 1))
def test_every_number_of_64_bits_is_read(number):
    assert values.parse_long(str(number)) == number
    assert values.parse_long(f" {number}\n") == number


@pytest.mark.parametrize(
    ("text", "number"),
    [
        ("9223372036854775807", 2**63 - 1),
        ("-9223372036854775808", -(2**63)),
        ("+7", 7),
        ("-0", 0),
        ("007", 7),
        (" 12 ", 12),
    ],
)
def test_whole_numbers_are_read_as_xml_schema_writes_them(text, number):
    assert values.parse_long(text) == number


@pytest.mark.parametrize(
    "text",
    [
        "9223372036854775808",
        "-9223372036854775809",
        "1" * 5000,
        "",
        " ",
        "1.0",
        "1e3",
        "1_000",
        "1,000",
        "0x10",
        "--1",
        "+ 1",
        "NaN",
        "\u0661",
        "one",
    ],
)
def test_what_is_no_whole_number_of_64_bits_is_refused(text):
    with pytest.raises(ValueError, match=r"."):
        values.parse_long(text)


@given(st.decimals(allow_nan=False, allow_infinity=False, places=6))
def test_every_decimal_is_read_exactly(number):
    assert values.parse_decimal(format(number, "f")) == number


@pytest.mark.parametrize(
    ("text", "number"),
    [("1.", "1"), (".5", "0.5"), ("+1.50", "1.50"), (" -0.1 ", "-0.1"), ("007.10", "7.10"), ("9" * 60, "9" * 60)],
)
def test_decimals_are_read_as_xml_schema_writes_them(text, number):
    assert values.parse_decimal(text) == Decimal(number)


@pytest.mark.parametrize("text", ["NaN", "INF", "-INF", "Infinity", "sNaN", "1e3", "1E3", "", ".", "1,5", "1_0", "1 0"])
def test_what_is_no_decimal_is_refused(text):
    with pytest.raises(ValueError, match="not a decimal number"):
        values.parse_decimal(text)


@pytest.mark.parametrize(
    ("text", "truth"),
    [("true", True), ("1", True), ("false", False), ("0", False), (" true ", True), ("\tfalse\n", False)],
)
def test_truth_is_read_with_blanks_around_it(text, truth):
    assert values.parse_boolean(text) is truth


@pytest.mark.parametrize("text", ["", "True", "TRUE", "yes", "on", "2", "01", "tr ue"])
def test_what_is_neither_true_nor_false_is_refused(text):
    with pytest.raises(ValueError, match="not true or false"):
        values.parse_boolean(text)


@given(st.dates())
def test_every_date_is_read(day):
    assert values.parse_date(day.isoformat()) == day
    assert values.parse_date(f" {day.isoformat()}Z ") == day


@pytest.mark.parametrize("zone", ["", "Z", "+00:00", "-00:00", "+13:59", "-14:00", "+14:00"])
def test_a_zone_of_up_to_14_hours_is_allowed(zone):
    assert values.parse_date(f"2026-11-21{zone}") == date(2026, 11, 21)
    assert values.parse_time(f"14:30:00{zone}") == timedelta(hours=14, minutes=30)
    assert values.parse_moment(f"2026-11-21T14:30:00{zone}")


@pytest.mark.parametrize("zone", ["z", "+14:01", "+15:00", "-24:00", "+1:00", "+0100", "+01", "+01:60", " Z", "UTC"])
def test_another_zone_is_refused(zone):
    for parse, text in (
        (values.parse_date, "2026-11-21"),
        (values.parse_time, "14:30:00"),
        (values.parse_moment, "2026-11-21T14:30:00"),
    ):
        with pytest.raises(ValueError, match=r"not a"):
            parse(text + zone)


@pytest.mark.parametrize(
    "text",
    [
        "0000-01-01",
        "-0001-01-01",
        "10000-01-01",
        "2026-02-29",
        "2026-13-01",
        "2026-00-01",
        "2026-1-1",
        "21.11.2026",
        "",
    ],
)
def test_a_date_that_no_calendar_has_is_refused(text):
    with pytest.raises(ValueError, match=r"."):
        values.parse_date(text)
    with pytest.raises(ValueError, match=r"."):
        values.parse_moment(f"{text}T00:00:00Z")


@given(st.times())
def test_every_time_of_day_is_read(time):
    midnight = datetime(2000, 1, 1)
    assert values.parse_time(time.isoformat()) == datetime.combine(midnight, time) - midnight


@pytest.mark.parametrize("text", ["24:00:00", "24:00:00.000", "24:00:00Z", "00:00:00"])
def test_24_00_00_is_midnight(text):
    assert values.parse_time(text) == timedelta(0)


@pytest.mark.parametrize(
    "text",
    ["24:00:01", "24:00:00.000001", "24:01:00", "25:00:00", "23:60:00", "23:59:60", "1:00:00", "12:00", "", "-1:00"],
)
def test_what_is_no_time_of_day_is_refused(text):
    with pytest.raises(ValueError, match=r"not a time"):
        values.parse_time(text)
    with pytest.raises(ValueError, match=r"not a"):
        values.parse_moment(f"2026-11-21T{text}")


@given(MOMENTS)
def test_a_moment_survives_its_text_form(moment):
    text = values.format_moment(moment)

    assert text.endswith("Z")
    assert values.parse_moment(text) == moment
    assert values.format_moment(values.parse_moment(text)) == text


@given(MOMENTS)
def test_a_moment_is_read_in_any_zone_and_kept_in_utc(moment):
    read = values.parse_moment(moment.isoformat())

    assert read == moment
    assert read.tzinfo is UTC


@pytest.mark.parametrize(
    ("text", "moment"),
    [
        ("2026-11-21T24:00:00Z", datetime(2026, 11, 22, tzinfo=UTC)),
        ("2026-12-31T24:00:00", datetime(2027, 1, 1, tzinfo=UTC)),
        ("2026-11-21T14:30:00", datetime(2026, 11, 21, 14, 30, tzinfo=UTC)),
        ("2026-11-21T14:30:00+02:00", datetime(2026, 11, 21, 12, 30, tzinfo=UTC)),
        ("2026-11-21T23:30:00-05:00", datetime(2026, 11, 22, 4, 30, tzinfo=UTC)),
        ("2026-11-21T14:30:00.123456789Z", datetime(2026, 11, 21, 14, 30, 0, 123456, tzinfo=UTC)),
        ("2026-11-21T14:30:00.5Z", datetime(2026, 11, 21, 14, 30, 0, 500000, tzinfo=UTC)),
        (" 2026-11-21T14:30:00Z\n", datetime(2026, 11, 21, 14, 30, tzinfo=UTC)),
        ("9999-12-31T23:59:59.999999Z", datetime(9999, 12, 31, 23, 59, 59, 999999, tzinfo=UTC)),
        ("0001-01-01T00:00:00Z", datetime(1, 1, 1, tzinfo=UTC)),
    ],
)
def test_moments_are_read_as_xml_schema_writes_them(text, moment):
    assert values.parse_moment(text) == moment


@pytest.mark.parametrize(
    "text",
    [
        "9999-12-31T24:00:00Z",
        "9999-12-31T23:59:59-00:01",
        "0001-01-01T00:00:00+00:01",
        "10000-01-01T00:00:00Z",
        "2026-11-21 14:30:00",
        "2026-11-21T14:30:00.",
        "2026-11-21t14:30:00Z",
        "2026-11-21",
        "",
    ],
)
def test_a_moment_beyond_the_years_1_to_9999_or_of_another_form_is_refused(text):
    with pytest.raises(ValueError, match=r"."):
        values.parse_moment(text)


@pytest.mark.parametrize(
    ("moment", "text"),
    [
        (datetime(2026, 11, 21, 14, 30, tzinfo=UTC), "2026-11-21T14:30:00Z"),
        (datetime(2026, 11, 21, 14, 30, 10, tzinfo=UTC), "2026-11-21T14:30:10Z"),
        (datetime(2026, 11, 21, 14, 30, 0, 120000, tzinfo=UTC), "2026-11-21T14:30:00.12Z"),
        (datetime(26, 1, 1, tzinfo=UTC), "0026-01-01T00:00:00Z"),
        (datetime(2026, 1, 1, 1, tzinfo=timezone(timedelta(hours=2))), "2025-12-31T23:00:00Z"),
    ],
)
def test_a_moment_is_written_in_utc_with_a_fraction_only_where_there_is_one(moment, text):
    assert values.format_moment(moment) == text


@given(st.text(max_size=40))
@settings(max_examples=300)
def test_no_text_makes_a_parser_fail_otherwise_than_with_a_reason(text):
    for parse in (
        values.parse_boolean,
        values.parse_long,
        values.parse_decimal,
        values.parse_date,
        values.parse_time,
        values.parse_moment,
    ):
        try:
            parse(text)
        except ValueError as error:
            assert str(error)  # noqa: PT017 - it need not be raised
