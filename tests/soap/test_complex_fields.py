"""Complex fields end to end: their XML comes back as it was sent."""

from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st
from lxml import etree

from soapsvc.domain.data import Direction, Field, FieldType
from soapsvc.domain.work_item import WorkItem
from tests.conftest import Soap
from tests.support.requests import answered, payload

Stored = Callable[[int], WorkItem]
NewItem = Callable[..., WorkItem]
QUICK = hypothesis_settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])


CLAIM = Field(
    name="Claim",
    direction=Direction.INOUT,
    type=FieldType.COMPLEX,
    optional=True,
    array=True,
    class_name="org.example.Claim",
    go_ref_id="_7",
)


def _complex_field(*values: str) -> str:
    spec = f'<complexSpec className="x" goRefId="y">{"".join(values)}</complexSpec>'
    return payload(f'<inouts name="Claim" type="Complex" array="true">{spec}</inouts>')


def _round_trip(soap: Soap, item: WorkItem, content: str) -> list[etree._Element]:
    answered(soap, "allocateAndOpenWorkItem", f'<workItemID id="{item.id}"/><resource>ana</resource>')
    answered(soap, "closeWorkItem", f'<workItemID id="{item.id}" version="1"/>{content}')
    (body,) = answered(soap, "openWorkItem", f'<workItemID id="{item.id}" version="2"/>')
    return list(body.findall("dataModel/inouts/complexSpec/value"))


def _canonical(xml: str | etree._Element) -> Any:
    """Give what XML says, whatever its prefixes are."""
    element = etree.fromstring(xml) if isinstance(xml, str) else xml
    inner = [(_canonical(child), child.tail or "") for child in element]
    return element.tag, dict(element.attrib), element.text or "", inner


COMPLEX_VALUES = [
    "<value/>",
    "<value>only text</value>",
    "<value>mixed <b>bold</b> and <i>more</i> text</value>",
    '<value a="1" b="&lt;&amp;&quot;"><part c="x"/></value>',
    '<value><c:claim xmlns:c="urn:claims" c:no="7"><c:line/><other xmlns="urn:other"><deep/></other></c:claim></value>',
    '<value><claim xmlns="urn:claims"><line xmlns="">unqualified within</line></claim></value>',
    '<value xml:lang="de" xml:space="preserve">  Größe  </value>',
    "<value><workItemID id='not one of ours'/><dataModel/></value>",
    "<value><a>1</a><a>2</a> <a>3</a></value>",
    "<value><![CDATA[<not> & markup]]></value>",
    "<value>&#x1F600;&#x9;tab&#xA;line</value>",
    '<value><a xmlns:q="urn:one"><p:b xmlns:p="urn:one" xmlns:q="urn:two"/></a></value>',
]


@pytest.mark.parametrize("value", COMPLEX_VALUES)
def test_a_complex_value_keeps_its_xml(soap: Soap, new_item: NewItem, value: str) -> None:
    (kept,) = _round_trip(soap, new_item((CLAIM,)), _complex_field(value))
    assert _canonical(kept) == _canonical(value)


def test_several_complex_values_keep_their_order_and_number(soap: Soap, new_item: NewItem) -> None:
    kept = _round_trip(soap, new_item((CLAIM,)), _complex_field(*COMPLEX_VALUES))
    assert [_canonical(value) for value in kept] == [_canonical(value) for value in COMPLEX_VALUES]


def test_a_prefix_that_only_a_value_uses_is_still_bound_when_it_comes_back(soap: Soap, new_item: NewItem) -> None:
    value = '<value><e xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance" xmlns:t="urn:t" ref="t:name"/></value>'
    (kept,) = _round_trip(soap, new_item((CLAIM,)), _complex_field(value))
    assert kept[0].nsmap["t"] == "urn:t"
    outside = _complex_field('<value><e ref="o:name"/></value>').replace("<dataModel", '<dataModel xmlns:o="urn:o"', 1)
    (kept,) = _round_trip(soap, new_item((CLAIM,)), outside)
    assert kept[0].nsmap["o"] == "urn:o"


def test_elements_of_the_contracts_own_namespace_within_a_complex_value_are_left_alone(
    soap: Soap, new_item: NewItem
) -> None:
    value = '<value><api:part xmlns:api="http://api.brm.n2.tibco.com"><api:deep/></api:part></value>'
    (kept,) = _round_trip(soap, new_item((CLAIM,)), _complex_field(value))
    assert _canonical(kept) == _canonical(value)


@pytest.mark.parametrize("namespace", ["http://api.brm.n2.tibco.com", "http://schemas.xmlsoap.org/soap/envelope/"])
def test_a_prefix_stays_bound_also_where_the_answer_itself_uses_the_namespace(
    soap: Soap, new_item: NewItem, namespace: str
) -> None:
    value = f'<value xmlns:mine="{namespace}"><e ref="mine:name"/></value>'
    (kept,) = _round_trip(soap, new_item((CLAIM,)), _complex_field(value))
    assert kept[0].nsmap.get("mine") == namespace


def test_a_complex_field_keeps_the_class_name_of_its_declaration(soap: Soap, new_item: NewItem) -> None:
    (kept,) = _round_trip(soap, new_item((CLAIM,)), _complex_field("<value/>"))
    assert dict(kept.getparent().attrib) == {"className": "org.example.Claim", "goRefId": "_7"}


@st.composite
def _trees(draw: st.DrawFn, depth: int = 3) -> str:
    """Give an element whose prefixes mean something else on every level."""
    spaces = ["", "urn:one", "urn:two", "http://api.brm.n2.tibco.com/x", "http://schemas.xmlsoap.org/soap/envelope/"]
    default = draw(st.sampled_from(spaces))
    p, q = draw(st.permutations(spaces[1:]))[:2]
    name = draw(st.sampled_from(["", "p:", "q:"])) + draw(st.sampled_from(["a", "workItemID", "value", "complexSpec"]))
    attributes = "".join(
        f' {key}="{draw(st.sampled_from(["", "1", " x ", "&lt;&amp;&gt;", "é"]))}"'
        for key in draw(st.sets(st.sampled_from(["k", "p:k", "q:k"])))
    )
    content = draw(st.sampled_from(["", "t", " ", "é&amp;&lt;"]))
    for child in draw(st.lists(_trees(depth - 1), max_size=2)) if depth else ():
        content += child + draw(st.sampled_from(["", "tail", "&#10;"]))
    return f'<{name} xmlns="{default}" xmlns:p="{p}" xmlns:q="{q}"{attributes}>{content}</{name}>'


@hypothesis_settings(QUICK, phases=[Phase.explicit, Phase.reuse, Phase.generate])  # to shrink one takes minutes
@given(trees=st.lists(_trees(), min_size=1, max_size=3))
def test_any_xml_comes_back_as_it_was_sent(soap: Soap, new_item: NewItem, trees: list[str]) -> None:
    values = [f"<value>{tree}</value>" for tree in trees]
    kept = _round_trip(soap, new_item((CLAIM,)), _complex_field(*values))
    assert [_canonical(value) for value in kept] == [_canonical(value) for value in values]
