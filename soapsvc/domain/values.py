"""The text forms of values: XML Schema's, read strictly and within what a calendar and 64 bits can hold."""

import re
from datetime import UTC, date, datetime, timedelta, timezone
from decimal import Decimal

LONG_MIN, LONG_MAX = -(2**63), 2**63 - 1

_INTEGER = re.compile(r"[+-]?[0-9]{1,40}\Z")
_DECIMAL = re.compile(r"[+-]?([0-9]+(\.[0-9]*)?|\.[0-9]+)\Z")
_ZONE = r"(Z|[+-](?:0[0-9]|1[0-3]):[0-5][0-9]|[+-]14:00)?"
_CLOCK = r"([0-9]{2}):([0-9]{2}):([0-9]{2})(?:\.([0-9]+))?"
_DATE = re.compile(r"([0-9]{4})-([0-9]{2})-([0-9]{2})" + _ZONE + r"\Z")
_TIME = re.compile(_CLOCK + _ZONE + r"\Z")
_MOMENT = re.compile(r"([0-9]{4})-([0-9]{2})-([0-9]{2})T" + _CLOCK + _ZONE + r"\Z")
_XML_TEXT = re.compile("[\t\n\r\u0020-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]*")
_BOOLEANS = {"true": True, "1": True, "false": False, "0": False}


def is_xml_text(text: str) -> bool:
    """Say whether XML 1.0 can hold a text: else no answer could show it."""
    return _XML_TEXT.fullmatch(text) is not None


def parse_boolean(text: str) -> bool:
    """Read an xs:boolean; surrounding blanks are allowed. Raises ValueError."""
    try:
        return _BOOLEANS[text.strip()]
    except KeyError:
        raise ValueError("not true or false") from None


def parse_long(text: str) -> int:
    """Read a whole number of 64 bits. Raises ValueError."""
    if not _INTEGER.match(text.strip()):
        raise ValueError("not a whole number")
    number = int(text)
    if not LONG_MIN <= number <= LONG_MAX:
        raise ValueError("beyond 64 bits")
    return number


def parse_decimal(text: str) -> Decimal:
    """Read an xs:decimal: no exponent, no NaN. Raises ValueError."""
    if not _DECIMAL.match(text.strip()):
        raise ValueError("not a decimal number")
    return Decimal(text.strip())


def parse_date(text: str) -> date:
    """Read an xs:date of the years 1 to 9999; a zone is allowed and checked. Raises ValueError."""
    match = _DATE.match(text.strip())
    if not match:
        raise ValueError("not a date such as 2026-11-21")
    return date(*(int(part) for part in match.groups()[:3]))


def parse_time(text: str) -> timedelta:
    """Read an xs:time, as the time since midnight; 24:00:00 is midnight. Raises ValueError."""
    match = _TIME.match(text.strip())
    if not match:
        raise ValueError("not a time such as 14:30:00")
    return _since_midnight(*match.groups()[:4]) % timedelta(days=1)


def parse_moment(text: str) -> datetime:
    """Read an xs:dateTime as a moment in UTC, to the microsecond; without a zone it is taken as UTC.

    24:00:00 is the next day's midnight; finer fractions are cut. Raises ValueError, also beyond the years 1 to 9999.
    """
    match = _MOMENT.match(text.strip())
    if not match:
        raise ValueError("not a date and time such as 2026-11-21T14:30:00Z")
    year, month, day, hours, minutes, seconds, fraction, zone = match.groups()
    try:
        local = datetime(int(year), int(month), int(day), tzinfo=_zone(zone))
        return (local + _since_midnight(hours, minutes, seconds, fraction)).astimezone(UTC)
    except OverflowError:
        raise ValueError("beyond the years 1 to 9999") from None


def format_moment(moment: datetime) -> str:
    """Write a moment as xs:dateTime in UTC, with a fraction only where there is one."""
    text = (moment if moment.tzinfo is UTC else moment.astimezone(UTC)).isoformat().removesuffix("+00:00")
    return f"{text.rstrip('0') if '.' in text else text}Z"


def _since_midnight(hours: str, minutes: str, seconds: str, fraction: str | None) -> timedelta:
    clock = timedelta(
        hours=int(hours),
        minutes=int(minutes),
        seconds=int(seconds),
        microseconds=int((fraction or "0")[:6].ljust(6, "0")),
    )
    if int(minutes) > 59 or int(seconds) > 59 or clock > timedelta(days=1):
        raise ValueError("not a time of day")
    return clock


def _zone(text: str | None) -> timezone:
    if text is None or text == "Z":
        return UTC
    sign = -1 if text[0] == "-" else 1
    return timezone(sign * timedelta(hours=int(text[1:3]), minutes=int(text[4:6])))
