"""The compiled codec by itself: how values are written and read, on small types declared here."""

from datetime import UTC, datetime, timedelta, timezone
from decimal import Decimal as DecimalNumber
from types import SimpleNamespace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from lxml import etree
from spyne.model.complex import ComplexModel
from spyne.model.primitive import Boolean, DateTime, Decimal, Integer32, Integer64, Unicode

from soapsvc.domain.errors import InvalidRequest
from soapsvc.soap import codec
from soapsvc.soap.types import ManagedObjectID, XmlFragment, attribute, many, one, optional, several

QUICK = settings(max_examples=200, deadline=None, database=None)
XML_TEXTS = st.text(st.characters(exclude_categories=["Cs"], exclude_characters=["\ufffe", "\uffff"])).map(
    lambda text: "".join(c for c in text if c >= " " or c in "\t\n\r")
)


class Inner(ComplexModel):
    """Something with attributes only."""

    second = attribute(Integer64)
    first = attribute(Unicode)


class Whole(ComplexModel):
    """One member of each kind, in an order that is not that of the alphabet."""

    zebra = one(Unicode)
    flag = optional(Boolean)
    number = optional(Integer32)
    amount = optional(Decimal)
    moment = optional(DateTime)
    inner = many(Inner)
    alpha = many(Unicode)
    value = many(XmlFragment)
    key = attribute(Unicode)
    is_so = attribute(Boolean)
    size = attribute(Decimal)
    at = attribute(DateTime)
    id = attribute(Integer64)


class Group(ComplexModel):
    """What stands interleaved in a request."""

    workItemID = one(ManagedObjectID)  # noqa: N815 - each group starts with one of this name
    resource = optional(Unicode)
    note = many(Unicode)


class Groups(ComplexModel):
    """A request of interleaved groups."""

    group = several(Group)


WRITE = codec.writer_of(Whole, "whole")
READ = codec.reader_of(Whole)
READ_GROUPS = codec.reader_of(Groups)


def written(write: codec.Writer, value: Any) -> str:
    pieces: list[str] = []
    write(pieces.append, value)
    return "".join(pieces)


def whole(**members: Any) -> str:
    """Write a Whole of these members and no others."""
    return written(WRITE, SimpleNamespace(**members))


def read(content: str, **attributes: str) -> dict[str, Any]:
    """Read a Whole: its members by name."""
    element = etree.fromstring(f"<whole>{content}</whole>")
    element.attrib.update(attributes)
    return dict(zip(Whole._type_info, READ(element), strict=True))


# Writing

# By XML 1.0, section 2.10 to 2.12 and 3.3.3: raw, a reader would take these characters for others.
IN_CONTENT = {
    "&": "&amp;",
    "<": "&lt;",
    ">": "&gt;",
    "]]>": "]]&gt;",
    "\r": "&#13;",
    "\r\n": "&#13;\n",
    "&amp;": "&amp;amp;",
    "a\"b'c\td\ne": "a\"b'c\td\ne",
    "é€\ufffd\U0001d11e\x85\u2028": "é€\ufffd\U0001d11e\x85\u2028",
    " a  b ": " a  b ",
}
IN_ATTRIBUTES = IN_CONTENT | {"a\"b'c\td\ne": "a&quot;b'c&#9;d&#10;e", "\r\n": "&#13;&#10;", "\n": "&#10;"}


@pytest.mark.parametrize(("text", "expected"), IN_CONTENT.items())
def test_a_text_in_an_element_is_written_so_that_it_comes_back(text: str, expected: str) -> None:
    assert whole(zebra=text) == f"<whole><zebra>{expected}</zebra></whole>"


@pytest.mark.parametrize(("text", "expected"), IN_ATTRIBUTES.items())
def test_a_text_in_an_attribute_is_written_so_that_it_comes_back(text: str, expected: str) -> None:
    assert whole(key=text) == f'<whole key="{expected}"></whole>'


@given(text=XML_TEXTS, key=XML_TEXTS)
@QUICK
def test_any_text_comes_back_as_it_was(text: str, key: str) -> None:
    element = etree.fromstring(whole(zebra=text, key=key, alpha=[text, key]))
    assert [child.text or "" for child in element] == [text, text, key]
    assert dict(element.attrib) == {"key": key}


@pytest.mark.parametrize("bad", ["\x00", "\x08", "\x0b", "\x0c", "\x0e", "\x1f", "\ud800", "\ufffe", "\uffff"])
@pytest.mark.parametrize("member", ["zebra", "key"])
def test_a_text_that_xml_cannot_hold_is_not_written(bad: str, member: str) -> None:
    for text in (bad, f"before{bad}", f"<{bad}"):
        with pytest.raises(ValueError, match=r"^a text holds what XML cannot$"):
            whole(**{member: text})


def test_members_stand_in_the_order_of_their_declaration_whatever_order_they_came_in() -> None:
    members = {
        "id": 7, "alpha": ["b", "a"], "inner": [Inner(first="x", second=1), Inner()], "key": "k", "zebra": "z",
        "value": ['<value xmlns:p="urn:p"><p:a/>&amp;</value>', "<value/>"], "number": -5, "flag": True,
    }  # fmt: skip
    assert whole(**members) == (
        '<whole key="k" id="7"><zebra>z</zebra><flag>true</flag><number>-5</number>'
        '<inner second="1" first="x"/><inner/><alpha>b</alpha><alpha>a</alpha>'
        '<value xmlns:p="urn:p"><p:a/>&amp;</value><value/></whole>'
    )


def test_what_is_none_or_not_even_there_is_not_written() -> None:
    everything_none = dict.fromkeys(Whole._type_info)
    assert whole(**everything_none) == whole() == whole(alpha=[], inner=[], value=[]) == "<whole></whole>"


def test_a_type_of_attributes_only_closes_itself_and_no_other_does() -> None:
    assert written(codec.writer_of(Inner, "inner"), Inner()) == "<inner/>"
    assert written(codec.writer_of(Inner, "inner", ' xmlns=""'), Inner(second=0)) == '<inner xmlns="" second="0"/>'
    assert whole(zebra="", key="") == '<whole key=""><zebra></zebra></whole>'


def test_what_counts_for_nothing_in_python_is_written_all_the_same() -> None:
    members = {"zebra": "", "flag": False, "number": 0, "amount": DecimalNumber(0), "id": 0, "is_so": False, "key": ""}
    assert whole(**members) == (
        '<whole key="" is_so="false" id="0">'
        "<zebra></zebra><flag>false</flag><number>0</number><amount>0</amount></whole>"
    )


@pytest.mark.parametrize(("value", "expected"), [(True, "true"), (False, "false"), (1, "true"), (0, "false")])
def test_a_boolean_is_written_in_small_letters(value: bool | int, expected: str) -> None:
    assert whole(flag=value, is_so=value) == f'<whole is_so="{expected}"><flag>{expected}</flag></whole>'


@pytest.mark.parametrize(
    ("value", "expected"),
    [("1E+5", "100000"), ("1E-9", "0.000000001"), ("1.50", "1.50"), ("-0.00", "-0.00"), ("9" * 38, "9" * 38)],
)
def test_a_decimal_has_no_exponent_and_keeps_its_digits(value: str, expected: str) -> None:
    number = DecimalNumber(value)
    assert whole(amount=number, size=number) == f'<whole size="{expected}"><amount>{expected}</amount></whole>'


@pytest.mark.parametrize(
    ("moment", "expected"),
    [
        (datetime(2026, 11, 21, 14, 30, tzinfo=UTC), "2026-11-21T14:30:00Z"),
        (datetime(2026, 11, 21, 1, 30, 0, 250000, timezone(timedelta(hours=2))), "2026-11-20T23:30:00.25Z"),
        (datetime(1, 1, 1, 0, 0, 0, 1, UTC), "0001-01-01T00:00:00.000001Z"),
    ],
)
def test_a_moment_is_written_in_utc_with_a_fraction_only_where_there_is_one(moment: datetime, expected: str) -> None:
    assert whole(moment=moment, at=moment) == f'<whole at="{expected}"><moment>{expected}</moment></whole>'


def test_a_response_has_its_namespace_on_the_root_and_every_child_of_it_takes_it_back() -> None:
    write = codec.writer_of_response(Whole, "answer", "urn:x")
    members = {"zebra": "z", "inner": [Inner(first="1"), Inner()], "alpha": ["a"], "key": "k", "flag": True}
    assert written(write, SimpleNamespace(**members)) == (
        '<answer xmlns="urn:x" key="k"><zebra xmlns="">z</zebra><flag xmlns="">true</flag><inner xmlns="" first="1"/>'
        '<inner xmlns=""/><alpha xmlns="">a</alpha></answer>'
    )


# Reading


def test_members_are_read_by_their_kinds_and_none_stands_for_those_that_are_not_there() -> None:
    content = "<zebra> z </zebra><flag> 1\n</flag><number> +07 </number><amount>1.50</amount><alpha/><alpha>b</alpha>"
    found = read(content, key=" k ", is_so="false", size="-.5", at="2026-01-01T24:00:00Z", id="-9223372036854775808")
    assert found == {
        "zebra": " z ", "flag": True, "number": 7, "amount": DecimalNumber("1.50"), "moment": None, "inner": None,
        "alpha": ["", "b"], "value": None, "key": " k ", "is_so": False, "size": DecimalNumber("-0.5"),
        "at": datetime(2026, 1, 2, tzinfo=UTC), "id": -(2**63),
    }  # fmt: skip
    assert read("") == dict.fromkeys(Whole._type_info)


def test_a_member_that_may_repeat_is_a_list_even_if_it_is_there_once() -> None:
    inner = read('<inner first="a" second="9223372036854775807"/><alpha>x</alpha>')
    assert inner["alpha"] == ["x"]
    assert [(type(value), value.first, value.second) for value in inner["inner"]] == [(Inner, "a", 2**63 - 1)]


def test_every_group_keeps_its_own_members() -> None:
    (groups,) = READ_GROUPS(
        etree.fromstring(
            '<r><workItemID id="1"/><note>a</note><note>b</note><workItemID id="2" version="5"/>'
            '<resource>ana</resource><note>c</note><workItemID id="3"/></r>'
        )
    )
    assert [(type(group), type(group.workItemID)) for group in groups] == [(Group, ManagedObjectID)] * 3
    assert [(group.workItemID.id, group.workItemID.version, group.resource, group.note) for group in groups] == [
        (1, None, None, ["a", "b"]),
        (2, 5, "ana", ["c"]),
        (3, None, None, None),
    ]


def test_an_attribute_of_another_namespace_says_nothing() -> None:
    xsi = "{http://www.w3.org/2001/XMLSchema-instance}"
    assert read("", **{f"{xsi}type": "x", "{urn:other}id": "5", f"{xsi}key": "no"}) == dict.fromkeys(Whole._type_info)


def test_an_element_that_is_empty_for_the_sake_of_its_default_has_no_value() -> None:
    """The schema lets only such be empty: to leave them out says the same. An empty text is a text."""
    assert read("<zebra/><flag/><number></number>") == dict.fromkeys(Whole._type_info) | {"zebra": ""}


# For the schema, most of these are what they should be; the others it refuses before.
NOT_HELD = {
    "a number of 64 bits and one more": ("id", "9223372036854775808"),
    "one below": ("id", "-9223372036854775809"),
    "an endless number": ("id", "9" * 5000),
    "a number in words": ("id", "secret"),
    "a number of other digits": ("id", "\u0664\u0662"),
    "an underscore": ("id", "4_2"),
    "a fraction": ("id", "1.0"),
    "a decimal with an exponent": ("size", "1e5"),
    "a decimal that is none": ("size", "NaN"),
    "a boolean in capitals": ("is_so", "TRUE"),
    "the year 10000": ("at", "10000-01-01T00:00:00Z"),
    "a year before all": ("at", "-0001-01-01T00:00:00Z"),
    "the end of time": ("at", "9999-12-31T24:00:00Z"),
    "a moment without a time": ("at", "2026-11-22"),
}


@pytest.mark.parametrize(("member", "text"), NOT_HELD.values(), ids=NOT_HELD)
def test_a_value_that_cannot_be_held_is_the_callers_fault_which_does_not_repeat_it(member: str, text: str) -> None:
    inner = {"id": "number", "size": "amount", "is_so": "flag", "at": "moment"}[member]
    for content, attributes in (("", {member: text}), (f"<{inner}>{text}</{inner}>", {})):
        with pytest.raises(InvalidRequest) as refused:
            read(content, **attributes)
        assert "A value of the request cannot be used: it is " in str(refused.value)
        assert text not in str(refused.value)
        assert refused.value.__cause__ is None


@given(text=st.text(st.characters(codec="ascii", min_codepoint=33), min_size=6))
@QUICK
def test_no_value_of_the_callers_stands_in_a_fault(text: str) -> None:
    for member in ("id", "size", "is_so", "at"):
        element = etree.Element("whole", {member: f"{text}!"})
        with pytest.raises(InvalidRequest) as refused:
            READ(element)
        assert f"{text}!" not in f"{refused.value}{refused.value.parameters}"
