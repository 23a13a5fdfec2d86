"""Schedules and hidden periods: calendar arithmetic, and where a moment stands against the dates."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from soapsvc.domain.errors import InvalidSchedule
from soapsvc.domain.schedule import Duration, Period, Schedule, ScheduleStatus, planned

NOON = datetime(2026, 11, 21, 12, tzinfo=UTC)
MINUTE = timedelta(minutes=1)
HUGE = 10**12


@pytest.mark.parametrize(
    ("start", "duration", "end"),
    [
        ((2026, 1, 31), Duration(months=1), (2026, 2, 28)),
        ((2028, 1, 31), Duration(months=1), (2028, 2, 29)),
        ((2026, 3, 31), Duration(months=-1), (2026, 2, 28)),
        ((2028, 2, 29), Duration(years=1), (2029, 2, 28)),
        ((2028, 2, 29), Duration(years=4), (2032, 2, 29)),
        ((2026, 8, 31), Duration(months=3), (2026, 11, 30)),
        ((2026, 12, 15), Duration(months=1), (2027, 1, 15)),
        ((2026, 1, 15), Duration(months=-1), (2025, 12, 15)),
        ((2026, 1, 15), Duration(months=25), (2028, 2, 15)),
        # Months first, then days: the other order would give the 28th plus nothing.
        ((2026, 1, 31), Duration(months=1, days=1), (2026, 3, 1)),
        ((2026, 1, 1), Duration(weeks=1, days=1), (2026, 1, 9)),
        ((2026, 1, 1), Duration(days=-1), (2025, 12, 31)),
        ((2026, 1, 1), Duration(hours=47, minutes=60), (2026, 1, 3)),
        ((2026, 1, 1), Duration(), (2026, 1, 1)),
        ((9999, 12, 30), Duration(days=1), (9999, 12, 31)),
        ((2, 1, 1), Duration(years=-1), (1, 1, 1)),
    ],
)
def test_a_duration_counts_in_calendar_time(start, duration, end):
    assert duration.after(datetime(*start, tzinfo=UTC)) == datetime(*end, tzinfo=UTC)


@pytest.mark.parametrize("unit", ["years", "months", "weeks", "days", "hours", "minutes"])
@pytest.mark.parametrize("amount", [HUGE, -HUGE, 2**31, -(2**31), 10**400])
def test_a_duration_beyond_every_calendar_is_refused(unit, amount):
    if unit == "minutes" and abs(amount) == 2**31:
        amount *= 4  # 2**31 minutes are no more than 4,083 years: they fit
    with pytest.raises(InvalidSchedule) as refused:
        Duration(**{unit: amount}).after(NOON)
    assert refused.value.parameters == ("the period leads beyond the years 1 to 9999",)


@given(
    st.datetimes(min_value=datetime(1000, 1, 1), max_value=datetime(3000, 1, 1), timezones=st.just(UTC)),
    st.integers(-500, 500),
    st.integers(-5000, 5000),
)
def test_a_duration_lands_in_the_month_that_it_names(moment, years, months):
    shifted = Duration(years=years, months=months).after(moment)

    assert shifted.year * 12 + shifted.month == moment.year * 12 + moment.month + years * 12 + months
    assert shifted.day <= moment.day
    assert shifted.time() == moment.time()


@given(st.integers(-(2**40), 2**40), st.integers(-(2**40), 2**40))
def test_a_duration_gives_a_moment_or_a_reason(years, minutes):
    try:
        assert Duration(years=years, minutes=minutes).after(NOON)
    except InvalidSchedule as error:
        assert error.parameters  # noqa: PT017 - it need not be raised


@pytest.mark.parametrize(
    ("schedule", "now", "status"),
    [
        (Schedule(), NOON, "NO_SCHEDULE"),
        (Schedule(start=NOON), NOON - MINUTE, "BEFORE"),
        (Schedule(start=NOON), NOON, "DURING"),
        (Schedule(start=NOON), NOON + MINUTE, "DURING"),
        (Schedule(end=NOON), NOON - MINUTE, "DURING"),
        (Schedule(end=NOON), NOON, "DURING"),
        (Schedule(end=NOON), NOON + MINUTE, "AFTER"),
        (Schedule(start=NOON, end=NOON + MINUTE), NOON - MINUTE, "BEFORE"),
        (Schedule(start=NOON, end=NOON + MINUTE), NOON, "DURING"),
        (Schedule(start=NOON, end=NOON + MINUTE), NOON + 2 * MINUTE, "AFTER"),
        (Schedule(start=NOON, end=NOON), NOON, "DURING"),
    ],
)
def test_the_status_is_where_now_stands_against_the_dates(schedule, now, status):
    assert schedule.status(now) is ScheduleStatus(status)


def test_a_schedule_that_ends_before_it_starts_is_refused():
    with pytest.raises(InvalidSchedule, match="it ends before it starts"):
        Schedule(start=NOON, end=NOON - MINUTE)


@pytest.mark.parametrize(
    ("start", "duration", "target", "end"),
    [
        (None, None, None, None),
        (None, None, NOON, NOON),
        (NOON + MINUTE, Duration(hours=1), None, NOON + MINUTE + timedelta(hours=1)),
        (None, Duration(hours=1), None, NOON + timedelta(hours=1)),
        (NOON, None, NOON + MINUTE, NOON + MINUTE),
    ],
)
def test_a_plan_ends_at_its_target_or_a_duration_after_its_start_or_now(start, duration, target, end):
    assert planned(start=start, duration=duration, target=target, now=NOON) == Schedule(start=start, end=end)


def test_a_plan_of_negative_duration_is_refused():
    with pytest.raises(InvalidSchedule):
        planned(start=NOON, duration=Duration(days=-1), target=None, now=NOON)


@pytest.mark.parametrize(
    ("period", "end"),
    [
        (Period(), None),
        (Period(duration=Duration()), None),
        (Period(duration=Duration(days=-1)), None),
        (Period(duration=Duration(days=1, hours=-24)), None),
        (Period(duration=Duration(minutes=1)), NOON + MINUTE),
        (Period(until=NOON - MINUTE), None),
        (Period(until=NOON), None),
        (Period(until=NOON + MINUTE), NOON + MINUTE),
    ],
)
def test_a_period_that_is_zero_negative_or_past_hides_nothing(period, end):
    assert period.end(NOON) == end


def test_a_period_beyond_every_calendar_is_refused():
    with pytest.raises(InvalidSchedule):
        Period(duration=Duration(years=8000)).end(NOON)
