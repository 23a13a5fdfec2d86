"""The story that the project started from, told by zeep over a socket, and its raw answers to the letter."""

from collections.abc import Iterator
from typing import Any
from urllib.request import Request, urlopen

import pytest
import requests
import zeep
from zeep.exceptions import Fault
from zeep.wsse.username import UsernameToken

from tests.support.load import check_gapless
from tests.support.server import PASSWORD, Server
from tests.support.soap import content_of, envelope, request, username_token

GUID = "6353AB5E-C395-409C-E706C02F22DA"  # as published: no well-formed UUID, and usable all the same


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    server = Server(tmp_path_factory.mktemp("server"))
    assert server.run("migrate").returncode == 0
    server.add_user("john", "--guid", GUID)
    server.add_user("clare")
    assert server.json("items", "add", "--name", "ServicingMgr", "--offer-to", "john,clare", "--count", "40")
    with server:
        yield server


def _client(server: Server, service: str = "WorkItemManagementService", user: str = "john") -> Any:
    return zeep.Client(f"{server.address}/amxbpm/{service}?wsdl", wsse=UsernameToken(user, PASSWORD)).service


def _post(server: Server, operation: str, content: str) -> bytes:
    message = envelope(request(operation, content), username_token("john", PASSWORD))
    post = Request(f"{server.address}/amxbpm/WorkItemManagementService", message, {"content-type": "text/xml"})
    with urlopen(post, timeout=10) as answer:
        body: bytes = answer.read()
    return body


def test_a_close_raises_the_version_from_3_to_4_and_says_so_in_the_published_form(server: Server) -> None:
    service = _client(server)
    service.allocateAndOpenWorkItem(_value_1=[{"workItemID": {"id": 2, "version": 0}, "resource": GUID}])
    service.closeWorkItem(_value_1=[{"workItemID": {"id": 2, "version": 1}}])
    service.openWorkItem(workItemID=[{"id": 2, "version": 2}])
    answer = _post(server, "closeWorkItem", '<workItemID id="2" version="3"/>')
    assert (
        b'<closeWorkItemResponse xmlns="http://api.brm.n2.tibco.com"><workItemID xmlns="" id="2" version="4"/>'
        in answer
    )
    content_of(answer)


def test_the_second_of_two_who_name_a_version_is_told_the_current_one(server: Server) -> None:
    service = _client(server)
    taken = {"workItemID": {"id": 3, "version": 0}, "resource": GUID}
    (item,) = service.allocateAndOpenWorkItem(_value_1=[taken])
    assert (item.id.version, item.state, item.header.name) == (1, "OPENED", "ServicingMgr")
    for version in (1, 3):
        service.closeWorkItem(_value_1=[{"workItemID": {"id": 3, "version": version}}])
        service.openWorkItem(workItemID=[{"id": 3, "version": version + 1}])
    service.closeWorkItem(_value_1=[{"workItemID": {"id": 3, "version": 5}}])
    clare = _client(server, user="clare")
    with pytest.raises(Fault) as fault:
        clare.allocateAndOpenWorkItem(_value_1=[{"workItemID": {"id": 3, "version": 1}, "resource": "clare"}])
    assert fault.value.message == "The work item with id = 3 is currently at version 6, not at version 1"
    assert fault.value.actor == "PROVIDER"
    assert fault.value.detail[0].tag == "{http://exception.api.brm.n2.tibco.com}InvalidVersionFault"
    # She brings herself up to date by either way that the seed names.
    (header,) = clare.getWorkItemHeader(workItemID=[{"id": 3}])
    assert (header.version, header.state) == (6, "PENDED")
    lists = _client(server, "WorkListService", "clare")
    me = {"entity-type": "RESOURCE", "guid": _guid_of(server, "clare")}
    (preview,) = lists.previewWorkItemFromList(entityID=me, workItemID=[{"id": 3}])
    assert preview.version == 6


def test_the_second_of_two_who_name_no_version_is_told_the_state(server: Server) -> None:
    _client(server).allocateAndOpenWorkItem(_value_1=[{"workItemID": {"id": 4}, "resource": GUID}])
    with pytest.raises(Fault) as fault:
        _client(server, user="clare").allocateAndOpenWorkItem(_value_1=[{"workItemID": {"id": 4}, "resource": "clare"}])
    assert fault.value.detail[0].tag == "{http://exception.api.brm.n2.tibco.com}InvalidWorkItemFault"
    assert "OPENED" in fault.value.message


def test_a_header_at_its_version_and_a_stale_preview(server: Server) -> None:
    (header,) = _client(server).getWorkItemHeader(workItemID=[{"id": 10, "version": 0}])
    assert (header.distributionStrategy, header.priority, header.name) == ("OFFER", 50, "ServicingMgr")
    lists = _client(server, "WorkListService")
    with pytest.raises(Fault) as fault:
        lists.previewWorkItemFromList(
            entityID={"entity-type": "RESOURCE", "guid": GUID.lower()}, workItemID=[{"id": 10, "version": 7}]
        )
    assert fault.value.message == "The work item with id = 10 is currently at version 0, not at version 7"


def test_a_batch_over_the_socket_is_all_or_nothing(server: Server) -> None:
    service = _client(server)
    ids = list(range(20, 30))
    batch = [{"workItemID": {"id": item, "version": 0}, "resource": "john"} for item in ids]
    assert [item.id.version for item in service.allocateAndOpenWorkItem(_value_1=batch)] == [1] * 10
    closes = [{"workItemID": {"id": item, "version": 1 if item < 29 else 0}} for item in ids]
    with pytest.raises(Fault, match="id = 29"):
        service.closeWorkItem(_value_1=closes)
    headers = service.getWorkItemHeader(workItemID=[{"id": item} for item in ids])
    assert {(header.version, header.state) for header in headers} == {(1, "OPENED")}


def test_what_is_stored_has_no_gaps(server: Server) -> None:
    assert len(check_gapless(server.folder / "soapsvc.db")) == 40


def test_a_printed_contract_is_the_served_one(server: Server) -> None:
    printed = server.run("wsdl", "WorkListService.wsdl").stdout
    served = requests.get(f"{server.address}/amxbpm/WorkListService?wsdl", timeout=10).text
    assert printed.replace(":8080/", f":{server.port}/") == served


def _guid_of(server: Server, name: str) -> str:
    (guid,) = [person["guid"] for person in server.json("user", "list") if person["name"] == name]
    return str(guid)
