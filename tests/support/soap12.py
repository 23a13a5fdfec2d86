"""SOAP 1.2 messages as raw bytes, and what comes back, held against the W3C's text of part 1, section 5."""

from typing import Any

from lxml import etree

from tests.support.soap import SCHEMA, SOAP12, envelope

ENV = f"{{{SOAP12}}}"
MEDIA_TYPE = "application/soap+xml"
CONTENT_TYPE = f"{MEDIA_TYPE}; charset=utf-8"
XML_LANG = "{http://www.w3.org/XML/1998/namespace}lang"
FAULT_CODES = {"VersionMismatch", "MustUnderstand", "DataEncodingUnknown", "Sender", "Receiver"}


def envelope12(body: str, header: str = "") -> bytes:
    """Wrap the XML of a body, in which the prefixes `soap` and `api` are bound, in a SOAP 1.2 envelope."""
    return envelope(body, header, soap=SOAP12)


def parts_of(answer: bytes) -> tuple[list[etree._Element], etree._Element]:
    """Give the header blocks and the one body element of a message that sections 5.1 to 5.4 allow."""
    assert b"<!DOCTYPE" not in answer
    assert not etree.fromstring(answer).xpath("//processing-instruction()")
    root = etree.fromstring(answer)
    assert root.tag == f"{ENV}Envelope"
    names = [part.tag for part in root]
    assert names in ([f"{ENV}Body"], [f"{ENV}Header", f"{ENV}Body"]), names
    assert not [part for part in (root, *root) if part.attrib]
    blocks = list(root[0]) if len(root) == 2 else []
    assert all(etree.QName(block).namespace for block in blocks)
    (content,) = root[-1]
    if content.tag != f"{ENV}Fault":
        SCHEMA.assertValid(content)
    return blocks, content


def resolved(element: etree._Element, name: str) -> tuple[str | None, str]:
    """Give the namespace and the local name that a QName stands for where it is written."""
    prefix, _, local = name.rpartition(":")
    return element.nsmap.get(prefix or None), local


class Fault12:
    """A fault as a caller of SOAP 1.2 sees it: checked against section 5.4 as it is read."""

    def __init__(self, answer: bytes) -> None:
        self.headers, element = parts_of(answer)
        assert element.tag == f"{ENV}Fault", etree.tostring(element)
        assert not element.attrib
        assert [part.tag for part in element][:2] == [f"{ENV}Code", f"{ENV}Reason"]
        assert [part.tag for part in element][2:] in ([], [f"{ENV}Detail"])  # no Node, no Role: we are the receiver
        self._read_code(element[0])
        self._read_reason(element[1])
        self._read_detail(element[2] if len(element) > 2 else None)

    def _read_code(self, code: etree._Element) -> None:
        value, *rest = code
        assert value.tag == f"{ENV}Value"
        namespace, self.code = resolved(value, value.text)
        assert namespace == SOAP12
        assert self.code in FAULT_CODES
        self.subcode: tuple[str | None, str] | None = None
        if rest:
            (subcode,) = rest
            assert subcode.tag == f"{ENV}Subcode"
            (value,) = subcode
            assert value.tag == f"{ENV}Value"
            self.subcode = resolved(value, value.text)

    def _read_reason(self, reason: etree._Element) -> None:
        assert {text.tag for text in reason} == {f"{ENV}Text"}
        languages = [text.get(XML_LANG) for text in reason]
        assert all(languages)
        assert len(set(languages)) == len(languages)
        self.language, self.text = languages[0], reason[0].text or ""

    def _read_detail(self, detail: etree._Element | None) -> None:
        self.name = self.namespace = self.error_code = None
        self.parameters: list[str] = []
        self.detail: Any = None
        if detail is not None:
            (self.detail,) = detail
            SCHEMA.assertValid(self.detail)
            name = etree.QName(self.detail)
            self.name, self.namespace = name.localname, name.namespace
            self.error_code = self.detail[0].get("code")
            self.parameters = [part.text or "" for part in self.detail[0]]
