"""The data of a work item: what a payload may set, and what is refused, naming the field."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from soapsvc.domain.data import (
    COMPLEX_TYPES,
    NAME_MAX_LENGTH,
    VALUE_MAX_LENGTH,
    Direction,
    Field,
    FieldType,
    declared,
    merged,
)
from soapsvc.domain.errors import InvalidField


def a_field(type_: str = "String", *values: str, name: str = "Notes", direction: str = "inouts", **more) -> Field:
    is_complex = type_ in {"Complex", "Data Reference"}
    more = {"complex_values": is_complex} | more
    return Field(name=name, direction=Direction(direction), type=FieldType(type_), values=values, **more)


def refused(model: tuple[Field, ...], *payload: Field) -> InvalidField:
    with pytest.raises(InvalidField) as error:
        merged(model, payload)
    return error.value


GOOD = [
    ("String", ""),
    ("String", "any text, \u00e4 \U0001f600 \n and lines"),
    ("Decimal Number", "-1.50"),
    ("Decimal Number", "12345678901234567890.5"),
    ("Integer Number", "9223372036854775807"),
    ("Integer Number", " 7 "),
    ("Boolean", " true "),
    ("Boolean", "0"),
    ("Date", "2028-02-29"),
    ("Date", "2026-11-21+02:00"),
    ("Time", "24:00:00"),
    ("Time", "14:30:00.123456789"),
    ("Date Time", "2026-11-21T14:30:00.123456789-05:00"),
    ("Performer", "6353AB5E-C395-409C-E706C02F22DA"),
    ("Performer", "ana"),
    ("Complex", "<value><any/></value>"),
    ("Data Reference", "<value/>"),
]

BAD = [
    ("Decimal Number", "NaN"),
    ("Decimal Number", "1e3"),
    ("Decimal Number", ""),
    ("Integer Number", "9223372036854775808"),
    ("Integer Number", "1.0"),
    ("Integer Number", ""),
    ("Boolean", "yes"),
    ("Boolean", ""),
    ("Date", "2026-02-29"),
    ("Date", "10000-01-01"),
    ("Date", ""),
    ("Time", "24:00:01"),
    ("Date Time", "2026-11-21"),
    ("Date Time", "10000-01-01T00:00:00Z"),
    ("Performer", ""),
    ("Performer", "  "),
    ("Performer", " ana"),
]


@pytest.mark.parametrize(("type_", "value"), GOOD)
def test_a_value_of_its_fields_type_is_kept_as_it_was_given(type_, value):
    (field,) = merged((a_field(type_),), (a_field(type_, value),))

    assert field.values == (value,)
    assert declared([a_field(type_, value)])[0].values == (value,)


@pytest.mark.parametrize(("type_", "value"), BAD)
def test_a_value_of_another_type_is_refused_and_the_field_is_named(type_, value):
    assert refused((a_field(type_),), a_field(type_, value)).parameters[0] == "Notes"
    with pytest.raises(InvalidField, match="'Notes'"):
        declared([a_field(type_, value)])


def test_every_type_of_the_contract_has_a_value_here_that_is_allowed():
    assert {FieldType(type_) for type_, _ in GOOD} == set(FieldType)


@pytest.mark.parametrize(
    ("type_", "limits", "good", "bad"),
    [
        ("String", {"length": 3}, "abc", "abcd"),
        ("String", {"length": 1}, "\U0001f600", "ab"),
        ("String", {"length": 0}, "", "a"),
        ("Integer Number", {"length": 3}, "-999", "1000"),
        ("Integer Number", {"length": 3}, "0000999", "-1000"),
        ("Decimal Number", {"decimals": 2}, "1.25", "1.255"),
        ("Decimal Number", {"decimals": 2}, "1.2500", "0.001"),
        ("Decimal Number", {"decimals": 0}, "1.0", "1.5"),
        ("Decimal Number", {"length": 5, "decimals": 2}, "999.99", "1000.99"),
        ("Decimal Number", {"length": 3}, "-00099.9", "99.99"),
        ("Performer", {"length": 3}, "ana", "anna"),
    ],
)
def test_what_is_longer_than_the_field_allows_is_refused(type_, limits, good, bad):
    model = (a_field(type_, **limits),)

    assert merged(model, [a_field(type_, good)])[0].values == (good,)
    assert refused(model, a_field(type_, bad)).parameters[0] == "Notes"


def test_a_payload_cannot_widen_a_field():
    model = (a_field("String", length=3),)

    assert refused(model, a_field("String", "abcd", length=100)).parameters[0] == "Notes"
    assert merged(model, [a_field("String", "abc", length=100, optional=True, array=True)])[0] == a_field(
        "String", "abc", length=3
    )


def test_no_value_is_longer_than_a_million_characters():
    model = (a_field("String"),)

    assert merged(model, [a_field("String", "x" * VALUE_MAX_LENGTH)])
    assert refused(model, a_field("String", "x" * (VALUE_MAX_LENGTH + 1)))
    assert refused((a_field("Complex"),), a_field("Complex", "x" * (VALUE_MAX_LENGTH + 1)))


def test_only_an_array_has_more_than_one_value():
    assert refused((a_field(),), a_field("String", "a", "b")).parameters[0] == "Notes"
    assert merged((a_field(array=True),), [a_field("String", "a", "b")])[0].values == ("a", "b")


def test_every_value_of_an_array_is_checked():
    assert refused((a_field("Integer Number", array=True),), a_field("Integer Number", "1", "2", "x"))


def test_a_field_without_values_becomes_empty():
    assert merged((a_field("Integer Number", "1"),), [a_field("Integer Number")])[0].values == ()


@pytest.mark.parametrize("type_", [str(type_) for type_ in FieldType])
def test_simple_values_in_a_complex_field_and_the_other_way_round_are_refused(type_):
    is_complex = FieldType(type_) in COMPLEX_TYPES
    wrong_form = replace(a_field(type_, "1"), complex_values=not is_complex)

    assert refused((a_field(type_),), wrong_form).parameters[0] == "Notes"


def test_the_complex_types_are_complex_and_data_reference():
    assert {str(type_) for type_ in COMPLEX_TYPES} == {"Complex", "Data Reference"}


def test_a_field_that_the_item_does_not_have_is_refused_by_name():
    assert refused((a_field(),), a_field(name="Other")).parameters == (
        "Other",
        "the work item has no field of this name",
    )


@pytest.mark.parametrize("direction", ["inputs", "outputs"])
def test_a_field_in_another_direction_is_refused(direction):
    error = refused((a_field(),), a_field("String", "x", direction=direction))

    assert error.parameters == ("Notes", f"it is one of the inouts, not of the {direction}")


def test_an_input_cannot_be_set_by_calling_it_an_output():
    assert refused((a_field(direction="inputs"),), a_field("String", "x", direction="outputs"))


def test_a_field_of_another_type_is_refused():
    assert refused((a_field(),), a_field("Integer Number", "1")).parameters == (
        "Notes",
        "its type is String, not Integer Number",
    )


def test_a_field_named_twice_is_refused():
    assert refused((a_field(),), a_field("String", "a"), a_field("String", "b")).parameters == (
        "Notes",
        "it is named twice",
    )


@pytest.mark.parametrize("value", ["other", "", "not a number"])
def test_inputs_are_ignored_whatever_they_say(value):
    model = (a_field("Integer Number", "1", direction="inputs"), a_field("String", "a", name="Text"))

    after = merged(model, [a_field("Integer Number", value, direction="inputs"), a_field("String", "b", name="Text")])

    assert after == (model[0], replace(model[1], values=("b",)))


def test_outputs_and_inouts_that_are_not_named_keep_their_values_and_their_order():
    model = (a_field("String", "1", name="A"), a_field("String", "2", name="B", direction="outputs"), a_field(name="C"))

    assert merged(model, [a_field("String", "3", name="C")]) == (*model[:2], replace(model[2], values=("3",)))
    assert merged(model, []) == model


def test_a_refused_payload_changes_nothing_of_the_model():
    model = (a_field("String", "1", name="A"), a_field("Integer Number", "2", name="B"))
    before = tuple(replace(field) for field in model)

    refused(model, a_field("String", "new", name="A"), a_field("Integer Number", "x", name="B"))

    assert model == before


@pytest.mark.parametrize(
    "field",
    [
        a_field(name=""),
        a_field(name="  "),
        a_field(name="x" * (NAME_MAX_LENGTH + 1)),
        a_field(length=-1),
        a_field("Decimal Number", decimals=-1),
        a_field("String", "a", "b"),
        a_field("String", "abc", length=2),
        replace(a_field("Complex", "1"), complex_values=False),
    ],
)
def test_a_declaration_that_makes_no_sense_is_refused(field):
    with pytest.raises(InvalidField):
        declared([field])


def test_a_name_declared_twice_is_refused():
    with pytest.raises(InvalidField, match="declared twice"):
        declared([a_field(), a_field("Integer Number", direction="outputs")])


def test_names_differ_by_case():
    assert len(declared([a_field(name="notes"), a_field(name="Notes")])) == 2


def test_a_declaration_keeps_its_order():
    assert [field.name for field in declared(a_field(name=name) for name in "CAB")] == ["C", "A", "B"]


def test_a_declared_field_says_in_which_form_its_values_are():
    simple, complex_ = declared(
        [a_field(name="A", complex_values=True), a_field("Complex", name="B", complex_values=False)]
    )

    assert (simple.complex_values, complex_.complex_values) == (False, True)


@given(st.sampled_from(list(FieldType)), st.text(max_size=30))
def test_a_value_is_either_kept_or_refused_by_the_fields_name(type_, text):
    model = (a_field(type_),)
    try:
        assert merged(model, [a_field(type_, text)])[0].values == (text,)
    except InvalidField as error:
        assert error.parameters[0] == "Notes"  # noqa: PT017 - it need not be raised
