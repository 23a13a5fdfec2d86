"""How structured values of a work item are written in text columns: compact JSON, stable over releases."""

import json
from collections.abc import Callable, Mapping
from dataclasses import asdict, fields
from datetime import datetime
from decimal import Decimal
from typing import Any

from soapsvc.domain.attributes import ATTRIBUTES, AttributeKind, AttributeValue
from soapsvc.domain.data import DataModel, Direction, Field, FieldType
from soapsvc.domain.work_item import ItemContext

_DEFAULTS = {field.name: field.default for field in fields(Field)}


def encode(value: object) -> str:
    """Write a plain structure as compact JSON."""
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))


def encode_fields(model: DataModel) -> str:
    """Write a data model; what has its default is left out."""
    return encode([{k: v for k, v in asdict(field).items() if v != _DEFAULTS[k]} for field in model])


def decode_fields(text: str) -> DataModel:
    """Read a data model."""
    return tuple(_field(**entry) for entry in json.loads(text))


def _field(*, direction: str, type: str, values: list[str] | None = None, **rest: object) -> Field:
    return Field(
        direction=Direction(direction),
        type=FieldType(type),
        values=tuple(values or ()),
        **rest,  # type: ignore[arg-type]
    )


def encode_context(context: ItemContext) -> str:
    """Write an item's context."""
    return encode(asdict(context))


def decode_context(text: str) -> ItemContext:
    """Read an item's context."""
    return ItemContext(**json.loads(text))


def encode_attributes(attributes: Mapping[str, AttributeValue]) -> str:
    """Write an item's attributes: what JSON cannot hold exactly as text."""
    return encode({name: value if isinstance(value, int) else _text(value) for name, value in attributes.items()})


def _text(value: AttributeValue) -> str:
    return (
        value.isoformat() if isinstance(value, datetime) else format(value, "f" if isinstance(value, Decimal) else "")
    )


_READERS: Mapping[AttributeKind, Callable[[Any], AttributeValue]] = {
    AttributeKind.LONG: int,
    AttributeKind.DECIMAL: Decimal,
    AttributeKind.MOMENT: datetime.fromisoformat,
    AttributeKind.TEXT: str,
}


def decode_attributes(text: str) -> Mapping[str, AttributeValue]:
    """Read an item's attributes, by name."""
    return {name: _READERS[ATTRIBUTES[name]](value) for name, value in json.loads(text).items()}


def decode_names(text: str) -> list[str]:
    """Read a list of names."""
    names: list[str] = json.loads(text)
    return names
