"""The forty attributes that a scheduler may give an item, for lists to show, order and filter by."""

from collections.abc import Mapping
from datetime import datetime
from decimal import Decimal
from enum import Enum
from types import MappingProxyType

from soapsvc.domain.errors import InvalidWorkItem
from soapsvc.domain.values import LONG_MAX, LONG_MIN, is_xml_text

AttributeValue = int | Decimal | datetime | str


class AttributeKind(Enum):
    """What an attribute holds."""

    LONG = int
    DECIMAL = Decimal
    MOMENT = datetime
    TEXT = str


_SPECIAL = {
    AttributeKind.LONG: {1, 15},
    AttributeKind.DECIMAL: {5, 16, 17, 18},
    AttributeKind.MOMENT: {6, 7, 19, 20},
}
_LONG_TEXTS = {2, 3, 4, *range(27, 39)}
_LONGEST_TEXTS = {39, 40}
_MOST_DIGITS = 38


def _kind(number: int) -> AttributeKind:
    return next((kind for kind, numbers in _SPECIAL.items() if number in numbers), AttributeKind.TEXT)


def _longest(number: int) -> int:
    return 255 if number in _LONGEST_TEXTS else 64 if number in _LONG_TEXTS else 20


ATTRIBUTES: Mapping[str, AttributeKind] = MappingProxyType({f"attribute{n}": _kind(n) for n in range(1, 41)})
"""Every attribute's kind, by name, in order."""

LONGEST_TEXT: Mapping[str, int] = MappingProxyType({f"attribute{n}": _longest(n) for n in range(1, 41)})
"""How many characters an attribute that is a text may have."""


def check_attributes(attributes: Mapping[str, AttributeValue]) -> None:
    """Raise InvalidWorkItem for a name that is none, or a value that does not fit."""
    for name, value in attributes.items():
        kind = ATTRIBUTES.get(name)
        if kind is None or not isinstance(value, kind.value):
            raise InvalidWorkItem(name, "there is no such attribute, or it is of another type")
        if isinstance(value, int) and not LONG_MIN <= value <= LONG_MAX:
            raise InvalidWorkItem(name, "it is beyond 64 bits")
        if isinstance(value, str) and not is_xml_text(value):
            raise InvalidWorkItem(name, "it has characters that XML cannot hold")
        if isinstance(value, Decimal) and not value.is_finite():
            raise InvalidWorkItem(name, "it is not a number")
        if isinstance(value, str) and len(value) > LONGEST_TEXT[name]:
            raise InvalidWorkItem(name, f"it is longer than {LONGEST_TEXT[name]} characters")
        if isinstance(value, str) and not is_xml_text(value):
            raise InvalidWorkItem(name, "it has characters that XML cannot hold")
        if isinstance(value, Decimal) and len(value.as_tuple().digits) > _MOST_DIGITS:
            raise InvalidWorkItem(name, f"it has more than {_MOST_DIGITS} digits")
