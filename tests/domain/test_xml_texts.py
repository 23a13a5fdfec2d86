"""What XML cannot hold is refused where it comes in: no answer could ever show it."""

import pytest

from soapsvc.domain import data
from soapsvc.domain.data import Direction, Field, FieldType
from soapsvc.domain.errors import InvalidField, InvalidWorkItem
from soapsvc.domain.values import is_xml_text
from soapsvc.domain.work_item import ItemContext, NewWorkItem

UNHOLDABLE = ["\x00", "a\x01b", "\x1f", "\ufffe", "\uffff", "\ud800"]


@pytest.mark.parametrize("text", ["", "plain", "\t\n\r", "ä <&> \u20ac \U0001f600", "\ud7ff\ue000\ufffd"])
def test_what_xml_can_hold_is_a_text(text: str) -> None:
    assert is_xml_text(text)
    NewWorkItem(name=f"x{text}")


@pytest.mark.parametrize("text", UNHOLDABLE)
@pytest.mark.parametrize("where", ["name", "description"])
def test_an_item_is_not_described_by_what_xml_cannot_hold(where: str, text: str) -> None:
    with pytest.raises(InvalidWorkItem):
        NewWorkItem(**{"name": "x", where: f"x{text}"})


@pytest.mark.parametrize("text", UNHOLDABLE)
def test_neither_is_its_context_nor_an_attribute(text: str) -> None:
    with pytest.raises(InvalidWorkItem):
        NewWorkItem(name="x", context=ItemContext(activity_id=text))
    with pytest.raises(InvalidWorkItem):
        NewWorkItem(name="x", attributes={"attribute2": text})


@pytest.mark.parametrize("text", UNHOLDABLE)
def test_no_field_has_such_a_name_or_value(text: str) -> None:
    with pytest.raises(InvalidField):
        data.declared([Field(name=f"x{text}", direction=Direction.INOUT, type=FieldType.STRING)])
    with pytest.raises(InvalidField):
        data.declared([Field(name="x", direction=Direction.INOUT, type=FieldType.STRING, values=(text,))])
