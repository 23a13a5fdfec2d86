"""The operations through zeep: what a client program writes, and the objects that it gets back."""

from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pytest
import requests
import zeep
from lxml import etree
from zeep.exceptions import Fault as ZeepFault
from zeep.wsse.username import UsernameToken

from soapsvc.domain.data import Direction, Field, FieldType
from soapsvc.domain.states import State
from soapsvc.domain.work_item import WorkItem
from soapsvc.testing.in_process import InProcessAdapter
from tests.conftest import PASSWORD, Soap

Stored = Callable[[int], WorkItem]
ANA = {"entity-type": "RESOURCE", "guid": "GUID-of-ana"}


class Clients:
    """One zeep client a service, each loaded once; a user signs in as the call needs it."""

    def __init__(self, soap: Soap) -> None:
        self._session = requests.Session()
        self._session.mount("http://", InProcessAdapter(soap.calls))
        transport = zeep.Transport(session=self._session)
        address = "http://localhost:8080/amxbpm/{}?wsdl"
        self.management = zeep.Client(address.format("WorkItemManagementService"), transport=transport)
        self.lists = zeep.Client(address.format("WorkListService"), transport=transport)
        self.scheduler = zeep.Client(address.format("WorkItemSchedulerService"), transport=transport)
        self.sign_in("ana")

    def sign_in(self, user: str) -> None:
        self._session.auth = (user, PASSWORD)

    def close(self) -> None:
        self._session.close()


@pytest.fixture(scope="module")
def loaded(standing_soap: Soap) -> Iterator[Clients]:
    clients = Clients(standing_soap)
    yield clients
    clients.close()


@pytest.fixture
def clients(loaded: Clients) -> Clients:
    loaded.sign_in("ana")
    return loaded


def _typed(client: zeep.Client, fault: ZeepFault) -> Any:
    return client.wsdl.types.deserialize(fault.detail[0])


def test_the_whole_life_of_an_item(clients: Clients, offered: WorkItem) -> None:
    service = clients.management.service
    (header,) = service.getWorkItemHeader(workItemID=[{"id": offered.id, "version": 0}])
    assert (header.name, header.version, header.state, header.guid) == ("Review claim", 0, "OFFERED", offered.guid)
    assert (header.distributionStrategy, header.priority, header.flags.scheduleStatus) == ("OFFER", 50, "NO_SCHEDULE")
    (item,) = service.allocateAndOpenWorkItem(
        _value_1=[{"workItemID": {"id": offered.id, "version": 0}, "resource": "GUID-of-ana"}]
    )
    assert (item.id.id, item.id.version, item.state, item.visible) == (offered.id, 1, "OPENED", True)
    assert item.body.dataModel.inputs[0].simpleSpec.value == ["Adler"]
    assert item.body.versionGuid
    (closed,) = service.closeWorkItem(_value_1=[{"workItemID": {"id": offered.id, "version": 1}}])
    assert (closed.id, closed.version) == (offered.id, 2)
    (body,) = service.openWorkItem(workItemID=[{"id": offered.id, "version": 2}])
    assert (body.id, body.version) == (offered.id, 3)


def test_a_payload_and_a_hidden_period_are_stored(clients: Clients, opened: WorkItem, stored: Stored) -> None:
    notes = {"name": "Notes", "type": "String", "simpleSpec": {"value": ["seen"]}}
    clients.management.service.closeWorkItem(
        _value_1=[
            {
                "workItemID": {"id": opened.id, "version": 1},
                "workItemPayload": {"dataModel": {"inouts": [notes]}},
                "hiddenPeriod": {"visibleDate": datetime(2999, 1, 1, tzinfo=UTC)},
            }
        ]
    )
    item = stored(opened.id)
    assert (item.state, item.hidden_until) == (State.PENDHIDDEN, datetime(2999, 1, 1, tzinfo=UTC))
    assert ("seen",) in [field.values for field in item.fields]


def test_batches_are_interleaved(clients: Clients, new_item: Any, stored: Stored) -> None:
    ids = [new_item().id for _ in range(3)]
    service = clients.management.service
    taken = service.allocateAndOpenWorkItem(
        _value_1=[{"workItemID": {"id": item_id}, "resource": "ana"} for item_id in ids]
    )
    assert [item.id.id for item in taken] == ids
    day = {"hiddenDuration": {"days": 1}}
    answers = service.closeWorkItem(
        _value_1=[
            {"workItemID": {"id": ids[0], "version": 1}},
            {"workItemID": {"id": ids[1], "version": 1}, "hiddenPeriod": day},
            {"workItemID": {"id": ids[2], "version": 1}},
        ]
    )
    assert [answer.version for answer in answers] == [2, 2, 2]
    assert [stored(item_id).state for item_id in ids] == [State.PENDED, State.PENDHIDDEN, State.PENDED]


@pytest.mark.parametrize(
    ("required", "names"),
    [([], {"Customer", "Notes", "Amount"}), (["Notes"], {"Notes"}), ([""], set())],
)
def test_a_preview_shows_what_was_asked_for(
    clients: Clients, offered: WorkItem, required: list[str], names: set[str]
) -> None:
    (preview,) = clients.lists.service.previewWorkItemFromList(
        entityID=ANA, workItemID=[{"id": offered.id}], requiredField=required
    )
    assert (preview.id, preview.version) == (offered.id, 0)
    assert {field.name for field in preview.FieldPreview} == names


def test_an_item_is_scheduled_with_all_its_fields(clients: Clients, stored: Stored) -> None:
    clients.sign_in("supervisor")
    moment = datetime(2030, 1, 2, 3, 4, 5, tzinfo=UTC)
    identity = clients.scheduler.service.scheduleWorkItem(
        item={
            "name": "Review",
            "description": "Look",
            "priority": 80,
            "distributionStrategy": "ALLOCATE",
            "groupID": 7,
            "attributes": {"attribute1": 5, "attribute5": Decimal("1.50"), "attribute6": moment, "attribute2": "x"},
            "entityQuery": {"entityID": [ANA]},
        },
        itemSchedule={"startDate": moment, "maxDuration": {"days": 2}},
        itemContext={"activityID": "a", "activityName": "b", "appInstance": "c", "appName": "d", "appID": "e"},
        itemBody={"dataModel": {"outputs": [{"name": "Done", "type": "Boolean", "simpleSpec": {"value": ["true"]}}]}},
    )
    item = stored(identity.id)
    assert (identity.guid, item.version, item.state) == (item.guid, 0, State.ALLOCATED)
    assert (item.priority, item.group_id, item.description) == (80, 7, "Look")
    assert item.attributes == {
        "attribute1": 5, "attribute2": "x", "attribute5": Decimal("1.50"), "attribute6": moment,
    }  # fmt: skip
    assert item.schedule.end == datetime(2030, 1, 4, 3, 4, 5, tzinfo=UTC)
    assert [(field.name, field.values) for field in item.fields] == [("Done", ("true",))]


def test_a_complex_value_arrives_as_an_element(clients: Clients, new_item: Any) -> None:
    xml = '<value><c:claim xmlns:c="urn:claims" no="7">text<c:line/></c:claim></value>'
    field = Field(name="Claim", direction=Direction.INPUT, type=FieldType.COMPLEX, complex_values=True, values=(xml,))
    item = new_item((field,))
    (taken,) = clients.management.service.allocateAndOpenWorkItem(
        _value_1=[{"workItemID": {"id": item.id, "version": 0}, "resource": "ana"}]
    )
    (value,) = taken.body.dataModel.inputs[0].complexSpec.value
    assert "claim" in (etree.tostring(value).decode() if isinstance(value, etree._Element) else str(value))


@pytest.mark.parametrize("operation", ["getWorkItemHeader", "openWorkItem", "closeWorkItem", "allocateAndOpenWorkItem"])
def test_a_version_fault_is_typed_and_says_all_that_is_needed_to_go_on(
    clients: Clients, opened: WorkItem, operation: str
) -> None:
    identity = {"id": opened.id, "version": 0}
    arguments: dict[str, Any] = {"workItemID": [identity]}
    if operation == "closeWorkItem":
        arguments = {"_value_1": [{"workItemID": identity}]}
    elif operation == "allocateAndOpenWorkItem":
        arguments = {"_value_1": [{"workItemID": identity, "resource": "ana"}]}
    with pytest.raises(ZeepFault) as raised:
        clients.management.service[operation](**arguments)
    fault = raised.value
    assert fault.message == f"The work item with id = {opened.id} is currently at version 1, not at version 0"
    assert (fault.code, fault.actor) == ("soap:Client", "PROVIDER")
    (error,) = _typed(clients.management, fault).error
    assert (error.code, error.message) == ("BRM_WORKITEM_VERSION_MISMATCH", fault.message)
    assert error.parameter == [str(opened.id), "1", "0", "OPENED", "GUID-of-ana"]


def test_the_preview_has_a_typed_version_fault_too(clients: Clients, opened: WorkItem) -> None:
    with pytest.raises(ZeepFault) as raised:
        clients.lists.service.previewWorkItemFromList(entityID=ANA, workItemID=[{"id": opened.id, "version": 0}])
    (error,) = _typed(clients.lists, raised.value).error
    assert error.parameter[:3] == [str(opened.id), "1", "0"]


@pytest.mark.parametrize(
    ("user", "item_id", "code"),
    [("ana", 10**12, "BRM_WORKITEM_UNKNOWN"), ("carl", None, "BRM_SECURITY_NOT_ALLOWED")],
)
def test_other_faults_are_typed(clients: Clients, offered: WorkItem, user: str, item_id: int | None, code: str) -> None:
    clients.sign_in(user)
    with pytest.raises(ZeepFault) as raised:
        clients.management.service.openWorkItem(workItemID=[{"id": item_id or offered.id}])
    assert _typed(clients.management, raised.value).error[0].code == code


def test_a_fault_of_the_request_itself_is_typed_by_the_services_own_schema(clients: Clients, offered: WorkItem) -> None:
    with pytest.raises(ZeepFault) as raised:
        clients.management.service.openWorkItem(workItemID=[{"id": offered.id}, {"id": offered.id}])
    (error,) = _typed(clients.management, raised.value).error
    assert (error.code, error.parameter) == ("BRM_REQUEST_INVALID", [str(offered.id)])


@pytest.mark.parametrize("password", [PASSWORD, "wrong horse"])
def test_a_username_token_of_zeep_is_understood(soap: Soap, offered: WorkItem, password: str) -> None:
    with requests.Session() as session:
        session.mount("http://", InProcessAdapter(soap.calls))
        client = zeep.Client(
            "http://localhost:8080/amxbpm/WorkItemManagementService?wsdl",
            transport=zeep.Transport(session=session),
            wsse=UsernameToken("ana", password),
        )
        if password == PASSWORD:
            assert client.service.getWorkItemHeader(workItemID=[{"id": offered.id}])[0].id == offered.id
        else:
            with pytest.raises(ZeepFault) as raised:
                client.service.getWorkItemHeader(workItemID=[{"id": offered.id}])
            assert _typed(client, raised.value).error[0].code == "BRM_SECURITY_NOT_AUTHENTICATED"
