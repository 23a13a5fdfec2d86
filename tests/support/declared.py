"""Makes requests and answers by chance from the operations' declarations: what the two codecs are fed.

A kind of value that is not in the tables below is an error, so that no new one escapes the comparison.
"""

import random
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta, timezone
from decimal import Decimal as DecimalNumber
from typing import Any

from spyne.model.complex import ComplexModelBase, XmlAttribute
from spyne.model.primitive import Boolean, DateTime, Decimal, Integer16, Integer32, Integer64, Unicode

from soapsvc.soap.codec import GROUP
from soapsvc.soap.operations import Operation
from soapsvc.soap.types import XmlFragment

# What the schemas say and Spyne cannot: of these members at most one kind is there; or one must be.
AT_MOST_ONE = (
    {"hiddenDuration", "visibleDate"},
    {"maxDuration", "targetDate"},
    {"simpleSpec", "complexSpec"},
    {"Value", "ComplexValue"},
    {"groupID", "nextWorkItem"},
    {"entityGuid", "entityId"},
)
JUST_ONE = (
    {"dataModel", "parameter"},
    {"absPriority", "offsetPriority"},
    {"resourcesRequired", "entityID"},  # of a view at most one, of a list just one
)
MAY_BE_EMPTY = {"includeData", "forceSuspend"}  # elements that have a default

_LONGEST = {f"attribute{n}": 255 if n > 38 else 64 if n > 26 or n < 5 else 20 for n in range(1, 41)}

# Each is one character, for XML and for Python. The last is a character of four bytes.
CHARACTERS = "ab Zéß€中&<>\"'\r\n\t]\u0085\u2028\ufffd\U0001d11e"
UNWRITABLE = ("\x00", "\x01", "\x0b", "\x1f", "\ud800", "\ufffe", "\uffff")


class UnknownKind(LookupError):
    """A type that nobody has said how to make values of."""


class Choices:
    """Decides by chance; `extent` says whether of all that is optional everything is there, nothing, or some."""

    def __init__(self, seed: int, extent: str) -> None:
        self.luck = random.Random(seed)
        self.extent = extent

    def one(self, of: Sequence[Any]) -> Any:
        return of[int(self.luck.random() * len(of))]

    def happens(self, share: float = 0.5) -> bool:
        return self.luck.random() < share

    def is_there(self) -> bool:
        return self.happens(0.6) if self.extent == "some" else self.extent == "everything"

    def count(self, least: int) -> int:
        return {"everything": 2, "nothing": least}.get(self.extent, self.luck.randint(least, 3))

    def text(self, longest: int = 12) -> str:
        length = longest if self.happens(0.05) else self.luck.randint(0, min(longest, 6))
        return "".join(self.luck.choices(CHARACTERS, k=length))


def kind_of(type_: Any) -> Any:
    """Give the type that others were made of by Spyne's customize, which keeps the name."""
    kind = getattr(type_, "__orig__", None) or type_
    return kind if kind.__name__ == type_.__name__ else type_


def many(member: Any) -> bool:
    return bool(member.Attributes.max_occurs > 1)


def present(type_: Any, choices: Choices) -> dict[str, tuple[Any, int]]:
    """Choose which members are there: their declarations, and how often they are; an attribute is there once."""
    left_out: set[str] = set()
    forced: set[str] = set()
    for names in (*AT_MOST_ONE, *JUST_ONE):
        if names <= set(type_._type_info):
            chosen = choices.one(sorted(names))
            left_out |= names - {chosen}
            forced |= {chosen} if names in JUST_ONE else set()
    found = {}
    for name, member in type_._type_info.items():
        is_attribute = issubclass(member, XmlAttribute)
        least = int(member._use == "required") if is_attribute else int(member.Attributes.min_occurs)
        least = max(least, int(name in forced))
        is_single = is_attribute or not many(member)
        times = int(bool(least) or choices.is_there()) if is_single else choices.count(least)
        if times and name not in left_out:
            found[name] = (member.type if is_attribute else member, times)
    return found


# The values of requests, as they are written. Blanks around numbers and booleans collapse: see XML Schema, part 2.

_BLANKS = ("", "", "", " ", "\n", "\t ")


def _padded(choices: Choices, text: str) -> str:
    return f"{choices.one(_BLANKS)}{text}{choices.one(_BLANKS)}"


def _whole(least: int, most: int) -> Callable[[Choices], str]:
    def make(choices: Choices) -> str:
        number = choices.one((least, most, 0, 1, -1, choices.luck.randint(least, most)))
        sign = "+" if number >= 0 and choices.happens(0.2) else ""
        return _padded(choices, f"{sign}{number}" if number < 0 else f"{sign}{choices.one(('', '', '00'))}{number}")

    return make


_MOMENTS = (
    "2026-11-21T14:30:00Z", "2026-11-21T14:30:00", "2026-01-01T24:00:00Z", "0001-01-01T00:00:00Z",
    "9999-12-31T23:59:59.999999Z", "2024-02-29T00:00:00.5+14:00", "2024-02-29T12:00:00.1234567-13:59",
)  # fmt: skip
WRITTEN: Mapping[Any, Callable[[Choices], str]] = {
    Boolean: lambda choices: _padded(choices, choices.one(("true", "false", "1", "0"))),
    Integer16: _whole(-(2**15), 2**15 - 1),
    Integer32: _whole(-(2**31), 2**31 - 1),
    Integer64: _whole(-(2**63), 2**63 - 1),
    Decimal: lambda choices: _padded(
        choices, choices.one(("1.50", "-.5", "+5.", "000", "12345678901234567.890", "-0"))
    ),
    DateTime: lambda choices: str(choices.one(_MOMENTS)),
    Unicode: lambda choices: choices.text(),
}


def written_value(type_: Any, choices: Choices, longest: int = 12) -> str:
    """Make the text of a value of a simple type."""
    kind = kind_of(type_)
    if kind not in WRITTEN:
        raise UnknownKind(kind)
    if kind is Unicode and type_.Attributes.values:
        return str(choices.one(sorted(type_.Attributes.values)))
    return choices.text(longest) if kind is Unicode else WRITTEN[kind](choices)


@dataclass
class Part:
    """An element of a request: its free XML if that is what it holds, else its text and its children."""

    name: str
    attributes: dict[str, str] = field(default_factory=dict)
    children: list["Part"] = field(default_factory=list)
    text: str = ""
    free: str | None = None

    def all(self) -> list["Part"]:
        return [self, *(part for child in self.children for part in child.all())]


def request_of(operation: Operation, choices: Choices) -> Part:
    """Make a request that is valid against the schema."""
    root = Part(operation.element)
    if list(operation.parameters) == [GROUP]:
        for _ in range(choices.count(1)):  # their members follow each other without an element around them
            _fill(root, operation.parameters[GROUP], choices)
    else:
        _fill(root, operation.request, choices)
    return root


def _fill(part: Part, type_: Any, choices: Choices) -> None:
    for name, (member, times) in present(type_, choices).items():
        if issubclass(type_._type_info[name], XmlAttribute):
            part.attributes[name] = written_value(member, choices, _LONGEST.get(name, 12))
        else:
            part.children += [_part(name, member, choices) for _ in range(times)]


def _part(name: str, type_: Any, choices: Choices) -> Part:
    if issubclass(type_, ComplexModelBase):
        part = Part(name)
        _fill(part, type_, choices)
        return part
    if kind_of(type_) is XmlFragment:
        return Part(name, free=free_xml(choices))
    if name in MAY_BE_EMPTY and choices.happens(0.3):
        return Part(name)
    return Part(name, text=written_value(type_, choices))


# Names that mean something elsewhere, and must mean nothing here.
_FREE_NAMES = ("a:x", "api:thing", "b", "workItemID", "complexSpec", "value", "dataModel", "startDate", "parameter")
_FREE_BINDINGS = ("", ' xmlns="urn:own"', ' xmlns=""', ' xmlns:a="urn:another"')
_FREE_ATTRIBUTES = ("", "", ' version=""', ' a:k="&quot;&#10;&lt;\'"', ' k="a:x"', ' xml:space="preserve" api:z="1"')
_FREE_TEXTS = ("", "text", " a:x ", "&lt;&amp;>", "é\U0001d11e", "&#13;\n", "<!-- no part of it -->", "<![CDATA[<a>]]>")


def free_xml(choices: Choices, depth: int = 0) -> str:
    """Make any XML, in which the prefixes a and api are bound around it."""
    pieces = [str(choices.one(_FREE_TEXTS))]
    for _ in range(choices.luck.randint(0, 2 if depth < 3 else 0)):
        name = choices.one(_FREE_NAMES)
        start = f"{name}{choices.one(_FREE_BINDINGS)}{choices.one(_FREE_ATTRIBUTES)}"
        pieces += [f"<{start}>{free_xml(choices, depth + 1)}</{name}>", choices.one(_FREE_TEXTS)]
    return "".join(pieces)


# The values of answers, as operations give them.


def _moment(choices: Choices) -> datetime:
    moments = (datetime.min, datetime.max, datetime(2026, 11, 21, 14, 30), datetime(1, 1, 1, 0, 0, 0, 120))
    zone = timezone(timedelta(hours=choices.luck.randint(-5, 5), minutes=30))
    return choices.one((*(moment.replace(tzinfo=UTC) for moment in moments), datetime(2024, 2, 29, 1, tzinfo=zone)))


_DECIMALS = ("0", "-0.00", "1.50", "1E+5", "1E-9", "-12345678901234567890.123456789", "9" * 38)
VALUES: Mapping[Any, Callable[[Choices], Any]] = {
    Boolean: lambda choices: choices.happens(),
    Integer16: lambda choices: choices.one((-(2**15), 2**15 - 1, 0)),
    Integer32: lambda choices: choices.one((-(2**31), 2**31 - 1, 0, choices.luck.randint(-9, 9))),
    Integer64: lambda choices: choices.one((-(2**63), 2**63 - 1, 0, choices.luck.randint(-9, 9))),
    Decimal: lambda choices: DecimalNumber(choices.one(_DECIMALS)),
    DateTime: _moment,
    Unicode: lambda choices: choices.text(),
}


class Answers:
    """Makes what operations give; the text of number `spoilt` is one that XML cannot hold."""

    def __init__(self, choices: Choices, spoilt: int | None = None) -> None:
        self.choices = choices
        self.texts = 0
        self._spoilt = spoilt

    def result_of(self, operation: Operation) -> Any:
        members = self._members(operation.response)
        results = tuple(members.get(name) for name in operation.results)
        return results[0] if len(results) == 1 else results

    def _members(self, type_: Any) -> dict[str, Any]:
        """Give what is there; what is not is None, or not even that."""
        found: dict[str, Any] = {name: None for name in type_._type_info if self.choices.happens()}
        for name, (member, times) in present(type_, self.choices).items():
            is_many = not issubclass(type_._type_info[name], XmlAttribute) and many(member)
            values = [self.value(name, member) for _ in range(times)]
            found[name] = values if is_many else values[0]
        return found

    def value(self, name: str, type_: Any) -> Any:
        if issubclass(type_, ComplexModelBase):
            return kind_of(type_)(**self._members(type_))
        kind = kind_of(type_)
        if kind is XmlFragment:
            return f'<{name} xmlns:a="urn:a" xmlns:api="urn:b">{free_xml(self.choices)}</{name}>'
        if kind not in VALUES:
            raise UnknownKind(kind)
        if kind is not Unicode:
            return VALUES[kind](self.choices)
        self.texts += 1
        if self.texts - 1 == self._spoilt:
            return f"a{self.choices.one(UNWRITABLE)}b"
        if type_.Attributes.values:
            return self.choices.one(sorted(type_.Attributes.values))
        return self.choices.text(_LONGEST.get(name, 12))


def kinds_within(type_: Any) -> set[Any]:
    """Give the kinds of all values that a type holds, however deep."""
    if issubclass(type_, XmlAttribute):
        return kinds_within(type_.type)
    if not issubclass(type_, ComplexModelBase):
        return {kind_of(type_)}
    return {kind for member in type_._type_info.values() for kind in kinds_within(member)}


def completed(value: Any) -> Any:
    """Give what an operation gave with None for every member that it left out: Spyne would take a declaration there."""
    if isinstance(value, list | tuple):
        return type(value)(completed(one) for one in value)
    if isinstance(value, ComplexModelBase):
        return type(value)(**{name: completed(vars(value).get(name)) for name in type(value)._type_info})
    return value
