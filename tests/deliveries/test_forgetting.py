"""Deliveries that have ended are forgotten with age, each with its log; those that go on never are."""

from datetime import timedelta

import pytest
import sqlalchemy as sa

from soapsvc.domain.delivery import DeliveryState
from soapsvc.storage import deliveries as stored_deliveries
from soapsvc.storage.version_tables import delivery_attempt
from soapsvc.usecases import deliveries
from tests.deliveries.conftest import DONE, FAILED
from tests.support.databases import wait_until, waits_for_a_lock

KEPT = timedelta(days=30)
A_MOMENT = timedelta(microseconds=1)


@pytest.fixture
def forget(whole_database):
    """Forget as the sweep does, for all tenancies."""
    unit = lambda tx, most: deliveries.forget_old(tx, kept=KEPT, most=most)  # noqa: E731
    return lambda most=100: whole_database.write(lambda tx: unit(tx, most)).result(10)


@pytest.fixture
def logged(database):
    query = sa.select(delivery_attempt.c.delivery_id).order_by(delivery_attempt.c.delivery_id)
    return lambda: database.read(lambda tx: tx.connection.execute(query).scalars().all()).result(10)


def test_an_ended_one_goes_with_its_log_when_it_is_old_enough_and_not_before(recorded, try_once, forget, logged, clock):
    gone, pending = recorded(), recorded(operation="another")
    clock.now = try_once(gone, FAILED)
    try_once(gone, DONE)
    try_once(pending, FAILED)
    clock.now += KEPT - A_MOMENT
    assert forget() == 0
    assert logged() == [gone, gone, pending]
    clock.now += A_MOMENT
    assert forget() == 1
    assert logged() == [pending]
    clock.now += 10 * KEPT
    assert forget() == 0


def test_one_that_is_replayed_begins_again_and_is_old_only_after_its_next_end(
    recorded, try_once, replay, forget, find, clock
):
    number = recorded()
    try_once(number, DONE)
    clock.now += KEPT
    replay(number)
    assert forget() == 0
    try_once(number, DONE)
    assert forget() == 0
    clock.now += KEPT
    assert forget() == 1
    assert find(number) is None


def test_the_longest_ended_go_first_in_portions(recorded, try_once, forget, every_delivery, clock):
    numbers = [recorded(operation=f"operation-{n}") for n in range(3)]
    for number in reversed(numbers):
        try_once(number, DONE)
        clock.now += timedelta(seconds=1)
    clock.now += KEPT
    assert forget(most=2) == 2
    assert [one.id for one in every_delivery()] == [numbers[0]]
    assert forget(most=2) == 1


@pytest.mark.parametrize("kind", ["postgresql"])
def test_one_that_is_replayed_while_it_is_forgotten_stays(
    kind, recorded, try_once, whole_database, database, database_url, find, clock
):
    number = recorded()
    try_once(number, DONE)
    clock.now += KEPT
    ended = find(number)
    forgetting = []

    def begin_again_while_the_sweep_waits(tx):
        stored_deliveries.begin_again(tx, ended, sealed_secret=None)
        unit = lambda other: deliveries.forget_old(other, kept=KEPT, most=10)  # noqa: E731
        forgetting.append(whole_database.write(unit))
        wait_until(lambda: waits_for_a_lock(database_url))

    database.write(begin_again_while_the_sweep_waits).result(10)

    assert forgetting[0].result(10) == 0
    assert find(number).state is DeliveryState.PENDING
