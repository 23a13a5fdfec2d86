"""The generic codec: Spyne's own serializers, repaired where they are wrong.

It is the reference for what messages mean. The service runs the compiled codec, and tests hold the two against each
other: nothing else uses this module.
"""

from collections.abc import Callable
from typing import Any

from lxml import etree
from spyne.model.primitive import Boolean, DateTime, Decimal, Integer32, Integer64
from spyne.protocol.soap import Soap11

from soapsvc.domain import values
from soapsvc.soap import codec, fragments, messages, namespaces
from soapsvc.soap.codec import GROUP, strictly
from soapsvc.soap.envelope import MessageLimits
from soapsvc.soap.namespaces import qualified
from soapsvc.soap.operations import Operation
from soapsvc.soap.types import XmlFragment
from soapsvc.soap.versions import SOAP11, SoapVersion


def read(operation: Operation, element: etree._Element, limits: MessageLimits) -> tuple[Any, ...]:
    """Give an operation's arguments from its request element. Raises InvalidRequest.

    The element is changed in place, step by step, and the order matters: lenient forms become those of the schema,
    which is then held against it; free XML becomes text before anything is moved; interleaved members are put into
    groups, which the schema does not know but Spyne does.
    """
    messages.accept_lenient_forms(element, qualified(operation.namespace, ""))
    messages.check(operation, element, limits)
    messages.keep_fragments(element, limits.bytes)
    if list(operation.parameters) == [GROUP]:
        _gather_groups(element)
    request = _PROTOCOL.from_element(None, operation.request, element)
    return tuple(getattr(request, name) for name in operation.parameters)


def write(operation: Operation, result: Any, soap: SoapVersion = SOAP11) -> bytes:
    """Write the whole message that answers an operation; its objects must have all their members, None or not."""
    envelope = etree.Element(soap.name("Envelope"), nsmap={"soap": soap.namespace})
    body = etree.SubElement(envelope, soap.name("Body"))
    draft = etree.Element("draft")
    _PROTOCOL.to_parent(None, operation.response, operation.answer(result), draft, namespaces.API)
    # As published: a default namespace on the root, taken back on each child by xmlns="".
    root = etree.SubElement(
        body,
        qualified(operation.namespace, operation.answer_element),
        dict(draft[0].attrib),
        nsmap={None: operation.namespace},
    )
    for child in draft[0]:
        copy = etree.SubElement(root, child.tag, dict(child.attrib), nsmap={None: ""})
        copy.text = child.text
        copy.extend(child)
    return fragments.to_bytes(envelope)


def _gather_groups(element: etree._Element) -> None:
    """Put each run of interleaved members, which starts with its workItemID, into an element of its own."""
    for child in list(element):
        if child.tag == "workItemID":
            group = etree.SubElement(element, GROUP)
        group.append(child)


class _ContractProtocol(Soap11):
    """Spyne's XML serializers, with values read and written as XML Schema says."""

    def __init__(self) -> None:
        super().__init__(parse_xsi_type=False)
        self._from_unicode_handlers[Boolean] = _without_type(strictly(values.parse_boolean))
        self._from_unicode_handlers[DateTime] = _without_type(strictly(values.parse_moment))
        self._from_unicode_handlers[Decimal] = _without_type(strictly(values.parse_decimal))
        self._from_unicode_handlers[Integer64] = _without_type(strictly(values.parse_long))
        self._from_unicode_handlers[Integer32] = _without_type(strictly(values.parse_long))
        self._to_unicode_handlers[DateTime] = _without_type(values.format_moment)
        self._to_unicode_handlers[Decimal] = _without_type(codec.format_decimal)
        self.deserialization_handlers[XmlFragment] = _fragment_from_element
        self.serialization_handlers[XmlFragment] = _fragment_to_parent


def _without_type(convert: Callable[[Any], Any]) -> Callable[[Any, Any], Any]:
    return lambda _, value: convert(value)


def _fragment_from_element(_: Any, __: Any, element: etree._Element) -> str:
    return element.text or ""


def _fragment_to_parent(_: Any, __: Any, fragment: str, parent: etree._Element, *___: Any, **____: Any) -> None:
    parent.append(fragments.mark(fragment))


_PROTOCOL = _ContractProtocol()
