"""How structured values of a work item are written in text columns: compact JSON, stable over releases."""

from collections.abc import Callable, Mapping
from dataclasses import fields
from datetime import datetime
from decimal import Decimal
from functools import lru_cache
from typing import Any

import msgspec

from soapsvc.domain.answers import Answers
from soapsvc.domain.attributes import ATTRIBUTES, AttributeKind, AttributeValue
from soapsvc.domain.data import DataModel, Field
from soapsvc.domain.version_session import OperationError
from soapsvc.domain.work_item import ItemContext
from soapsvc.domain.work_type import WorkType

_FIELD_DEFAULTS = {field.name: field.default for field in fields(Field)}
_MOST_WORK_TYPES = 200

_encode = msgspec.json.Encoder().encode
_decode_fields = msgspec.json.Decoder(DataModel).decode
_decode_context = msgspec.json.Decoder(ItemContext).decode
_decode_attributes = msgspec.json.Decoder(dict[str, Any]).decode
_decode_names = msgspec.json.Decoder(list[str]).decode
_encode_answers = msgspec.json.Encoder(decimal_format="number").encode
_decode_answers = msgspec.json.Decoder(dict[str, Any], float_hook=Decimal).decode
_decode_error = msgspec.json.Decoder(OperationError).decode
_decode_work_type = msgspec.json.Decoder(WorkType).decode


def encode_fields(model: DataModel) -> str:
    """Write a data model; what has its default is left out."""
    return _encode([_without_defaults(field) for field in model]).decode()


def _without_defaults(field: Field) -> dict[str, Any]:
    return {name: value for name, default in _FIELD_DEFAULTS.items() if (value := getattr(field, name)) != default}


def decode_fields(text: str) -> DataModel:
    """Read a data model."""
    return _decode_fields(text)


def encode_context(context: ItemContext) -> str:
    """Write an item's context."""
    return _encode(context).decode()


def decode_context(text: str) -> ItemContext:
    """Read an item's context."""
    return _decode_context(text)


def encode_attributes(attributes: Mapping[str, AttributeValue]) -> str:
    """Write an item's attributes: what JSON cannot hold exactly as text."""
    texts = {name: value if isinstance(value, int) else _text(value) for name, value in attributes.items()}
    return _encode(texts).decode()


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


_READERS_BY_NAME = {name: _READERS[kind] for name, kind in ATTRIBUTES.items()}


def decode_attributes(text: str) -> Mapping[str, AttributeValue]:
    """Read an item's attributes, by name."""
    return {name: _READERS_BY_NAME[name](value) for name, value in _decode_attributes(text).items()}


def encode_names(names: list[str]) -> str:
    """Write a list of names."""
    return _encode(names).decode()


def decode_names(text: str) -> list[str]:
    """Read a list of names."""
    return _decode_names(text)


def encode_work_type(work_type: WorkType) -> str:
    """Write a work type, whole."""
    values = {field.name: getattr(work_type, field.name) for field in fields(WorkType)}
    return _encode(values | {"fields": [_without_defaults(field) for field in work_type.fields]}).decode()


@lru_cache(_MOST_WORK_TYPES)
def decode_work_type(text: str) -> WorkType:
    """Read a work type. There are few of them, which every item of theirs asks for."""
    return _decode_work_type(text)


def encode_answers(answers: Answers) -> str:
    """Write answers, numbers exactly."""
    return _encode_answers(dict(answers)).decode()


def decode_answers(text: str) -> Answers:
    """Read answers: whole numbers as int, others as Decimal."""
    answers: Answers = _decode_answers(text)
    return answers


def encode_error(error: OperationError) -> str:
    """Write why an operation failed."""
    return _encode(error).decode()


def decode_error(text: str) -> OperationError:
    """Read why an operation failed."""
    return _decode_error(text)
