"""The forty attributes: their kinds and lengths as the contract lists them."""

from datetime import UTC, datetime
from decimal import Decimal

import pytest

from soapsvc.domain.attributes import ATTRIBUTES, LONGEST_TEXT, AttributeKind, check_attributes
from soapsvc.domain.errors import InvalidWorkItem

LONGS = [1, 15]
DECIMALS = [5, 16, 17, 18]
MOMENTS = [6, 7, 19, 20]
TEXTS = {
    **dict.fromkeys([2, 3, 4, *range(27, 39)], 64),
    **dict.fromkeys([*range(8, 15), *range(21, 27)], 20),
    **dict.fromkeys([39, 40], 255),
}
NOW = datetime(2026, 11, 21, tzinfo=UTC)


def kinds() -> list[tuple[int, AttributeKind]]:
    return [
        *((number, AttributeKind.LONG) for number in LONGS),
        *((number, AttributeKind.DECIMAL) for number in DECIMALS),
        *((number, AttributeKind.MOMENT) for number in MOMENTS),
        *((number, AttributeKind.TEXT) for number in TEXTS),
    ]


@pytest.mark.parametrize(("number", "kind"), kinds())
def test_every_attribute_is_of_the_kind_that_the_contract_gives_it(number, kind):
    value = {
        AttributeKind.LONG: 7,
        AttributeKind.DECIMAL: Decimal("7.5"),
        AttributeKind.MOMENT: NOW,
        AttributeKind.TEXT: "x",
    }
    assert ATTRIBUTES[f"attribute{number}"] is kind
    for other, one in value.items():
        if other is kind:
            check_attributes({f"attribute{number}": one})
        else:
            with pytest.raises(InvalidWorkItem) as refused:
                check_attributes({f"attribute{number}": one})
            assert refused.value.parameters[0] == f"attribute{number}"


def test_there_are_forty_in_order():
    assert list(ATTRIBUTES) == [f"attribute{number}" for number in range(1, 41)]
    assert len(kinds()) == 40


@pytest.mark.parametrize(("number", "longest"), TEXTS.items())
def test_a_text_has_at_most_the_contracts_length(number, longest):
    check_attributes({f"attribute{number}": "x" * longest})

    assert LONGEST_TEXT[f"attribute{number}"] == longest
    with pytest.raises(InvalidWorkItem, match=f"attribute{number} .*{longest}"):
        check_attributes({f"attribute{number}": "x" * (longest + 1)})


@pytest.mark.parametrize("name", ["attribute0", "attribute41", "attribute", "Attribute1", "name", ""])
def test_another_name_is_refused(name):
    with pytest.raises(InvalidWorkItem):
        check_attributes({name: 1})


@pytest.mark.parametrize("number", [2**63 - 1, -(2**63), 0])
def test_a_long_may_be_any_of_64_bits(number):
    check_attributes({"attribute1": number})


@pytest.mark.parametrize("number", [2**63, -(2**63) - 1])
def test_a_long_beyond_64_bits_is_refused(number):
    with pytest.raises(InvalidWorkItem):
        check_attributes({"attribute1": number})


@pytest.mark.parametrize("text", ["NaN", "sNaN", "Infinity", "-Infinity"])
def test_a_decimal_that_is_no_number_is_refused(text):
    with pytest.raises(InvalidWorkItem):
        check_attributes({"attribute5": Decimal(text)})


def test_a_decimal_of_more_than_38_digits_is_refused():
    check_attributes({"attribute5": Decimal("9" * 38)})
    with pytest.raises(InvalidWorkItem, match="38 digits"):
        check_attributes({"attribute5": Decimal("9" * 39)})


def test_no_attributes_are_fine():
    check_attributes({})
