"""Deliveries listed and replayed: by whom, and with the same bytes and id."""

from datetime import timedelta

import pytest

from soapsvc.domain.delivery import DeliveryState, Retries
from soapsvc.domain.errors import (
    DeliveryPending,
    InvalidCallback,
    NotAllowed,
    StaleVersion,
    UnknownDelivery,
    UnknownWorkItem,
)
from soapsvc.storage import deliveries as stored_deliveries
from soapsvc.storage.database import InTenancy
from soapsvc.storage.deliveries import Overtaken
from soapsvc.usecases import deliveries
from tests.conftest import DEFAULT_TENANCY
from tests.deliveries.conftest import DONE, FAILED, SECRET
from tests.support.receivers import answering
from tests.support.sent import send

# Lists and replays


def test_a_list_shows_neither_secrets_nor_the_query_of_the_url(recorded, listed):
    recorded()
    (delivery,) = listed()
    assert delivery.url == "https://receiver.example/hook"
    assert delivery.is_signed
    assert not hasattr(delivery, "sealed_secret")
    assert "in-the-query" not in repr(delivery)


def test_a_list_has_the_deliveries_of_one_version_oldest_first(recorded, listed):
    first, second = recorded(), recorded(operation="two")
    recorded(operation="three", session="another")
    assert [one.id for one in listed()] == [first, second]
    assert listed(session="none") == []


def test_who_has_no_tie_to_the_item_sees_no_deliveries_and_replays_none(recorded, listed, replay, try_once):
    try_once(number := recorded(), FAILED, Retries(delays=()))
    assert listed("ben")  # he stands in the offer set
    for refused in (lambda: listed("carl"), lambda: replay(number, "carl"), lambda: replay(number, "ben")):
        with pytest.raises(NotAllowed):
            refused()
    replay(number, "supervisor")


def test_a_replay_is_a_new_round_with_the_same_bytes_and_the_same_id(recorded, replay, try_once, find, clock, jobs_of):
    number = recorded()
    while due := try_once(number, FAILED):
        clock.now = due
    before = find(number)
    clock.now += timedelta(days=30)
    shown = replay(number)
    assert jobs_of(number) == [clock.now]
    after = find(number)
    assert (shown.state, shown.due_at, len(shown.attempts)) == (DeliveryState.PENDING, clock.now, 10)
    assert (after.webhook_id, after.body, after.url) == (before.webhook_id, before.body, before.url)
    assert try_once(number, FAILED) == clock.now + timedelta(seconds=5)  # as after a first try
    for _ in range(8):
        assert try_once(number, FAILED) is not None
    assert try_once(number, FAILED) is None
    assert (find(number).attempts, find(number).state) == (20, DeliveryState.EXHAUSTED)
    assert find(number).sealed_secret is None


def test_a_replay_is_signed_with_the_secret_that_it_brings(recorded, replay, try_once, database, secrets):
    number = recorded()
    try_once(number, DONE)
    replay(number)
    _, _, (request,) = send(database, secrets, number, answering(200))
    assert "webhook-signature" in request.headers


@pytest.mark.parametrize(("given", "again"), [(SECRET, None), (None, SECRET)])
def test_a_replay_is_signed_if_and_only_if_the_first_round_was(recorded, target, replay, try_once, given, again):
    number = recorded(target(given))
    try_once(number, DONE)
    with pytest.raises(InvalidCallback):
        replay(number, secret=again)
    replay(number, secret=given)


def test_what_is_still_tried_is_not_replayed(recorded, replay, try_once, everything):
    number = recorded()
    try_once(number, FAILED)
    before = everything()
    with pytest.raises(DeliveryPending):
        replay(number)
    assert everything() == before


def test_of_two_replays_at_once_one_is_heard(recorded, try_once, find, write):
    number = recorded()
    try_once(number, DONE)
    seen = find(number)
    write(lambda tx: stored_deliveries.begin_again(tx, seen, sealed_secret="first"))
    with pytest.raises(Overtaken):
        write(lambda tx: stored_deliveries.begin_again(tx, seen, sealed_secret="second"))
    assert find(number).sealed_secret == "first"


def test_a_delivery_of_another_item_version_or_number_is_unknown(recorded, replay, try_once, new_item):
    try_once(number := recorded(), DONE)
    other = new_item()
    for unknown in (
        lambda: replay(number + 1),
        lambda: replay(number, session="another"),
        lambda: replay(number, "supervisor", id=other.id),
    ):
        with pytest.raises(UnknownDelivery):
            unknown()
    with pytest.raises(UnknownWorkItem):
        replay(number, id=99_999)
    with pytest.raises(StaleVersion):
        replay(number, version=0)


def test_another_tenancy_sees_nothing_of_a_delivery(recorded, whole_database, database):
    number = recorded()
    other = InTenancy(whole_database, DEFAULT_TENANCY + 1)
    assert other.read(lambda tx: deliveries.to_send(tx, number)).result(10) is None
    assert database.read(lambda tx: deliveries.to_send(tx, number)).result(10) is not None
