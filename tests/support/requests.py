"""Small parts of requests, and of what they left, that the tests of many operations share."""

from typing import Any

from lxml import etree

from soapsvc.domain.work_item import WorkItem
from tests.conftest import Soap
from tests.support.soap import content_of, root_of


def identity(item: WorkItem, version: int | None = None) -> str:
    """Name an item, at a version if one is given."""
    return f'<workItemID id="{item.id}"/>' if version is None else f'<workItemID id="{item.id}" version="{version}"/>'


def notes(text: str) -> str:
    """Give the payload that sets the field Notes."""
    return payload(text_field("Notes", text))


def payload(fields: str) -> str:
    """Wrap fields as the new data of an item."""
    return f"<workItemPayload><dataModel>{fields}</dataModel></workItemPayload>"


def text_field(name: str, *values: str, kind: str = "inouts", type_: str = "String") -> str:
    """Give a field of any simple type."""
    spec = "".join(f"<value>{value}</value>" for value in values)
    return f'<{kind} name="{name}" type="{type_}"><simpleSpec>{spec}</simpleSpec></{kind}>'


def answered(soap: Soap, operation: str, content: str, **options: Any) -> etree._Element:
    """Call an operation that succeeds, and give the valid element that answers it."""
    answer = soap.ask(operation, content, **options)
    assert answer.status == 200, answer.body.decode()
    element = content_of(answer.body)
    assert element.tag == f"{root_of(operation)}Response"
    assert answer.headers["content-type"] == "text/xml; charset=utf-8"
    return element


def values(item: WorkItem, name: str) -> tuple[str, ...]:
    """Give the values of an item's field."""
    (found,) = [field.values for field in item.fields if field.name == name]
    return found
