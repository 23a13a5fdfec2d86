"""The published examples of SaveAndClose, Complete and their settings, to the letter."""

import json
import threading
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from soapsvc import settings as settings_module
from soapsvc.settings import Settings
from tests.conftest import KINDS
from tests.rest.conftest import BASE, PUBLIC, SECONDS, Rest, Version, opened, until
from tests.support.receivers import Receiver, answering, receiving_in_thread

ITEM, SESSION = "2d9f3d10-6fdb-494f-9929-955515c6f114", "7c5c9d8e-9e7d-4d4d-9d9d-7b7c8e6f5a3f"
PUBLISHED_PATH = f"/WorkItems/{ITEM}/Versions/{{{SESSION}}}/SaveAndClose"
"""With one GUID bare, and one in braces."""

SLOW = {"save_and_close_session_synchronous_timeout_ms": 1, "complete_session_synchronous_timeout_ms": 1}


class Gate:
    """What SaveAndClose does before the save: it waits until a test lets it go on."""

    def __init__(self) -> None:
        self._is_open = threading.Event()

    def __call__(self, _: Any) -> Any:
        assert self._is_open.wait(SECONDS)
        return ()

    def open(self) -> None:
        self._is_open.set()


def _created(rest: Rest, item: str = "", session: str = "") -> Version:
    version = Version(item or str(uuid.uuid4()), session or str(uuid.uuid4()))
    assert rest.put(version.at, {"name": "Lease"}, user="supervisor").status == 201
    assert rest.put(version.path, user="supervisor").status == 201
    return version


@contextmanager
def _held(settings: Settings, **changes: Any) -> Iterator[tuple[Rest, Gate]]:
    gate = Gate()
    with opened(settings, saving=gate, **changes) as rest:
        try:
            yield rest, gate
        finally:
            gate.open()


def test_the_published_address_saves_and_closes(rest: Rest) -> None:
    version = _created(rest, ITEM, SESSION)
    for path in (PUBLISHED_PATH, PUBLISHED_PATH.lower(), PUBLISHED_PATH.upper()):
        saved = rest.put(path, user="supervisor")
        assert (saved.status, saved.json) == (200, {"status": "Saved", "statusUrl": version.status_url})
        assert saved.headers["etag"] == '"2"'


@pytest.mark.parametrize("base", [BASE, BASE.lower(), BASE.upper(), "/api/rest/v2.0", "/API/REST/V2.0"])
def test_both_bases_are_served_in_any_case(rest: Rest, base: str) -> None:
    version = _created(rest)
    saved = rest.put(f"{version.path}/SaveAndClose", base=base, user="supervisor")
    assert (saved.status, saved.json["statusUrl"]) == (200, version.status_url)


def test_the_published_body_is_no_json_and_is_refused(rest: Rest) -> None:
    version = _created(rest)
    body = b'{\ncallbackUrl: "string",\ncallbackSecret: "string"\n}'
    assert rest.put(f"{version.path}/SaveAndClose", body=body, user="supervisor").problem == (400, "bad-request")
    assert rest.stored(version.item).version == 1


@pytest.mark.parametrize("kind", KINDS)
def test_what_takes_longer_is_answered_202_and_its_status_url_tells_when_it_is_saved(settings: Settings) -> None:
    with _held(settings, **SLOW) as (rest, gate):
        version = _created(rest)
        saving = rest.put(f"{version.path}/SaveAndClose", user="supervisor")
        assert (saving.status, saving.json) == (202, {"status": "Saving", "statusUrl": version.status_url})
        assert saving.headers["location"] == saving.headers["content-location"] == version.status_url
        assert saving.headers["retry-after"] == "1"
        assert saving.headers["etag"] == '"1"'
        status = version.status_url.removeprefix(f"{PUBLIC}{BASE}")
        assert rest.get(status, user="supervisor").json["status"] == "Saving"
        gate.open()
        until(lambda: rest.get(status, user="supervisor").json["status"] == "Saved")
        assert rest.get(status, user="supervisor").headers["etag"] == '"2"'


MODES = [("split", 200, 202), ("always200", 200, 200), ("always202", 202, 202)]


@pytest.mark.parametrize(("mode", "done", "going_on"), MODES)
def test_the_response_code_is_as_the_setting_wants_it_and_the_body_the_same(
    settings: Settings, mode: Any, done: int, going_on: int
) -> None:
    with _held(settings, response_code=mode, **SLOW) as (rest, gate):
        version = _created(rest)
        saving = rest.put(f"{version.path}/SaveAndClose", user="supervisor")
        gate.open()
        until(lambda: rest.get(f"{version.path}/Status", user="supervisor").json["status"] == "Saved")
        saved = rest.put(f"{version.path}/SaveAndClose", user="supervisor")
    assert [(one.status, one.json) for one in (saving, saved)] == [
        (going_on, {"status": "Saving", "statusUrl": version.status_url}),
        (done, {"status": "Saved", "statusUrl": version.status_url}),
    ]
    for one in (saving, saved):
        assert one.headers["content-location"] == version.status_url
        assert ("location" in one.headers) == ("retry-after" in one.headers) == (one.status == 202)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("operation", ["SaveAndClose", "Complete"])
def test_with_a_callback_it_is_always_asynchronous_and_the_final_status_is_posted_once(
    settings: Settings, operation: str
) -> None:
    told = threading.Event()
    with (
        receiving_in_thread(answering(200)) as receiver,
        opened(settings, callback_http=True, callback_networks="127.0.0.0/8") as rest,
    ):
        receiver.on_request = told.set
        version = _created(rest)
        url = f"http://127.0.0.1:{receiver.port}/hook?token=x"
        answer = rest.put(f"{version.path}/{operation}", {"callbackUrl": url}, user="supervisor")
        assert answer.status == 202
        assert told.wait(SECONDS)
        final = "Saved" if operation == "SaveAndClose" else "Completed"
        until(lambda: _deliveries(rest, version)[0]["state"] == "delivered")
        (delivery,) = _deliveries(rest, version)
    _check_event(receiver, version, final)
    assert delivery["url"] == url.partition("?")[0]
    assert delivery["webhookId"] == receiver.requests[0].headers["webhook-id"]


def _deliveries(rest: Rest, version: Version) -> Any:
    return rest.get(f"{version.path}/Deliveries", user="supervisor").json["deliveries"]


def _check_event(receiver: Receiver, version: Version, final: str) -> None:
    (request,) = receiver.requests
    event = json.loads(request.body)
    assert (event["status"], event["statusUrl"]) == (final, version.status_url)
    assert event["data"]["version"] == 2


PUBLISHED_SETTINGS = {
    "SaveAndCloseSessionSynchronousTimeoutMs": ("save_and_close_session_synchronous_timeout_ms", 20_000),
    "SaveAndCloseSessionSynchronousPollingIntervalMs": (
        "save_and_close_session_synchronous_polling_interval_ms",
        5_000,
    ),
    "CompleteSessionSynchronousTimeoutMs": ("complete_session_synchronous_timeout_ms", 20_000),
    "CompleteSessionSynchronousPollingIntervalMs": ("complete_session_synchronous_polling_interval_ms", 5_000),
}


@pytest.mark.parametrize("published", PUBLISHED_SETTINGS)
def test_the_published_settings_have_their_published_names_and_defaults(published: str) -> None:
    ours, default = PUBLISHED_SETTINGS[published]
    assert getattr(Settings(), ours) == default
    assert getattr(settings_module.load({}, {published: "7"}).settings, ours) == 7


def test_the_misspelt_setting_is_taken_with_a_warning(caplog: pytest.LogCaptureFixture) -> None:
    given = {"SaveAndClossSessionSynchronousTimeoutMs": "7"}
    assert settings_module.load({}, given).settings.save_and_close_session_synchronous_timeout_ms == 7
    assert "SaveAndCloseSessionSynchronousTimeoutMs" in caplog.text


def test_a_guid_of_the_clients_is_the_versions_and_the_items(rest: Rest) -> None:
    version = Version(str(uuid.uuid4()).upper(), f"{{{uuid.uuid4()}}}")
    created = rest.put(version.at, {"name": "Lease"}, user="supervisor")
    assert (created.status, created.json["guid"]) == (201, version.item.lower())
    assert rest.put(version.path, user="supervisor").json["versionId"] == version.session.strip("{}")
