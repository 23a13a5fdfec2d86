"""What is sent over the wire, to where a client wanted it, and with which secret."""

import asyncio
import json
from datetime import UTC, datetime, timedelta

import pytest
from cryptography.fernet import Fernet
from standardwebhooks.webhooks import Webhook

from soapsvc.callbacks.addresses import AddressGuard
from soapsvc.callbacks.sender import Sender, SendingLimits
from soapsvc.domain.delivery import DeliveryState, Outcome
from soapsvc.domain.errors import InvalidCallback
from soapsvc.usecases import callback_targets, deliveries
from soapsvc.usecases.callback_targets import CallbackSecrets
from tests.deliveries.conftest import BODY, CALM, KEY, OPERATION, SECRET, URL
from tests.support.receivers import Names, answering
from tests.support.sent import send

# Sending


@pytest.fixture
def real_time(clock):
    clock.now = datetime.now(UTC)


@pytest.mark.usefixtures("real_time")
def test_every_try_has_the_same_id_and_body_and_a_signature_of_its_own_time(recorded, database, secrets, write, clock):
    number = recorded()
    seen = []
    for _ in range(3):
        sending, attempt, (request,) = send(database, secrets, number, answering(500))
        seen.append((request.headers["webhook-id"], request.body, request.headers["webhook-signature"]))
        assert request.headers["webhook-timestamp"] == str(int(clock.now.timestamp()))
        assert json.loads(request.body) == Webhook(SECRET).verify(request.body, request.headers)
        write(lambda tx, one=sending, result=attempt: deliveries.finish_attempt(tx, one, result, CALM, 0))
        clock.now += timedelta(seconds=10)
    assert {(webhook_id, body) for webhook_id, body, _ in seen} == {(f"msg_{OPERATION}", BODY)}
    assert len({signature for *_, signature in seen}) == 3


@pytest.mark.usefixtures("real_time")
def test_a_secret_that_is_no_base64_signs_by_its_own_bytes(recorded, database, secrets, target):
    _, _, (request,) = send(database, secrets, recorded(target("Schlüssel")), answering(200))
    Webhook("Schlüssel".encode()).verify(request.body, request.headers)


def test_without_a_secret_nothing_is_signed(recorded, database, secrets, target):
    _, attempt, (request,) = send(database, secrets, recorded(target(None)), answering(200))
    assert attempt.outcome is Outcome.DELIVERED
    assert request.headers["webhook-id"] == f"msg_{OPERATION}"
    assert "webhook-signature" not in request.headers


def test_a_secret_that_no_key_opens_is_tried_again_and_never_sent_unsigned(recorded, database, try_once):
    number = recorded()
    others = CallbackSecrets([Fernet.generate_key().decode()])
    _, attempt, requests = send(database, others, number, answering(200))
    assert attempt.outcome is Outcome.UNSIGNABLE
    assert requests == []
    assert try_once(number, attempt) is not None


def test_an_older_key_still_opens_a_secret(recorded, database, target):
    number = recorded(target(SECRET))
    newer = CallbackSecrets([Fernet.generate_key().decode(), KEY])
    _, attempt, _ = send(database, newer, number, answering(200))
    assert attempt.outcome is Outcome.DELIVERED


def test_an_address_that_became_forbidden_is_a_visible_failure(recorded, database, secrets, try_once, listed):
    number = recorded()
    _, attempt, requests = send(database, secrets, number, answering(200), networks="")
    assert requests == []
    assert try_once(number, attempt) is None
    (delivery,) = listed()
    assert delivery.state is DeliveryState.BLOCKED
    assert "may not go" in delivery.attempts[0].detail


# Targets


@pytest.mark.parametrize("secret", ["", "whsec_short"])
def test_a_secret_that_cannot_sign_is_refused_when_it_is_given(target, secret):
    with pytest.raises(InvalidCallback):
        target(secret)


@pytest.mark.parametrize("url", ["https://receiver.example/", "ftp://receiver.example/"])
def test_a_url_that_is_not_allowed_is_refused_when_it_is_given(secrets, url):
    sender = Sender(AddressGuard(), Names(["10.0.0.1"]), SendingLimits(), user_agent="test")
    with pytest.raises(InvalidCallback):
        asyncio.run(callback_targets.checked(sender, secrets, url, None))


def test_a_target_is_known_again_by_its_fingerprint_which_does_not_tell_it(target):
    one, same = target(), target()
    assert one.sealed_secret != same.sealed_secret
    assert one.fingerprint == same.fingerprint
    others = [target(None), target("other"), target(url=URL + "2"), target("other", URL + "2")]
    assert len({one.fingerprint, *(other.fingerprint for other in others)}) == 5
    foreign = CallbackSecrets([Fernet.generate_key().decode()])
    assert foreign.fingerprint(URL, SECRET) != one.fingerprint
