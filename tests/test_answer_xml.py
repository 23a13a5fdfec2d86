"""Answers as HotDocs writes them: read as they are meant, written so that they read the same."""

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from soapsvc import answer_xml
from soapsvc.domain.version_errors import InvalidAnswers

EXAMPLE = b"""<?xml version="1.0" encoding="UTF-8"?>
<AnswerSet title="x" version="1.1">
  <Answer name="Client Name"><TextValue>Adler</TextValue></Answer>
  <Answer name="Age"><NumValue>42.0000000</NumValue></Answer>
  <Answer name="Fee"><NumValue>12.5000000</NumValue></Answer>
  <Answer name="Signed"><DateValue>3/4/2026</DateValue></Answer>
  <Answer name="Married"><TFValue>TRUE</TFValue></Answer>
  <Answer name="Gender"><MCValue><SelValue>Male</SelValue></MCValue></Answer>
  <Answer name="Colours"><MCValue><SelValue>Red</SelValue><SelValue>Blue</SelValue></MCValue></Answer>
  <Answer name="Children"><RptValue><TextValue>Ann</TextValue><TextValue>Bob</TextValue><TextValue unans="true"/></RptValue></Answer>
  <Answer name="Left out"><NumValue unans="true"/></Answer>
  <!-- a comment -->
</AnswerSet>"""  # noqa: E501


def test_an_answer_file_is_read():
    assert answer_xml.read(EXAMPLE) == {
        "Client Name": "Adler",
        "Age": 42,
        "Fee": Decimal("12.5"),
        "Signed": "2026-04-03",
        "Married": True,
        "Gender": "Male",
        "Colours": ["Red", "Blue"],
        "Children": ["Ann", "Bob"],
        "Left out": None,
    }


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"<AnswerSet>",
        b"<Answers/>",
        b"<AnswerSet><Other/></AnswerSet>",
        b"<AnswerSet><Answer><TextValue/></Answer></AnswerSet>",
        b"<AnswerSet><Answer name='a'/></AnswerSet>",
        b"<AnswerSet><Answer name='a'><TextValue/><TextValue/></Answer></AnswerSet>",
        b"<AnswerSet><Answer name='a'><TextValue/></Answer><Answer name='a'><TextValue/></Answer></AnswerSet>",
        b"<AnswerSet><Answer name='a'><NumValue>x</NumValue></Answer></AnswerSet>",
        b"<AnswerSet><Answer name='a'><NumValue>1e9999</NumValue></Answer></AnswerSet>",
        b"<AnswerSet><Answer name='a'><NumValue>NaN</NumValue></Answer></AnswerSet>",
        b"<AnswerSet><Answer name='a'><DateValue>2026-01-01</DateValue></Answer></AnswerSet>",
        b"<AnswerSet><Answer name='a'><TFValue>maybe</TFValue></Answer></AnswerSet>",
        b"<AnswerSet><Answer name='a'><RptValue><RptValue/></RptValue></Answer></AnswerSet>",
        b"<!DOCTYPE AnswerSet [<!ENTITY a 'b'>]><AnswerSet/>",
        b"<!DOCTYPE a [<!ENTITY a SYSTEM 'file:///etc/passwd'>]><AnswerSet><Answer name='a'><TextValue>&a;</TextValue></Answer></AnswerSet>",  # noqa: E501
    ],
)
def test_what_is_no_answer_file_is_refused(content):
    with pytest.raises(InvalidAnswers):
        answer_xml.read(content)


@pytest.mark.parametrize("answers", [{"a": "\x00"}, {"\x01": "a"}, {"a": {"b": 1}}, {"a": [["b"]]}])
def test_what_xml_cannot_hold_is_refused(answers):
    with pytest.raises(InvalidAnswers):
        answer_xml.write(answers)


_TEXT = st.text(st.characters(codec="utf-8", exclude_categories=["Cc", "Cs"], exclude_characters="\ufffe\uffff"))
_NUMBER = st.integers(-(10**20), 10**20) | st.decimals(
    allow_nan=False, allow_infinity=False, min_value=-(10**9), max_value=10**9, places=3
)
_DATE = st.dates().map(lambda day: day.isoformat())
_ONE = st.none() | st.booleans() | _NUMBER | _TEXT


@given(st.dictionaries(_TEXT.filter(bool), _ONE | st.lists(_ONE)), _DATE)
def test_what_is_written_reads_the_same(answers, day):
    answers["a date"] = day
    written = answer_xml.write(answers, dates={"a date"})
    assert b"<DateValue>" in written
    assert answer_xml.read(written) == answers
