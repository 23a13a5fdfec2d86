"""How long SaveAndClose and Complete are waited for: as the settings, the client and the number of waiters want it."""

import threading
import time
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from soapsvc.settings import Settings
from tests.rest.conftest import SECONDS, Rest, Version, opened, until

POLLING = "save_and_close_session_synchronous_polling_interval_ms"
TIMEOUT = "save_and_close_session_synchronous_timeout_ms"


class Gate:
    """What SaveAndClose does before the save: it says that it began, and waits until it may end."""

    def __init__(self) -> None:
        self.began, self.may_end = threading.Semaphore(0), threading.Event()

    def __call__(self, _: Any) -> Any:
        self.began.release()
        assert self.may_end.wait(SECONDS)
        return ()


def _save(rest: Rest, version: Version, body: Any = None, **headers: str) -> Any:
    return rest.put(f"{version.path}/SaveAndClose", body, **headers)


PREFERRED = [
    ("respond-async", "respond-async"),
    ("wait=0", "wait=0"),
    ("wait=1", "wait=1"),
    ("respond-async, wait=1", "respond-async, wait=1"),
    ('foo; bar, wait="1"', "wait=1"),
]


@pytest.mark.parametrize(("prefer", "applied"), PREFERRED)
def test_a_client_may_wait_shorter_than_the_setting(settings: Settings, prefer: str, applied: str) -> None:
    gate = Gate()
    with opened(settings, saving=gate) as rest:
        version = rest.begun()
        began = time.monotonic()
        told = _save(rest, version, prefer=prefer)
        gate.may_end.set()
    assert (told.status, told.json["status"]) == (202, "Saving")
    assert (told.headers["preference-applied"], told.headers["vary"]) == (applied, "Prefer")
    assert time.monotonic() - began < SECONDS / 2


def test_a_client_cannot_wait_longer_than_the_setting(settings: Settings) -> None:
    gate = Gate()
    with opened(settings, saving=gate, **{TIMEOUT: 20}) as rest:
        told = _save(rest, rest.begun(), prefer="wait=600")
        gate.may_end.set()
    assert (told.status, told.json["status"]) == (202, "Saving")
    assert "preference-applied" not in told.headers


def test_a_preference_is_no_hindrance_where_it_is_done_in_time(rest: Rest) -> None:
    told = _save(rest, rest.begun(), prefer="wait=15")
    assert (told.status, told.json["status"], told.headers["preference-applied"]) == (200, "Saved", "wait=15")


def test_timeout_0_is_always_asynchronous(settings: Settings) -> None:
    gate = Gate()
    with opened(settings, saving=gate, **{TIMEOUT: 0}) as rest:
        told = _save(rest, rest.begun())
        gate.may_end.set()
    assert (told.status, told.json["status"]) == (202, "Saving")


def test_who_waits_is_woken_and_does_not_poll(settings: Settings) -> None:
    gate = Gate()
    with opened(settings, saving=gate, **{POLLING: 0}) as rest, ThreadPoolExecutor(1) as pool:
        version = rest.begun()
        waiting = pool.submit(_save, rest, version)
        assert gate.began.acquire(timeout=SECONDS)
        gate.may_end.set()
        assert waiting.result(SECONDS).json["status"] == "Saved"


def test_past_the_limit_of_waiters_it_is_answered_at_once_and_goes_on(settings: Settings) -> None:
    gate = Gate()
    with opened(settings, saving=gate, waiters=20, save_slots=40) as rest, ThreadPoolExecutor(20) as pool:
        versions = [rest.begun() for _ in range(25)]
        waiting = [pool.submit(_save, rest, version) for version in versions[:20]]
        for _ in waiting:
            assert gate.began.acquire(timeout=SECONDS)
        for version in versions[20:]:
            assert (_save(rest, version).status, _status(rest, version)) == (202, "Saving")
        assert (
            rest.soap.ask("getWorkItemHeader", f'<workItemID id="{rest.stored(versions[0].item).id}"/>').status == 200
        )
        gate.may_end.set()
        assert {one.result(SECONDS).json["status"] for one in waiting} == {"Saved"}
        until(lambda: all(_status(rest, version) == "Saved" for version in versions))


def _status(rest: Rest, version: Version) -> str:
    told: str = rest.get(f"{version.path}/Status").json["status"]
    return told


def test_while_it_is_at_work_no_other_door_and_no_other_request_can_write_the_item(settings: Settings) -> None:
    gate = Gate()
    with opened(settings, saving=gate, callback_http=True, callback_networks="127.0.0.0/8") as rest:
        version = rest.begun()
        first = _save(rest, version, prefer="respond-async")
        before = rest.stored(version.item)
        for path, body in (
            (f"{version.at}/AnswerSet/Content", {"Customer": "a"}),
            (version.path, {"answers": {"Customer": "a"}}),
            (f"{version.at}/Versions/{version.item}", {"forceCreate": True}),
            (f"{version.path}/Complete", {}),
            (f"{version.path}/SaveAndClose", {"callbackUrl": "http://127.0.0.1:9/"}),
        ):
            assert rest.put(path, body).status == 409
        closed = rest.soap.ask("closeWorkItem", f'<workItemID id="{before.id}"/>')
        assert b"BRM_WORKITEM_WRONG_STATE" in closed.body
        assert rest.stored(version.item) == before
        again = _save(rest, version, prefer="respond-async", if_match='"77"')
        assert (again.status, again.json) == (202, first.json)
        gate.may_end.set()
        until(lambda: _status(rest, version) == "Saved")
        assert rest.stored(version.item).version == before.version + 1


CALLBACKS = [
    {"callbackUrl": "string"},
    {"callbackUrl": ""},
    {"callbackUrl": "http://example.org/"},
    {"callbackUrl": "https://127.0.0.1/"},
    {"callbackUrl": "https://169.254.169.254/"},
    {"callbackUrl": "https://user:password@example.org/"},
    {"callbackUrl": "https://93.184.216.34/", "callbackSecret": "whsec_short"},
    {"callbackSecret": "a secret without an address"},
]


@pytest.mark.parametrize("body", CALLBACKS, ids=str)
def test_a_callback_that_cannot_be_told_is_refused_before_anything_changes(rest: Rest, body: Any) -> None:
    version = rest.begun()
    before = rest.stored(version.item)
    told = _save(rest, version, body)
    assert told.problem == (400, "bad-request")
    assert "password" not in str(told.json)
    assert rest.stored(version.item) == before
    assert _status(rest, version) == "In Progress"


def test_a_replay_needs_the_secret_of_a_signed_delivery_again(settings: Settings) -> None:
    changes = {"callback_http": True, "callback_networks": "127.0.0.0/8", "callback_retries": "1"}
    with opened(settings, **changes) as rest:
        version = rest.begun()
        url = "http://127.0.0.1:9/"  # nobody listens there
        told = _save(rest, version, {"callbackUrl": url, "callbackSecret": "secret"})
        assert told.status == 202
        deliveries = f"{version.path}/Deliveries"
        until(lambda: bool(rest.get(deliveries).json["deliveries"]))
        (delivery,) = rest.get(deliveries).json["deliveries"]
        replay = f"{deliveries}/{delivery['id']}/Replay"
        assert rest.post(replay, {}).problem == (400, "bad-request")
        assert rest.post(replay, {"callbackSecret": "secret"}).problem == (409, "wrong-state")
        until(lambda: rest.get(deliveries).json["deliveries"][0]["state"] == "exhausted")
        again = rest.post(replay, {"callbackSecret": "secret"})
        assert (again.status, again.json["state"], again.json["webhookId"]) == (202, "pending", delivery["webhookId"])
        assert "secret" not in again.answer.body.decode().replace("callbackSecret", "")
