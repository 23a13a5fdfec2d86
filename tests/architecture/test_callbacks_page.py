"""The page about callbacks says what the code does, and its example checks signatures."""

import base64
import json
import re
import time
import tomllib
from datetime import datetime, timedelta

import pytest

from soapsvc.callbacks import signing, urls
from soapsvc.callbacks.addresses import AddressGuard
from soapsvc.domain.delivery import (
    LONGEST_WAIT,
    MOST_ANSWER_BYTES,
    MOST_BODY_BYTES,
    Attempt,
    DeliveryState,
    Outcome,
    Retries,
    is_final,
)
from soapsvc.domain.events import EVENT_TYPES, version_event
from soapsvc.origin import networks_of
from soapsvc.settings import Settings
from tests.architecture import pages

PAGE = pages.page("docs/callbacks.md")
UNITS = {"s": "seconds", "min": "minutes", "h": "hours"}
SECRETS = ["whsec_" + base64.b64encode(bytes(range(length))).decode() for length in (24, 25, 64)] + ["Schlüssel"]


def table(heading: str) -> dict[str, list[str]]:
    rows = pages.rows(pages.section(PAGE, heading))
    return {row[0].strip("`"): [cell.strip("`") for cell in row[1:]] for row in rows}


def example():
    given: dict[str, object] = {}
    (code,) = pages.blocks(PAGE, "python")
    exec(compile(code, "docs/callbacks.md", "exec"), given)
    return given["is_genuine"]


@pytest.mark.parametrize("secret", SECRETS)
def test_the_documented_check_knows_what_is_genuine(secret):
    body, now = b'{"a": "\xc3\xbc"}', int(time.time())
    headers = dict(signing.headers("msg_1", now, body, secret))
    check = example()
    assert check(headers, body, secret)
    assert check(headers | {"webhook-signature": "v1,other " + headers["webhook-signature"]}, body, secret)
    assert not check(headers, body + b" ", secret)
    assert not check(headers | {"webhook-id": "msg_2"}, body, secret)
    assert not check(headers | {"webhook-timestamp": str(now - 1)}, body, secret)
    assert not check(headers, body, "other")
    old = signing.headers("msg_1", now - 1_000, body, secret)
    assert not check(old, body, secret)


def test_the_documented_event_is_the_one_that_is_made():
    (text,) = pages.blocks(PAGE, "json")
    shown = json.loads(text)
    made = json.loads(
        version_event(
            at=datetime.fromisoformat(shown["timestamp"]),
            work_item=shown["data"]["workItemId"],
            version_session=shown["data"]["versionId"],
            status=shown["status"],
            status_url=shown["statusUrl"],
            version=shown["data"]["version"],
        )
    )
    assert made == shown
    assert list(made) == list(shown)


def test_the_documented_types_are_all_that_there_are():
    assert {status: row[0] for status, row in table("## What arrives").items()} == EVENT_TYPES


def test_the_documented_waits_are_those_of_the_code():
    waits = [row[0].split() for row in table("## Retries").values()]
    documented = [timedelta(**{UNITS[unit]: int(number)}) for number, unit in waits]
    assert documented == list(Retries().delays)
    assert [int(number) for number in table("## Retries")] == list(range(1, len(documented) + 1))
    assert f"up to {Retries().jitter:.0%} by chance".replace("%", " %") in PAGE


def test_the_documented_outcomes_are_all_that_there_are_and_end_a_delivery_or_not():
    documented = table("## Answering")
    assert set(documented) == set(Outcome)
    for name, (_, follows) in documented.items():
        assert ("the next try" in follows) != is_final(Outcome(name))


@pytest.mark.parametrize("status", [200, 299, 300, 302, 404, 410, 429, 500, 503])
def test_the_documented_statuses_are_judged_so(status):
    outcome = Attempt.answered(status).outcome
    named = {int(number) for number in re.findall(r"\b[2-5]\d\d\b", table("## Answering")[outcome][0])}
    assert status in (set(range(200, 300)) if outcome is Outcome.DELIVERED else named or {status})


def test_the_documented_states_are_all_that_there_are():
    assert set(table("## Deliveries")) == set(DeliveryState)


def test_the_documented_limits_are_those_of_the_code():
    for number in (MOST_BODY_BYTES, MOST_ANSWER_BYTES, urls.MOST_CHARACTERS, signing.MOST_SECRET_BYTES):
        assert f"{number:,}" in PAGE
    assert f"up to {LONGEST_WAIT / timedelta(hours=1):.0f} hours" in PAGE
    assert f"{signing.KEY_BYTES[0]} to {signing.KEY_BYTES[-1]} bytes" in PAGE
    assert f"have {Settings().callback_seconds:.0f} seconds" in PAGE


def test_the_documented_networks_are_denied_and_the_example_opens_some():
    denied = pages.section(PAGE, "## Where callbacks may go").partition("An operator opens")[0]
    networks = [network for text in re.findall(r"`([0-9a-f:.]+/\d+)`", denied) for network in networks_of(text)]
    assert len(networks) > 5
    assert not any(AddressGuard().allows(str(network[1])) for network in networks)
    (toml,) = pages.blocks(PAGE, "toml")
    opened = networks_of(Settings(**tomllib.loads(toml)).callback_networks)
    assert all(AddressGuard(opened).allows(str(network[1])) for network in opened)
