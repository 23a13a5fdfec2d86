"""The answers of an item: in JSON and as HotDocs writes them, of the version in progress and of the item."""

import json
from decimal import Decimal
from typing import Any

import pytest

from soapsvc.rest.media import JSON, TEXT_XML, XML
from soapsvc.settings import Settings
from tests.conftest import KINDS
from tests.rest.conftest import Rest, Version, opened

ANSWERS = '{"Customer":"Adler","Amount":12.50,"Signed":true,"Due":"2026-12-01","Items":["pen","ink"]}'
IN_XML = (
    "<AnswerSet title='' version='1.1'>"
    "<Answer name='Customer'><TextValue>Adler</TextValue></Answer>"
    "<Answer name='Amount'><NumValue>12.50</NumValue></Answer>"
    "<Answer name='Signed'><TFValue>true</TFValue></Answer>"
    "<Answer name='Due'><DateValue>1/12/2026</DateValue></Answer>"
    "<Answer name='Items'><RptValue><TextValue>pen</TextValue><TextValue>ink</TextValue>"
    "<TextValue unans='true'/></RptValue></Answer></AnswerSet>"
)


def _at(version: Version) -> str:
    return f"{version.at}/AnswerSet/Content"


@pytest.mark.parametrize("kind", KINDS)
def test_answers_are_the_same_in_json_and_in_xml_and_numbers_stay_as_they_were_written(settings: Settings) -> None:
    with opened(settings) as rest:
        version = rest.begun()
        for body, content_type in (
            (ANSWERS, JSON),
            (IN_XML, XML),
            (IN_XML, TEXT_XML),
            (IN_XML, f"{XML};charset=utf-8"),
        ):
            rest.put(_at(version), {})
            written = rest.put(_at(version), body=body.encode(), content_type=content_type)
            assert (written.status, written.json["guid"]) == (200, version.item)
            assert rest.get(_at(version)).answer.body.decode() == ANSWERS
            read = rest.get(_at(version), accept=content_type.partition(";")[0])
            if content_type != JSON:
                assert read.headers["content-type"].startswith(content_type.partition(";")[0])
                assert b"<DateValue>1/12/2026</DateValue>" in read.answer.body


def test_put_replaces_all_answers_and_patch_changes_those_that_it_names(rest: Rest) -> None:
    version = rest.begun()
    rest.put(_at(version), {"Customer": "Adler", "Signed": True})
    assert rest.call("PATCH", _at(version), {"Signed": False}).headers["etag"] == '"3"'
    assert rest.get(_at(version)).json["Customer"] == "Adler"
    rest.put(_at(version), {"Signed": True})
    assert rest.get(_at(version)).json == {"Customer": None, "Amount": None, "Signed": True, "Due": None, "Items": []}


def test_answers_are_the_sessions_until_it_is_saved_and_then_the_items(rest: Rest) -> None:
    version = rest.begun()
    rest.put(_at(version), {"Customer": "Adler"})
    assert all(not field.values for field in rest.stored(version.item).fields)
    rest.put(f"{version.path}/SaveAndClose")
    assert rest.stored(version.item).fields[0].values == ("Adler",)
    changed = rest.call("PATCH", _at(version), {"Customer": "Bär"})
    assert (changed.status, changed.headers["etag"]) == (200, '"4"')
    assert rest.stored(version.item).fields[0].values == ("Bär",)


def test_before_any_version_and_after_a_failure_answers_cannot_be_changed(rest: Rest) -> None:
    item = rest.item()
    answer = rest.put(f"/WorkItems/{item.guid}/AnswerSet/Content", {"Customer": "a"})
    assert answer.problem == (409, "wrong-state")
    assert rest.stored(item.guid) == item


REFUSED: list[tuple[bytes, str, tuple[int, str]]] = [
    (b"{", JSON, (400, "bad-request")),
    (b"{Customer: 1}", JSON, (400, "bad-request")),
    (b"\xff", JSON, (400, "bad-request")),
    (b"", JSON, (400, "bad-request")),
    (b'{"Customer":' + b"[" * 5_000, JSON, (400, "bad-request")),
    (b'{"Amount":1e9999999999999999999}', JSON, (422, "invalid")),
    (b"[]", JSON, (422, "invalid")),
    (b"null", JSON, (422, "invalid")),
    (b'{"Nobody":"a"}', JSON, (422, "invalid")),
    (b'{"Customer":1}', JSON, (422, "invalid")),
    (b'{"Customer":"\\u0000"}', JSON, (400, "bad-request")),
    (b'{"\\u0000":"a"}', JSON, (400, "bad-request")),
    (b'{"Items":["\\u0000"]}', JSON, (400, "bad-request")),
    (b'{"Customer":"\\ud800"}', JSON, (400, "bad-request")),
    (b'{"Customer":"\\u0001"}', JSON, (422, "invalid")),
    (b'{"Customer":{}}', JSON, (422, "invalid")),
    (b'{"Amount":"1"}', JSON, (422, "invalid")),
    (b'{"Amount":true}', JSON, (422, "invalid")),
    (b'{"Amount":1e400}', JSON, (422, "invalid")),
    (b'{"Items":[["a"]]}', JSON, (422, "invalid")),
    (b'{"Items":{"a":1}}', JSON, (422, "invalid")),
    (b'{"Due":"yesterday"}', JSON, (422, "invalid")),
    (b"<AnswerSet>", XML, (400, "bad-request")),
    (b"<!DOCTYPE a [<!ENTITY b 'c'>]><AnswerSet>&b;</AnswerSet>", XML, (400, "bad-request")),
    (b"<Other/>", XML, (400, "bad-request")),
    (b"{}", "text/plain", (415, "unsupported-media-type")),
    (b"{}", "application/json; charset=utf-16", (415, "unsupported-media-type")),
]


@pytest.mark.parametrize(("body", "content_type", "problem"), REFUSED)
def test_answers_that_cannot_be_read_or_held_are_refused_and_change_nothing(
    rest: Rest, body: bytes, content_type: str, problem: tuple[int, str]
) -> None:
    version = rest.begun()
    before = rest.stored(version.item)
    for method in ("PUT", "PATCH"):
        assert rest.call(method, _at(version), body=body, content_type=content_type).problem == problem
    assert rest.stored(version.item) == before


def test_a_compressed_body_is_refused_and_what_is_read_is_said(rest: Rest) -> None:
    version = rest.begun()
    packed = rest.put(_at(version), {}, content_encoding="gzip")
    assert packed.problem == (415, "unsupported-media-type")
    wrong = rest.put(_at(version), body=b"a=b", content_type="application/x-www-form-urlencoded")
    assert wrong.headers["accept"] == f"{JSON}, {XML}, {TEXT_XML}"


def test_what_nobody_can_give_is_not_acceptable(rest: Rest) -> None:
    version = rest.begun()
    assert rest.get(_at(version), accept="text/html").problem == (406, "not-acceptable")
    assert rest.get(version.at, accept=XML).problem == (406, "not-acceptable")
    assert rest.get(_at(version), accept="text/html, */*;q=0.1").status == 200


@pytest.mark.parametrize(
    "number", ["0", "-0.10", "1E+3", "123456789012345678901234567890.12", "0.1000000000000000000001"]
)
def test_a_number_is_not_rounded(rest: Rest, number: str) -> None:
    version = rest.begun()
    rest.put(_at(version), body=f'{{"Amount":{number}}}'.encode())
    shown: Any = json.loads(rest.get(_at(version)).answer.body, parse_float=Decimal, parse_int=Decimal)
    assert shown["Amount"] == Decimal(number)
