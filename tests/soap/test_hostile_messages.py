"""Messages that are no SOAP requests, or are made to cost too much: a clear fault, quickly, and nothing changed."""

import re
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from hypothesis import HealthCheck, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from soapsvc.domain.data import Direction, Field, FieldType
from soapsvc.domain.work_item import WorkItem
from tests.conftest import Soap
from tests.soap.conftest import Start
from tests.support.soap import SOAP, Fault, content_of, envelope, request

SERVICE = "WorkItemManagementService"
API = "http://api.brm.n2.tibco.com"
SOAP12 = "http://www.w3.org/2003/05/soap-envelope"
CLOSE = '<api:closeWorkItem xmlns:api="http://api.brm.n2.tibco.com"><workItemID id="{id}"/></api:closeWorkItem>'
SECRET = "top-secret-4711"


@contextmanager
def within(seconds: float) -> Iterator[None]:
    started = time.perf_counter()
    yield
    assert time.perf_counter() - started < seconds


def _refused(soap: Soap, message: bytes, **headers: str) -> Fault:
    """Send what is no acceptable request; give its fault once it has been checked to be the caller's."""
    answer = soap.post(SERVICE, message, **headers)
    fault = Fault(answer.body)
    assert (answer.status, fault.code, fault.actor) == (500, "Client", "PROVIDER"), answer.body
    assert (fault.namespace, fault.name) == ("urn:soapsvc:v1", "InvalidRequestFault")
    assert fault.error_code == "BRM_REQUEST_INVALID"
    assert fault.text
    return fault


def _enveloped(*parts: str) -> str:
    return f'<soap:Envelope xmlns:soap="{SOAP}">{"".join(parts)}</soap:Envelope>'


def _body(content: str) -> str:
    return f"<soap:Body>{content}</soap:Body>"


BAD_ENVELOPES = {
    "no body": _enveloped(),
    "only a header": _enveloped("<soap:Header/>"),
    "an empty body": _enveloped(_body("")),
    "a body of blanks": _enveloped(_body(" \n ")),
    "a body of text": _enveloped(_body("closeWorkItem")),
    "two elements in the body": _enveloped(_body(CLOSE + CLOSE)),
    "two bodies": _enveloped(_body(CLOSE), _body(CLOSE)),
    "two headers": _enveloped("<soap:Header/><soap:Header/>", _body(CLOSE)),
    "a header after the body": _enveloped(_body(CLOSE), "<soap:Header/>"),
    "an element after the body": _enveloped(_body(CLOSE), "<more/>"),
    "a qualified element after the body": _enveloped(_body(CLOSE), '<m:more xmlns:m="urn:m"/>'),
    "an element before the body": _enveloped("<more/>", _body(CLOSE)),
    "an unqualified body": _enveloped(f"<Body>{CLOSE}</Body>"),
    "a fault as request": _enveloped(
        _body("<soap:Fault><faultcode>soap:Client</faultcode><faultstring>x</faultstring></soap:Fault>")
    ),
    "no envelope": CLOSE,
    "an unknown operation": _enveloped(_body(f'<a:dropWorkItem xmlns:a="{API}"/>')),
    "an operation in no namespace": _enveloped(_body('<closeWorkItem><workItemID id="{id}"/></closeWorkItem>')),
    "an operation in another namespace": _enveloped(_body('<a:closeWorkItem xmlns:a="urn:other"/>')),
    "an answer as request": _enveloped(
        _body(f'<a:closeWorkItemResponse xmlns:a="{API}"><workItemID id="{{id}}"/></a:closeWorkItemResponse>')
    ),
    "an operation of another service": _enveloped(_body(f'<a:previewWorkItemFromList xmlns:a="{API}"/>')),
}


@pytest.mark.parametrize("message", BAD_ENVELOPES.values(), ids=BAD_ENVELOPES)
def test_what_is_no_request_is_refused(soap: Soap, opened: WorkItem, unchanged: Any, message: str) -> None:
    with unchanged(opened):
        _refused(soap, message.replace("{id}", str(opened.id)).encode())


NOT_XML = {
    "an empty message": b"",
    "blanks": b"  \n",
    "text": b"hello",
    "JSON": b'{"closeWorkItem": 1}',
    "a form": b"a=1&b=2",
    "zeros": b"\0\0\0\0",
    "a byte order mark alone": b"\xef\xbb\xbf",
    "broken UTF-8": b'<?xml version="1.0"?><a>\xff\xfe</a>',
    "an overlong UTF-8 sequence": b"<a>\xc0\xbc</a>",
    "an open element": _enveloped(_body(CLOSE))[:-5].encode(),
    "two roots": b"<a/><b/>",
    "something after the root": b"<a/>x",
    "an undefined entity": _enveloped(_body("&nothing;")).encode(),
    "a character that XML has not": _enveloped(_body("&#0;")).encode(),
    "an undefined prefix": _enveloped(_body("<u:x/>")).encode(),
    "the same attribute twice": _enveloped(_body('<x a="1" a="2"/>')).encode(),
    "an attribute without quotes": _enveloped(_body("<x a=1/>")).encode(),
    "XML 9.9 and no more": b'<?xml version="9.9"',
    "a declaration behind a blank": b' <?xml version="1.0"?><a/>',
    "an unknown encoding": b'<?xml version="1.0" encoding="nonsense"?><a/>',
    "an encoding that it is not in": b'<?xml version="1.0" encoding="UTF-16"?><a/>',
    "half a UTF-16 character": "<a/>".encode("utf-16") + b"x",
}


@pytest.mark.parametrize("message", NOT_XML.values(), ids=NOT_XML)
@pytest.mark.parametrize("content_type", ["text/xml", "text/xml; charset=utf-8"])
def test_what_is_not_well_formed_is_refused(soap: Soap, message: bytes, content_type: str) -> None:
    _refused(soap, message, content_type=content_type)


@pytest.mark.parametrize(
    ("encoding", "content_type"),
    [
        ("utf-16", "text/xml; charset=utf-8"),
        ("utf-8", "text/xml; charset=utf-16"),
        ("iso-8859-1", "text/xml; charset=utf-8"),
        ("iso-8859-1", "text/xml"),
        ("utf-8", "text/xml; charset=us-ascii"),
    ],
)
def test_a_message_that_is_not_in_the_charset_it_names_is_refused(
    soap: Soap, opened: WorkItem, unchanged: Any, encoding: str, content_type: str
) -> None:
    message = envelope(CLOSE.format(id=opened.id), "<x>ä</x>").decode()
    with unchanged(opened):
        _refused(soap, message.encode(encoding), content_type=content_type)


@hypothesis_settings(max_examples=100, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    message=st.binary(max_size=60)
    | st.binary(max_size=20).map(lambda junk: b"<a>" + junk + b"</a>")
    | st.tuples(st.integers(0, 190), st.binary(min_size=1, max_size=4)).map(
        lambda cut: envelope(CLOSE)[: cut[0]] + cut[1] + envelope(CLOSE)[cut[0] :]
    )
)
def test_no_bytes_at_all_bring_the_door_down(soap: Soap, message: bytes) -> None:
    answer = soap.post(SERVICE, message)
    assert answer.status == 500
    fault = Fault(answer.body)
    assert fault.code in {"Client", "VersionMismatch", "MustUnderstand"}, answer.body


# SOAP's own faults


@pytest.mark.parametrize("version", [SOAP12, "urn:other", ""])
def test_an_envelope_of_another_soap_is_a_version_mismatch(soap: Soap, version: str) -> None:
    message = f'<e:Envelope xmlns:e="{version}"><e:Body/></e:Envelope>' if version else "<Envelope><Body/></Envelope>"
    answer = soap.post(SERVICE, message.encode())
    fault = Fault(answer.body)
    assert (answer.status, fault.code, fault.name, fault.actor) == (500, "VersionMismatch", None, "PROVIDER")


@pytest.mark.parametrize("demand", ["1", "true", " 1 "])
@pytest.mark.parametrize("actor", [None, "", "http://schemas.xmlsoap.org/soap/actor/next"])
def test_a_header_block_that_must_be_understood_and_is_not_stops_the_request(
    soap: Soap, opened: WorkItem, unchanged: Any, demand: str, actor: str | None
) -> None:
    addressed = "" if actor is None else f' soap:actor="{actor}"'
    block = f'<t:Transaction xmlns:t="urn:t" soap:mustUnderstand="{demand}"{addressed}>5</t:Transaction>'
    with unchanged(opened):
        answer = soap.post(SERVICE, envelope(CLOSE.format(id=opened.id), block))
    fault = Fault(answer.body)
    assert (answer.status, fault.code, fault.name, fault.actor) == (500, "MustUnderstand", None, "PROVIDER")
    assert "Transaction" in fault.text
    assert content_of(answer.body).find("detail") is None  # SOAP 1.1, 4.4: the detail is for faults of the body


@pytest.mark.parametrize("action", ["openWorkItem", '"openWorkItem"', "urn:x/openWorkItem", "closeWorkItemNot", "x"])
def test_a_soap_action_that_names_another_operation_is_refused(
    soap: Soap, opened: WorkItem, unchanged: Any, action: str
) -> None:
    with unchanged(opened):
        fault = _refused(soap, envelope(CLOSE.format(id=opened.id)), soapaction=action)
    assert "SOAPAction" in fault.text


# Document types and entities

LAUGHS = "".join(f'<!ENTITY l{n} "{f"&l{n - 1};" * 10}">' for n in range(1, 12))
DOCUMENT_TYPES = {
    "a bare one": "<!DOCTYPE Envelope>",
    "an internal subset": "<!DOCTYPE Envelope []>",
    "an entity": f'<!DOCTYPE Envelope [<!ENTITY x "{SECRET}">]>',
    "a parameter entity": '<!DOCTYPE Envelope [<!ENTITY % p SYSTEM "file:///etc/passwd"> %p;]>',
    "an external subset": '<!DOCTYPE Envelope SYSTEM "file:///etc/passwd">',
    "a remote subset": '<!DOCTYPE Envelope PUBLIC "x" "http://127.0.0.1:9/x.dtd">',
    "a default attribute": '<!DOCTYPE Envelope [<!ATTLIST workItemID version CDATA "1">]>',
}


@pytest.mark.parametrize("document_type", DOCUMENT_TYPES.values(), ids=DOCUMENT_TYPES)
def test_a_document_type_is_refused(soap: Soap, opened: WorkItem, unchanged: Any, document_type: str) -> None:
    message = document_type.encode() + envelope(CLOSE.format(id=opened.id))
    with unchanged(opened), within(1):
        _refused(soap, message)


@pytest.mark.parametrize("use", ["<resource>&l11;</resource>", '<resource x="&l11;"/>'])
def test_a_billion_laughs_cost_nothing(soap: Soap, use: str) -> None:
    content = f'<api:allocateAndOpenWorkItem xmlns:api="{API}"><workItemID id="1"/>{use}</api:allocateAndOpenWorkItem>'
    message = f'<!DOCTYPE x [<!ENTITY l0 "ha">{LAUGHS}]>'.encode() + envelope(content)
    with within(0.5):
        _refused(soap, message)


def test_a_quadratic_blowup_costs_nothing(soap: Soap) -> None:
    message = f'<!DOCTYPE x [<!ENTITY a "{"a" * 50_000}">]>'.encode() + envelope(f"<x>{'&a;' * 50_000}</x>")
    with within(0.5):
        _refused(soap, message)


@pytest.mark.parametrize("use", ["<resource>&x;</resource>", '<resource x="&x;"/>'])
def test_an_external_entity_is_never_read(soap: Soap, tmp_path: Any, use: str) -> None:
    file = tmp_path / "secret.txt"
    file.write_text(SECRET)
    content = f'<api:allocateAndOpenWorkItem xmlns:api="{API}"><workItemID id="1"/>{use}</api:allocateAndOpenWorkItem>'
    message = f'<!DOCTYPE x [<!ENTITY x SYSTEM "{file.as_uri()}">]>'.encode() + envelope(content)
    answer = soap.post(SERVICE, message)
    assert Fault(answer.body).name == "InvalidRequestFault"
    assert SECRET.encode() not in answer.body


def test_an_inclusion_is_never_followed(soap: Soap, new_item: Any, tmp_path: Any) -> None:
    file = tmp_path / "secret.txt"
    file.write_text(SECRET)
    include = f'<xi:include xmlns:xi="http://www.w3.org/2001/XInclude" href="{file.as_uri()}" parse="text"/>'
    answer = soap.ask("allocateAndOpenWorkItem", f'<workItemID id="1"/><resource>{include}</resource>')
    assert answer.status == 500
    assert SECRET.encode() not in answer.body


# Limits


def _nested(depth: int, item_id: int = 1) -> str:
    """Give a message that is nested so deep: Envelope, Body, operation, and what fills it."""
    inner = depth - 3
    return envelope(request("getWorkItemHeader", "<a>" * inner + "</a>" * inner)).decode()


@pytest.mark.parametrize("encoding", ["utf-8", "utf-16", "utf-16-le", "utf-16-be"])
@pytest.mark.parametrize("depth", [101, 200, 5000])
def test_a_message_nested_too_deep_is_refused(soap: Soap, encoding: str, depth: int) -> None:
    message = f'<?xml version="1.0" encoding="{encoding[:6]}"?>{_nested(depth)}'.encode(encoding)
    with within(1):
        fault = _refused(soap, message, content_type="text/xml")
    assert "100 levels" in fault.text or depth > 250


def test_nesting_up_to_the_limit_is_no_fault_of_depth(soap: Soap) -> None:
    fault = _refused(soap, _nested(100).encode())
    assert "levels" not in fault.text


def test_an_encoding_that_hides_its_tags_is_refused(soap: Soap) -> None:
    text = '<?xml version="1.0" encoding="UTF-7"?>' + _nested(150).replace("</", "+ADwALw-")
    fault = _refused(soap, text.encode(), content_type="text/xml")
    assert "schema" not in fault.text


def test_too_many_elements_are_refused(soap: Soap) -> None:
    with within(2):
        fault = _refused(soap, envelope(request("getWorkItemHeader", "<a/>" * 50_000)))
    assert "50000 elements" in fault.text


def test_as_many_elements_as_are_allowed_are_read(start: Start) -> None:
    with start(message_elements=100) as soap:
        for names, words in ((100 - 3, "schema"), (100 - 2, "100 elements")):
            fault = _refused(soap, envelope(request("getWorkItemHeader", "<a/>" * names)))
            assert words in fault.text


@pytest.mark.parametrize("count", [501, 40_000])
@pytest.mark.parametrize("where", ["identity", "header", "envelope"])
def test_too_many_attributes_are_refused_quickly(soap: Soap, count: int, where: str) -> None:
    bomb = " ".join(f'a{n}="1"' for n in range(count))
    identity = f"<workItemID id='1' {bomb if where == 'identity' else ''}/>"
    header = f"<x {bomb}/>" if where == "header" else ""
    message = envelope(request("getWorkItemHeader", identity), header)
    if where == "envelope":
        message = message.replace(b"<soap:Envelope ", f"<soap:Envelope {bomb} ".encode())
    with within(2):
        fault = _refused(soap, message)
    assert "500 attributes" in fault.text


PLACES = ["Envelope", "Body", "closeWorkItem", "dataModel", "complexSpec"]


@pytest.mark.parametrize("place", PLACES)
def test_many_namespaces_around_many_free_values_cost_little(
    soap: Soap, opened: WorkItem, unchanged: Any, place: str
) -> None:
    declarations = " ".join(f'xmlns:p{n}="u:{n}"' for n in range(2_000))
    spec = f"<complexSpec>{'<value/>' * 40}</complexSpec>"
    field = f'<inouts name="Notes" type="Complex" array="true">{spec}</inouts>'
    content = f'<workItemID id="{opened.id}"/><workItemPayload><dataModel>{field}</dataModel></workItemPayload>'
    plain = envelope(request("closeWorkItem", content))
    message = re.sub(rb"<((\w+:)?%s)\b" % place.encode(), rb"<\1 " + declarations.encode(), plain, count=1)
    assert len(plain) < len(message) < 80_000
    with unchanged(opened), within(0.3):
        assert soap.post(SERVICE, message).status == 500


def test_a_message_never_becomes_much_more_data_than_it_brought(
    soap: Soap, new_item: Any, stored: Callable[[int], WorkItem]
) -> None:
    claims = Field(name="Claims", direction=Direction.INOUT, type=FieldType.COMPLEX, optional=True, array=True)
    item = new_item((claims,))
    assert soap.ask("allocateAndOpenWorkItem", f'<workItemID id="{item.id}"/><resource>ana</resource>').status == 200
    field = f'<inouts name="Claims" type="Complex" array="true"><complexSpec>{"<value/>" * 200}</complexSpec></inouts>'
    content = f'<workItemID id="{item.id}"/><workItemPayload><dataModel>{field}</dataModel></workItemPayload>'
    long = f'<api:closeWorkItem xmlns:long="urn:{"x" * 30_000}"'
    soap.post(SERVICE, envelope(request("closeWorkItem", content).replace("<api:closeWorkItem", long, 1)))
    (field_stored,) = stored(item.id).fields
    assert sum(map(len, field_stored.values)) < 2_000_000


def test_a_large_batch_may_declare_a_namespace_on_each_of_its_items(soap: Soap, offered: WorkItem) -> None:
    others = "".join(f'<workItemID xmlns="" id="{10**9 + n}"/>' for n in range(999))
    answer = soap.ask("getWorkItemHeader", f'<workItemID xmlns="" id="{offered.id}"/>{others}')
    assert Fault(answer.body).name == "InvalidWorkItemFault"


@pytest.mark.parametrize("where", ["identity", "envelope"])
def test_an_attribute_that_is_too_long_is_refused(soap: Soap, where: str) -> None:
    long = f'a="{"x" * 65_537}"'
    message = envelope(request("getWorkItemHeader", f"<workItemID id='1' {long if where == 'identity' else ''}/>"))
    if where == "envelope":
        message = message.replace(b"<soap:Envelope ", f"<soap:Envelope {long} ".encode())
    fault = _refused(soap, message)
    assert "65536 characters" in fault.text


def test_an_attribute_of_the_greatest_length_is_no_fault_of_length(soap: Soap) -> None:
    fault = _refused(soap, envelope(request("getWorkItemHeader", f'<workItemID id="1" a="{"x" * 65_536}"/>')))
    assert "schema" in fault.text


def test_a_batch_may_name_a_thousand_items_and_no_more(soap: Soap) -> None:
    identities = "".join(f'<workItemID id="{10**9 + n}"/>' for n in range(1000))
    fault = Fault(soap.ask("getWorkItemHeader", identities).body)
    assert fault.name == "InvalidWorkItemFault"
    fault = _refused(soap, envelope(request("getWorkItemHeader", identities + '<workItemID id="1"/>')))
    assert "1000 work items" in fault.text


@pytest.mark.parametrize(
    ("operation", "group"),
    [
        ("getWorkItemHeader", '<workItemID id="{}"/>'),
        ("closeWorkItem", '<workItemID id="{}"/><hiddenPeriod/>'),
        ("allocateAndOpenWorkItem", '<workItemID id="{}"/><resource>ana</resource>'),
    ],
)
def test_the_most_items_of_a_batch_are_a_setting(start: Start, operation: str, group: str) -> None:
    with start(batch_items=2) as soap:
        fault = _refused(soap, envelope(request(operation, "".join(group.format(n) for n in (1, 2, 3)))))
        assert "2 work items" in fault.text
        two = soap.ask(operation, "".join(group.format(n) for n in (1, 2)))
        assert Fault(two.body).name == "InvalidWorkItemFault"


@pytest.mark.parametrize("size", [1_000_000])
def test_a_large_but_allowed_message_is_answered_in_good_time(soap: Soap, opened: WorkItem, size: int) -> None:
    payload = f'<inouts name="Notes" type="String"><simpleSpec><value>{"x" * size}</value></simpleSpec></inouts>'
    content = f'<workItemID id="{opened.id}"/><workItemPayload><dataModel>{payload}</dataModel></workItemPayload>'
    with within(2):
        assert Fault(soap.ask("closeWorkItem", content).body).name == "WorkItemFault"
