"""Signatures: those of the published vectors, those that the receivers' library accepts, and the rules for secrets."""

import base64
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st
from standardwebhooks.webhooks import Webhook, WebhookVerificationError

from soapsvc.callbacks import signing
from soapsvc.domain.errors import InvalidCallback

# Standard Webhooks 1.0.0, from its reference tests.
VECTORS = [
    {
        "secret": "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw",
        "id": "msg_p5jXN8AQM9LWM0D4loKWxJek",
        "timestamp": "1614265330",
        "body": '{"test": 2432232314}',
        "signature": "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=",
    }
]


def whsec(length: int) -> str:
    return "whsec_" + base64.b64encode(bytes(range(length))).decode()


@pytest.mark.parametrize("vector", VECTORS)
def test_signatures_are_those_of_the_published_vectors(vector):
    assert signing.headers(vector["id"], int(vector["timestamp"]), vector["body"].encode(), vector["secret"]) == {
        "webhook-id": vector["id"],
        "webhook-timestamp": vector["timestamp"],
        "webhook-signature": vector["signature"],
    }


@given(
    secret=st.one_of(
        st.binary(min_size=24, max_size=64).map(lambda key: "whsec_" + base64.b64encode(key).decode()),
        st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=200).filter(
            lambda text: not text.startswith("whsec_")
        ),
    ),
    body=st.text(st.characters(exclude_categories=["Cs"])).map(str.encode),
    webhook_id=st.from_regex(r"msg_[0-9a-f-]{1,36}", fullmatch=True),
)
def test_the_receivers_library_accepts_every_signature(secret, body, webhook_id):
    key = secret if secret.startswith("whsec_") else secret.encode()
    now = int(datetime.now(UTC).timestamp())
    headers = dict(signing.headers(webhook_id, now, body, secret))
    Webhook(key).verify(body, headers, json_parse=False)
    with pytest.raises(WebhookVerificationError):
        Webhook(key).verify(body + b" ", headers, json_parse=False)
    with pytest.raises(WebhookVerificationError):
        Webhook(key).verify(body, headers | {"webhook-id": webhook_id + "0"}, json_parse=False)
    with pytest.raises(WebhookVerificationError):
        Webhook(key).verify(body, headers | {"webhook-timestamp": str(now - 1)}, json_parse=False)


def test_without_a_secret_there_is_no_signature():
    assert signing.headers("msg_1", 7, b"{}", None) == {"webhook-id": "msg_1", "webhook-timestamp": "7"}


@pytest.mark.parametrize(
    ("secret", "key"),
    [
        (whsec(24), bytes(range(24))),
        (whsec(25), bytes(range(25))),
        (whsec(25).rstrip("="), bytes(range(25))),
        (whsec(64), bytes(range(64))),
        ("correct horse", b"correct horse"),
        ("Schlüssel", "Schlüssel".encode()),
        ("WHSEC_x", b"WHSEC_x"),
        (" whsec_x", b" whsec_x"),
        ("x" * 1_024, b"x" * 1_024),
    ],
)
def test_a_secret_is_base64_behind_its_prefix_and_else_the_text_itself(secret, key):
    assert signing.key_of(secret) == key


@pytest.mark.parametrize(
    "secret",
    [
        "",
        "whsec_",
        whsec(23),
        whsec(65),
        whsec(24)[:-1],  # one character that no byte is left for
        whsec(24) + "\n",
        whsec(24)[:10] + " " + whsec(24)[10:],
        whsec(24).replace("A", "-", 1),
        whsec(24) + "===",
        "whsec_ü" + whsec(24),
        "\ud800",
        "x" * 1_025,
        "ü" * 513,
    ],
)
def test_a_secret_that_cannot_be_used_is_refused_and_never_repeated(secret):
    with pytest.raises(InvalidCallback) as refusal:
        signing.key_of(secret)
    assert refusal.value.parameters[0] == "secret"
    assert not secret or secret.removeprefix("whsec_")[:8] not in str(refusal.value) or secret == "whsec_"
    assert refusal.value.__cause__ is None
