"""From a request's element to its operation's arguments, and from what came of it to the message that answers it."""

import hashlib
from dataclasses import replace
from typing import Any

from lxml import etree

from soapsvc.domain.errors import InvalidRequest, Rescheduled
from soapsvc.soap import codec, contract, conversions, faults, types
from soapsvc.soap.envelope import MessageLimits
from soapsvc.soap.faults import SoapFault
from soapsvc.soap.namespaces import qualified
from soapsvc.soap.operations import Operation
from soapsvc.soap.versions import SOAP11, SoapVersion

_ITEM_TAGS = {"workItemID", "workItemIDandPriority"}
_FREE_XML = (".//dataModel/*/complexSpec/value", "./itemBody/parameter/ComplexValue")
_PARENTS_OF_FREE_XML = {"complexSpec", "parameter"}
_MOMENTS = {"startDate", "targetDate", "visibleDate", "since", "until"}

_write_identity = codec.writer_of(types.ManagedObjectID, "managedObjectId")
_write_data = codec.writer_of(types.DataModel, "dataModel")


def read(operation: Operation, element: etree._Element, limits: MessageLimits) -> tuple[Any, ...]:
    """Give an operation's arguments from its request element, which is changed in place. Raises InvalidRequest."""
    check(operation, element, limits)
    if any(len(child) for child in element):  # free XML stands deeper than that
        keep_fragments(element, limits.bytes)
    arguments: tuple[Any, ...] = operation.read(element)
    return arguments


def check(operation: Operation, element: etree._Element, limits: MessageLimits) -> None:
    """Raise InvalidRequest unless a request is valid against the schema, once lenient forms are those of the schema."""
    if not contract.is_valid(element):
        accept_lenient_forms(element, qualified(operation.namespace, ""))
        contract.validate(element)
    if len(element) > limits.items and sum(child.tag in _ITEM_TAGS for child in element) > limits.items:
        raise InvalidRequest(f"The request names more than {limits.items} work items")


def items_named(element: etree._Element) -> list[str]:
    """Give the ids of the items that a valid request names, in its order."""
    return [str(int(item.get("id", ""))) for item in element.iter("workItemID")]


def digest(element: etree._Element, soap: SoapVersion) -> str:
    """Give what stands for a request as canonical XML, and for the SOAP of its answer. Raises InvalidRequest."""
    try:
        said = etree.tostring(element, method="c14n", exclusive=True)
    except etree.C14NError:
        raise InvalidRequest("The message has no canonical form: a namespace's name is a relative address") from None
    return hashlib.sha256(soap.number.encode() + b" " + said).hexdigest()


def write(operation: Operation, result: Any, soap: SoapVersion = SOAP11) -> bytes:
    """Write the whole message that answers an operation. Raises ValueError for what XML cannot hold."""
    pieces = [soap.start_of_message]
    operation.write(pieces.append, operation.answer(result))
    pieces.append(soap.end_of_message)
    return "".join(pieces).encode()


def fault_for(error: Exception) -> SoapFault:
    """Give the fault that an error becomes, with the item's data where its contract has them."""
    fault = faults.fault_for(error)
    if isinstance(error, Rescheduled):
        pieces: list[str] = []
        _write_identity(pieces.append, types.ManagedObjectID(id=error.item_id, version=error.version))
        _write_data(pieces.append, conversions.data_model(error.fields))
        return replace(fault, children="".join(pieces))
    return fault


def accept_lenient_forms(element: etree._Element, prefix: str, *, within_value: bool = False) -> None:
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
            accept_lenient_forms(child, prefix, within_value=child.tag in _PARENTS_OF_FREE_XML)


def keep_fragments(element: etree._Element, room: int) -> None:
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
