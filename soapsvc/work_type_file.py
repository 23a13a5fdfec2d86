"""Work types as an operator writes them: a YAML file, checked whole, with every complaint at its line."""

from collections.abc import Hashable
from pathlib import Path
from typing import Annotated, Literal

import yaml
from lxml import etree
from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError

from soapsvc.domain import data
from soapsvc.domain.data import Direction, FieldType
from soapsvc.domain.errors import InvalidField
from soapsvc.domain.values import is_xml_text
from soapsvc.domain.work_item import DEFAULT_PRIORITY, NAME_MAX_LENGTH, PRIORITIES, Distribution
from soapsvc.domain.work_type import ID_MAX_LENGTH, WorkModel, WorkType

MOST_BYTES = 1_000_000
_DIRECTIONS = {"input": Direction.INPUT, "output": Direction.OUTPUT, "inout": Direction.INOUT}

Path_ = tuple[Hashable, ...]


def _xml_text(text: str) -> str:
    if not is_xml_text(text):
        raise ValueError("it has characters that XML cannot hold")
    return text


Text = Annotated[str, AfterValidator(_xml_text)]


class InvalidWorkTypeFile(Exception):
    """A file of work types cannot be used; the message says where and why."""


class _Entry(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True)


class _FieldEntry(_Entry):
    name: Text
    direction: Literal["input", "output", "inout"]
    type: FieldType = Field(strict=False)
    optional: bool = False
    array: bool = False
    length: int | None = Field(None, ge=0)
    decimals: int | None = Field(None, ge=0)
    class_name: Text | None = None
    values: list[Text] = []


class _ModelEntry(_Entry):
    name: Text = Field(min_length=1, max_length=NAME_MAX_LENGTH)
    description: Text | None = None
    priority: int = Field(DEFAULT_PRIORITY, ge=PRIORITIES[0], le=PRIORITIES[-1])
    distribution: Literal["OFFER", "ALLOCATE"] = "OFFER"
    offer_to: list[Text] = []


class _TypeEntry(_Entry):
    id: Text = Field(min_length=1, max_length=ID_MAX_LENGTH)
    description: Text = ""
    version: Text | None = None
    piled: bool = False
    piling_limit: int | None = Field(None, ge=1)
    reoffer_on_close: bool = False
    reoffer_on_cancel: bool = True
    ignore_incoming_data: bool = True
    model: _ModelEntry | None = None
    fields: list[_FieldEntry] = []


class _File(_Entry):
    work_types: list[_TypeEntry] = Field(min_length=1)


def read(path: Path) -> list[WorkType]:
    """Read a file of work types. Raises InvalidWorkTypeFile."""
    try:
        if path.stat().st_size > MOST_BYTES:
            raise InvalidWorkTypeFile(f"{path} has more than {MOST_BYTES} bytes")
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise InvalidWorkTypeFile(f"{path} cannot be read: {error}") from None
    try:
        node = yaml.compose(text, Loader=yaml.SafeLoader)
        content = yaml.safe_load(text)
        lines = _lines_of(node, ()) if node is not None else {}
    except yaml.MarkedYAMLError as error:
        line = error.problem_mark.line + 1 if error.problem_mark else 1
        raise InvalidWorkTypeFile(f"{path}, line {line}: {error.problem}") from None
    except yaml.YAMLError as error:  # characters that YAML does not allow
        raise InvalidWorkTypeFile(f"{path} cannot be read: {error}") from None
    except RecursionError:  # an alias of what it stands in, or a file made to be deep
        raise InvalidWorkTypeFile(f"{path} is nested too deeply") from None
    try:
        entries = _File.model_validate(content).work_types
    except ValidationError as error:
        raise InvalidWorkTypeFile("\n".join(_complaints(path, error, lines))) from None
    seen: set[str] = set()
    for position, entry in enumerate(entries):
        if entry.id in seen:
            line = _line_of(("work_types", position, "id"), lines)
            raise InvalidWorkTypeFile(f"{path}, line {line}: the work type '{entry.id}' stands in the file twice")
        seen.add(entry.id)
    return [_work_type(path, entry, lines, position) for position, entry in enumerate(entries)]


def _lines_of(node: yaml.Node, at: Path_) -> dict[Path_, int]:
    """Give the line of everything in a document, by its path."""
    lines: dict[Path_, int] = {at: node.start_mark.line + 1}
    if isinstance(node, yaml.MappingNode):
        for key, value in node.value:
            lines |= _lines_of(value, (*at, key.value)) | {(*at, key.value): key.start_mark.line + 1}
    elif isinstance(node, yaml.SequenceNode):
        for position, value in enumerate(node.value):
            lines |= _lines_of(value, (*at, position))
    return lines


def _complaints(path: Path, error: ValidationError, lines: dict[Path_, int]) -> list[str]:
    return [
        f"{path}, line {_line_of(tuple(one['loc']), lines)}: {'.'.join(map(str, one['loc'])) or 'file'}: {one['msg']}"
        for one in error.errors(include_url=False)
    ]


def _line_of(at: Path_, lines: dict[Path_, int]) -> int:
    """Give the line of a place or, of what is missing, of what it is missing from."""
    while at and at not in lines:
        at = at[:-1]
    return lines.get(at, 1)


def _work_type(path: Path, entry: _TypeEntry, lines: dict[Path_, int], position: int) -> WorkType:
    values = entry.model_dump(exclude={"fields", "model"})
    for number, field in enumerate(entry.fields):
        if field.type in data.COMPLEX_TYPES and not all(map(_is_value_element, field.values)):
            line = _line_of(("work_types", position, "fields", number, "values"), lines)
            raise InvalidWorkTypeFile(f"{path}, line {line}: a value of {field.name} is no <value> element of XML")
    try:
        fields = data.declared(_field(field) for field in entry.fields)
    except InvalidField as error:
        line = _line_of(("work_types", position, "fields"), lines)
        raise InvalidWorkTypeFile(f"{path}, line {line}: {error}") from None
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
