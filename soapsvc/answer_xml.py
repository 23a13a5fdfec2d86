"""Answers as HotDocs writes them in XML: an AnswerSet of named answers, each a value of a kind or several of one."""

import re
from collections.abc import Callable, Collection, Mapping
from decimal import Decimal, InvalidOperation
from typing import Any

from lxml import etree

from soapsvc.domain.answers import Answers, AnswerValue
from soapsvc.domain.values import is_xml_text
from soapsvc.domain.version_errors import InvalidAnswers

_DATE = re.compile(r"([0-9]{1,2})/([0-9]{1,2})/([0-9]{4})\Z")
_ISO_DATE = re.compile(r"([0-9]{4})-([0-9]{2})-([0-9]{2})\Z")
_TRUTHS = {"true": True, "false": False}


def read(content: bytes) -> Answers:
    """Read answers: numbers as int or Decimal, dates as 2026-11-22, repeats as lists, what is unanswered as None.

    Raises InvalidAnswers.
    """
    answers: dict[str, AnswerValue] = {}
    for element in _answer_set(content).iterchildren(tag=etree.Element):
        name = element.get("name")
        values = list(element.iterchildren(tag=etree.Element))
        if _tag(element) != "Answer" or not name or len(values) != 1:
            raise InvalidAnswers("an AnswerSet has elements Answer, each with a name and one value")
        if name in answers:
            raise InvalidAnswers(f"'{name[:255]}' is answered twice")
        answers[name] = _repeated(values[0]) if _tag(values[0]) == "RptValue" else _value(values[0])
    return answers


def write(answers: Answers, *, dates: Collection[str] = ()) -> bytes:
    """Write answers; those whose names are among `dates`, and are dates, as such. Raises InvalidAnswers."""
    root = etree.Element("AnswerSet", {"title": "", "version": "1.1"})
    for name, value in answers.items():
        element = etree.SubElement(root, "Answer", {"name": _text(name)})
        if isinstance(value, list):
            repeated = etree.SubElement(element, "RptValue")
            for one in [*value, None]:  # the last is the empty place for one more
                _add(repeated, one, is_date=name in dates)
        else:
            _add(element, value, is_date=name in dates)
    return etree.tostring(root, xml_declaration=True, encoding="UTF-8")


def _answer_set(content: bytes) -> etree._Element:
    parser = etree.XMLParser(resolve_entities=False, no_network=True, load_dtd=False, remove_pis=True)
    try:
        root = etree.fromstring(content, parser)
    except etree.XMLSyntaxError as error:
        raise InvalidAnswers(f"it is not well-formed XML: {error.msg}") from None
    if root.getroottree().docinfo.doctype:
        raise InvalidAnswers("it has a document type, which could define entities")
    if _tag(root) != "AnswerSet":
        raise InvalidAnswers("its element is not AnswerSet")
    return root


def _tag(element: etree._Element) -> str:
    return etree.QName(element).localname


def _repeated(element: etree._Element) -> list[AnswerValue]:
    values = [_value(one) for one in element.iterchildren(tag=etree.Element)]
    return values[:-1] if values and values[-1] is None else values


def _value(element: etree._Element) -> AnswerValue:
    read_it = _READERS.get(_tag(element))
    if read_it is None:
        raise InvalidAnswers(f"a value cannot be a {_tag(element)[:100]} here")
    return None if element.get("unans") == "true" else read_it(element)


def _number(element: etree._Element) -> int | Decimal:
    try:
        number = Decimal((element.text or "").strip())
    except InvalidOperation:
        raise InvalidAnswers("a NumValue is no number") from None
    if not number.is_finite() or abs(number.adjusted()) > 400:
        raise InvalidAnswers("a NumValue is no number")
    return int(number) if number == number.to_integral_value() else number


def _date(element: etree._Element) -> str:
    match = _DATE.match((element.text or "").strip())
    if match is None:
        raise InvalidAnswers("a DateValue is not written as 22/11/2026")
    day, month, year = match.groups()
    return f"{year}-{month:0>2}-{day:0>2}"


def _truth(element: etree._Element) -> bool:
    found = _TRUTHS.get((element.text or "").strip().lower())
    if found is None:
        raise InvalidAnswers("a TFValue is neither true nor false")
    return found


def _choice(element: etree._Element) -> AnswerValue:
    chosen = [one.text or "" for one in element.iterchildren("{*}SelValue")]
    return chosen[0] if len(chosen) == 1 else chosen


_READERS: Mapping[str, Callable[[etree._Element], AnswerValue]] = {
    "TextValue": lambda element: element.text or "",
    "NumValue": _number,
    "DateValue": _date,
    "TFValue": _truth,
    "MCValue": _choice,
}


def _add(parent: etree._Element, value: AnswerValue, *, is_date: bool) -> None:
    if value is None:
        etree.SubElement(parent, "TextValue", {"unans": "true"})
    elif isinstance(value, bool):
        etree.SubElement(parent, "TFValue").text = "true" if value else "false"
    elif isinstance(value, int | float | Decimal):
        number = Decimal(repr(value)) if isinstance(value, float) else Decimal(value)
        etree.SubElement(parent, "NumValue").text = format(number, "f")
    elif is_date and (match := _ISO_DATE.match(str(value))):
        year, month, day = match.groups()
        etree.SubElement(parent, "DateValue").text = f"{int(day)}/{int(month)}/{year}"
    else:
        etree.SubElement(parent, "TextValue").text = _text(value)


def _text(value: Any) -> str:
    if not isinstance(value, str) or not is_xml_text(value):
        raise InvalidAnswers("it has characters that XML cannot hold, or values of no kind that it has")
    return value
