"""Answers: an item's data by name, as clients of version sessions know them, and their way to typed fields and back."""

import math
from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from decimal import Decimal
from typing import Any

from soapsvc.domain.data import COMPLEX_TYPES, DataModel, Direction, Field, FieldType
from soapsvc.domain.errors import InvalidField
from soapsvc.domain.values import parse_boolean

AnswerValue = Any
"""None, a text, a truth value, a number (int, float or Decimal), or a list of these."""

Answers = Mapping[str, AnswerValue]
"""Answers by the names of fields. A date, a time or a moment is a text in its XML Schema form."""


def overlaid(model: DataModel, answers: Answers) -> list[Field]:
    """Give the fields that answers set: None empties one. Raises InvalidField for an unknown name or another kind."""
    known = {field.name: field for field in model}
    for name in answers:
        if name not in known:
            raise InvalidField(name[:255], "the work item has no field of this name")
    return [_answered(known[name], value) for name, value in answers.items()]


def replacing(model: DataModel, answers: Answers) -> Answers:
    """Give these answers, and none for each other field that may be answered."""
    unanswered = {field.name: None for field in model if field.direction is not Direction.INPUT}
    return {**unanswered, **answers}


def merged(first: Answers, second: Answers) -> Answers:
    """Give the first answers with the second on top."""
    return {**first, **second}


def declared(answers: Answers) -> list[Field]:
    """Give optional fields of the kinds of these answers, for an item without a work type. Raises InvalidField."""
    return [_answered(_field_for(name, value), value) for name, value in answers.items()]


def _field_for(name: str, value: AnswerValue) -> Field:
    sample = next((one for one in value if one is not None), "") if isinstance(value, list) else value
    kind = FieldType.STRING
    if isinstance(sample, bool):
        kind = FieldType.BOOLEAN
    elif isinstance(sample, int | float | Decimal):
        kind = FieldType.DECIMAL_NUMBER
    return Field(name=name, direction=Direction.INOUT, type=kind, optional=True, array=isinstance(value, list))


def of_fields(model: DataModel) -> Answers:
    """Give the answers that fields hold: whole numbers as int, other numbers as Decimal, arrays as lists."""
    return {field.name: _answer(field) for field in model}


def _answer(field: Field) -> AnswerValue:
    read = _READERS.get(field.type, str)
    values = [read(value) for value in field.values]
    if field.array:
        return values
    return values[0] if values else None


_READERS: Mapping[FieldType, Callable[[str], AnswerValue]] = {
    FieldType.INTEGER_NUMBER: int,
    FieldType.DECIMAL_NUMBER: lambda text: Decimal(text.strip()),
    FieldType.BOOLEAN: parse_boolean,
}


def _answered(field: Field, value: AnswerValue) -> Field:
    if value is None:
        return replace(field, values=())
    if isinstance(value, list) != field.array and isinstance(value, list):
        raise InvalidField(field.name, "it is no array and has a list for its answer")
    given: Iterable[AnswerValue] = value if isinstance(value, list) else [value]
    texts = tuple(_text(field, one) for one in given)
    return replace(field, values=texts, complex_values=field.type in COMPLEX_TYPES)


def _text(field: Field, value: AnswerValue) -> str:
    if field.type is FieldType.BOOLEAN:
        if isinstance(value, bool):
            return "true" if value else "false"
        raise InvalidField(field.name, "its answer must be true or false")
    if field.type in {FieldType.INTEGER_NUMBER, FieldType.DECIMAL_NUMBER}:
        return _number(field, value)
    if isinstance(value, str):
        return value
    raise InvalidField(field.name, "its answer must be a text")


def _number(field: Field, value: AnswerValue) -> str:
    if isinstance(value, bool) or not isinstance(value, int | float | Decimal) or not math.isfinite(value):
        raise InvalidField(field.name, "its answer must be a number")
    number = Decimal(repr(value)) if isinstance(value, float) else Decimal(value)
    if abs(number.adjusted()) > _MOST_DIGITS:
        raise InvalidField(field.name, "its answer is beyond what can be written out")
    if field.type is FieldType.INTEGER_NUMBER and number == number.to_integral_value():
        return format(number.to_integral_value(), "f")
    return format(number, "f")


_MOST_DIGITS = 400
"""More would be written out as that many zeros."""
