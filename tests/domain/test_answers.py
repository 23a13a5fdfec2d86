"""Answers and typed fields: each way, strict about kinds, exact about numbers."""

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from soapsvc.domain import answers, data
from soapsvc.domain.data import Direction, Field, FieldType
from soapsvc.domain.errors import InvalidField

OUT = Direction.INOUT
MODEL = (
    Field(name="Text", direction=OUT, type=FieldType.STRING),
    Field(name="Whole", direction=OUT, type=FieldType.INTEGER_NUMBER),
    Field(name="Number", direction=OUT, type=FieldType.DECIMAL_NUMBER),
    Field(name="Truth", direction=OUT, type=FieldType.BOOLEAN),
    Field(name="Date", direction=OUT, type=FieldType.DATE),
    Field(name="Texts", direction=OUT, type=FieldType.STRING, array=True),
    Field(name="Xml", direction=OUT, type=FieldType.COMPLEX),
    Field(name="Input", direction=Direction.INPUT, type=FieldType.STRING, values=("given",)),
)


def answered(**given_answers):
    return answers.of_fields(data.merged(MODEL, answers.overlaid(MODEL, given_answers)))


@pytest.mark.parametrize(
    ("name", "value", "kept"),
    [
        ("Text", "said", "said"),
        ("Text", None, None),
        ("Whole", 7, 7),
        ("Whole", 7.0, 7),
        ("Whole", Decimal("7.00"), 7),
        ("Number", 0.1, Decimal("0.1")),
        ("Number", Decimal("12.50"), Decimal("12.50")),
        ("Number", 1e3, Decimal("1000.0")),
        ("Truth", True, True),
        ("Truth", False, False),
        ("Date", "2026-11-22", "2026-11-22"),
        ("Texts", ["a", "b"], ["a", "b"]),
        ("Texts", [], []),
        ("Texts", "a", ["a"]),
        ("Xml", "<a/>", "<a/>"),
        ("Input", "mine", "given"),
    ],
)
def test_an_answer_is_kept_as_its_field_has_it(name, value, kept):
    assert answered(**{name: value})[name] == kept


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("Text", 7),
        ("Text", ["a"]),
        ("Text", {"a": 1}),
        ("Whole", "7"),
        ("Whole", True),
        ("Whole", 7.5),
        ("Whole", 2**70),
        ("Number", float("nan")),
        ("Number", float("inf")),
        ("Number", Decimal("1e999999")),
        ("Truth", "true"),
        ("Truth", 1),
        ("Date", "22/11/2026"),
        ("Texts", ["a", None]),
        ("Texts", [["a"]]),
        ("Nobody", "knows"),
    ],
)
def test_an_answer_of_another_kind_is_refused(name, value):
    with pytest.raises(InvalidField) as refused:
        answered(**{name: value})
    assert refused.value.parameters[0] == name


def test_replacing_empties_what_is_not_named_and_leaves_inputs_alone():
    full = data.merged(MODEL, answers.overlaid(MODEL, {"Text": "said", "Texts": ["a"]}))
    replaced = answers.of_fields(data.merged(full, answers.overlaid(full, answers.replacing(full, {"Whole": 1}))))
    assert replaced == {
        "Text": None,
        "Whole": 1,
        "Number": None,
        "Truth": None,
        "Date": None,
        "Texts": [],
        "Xml": None,
        "Input": "given",
    }


_VALUES = st.one_of(
    st.booleans(),
    st.integers(-(10**12), 10**12),
    st.decimals(allow_nan=False, allow_infinity=False, min_value=-(10**9), max_value=10**9, places=4),
    st.text(st.characters(codec="ascii", exclude_categories=["Cc"]), min_size=1),
)


@given(
    st.dictionaries(st.from_regex(r"[A-Za-z]\w{0,9}", fullmatch=True), _VALUES | st.lists(st.booleans(), min_size=1))
)
def test_what_declares_its_own_fields_comes_back_as_it_was(given_answers):
    declared = data.declared(answers.declared(given_answers))
    assert answers.of_fields(declared) == given_answers
