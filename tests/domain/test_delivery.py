"""What a try comes to, and when the next one is due."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from soapsvc.domain.delivery import (
    LONGEST_WAIT,
    MOST_ANSWER_BYTES,
    Attempt,
    DeliveryState,
    Outcome,
    Retries,
    asked_moment,
    is_final,
    state_after,
)

NOW = datetime(2026, 11, 22, 12, tzinfo=UTC)
HOUR = 3_600
PLANNED = [5, 300, HOUR / 2, 2 * HOUR, 5 * HOUR, 10 * HOUR, 14 * HOUR, 20 * HOUR, 24 * HOUR]
chances = st.floats(0, 1, exclude_max=True)
moments = st.datetimes(datetime(2026, 1, 1), datetime(2028, 1, 1)).map(lambda moment: moment.replace(tzinfo=UTC))


@pytest.mark.parametrize(("tries", "seconds"), list(enumerate(PLANNED, start=1)))
def test_a_try_is_followed_by_the_next_after_the_planned_time(tries, seconds):
    due = Retries().due_after(tries, now=NOW, not_before=None, chance=0.5)
    assert due == NOW + timedelta(seconds=seconds)


def test_the_tenth_try_is_the_last():
    assert Retries().due_after(10, now=NOW, not_before=None, chance=0) is None
    assert Retries().due_after(10, now=NOW, not_before=NOW + timedelta(hours=1), chance=0) is None


@given(tries=st.integers(1, 9), chance=chances)
def test_chance_moves_a_try_by_a_fifth_at_most(tries, chance):
    wait = Retries().due_after(tries, now=NOW, not_before=None, chance=chance) - NOW
    planned = timedelta(seconds=PLANNED[tries - 1])
    assert planned * 0.8 <= wait <= planned * 1.2


def test_chance_spreads_over_the_whole_fifth_and_not_at_all_without_jitter():
    waits = [Retries().due_after(2, now=NOW, not_before=None, chance=chance) - NOW for chance in (0, 0.999_999)]
    assert waits == pytest.approx([timedelta(seconds=240), timedelta(seconds=360)], abs=timedelta(seconds=0.01))
    calm = Retries(jitter=0)
    assert {calm.due_after(2, now=NOW, not_before=None, chance=chance) for chance in (0, 0.3, 0.9)} == {
        NOW + timedelta(seconds=300)
    }


@given(tries=st.integers(1, 9), chance=chances, asked=moments)
def test_what_a_receiver_asks_for_counts_where_it_is_later_and_for_a_day_at_most(tries, chance, asked):
    planned = Retries().due_after(tries, now=NOW, not_before=None, chance=chance)
    due = Retries().due_after(tries, now=NOW, not_before=asked, chance=chance)
    assert due >= planned
    assert due <= max(planned, NOW + LONGEST_WAIT)
    if asked <= NOW + LONGEST_WAIT:
        assert due == max(planned, asked)


@pytest.mark.parametrize(
    ("header", "moment"),
    [
        ("120", NOW + timedelta(seconds=120)),
        (" 0 ", NOW),
        ("999999999", NOW + timedelta(seconds=999_999_999)),
        ("Sun, 22 Nov 2026 13:00:00 GMT", NOW + timedelta(hours=1)),
        ("Sunday, 22-Nov-26 13:00:00 GMT", NOW + timedelta(hours=1)),
        ("Sun Nov 22 13:00:00 2026", NOW + timedelta(hours=1)),
        ("Sun, 22 Nov 2026 11:00:00 GMT", NOW - timedelta(hours=1)),
    ],
)
def test_retry_after_is_seconds_or_a_date(header, moment):
    assert asked_moment(header, NOW) == moment


@pytest.mark.parametrize(
    "header", [None, "", "soon", "-5", "1.5", "1e9", "\uff19", "9999999999", "Sun, 99 Nov 2026 0:0 GMT"]
)
def test_a_retry_after_that_says_nothing_asks_for_nothing(header):
    assert asked_moment(header, NOW) is None


@given(st.text())
def test_no_retry_after_whatever_it_says_is_an_error(header):
    moment = asked_moment(header, NOW)
    assert moment is None or moment.tzinfo is not None


@pytest.mark.parametrize(
    ("outcome", "state"),
    [
        (Outcome.DELIVERED, DeliveryState.DELIVERED),
        (Outcome.GONE, DeliveryState.GONE),
        (Outcome.BLOCKED, DeliveryState.BLOCKED),
        (Outcome.BUSY, DeliveryState.PENDING),
        (Outcome.REFUSED, DeliveryState.PENDING),
        (Outcome.UNREACHABLE, DeliveryState.PENDING),
        (Outcome.TIMED_OUT, DeliveryState.PENDING),
        (Outcome.UNSIGNABLE, DeliveryState.PENDING),
    ],
)
def test_where_a_delivery_stands_after_a_try(outcome, state):
    assert state_after(outcome, NOW) is state
    assert is_final(outcome) == (state is not DeliveryState.PENDING)
    ended = DeliveryState.EXHAUSTED if state is DeliveryState.PENDING else state
    assert state_after(outcome, None) is ended


@given(st.integers(100, 999))
def test_an_answer_is_a_success_only_with_a_status_of_200_to_299(status):
    assert (Attempt.answered(status).outcome is Outcome.DELIVERED) == (200 <= status <= 299)


@pytest.mark.parametrize(
    ("status", "outcome"),
    [(204, Outcome.DELIVERED), (302, Outcome.REFUSED), (410, Outcome.GONE), (429, Outcome.BUSY), (503, Outcome.BUSY)],
)
def test_some_statuses_say_more_than_yes_or_no(status, outcome):
    assert Attempt.answered(status, retry_after="7") == Attempt(outcome=outcome, status=status, retry_after="7")


def test_of_an_answer_the_beginning_is_kept_as_text_that_every_database_holds():
    kept = Attempt.answered(200, answer=b"a\0\xff" + b"x" * 10_000).answer
    assert kept.startswith("a\ufffd\ufffdx")
    assert len(kept) == MOST_ANSWER_BYTES
