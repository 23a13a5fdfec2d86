"""A document that is added over REST: its bytes, its media type, its name, its place, and on which conditions."""

import uuid
from typing import Any

import pytest
import sqlalchemy as sa

from soapsvc.domain.version_session import SessionState
from soapsvc.rest import openapi
from soapsvc.rest.services import Urls
from soapsvc.settings import Settings
from soapsvc.storage.tables import version_session
from tests.conftest import KINDS
from tests.rest.conftest import BASE, PUBLIC, Rest, Told, Version, opened

PDF = {"content_type": "application/pdf", "content_disposition": 'attachment; filename="lease.pdf"'}


def post_processed(rest: Rest) -> Version:
    """Have ana begin a version, and put it into post-processing by force."""
    version = rest.begun()
    columns = {"state": SessionState.POST_PROCESSING, "operation_id": "one"}
    change = sa.update(version_session).where(version_session.c.guid == version.session).values(**columns)
    rest.database.write(lambda tx: tx.connection.execute(change)).result(10)
    return version


def add(rest: Rest, version: Version, query: str = "", body: bytes = b"%PDF", **headers: Any) -> Told:
    return rest.put(f"{version.path}/Documents{query}", body=body, **{**PDF, **headers})


def names(rest: Rest, version: Version) -> list[str]:
    return [one["name"] for one in rest.get(f"{version.path}/Documents").json["documents"]]


@pytest.mark.parametrize("kind", KINDS)
def test_a_document_is_added_at_its_place_listed_and_read(settings: Settings) -> None:
    with opened(settings) as rest:
        version = post_processed(rest)
        last = add(rest, version, content_disposition="attachment; filename=last", content_type="text/plain")
        added = add(rest, version, "?assembledorder=0")
        listed = rest.get(f"{version.path}/Documents")
        content = rest.get(added.headers["location"].removeprefix(f"{PUBLIC}{BASE}"))
        assert (rest.stored(version.item).version, rest.get(version.path).json["status"]) == (1, "Post Processing")
    assert (added.status, added.headers["etag"]) == (201, '"1"')
    assert added.headers["location"] == added.json["contentUrl"]
    assert listed.json["documents"] == [added.json, {**last.json, "order": 1}]
    assert {name: added.json[name] for name in ("name", "mediaType", "size", "order")} == {
        "name": "lease.pdf", "mediaType": "application/pdf", "size": 4, "order": 0
    }  # fmt: skip
    assert (content.answer.body, content.headers["content-type"]) == (b"%PDF", "application/pdf")


@pytest.mark.parametrize(
    ("disposition", "name"),
    [
        (None, "document"),
        ("attachment", "document"),
        ('attachment; filename="a b; c.txt"', "a b; c.txt"),
        ('ATTACHMENT; FileName="a \\"b\\".txt"', 'a "b".txt'),
        ("attachment; filename*=UTF-8''%c3%84rger%20%E2%82%AC.txt", "Ärger €.txt"),
        ("attachment; filename=\"x.txt\"; filename*=UTF-8''%c3%84.txt", "Ä.txt"),
        ("attachment; filename*=UTF-8''%c3%84.txt; filename=\"x.txt\"", "Ä.txt"),
        ("attachment; filename=" + "x" * 255, "x" * 255),
    ],
)
def test_the_name_is_that_of_the_content_disposition(rest: Rest, disposition: str | None, name: str) -> None:
    version = post_processed(rest)
    headers = {"content_type": "text/plain"} | ({"content_disposition": disposition} if disposition else {})
    added = rest.put(f"{version.path}/Documents", body=b"x", **headers)
    assert (added.status, added.json["name"]) == (201, name)


@pytest.mark.parametrize(
    "disposition",
    [
        "attachment; filename=",
        'attachment; filename="../x"',
        'attachment; filename="C:\\\\x"',
        "attachment; filename=..",
        "attachment; filename*=UTF-8''a%2fb",
        "attachment; filename*=UTF-8''%ff",
        "attachment; filename*=UTF-8''a%00b",
        "attachment; filename*=UTF-8''a%0d%0ab",
        "attachment; filename=" + "x" * 256,
        "attachment; filename=a" + ";" * 2_000,
    ],
)
def test_a_name_that_is_none_of_a_file_is_refused(rest: Rest, disposition: str) -> None:
    version = post_processed(rest)
    assert add(rest, version, content_disposition=disposition).problem == (400, "bad-request")
    assert names(rest, version) == []


@pytest.mark.parametrize(
    "media_type", ["text/plain; charset=latin-1", 'a/b; c="d e"', "application/json", "a/" + "b" * 125]
)
def test_a_document_is_of_whatever_media_type_its_client_says(rest: Rest, media_type: str) -> None:
    version = post_processed(rest)
    added = add(rest, version, content_type=media_type)
    assert (added.status, added.json["mediaType"]) == (201, media_type)


def test_a_document_whose_media_type_is_not_said_is_of_none_in_particular(rest: Rest) -> None:
    version = post_processed(rest)
    assert add(rest, version, content_type="").json["mediaType"] == "application/octet-stream"


@pytest.mark.parametrize("media_type", ["text", "text/", "*/ *", "a/b;", "a/b; c", "a/b\x7f", "a/" + "b" * 126, "ä/b"])
def test_what_is_no_media_type_is_refused(rest: Rest, media_type: str) -> None:
    version = post_processed(rest)
    assert add(rest, version, content_type=media_type).problem == (400, "bad-request")


@pytest.mark.parametrize("order", ["-1", "1", "201", "9" * 30, "x", ""])
def test_a_place_that_there_is_not_is_refused(rest: Rest, order: str) -> None:
    version = post_processed(rest)
    assert add(rest, version, f"?assembledorder={order}").problem == (400, "bad-request")
    assert names(rest, version) == []


def test_outside_of_post_processing_nothing_is_added(rest: Rest) -> None:
    version = rest.begun()
    refused = add(rest, version)
    assert refused.problem == (409, "wrong-state")
    assert refused.json["parameters"][1:] == ["In Progress", "addDocument"]
    rest.put(f"{version.path}/Complete")
    assert add(rest, version).problem == (409, "wrong-state")


def test_a_document_is_added_at_the_version_of_if_match_only(rest: Rest) -> None:
    version = post_processed(rest)
    assert add(rest, version, if_match='"0"').problem == (412, "version-mismatch")
    assert add(rest, version, if_match='"1"').status == 201


def test_where_a_change_must_say_its_version_this_one_must_too(settings: Settings) -> None:
    with opened(settings, version_required=True) as rest:
        version = Version(rest.item().guid, str(uuid.uuid4()))
        assert rest.put(version.path, if_match='"0"').status == 201
        assert add(rest, version).problem == (428, "version-required")
        assert add(rest, version, if_match='"1"').problem == (409, "wrong-state")


def test_a_document_that_comes_again_with_its_key_is_added_once(rest: Rest) -> None:
    version = post_processed(rest)
    first, again = (add(rest, version, idempotency_key=version.session) for _ in range(2))
    assert (first.status, first.answer) == (201, again.answer)
    assert add(rest, version, body=b"other", idempotency_key=version.session).status == 422
    assert names(rest, version) == ["lease.pdf"]


def test_a_document_has_at_least_a_byte_is_not_compressed_and_is_no_larger_than_may_be(settings: Settings) -> None:
    with opened(settings, message_bytes=2_000, document_bytes=3_000) as rest:
        version = post_processed(rest)
        assert add(rest, version, body=b"").problem == (400, "bad-request")
        assert add(rest, version, content_encoding="gzip").problem == (415, "unsupported-media-type")
        assert add(rest, version, body=b"x" * 2_001).problem == (413, "too-large")
        assert add(rest, version, body=b"x" * 2_000).status == 201
        assert add(rest, version, body=b"x" * 1_001).problem == (409, "limit-reached")
        assert add(rest, version, body=b"x" * 1_000).status == 201


def test_the_description_says_that_the_body_is_a_file_and_how_it_is_named() -> None:
    described: Any = openapi.document(Urls(PUBLIC))["paths"]["/WorkItems/{workItemId}/Versions/{versionId}/Documents"]
    assert described["put"]["requestBody"] == {
        "required": True, "content": {"*/*": {"schema": {"type": "string", "format": "binary"}}}
    }  # fmt: skip
    shown = {one["name"]: one["in"] for one in described["put"]["parameters"]}
    assert (shown["assembledorder"], shown["Content-Disposition"]) == ("query", "header")
