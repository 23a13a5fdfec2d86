"""The values in filters: what each token means in a column of each kind, or why it means nothing there."""

import re
from calendar import monthrange
from collections.abc import Callable, Iterable, Mapping
from decimal import Decimal
from typing import TypeVar

from lark import Token

from soapsvc.domain.states import State
from soapsvc.domain.values import parse_decimal, parse_long, parse_moment
from soapsvc.domain.work_item import DESCRIPTION_MAX_LENGTH, Distribution
from soapsvc.domain.work_list import Interval, Kind, Operand

Value = TypeVar("Value")

LONGEST_PATTERN = 255
"""How many characters a text with wildcards may have: each may have to be tried at each character of a description."""

_LONGEST_SHOWN = 40
_MOST_DIGITS = 38
_DATE = re.compile(
    r"([0-9]{4})(?:-([0-9]{2})(?:-([0-9]{2})(?:T([0-9]{2})(?::([0-9]{2})(?::([0-9]{2})(?:\.([0-9]{1,6}))?)?)?)?)?)?"
    r"(Z|[+-][0-9]{2}:[0-9]{2})?\Z",
    re.IGNORECASE,
)


class Misread(Exception):
    """Something stands at an index of the text that cannot stand there."""

    def __init__(self, at: int, found: str, expected: str) -> None:
        super().__init__(at, found, expected)
        self.position, self.found, self.expected = at + 1, found, expected


def misplaced(token: Token, expected: str) -> Misread:
    """Make the error that a token stands where something else is expected."""
    return Misread(token.start_pos or 0, quoted(token), expected)


def quoted(found: str) -> str:
    """Show what was found, in quotes; what is long in part."""
    shown = found if len(found) <= _LONGEST_SHOWN else f"{found[:_LONGEST_SHOWN]}…"
    return shown if found.startswith("'") else f"'{shown}'"


def one_of(choices: Iterable[str]) -> str:
    """Name all choices in one phrase."""
    *others, last = choices
    return f"{', '.join(others)} or {last}" if others else last


def _text(value: Token) -> Operand:
    if value.type == "WORD" and value.upper() == "EMPTY":
        return ""
    if value.type != "TEXT":
        raise misplaced(value, "a text in single quotes, NULL or Empty")
    text = value[1:-1].replace("''", "'")
    check_length(value, text, DESCRIPTION_MAX_LENGTH, "")
    return text


def check_length(token: Token, text: str, most: int, condition: str) -> None:
    """Raise Misread for a text of more characters, with the condition under which it is too long."""
    if len(text) > most:
        raise misplaced(token, f"a text of at most {most} characters{condition}")


def _whole_number(value: Token) -> Operand:
    return _read(value, parse_long, "a whole number of 64 bits")


def _decimal(value: Token) -> Operand:
    def read(text: str) -> Decimal:
        number = parse_decimal(text)
        if len(number.as_tuple().digits) > _MOST_DIGITS:
            raise ValueError("too many digits")
        return number

    return _read(value, read, f"a number of at most {_MOST_DIGITS} digits")


def read_interval(value: Token) -> Interval:
    """Read a date as all the time that it names. Raises Misread."""
    return _read(value, interval, "a date without quotes, from 2026 to 2026-11-21T14:30:00.000Z")


def _read(value: Token, reader: Callable[[str], Value], expected: str) -> Value:
    try:
        if value.type != "PLAIN":
            raise ValueError("neither a number nor a date")
        return reader(value)
    except ValueError:
        raise misplaced(value, expected) from None


def interval(text: str) -> Interval:
    """Read a date that is written to any precision: all the time that it names. Without a zone it is in UTC.

    Raises ValueError, also for what the years 1 to 9999 do not hold.
    """
    match = _DATE.match(text)
    if not match:
        raise ValueError("not a date such as 2026-11-21")
    year, month, day, hour, minute, second, fraction, zone = match.groups()
    last_month = month or "12"
    if not 1 <= int(last_month) <= 12 or int(year) == 0:
        raise ValueError("no such month")
    last_day = day or str(monthrange(int(year), int(last_month))[1])
    zone = (zone or "Z").upper()
    first = (
        f"{year}-{month or '01'}-{day or '01'}T{hour or '00'}:{minute or '00'}:{second or '00'}.{fraction or 0}{zone}"
    )
    clock = f"{hour or 23}:{minute or 59}:{second or 59}.{(fraction or '').ljust(6, '9')}"
    return Interval(parse_moment(first), parse_moment(f"{year}-{last_month}-{last_day}T{clock}{zone}"))


def _word(choices: Mapping[str, Operand]) -> Callable[[Token], Operand]:
    expected = one_of(choices)

    def read(value: Token) -> Operand:
        operand = choices.get(value.upper()) if value.type == "WORD" else None
        if operand is None:
            raise misplaced(value, expected)
        return operand

    return read


READERS: Mapping[Kind, Callable[[Token], Operand]] = {
    Kind.LONG: _whole_number,
    Kind.DECIMAL: _decimal,
    Kind.MOMENT: read_interval,
    Kind.TEXT: _text,
    Kind.BOOLEAN: _word({"TRUE": True, "FALSE": False}),
    Kind.STATE: _word({state.value: state for state in State}),
    Kind.DISTRIBUTION: _word(
        {
            "OFFERED": Distribution.OFFER,
            "ALLOCATED": Distribution.ALLOCATE,
            "OFFER": Distribution.OFFER,
            "ALLOCATE": Distribution.ALLOCATE,
        }
    ),
}
"""What reads the operand of a comparison with a column of each kind; it raises Misread."""
