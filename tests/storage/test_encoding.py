"""What is written in text columns is read back as it was, and looks tomorrow as it looked yesterday."""

import json
from datetime import UTC, datetime, timedelta, timezone
from decimal import Decimal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from soapsvc.domain.attributes import ATTRIBUTES, LONGEST_TEXT, AttributeKind
from soapsvc.domain.data import Direction, Field, FieldType
from soapsvc.domain.work_item import ItemContext
from soapsvc.storage import encoding
from soapsvc.storage.tables import Moment, moment_from

TEXT = st.text(max_size=20)
ZONES = st.integers(-14 * 60, 14 * 60).map(lambda minutes: timezone(timedelta(minutes=minutes)))
FIELDS = st.builds(
    Field,
    name=TEXT,
    direction=st.sampled_from(Direction),
    type=st.sampled_from(FieldType),
    optional=st.booleans(),
    array=st.booleans(),
    length=st.none() | st.integers(0, 2**31),
    decimals=st.none() | st.integers(0, 38),
    class_name=st.none() | TEXT,
    go_ref_id=st.none() | TEXT,
    complex_values=st.booleans(),
    values=st.lists(TEXT, max_size=3).map(tuple),
)
VALUES = {
    AttributeKind.LONG: lambda _: st.integers(-(2**63), 2**63 - 1),
    AttributeKind.DECIMAL: lambda _: st.decimals(allow_nan=False, allow_infinity=False, places=10),
    AttributeKind.MOMENT: lambda _: st.datetimes(timezones=ZONES),
    AttributeKind.TEXT: lambda name: st.text(max_size=LONGEST_TEXT[name]),
}
SOME_ATTRIBUTES = st.fixed_dictionaries({}, optional={name: VALUES[kind](name) for name, kind in ATTRIBUTES.items()})


@given(st.lists(FIELDS, max_size=4).map(tuple))
@settings(max_examples=60)
def test_fields_are_read_back_as_they_were_written(model):
    assert encoding.decode_fields(encoding.encode_fields(model)) == model


@given(SOME_ATTRIBUTES)
@settings(max_examples=60)
def test_attributes_are_read_back_as_they_were_written(attributes):
    read = encoding.decode_attributes(encoding.encode_attributes(attributes))

    assert read == attributes
    assert {name: type(value) for name, value in read.items()} == {
        name: type(value) for name, value in attributes.items()
    }


@given(
    st.builds(
        ItemContext,
        activity_id=TEXT,
        activity_name=TEXT,
        app_instance=TEXT,
        app_name=TEXT,
        app_id=TEXT,
        app_instance_description=st.none() | TEXT,
    )
)
@settings(max_examples=30)
def test_a_context_is_read_back_as_it_was_written(context):
    assert encoding.decode_context(encoding.encode_context(context)) == context


@given(st.datetimes(timezones=ZONES, min_value=datetime(2, 1, 1), max_value=datetime(9998, 1, 1)))
def test_a_moment_is_read_back_exactly_and_its_order_is_kept(moment):
    column = Moment()
    read = column.result_processor(None, None)
    number = column.process_bind_param(moment, None)

    assert read(number) == moment
    assert column.process_bind_param(moment + timedelta(microseconds=1), None) == number + 1
    assert read(column.process_bind_param(None, None)) is None


@pytest.mark.parametrize(
    ("microseconds", "moment"),
    [
        (0, datetime(1970, 1, 1, tzinfo=UTC)),
        (-1, datetime(1969, 12, 31, 23, 59, 59, 999999, tzinfo=UTC)),
        (1_795_249_800_000_001, datetime(2026, 11, 21, 8, 30, 0, 1, tzinfo=UTC)),
    ],
)
def test_a_moment_is_the_microseconds_since_1970(microseconds, moment):
    assert moment_from(microseconds) == moment


def test_the_form_on_disk_stays_what_it_is():
    """Rows of earlier releases look like this: a change here needs a migration."""
    field = Field(name="Notes", direction=Direction.INOUT, type=FieldType.DECIMAL_NUMBER, decimals=2, values=("1.50",))
    attributes = {
        "attribute1": 7,
        "attribute5": Decimal("1.50"),
        "attribute6": datetime(2026, 11, 21, 8, 30, tzinfo=UTC),
        "attribute8": "\u00e4",
    }

    assert encoding.encode_fields((field,)) == (
        '[{"name":"Notes","direction":"inouts","type":"Decimal Number","decimals":2,"values":["1.50"]}]'
    )
    assert encoding.encode_attributes(attributes) == (
        '{"attribute1":7,"attribute5":"1.50","attribute6":"2026-11-21T08:30:00+00:00","attribute8":"\u00e4"}'
    )
    assert json.loads(encoding.encode_context(ItemContext(app_id="a"))) == {
        "activity_id": "",
        "activity_name": "",
        "app_instance": "",
        "app_name": "",
        "app_id": "a",
        "app_instance_description": None,
    }


def test_a_field_written_by_an_earlier_release_gets_the_defaults_of_what_it_lacks():
    (field,) = encoding.decode_fields('[{"name":"A","direction":"inputs","type":"String"}]')

    assert field == Field(name="A", direction=Direction.INPUT, type=FieldType.STRING)


def test_a_decimal_keeps_its_digits_and_gets_no_exponent():
    assert encoding.encode_attributes({"attribute5": Decimal("1E+3")}) == '{"attribute5":"1000"}'
    assert encoding.encode_attributes({"attribute5": Decimal("1.10")}) == '{"attribute5":"1.10"}'
