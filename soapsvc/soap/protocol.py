"""The generic codec: between XML and Spyne's objects, through Spyne's own serializers, repaired where they are wrong.

It is the reference for what an operation's messages mean.
"""

import hashlib
from collections.abc import Callable
from dataclasses import replace
from decimal import Decimal as DecimalNumber
from typing import Any

from lxml import etree
from spyne.model.primitive import Boolean, DateTime, Decimal, Integer32, Integer64
from spyne.protocol.soap import Soap11

from soapsvc.domain import values
from soapsvc.domain.errors import InvalidRequest, Rescheduled
from soapsvc.soap import contract, conversions, faults, fragments, namespaces, types
from soapsvc.soap.envelope import MessageLimits
from soapsvc.soap.faults import SoapFault
from soapsvc.soap.namespaces import qualified
from soapsvc.soap.operations import GROUP, Operation
from soapsvc.soap.types import XmlFragment
from soapsvc.soap.versions import SOAP11, SoapVersion

_ITEM_TAGS = {"workItemID", "workItemIDandPriority"}
_FREE_XML = (".//dataModel/*/complexSpec/value", "./itemBody/parameter/ComplexValue")
_PARENTS_OF_FREE_XML = {"complexSpec", "parameter"}
# Declared once: Spyne never lets go of a type that it made.
_IDENTITY, _DATA = types.one(types.ManagedObjectID), types.one(types.DataModel)
_MOMENTS = {"startDate", "targetDate", "visibleDate"}


def read(operation: Operation, element: etree._Element, limits: MessageLimits) -> tuple[Any, ...]:
    """Give an operation's arguments from its request element. Raises InvalidRequest.

    The element is changed in place, step by step, and the order matters: lenient forms become those of the schema,
    which is then held against it; free XML becomes text before anything is moved; interleaved members are put into
    groups, which the schema does not know but Spyne does.
    """
    _accept_lenient_forms(element, qualified(operation.namespace, ""))
    contract.validate(element)
    if sum(child.tag in _ITEM_TAGS for child in element) > limits.items:
        raise InvalidRequest(f"The request names more than {limits.items} work items")
    _keep_fragments(element, limits.bytes)
    if list(operation.parameters) == [GROUP]:
        _gather_groups(element)
    request = _PROTOCOL.from_element(None, operation.request, element)
    return tuple(getattr(request, name) for name in operation.parameters)


def digest(element: etree._Element, soap: SoapVersion) -> str:
    """Give what stands for a request as canonical XML, and for the SOAP of its answer. Raises InvalidRequest."""
    try:
        said = etree.tostring(element, method="c14n", exclusive=True)
    except etree.C14NError:
        raise InvalidRequest("The message has no canonical form: a namespace's name is a relative address") from None
    return hashlib.sha256(soap.number.encode() + b" " + said).hexdigest()


def write(operation: Operation, result: Any, soap: SoapVersion = SOAP11) -> bytes:
    """Write the whole message that answers an operation."""
    envelope = etree.Element(soap.name("Envelope"), nsmap={"soap": soap.namespace})
    body = etree.SubElement(envelope, soap.name("Body"))
    values = (result,) if len(operation.results) == 1 else result
    response = operation.response(**dict(zip(operation.results, values, strict=True)))
    draft = _drafted(operation.response, response)
    # As published: a default namespace on the root, taken back on each child by xmlns="".
    root = etree.SubElement(
        body,
        qualified(operation.namespace, f"{operation.element}Response"),
        dict(draft.attrib),
        nsmap={None: operation.namespace},
    )
    for child in draft:
        copy = etree.SubElement(root, child.tag, dict(child.attrib), nsmap={None: ""})
        copy.text = child.text
        copy.extend(child)
    return fragments.to_bytes(envelope)


def fault_for(error: Exception) -> SoapFault:
    """Give the fault that an error becomes, with the item's data where its contract has them."""
    fault = faults.fault_for(error)
    if isinstance(error, Rescheduled):
        identity = types.ManagedObjectID(id=error.item_id, version=error.version)
        children = (
            _drafted(_IDENTITY, identity, "managedObjectId"),
            _drafted(_DATA, conversions.data_model(error.fields), "dataModel"),
        )
        return replace(fault, children=children)
    return fault


def _drafted(type_: Any, value: Any, name: str | None = None) -> etree._Element:
    """Let Spyne write a value, as an element without a namespace if it is to have another name than its type."""
    parent = etree.Element("draft")
    if name is None:
        _PROTOCOL.to_parent(None, type_, value, parent, namespaces.API)
    else:
        _PROTOCOL.to_parent(None, type_, value, parent, "", name)
    return parent[0]


def _accept_lenient_forms(element: etree._Element, prefix: str, *, within_value: bool = False) -> None:
    """Take what some clients send for what it should be; free XML, below a complex field's value, stays as it is.

    Children may stand in the root's namespace, where they belong in none. An empty version is none. Moments may have
    blanks around them: the schema allows them, libxml2 does not.
    """
    for child in element:
        child.tag = str(child.tag).removeprefix(prefix)
        if child.tag in _MOMENTS and child.text:
            child.text = child.text.strip()
        if child.tag == "workItemID" and child.get("version") == "":
            del child.attrib["version"]
        if not within_value:
            _accept_lenient_forms(child, prefix, within_value=child.tag in _PARENTS_OF_FREE_XML)


def _keep_fragments(element: etree._Element, room: int) -> None:
    """Turn the values of complex fields into their text now: lxml would lose bindings of prefixes if they were moved.

    Each text declares the namespaces that it stands in, so that together they may be longer than the message was.
    """
    for path in _FREE_XML:
        for value in element.findall(path):
            name, value.tag = value.tag, "value"
            text = etree.tostring(value, encoding="unicode", with_tail=False)
            room -= len(text)
            if room < 0:
                raise InvalidRequest("The values of the complex fields are too long together")
            value.clear()
            value.tag, value.text = name, text


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
    parent.append(fragments.mark(fragment))


_PROTOCOL = _ContractProtocol()
