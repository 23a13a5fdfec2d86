"""What a client prefers: the header Prefer (RFC 7240), of which respond-async and wait are known."""

import re
from collections.abc import Sequence
from dataclasses import dataclass

_PREFERENCE = re.compile(r'\s*([!#$%&\'*+.^_`|~0-9A-Za-z-]+)(?:\s*=\s*("[^"]*"|[^\s;,"]*))?[^,]*(?:,|$)')
_SECONDS = re.compile(r"[0-9]{1,9}", re.ASCII)
_LONGEST = 2_000


@dataclass(frozen=True, slots=True)
class Preferences:
    """Whether to be answered at once, and how many seconds a client is willing to wait."""

    respond_async: bool = False
    wait: int | None = None


def read_preferences(values: Sequence[str]) -> Preferences:
    """Read Prefer, as often as it came. Of a preference that came twice the first counts; others are passed over."""
    text = ",".join(values)
    if not text or len(text) > _LONGEST:
        return Preferences()
    found: dict[str, str] = {}
    for name, value in _PREFERENCE.findall(text):
        found.setdefault(name.lower(), value.strip('"'))
    wait = found.get("wait", "")
    return Preferences("respond-async" in found, int(wait) if _SECONDS.fullmatch(wait) else None)
