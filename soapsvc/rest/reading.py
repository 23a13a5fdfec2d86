"""Reads the bodies of requests: JSON, with numbers as they were written, and what they may hold."""

from collections.abc import Callable, Iterator, Mapping
from decimal import Decimal, InvalidOperation
from typing import Any
from urllib.parse import parse_qsl

import msgspec

from soapsvc.domain.errors import InvalidRequest
from soapsvc.rest.media import JSON
from soapsvc.rest.problems import BAD_REQUEST, INVALID, HttpProblem

_MOST_PARAMETERS = 50
_NUL = b"\\u0000"


def json_of(kind: Any) -> Mapping[str, Callable[[bytes], Any]]:
    """Give how a body of JSON is read as a type; an empty one is an object without members."""
    decoder = msgspec.json.Decoder(kind, float_hook=_decimal)
    return {JSON: lambda body: _read(decoder, body)}


def check_text(text: str) -> None:
    """Raise InvalidRequest for a text with the one character that no database keeps and XML does not have."""
    if "\0" in text:
        raise InvalidRequest("A text has the character U+0000")


def query_of(kind: Any, text: str) -> Any:
    """Read the parameters of an address as a structure, or as nothing. Raises InvalidRequest."""
    try:
        pairs = parse_qsl(
            text, keep_blank_values=True, strict_parsing=bool(text), max_num_fields=_MOST_PARAMETERS, errors="strict"
        )
    except ValueError:
        raise InvalidRequest("The query cannot be read") from None
    for _, value in pairs:
        check_text(value)
    given = dict(pairs)
    if len(given) != len(pairs):
        raise InvalidRequest("A parameter of the query came twice")
    if kind is None:
        return None
    try:
        return msgspec.convert(given, kind, strict=False)
    except msgspec.ValidationError as error:
        raise InvalidRequest(f"The query cannot be used: {error}") from None


def _decimal(text: str) -> Decimal:
    try:
        return Decimal(text)
    except InvalidOperation:
        raise ValueError("The number is beyond what can be written out") from None


def _read(decoder: msgspec.json.Decoder[Any], body: bytes) -> Any:
    try:
        read = decoder.decode(body or b"{}")
    except msgspec.ValidationError as error:
        detail, _, place = str(error).partition(" - at ")
        pointer = "#" + place.strip("`$").replace("[...]", "/-").replace(".", "/")
        raise HttpProblem(INVALID, f"{detail}.", errors=[{"detail": detail, "pointer": pointer}]) from None
    except (msgspec.DecodeError, ValueError, RecursionError) as error:
        shown = "it is nested too deeply" if isinstance(error, RecursionError) else str(error)
        raise HttpProblem(BAD_REQUEST, f"The body is not the JSON that is expected: {shown}") from None
    if _NUL in body:
        for text in _texts(msgspec.to_builtins(read)):
            check_text(text)
    return read


def _texts(value: Any) -> Iterator[str]:
    """Give all texts in what was read from JSON."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict):
        for name, one in value.items():
            yield name
            yield from _texts(one)
    elif isinstance(value, list):
        for one in value:
            yield from _texts(one)
