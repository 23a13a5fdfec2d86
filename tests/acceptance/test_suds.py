"""suds, a SOAP client of another make, through the whole life of an item over a socket.

It sends a batch only where an operation's request repeats one element, and no attributes on a request's root.
"""

from typing import Any

import pytest
import suds.client
from suds import WebFault
from suds.wsse import Security, UsernameToken

from soapsvc.testing import Person, ServiceUnderTest


def _client(service: ServiceUnderTest, person: Person) -> Any:
    wsdl = f"{service.address}/amxbpm/WorkItemManagementService?wsdl"
    client = suds.client.Client(wsdl, cache=None)
    security = Security()
    security.tokens.append(UsernameToken(person.name, person.password))
    client.set_options(wsse=security)
    return client.service


def test_suds_lives_through_an_item_sends_a_batch_and_reads_a_typed_version_fault(
    soapsvc_server: ServiceUnderTest,
) -> None:
    service = soapsvc_server
    ana = service.person("ana")
    items = [service.item(ana, fields={"Notes": None}) for _ in range(2)]
    management = _client(service, ana)
    for item in items:
        (taken,) = management.allocateAndOpenWorkItem(workItemID={"_id": item, "_version": 0}, resource="ana")
        assert (taken.state, taken.id._version) == ("OPENED", 1)
    payload = {
        "dataModel": {"inouts": [{"_name": "Notes", "_type": "String", "simpleSpec": {"value": ["by suds: ä <&>"]}}]}
    }
    saved = management.saveOpenWorkItem(workItemID={"_id": items[0], "_version": 1}, workItemPayload=payload)
    assert saved._version == 2
    headers = management.getWorkItemHeader(workItemID=[{"_id": item} for item in items])
    assert [header._version for header in headers] == [2, 1]
    with pytest.raises(WebFault) as fault:
        management.closeWorkItem(workItemID={"_id": items[0], "_version": 1})
    detail = fault.value.fault.detail.InvalidVersionFault.error
    assert (
        fault.value.fault.faultstring
        == f"The work item with id = {items[0]} is currently at version 2, not at version 1"
    )
    assert (detail._code, detail.parameter[:3]) == ("BRM_WORKITEM_VERSION_MISMATCH", [str(items[0]), "2", "1"])
    management.completeWorkItem(workItemID={"_id": items[0], "_version": 2}, workItemPayload={"dataModel": {}})
    assert service.stored(items[0]).state == "COMPLETED"
    assert service.stored(items[0]).fields[0].values == ("by suds: ä <&>",)
