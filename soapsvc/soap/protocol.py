"""The generic codec: between XML and Spyne's objects, through Spyne's own serializers, repaired where they are wrong.

It is the reference for what an operation's messages mean.
"""

import base64
import re
from collections.abc import Callable
from decimal import Decimal as DecimalNumber
from typing import Any

from lxml import etree
from spyne.model.primitive import Boolean, DateTime, Decimal, Integer32, Integer64
from spyne.protocol.soap import Soap11

from soapsvc.domain import values
from soapsvc.domain.errors import InvalidRequest
from soapsvc.soap import contract, namespaces
from soapsvc.soap.envelope import MessageLimits
from soapsvc.soap.namespaces import qualified
from soapsvc.soap.operations import GROUP, Operation
from soapsvc.soap.types import XmlFragment

_MOMENTS = {"startDate", "targetDate", "visibleDate"}
_FRAGMENT = re.compile(rb"<\?fragment ([^?]*)\?>")
_API_PREFIX = qualified(namespaces.API, "")


def read(operation: Operation, element: etree._Element, limits: MessageLimits) -> tuple[Any, ...]:
    """Give an operation's arguments from its request element. Raises InvalidRequest.

    The element is changed in place, step by step, and the order matters: lenient forms become those of the schema,
    which is then held against it; free XML becomes text before anything is moved; interleaved members are put into
    groups, which the schema does not know but Spyne does.
    """
    _accept_lenient_forms(element)
    contract.validate(element)
    if sum(child.tag == "workItemID" for child in element) > limits.items:
        raise InvalidRequest(f"The request names more than {limits.items} work items")
    _keep_fragments(element, limits.bytes)
    if list(operation.parameters) == [GROUP]:
        _gather_groups(element)
    request = _PROTOCOL.from_element(None, operation.request, element)
    return tuple(getattr(request, name) for name in operation.parameters)


def write(operation: Operation, result: Any) -> bytes:
    """Write the whole message that answers an operation."""
    envelope = etree.Element(qualified(namespaces.SOAP_ENVELOPE, "Envelope"), nsmap={"soap": namespaces.SOAP_ENVELOPE})
    body = etree.SubElement(envelope, qualified(namespaces.SOAP_ENVELOPE, "Body"))
    draft = etree.Element("draft")
    response = operation.response(**{operation.result: result})
    _PROTOCOL.to_parent(None, operation.response, response, draft, namespaces.API)
    _append_in_published_form(body, draft[0])
    message = etree.tostring(envelope, encoding="UTF-8", xml_declaration=True)
    return _FRAGMENT.sub(lambda match: base64.b64decode(match[1]), message)


def _accept_lenient_forms(element: etree._Element, *, within_value: bool = False) -> None:
    """Take what some clients send for what it should be; free XML, below a complex field's value, stays as it is.

    Children may stand in the root's namespace, where they belong in none. Moments may have blanks around them: the
    schema allows them, libxml2 does not.
    """
    for child in element:
        child.tag = str(child.tag).removeprefix(_API_PREFIX)
        if child.tag in _MOMENTS and child.text:
            child.text = child.text.strip()
        if not within_value:
            _accept_lenient_forms(child, within_value=child.tag == "complexSpec")


def _keep_fragments(element: etree._Element, room: int) -> None:
    """Turn the values of complex fields into their text now: lxml would lose bindings of prefixes if they were moved.

    Each text declares the namespaces that it stands in, so that together they may be longer than the message was.
    """
    for value in element.findall(".//dataModel/*/complexSpec/value"):
        text = etree.tostring(value, encoding="unicode", with_tail=False)
        room -= len(text)
        if room < 0:
            raise InvalidRequest("The values of the complex fields are too long together")
        value.clear()
        value.text = text


def _gather_groups(element: etree._Element) -> None:
    """Put each run of interleaved members, which starts with its workItemID, into an element of its own."""
    for child in list(element):
        if child.tag == "workItemID":
            group = etree.SubElement(element, GROUP)
        group.append(child)


def _append_in_published_form(body: etree._Element, response: etree._Element) -> None:
    """Append the answer as published: a default namespace on its root, taken back on each child by xmlns=""."""
    root = etree.SubElement(body, response.tag, nsmap={None: namespaces.API})
    for child in response:
        # lxml writes xmlns="" only where an element declares it, and types it as if it could not.
        copy = etree.SubElement(root, child.tag, dict(child.attrib), nsmap={None: ""})
        copy.text = child.text
        copy.extend(child)


class _ContractProtocol(Soap11):
    """Spyne's XML serializers, with values read and written as XML Schema says."""

    def __init__(self) -> None:
        super().__init__(parse_xsi_type=False)
        self._from_unicode_handlers[Boolean] = _strictly(values.parse_boolean)
        self._from_unicode_handlers[DateTime] = _strictly(values.parse_moment)
        self._from_unicode_handlers[Decimal] = _strictly(values.parse_decimal)
        self._from_unicode_handlers[Integer64] = _strictly(values.parse_long)
        self._from_unicode_handlers[Integer32] = _strictly(values.parse_long)
        self._to_unicode_handlers[DateTime] = lambda _, moment: values.format_moment(moment)
        self._to_unicode_handlers[Decimal] = lambda _, number: format(DecimalNumber(number), "f")
        self.deserialization_handlers[XmlFragment] = _fragment_from_element
        self.serialization_handlers[XmlFragment] = _fragment_to_parent


def _strictly(parse: Callable[[str], Any]) -> Callable[[Any, str], Any]:
    """Let a value that no reader can hold be the caller's fault, not a crash: the schema allows some such values."""

    def from_unicode(_: Any, text: str) -> Any:
        try:
            return parse(text)
        except ValueError as error:
            raise InvalidRequest(f"A value of the request cannot be used: it is {error}") from None

    return from_unicode


def _fragment_from_element(_: Any, __: Any, element: etree._Element) -> str:
    return element.text or ""


def _fragment_to_parent(_: Any, __: Any, fragment: str, parent: etree._Element, *___: Any, **____: Any) -> None:
    """Leave a mark, in whose place the text is put when the message is written."""
    parent.append(etree.ProcessingInstruction("fragment", base64.b64encode(fragment.encode()).decode()))


_PROTOCOL = _ContractProtocol()
