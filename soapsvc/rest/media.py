"""Media types: what a body is, and what a client takes for an answer (RFC 9110, sections 8.3 and 12.5.1)."""

import re
from collections.abc import Sequence

JSON, XML, TEXT_XML = "application/json", "application/xml", "text/xml"
PROBLEM = "application/problem+json"
_LONGEST = 2_000
_QUALITY = re.compile(r";\s*q\s*=([^;]*)", re.IGNORECASE)
_WEIGHT = re.compile(r"\s*([01](?:\.[0-9]{0,3})?)\s*")


def type_of(content_type: str) -> str:
    """Give the media type that a Content-Type names, without its parameters; JSON where there is none."""
    return content_type.partition(";")[0].strip().lower() or JSON


def is_in_utf8(content_type: str) -> bool:
    """Say whether a Content-Type names no other charset than UTF-8."""
    charset = re.search(r';\s*charset\s*=\s*"?([^\s";]+)', content_type[:_LONGEST], re.IGNORECASE)
    return charset is None or charset[1].lower() in {"utf-8", "utf8", "us-ascii"}


def preferred(accept: str, offered: Sequence[str]) -> str | None:
    """Give the one of these media types that a client likes best, the first where it does not care; None for none."""
    if not accept.strip() or len(accept) > _LONGEST:
        return offered[0]
    ranges = [_range(one) for one in accept.split(",") if one.strip()]
    liked = [(_quality(one, ranges), -place) for place, one in enumerate(offered)]
    quality, place = max(liked)
    return offered[-place] if quality > 0 else None


def _range(text: str) -> tuple[str, float]:
    found = _QUALITY.search(text)
    weight = _WEIGHT.fullmatch(found[1]) if found else None
    return text.partition(";")[0].strip().lower(), float(weight[1]) if weight else 0.0 if found else 1.0


def _quality(offered: str, ranges: Sequence[tuple[str, float]]) -> float:
    """Judge a media type by the most precise of the ranges that it is in."""
    for name in (offered, f"{offered.partition('/')[0]}/*", "*/*"):
        matching = [quality for of, quality in ranges if of == name]
        if matching:
            return max(matching)
    return 0.0
