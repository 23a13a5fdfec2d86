"""Deliveries over days: recorded with the change, tried, and given up or done."""

import logging
from datetime import timedelta

import pytest

from soapsvc.domain.delivery import Attempt, DeliveryState, Outcome, Retries
from soapsvc.domain.errors import (
    StorageUnavailable,
)
from soapsvc.storage.deliveries import Overtaken
from soapsvc.usecases import deliveries
from tests.deliveries.conftest import BODY, CALM, DONE, FAILED, OPERATION, SECRET, START, URL

# Recording


def test_an_event_is_due_at_once_and_named_after_its_operation(recorded, find, jobs_of):
    delivery = find(recorded())
    assert jobs_of(delivery.id) == [START]
    assert (delivery.state, delivery.due_at, delivery.attempts) == (DeliveryState.PENDING, START, 0)
    assert (delivery.webhook_id, delivery.body, delivery.url) == (f"msg_{OPERATION}", BODY, URL)


def test_a_second_event_of_one_operation_cannot_be_stored(recorded, find):
    first = recorded()
    with pytest.raises(StorageUnavailable, match=r"(?i)unique"):
        recorded()
    assert find(first + 1) is None
    assert find(recorded(operation="another")).webhook_id == "msg_another"


def test_an_event_that_is_too_long_to_be_sent_is_not_recorded(recorded):
    with pytest.raises(ValueError, match="20000 bytes"):
        recorded(url="https://acme.example/" + "x" * ((20_000 - len(BODY)) // 2))
    recorded(url="https://acme.example/" + "x" * ((20_000 - len(BODY)) // 2 - 1))


def test_a_secret_is_nowhere_in_the_database_to_be_read(recorded, everything, find, secrets):
    number = recorded()
    texts = "\n".join(everything())
    assert SECRET not in texts
    assert SECRET.removeprefix("whsec_") not in texts
    assert secrets.open(find(number).sealed_secret) == SECRET


# Tries


def test_a_delivery_that_is_accepted_ends(recorded, try_once, find):
    number = recorded()
    assert try_once(number, DONE) is None
    delivery = find(number)
    assert (delivery.state, delivery.due_at, delivery.attempts) == (DeliveryState.DELIVERED, None, 1)


@pytest.mark.parametrize(
    ("attempt", "state"),
    [
        (Attempt.answered(410), DeliveryState.GONE),
        (Attempt.failed(Outcome.BLOCKED, "why"), DeliveryState.BLOCKED),
    ],
)
def test_what_nobody_can_mend_by_waiting_ends_without_further_tries(recorded, try_once, find, attempt, state):
    number = recorded()
    assert try_once(number, attempt) is None
    assert (find(number).state, find(number).due_at) == (state, None)


def test_a_delivery_that_always_fails_is_tried_ten_times_over_three_days(recorded, try_once, find, clock, database):
    number = recorded()
    waits = []
    while due := try_once(number, FAILED):
        assert (find(number).state, find(number).due_at) == (DeliveryState.PENDING, due)
        waits.append((due - clock.now).total_seconds())
        clock.now = due
    assert waits == [5, 300, 1_800, 7_200, 18_000, 36_000, 50_400, 72_000, 86_400]
    assert find(number).state is DeliveryState.EXHAUSTED
    assert find(number).attempts == 10
    assert database.read(lambda tx: deliveries.to_send(tx, number)).result(10) is None


def test_chance_moves_the_next_try(recorded, try_once, clock):
    number = recorded()
    assert try_once(number, FAILED, Retries(), chance=0) == clock.now + timedelta(seconds=4)


@pytest.mark.parametrize(
    ("status", "header", "seconds"),
    [
        (503, "120", 120),
        (429, "Sun, 22 Nov 2026 13:00:00 GMT", 3_600),
        (503, "9999999", 86_400),
        (429, "1", 5),
        (503, "soon", 5),
        (503, None, 5),
        (500, "120", 5),
    ],
)
def test_a_receiver_that_is_busy_says_when_to_come_back(recorded, try_once, clock, status, header, seconds):
    attempt = Attempt.answered(status, retry_after=header)
    assert try_once(recorded(), attempt) == clock.now + timedelta(seconds=seconds)


def test_the_secret_goes_with_the_last_try_and_not_before(recorded, try_once, find, clock):
    number = recorded()
    for _ in range(9):
        clock.now = try_once(number, FAILED)
        assert find(number).sealed_secret is not None
    try_once(number, FAILED)
    assert find(number).sealed_secret is None


@pytest.mark.parametrize("attempt", [DONE, Attempt.answered(410), Attempt.failed(Outcome.BLOCKED, "why")])
def test_the_secret_goes_when_a_delivery_ends_early(recorded, try_once, find, attempt):
    number = recorded()
    try_once(number, attempt)
    assert find(number).sealed_secret is None


def test_every_try_is_logged_as_it_was(recorded, try_once, listed, clock):
    number = recorded()
    clock.now = try_once(number, FAILED)
    clock.now = try_once(number, Attempt.failed(Outcome.TIMED_OUT, "there was no answer"))
    try_once(number, DONE)
    (delivery,) = listed()
    assert [(one.number, one.at, one.outcome, one.status, one.detail, one.answer) for one in delivery.attempts] == [
        (1, START, Outcome.REFUSED, 500, "", "oops"),
        (2, START + timedelta(seconds=5), Outcome.TIMED_OUT, None, "there was no answer", ""),
        (3, START + timedelta(seconds=305), Outcome.DELIVERED, 200, "", ""),
    ]


@pytest.mark.parametrize("first", [FAILED, DONE])
def test_of_two_that_made_the_same_try_only_one_is_heard(recorded, database, write, everything, first):
    number = recorded()
    sending = database.read(lambda tx: deliveries.to_send(tx, number)).result(10)
    write(lambda tx: deliveries.finish_attempt(tx, sending, first, CALM, 0))
    before = everything()
    with pytest.raises(Overtaken):
        write(lambda tx: deliveries.finish_attempt(tx, sending, DONE, CALM, 0))
    assert everything() == before


def test_a_try_of_an_earlier_round_is_not_heard_after_a_replay(recorded, database, write, try_once, replay, find):
    number = recorded()
    late = database.read(lambda tx: deliveries.to_send(tx, number)).result(10)
    try_once(number, DONE)
    replay(number)
    with pytest.raises(Overtaken):
        write(lambda tx: deliveries.finish_attempt(tx, late, FAILED, CALM, 0))
    assert find(number).state is DeliveryState.PENDING


def test_the_end_of_a_delivery_that_failed_is_logged_without_its_url(recorded, try_once, caplog):
    with caplog.at_level(logging.WARNING):
        number = recorded()
        try_once(number, Attempt.answered(410))
    assert f"delivery {number} has ended: gone" in caplog.text
    assert "receiver.example" not in caplog.text
