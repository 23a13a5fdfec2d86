"""Free XML in an answer: kept as text all the way, for lxml would lose bindings of prefixes when nodes are moved."""

import base64
import re

from lxml import etree

_MARK = "fragment"
_MARKS = re.compile(rb"<\?fragment ([^?]*)\?>")


def mark(fragment: str) -> etree._Element:
    """Give a node that stands for a text of XML in a tree."""
    return etree.ProcessingInstruction(_MARK, base64.b64encode(fragment.encode()).decode())


def to_bytes(message: etree._Element) -> bytes:
    """Write a message, with the texts in the places of their marks. Requests never hold such marks: see envelope."""
    written = etree.tostring(message, encoding="UTF-8", xml_declaration=True)
    return _MARKS.sub(lambda match: base64.b64decode(match[1]), written)
