"""Requests with an Idempotency-Key: done once, answered every time."""

import threading
import uuid
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
import sqlalchemy as sa

from soapsvc.settings import Settings
from soapsvc.storage.version_tables import idempotent_request
from tests.conftest import KINDS
from tests.rest.conftest import SECONDS, Rest, opened

NEW = {"name": "Lease"}


def _key() -> str:
    return str(uuid.uuid4())


@pytest.mark.parametrize("kind", KINDS)
def test_a_request_that_comes_again_is_answered_again_and_done_once(settings: Settings) -> None:
    with opened(settings) as rest:
        key, guid = _key(), str(uuid.uuid4())
        first = rest.put(f"/WorkItems/{guid}", NEW, user="supervisor", idempotency_key=key)
        again = rest.put(f"/WorkItems/{guid}", NEW, user="supervisor", idempotency_key=key)
        assert (first.status, first.answer) == (201, again.answer)
        made = [rest.post("/WorkItems", NEW, user="supervisor", idempotency_key="twice") for _ in range(2)]
        assert made[0].answer == made[1].answer
        assert len(rest.get("/WorkItems", user="supervisor").json["items"]) == 2


def test_a_key_is_for_one_request_of_one_caller(rest: Rest) -> None:
    key = _key()
    assert rest.post("/WorkItems", NEW, user="supervisor", idempotency_key=key).status == 201
    for changed in (
        rest.post("/WorkItems", {"name": "Other"}, user="supervisor", idempotency_key=key),
        rest.put(f"/WorkItems/{uuid.uuid4()}", NEW, user="supervisor", idempotency_key=key),
    ):
        assert changed.problem == (422, "idempotency-key-reused")
    version, other = rest.begun(), rest.begun()
    assert rest.put(version.path, {"answers": {}}, idempotency_key=key).status == 200
    assert rest.put(other.path, {"answers": {}}, idempotency_key=key).problem == (422, "idempotency-key-reused")


@pytest.mark.parametrize("key", ["", "x" * 256, "\x7f"])
def test_a_key_that_is_none_is_refused(rest: Rest, key: str) -> None:
    answer = rest.post("/WorkItems", NEW, user="supervisor", idempotency_key=key)
    assert answer.problem == (400, "bad-request")


def test_a_request_that_failed_may_be_tried_again_with_its_key(rest: Rest) -> None:
    version = rest.begun()
    key = _key()
    path = f"{version.path}/SaveAndClose"
    assert rest.put(path, {"version": 7}, idempotency_key=key).problem == (409, "version-conflict")
    assert rest.put(path, {"version": 1}, idempotency_key=key).status == 200
    assert rest.put(path, {"version": 7}, idempotency_key=key).problem == (422, "idempotency-key-reused")


def test_reading_pays_no_heed_to_a_key(rest: Rest) -> None:
    version = rest.begun()
    key = _key()
    assert [rest.get(path, idempotency_key=key).status for path in (version.at, version.path)] == [200, 200]


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("name", ["SaveAndClose", "Complete", "CreateAndAssemble"])
def test_an_operation_that_was_waited_for_is_answered_again(settings: Settings, name: str) -> None:
    with opened(settings) as rest:
        version = rest.begun()
        answers = [rest.put(f"{version.path}/{name}", {}, idempotency_key="once") for _ in range(2)]
        assert answers[0].answer == answers[1].answer
        assert answers[0].headers["etag"] == '"2"'


def test_a_request_whose_first_is_being_answered_is_told_so(settings: Settings) -> None:
    going, may_end = threading.Event(), threading.Event()

    def saving(_: Any) -> Any:
        going.set()
        assert may_end.wait(SECONDS)
        return ()

    with opened(settings, saving=saving) as rest, ThreadPoolExecutor(1) as pool:
        version = rest.begun()
        path = f"{version.path}/SaveAndClose"
        first = pool.submit(rest.put, path, {}, idempotency_key="once")
        assert going.wait(SECONDS)
        for _ in range(3):  # who is told so does not set the key free
            assert rest.put(path, {}, idempotency_key="once").problem == (409, "idempotency-key-in-use")
        assert rest.put(path, {}, prefer="respond-async").json["status"] == "Saving"
        may_end.set()
        assert first.result(SECONDS).json["status"] == "Saved"
        assert rest.put(path, {}, idempotency_key="once").answer == first.result().answer


def test_what_is_kept_says_nothing_of_the_secret_in_a_request(settings: Settings) -> None:
    with opened(settings, callback_http=True, callback_networks="127.0.0.0/8") as rest:
        version = rest.begun()
        body = {"callbackUrl": "http://127.0.0.1:9/", "callbackSecret": "a secret of ana's"}
        assert rest.put(f"{version.path}/SaveAndClose", body, idempotency_key="once").status == 202
        rows = rest.database.read(lambda tx: tx.connection.execute(sa.select(idempotent_request)).all()).result(10)
        assert len(rows) == 1
        assert "secret" not in str(rows)
