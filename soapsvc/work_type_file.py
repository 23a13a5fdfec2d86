"""Work types as an operator writes them: a YAML file, checked whole, with every complaint at its line."""

from pathlib import Path
from typing import Literal

from lxml import etree
from pydantic import Field

from soapsvc.domain import data
from soapsvc.domain.data import Direction, FieldType
from soapsvc.domain.errors import InvalidField
from soapsvc.domain.work_item import DEFAULT_PRIORITY, NAME_MAX_LENGTH, PRIORITIES, Distribution
from soapsvc.domain.work_type import ID_MAX_LENGTH, WorkModel, WorkType
from soapsvc.yaml_file import Entry, InvalidFile, Lines, Text
from soapsvc.yaml_file import read as read_yaml

MOST_BYTES = 1_000_000
_DIRECTIONS = {"input": Direction.INPUT, "output": Direction.OUTPUT, "inout": Direction.INOUT}


class InvalidWorkTypeFile(InvalidFile):
    """A file of work types cannot be used; the message says where and why."""


class _FieldEntry(Entry):
    name: Text
    direction: Literal["input", "output", "inout"]
    type: FieldType = Field(strict=False)
    optional: bool = False
    array: bool = False
    length: int | None = Field(None, ge=0)
    decimals: int | None = Field(None, ge=0)
    class_name: Text | None = None
    values: list[Text] = Field(default_factory=list)


class _ModelEntry(Entry):
    name: Text = Field(min_length=1, max_length=NAME_MAX_LENGTH)
    description: Text | None = None
    priority: int = Field(DEFAULT_PRIORITY, ge=PRIORITIES[0], le=PRIORITIES[-1])
    distribution: Literal["OFFER", "ALLOCATE"] = "OFFER"
    offer_to: list[Text] = Field(default_factory=list)


class _TypeEntry(Entry):
    id: Text = Field(min_length=1, max_length=ID_MAX_LENGTH)
    description: Text = ""
    version: Text | None = None
    piled: bool = False
    piling_limit: int | None = Field(None, ge=1)
    reoffer_on_close: bool = False
    reoffer_on_cancel: bool = True
    ignore_incoming_data: bool = True
    model: _ModelEntry | None = None
    fields: list[_FieldEntry] = Field(default_factory=list)


class _File(Entry):
    work_types: list[_TypeEntry] = Field(min_length=1)


def read(path: Path) -> list[WorkType]:
    """Read a file of work types. Raises InvalidWorkTypeFile."""
    content, lines = read_yaml(path, _File, InvalidWorkTypeFile, most_bytes=MOST_BYTES)
    seen: set[str] = set()
    for position, entry in enumerate(content.work_types):
        if entry.id in seen:
            lines.refuse(("work_types", position, "id"), f"the work type '{entry.id}' stands in the file twice")
        seen.add(entry.id)
    return [_work_type(entry, lines, position) for position, entry in enumerate(content.work_types)]


def _work_type(entry: _TypeEntry, lines: Lines, position: int) -> WorkType:
    values = entry.model_dump(exclude={"fields", "model"})
    at = ("work_types", position, "fields")
    for number, field in enumerate(entry.fields):
        if field.type in data.COMPLEX_TYPES and not all(map(_is_value_element, field.values)):
            lines.refuse((*at, number, "values"), f"a value of {field.name} is no <value> element of XML")
    try:
        fields = data.declared(_field(field) for field in entry.fields)
    except InvalidField as error:
        lines.refuse(at, error)
    return WorkType(**values, fields=fields, model=_model(entry.model) if entry.model else None)


def _is_value_element(text: str) -> bool:
    """Say whether a text is XML that can be sent as it is: it will be part of answers."""
    try:
        root = etree.fromstring(text, etree.XMLParser(resolve_entities=False, no_network=True))
    except (etree.XMLSyntaxError, ValueError):
        return False
    return root.tag == "value" and not root.getroottree().docinfo.doctype and not text.lstrip().startswith("<?xml")


def _field(entry: _FieldEntry) -> data.Field:
    values = entry.model_dump(exclude={"direction", "type", "values"})
    return data.Field(
        **values,
        direction=_DIRECTIONS[entry.direction],
        type=entry.type,
        complex_values=entry.type in data.COMPLEX_TYPES,
        values=tuple(entry.values),
    )


def _model(entry: _ModelEntry) -> WorkModel:
    values = entry.model_dump(exclude={"distribution", "offer_to"})
    return WorkModel(**values, distribution=Distribution(entry.distribution), offer_to=tuple(entry.offer_to))
