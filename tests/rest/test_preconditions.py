"""Which version a change is based on: nothing is ever changed by who has not seen the latest."""

import uuid
from typing import Any

import pytest

from soapsvc.settings import Settings
from tests.conftest import KINDS
from tests.rest.conftest import Rest, Version, opened

WRITES = {
    "beginVersion": ("PUT", "VERSION", {}),
    "beginNewVersion": ("POST", "ITEM/Versions", {"forceCreate": True}),
    "saveAndClose": ("PUT", "VERSION/SaveAndClose", {}),
    "complete": ("PUT", "VERSION/Complete", {}),
    "createAndAssemble": ("PUT", "VERSION/CreateAndAssemble", {}),
    "replaceAnswers": ("PUT", "ITEM/AnswerSet/Content", {"Customer": "b"}),
    "changeAnswers": ("PATCH", "ITEM/AnswerSet/Content", {"Customer": "b"}),
}
HAVE_IT_IN_THE_BODY = set(WRITES) - {"replaceAnswers", "changeAnswers"}
READS = ("ITEM", "ITEM/Versions", "VERSION", "VERSION/Status", "VERSION/Documents", "ITEM/AnswerSet/Content")


def _call(rest: Rest, version: Version, name: str, more: Any = None, **headers: str) -> Any:
    method, path, content = WRITES[name]
    path = path.replace("VERSION", version.path).replace("ITEM", version.at)
    return rest.call(method, path, {**content, **(more or {})}, **headers)


def _saved_once(rest: Rest) -> Version:
    """Give a version whose item is at version 2, where a client might still be at 1."""
    version = rest.begun()
    assert rest.call("PATCH", f"{version.at}/AnswerSet/Content", {"Customer": "a"}).headers["etag"] == '"2"'
    return version


STALE = ['"1"', '"3"', '"0", "1"', 'W/"2"', '"x"', '""']


@pytest.mark.parametrize("tag", STALE)
@pytest.mark.parametrize("name", WRITES)
def test_a_stale_if_match_is_told_what_is_stored_and_changes_nothing(rest: Rest, name: str, tag: str) -> None:
    version = _saved_once(rest)
    before = rest.stored(version.item)
    answer = _call(rest, version, name, if_match=tag)
    assert answer.problem == (412, "version-mismatch")
    shown = answer.json
    assert (shown["currentVersion"], shown["state"], shown["owner"]) == (2, "OPENED", "GUID-of-ana")
    assert shown["suppliedVersion"] == {'"1"': 1, '"3"': 3, '"0", "1"': 0}.get(tag)
    assert rest.stored(version.item) == before
    assert rest.get(f"{version.path}/Status").json["status"] == "In Progress"


@pytest.mark.parametrize("name", sorted(HAVE_IT_IN_THE_BODY))
def test_a_stale_version_in_the_body_is_a_conflict(rest: Rest, name: str) -> None:
    version = _saved_once(rest)
    before = rest.stored(version.item)
    answer = _call(rest, version, name, {"version": 1})
    assert answer.problem == (409, "version-conflict")
    assert (answer.json["suppliedVersion"], answer.json["currentVersion"]) == (1, 2)
    assert rest.stored(version.item) == before


@pytest.mark.parametrize("name", sorted(HAVE_IT_IN_THE_BODY))
def test_if_match_decides_where_the_body_says_otherwise(rest: Rest, name: str) -> None:
    version = _saved_once(rest)
    assert _call(rest, version, name, {"version": 2}, if_match='"1"').problem == (412, "version-mismatch")
    assert _call(rest, version, name, {"version": 1}, if_match='"2"').status < 300


@pytest.mark.parametrize("tag", ['"2"', '"1", "2"', 'W/"1", "2"', "*"])
@pytest.mark.parametrize("name", WRITES)
def test_a_condition_that_holds_lets_the_change_be_made(rest: Rest, name: str, tag: str) -> None:
    version = _saved_once(rest)
    answer = _call(rest, version, name, if_match=tag)
    assert answer.status < 300, answer.json
    assert int(answer.headers["etag"].strip('"')) == rest.stored(version.item).version == 3


@pytest.mark.parametrize("path", READS)
def test_reading_too_may_be_bound_to_a_version(rest: Rest, path: str) -> None:
    version = _saved_once(rest)
    path = path.replace("VERSION", version.path).replace("ITEM", version.at)
    assert rest.get(path, if_match='"1"').problem == (412, "version-mismatch")
    held = rest.get(path, if_match='"2"')
    assert (held.status, held.headers["etag"]) == (200, '"2"')


@pytest.mark.parametrize("path", ["ITEM", "ITEM/AnswerSet/Content"])
def test_who_has_it_already_is_told_so(rest: Rest, path: str) -> None:
    version = _saved_once(rest)
    path = path.replace("ITEM", version.at)
    for tag in ('"2"', 'W/"2"', '"1", "2"', "*"):
        known = rest.get(path, if_none_match=tag)
        assert (known.status, known.answer.body, known.headers["etag"]) == (304, b"", '"2"')
    assert rest.get(path, if_none_match='"1"').status == 200


@pytest.mark.parametrize("tag", ["2", '"2', "W/2"])
def test_a_condition_that_cannot_be_read_is_refused(rest: Rest, tag: str) -> None:
    version = _saved_once(rest)
    assert _call(rest, version, "saveAndClose", if_match=tag).problem == (400, "bad-request")
    assert rest.get(version.at, if_none_match=tag).problem == (400, "bad-request")


def test_an_item_is_created_only_if_its_conditions_hold(rest: Rest) -> None:
    there, missing = f"/WorkItems/{rest.item().guid}", f"/WorkItems/{uuid.uuid4()}"
    new = {"name": "Lease"}
    for path, headers in (
        (there, {"if_none_match": "*"}),
        (missing, {"if_match": "*"}),
        (missing, {"if_match": '"0"'}),
    ):
        assert rest.put(path, new, user="supervisor", **headers).problem == (412, "precondition-failed")
    assert rest.put(there, new, user="supervisor", if_match="*").problem == (409, "already-exists")
    assert rest.put(missing, new, user="supervisor", if_none_match="*").status == 201


@pytest.mark.parametrize("kind", KINDS)
def test_where_a_version_is_required_a_change_without_one_is_refused(settings: Settings) -> None:
    with opened(settings, version_required=True) as rest:
        version = Version(rest.item().guid, str(uuid.uuid4()))
        assert rest.put(version.path, if_match='"0"').status == 201
        for name in WRITES:
            for headers in ({}, {"if_match": "*"}):
                assert _call(rest, version, name, **headers).problem == (428, "version-required")
        for name in sorted(HAVE_IT_IN_THE_BODY):
            assert _call(rest, version, name, {"version": 0}).problem == (409, "version-conflict")
        assert rest.stored(version.item).version == 1
        assert rest.get(version.at).status == 200
        assert rest.post("/WorkItems", {"name": "Lease"}, user="supervisor").status == 201
        assert _call(rest, version, "saveAndClose", {"version": 1}).status == 200


@pytest.mark.parametrize("name", ["saveAndClose", "complete"])
def test_a_repeat_is_recognised_before_its_version_is_judged(rest: Rest, name: str) -> None:
    version = _saved_once(rest)
    first = _call(rest, version, name, if_match='"2"')
    again = _call(rest, version, name, if_match='"2"')
    assert (again.status, again.json, again.headers["etag"]) == (200, first.json, '"3"')
    other = {"saveAndClose": "complete", "complete": "saveAndClose"}[name]
    assert _call(rest, version, other).problem[0] == 409
    assert rest.stored(version.item).version == 3
