"""The operations end to end, without a socket, as raw XML: what is answered is valid, complete and what was stored."""

import re
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import HealthCheck, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st
from lxml import etree

from soapsvc.domain.data import Direction, Field, FieldType
from soapsvc.domain.schedule import Schedule
from soapsvc.domain.states import State
from soapsvc.domain.work_item import ItemContext, NewWorkItem, WorkItem
from soapsvc.storage.transaction import Transaction
from soapsvc.usecases import people, scheduling
from soapsvc.usecases.sign_in import hash_password
from tests.conftest import FIELDS, PASSWORD, Soap
from tests.soap.conftest import Start
from tests.support.requests import answered, payload, text_field, values
from tests.support.soap import Fault, content_of

Stored = Callable[[int], WorkItem]
NewItem = Callable[..., WorkItem]
QUICK = hypothesis_settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])


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
    (header,) = answered(soap, "getWorkItemHeader", f'<workItemID id="{item.id}" version="0"/>')
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
    (header,) = answered(soap, "getWorkItemHeader", f'<workItemID id="{offered.id}"/>')
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
    (header,) = answered(soap, "getWorkItemHeader", f'<workItemID id="{item.id}"/>')
    assert header.findtext("flags/scheduleStatus") == status


def test_headers_come_in_the_order_of_the_request_and_reading_changes_nothing(
    soap: Soap, new_item: NewItem, unchanged: Any
) -> None:
    items = [new_item(name=f"Item {number}") for number in range(3)]
    with unchanged(*items):
        order = [items[2], items[0], items[1]]
        root = answered(soap, "getWorkItemHeader", "".join(f'<workItemID id="{item.id}"/>' for item in order))
    assert [header.findtext("name") for header in root] == ["Item 2", "Item 0", "Item 1"]


# openWorkItem


def test_opening_hands_over_the_data_and_starts_a_version_session(soap: Soap, pended: WorkItem, stored: Stored) -> None:
    (body,) = answered(soap, "openWorkItem", f'<workItemID id="{pended.id}" version="2"/>')
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
        (body,) = answered(soap, "openWorkItem", f'<workItemID id="{pended.id}" version="{version}"/>')
        sessions.add(body.get("versionGuid"))
        answered(soap, "closeWorkItem", f'<workItemID id="{pended.id}" version="{version + 1}"/>')
    assert len(sessions) == 2


# allocateAndOpenWorkItem


@pytest.mark.parametrize("resource", ["GUID-of-ana", "guid-OF-ANA", "ana", " GUID-of-ana "])
def test_an_item_is_taken_for_a_guid_or_a_name_and_answered_whole(
    soap: Soap, new_item: NewItem, stored: Stored, resource: str
) -> None:
    offered = new_item(attributes={"attribute1": 5, "attribute2": "Adler"})
    content = f'<workItemID id="{offered.id}" version="0"/><resource>{resource}</resource>'
    (answer,) = answered(soap, "allocateAndOpenWorkItem", content)
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
    (answer,) = answered(soap, "allocateAndOpenWorkItem", content)
    assert [part.tag for part in answer] == ["id", "header", "body", "state", "visible"]


def test_each_item_of_a_batch_goes_to_the_resource_beside_it(soap: Soap, new_item: NewItem, stored: Stored) -> None:
    items = [new_item() for _ in range(3)]
    names = ["ben", "ana", "ben"]
    content = "".join(
        f'<workItemID id="{item.id}" version="0"/><resource>{name}</resource>'
        for item, name in zip(items, names, strict=True)
    )
    root = answered(soap, "allocateAndOpenWorkItem", content, user="supervisor")
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
            answered(
                soap, "allocateAndOpenWorkItem", f'<workItemID id="{item_id}"/><resource>dora</resource>', user="dora"
            )
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
    content = payload(
        text_field("Customer", "Bianchi", kind="inputs")
        + text_field("Amount", "12.50", kind="outputs", type_="Decimal Number")
        + text_field("Notes", "seen &lt;twice&gt;")
    )
    answered(soap, "closeWorkItem", f'<workItemID id="{opened.id}" version="1"/>{content}')
    item = stored(opened.id)
    assert (item.state, item.version) == (State.PENDED, 2)
    assert [values(item, name) for name in ("Customer", "Amount", "Notes")] == [
        ("Adler",), ("12.50",), ("seen <twice>",),
    ]  # fmt: skip


def test_the_groups_of_a_batch_may_differ(soap: Soap, new_item: NewItem, stored: Stored) -> None:
    items = [new_item() for _ in range(5)]
    taken = "".join(f'<workItemID id="{item.id}"/><resource>ana</resource>' for item in items)
    answered(soap, "allocateAndOpenWorkItem", taken)
    plain, with_data, hidden, with_both, last = (f'<workItemID id="{item.id}" version="1"/>' for item in items)
    day = '<hiddenPeriod><hiddenDuration days="1"/></hiddenPeriod>'
    root = answered(
        soap,
        "closeWorkItem",
        plain
        + with_data
        + payload(text_field("Notes", "second"))
        + hidden
        + day
        + with_both
        + payload(text_field("Notes", "fourth"))
        + "<hiddenPeriod><visibleDate>2999-01-01T00:00:00Z</visibleDate></hiddenPeriod>"
        + last,
    )
    assert [(int(part.get("id")), part.get("version")) for part in root] == [(item.id, "2") for item in items]
    assert [(stored(item.id).state, values(stored(item.id), "Notes")) for item in items] == [
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
    answered(soap, "closeWorkItem", f'<workItemID id="{opened.id}"/>{period}')
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
        (text_field("Unknown", "x"), "Unknown"),
        (text_field("Notes", "x", kind="outputs"), "Notes"),
        (text_field("Notes", "1", type_="Integer Number"), "Notes"),
        (text_field("Notes", "x" * 21), "Notes"),
        (text_field("Notes", "x", "y"), "Notes"),
        (text_field("Amount", "much", kind="outputs", type_="Decimal Number"), "Amount"),
        (text_field("Amount", "1.234", kind="outputs", type_="Decimal Number"), "Amount"),
        (text_field("Amount", "1234567", kind="outputs", type_="Decimal Number"), "Amount"),
        (text_field("Amount", "NaN", kind="outputs", type_="Decimal Number"), "Amount"),
        (text_field("Notes", "a") + text_field("Notes", "b"), "Notes"),
        ('<inouts name="Notes" type="String"><complexSpec><value>x</value></complexSpec></inouts>', "Notes"),
    ],
)
def test_data_that_cannot_be_used_are_a_work_item_fault_that_names_the_field(
    soap: Soap, opened: WorkItem, unchanged: Any, field: str, said: str
) -> None:
    with unchanged(opened):
        answer = soap.ask("closeWorkItem", f'<workItemID id="{opened.id}"/>{payload(field)}')
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
    answered(soap, "allocateAndOpenWorkItem", f'<workItemID id="{item.id}"/><resource>ana</resource>')
    spec = "".join(map(_escaped, values))
    field = f'<inouts name="Notes" type="String" array="true"><simpleSpec>{spec}</simpleSpec></inouts>'
    answered(soap, "closeWorkItem", f'<workItemID id="{item.id}" version="1"/>{payload(field)}')
    (body,) = answered(soap, "openWorkItem", f'<workItemID id="{item.id}" version="2"/>')
    assert [value.text or "" for value in body.iter("value")] == values


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
