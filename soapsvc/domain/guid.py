"""GUIDs as clients write them: bare or in braces, in either case; and in the one form that they are stored in."""

import re

_GUID = re.compile(r"(\{)?([0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12})(?(1)\})\Z")


def canonical_guid(text: str) -> str | None:
    """Give a GUID in lower case and without braces; None for what is none, such as one with half its braces."""
    match = _GUID.match(text)
    return None if match is None else match[2].lower()
