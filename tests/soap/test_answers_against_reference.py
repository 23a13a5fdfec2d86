"""What the service answers is what the generic codec reads and writes for a twin of it, and a fault where one is due.

Two services start from the same database at the same moment: one is asked through its door, the other runs the same
operation with the reference around it.
"""

import re
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from shutil import copy
from typing import Any

import pytest
import sqlalchemy as sa
from lxml import etree

from soapsvc import serving
from soapsvc.domain.caller import Caller
from soapsvc.domain.data import Direction, Field, FieldType
from soapsvc.domain.errors import WorkItemServiceError
from soapsvc.domain.list_view import Criteria
from soapsvc.domain.schedule import Schedule
from soapsvc.domain.work_item import ItemContext, NewWorkItem
from soapsvc.domain.work_type import WorkModel, WorkType
from soapsvc.settings import Settings
from soapsvc.soap import conversions, envelope, faults, messages, reference, types
from soapsvc.soap.envelope import MessageLimits
from soapsvc.soap.interface import OPERATIONS
from soapsvc.soap.operations import Call, Operation
from soapsvc.soap.versions import SOAP11, SOAP12, SoapVersion
from soapsvc.storage.database import InTenancy, open_database
from soapsvc.storage.transaction import Transaction
from soapsvc.testing.in_process import InProcess
from soapsvc.usecases import allocation, items, list_views, people, scheduling, work_types
from soapsvc.usecases.access import ItemReference
from soapsvc.usecases.sign_in import hash_password
from tests.conftest import DEFAULT_TENANCY, PASSWORD, Soap
from tests.support.declared import completed
from tests.support.operations import NEEDED_STATE, VERSIONED, content
from tests.support.soap import SERVICE_OF, SOAP, request
from tests.support.soap import envelope as wrapped

NOW = datetime(2026, 11, 21, 14, 30, 0, 250000, tzinfo=UTC)
TRICKY = "<&> \"quoted\" 'so'\r\n\tß€\U0001d11e"
CLAIM = (
    '<value xmlns:c="urn:claims"><c:claim k="&quot;" c:no="7">a &lt; b &amp; c<line xmlns="urn:l"/></c:claim></value>'
)
FIELDS = (
    Field(name="Customer", direction=Direction.INPUT, type=FieldType.STRING, values=(TRICKY,)),
    Field(name="Amount", direction=Direction.OUTPUT, type=FieldType.DECIMAL_NUMBER, length=6, decimals=2,
          optional=True),
    Field(name="Notes", direction=Direction.INOUT, type=FieldType.STRING, optional=True, array=True, values=("", "b")),
    Field(name="Claim", direction=Direction.INOUT, type=FieldType.COMPLEX, optional=True, array=True,
          complex_values=True, class_name='a"b', go_ref_id="<r>", values=(CLAIM, CLAIM)),
)  # fmt: skip
ATTRIBUTES = {"attribute1": -(2**63), "attribute2": TRICKY, "attribute5": Decimal("1E+3"), "attribute6": NOW,
              "attribute16": Decimal("-0.50"), "attribute40": "\r\n"}  # fmt: skip
TYPE = WorkType(
    id="claims", description=TRICKY, version='1"', fields=FIELDS, ignore_incoming_data=False, piled=True,
    model=WorkModel(name=TRICKY, description="by the model", offer_to=("GUID-of-ana",)),
)  # fmt: skip
CONTEXT = "<itemContext><activityID>a&amp;b</activityID><activityName/><appInstance/><appName/><appID/></itemContext>"
NOTES = (
    '<inouts name="Notes" type="String"><simpleSpec><value>&#13;&lt;&quot;é</value><value/></simpleSpec></inouts>'
    '<inouts type="Complex" name="Claim"><complexSpec><value xmlns:p="urn:p"><p:x api:k="p:v"/></value></complexSpec>'
    "</inouts>"
)
PAYLOAD = f"<workItemPayload><dataModel>{NOTES}</dataModel></workItemPayload>"
HIDDEN = "<hiddenPeriod><visibleDate> 2999-01-01T00:00:00+01:00 </visibleDate></hiddenPeriod>"
NEW = (
    '<item priority=" +7 " enabled="0"><name>a&amp;b</name><workTypeID>claims</workTypeID>'
    '<attributes attribute5="1.50" attribute19="2026-11-21T14:30:00-05:00"/>'
    '<entityQuery><entityID entity-type="RESOURCE" guid=" guid-of-ANA "/>'
    f"</entityQuery></item><itemSchedule><maxDuration days='3'/></itemSchedule>{CONTEXT}<itemBody><parameter "
    "Name='Notes'><Value>x</Value><Value/></parameter></itemBody>"
)
ANA = '<entityID entity-type="RESOURCE" guid="GUID-of-ana"/>'


@dataclass(frozen=True, kw_only=True)
class Row:
    """A request: `{}` in its content stands for an item in a state; `fault` is what it must be refused with, if so."""

    operation: str
    content: str
    state: str = "OFFERED"
    user: str = "supervisor"
    attributes: tuple[tuple[str, str], ...] = ()
    fault: str | None = None

    def body(self, item_id: int, namespace: str) -> bytes:
        named = self.content.replace("{}", str(item_id))
        attributes = {name: value.replace("{}", str(item_id)) for name, value in self.attributes}
        return wrapped(request(self.operation, named, **attributes), soap=namespace)


def _plain_row(operation: str) -> Row:
    named = content(operation, (0, None)).replace('id="0"', 'id="{}"')
    return Row(operation=operation, content=named, state=NEEDED_STATE.get(operation, "OFFERED"), user="supervisor")


IT = '<workItemID id="{}"/>'
GOOD = {name: _plain_row(name) for name in VERSIONED} | {
    "allocateAndOpenNextWorkItem": Row(
        operation="allocateAndOpenNextWorkItem", content="<resource> ana </resource><workListViewID>-1</workListViewID>"
    ),
    "scheduleWorkItem": Row(operation="scheduleWorkItem", content=NEW),
    "scheduleWorkItemWithWorkModel": Row(
        operation="scheduleWorkItemWithWorkModel",
        content=CONTEXT,
        attributes=(("workModelUID", "claims"), ("groupID", "-9")),
    ),
    "lookupUser": Row(operation="lookupUser", content="", attributes=(("name", "ana"), ("get-detail", " 1 "))),
    "getAuditEntries": Row(operation="getAuditEntries", content="<kind>person-added</kind><most> 3 </most>"),
    "getWorkListItems": Row(
        operation="getWorkListItems",
        content=f"{ANA}<orderFilterCriteria><order>id ASC</order><filter>name != 'x'</filter></orderFilterCriteria>",
        attributes=(("numberOfItems", "3"), ("getEnhancedAttributes", "1")),
    ),
    "getAllocatedWorkListItems": Row(
        operation="getAllocatedWorkListItems", content=ANA, attributes=(("numberOfItems", " 3 "),), state="ALLOCATED"
    ),
    "getWorkItemOrderFilter": Row(operation="getWorkItemOrderFilter", content="<limitColumns> 0 </limitColumns>"),
    "getResourceOrderFilterCriteria": Row(
        operation="getResourceOrderFilterCriteria", content="<resourceID> ana </resourceID>"
    ),
    "setResourceOrderFilterCriteria": Row(
        operation="setResourceOrderFilterCriteria",
        content="<orderFilterCriteria><filter>name='&lt;&#13;é'</filter></orderFilterCriteria>",
    ),
    "createWorkListView": Row(
        operation="createWorkListView",
        content="<resourcesRequired>MINE</resourcesRequired><customData>&lt;&#13;</customData>",
        attributes=(("name", "&lt;&quot;"),),
    ),
    "editWorkListView": Row(
        operation="editWorkListView",
        content="",
        state="VIEW",
        attributes=(("workListViewID", "{}"), ("name", "&quot;&#10;é")),
    ),
    "deleteWorkListView": Row(
        operation="deleteWorkListView", content="", state="VIEW", attributes=(("workListViewID", "{}"),)
    ),
    "unlockWorkListView": Row(
        operation="unlockWorkListView", content="", state="VIEW", attributes=(("workListViewID", "{}"),)
    ),
    "addCurrentResourceToView": Row(
        operation="addCurrentResourceToView", content="", state="VIEW", attributes=(("workListViewID", "{}"),)
    ),
    "deleteCurrentResourceFromView": Row(
        operation="deleteCurrentResourceFromView", content="", state="VIEW", attributes=(("workListViewID", "{}"),)
    ),
    "getWorkListViewDetails": Row(
        operation="getWorkListViewDetails",
        content="",
        state="VIEW",
        attributes=(("workListViewID", " {} "), ("lockView", "1"), ("apiVersion", "2")),
    ),
    "getWorkListItemsForView": Row(
        operation="getWorkListItemsForView",
        content="",
        state="VIEW",
        attributes=(("workListViewID", "{}"), ("numberOfItems", "3")),
    ),
    "getEditableWorkListViews": Row(
        operation="getEditableWorkListViews", content="", state="VIEW", attributes=(("numberOfItems", "2"),)
    ),
    "getPublicWorkListViews": Row(
        operation="getPublicWorkListViews",
        content="",
        state="VIEW",
        attributes=(("numberOfItems", "2"), ("apiVersion", "2")),
    ),
    "getViewsForResource": Row(
        operation="getViewsForResource",
        content="",
        state="VIEW",
        attributes=(("numberOfItems", "2"), ("startPosition", " 0 ")),
    ),
    "awaitWorkListChange": Row(operation="awaitWorkListChange", content="<timeout>0</timeout>"),
}
MORE_GOOD = {
    "closing with data, until a date": Row(operation="closeWorkItem", content=IT + PAYLOAD + HIDDEN, state="OPENED"),
    "closing without anything": Row(operation="closeWorkItem", content=IT, state="OPENED"),
    "saving data": Row(operation="saveOpenWorkItem", content=IT + PAYLOAD, state="OPENED"),
    "completing, with the next": Row(
        operation="completeWorkItem", content=f"{IT}{PAYLOAD}<getNextPiledItem>1</getNextPiledItem>", state="OPENED"
    ),
    "new data for somebody else": Row(
        operation="reallocateWorkItemData", content=f"{IT}<resource>ben</resource>{PAYLOAD}", state="OPENED"
    ),
    "the offer set as entities": Row(operation="getOfferSet", content=f"{IT}<apiVersion> 2 </apiVersion>"),
    "a history with data": Row(
        operation="getWorkItemHistory", content=f"{IT}<includeData>true</includeData>", state="OPENED"
    ),
    "a history with the default": Row(operation="getWorkItemHistory", content=f"{IT}<includeData/>", state="OPENED"),
    "suspending with the default": Row(operation="suspendWorkItem", content=f"{IT}<forceSuspend/>"),
    "a preview of some": Row(
        operation="previewWorkItemFromList",
        content=f"{ANA}{IT}<requiredField>Claim</requiredField><requiredField/><requireWorkType>1</requireWorkType>",
    ),
    "children in the namespace of the root": Row(
        operation="allocateWorkItem",
        content='<api:workItemID version="" id=" {} "/><api:resource>ben</api:resource>',
    ),
    "nobody of that name": Row(operation="lookupUser", content="", attributes=(("name", "nobody"),)),
    "entries of a time": Row(
        operation="getAuditEntries",
        content="<since>2020-01-01T00:00:00-05:00</since><until>2999-01-01T00:00:00.5Z</until><after>2</after>",
    ),
    "no entries": Row(operation="getAuditEntries", content="<after>1000000</after>"),
    "everybody, without details": Row(operation="lookupUser", content=""),
}
BAD = {
    "an unknown member": Row(operation="openWorkItem", content=f"{IT}<more/>", fault="InvalidRequestFault"),
    "a date beyond the calendar": Row(
        operation="pendWorkItem",
        content=f"{IT}<hiddenPeriod><visibleDate>10000-01-01T00:00:00Z</visibleDate></hiddenPeriod>",
        state="ALLOCATED",
        fault="InvalidRequestFault",
    ),
    "not granted": Row(operation="scheduleWorkItem", content=NEW, user="ana", fault="SecurityFault"),
    "not granted the log": Row(operation="getAuditEntries", content="", user="ana", fault="SecurityFault"),
    "a kind that there is not": Row(
        operation="getAuditEntries", content="<kind>gossip</kind>", fault="InvalidRequestFault"
    ),
    "an old version": Row(
        operation="cancelWorkItem", content='<workItemID id="{}" version="77"/>', fault="InvalidVersionFault"
    ),
    "no such item": Row(
        operation="getWorkItemHeader", content='<workItemID id="987654321"/>', fault="InvalidWorkItemFault"
    ),
    "a wrong state": Row(operation="openWorkItem", content=IT, fault="InvalidWorkItemFault"),
    "an unknown field": Row(
        operation="saveOpenWorkItem",
        content=IT + PAYLOAD.replace("Notes", "&lt;&quot;&#13;"),
        state="OPENED",
        fault="WorkItemFault",
    ),
    "nobody of this name": Row(
        operation="allocateWorkItem", content=f"{IT}<resource>&lt;&amp;&#13;é</resource>", fault="InvalidEntityFault"
    ),
    "a list that it is not in": Row(
        operation="previewWorkItemFromList", content=ANA.replace("ana", "carl") + IT, fault="InvalidEntityFault"
    ),
    "rescheduled meanwhile": Row(
        operation="closeWorkItem", content=IT, state="RESCHEDULED", fault="WorkItemRescheduledFault"
    ),
    "nothing to do": Row(
        operation="allocateAndOpenNextWorkItem",
        content="<resource>carl</resource>",
        user="carl",
        fault="NoMoreWorkItemsFault",
    ),
    "no such view": Row(
        operation="allocateAndOpenNextWorkItem",
        content="<resource>ana</resource><workListViewID>987654321</workListViewID>",
        fault="InvalidWorkViewFault",
    ),
    "too many open": Row(
        operation="allocateAndOpenWorkItem",
        content=f"{IT}<resource>dora</resource>",
        fault="OpenWorkItemLimitFault",
    ),
    "an answer that cannot be written": Row(
        operation="getWorkItemHeader", content=IT, state="SPOILT", fault="InternalServiceFault"
    ),
}
ROWS = GOOD | MORE_GOOD | BAD
SOAPS = (SOAP11, SOAP12)
BY_NAME = {operation.name: operation for operation in OPERATIONS.values()}
# The two services draw the GUIDs of new items and of openings each for itself.
_DRAWN = re.compile(rb'(uid=")[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}"')
_MARK = re.compile(rb'[0-9a-f]{16}-[0-9]+(["<])')


def _make_items(tx: Transaction) -> dict[tuple[str, str], int]:
    work_types.load(tx, [TYPE])
    people.add_person(tx, name="dora", guid="GUID-of-dora", password_hash=hash_password(PASSWORD), max_open_items=0)
    return {(name, soap.number): _make_item(tx, row.state) for name, row in ROWS.items() for soap in SOAPS}


def _make_item(tx: Transaction, state: str) -> int:
    ana, boss = (Caller(person=people.find_person(tx, name), tenancy=DEFAULT_TENANCY) for name in ("ana", "supervisor"))
    if state == "VIEW":
        asked = list_views.ViewRequest(
            name=TRICKY, description=TRICKY, is_public=True, criteria=Criteria(filter="priority > 0"),
            authors=["GUID-of-ana"], users=["GUID-of-ben"], custom_data=TRICKY,
        )  # fmt: skip
        view_id = list_views.create_view(tx, boss, asked)
        list_views.view_details(tx, boss, view_id, lock=True)
        return view_id
    new = NewWorkItem(
        name=TRICKY, description=TRICKY, group_id=2**63 - 1 if state == "OFFERED" else None, work_type_id="claims",
        attributes=ATTRIBUTES, context=ItemContext(activity_id=TRICKY, app_instance_description=TRICKY),
        schedule=Schedule(start=NOW), is_enabled=state != "CREATED",
    )  # fmt: skip
    item = scheduling.create_item(tx, new, (), ("ana", "ben", "dora"))
    it = ItemReference(id=item.id)
    if state == "ALLOCATED":
        allocation.allocate_items(tx, ana, [allocation.Allocation(item=it)])
    elif state in {"OPENED", "RESCHEDULED"}:
        allocation.allocate_and_open_items(tx, ana, [allocation.Allocation(item=it)])
    elif state == "SUSPENDED":
        scheduling.suspend_item(tx, boss, it)
    if state == "RESCHEDULED":
        changed = Field(name="Customer", direction=Direction.INPUT, type=FieldType.STRING, values=("é<\r",))
        scheduling.reschedule_item(tx, boss, it, None, (changed,))
    if state == "SPOILT":  # only what came by another way than ours can be so
        tx.connection.execute(sa.text("UPDATE work_item SET name = 'a' || char(1) WHERE id = :id"), {"id": item.id})
    return item.id


@dataclass(frozen=True)
class Twins:
    """A service behind its door, the database of its twin, and the items in both by row and SOAP."""

    soap: Soap
    database: InTenancy
    ids: dict[tuple[str, str], int]


@pytest.fixture(scope="module")
def twins(template: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Twins]:
    folder = tmp_path_factory.mktemp("twins")
    first = Path(copy(template, folder / "first.db"))
    whole = open_database(sa.URL.create("sqlite", database=str(first)), clock=lambda _: NOW)
    database = InTenancy(whole, DEFAULT_TENANCY)
    ids = database.write(_make_items).result(30)
    database.close()
    second = Path(copy(first, folder / "second.db"))
    with ExitStack() as stack:
        service, twin = (
            stack.enter_context(serving.opened_service(Settings(database=f"sqlite:///{path}"), clock=lambda _: NOW))
            for path in (first, second)
        )
        calls = stack.enter_context(InProcess(service.application))
        yield Twins(Soap(calls, service.default_tenancy), twin.default_tenancy, ids)


def _by_reference(database: InTenancy, operation: Operation, message: bytes, user: str, soap: SoapVersion) -> bytes:
    """Do what the door does, with the reference's reader and writer."""

    def unit(tx: Transaction) -> bytes:
        arguments = reference.read(operation, envelope.parse(message, None, limits, soap).body, limits)
        caller = Caller(person=people.find_person(tx, user), tenancy=DEFAULT_TENANCY)
        result = operation.function(Call(tx, caller), *arguments)
        if operation.waits:
            result = result.answer
        return reference.write(operation, completed(result), soap)

    limits = MessageLimits()
    run: Callable[..., Any] = database.write if operation.writes else database.read
    try:
        written: bytes = run(unit).result(30)
    except (WorkItemServiceError, ValueError) as error:
        return faults.write_fault(messages.fault_for(error), soap)
    return written


def _canonical(message: bytes) -> bytes:
    return _MARK.sub(rb"mark\1", _DRAWN.sub(rb"\1drawn", etree.tostring(etree.fromstring(message), method="c14n")))


@pytest.mark.parametrize("soap", SOAPS, ids=lambda soap: soap.number)
@pytest.mark.parametrize("name", ROWS)
def test_the_answer_is_what_the_reference_writes(twins: Twins, name: str, soap: SoapVersion) -> None:
    row = ROWS[name]
    message = row.body(twins.ids[name, soap.number], soap.namespace)
    kind = {"content-type": soap.content_type}
    answer = twins.soap.post(SERVICE_OF[row.operation], message, user=row.user, **kind)
    written = _by_reference(twins.database, BY_NAME[row.operation], message, row.user, soap)
    assert _canonical(answer.body) == _canonical(written)
    *_, body = etree.fromstring(answer.body)
    assert (etree.QName(body[0]).localname == "Fault") == (answer.status != 200) == (row.fault is not None), answer.body
    if row.fault:
        (detail,) = body.iter("detail", soap.name("Detail"))
        assert etree.QName(detail[0]).localname == row.fault


def test_every_operation_is_answered_at_least_once_without_a_fault() -> None:
    assert {row.operation for row in ROWS.values() if row.fault is None} == set(BY_NAME)
    assert GOOD.keys() == set(BY_NAME)


def test_the_data_in_the_fault_of_a_rescheduled_item_are_what_the_reference_writes(twins: Twins) -> None:
    item_id = twins.ids["rescheduled meanwhile", "1.1"]
    answer = twins.soap.post(
        "WorkItemManagementService", ROWS["rescheduled meanwhile"].body(item_id, SOAP), user="supervisor"
    )
    (identity,) = etree.fromstring(answer.body).iter("managedObjectId")
    (model,) = etree.fromstring(answer.body).iter("dataModel")
    (header,) = twins.database.read(
        lambda tx: items.get_headers(
            tx,
            Caller(person=people.find_person(tx, "supervisor"), tenancy=DEFAULT_TENANCY),
            [ItemReference(id=item_id)],
        )
    ).result(30)
    body = types.WorkItemBody(dataModel=conversions.data_model(header.fields))
    (expected,) = etree.fromstring(reference.write(BY_NAME["openWorkItem"], completed([body]))).iter("dataModel")
    assert dict(identity.attrib) == {"id": str(item_id), "version": str(header.version)}
    assert etree.tostring(model, method="c14n", exclusive=True) == etree.tostring(
        expected, method="c14n", exclusive=True
    )
