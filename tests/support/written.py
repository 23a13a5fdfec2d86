"""Writes a request in one of the ways that clients do, and breaks one where it may hurt."""

from collections.abc import Callable
from copy import deepcopy

from soapsvc.soap.operations import Operation
from tests.support.declared import Choices, Part
from tests.support.soap import SOAP, envelope

STRICT = ("a prefix on the root", "a default namespace taken back")
LENIENT = ("a default namespace for all", "a prefix on all", "a prefix on some")

_XSI = "http://www.w3.org/2001/XMLSchema-instance"
_REFERENCES = {ord(one): f"&#{ord(one)};" for one in "&<>\"'\r\n\t"}


def message_of(operation: Operation, root: Part, choices: Choices, way: str, soap: str = SOAP) -> bytes:
    """Write the whole message of a request: where the namespace stands and what does not matter is by chance."""
    return envelope(_Writing(operation, choices, way).root(root), soap=soap)


class _Writing:
    def __init__(self, operation: Operation, choices: Choices, way: str) -> None:
        self.namespace = operation.namespace
        self.choices = choices
        self.way = way

    def root(self, part: Part) -> str:
        own = f' xmlns:own="{self.namespace}" xmlns:a="urn:a" xmlns:xsi="{_XSI}"'
        if self.way in {"a default namespace taken back", "a default namespace for all"}:
            return self._element(part, part.name, f'{own} xmlns="{self.namespace}"')
        return self._element(part, f"own:{part.name}", own)

    def _child(self, part: Part) -> str:
        if self.way == "a default namespace taken back":
            return self._element(part, part.name, ' xmlns=""')
        prefixed = self.way == "a prefix on all" or (self.way == "a prefix on some" and self.choices.happens())
        return self._element(part, f"own:{part.name}" if prefixed else part.name, "")

    def _element(self, part: Part, name: str, bindings: str) -> str:
        pieces = [bindings, *(f' {key}="{value.translate(_REFERENCES)}"' for key, value in part.attributes.items())]
        if part.children and self.choices.happens(0.05):
            pieces.append(' xsi:schemaLocation="urn:other nowhere.xsd"')
        self.choices.luck.shuffle(pieces)
        blank = self.choices.one(("", "", "\n  ", "<!-- not me -->")) if part.children else ""
        text = part.text.translate(_REFERENCES) if part.free is None else part.free
        content = text + blank + blank.join(self._child(child) for child in part.children)
        if not content and self.choices.happens():
            return f"<{name}{''.join(pieces)}/>"
        return f"<{name}{''.join(pieces)}>{content}</{name}>"


def empty_versions(root: Part, choices: Choices) -> None:
    """Give items an empty version, which some clients send for none."""
    for part in root.all():
        if part.name == "workItemID" and choices.happens(0.7):
            part.attributes["version"] = ""


def padded_moments(root: Part) -> None:
    """Put blanks around the moments that are elements: the schema allows them, libxml2 does not."""
    for part in root.all():
        if part.name in {"startDate", "targetDate", "visibleDate"}:
            part.text = f" \n{part.text}\t"


# Valid for XML Schema, and beyond what a calendar here can hold.
BEYOND_THE_CALENDAR = (
    "10000-01-01T00:00:00Z", "-0001-01-01T00:00:00Z", "9999-12-31T24:00:00Z", "9999-12-31T23:00:00-14:00",
    "0001-01-01T00:00:00+14:00",
)  # fmt: skip


def moved_beyond_the_calendar(root: Part, choices: Choices) -> bool:
    """Move one moment to where no reader here can follow; say whether there was one."""
    places: list[Callable[[str], None]] = []
    for part in root.all():
        for name, value in part.attributes.items():
            if "T" in value and ":" in value and name.startswith("attribute"):
                places.append(lambda new, part=part, name=name: part.attributes.update({name: new}))  # type: ignore[misc]
        if part.name in {"startDate", "targetDate", "visibleDate"}:
            places.append(lambda new, part=part: setattr(part, "text", new))  # type: ignore[misc]
    if places:
        choices.one(places)(choices.one(BEYOND_THE_CALENDAR))
    return bool(places)


_BAD_VALUES = (
    "", " ", "x", "TRUE", "1e5", "NaN", "1.0", "9223372036854775808", "-9223372036854775809", "2147483648", "9" * 39,
    "9" * 41, "\u00a05", "٣", "0x1", "1_000", "2026-11-21", "2026-02-30T00:00:00Z", " 2026-11-21T00:00:00Z ", "COMPLEX",
    "\u00a02026-11-21T00:00:00Z", *BEYOND_THE_CALENDAR,
)  # fmt: skip
_NAMES = ("workItemID", "resource", "dataModel", "value", "inouts", "startDate", "version", "id", "other", "a:id")


def broken(root: Part, choices: Choices) -> Part:
    """Give a request with one, two or three things done to it that are seldom right."""
    spoilt = deepcopy(root)
    for _ in range(choices.luck.randint(1, 3)):
        choices.one(_BREAKS)(choices.one(spoilt.all()), choices)
    return spoilt


def _drop_child(part: Part, choices: Choices) -> None:
    if part.children:
        part.children.remove(choices.one(part.children))


def _repeat_child(part: Part, choices: Choices) -> None:
    if part.children:
        part.children.insert(choices.luck.randint(0, len(part.children)), deepcopy(choices.one(part.children)))


def _shuffle_children(part: Part, choices: Choices) -> None:
    choices.luck.shuffle(part.children)


def _add_child(part: Part, choices: Choices) -> None:
    new = Part(choices.one(_NAMES), text=choices.one(_BAD_VALUES))
    part.children.insert(choices.luck.randint(0, len(part.children)), new)


def _rename(part: Part, choices: Choices) -> None:
    part.name = choices.one(_NAMES[:-1])


def _spoil_text(part: Part, choices: Choices) -> None:
    part.text = choices.one(_BAD_VALUES)


def _spoil_attribute(part: Part, choices: Choices) -> None:
    if part.attributes:
        part.attributes[choices.one(sorted(part.attributes))] = choices.one(_BAD_VALUES)


def _drop_attribute(part: Part, choices: Choices) -> None:
    if part.attributes:
        del part.attributes[choices.one(sorted(part.attributes))]


def _add_attribute(part: Part, choices: Choices) -> None:
    part.attributes[choices.one(_NAMES)] = choices.one(_BAD_VALUES)


def _say_of_its_type(part: Part, choices: Choices) -> None:
    part.attributes[choices.one(("xsi:type", "xsi:nil"))] = choices.one(("true", "api:ManagedObjectID", "a:none", ""))


_BREAKS = (
    _drop_child, _repeat_child, _shuffle_children, _add_child, _rename, _spoil_text, _spoil_text, _spoil_attribute,
    _spoil_attribute, _drop_attribute, _add_attribute, _say_of_its_type,
)  # fmt: skip
