"""Cursors: where in a list a page ended, as a text that clients give back."""

import base64
import binascii
import hashlib
import json
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from decimal import Decimal, InvalidOperation
from typing import Any

from soapsvc.domain.errors import InvalidRequest
from soapsvc.domain.values import LONG_MAX, LONG_MIN
from soapsvc.domain.work_list import COLUMNS, Kind, Order, completed

_LONGEST = 4_000


def write_cursor(order: Order, what: Sequence[str], key: Sequence[Any]) -> str:
    """Write the key values of a row of the list that these texts say, in this order."""
    values = [None if value is None else value if isinstance(value, int) else str(value) for value in key]
    return base64.urlsafe_b64encode(json.dumps([_seal(order, what), *values]).encode()).decode()


def read_cursor(order: Order, what: Sequence[str], cursor: str) -> tuple[Any, ...]:
    """Read the key values of a row. Raises InvalidRequest for a cursor of another list or order, or of none."""
    try:
        if len(cursor) > _LONGEST:
            raise ValueError
        seal, *values = json.loads(base64.b64decode(cursor.encode("ascii"), altchars=b"-_", validate=True))
        terms = completed(order)
        if seal != _seal(order, what) or len(values) != len(terms):
            raise ValueError
        return tuple(
            None if value is None else _READERS[COLUMNS[term.field].kind](value)
            for term, value in zip(terms, values, strict=True)
        )
    except (ValueError, TypeError, RecursionError, binascii.Error, InvalidOperation):
        raise InvalidRequest("The cursor is none of this list in this order: begin again without one") from None


def _seal(order: Order, what: Sequence[str]) -> str:
    said = json.dumps([[[term.field, term.descending] for term in completed(order)], *what])
    return hashlib.sha256(said.encode()).hexdigest()[:16]


def _long(value: Any) -> int:
    if type(value) is not int or not LONG_MIN <= value <= LONG_MAX:
        raise ValueError
    return value


def _decimal(value: Any) -> Decimal:
    number = Decimal(_text(value))
    if not number.is_finite():
        raise ValueError
    return number


def _moment(value: Any) -> datetime:
    moment = datetime.fromisoformat(_text(value))
    if moment.tzinfo is None:
        raise ValueError
    return moment


def _text(value: Any) -> str:
    if not isinstance(value, str):
        raise TypeError
    value.encode()  # what is no text in UTF-8, no database takes
    return value


_READERS: Mapping[Kind, Callable[[Any], Any]] = {
    Kind.LONG: _long,
    Kind.DECIMAL: _decimal,
    Kind.MOMENT: _moment,
    Kind.TEXT: _text,
    Kind.DISTRIBUTION: _text,
}
