"""The compiled codec: readers and writers, made once of the Spyne types that declare a message.

They do what Spyne's own serializers do (see reference), at a tenth of the cost. A reader takes an element that is valid
against the contract's schema, its free XML already turned into text.
"""

import re
from collections.abc import Callable, Iterable, Sequence
from decimal import Decimal as DecimalNumber
from typing import Any

from lxml import etree
from spyne.model.complex import ComplexModelBase, XmlAttribute
from spyne.model.primitive import Boolean, DateTime, Decimal, Integer

from soapsvc.domain import values
from soapsvc.domain.errors import InvalidRequest
from soapsvc.soap.types import XmlFragment

GROUP = "group"
"""The parameter that stands for interleaved members: the schema lets them repeat, Spyne cannot declare that."""

Reader = Callable[[etree._Element], Any]
Writer = Callable[[Callable[[str], None], Any], None]
"""Appends the text of a value's element to that of a message."""

_Attributes = Iterable[tuple[str, str]]

PARSERS: Sequence[tuple[Any, Callable[[str], Any]]] = (
    (Boolean, values.parse_boolean),
    (DateTime, values.parse_moment),
    (Integer, values.parse_long),
    (Decimal, values.parse_decimal),  # of which Integer is a kind
)
"""How the text of a value is read, by its type; any other is text."""


def strictly(parse: Callable[[str], Any]) -> Callable[[str], Any]:
    """Let a value that no reader can hold be the caller's fault, not a crash: the schema allows some such values."""

    def parse_strictly(text: str) -> Any:
        try:
            return parse(text)
        except ValueError as error:
            raise InvalidRequest(f"A value of the request cannot be used: it is {error}") from None

    return parse_strictly


def reader_of(request: Any) -> Reader:
    """Compile the reader of a request: it gives the values of its members, in order. It raises InvalidRequest."""
    names = list(request._type_info)
    if names == [GROUP]:
        return _reader_of_groups(request._type_info[GROUP])
    read_members = _members_reader(request)

    def read(element: etree._Element) -> tuple[Any, ...]:
        members = read_members(element.items(), element)
        return tuple([members[name] for name in names])

    return read


def _reader_of_groups(type_: Any) -> Reader:
    read_group = _complex_reader(type_)

    def read(element: etree._Element) -> tuple[Any, ...]:
        groups: list[list[etree._Element]] = []
        for child in element:
            if child.tag == "workItemID":  # each group starts with one
                groups.append([])
            groups[-1].append(child)
        return ([read_group((), group) for group in groups],)

    return read


def _complex_reader(type_: Any) -> Callable[[_Attributes, Iterable[etree._Element]], Any]:
    read_members = _members_reader(type_)
    plain_type = type_.__orig__ or type_

    def read(attributes: _Attributes, children: Iterable[etree._Element]) -> Any:
        value = plain_type.__new__(plain_type)
        value.__dict__ = read_members(attributes, children)
        return value

    return read


def _members_reader(type_: Any) -> Callable[[_Attributes, Iterable[etree._Element]], dict[str, Any]]:
    """Compile what reads the members of a type, by name: None for those that are not there."""
    nothing: dict[str, Any] = dict.fromkeys(type_._type_info)
    parsers: dict[str, Callable[[str], Any]] = {}
    readers: dict[str, tuple[Reader, bool]] = {}
    for name, member in type_._type_info.items():
        if issubclass(member, XmlAttribute):
            parsers[name] = _parser(member.type)
        else:
            readers[name] = _reader(member), member.Attributes.max_occurs > 1

    def read(attributes: _Attributes, children: Iterable[etree._Element]) -> dict[str, Any]:
        members = nothing.copy()
        for name, text in attributes:
            if name in parsers:  # others, such as xsi:type, say nothing here
                members[name] = parsers[name](text)
        for child in children:
            name = str(child.tag)
            read_child, is_many = readers[name]
            if not is_many:
                members[name] = read_child(child)
            else:
                members[name] = members[name] or []
                members[name].append(read_child(child))
        return members

    return read


def _reader(type_: Any) -> Reader:
    if issubclass(type_, ComplexModelBase):
        read_complex = _complex_reader(type_)
        return lambda element: read_complex(element.items(), element)
    parse = _parser(type_)
    if parse is str:
        return lambda element: element.text or ""
    return lambda element: parse(element.text) if element.text else None  # the schema lets it be empty for its default


def _parser(type_: Any) -> Callable[[str], Any]:
    for kind, parse in PARSERS:
        if issubclass(type_, kind):
            return strictly(parse)
    return str


def writer_of(type_: Any, name: str, attributes: str = "") -> Writer:
    """Compile the writer of a value's element, which may have fixed attributes, such as a namespace.

    It raises ValueError for a text that XML cannot hold.
    """
    if issubclass(type_, ComplexModelBase):
        return _complex_writer(type_, name, attributes, child_attributes="")
    if issubclass(type_, XmlFragment):
        return lambda append, fragment: append(fragment)
    start, end = f"<{name}{attributes}>", f"</{name}>"
    format_ = _formatter(type_, in_attribute=False)
    return lambda append, value: append(f"{start}{format_(value)}{end}")


def writer_of_response(response: Any, name: str, namespace: str) -> Writer:
    """Compile the writer of an operation's answer, whose value is an object with its members.

    As published: a default namespace on the root, taken back on each child by xmlns="".
    """
    return _complex_writer(response, name, f' xmlns="{namespace}"', child_attributes=' xmlns=""')


def _complex_writer(type_: Any, name: str, fixed_attributes: str, *, child_attributes: str) -> Writer:
    attributes: list[tuple[str, str, Callable[[Any], str]]] = []
    children: list[tuple[str, Writer]] = []
    for member_name, member in type_._type_info.items():
        if issubclass(member, XmlAttribute):
            attributes.append((member_name, f' {member_name}="', _formatter(member.type, in_attribute=True)))
        else:
            write_child = writer_of(member, member_name, child_attributes)
            is_many = member.Attributes.max_occurs > 1
            children.append((member_name, _each_writer(write_child) if is_many else write_child))
    start, middle, end = f"<{name}{fixed_attributes}", *((">", f"</{name}>") if children else ("", "/>"))

    def write(append: Callable[[str], None], value: Any) -> None:
        find = value.__dict__.get
        append(start)
        for member_name, opening, format_ in attributes:
            member = find(member_name)
            if member is not None:
                append(f'{opening}{format_(member)}"')
        append(middle)
        for member_name, write_child in children:
            member = find(member_name)
            if member is not None:
                write_child(append, member)
        append(end)

    return write


def _each_writer(write_one: Writer) -> Writer:
    def write(append: Callable[[str], None], every: Any) -> None:
        for one in every:
            write_one(append, one)

    return write


def _formatter(type_: Any, *, in_attribute: bool) -> Callable[[Any], str]:
    if issubclass(type_, Boolean):
        return lambda value: "true" if value else "false"
    if issubclass(type_, DateTime):
        return values.format_moment
    if issubclass(type_, Integer):
        return str
    if issubclass(type_, Decimal):
        return format_decimal
    return escaped_in_attribute if in_attribute else escaped


def format_decimal(number: DecimalNumber | int) -> str:
    """Write an xs:decimal, which has no exponent."""
    return format(DecimalNumber(number), "f")


_SPECIAL = re.compile("[^\t\n !-%'-;=?-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
_SPECIAL_IN_ATTRIBUTE = re.compile("[^ !#-%'-;=?-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
_REFERENCES = str.maketrans({"&": "&amp;", "<": "&lt;", ">": "&gt;", "\r": "&#13;"})
_REFERENCES_IN_ATTRIBUTE = _REFERENCES | str.maketrans({'"': "&quot;", "\t": "&#9;", "\n": "&#10;"})


def escaped(text: str) -> str:
    """Write a text for the content of an element. Raises ValueError for what XML cannot hold."""
    return text if _SPECIAL.search(text) is None else _translated(text, _REFERENCES)


def escaped_in_attribute(text: str) -> str:
    """Write a text for an attribute's value in double quotes. Raises ValueError for what XML cannot hold."""
    return text if _SPECIAL_IN_ATTRIBUTE.search(text) is None else _translated(text, _REFERENCES_IN_ATTRIBUTE)


def _translated(text: str, references: dict[int, str]) -> str:
    if not values.is_xml_text(text):
        raise ValueError("a text holds what XML cannot")
    return text.translate(references)
