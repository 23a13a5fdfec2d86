"""Problems: each error becomes one, each is told in its form, and none tells what it should not."""

import json
import re
from typing import Any

import pytest

from soapsvc.domain import errors, version_errors
from soapsvc.rest import problems
from soapsvc.rest.problems import KINDS, PROBLEMS, problem_for
from soapsvc.settings import Settings
from tests.conftest import KINDS as KINDS_OF_DATABASES
from tests.rest.conftest import Rest, opened

HIDDEN = {
    "the database is at 10.0.0.1": errors.StorageUnavailable("the database is at 10.0.0.1"),
    "the commit of 10.0.0.1": errors.OutcomeUnknown("the commit of 10.0.0.1"),
    "a password": RuntimeError("a password"),
}


def _errors(base: type[Any]) -> set[type[Any]]:
    return {one for direct in base.__subclasses__() for one in {direct} | _errors(direct)}


def test_every_error_that_a_caller_can_meet_has_a_problem_and_nothing_else_has() -> None:
    assert {error for error in _errors(errors.WorkItemServiceError) if error.__module__.startswith("soapsvc")} == set(
        PROBLEMS
    )


def test_every_kind_has_a_status_and_a_name_of_its_own() -> None:
    assert {400, 401, 403, 404, 405, 406, 409, 412, 413, 415, 422, 428, 429, 503} <= {
        one.status for one in KINDS.values()
    }
    assert len({one.title for one in KINDS.values()}) == len(KINDS)
    assert all(re.fullmatch(r"[a-z]+(-[a-z]+)*", name) for name in KINDS)
    assert set(PROBLEMS.values()) <= set(KINDS.values())


@pytest.mark.parametrize("text", HIDDEN)
def test_what_is_the_services_own_fault_is_logged_and_not_told(text: str, caplog: pytest.LogCaptureFixture) -> None:
    answer = problem_for(HIDDEN[text])
    assert answer.status in {500, 503}
    assert text not in answer.body.decode()
    assert text in caplog.text
    assert (answer.status == 503) == ("retry-after" in dict(answer.headers))


def test_a_problem_tells_its_type_its_code_and_its_parameters() -> None:
    told = json.loads(problem_for(version_errors.SessionInProgress(7, "the version")).body)
    assert told == {
        "type": "urn:soapsvc:problem:version-in-progress",
        "title": problems.IN_PROGRESS.title,
        "status": 409,
        "detail": "The work item with id = 7 is open already, in the version the version",
        "code": "BRM_VERSION_IN_PROGRESS",
        "parameters": ["7", "the version"],
    }


def test_a_wrong_member_is_pointed_at(rest: Rest) -> None:
    item = rest.item()
    for body, pointer in (
        ({"forceCreate": "yes"}, "#/forceCreate"),
        ({"unknown": 1}, "#"),
        ({"version": -1}, "#/version"),
        ([], "#"),
    ):
        told = rest.post(f"/WorkItems/{item.guid}/Versions", body)
        assert told.problem == (422, "invalid")
        assert told.json["errors"][0]["pointer"] == pointer
    assert rest.stored(item.guid) == item


NAMED_BY_CLIENTS = ("name", "description", "workGroupId", "templatePackageId", "workTypeId")
SOME_GUID = "7c5c9d8e-9e7d-4d4d-9d9d-7b7c8e6f5a3f"


@pytest.mark.parametrize("guid", ["1", "{}", f"{SOME_GUID}}}", f"{{{SOME_GUID}", f"urn:uuid:{SOME_GUID}"])
def test_what_is_no_guid_is_refused(rest: Rest, guid: str) -> None:
    version = rest.begun()
    assert rest.get(f"/WorkItems/{guid}").problem == (400, "bad-guid")
    assert rest.put(f"/WorkItems/{guid}", {"name": "Lease"}, user="supervisor").problem == (400, "bad-guid")
    for path in (
        f"/Versions/{guid}",
        f"/Versions/{guid}/Status",
        f"/Versions/{version.session}/Documents/{guid}/Content",
    ):
        assert rest.get(f"{version.at}{path}").problem == (400, "bad-guid")


@pytest.mark.parametrize("kind", KINDS_OF_DATABASES)
def test_a_character_that_no_database_keeps_is_refused_wherever_it_stands(settings: Settings) -> None:
    text = "a\0b"
    with opened(settings) as rest:
        version = rest.begun()
        begin = f"{version.at}/Versions/{SOME_GUID}"
        told = [
            *(rest.post("/WorkItems", {"name": "Lease", name: text}, user="supervisor") for name in NAMED_BY_CLIENTS),
            rest.post("/WorkItems", {"name": "Lease", "answers": {text: "a"}}, user="supervisor"),
            rest.post("/WorkItems", {"name": "Lease", "answers": {"a": [text]}}, user="supervisor"),
            rest.put(begin, {"answers": {"Customer": text}, "forceCreate": True}),
            rest.put(f"{version.path}/SaveAndClose", {"callbackUrl": f"https://example.org/{text}"}),
            rest.get("/WorkGroups/a\0b/WorkItems", user="supervisor"),
            rest.get("/WorkItems?filter=name%3D'a%00b'"),
            rest.get("/WorkItems?cursor=%00"),
            rest.post("/WorkItems", {"name": "Lease"}, user="supervisor", idempotency_key=text),
        ]
        assert {one.problem for one in told} == {(400, "bad-request"), (422, "invalid")}
        assert rest.get("/WorkItems", user="supervisor").json["items"] == []


def test_a_text_that_only_looks_like_that_character_is_taken(rest: Rest) -> None:
    body = b'{"name":"\\\\u0000"}'
    made = rest.post("/WorkItems", body=body, user="supervisor")
    assert (made.status, made.json["name"]) == (201, "\\u0000")


def test_a_method_that_a_resource_does_not_know_is_told_those_that_it_knows(rest: Rest) -> None:
    version = rest.begun()
    for path, allowed in (
        (version.at, "GET, HEAD, PUT"),
        (f"{version.path}/SaveAndClose", "PUT"),
        (f"{version.at}/AnswerSet/Content", "GET, HEAD, PATCH, PUT"),
        (f"{version.at}/Versions", "GET, HEAD, POST"),
    ):
        told = rest.call("DELETE", path)
        assert (told.problem, told.headers["allow"]) == ((405, "method-not-allowed"), allowed)


def test_a_page_of_another_site_changes_nothing(rest: Rest) -> None:
    version = rest.begun()
    for site, status in (("cross-site", 403), ("same-origin", 200), ("none", 200)):
        told = rest.put(f"{version.path}/SaveAndClose", sec_fetch_site=site)
        assert told.status == status
        assert rest.get(version.at, sec_fetch_site=site).status == 200


def test_a_head_is_as_a_get_without_its_body(rest: Rest) -> None:
    version = rest.begun()
    head, get = rest.call("HEAD", version.at), rest.get(version.at)
    assert (head.status, dict(head.headers)) == (200, dict(get.headers))
    assert head.answer.body == b""


def test_a_body_that_is_too_large_is_refused(settings: Settings) -> None:
    with opened(settings, message_bytes=1_000) as rest:
        version = rest.begun()
        told = rest.put(f"{version.at}/AnswerSet/Content", {"Customer": "x" * 1_000})
        assert (told.problem, told.headers["connection"]) == ((413, "too-large"), "close")


def test_who_tried_too_often_is_told_when_to_try_again(settings: Settings) -> None:
    with opened(settings, throttle_account_failures=1) as rest:
        first, *_, last = [rest.get("/WorkItems", password="wrong") for _ in range(3)]
        assert (first.problem, last.problem) == ((401, "not-authenticated"), (429, "too-many-requests"))
        assert int(last.headers["retry-after"]) > 0
        assert "www-authenticate" not in last.headers


def test_an_answer_is_kept_by_nobody_and_taken_for_nothing_else(rest: Rest) -> None:
    version = rest.begun()
    for told in (rest.get(version.at), rest.get("/Nothing"), rest.put(f"{version.path}/SaveAndClose")):
        assert (told.headers["cache-control"], told.headers["x-content-type-options"]) == ("no-store", "nosniff")


def test_refusals_are_recorded_in_the_audit_log(settings: Settings) -> None:
    with opened(settings) as rest:
        version = rest.begun()
        rest.get(version.at, user="carl")
        rest.get(version.at, user="ana", password="wrong")
        rest.service.witness.close()
        page = rest.soap.ask("getAuditEntries", "", user="supervisor").body.decode()
    assert f"getWorkItem: work item {version.item}" in page
    assert 'subject="ana"' in page
