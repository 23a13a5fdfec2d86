"""SOAP 1.2 as the W3C's collection of assertions and tests has it, as far as it concerns a document/literal service.

The numbers are those of the collection's tests (ST: the supplementary ones on relay); for its echo services stands
getWorkItemHeader. What concerns RPC, the SOAP encoding and intermediaries has no place here.
"""

from typing import Any

import pytest
from lxml import etree

from soapsvc.domain.work_item import WorkItem
from soapsvc.testing.in_process import Answer
from tests.conftest import Soap
from tests.support.soap import SOAP, SOAP12, Fault, envelope, request
from tests.support.soap12 import CONTENT_TYPE, ENV, MEDIA_TYPE, Fault12, envelope12, parts_of, resolved

SERVICE = "WorkItemManagementService"
ROLE = f"{SOAP12}/role"
TEST = 'xmlns:test="http://example.org/ts-tests"'
ENCODING = "http://www.w3.org/2003/05/soap-encoding"


def _post(soap: Soap, message: bytes, **options: Any) -> Answer:
    return soap.post(SERVICE, message, **({"content_type": CONTENT_TYPE} | options))


def _header_of(item: WorkItem) -> str:
    return request("getWorkItemHeader", f'<workItemID id="{item.id}"/>')


def _succeeds(answer: Answer) -> etree._Element:
    assert answer.status == 200, answer.body
    assert answer.headers["content-type"] == CONTENT_TYPE
    blocks, content = parts_of(answer.body)
    assert blocks == []
    assert etree.QName(content).localname == "getWorkItemHeaderResponse"
    return content


def _fails(answer: Answer, status: int, code: str) -> Fault12:
    fault = Fault12(answer.body)
    assert (answer.status, fault.code) == (status, code), answer.body
    assert answer.headers["content-type"] == CONTENT_TYPE
    return fault


def _block(name: str = "Unknown", must: str | None = None, role: str | None = None, more: str = "") -> str:
    understood = "" if must is None else f' soap:mustUnderstand="{must}"'
    target = "" if role is None else f' soap:role="{role}"'
    return f"<test:{name} {TEST}{understood}{target}{more}>foo</test:{name}>"


# Header blocks: who they are for, and whether they must be understood

PASSED_OVER = {
    "T1: for next, optional": _block("echoOk", role=f"{ROLE}/next"),
    "T2: for another role": _block("echoOk", role="http://example.org/ts-tests/C"),
    "T3: for next, no mustUnderstand": _block(role=f"{ROLE}/next"),
    "T4: for the ultimate receiver, optional": _block(role=f"{ROLE}/ultimateReceiver"),
    "T5: of no role": _block("echoOk"),
    "T10: optional, false": _block(must="false"),
    "T11: optional, 0": _block(must="0"),
    "T13: for another role, to be understood": _block(must="1", role="http://example.org/ts-tests/B"),
    "T15: for another role, true": _block(must="true", role="http://example.org/ts-tests/B"),
    "T19: for the role none, to be understood": _block(must="true", role=f"{ROLE}/none"),
    "T29: for a role of a very long name": _block("echoOk", role=f"http://example.org/ts-tests/C{'z' * 2000}"),
    "T38: two for another role": _block(must="false", role="http://example.org/C") * 2,
    "T40: for an address with an IPv6 host": _block(role="http://[FEDC:BA98:7654:3210:FEDC:BA98:7654:3210]/ts-tests"),
    "T74: to be understood within another block": (
        f'<test:Unknown {TEST}><test:raiseFault soap:mustUnderstand="1" soap:role="{ROLE}/next"/></test:Unknown>'
    ),
    "ST1: relayable, optional": _block(more=' soap:relay="true"'),
    "ST2: relayable for next": _block(role=f"{ROLE}/next", more=' soap:relay="1"'),
    "ST3: not to be relayed": _block(role=f"{ROLE}/next", more=' soap:relay="false"'),
    "ST4: relayable for none": _block(must="1", role=f"{ROLE}/none", more=' soap:relay="true"'),
    "of the 1.1 attributes, which mean nothing here": (
        f'<test:Unknown {TEST} xmlns:old="{SOAP}" old:mustUnderstand="1"/>'
    ),
    "of no qualified attributes": f'<test:Unknown {TEST} mustUnderstand="1" role="{ROLE}/next"/>',
}


@pytest.mark.parametrize("header", PASSED_OVER.values(), ids=PASSED_OVER)
def test_a_block_that_need_not_be_understood_or_is_not_for_us_is_passed_over(
    soap: Soap, offered: WorkItem, header: str
) -> None:
    _succeeds(_post(soap, envelope12(_header_of(offered), header)))


DEMANDED = {
    "T12: for the ultimate receiver": _block(must="1", role=f"{ROLE}/ultimateReceiver"),
    "for next": _block(must="true", role=f"{ROLE}/next"),
    "T35: of no role": _block(must="1"),
    "T36: for the ultimate receiver, true": _block(must="true", role=f"{ROLE}/ultimateReceiver"),
    "of an empty role": _block(must="1", role=""),
    "of a value with blanks around it": _block(must=" true "),
    "behind one that is passed over": _block("echoOk") + _block(must="1"),
    "ST5: relayable all the same": _block(must="1", role=f"{ROLE}/next", more=' soap:relay="true"'),
}


@pytest.mark.parametrize("header", DEMANDED.values(), ids=DEMANDED)
def test_a_block_that_must_be_understood_and_is_not_is_named_in_the_header_of_the_fault(
    soap: Soap, offered: WorkItem, header: str
) -> None:
    fault = _fails(_post(soap, envelope12(_header_of(offered), header)), 500, "MustUnderstand")
    assert (fault.subcode, fault.detail) == (None, None)  # section 5.4.5: what is wrong in a header is not in Detail
    (block,) = fault.headers
    assert block.tag == f"{ENV}NotUnderstood"
    assert list(block.attrib) == ["qname"]
    assert resolved(block, block.get("qname")) == ("http://example.org/ts-tests", "Unknown")


@pytest.mark.parametrize("must", ["1", "true"])
def test_a_block_of_no_namespace_that_must_be_understood_is_a_fault_like_others(
    soap: Soap, offered: WorkItem, must: str
) -> None:
    answer = _post(soap, envelope12(_header_of(offered), f'<Unknown soap:mustUnderstand="{must}"/>'))
    fault = _fails(answer, 500, "MustUnderstand")
    (block,) = fault.headers
    assert resolved(block, block.get("qname")) == (None, "Unknown")


@pytest.mark.parametrize(
    ("value", "role"),
    [("wrong", f"{ROLE}/ultimateReceiver"), ("wrong", f"{ROLE}/next"), ("wrong", None), ("", None), ("TRUE", None),
     ("2", None), ("1 1", None)],
)  # fmt: skip
def test_a_block_whose_must_understand_is_no_boolean_is_the_senders_fault(
    soap: Soap, offered: WorkItem, value: str, role: str | None
) -> None:  # T14, T23
    _fails(_post(soap, envelope12(_header_of(offered), _block("echoOk", must=value, role=role))), 400, "Sender")


@pytest.mark.parametrize("role", ["", f"{ROLE}/next", f"{ROLE}/ultimateReceiver"])
def test_a_request_id_that_must_be_understood_is(soap: Soap, offered: WorkItem, role: str) -> None:
    target = f' soap:role="{role}"' if role else ""
    header = f'<s:RequestID xmlns:s="urn:soapsvc:v1" soap:mustUnderstand="true"{target}>any</s:RequestID>'
    _succeeds(_post(soap, envelope12(_header_of(offered), header)))


# Versions of SOAP


@pytest.mark.parametrize("namespace", ["http://wrong-version/", SOAP, f"{SOAP12}/", "http://www.w3.org/2001/12/soap"])
def test_an_envelope_of_another_soap_is_a_version_mismatch_that_says_which_there_are(
    soap: Soap, offered: WorkItem, namespace: str
) -> None:  # T24
    message = envelope(_header_of(offered), soap=namespace)
    fault = _fails(_post(soap, message), 500, "VersionMismatch")
    assert (fault.subcode, fault.detail) == (None, None)
    (upgrade,) = fault.headers
    _check_upgrade(upgrade)


@pytest.mark.parametrize("namespace", ["http://wrong-version/", SOAP12])
def test_a_message_of_another_soap_in_the_media_type_of_1_1_is_told_so_in_1_1(
    soap: Soap, offered: WorkItem, namespace: str
) -> None:
    # appendix A: the fault is one of SOAP 1.1, and SHOULD have the Upgrade block too
    answer = soap.post(SERVICE, envelope(_header_of(offered), soap=namespace))
    assert (answer.status, answer.headers["content-type"]) == (500, "text/xml; charset=utf-8")
    fault = Fault(answer.body)
    assert (fault.code, fault.name) == ("VersionMismatch", None)
    header, _ = etree.fromstring(answer.body)
    (upgrade,) = header
    _check_upgrade(upgrade)


def _check_upgrade(upgrade: etree._Element) -> None:
    """Section 5.4.7: the envelopes that are supported, the most preferred first."""
    assert (upgrade.tag, upgrade.attrib) == (f"{ENV}Upgrade", {})
    assert [part.tag for part in upgrade] == [f"{ENV}SupportedEnvelope"] * 2
    names = [resolved(part, part.get("qname")) for part in upgrade]
    assert names == [(SOAP12, "Envelope"), (SOAP, "Envelope")]


def test_the_same_service_answers_1_1_in_1_1(soap: Soap, offered: WorkItem) -> None:  # T30
    answer = soap.post(SERVICE, envelope(_header_of(offered)))
    assert (answer.status, answer.headers["content-type"]) == (200, "text/xml; charset=utf-8")
    assert etree.fromstring(answer.body).tag == f"{{{SOAP}}}Envelope"


@pytest.mark.parametrize("root", ["Message", "envelope", "Body"])
def test_a_root_that_is_no_envelope_is_the_senders_fault(soap: Soap, root: str) -> None:
    _fails(_post(soap, f'<e:{root} xmlns:e="{SOAP12}"/>'.encode()), 400, "Sender")


# The envelope


def _message(head: str = "", body: str = "", envelope_attributes: str = "", rest: str = "") -> str:
    return (
        f'<?xml version="1.0"?><env:Envelope xmlns:env="{SOAP12}" xmlns:api="http://api.brm.n2.tibco.com"'
        f"{envelope_attributes}>{head}{body}{rest}</env:Envelope>"
    )


MALFORMED = {
    "T69: no Body": ("<env:Header/>", "", "", ""),
    "nothing": ("", "", "", ""),
    "T70: a trailer": ("<env:Header/>", "<env:Body>{}</env:Body>", "", "<Trailer/>"),
    "a qualified trailer": ("", "<env:Body>{}</env:Body>", "", '<t:Trailer xmlns:t="urn:t"/>'),
    "two Bodies": ("", "<env:Body>{}</env:Body><env:Body>{}</env:Body>", "", ""),
    "two Headers": ("<env:Header/><env:Header/>", "<env:Body>{}</env:Body>", "", ""),
    "a Header behind the Body": ("", "<env:Body>{}</env:Body>", "", "<env:Header/>"),
    "an empty Body": ("", "<env:Body/>", "", ""),
    "two elements in the Body": ("", "<env:Body>{}{}</env:Body>", "", ""),
    "a fault for a request": ("", "<env:Body><env:Fault/></env:Body>", "", ""),
    "T71: an unqualified attribute of the Envelope": ("", "<env:Body>{}</env:Body>", ' attr1="a-value"', ""),
    "an unqualified attribute of the Header": ('<env:Header a="b"/>', "<env:Body>{}</env:Body>", "", ""),
    "an unqualified attribute of the Body": ("", '<env:Body a="b">{}</env:Body>', "", ""),
    "T72: an encoding of the Envelope": (
        "", "<env:Body>{}</env:Body>", f' env:encodingStyle="{ENCODING}"', "",
    ),
    "an encoding of the Header": (f'<env:Header env:encodingStyle="{ENCODING}"/>', "<env:Body>{}</env:Body>", "", ""),
    "T28: an encoding of the Body": ("", f'<env:Body env:encodingStyle="{ENCODING}">{{}}</env:Body>', "", ""),
}  # fmt: skip


@pytest.mark.parametrize(("head", "body", "attributes", "rest"), MALFORMED.values(), ids=MALFORMED)
def test_an_envelope_that_part_1_does_not_allow_is_the_senders_fault(
    soap: Soap, offered: WorkItem, head: str, body: str, attributes: str, rest: str
) -> None:
    message = _message(head, body.replace("{}", _header_of(offered)), attributes, rest)
    fault = _fails(_post(soap, message.encode()), 400, "Sender")
    assert fault.name == "InvalidRequestFault"


def test_qualified_attributes_of_the_envelope_and_its_parts_are_allowed(soap: Soap, offered: WorkItem) -> None:
    mark = ' xmlns:x="urn:x" x:id="1" xml:lang="en"'
    body = f"<env:Body{mark}>{_header_of(offered)}</env:Body>"
    _succeeds(_post(soap, _message(f"<env:Header{mark}/>", body, mark).encode()))


@pytest.mark.parametrize("style", [ENCODING, "http://example.org/PoisonEncoding", f"{ENCODING}/none-such"])
def test_a_body_in_an_encoding_is_refused(soap: Soap, offered: WorkItem, style: str) -> None:  # T80
    body = (
        f'<api:getWorkItemHeader soap:encodingStyle="{style}"><workItemID id="{offered.id}"/></api:getWorkItemHeader>'
    )
    _fails(_post(soap, envelope12(body)), 500, "DataEncodingUnknown")


def test_a_body_that_says_that_it_is_in_no_encoding_is_read(soap: Soap, offered: WorkItem) -> None:
    style = f'soap:encodingStyle="{SOAP12}/encoding/none"'
    body = f'<api:getWorkItemHeader {style}><workItemID id="{offered.id}"/></api:getWorkItemHeader>'
    _succeeds(_post(soap, envelope12(body)))


DOCTYPES = {
    "T25: a system identifier": '<!DOCTYPE env:Envelope SYSTEM "env.dtd"[]>',
    "T64: a notation": "<!DOCTYPE DOC [<!NOTATION application_xml SYSTEM 'http://www.isi.edu/'>]>",
    "T65: elements": "<!DOCTYPE DOC [<!ELEMENT Envelope (Body)><!ELEMENT Body (echoOk)>]>",
    "T68: an entity": '<!DOCTYPE env:Envelope [<!ENTITY x "foo">]>',
}


@pytest.mark.parametrize("doctype", DOCTYPES.values(), ids=DOCTYPES)
def test_a_document_type_declaration_is_refused(soap: Soap, offered: WorkItem, doctype: str) -> None:
    message = doctype.encode() + envelope12(_header_of(offered))
    _fails(_post(soap, message), 400, "Sender")


PI = '<?xml-stylesheet href="http://example.org/ts-tests/sub.xsl" type="text/xsl"?>'
INSTRUCTIONS = {
    "T26: within the Envelope": ("<soap:Body>", f"{PI}<soap:Body>"),
    "within the Body": ("<soap:Body>", f"<soap:Body>{PI}"),
    "within the request": ("<workItemID", f"{PI}<workItemID"),
    "before the Envelope": ("<soap:Envelope", f"{PI}<soap:Envelope"),
    "behind the Envelope": ("</soap:Envelope>", f"</soap:Envelope>{PI}"),
}


@pytest.mark.parametrize(("at", "with_instruction"), INSTRUCTIONS.values(), ids=INSTRUCTIONS)
def test_a_processing_instruction_is_the_senders_fault(
    soap: Soap, offered: WorkItem, at: str, with_instruction: str
) -> None:
    # section 5: a receiver of one SHOULD answer with a fault of code Sender
    message = envelope12(_header_of(offered)).decode().replace(at, with_instruction, 1)
    fault = _fails(_post(soap, message.encode()), 400, "Sender")
    assert fault.name == "InvalidRequestFault"


def test_comments_and_an_xml_declaration_and_blanks_are_fine(soap: Soap, offered: WorkItem) -> None:  # T66
    message = envelope12(_header_of(offered)).decode().replace("<soap:Body>", "<!-- c -->\n<soap:Body> <!-- d -->\n")
    _succeeds(_post(soap, f"<?xml version='1.0' encoding='UTF-8'?>\n<!-- b -->{message}<!-- e -->\n".encode()))


@pytest.mark.parametrize(("encoding", "declared"), [("utf-16", "UTF-16"), ("iso-8859-1", "ISO-8859-1")])
def test_a_message_is_read_in_the_encoding_that_it_declares(
    soap: Soap, offered: WorkItem, encoding: str, declared: str
) -> None:
    message = f'<?xml version="1.0" encoding="{declared}"?>{envelope12(_header_of(offered)).decode()}'
    _succeeds(_post(soap, message.encode(encoding), content_type=MEDIA_TYPE))
