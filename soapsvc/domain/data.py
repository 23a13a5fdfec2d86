"""The data of a work item: typed fields, and the checks that every payload must pass."""

import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from enum import StrEnum

from soapsvc.domain import values
from soapsvc.domain.errors import InvalidField

NAME_MAX_LENGTH = 255
VALUE_MAX_LENGTH = 1_000_000
_UNKNOWN = "the work item has no field of this name"


class FieldType(StrEnum):
    """The types that a field may have; the names are those of the contract."""

    STRING = "String"
    DECIMAL_NUMBER = "Decimal Number"
    INTEGER_NUMBER = "Integer Number"
    BOOLEAN = "Boolean"
    DATE = "Date"
    TIME = "Time"
    DATE_TIME = "Date Time"
    PERFORMER = "Performer"
    COMPLEX = "Complex"
    DATA_REFERENCE = "Data Reference"


COMPLEX_TYPES = frozenset({FieldType.COMPLEX, FieldType.DATA_REFERENCE})
"""Types whose values are XML, kept as given; all others hold text."""


class Direction(StrEnum):
    """Which way a field's value flows: inputs are read-only to who works on the item."""

    INPUT = "inputs"
    OUTPUT = "outputs"
    INOUT = "inouts"


@dataclass(frozen=True, kw_only=True, slots=True)
class Field:
    """A named value of a work item.

    `values` are texts: of a simple type in its XML Schema form, of a complex type the XML of each value element.
    No values: the field is empty. `length` counts characters or digits, `decimals` digits after the point.
    `complex_values` says in which form the values came.
    """

    name: str
    direction: Direction
    type: FieldType
    optional: bool = False
    array: bool = False
    length: int | None = None
    decimals: int | None = None
    class_name: str | None = None
    go_ref_id: str | None = None
    complex_values: bool = False
    values: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True, slots=True)
class NamedValues:
    """Values for the field of this name, whatever its kind."""

    name: str
    values: tuple[str, ...]
    complex_values: bool = False


DataModel = tuple[Field, ...]
"""Fields in the order of their declaration; names are unique."""


def declared(fields: Iterable[Field]) -> DataModel:
    """Give the data model of a new item. Raises InvalidField for a name used twice or a value that does not fit."""
    model: dict[str, Field] = {}
    for field in fields:
        if not field.name.strip() or len(field.name) > NAME_MAX_LENGTH:
            raise InvalidField(field.name[:NAME_MAX_LENGTH], f"a name has 1 to {NAME_MAX_LENGTH} characters")
        if not values.is_xml_text(field.name):
            raise InvalidField(repr(field.name), "its name has characters that XML cannot hold")
        if field.name in model:
            raise InvalidField(field.name, "it is declared twice")
        if (field.length is not None and field.length < 0) or (field.decimals is not None and field.decimals < 0):
            raise InvalidField(field.name, "a length is not negative")
        model[field.name] = _with_values_of(field, field)
    return tuple(model.values())


def merged(model: DataModel, payload: Iterable[Field]) -> DataModel:
    """Give the model with the payload's outputs and inouts set; its inputs are read-only and ignored.

    Raises InvalidField, naming the field: unknown, of another kind or type, named twice, or a value that does not fit.
    """
    changes = {
        field.name: _with_values_of(field, supplied)
        for field, supplied in _matched(model, payload)
        if field.direction is not Direction.INPUT
    }
    return tuple(changes.get(field.name, field) for field in model)


def overlaid(model: DataModel, payload: Iterable[Field | NamedValues]) -> DataModel:
    """Give the model with every value that the payload has, inputs too; nothing can be emptied this way.

    Raises InvalidField as `merged` does.
    """
    known = {field.name: field for field in model}
    fields = [_as_field(known, one) if isinstance(one, NamedValues) else one for one in payload]
    changes = {
        field.name: _with_values_of(field, supplied) for field, supplied in _matched(model, fields) if supplied.values
    }
    return tuple(changes.get(field.name, field) for field in model)


def _as_field(known: Mapping[str, Field], named: NamedValues) -> Field:
    field = known.get(named.name)
    if field is None:
        raise InvalidField(named.name, _UNKNOWN)
    return replace(field, values=named.values, complex_values=named.complex_values)


def _matched(model: DataModel, payload: Iterable[Field]) -> Iterator[tuple[Field, Field]]:
    """Pair each field of a payload with the one of the model that it is about."""
    known: Mapping[str, Field] = {field.name: field for field in model}
    seen: set[str] = set()
    for supplied in payload:
        field = known.get(supplied.name)
        if field is None:
            raise InvalidField(supplied.name, _UNKNOWN)
        if supplied.direction is not field.direction:
            raise InvalidField(field.name, f"it is one of the {field.direction}, not of the {supplied.direction}")
        if supplied.type is not field.type:
            raise InvalidField(field.name, f"its type is {field.type}, not {supplied.type}")
        if supplied.name in seen:
            raise InvalidField(field.name, "it is named twice")
        seen.add(supplied.name)
        yield field, supplied


def check_required(model: DataModel) -> None:
    """Raise InvalidField for an output or inout that is not optional and has no value."""
    for field in model:
        if field.direction is not Direction.INPUT and not field.optional and not field.values:
            raise InvalidField(field.name, "it is required and has no value")


def _with_values_of(field: Field, supplied: Field) -> Field:
    """Give `field` with the supplied values, each checked against the field's type and lengths."""
    is_complex = field.type in COMPLEX_TYPES
    if supplied.values and supplied.complex_values != is_complex:
        raise InvalidField(field.name, f"a {field.type} has {'complex' if is_complex else 'simple'} values")
    if len(supplied.values) > 1 and not field.array:
        raise InvalidField(field.name, "it is no array and has more than one value")
    for value in supplied.values:
        if len(value) > VALUE_MAX_LENGTH:
            raise InvalidField(field.name, f"a value is longer than {VALUE_MAX_LENGTH} characters")
        if not values.is_xml_text(value):
            raise InvalidField(field.name, "a value has characters that XML cannot hold")
        if reason := _CHECKS[field.type](field, value):
            raise InvalidField(field.name, reason)
    return replace(field, values=supplied.values, complex_values=is_complex)


def _check_text(field: Field, value: str) -> str | None:
    if field.length is not None and len(value) > field.length:
        return f"it is longer than {field.length} characters"
    return None


def _check_integer(field: Field, value: str) -> str | None:
    try:
        number = values.parse_long(value)
    except ValueError as error:
        return str(error)
    if field.length is not None and len(str(abs(number))) > field.length:
        return f"it has more than {field.length} digits"
    return None


def _check_decimal(field: Field, value: str) -> str | None:
    try:
        values.parse_decimal(value)
    except ValueError as error:
        return str(error)
    whole, _, fraction = value.strip().lstrip("+-").partition(".")
    fraction = fraction.rstrip("0")
    if field.decimals is not None and len(fraction) > field.decimals:
        return f"it has more than {field.decimals} digits after the point"
    if field.length is not None and len(whole.lstrip("0") + fraction) > field.length:
        return f"it has more than {field.length} digits"
    return None


def _parsed_by(parse: Callable[[str], object]) -> Callable[[Field, str], str | None]:
    def check(_: Field, value: str) -> str | None:
        try:
            parse(value)
        except ValueError as error:
            return str(error)
        return None

    return check


_PERFORMER = re.compile(r"\S(.*\S)?\Z", re.DOTALL)


def _check_performer(field: Field, value: str) -> str | None:
    return _check_text(field, value) if _PERFORMER.match(value) else "a performer is a GUID or a name"


def _accept(_: Field, __: str) -> None:
    return None


_CHECKS: Mapping[FieldType, Callable[[Field, str], str | None]] = {
    FieldType.STRING: _check_text,
    FieldType.DECIMAL_NUMBER: _check_decimal,
    FieldType.INTEGER_NUMBER: _check_integer,
    FieldType.BOOLEAN: _parsed_by(values.parse_boolean),
    FieldType.DATE: _parsed_by(values.parse_date),
    FieldType.TIME: _parsed_by(values.parse_time),
    FieldType.DATE_TIME: _parsed_by(values.parse_moment),
    FieldType.PERFORMER: _check_performer,
    FieldType.COMPLEX: _accept,
    FieldType.DATA_REFERENCE: _accept,
}
