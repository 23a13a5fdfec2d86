"""From the bytes of a request to its header blocks and its one body element, with the manners of SOAP.

Whatever a hostile message holds is bounded before any Python code walks the tree.
"""

import threading
from collections.abc import Sequence
from dataclasses import dataclass

from lxml import etree

from soapsvc.domain.errors import InvalidRequest
from soapsvc.soap import namespaces
from soapsvc.soap.faults import DataEncodingUnknown, MustUnderstand, VersionMismatch
from soapsvc.soap.namespaces import qualified
from soapsvc.soap.versions import SOAP11, SOAP12, SoapVersion

_ENCODINGS = {"utf-8", "utf-16", "utf-16le", "utf-16be", "utf-16-le", "utf-16-be", "iso-8859-1", "us-ascii", "ascii"}
_BOOLEANS = {"0": False, "false": False, "1": True, "true": True}
_ENCODING_STYLE = SOAP12.name("encodingStyle")
_NO_ENCODING = f"{SOAP12.namespace}/encoding/none"
_UNDERSTOOD = {qualified(namespaces.WS_SECURITY, "Security"), qualified(namespaces.SERVICE, "RequestID")}


@dataclass(frozen=True, kw_only=True, slots=True)
class MessageLimits:
    """How much a message may hold; what is beyond is refused before it costs anything."""

    bytes: int = 2_000_000
    depth: int = 100
    elements: int = 50_000
    attributes: int = 500
    attribute_length: int = 65_536
    items: int = 1_000
    namespaces: int = 100


@dataclass(frozen=True, slots=True)
class Envelope:
    """The parts of a request: its header blocks, the element in its body, and how many bytes it came in."""

    headers: Sequence[etree._Element]
    body: etree._Element
    length: int


_local = threading.local()


def parse(message: bytes, charset: str | None, limits: MessageLimits, soap: SoapVersion = SOAP11) -> Envelope:
    """Read a SOAP request of one version.

    Raises InvalidRequest for what is no such message or beyond the limits, VersionMismatch for another SOAP,
    MustUnderstand for a header block that demands what we cannot do, DataEncodingUnknown for a body in an encoding.
    """
    root = _parse_xml(message, charset, soap)
    _check_limits(root, message, limits)
    if root.tag != soap.name("Envelope"):
        if etree.QName(root).localname == "Envelope":
            raise VersionMismatch
        raise InvalidRequest("The message is not a SOAP envelope")
    headers, body = _divide(root, soap)
    if soap is SOAP12:
        _check_frame(root)
        _check_encoding(body)
    _check_understood(headers, soap)
    return Envelope(headers, body, len(message))


def _parse_xml(message: bytes, charset: str | None, soap: SoapVersion) -> etree._Element:
    try:
        root = etree.fromstring(message, _parser(charset, soap))
    except (etree.XMLSyntaxError, ValueError):  # ValueError: some broken encodings
        raise InvalidRequest("The message is not well-formed XML") from None
    document = root.getroottree().docinfo
    if document.doctype or document.internalDTD is not None:
        raise InvalidRequest("A SOAP message must not hold a document type declaration")
    if (document.encoding or "utf-8").lower() not in _ENCODINGS:
        raise InvalidRequest("A message is written in UTF-8, UTF-16, ISO-8859-1 or US-ASCII")
    if soap is SOAP12 and _has_instruction(root):
        raise InvalidRequest("A SOAP 1.2 message must not hold a processing instruction")
    return root


def _has_instruction(root: etree._Element) -> bool:
    """Say whether there is a processing instruction in a message, or beside its envelope (SOAP 1.2, section 5)."""
    beside = (root.itersiblings(etree.PI, preceding=preceding) for preceding in (False, True))
    return any(next(found, None) is not None for found in (root.iter(etree.PI), *beside))


def _parser(charset: str | None, soap: SoapVersion) -> etree.XMLParser:
    """Give this thread's parser: it fetches nothing, expands nothing, and drops comments.

    Instructions it drops in SOAP 1.1; in 1.2 they are kept, to be refused.
    """
    parsers: dict[tuple[str | None, str], etree.XMLParser] = _local.__dict__.setdefault("parsers", {})
    key = charset, soap.number
    if key not in parsers:
        parsers[key] = etree.XMLParser(
            encoding=charset,
            resolve_entities=False,
            no_network=True,
            load_dtd=False,
            huge_tree=False,
            remove_comments=True,
            remove_pis=soap is not SOAP12,
        )
    return parsers[key]


def _check_limits(root: etree._Element, message: bytes, limits: MessageLimits) -> None:
    # Every element costs a "<", every attribute a "=" and its length: few of them prove that there is no need to look.
    if (
        message.count(b"<") > limits.elements
        or message.count(b"=") > limits.attributes
        or len(message) > limits.attribute_length
    ):
        _check_elements(root, limits)
    if message.count(b"xmlns") + message.count(b"x\0m\0l\0n\0s") > limits.namespaces:
        _check_namespaces(root, limits.namespaces)
    # Every level but the last costs an end tag, so that few of these prove a message shallow; but for UTF-16, whose
    # characters have zeros between them, all encodings that are let in write an end tag in these two bytes.
    if b"\0" in message or message.count(b"</") >= limits.depth:
        _check_depth(root, limits.depth)


def _check_elements(root: etree._Element, limits: MessageLimits) -> None:
    for count, element in enumerate(root.iter(), 1):
        if count > limits.elements:
            raise InvalidRequest(f"The message has more than {limits.elements} elements")
        if len(element.attrib) > limits.attributes:
            raise InvalidRequest(f"An element has more than {limits.attributes} attributes")
        if any(len(value) > limits.attribute_length for value in element.attrib.values()):
            raise InvalidRequest(f"An attribute is longer than {limits.attribute_length} characters")


def _check_namespaces(root: etree._Element, most: int) -> None:
    in_scope = 0
    for event, _ in etree.iterwalk(root, events=("start-ns", "end-ns")):
        in_scope += 1 if event == "start-ns" else -1
        if in_scope > most:
            raise InvalidRequest(f"An element stands within more than {most} namespace declarations")


def _check_depth(root: etree._Element, most: int) -> None:
    depth = 0
    for event, _ in etree.iterwalk(root, events=("start", "end")):
        depth += 1 if event == "start" else -1
        if depth > most:
            raise InvalidRequest(f"The message is nested more than {most} levels deep")


def _divide(root: etree._Element, soap: SoapVersion) -> tuple[list[etree._Element], etree._Element]:
    parts = list(root)
    blocks = list(parts.pop(0)) if parts and parts[0].tag == soap.name("Header") else []
    headers = [block for block in blocks if _is_for_us(block, soap)]
    if [part.tag for part in parts] != [soap.name("Body")]:
        raise InvalidRequest("A SOAP envelope holds a Header, or none, then one Body and nothing else")
    content = list(parts[0])
    if len(content) != 1:
        raise InvalidRequest("The Body must hold exactly one element")
    if content[0].tag == soap.name("Fault"):
        raise InvalidRequest("A fault is no request")
    return headers, content[0]


def _check_frame(root: etree._Element) -> None:
    """Refuse attributes that Envelope, Header and Body must not have (SOAP 1.2, sections 5.1 to 5.3)."""
    for part in (root, *root):
        for name in part.attrib:
            if not str(name).startswith("{") or name == _ENCODING_STYLE:
                raise InvalidRequest(f"The {etree.QName(part).localname} of a SOAP 1.2 message has a wrong attribute")


def _check_encoding(body: etree._Element) -> None:
    if body.attrib.pop(_ENCODING_STYLE, _NO_ENCODING).strip() != _NO_ENCODING:
        raise DataEncodingUnknown


def _check_understood(headers: Sequence[etree._Element], soap: SoapVersion) -> None:
    for block in headers:
        if is_demanded(block, soap) and block.tag not in _UNDERSTOOD:
            raise MustUnderstand(str(block.tag))


def _is_for_us(block: etree._Element, soap: SoapVersion) -> bool:
    return block.get(soap.name(soap.role_attribute), "").strip() in soap.roles_meaning_us


def is_demanded(block: etree._Element, soap: SoapVersion) -> bool:
    """Say whether a header block must be understood. Raises InvalidRequest where SOAP 1.2 wants a boolean."""
    demanded = _BOOLEANS.get(block.get(soap.name("mustUnderstand"), "0").strip())
    if demanded is None and soap is SOAP12:
        raise InvalidRequest("The mustUnderstand of a header block must be a boolean")
    return bool(demanded)
