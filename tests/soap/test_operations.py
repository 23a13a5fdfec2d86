"""The operations end to end, without a socket, as raw XML: what is answered is valid, complete and what was stored."""

import re
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st
from lxml import etree

from soapsvc.domain.data import Direction, Field, FieldType
from soapsvc.domain.schedule import Schedule
from soapsvc.domain.states import State
from soapsvc.domain.work_item import Distribution, ItemContext, NewWorkItem, WorkItem
from soapsvc.storage.transaction import Transaction
from soapsvc.usecases import people, scheduling
from soapsvc.usecases.sign_in import hash_password
from tests.conftest import FIELDS, PASSWORD, Soap
from tests.soap.conftest import Start
from tests.support.requests import values as _values
from tests.support.soap import Fault, content_of

Stored = Callable[[int], WorkItem]
NewItem = Callable[..., WorkItem]
API = "{http://api.brm.n2.tibco.com}"
QUICK = hypothesis_settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])


def _ask(soap: Soap, operation: str, content: str, **options: Any) -> etree._Element:
    """Call an operation that succeeds, and give the valid element that answers it."""
    answer = soap.ask(operation, content, **options)
    assert answer.status == 200, answer.body.decode()
    content_element = content_of(answer.body)
    assert content_element.tag == f"{API}{operation}Response"
    assert answer.headers["content-type"] == "text/xml; charset=utf-8"
    return content_element


def _payload(fields: str) -> str:
    return f"<workItemPayload><dataModel>{fields}</dataModel></workItemPayload>"


def _text_field(name: str, *values: str, kind: str = "inouts", type_: str = "String") -> str:
    spec = "".join(f"<value>{value}</value>" for value in values)
    return f'<{kind} name="{name}" type="{type_}"><simpleSpec>{spec}</simpleSpec></{kind}>'


# The form of answers


def test_the_answer_to_a_close_has_the_published_bytes(soap: Soap, opened: WorkItem) -> None:
    answer = soap.ask("closeWorkItem", f'<workItemID id="{opened.id}" version="1"/>')
    assert answer.body == (
        b"<?xml version='1.0' encoding='UTF-8'?>\n"
        b'<soap:Envelope xmlns:soap="http://schemas.xmlsoap.org/soap/envelope/"><soap:Body>'
        b'<closeWorkItemResponse xmlns="http://api.brm.n2.tibco.com">'
        b'<workItemID xmlns="" id="%d" version="2"/></closeWorkItemResponse></soap:Body></soap:Envelope>' % opened.id
    )
    assert (answer.status, answer.headers["content-type"]) == (200, "text/xml; charset=utf-8")
    assert answer.headers["content-length"] == str(len(answer.body))


@pytest.mark.parametrize(
    ("operation", "content", "user", "first"),
    [
        ("getWorkItemHeader", '<workItemID id="{id}"/>', "ana", b'<workItemHeader xmlns="" '),
        ("openWorkItem", '<workItemID id="{id}"/>', "ana", b'<workItemBody xmlns="" '),
        (
            "previewWorkItemFromList",
            '<entityID entity-type="RESOURCE" guid="GUID-of-ana"/><workItemID id="{id}"/>',
            "ana",
            b'<workItemPreview xmlns="" ',
        ),
    ],
)
def test_only_the_root_of_an_answer_stands_in_a_namespace(
    soap: Soap, pended: WorkItem, operation: str, content: str, user: str, first: bytes
) -> None:
    answer = soap.ask(operation, content.format(id=pended.id), user=user)
    assert b'<%sResponse xmlns="http://api.brm.n2.tibco.com">%s' % (operation.encode(), first) in answer.body
    root = content_of(answer.body)
    assert all(etree.QName(part).namespace is None for part in root.iterdescendants())


# getWorkItemHeader


def test_a_header_carries_all_that_is_known_of_an_item(soap: Soap, new_item: NewItem) -> None:
    item = new_item(
        description="Look twice & decide",
        priority=7,
        group_id=2**40,
        context=ItemContext(
            activity_id="pvm:001i1m",
            activity_name="Review",
            app_instance="pvm:0a123",
            app_name="Claims",
            app_id="_claims",
            app_instance_description="Claim 4711",
        ),
        schedule=Schedule(start=datetime(2020, 1, 2, 3, 4, 5, tzinfo=UTC), end=datetime(2999, 1, 1, tzinfo=UTC)),
    )
    (header,) = _ask(soap, "getWorkItemHeader", f'<workItemID id="{item.id}" version="0"/>')
    assert header.attrib == {
        "distributionStrategy": "OFFER",
        "priority": "7",
        "groupID": str(2**40),
        "startDate": "2020-01-02T03:04:05Z",
        "endDate": "2999-01-01T00:00:00Z",
        "id": str(item.id),
        "version": "0",
        "state": "OFFERED",
        "guid": item.guid,
    }
    assert [(part.tag, part.text) for part in header.iter() if part.text] == [
        ("name", "Review claim"),
        ("description", "Look twice & decide"),
        ("scheduleStatus", "DURING"),
        ("activityID", "pvm:001i1m"),
        ("activityName", "Review"),
        ("appInstance", "pvm:0a123"),
        ("appName", "Claims"),
        ("appID", "_claims"),
        ("appInstanceDescription", "Claim 4711"),
    ]


def test_what_an_item_has_not_is_left_out_of_its_header(soap: Soap, offered: WorkItem) -> None:
    (header,) = _ask(soap, "getWorkItemHeader", f'<workItemID id="{offered.id}"/>')
    assert not {"groupID", "startDate", "endDate"} & set(header.attrib)
    assert header.find("description") is None
    assert header.find("itemContext/appInstanceDescription") is None
    assert header.findtext("flags/scheduleStatus") == "NO_SCHEDULE"


@pytest.mark.parametrize(
    ("start", "end", "status"),
    [(None, None, "NO_SCHEDULE"), (1, 2, "BEFORE"), (1, None, "BEFORE"), (-1, 1, "DURING"), (-1, None, "DURING"),
     (None, 1, "DURING"), (-2, -1, "AFTER"), (None, -1, "AFTER")],
)  # fmt: skip
def test_the_schedule_status_is_that_of_the_moment_of_reading(
    soap: Soap, new_item: NewItem, start: int | None, end: int | None, status: str
) -> None:
    def moment(days: int | None) -> datetime | None:
        return None if days is None else datetime.now(UTC) + timedelta(days=days)

    item = new_item(schedule=Schedule(start=moment(start), end=moment(end)))
    (header,) = _ask(soap, "getWorkItemHeader", f'<workItemID id="{item.id}"/>')
    assert header.findtext("flags/scheduleStatus") == status


def test_headers_come_in_the_order_of_the_request_and_reading_changes_nothing(
    soap: Soap, new_item: NewItem, unchanged: Any
) -> None:
    items = [new_item(name=f"Item {number}") for number in range(3)]
    with unchanged(*items):
        order = [items[2], items[0], items[1]]
        root = _ask(soap, "getWorkItemHeader", "".join(f'<workItemID id="{item.id}"/>' for item in order))
    assert [header.findtext("name") for header in root] == ["Item 2", "Item 0", "Item 1"]


# openWorkItem


def test_opening_hands_over_the_data_and_starts_a_version_session(soap: Soap, pended: WorkItem, stored: Stored) -> None:
    (body,) = _ask(soap, "openWorkItem", f'<workItemID id="{pended.id}" version="2"/>')
    item = stored(pended.id)
    assert (item.state, item.version) == (State.OPENED, 3)
    assert body.attrib == {"id": str(item.id), "version": "3", "versionGuid": item.session}
    fields = {field.get("name"): (field.tag, dict(field.attrib)) for field in body.find("dataModel")}
    assert fields == {
        "Customer": ("inputs", {"name": "Customer", "type": "String", "optional": "false", "array": "false"}),
        "Amount": ("outputs", {"name": "Amount", "type": "Decimal Number", "optional": "false", "array": "false"}),
        "Notes": ("inouts", {"name": "Notes", "type": "String", "optional": "true", "array": "false"}),
    }
    assert body.findtext("dataModel/inputs/simpleSpec/value") == "Adler"
    assert dict(body.find("dataModel/outputs/simpleSpec").attrib) == {"length": "6", "decimal": "2"}
    assert body.findall("dataModel/inouts/simpleSpec/value") == []


def test_every_opening_starts_a_session_of_its_own(soap: Soap, pended: WorkItem) -> None:
    sessions = set()
    for version in (2, 4):
        (body,) = _ask(soap, "openWorkItem", f'<workItemID id="{pended.id}" version="{version}"/>')
        sessions.add(body.get("versionGuid"))
        _ask(soap, "closeWorkItem", f'<workItemID id="{pended.id}" version="{version + 1}"/>')
    assert len(sessions) == 2


# allocateAndOpenWorkItem


@pytest.mark.parametrize("resource", ["GUID-of-ana", "guid-OF-ANA", "ana", " GUID-of-ana "])
def test_an_item_is_taken_for_a_guid_or_a_name_and_answered_whole(
    soap: Soap, new_item: NewItem, stored: Stored, resource: str
) -> None:
    offered = new_item(attributes={"attribute1": 5, "attribute2": "Adler"})
    content = f'<workItemID id="{offered.id}" version="0"/><resource>{resource}</resource>'
    (answer,) = _ask(soap, "allocateAndOpenWorkItem", content)
    item = stored(offered.id)
    assert (item.state, item.version, item.owner and item.owner.name) == (State.OPENED, 1, "ana")
    assert [part.tag for part in answer] == ["id", "header", "attributes", "body", "state", "visible"]
    assert dict(answer.find("id").attrib) == {"id": str(item.id), "version": "1"}
    header = answer.find("header")
    assert (header.get("version"), header.get("state"), header.get("distributionStrategy")) == ("1", "OPENED", "OFFER")
    assert dict(answer.find("attributes").attrib) == {"attribute1": "5", "attribute2": "Adler"}
    assert answer.find("body").get("versionGuid") == item.session
    assert answer.findtext("body/dataModel/inputs/simpleSpec/value") == "Adler"
    assert (answer.findtext("state"), answer.findtext("visible")) == ("OPENED", "true")


def test_an_item_without_attributes_is_answered_without_the_element(soap: Soap, offered: WorkItem) -> None:
    content = f'<workItemID id="{offered.id}"/><resource>ana</resource>'
    (answer,) = _ask(soap, "allocateAndOpenWorkItem", content)
    assert [part.tag for part in answer] == ["id", "header", "body", "state", "visible"]


def test_each_item_of_a_batch_goes_to_the_resource_beside_it(soap: Soap, new_item: NewItem, stored: Stored) -> None:
    items = [new_item() for _ in range(3)]
    names = ["ben", "ana", "ben"]
    content = "".join(
        f'<workItemID id="{item.id}" version="0"/><resource>{name}</resource>'
        for item, name in zip(items, names, strict=True)
    )
    root = _ask(soap, "allocateAndOpenWorkItem", content, user="supervisor")
    assert [int(answer.find("id").get("id")) for answer in root] == [item.id for item in items]
    assert [stored(item.id).owner.name for item in items] == names  # type: ignore[union-attr]


@pytest.mark.parametrize("limit", [0, 1])
def test_a_resource_at_its_limit_opens_no_more(start: Start, limit: int) -> None:
    def prepare(tx: Transaction) -> list[int]:
        password_hash = hash_password(PASSWORD)
        people.add_person(tx, name="dora", guid="GUID-of-dora", password_hash=password_hash, max_open_items=limit)
        return scheduling.create_items(tx, new=NewWorkItem(name="Review"), offer_to=["dora"], count=limit + 1)

    with start() as soap:
        *first, last = soap.database.write(prepare).result(10)
        for item_id in first:
            _ask(soap, "allocateAndOpenWorkItem", f'<workItemID id="{item_id}"/><resource>dora</resource>', user="dora")
        content = f'<workItemID id="{last}" version="0"/><resource>dora</resource>'
        fault = Fault(soap.ask("allocateAndOpenWorkItem", content, user="dora").body)
    assert (fault.code, fault.name, fault.error_code) == (
        "Client", "OpenWorkItemLimitFault", "BRM_RESOURCE_OPEN_LIMIT",
    )  # fmt: skip
    assert fault.parameters == ["GUID-of-dora", str(limit)]


def test_an_entity_that_is_unknown_or_not_offered_the_item_is_an_entity_fault(
    soap: Soap, offered: WorkItem, unchanged: Any
) -> None:
    with unchanged(offered):
        for resource, code in (("nobody", "BRM_ENTITY_UNKNOWN"), ("carl", "BRM_ENTITY_NOT_ELIGIBLE")):
            content = f'<workItemID id="{offered.id}"/><resource>{resource}</resource>'
            fault = Fault(soap.ask("allocateAndOpenWorkItem", content, user="supervisor").body)
            assert (fault.code, fault.name, fault.error_code) == ("Client", "InvalidEntityFault", code)


# closeWorkItem


def test_closing_keeps_the_new_data_and_ignores_what_is_said_of_inputs(
    soap: Soap, opened: WorkItem, stored: Stored
) -> None:
    payload = _payload(
        _text_field("Customer", "Bianchi", kind="inputs")
        + _text_field("Amount", "12.50", kind="outputs", type_="Decimal Number")
        + _text_field("Notes", "seen &lt;twice&gt;")
    )
    _ask(soap, "closeWorkItem", f'<workItemID id="{opened.id}" version="1"/>{payload}')
    item = stored(opened.id)
    assert (item.state, item.version) == (State.PENDED, 2)
    assert [_values(item, name) for name in ("Customer", "Amount", "Notes")] == [
        ("Adler",), ("12.50",), ("seen <twice>",),
    ]  # fmt: skip


def test_the_groups_of_a_batch_may_differ(soap: Soap, new_item: NewItem, stored: Stored) -> None:
    items = [new_item() for _ in range(5)]
    taken = "".join(f'<workItemID id="{item.id}"/><resource>ana</resource>' for item in items)
    _ask(soap, "allocateAndOpenWorkItem", taken)
    plain, with_data, hidden, with_both, last = (f'<workItemID id="{item.id}" version="1"/>' for item in items)
    day = '<hiddenPeriod><hiddenDuration days="1"/></hiddenPeriod>'
    root = _ask(
        soap,
        "closeWorkItem",
        plain
        + with_data
        + _payload(_text_field("Notes", "second"))
        + hidden
        + day
        + with_both
        + _payload(_text_field("Notes", "fourth"))
        + "<hiddenPeriod><visibleDate>2999-01-01T00:00:00Z</visibleDate></hiddenPeriod>"
        + last,
    )
    assert [(int(part.get("id")), part.get("version")) for part in root] == [(item.id, "2") for item in items]
    assert [(stored(item.id).state, _values(stored(item.id), "Notes")) for item in items] == [
        (State.PENDED, ()),
        (State.PENDED, ("second",)),
        (State.PENDHIDDEN, ()),
        (State.PENDHIDDEN, ("fourth",)),
        (State.PENDED, ()),
    ]
    assert stored(items[3].id).hidden_until == datetime(2999, 1, 1, tzinfo=UTC)


@pytest.mark.parametrize(
    "period",
    [
        "<hiddenPeriod/>",
        "<hiddenPeriod><hiddenDuration/></hiddenPeriod>",
        '<hiddenPeriod><hiddenDuration days="-1"/></hiddenPeriod>',
        "<hiddenPeriod><visibleDate>2001-01-01T00:00:00Z</visibleDate></hiddenPeriod>",
    ],
)
def test_a_period_that_is_none_does_not_hide(soap: Soap, opened: WorkItem, stored: Stored, period: str) -> None:
    _ask(soap, "closeWorkItem", f'<workItemID id="{opened.id}"/>{period}')
    assert stored(opened.id).state is State.PENDED


def test_one_failing_item_undoes_the_whole_batch_and_is_named(
    soap: Soap, opened: WorkItem, offered: WorkItem, new_item: NewItem, unchanged: Any
) -> None:
    other = new_item()
    with unchanged(opened, other):
        content = f'<workItemID id="{opened.id}" version="1"/><workItemID id="{other.id}" version="0"/>'
        fault = Fault(soap.ask("closeWorkItem", content).body)
    assert (fault.name, fault.error_code) == ("InvalidWorkItemFault", "BRM_WORKITEM_WRONG_STATE")
    assert fault.parameters == [str(other.id), "OFFERED", "closeWorkItem"]


@pytest.mark.parametrize(
    ("field", "said"),
    [
        (_text_field("Unknown", "x"), "Unknown"),
        (_text_field("Notes", "x", kind="outputs"), "Notes"),
        (_text_field("Notes", "1", type_="Integer Number"), "Notes"),
        (_text_field("Notes", "x" * 21), "Notes"),
        (_text_field("Notes", "x", "y"), "Notes"),
        (_text_field("Amount", "much", kind="outputs", type_="Decimal Number"), "Amount"),
        (_text_field("Amount", "1.234", kind="outputs", type_="Decimal Number"), "Amount"),
        (_text_field("Amount", "1234567", kind="outputs", type_="Decimal Number"), "Amount"),
        (_text_field("Amount", "NaN", kind="outputs", type_="Decimal Number"), "Amount"),
        (_text_field("Notes", "a") + _text_field("Notes", "b"), "Notes"),
        ('<inouts name="Notes" type="String"><complexSpec><value>x</value></complexSpec></inouts>', "Notes"),
    ],
)
def test_data_that_cannot_be_used_are_a_work_item_fault_that_names_the_field(
    soap: Soap, opened: WorkItem, unchanged: Any, field: str, said: str
) -> None:
    with unchanged(opened):
        answer = soap.ask("closeWorkItem", f'<workItemID id="{opened.id}"/>{_payload(field)}')
    fault = Fault(answer.body)
    assert (answer.status, fault.code, fault.name) == (500, "Client", "WorkItemFault")
    assert fault.error_code == "BRM_WORKITEM_FIELD_INVALID"
    assert fault.parameters[0] == said
    assert f"'{said}'" in fault.text


NOTES = (Field(name="Notes", direction=Direction.INOUT, type=FieldType.STRING, optional=True, array=True),)
_TEXT = st.text(st.characters(codec="utf-8", exclude_categories=["Cs", "Cc"]) | st.sampled_from("\t\n &<>'\""))


def _escaped(text: str) -> str:
    element = etree.Element("value")
    element.text = text
    return etree.tostring(element, encoding="unicode")


@QUICK
@given(values=st.lists(_TEXT.filter(lambda text: "\ufffe" not in text and "\uffff" not in text), max_size=4))
def test_any_texts_come_back_as_they_were_sent(soap: Soap, new_item: NewItem, values: list[str]) -> None:
    item = new_item(NOTES)
    _ask(soap, "allocateAndOpenWorkItem", f'<workItemID id="{item.id}"/><resource>ana</resource>')
    spec = "".join(map(_escaped, values))
    field = f'<inouts name="Notes" type="String" array="true"><simpleSpec>{spec}</simpleSpec></inouts>'
    _ask(soap, "closeWorkItem", f'<workItemID id="{item.id}" version="1"/>{_payload(field)}')
    (body,) = _ask(soap, "openWorkItem", f'<workItemID id="{item.id}" version="2"/>')
    assert [value.text or "" for value in body.iter("value")] == values


# Complex fields

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
    return _payload(f'<inouts name="Claim" type="Complex" array="true">{spec}</inouts>')


def _round_trip(soap: Soap, item: WorkItem, content: str) -> list[etree._Element]:
    _ask(soap, "allocateAndOpenWorkItem", f'<workItemID id="{item.id}"/><resource>ana</resource>')
    _ask(soap, "closeWorkItem", f'<workItemID id="{item.id}" version="1"/>{content}')
    (body,) = _ask(soap, "openWorkItem", f'<workItemID id="{item.id}" version="2"/>')
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


# previewWorkItemFromList


def _preview(soap: Soap, *items: WorkItem, more: str = "", user: str = "ana", guid: str = "GUID-of-ana") -> Any:
    content = f'<entityID model-version="-1" entity-type="RESOURCE" guid="{guid}"/>'
    content += "".join(f'<workItemID id="{item.id}"/>' for item in items)
    return _ask(soap, "previewWorkItemFromList", content + more, user=user)


@pytest.mark.parametrize(
    ("required", "names"),
    [
        ("", ["Customer", "Notes", "Amount"]),
        ("<requiredField>Notes</requiredField>", ["Notes"]),
        ("<requiredField>Amount</requiredField><requiredField>Customer</requiredField>", ["Customer", "Amount"]),
        ("<requiredField/>", []),
        ("<requiredField></requiredField>", []),
        ("<requiredField>Missing</requiredField>", []),
        ("<requiredField/><requiredField>Notes</requiredField>", ["Notes"]),
        ("<requireWorkType>true</requireWorkType>", ["Customer", "Notes", "Amount"]),
    ],
)
def test_a_preview_shows_the_fields_that_were_asked_for(
    soap: Soap, offered: WorkItem, unchanged: Any, required: str, names: list[str]
) -> None:
    with unchanged(offered):
        (preview,) = _preview(soap, offered, more=required)
    assert dict(preview.attrib) == {"id": str(offered.id), "version": "0"}
    shown = [field.get("name") for field in preview]
    assert sorted(shown) == sorted(names)
    assert {field.tag for field in preview} <= {"FieldPreview"}


def test_previews_come_in_the_order_of_the_request_with_current_versions(
    soap: Soap, opened: WorkItem, new_item: NewItem
) -> None:
    other = new_item()
    root = _preview(soap, other, opened, guid="guid-of-ANA")
    assert [(int(one.get("id")), one.get("version")) for one in root] == [(other.id, "0"), (opened.id, "1")]


def test_the_loser_of_a_race_learns_the_new_version_from_his_own_list(soap: Soap, opened: WorkItem) -> None:
    (preview,) = _preview(soap, opened, user="ben", guid="GUID-of-ben")
    assert preview.get("version") == "1"


@pytest.mark.parametrize(
    ("guid", "user", "name"),
    [
        ("GUID-of-carl", "supervisor", "InvalidEntityFault"),
        ("nobody", "supervisor", "InvalidEntityFault"),
        ("GUID-of-ben", "ana", "SecurityFault"),
        ("nobody", "ana", "SecurityFault"),
    ],
)
def test_a_list_that_does_not_hold_the_item_or_is_not_the_callers_is_a_fault(
    soap: Soap, offered: WorkItem, guid: str, user: str, name: str
) -> None:
    content = f'<entityID entity-type="RESOURCE" guid="{guid}"/><workItemID id="{offered.id}"/>'
    fault = Fault(soap.ask("previewWorkItemFromList", content, user=user).body)
    assert (fault.code, fault.name) == ("Client", name)


# scheduleWorkItem

ATTRIBUTES: dict[int, tuple[str, Any]] = {
    **dict.fromkeys((1, 15), ("-9223372036854775808", -(2**63))),
    **{n: ("-12.340", Decimal("-12.340")) for n in (5, 16, 17, 18)},
    **{n: ("2026-11-21T14:30:00.25+01:00", datetime(2026, 11, 21, 13, 30, 0, 250000, UTC)) for n in (6, 7, 19, 20)},
    **dict.fromkeys((2, 3, 4, *range(27, 39)), ("ä" * 64, "ä" * 64)),
    **dict.fromkeys((*range(8, 15), *range(21, 27)), ("x" * 20, "x" * 20)),
    **dict.fromkeys((39, 40), ("y" * 255, "y" * 255)),
}
CONTEXT = (
    "<itemContext><activityID>a1</activityID><activityName>Review</activityName><appInstance>i1</appInstance>"
    "<appName>Claims</appName><appID>claims</appID>{description}</itemContext>"
)


def _schedule(
    item: str = "",
    *,
    attributes: str = "",
    name: str = "Review",
    offer: str = '<entityID entity-type="RESOURCE" guid="GUID-of-ana"/>',
    schedule: str = "",
    context: str = CONTEXT.format(description=""),
    fields: str = "",
    more: str = "",
) -> str:
    return (
        f"<item {item}><name>{name}</name>{more}{attributes}<entityQuery>{offer}</entityQuery></item>{schedule}"
        f"{context}<itemBody><dataModel>{fields}</dataModel></itemBody>"
    )


def _scheduled(soap: Soap, stored: Stored, content: str) -> WorkItem:
    (identity,) = _ask(soap, "scheduleWorkItem", content, user="supervisor")
    item = stored(int(identity.get("id")))
    assert dict(identity.attrib) == {"id": str(item.id), "guid": item.guid}
    return item


def test_all_that_a_scheduler_says_is_stored(soap: Soap, stored: Stored) -> None:
    assert sorted(ATTRIBUTES) == list(range(1, 41))
    attributes = " ".join(f'attribute{n}="{text}"' for n, (text, _) in ATTRIBUTES.items())
    item = _scheduled(
        soap,
        stored,
        _schedule(
            'priority=" 80 " distributionStrategy="OFFER" groupID="-7"',
            more="<description>Every &amp; all</description>",
            attributes=f"<attributes {attributes}/>",
            offer='<entityID entity-type="RESOURCE" guid="guid-of-ANA" model-version="-1" qualifier="q"/>'
            '<entityID entity-type="RESOURCE" guid=" GUID-of-ben "/>',
            schedule="<itemSchedule><startDate>2026-01-01T00:00:00Z</startDate>"
            "<targetDate>2026-02-01T12:00:00-05:00</targetDate></itemSchedule>",
            context=CONTEXT.format(description="<appInstanceDescription>Claim 1</appInstanceDescription>"),
            fields='<inputs name="Customer" type="String"><simpleSpec length="64"><value>Adler</value></simpleSpec>'
            '</inputs><outputs name="Amount" type="Decimal Number" optional="1"><simpleSpec length="8" decimal="2"/>'
            '</outputs><inouts name="Claim" type="Complex" array=" true "><complexSpec className="c" goRefId="g">'
            "<value><a/></value><value/></complexSpec></inouts>"
            '<inouts name="Seen" type="Boolean"/>',
        ),
    )
    assert (item.version, item.state, item.owner) == (0, State.OFFERED, None)
    assert (item.name, item.description, item.priority) == ("Review", "Every & all", 80)
    assert (item.distribution, item.group_id, item.work_type_id) == (Distribution.OFFER, -7, None)
    assert item.attributes == {f"attribute{n}": value for n, (_, value) in ATTRIBUTES.items()}
    assert item.context == ItemContext(
        activity_id="a1",
        activity_name="Review",
        app_instance="i1",
        app_name="Claims",
        app_id="claims",
        app_instance_description="Claim 1",
    )
    assert item.schedule == Schedule(start=datetime(2026, 1, 1, tzinfo=UTC), end=datetime(2026, 2, 1, 17, tzinfo=UTC))
    customer, amount, claim, seen = item.fields
    assert customer == Field(
        name="Customer", direction=Direction.INPUT, type=FieldType.STRING, length=64, values=("Adler",)
    )
    assert (amount.optional, amount.length, amount.decimals, amount.values) == (True, 8, 2, ())
    assert (claim.array, claim.class_name, claim.go_ref_id, len(claim.values)) == (True, "c", "g", 2)
    assert (seen.type, seen.values) == (FieldType.BOOLEAN, ())
    for user in ("ana", "ben"):
        _ask(soap, "getWorkItemHeader", f'<workItemID id="{item.id}" version="0"/>', user=user)


def test_attributes_come_back_in_their_types(soap: Soap, stored: Stored) -> None:
    attributes = " ".join(f'attribute{n}="{text}"' for n, (text, _) in ATTRIBUTES.items())
    item = _scheduled(soap, stored, _schedule(attributes=f"<attributes {attributes}/>"))
    content = f'<workItemID id="{item.id}"/><resource>ana</resource>'
    (answer,) = _ask(soap, "allocateAndOpenWorkItem", content)
    shown = {int(name.removeprefix("attribute")): value for name, value in answer.find("attributes").attrib.items()}
    expected = {n: text for n, (text, _) in ATTRIBUTES.items()}
    assert shown == expected | dict.fromkeys((6, 7, 19, 20), "2026-11-21T13:30:00.25Z")


def test_what_a_scheduler_leaves_out_has_its_default(soap: Soap, stored: Stored) -> None:
    item = _scheduled(soap, stored, _schedule())
    assert (item.priority, item.distribution, item.group_id, item.description) == (50, Distribution.OFFER, None, None)
    assert (item.attributes, item.schedule, item.fields) == ({}, Schedule(), ())


def test_an_item_scheduled_with_allocate_starts_with_its_resource(soap: Soap, stored: Stored) -> None:
    item = _scheduled(soap, stored, _schedule('distributionStrategy="ALLOCATE"'))
    assert (item.state, item.version, item.owner and item.owner.name) == (State.ALLOCATED, 0, "ana")


@pytest.mark.parametrize(
    ("schedule", "start", "end"),
    [
        ("<itemSchedule/>", None, None),
        ("<itemSchedule><startDate>2030-01-31T00:00:00Z</startDate></itemSchedule>", datetime(2030, 1, 31), None),
        ("<itemSchedule><targetDate>2030-01-31T00:00:00Z</targetDate></itemSchedule>", None, datetime(2030, 1, 31)),
        (
            '<itemSchedule><startDate>2030-01-31T00:00:00Z</startDate><maxDuration months="1" hours="6"/>'
            "</itemSchedule>",
            datetime(2030, 1, 31),
            datetime(2030, 2, 28, 6),
        ),
        (
            '<itemSchedule><startDate>2028-02-29T00:00:00Z</startDate><maxDuration years="1" weeks="1" days="1" '
            'minutes="30"/></itemSchedule>',
            datetime(2028, 2, 29),
            datetime(2029, 3, 8, 0, 30),
        ),
    ],
)
def test_a_schedule_ends_at_its_target_or_after_its_duration(
    soap: Soap, stored: Stored, schedule: str, start: datetime | None, end: datetime | None
) -> None:
    item = _scheduled(soap, stored, _schedule(schedule=schedule))
    assert item.schedule == Schedule(start=start and start.replace(tzinfo=UTC), end=end and end.replace(tzinfo=UTC))


def test_a_duration_without_a_start_counts_from_now(soap: Soap, stored: Stored) -> None:
    item = _scheduled(soap, stored, _schedule(schedule='<itemSchedule><maxDuration days="2"/></itemSchedule>'))
    assert item.schedule.start is None
    assert item.schedule.end is not None
    assert abs(item.schedule.end - datetime.now(UTC) - timedelta(days=2)) < timedelta(minutes=1)


@pytest.mark.parametrize(
    ("content", "name"),
    [
        (_schedule('priority="0"'), "WorkItemFault"),
        (_schedule('priority="101"'), "WorkItemFault"),
        (_schedule(name=""), "WorkItemFault"),
        (_schedule(name="x" * 256), "WorkItemFault"),
        (_schedule(more="<workTypeID>none</workTypeID>"), "WorkItemFault"),
        (_schedule(offer='<entityID entity-type="RESOURCE" guid="nobody"/>'), "InvalidEntityFault"),
        (
            _schedule(
                'distributionStrategy="ALLOCATE"',
                offer='<entityID entity-type="RESOURCE" guid="GUID-of-ana"/>'
                '<entityID entity-type="RESOURCE" guid="GUID-of-ben"/>',
            ),
            "WorkItemFault",
        ),
        (
            _schedule(
                schedule="<itemSchedule><startDate>2030-01-02T00:00:00Z</startDate>"
                "<targetDate>2030-01-01T00:00:00Z</targetDate></itemSchedule>"
            ),
            "WorkItemFault",
        ),
        (_schedule(schedule='<itemSchedule><maxDuration years="2147483647"/></itemSchedule>'), "WorkItemFault"),
        (_schedule(fields=_text_field("A", "1") + _text_field("A", "2")), "WorkItemFault"),
        (_schedule(fields=_text_field("A", "x", type_="Date")), "WorkItemFault"),
        (_schedule(fields=_text_field("A", "2026-02-30", type_="Date")), "WorkItemFault"),
        (_schedule(attributes=f'<attributes attribute5="1{"0" * 40}1"/>'), "WorkItemFault"),
    ],
)
def test_what_cannot_be_scheduled_is_a_fault_of_its_kind_and_makes_no_item(
    soap: Soap, database: Any, content: str, name: str
) -> None:
    def count() -> int:
        return database.read(
            lambda tx: tx.connection.exec_driver_sql("SELECT count(*) FROM work_item").scalar_one()
        ).result(10)

    before = count()
    answer = soap.ask("scheduleWorkItem", content, user="supervisor")
    fault = Fault(answer.body)
    assert (answer.status, fault.code, fault.name, fault.actor) == (500, "Client", name, "PROVIDER")
    assert count() == before


def test_scheduling_needs_a_grant(soap: Soap) -> None:
    fault = Fault(soap.ask("scheduleWorkItem", _schedule(), user="ana").body)
    assert (fault.code, fault.name, fault.error_code) == ("Client", "SecurityFault", "BRM_SECURITY_NOT_ALLOWED")


# State and identity faults


@pytest.mark.parametrize(
    ("operation", "more"),
    [("openWorkItem", ""), ("closeWorkItem", ""), ("allocateAndOpenWorkItem", "<resource>ana</resource>")],
)
def test_no_version_and_a_wrong_state_give_the_states_fault(
    soap: Soap, new_item: NewItem, opened: WorkItem, unchanged: Any, operation: str, more: str
) -> None:
    item = new_item() if operation != "allocateAndOpenWorkItem" else opened
    with unchanged(item):
        fault = Fault(soap.ask(operation, f'<workItemID id="{item.id}"/>{more}').body)
    assert (fault.code, fault.name, fault.error_code) == (
        "Client", "InvalidWorkItemFault", "BRM_WORKITEM_WRONG_STATE",
    )  # fmt: skip
    assert fault.parameters == [str(item.id), item.state.value, operation]
    assert re.search(rf"\b{item.state.value}\b.*\b{operation}\b", fault.text)


@pytest.mark.parametrize("item_id", [999_999_999, -1, 2**63 - 1, -(2**63)])
@pytest.mark.parametrize(
    ("operation", "form"),
    [
        ("getWorkItemHeader", '<workItemID id="{}"/>'),
        ("openWorkItem", '<workItemID id="{}"/>'),
        ("closeWorkItem", '<workItemID id="{}" version="3"/>'),
        ("allocateAndOpenWorkItem", '<workItemID id="{}"/><resource>ana</resource>'),
        (
            "previewWorkItemFromList",
            '<entityID entity-type="RESOURCE" guid="GUID-of-ana"/><workItemID id="{}"/>',
        ),
    ],
)
def test_an_unknown_item_is_a_work_item_fault_that_names_it(
    soap: Soap, operation: str, form: str, item_id: int
) -> None:
    fault = Fault(soap.ask(operation, form.format(item_id)).body)
    assert (fault.code, fault.name, fault.error_code) == ("Client", "InvalidWorkItemFault", "BRM_WORKITEM_UNKNOWN")
    assert fault.parameters == [str(item_id)]


def test_the_fields_of_the_fixtures_are_those_that_these_tests_rely_on() -> None:
    assert [field.name for field in FIELDS] == ["Customer", "Notes", "Amount"]
