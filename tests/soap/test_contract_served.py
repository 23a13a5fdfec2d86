"""The contract as clients fetch it: complete, with this service's addresses, and readable by what they use."""

from collections.abc import Callable, Iterator
from typing import Any
from urllib.parse import urljoin

import pytest
import requests
import suds.client
import zeep
from lxml import etree

from soapsvc.testing.in_process import InProcessAdapter
from tests.conftest import Soap
from tests.soap.conftest import Start
from tests.support.soap import SERVICE_OF, WSDL_FOLDER
from tests.support.xsd import WSDL_SOAP, WSDL_SOAP12, XS

PUBLIC_URL = "https://work.example.org/brm"
SERVICES = sorted(set(SERVICE_OF.values()))
OPERATIONS_OF = {service: {name for name, of in SERVICE_OF.items() if of == service} for service in SERVICES}
SCHEMA_FILES = sorted(file.name for file in WSDL_FOLDER.glob("*.xsd"))


@pytest.fixture(scope="module")
def session(standing_soap: Soap) -> Iterator[requests.Session]:
    with requests.Session() as session:
        session.mount("http://", InProcessAdapter(standing_soap.calls))
        yield session


@pytest.mark.parametrize("query", ["wsdl", "WSDL", "Wsdl"])
@pytest.mark.parametrize("service", SERVICES)
def test_a_wsdl_is_served_to_anybody(soap: Soap, service: str, query: str) -> None:
    answer = soap.calls.call("GET", f"/amxbpm/{service}?{query}")
    assert (answer.status, answer.headers["content-type"]) == (200, "text/xml; charset=utf-8")
    assert etree.fromstring(answer.body).get("name") == service
    assert int(answer.headers["content-length"]) == len(answer.body)


@pytest.mark.parametrize("name", SCHEMA_FILES)
def test_a_schema_is_served_as_it_was_written(soap: Soap, name: str) -> None:
    answer = soap.calls.call("GET", f"/amxbpm/{name}")
    assert (answer.status, answer.headers["content-type"]) == (200, "text/xml; charset=utf-8")
    assert answer.body == (WSDL_FOLDER / name).read_bytes()


@pytest.mark.parametrize("service", SERVICES)
def test_everything_that_a_wsdl_imports_is_found_beside_it(soap: Soap, service: str) -> None:
    seen: set[str] = set()
    waiting = [f"/amxbpm/{service}?wsdl"]
    while waiting:
        address = waiting.pop()
        if address in seen:
            continue
        seen.add(address)
        answer = soap.calls.call("GET", address)
        assert answer.status == 200, address
        root = etree.fromstring(answer.body)
        parts = [*root.iter(f"{XS}import"), *root.iter(f"{XS}include")]
        waiting += [urljoin(address, str(part.get("schemaLocation"))) for part in parts]
    assert len(seen) > 5


@pytest.mark.parametrize("public_url", [PUBLIC_URL, f"{PUBLIC_URL}/", "http://host:81/a?b=1&c=%222%22"])
def test_the_address_in_a_wsdl_is_the_configured_public_one(start: Start, public_url: str) -> None:
    with start(public_url=public_url) as soap:
        for service in SERVICES:
            root = etree.fromstring(soap.calls.call("GET", f"/amxbpm/{service}?wsdl").body)
            locations = [one.get("location") for one in root.iter(f"{WSDL_SOAP}address", f"{WSDL_SOAP12}address")]
            assert locations == [f"{public_url.rstrip('/')}/amxbpm/{service}"] * 2


def test_without_a_public_address_a_wsdl_names_host_and_port(start: Start) -> None:
    with start(host="::1", port=8081) as soap:
        wsdl = soap.calls.call("GET", "/amxbpm/WorkListService?wsdl").body
    assert wsdl.count(b'location="http://[::1]:8081/amxbpm/WorkListService"') == 2


@pytest.mark.parametrize(
    "target",
    [
        "/amxbpm/nothing.xsd",
        "/amxbpm/",
        "/amxbpm/__init__.py",
        "/amxbpm/../setup.cfg",
        "/amxbpm/..%2fsetup.cfg",
        "/amxbpm//etc/passwd",
        "/amxbpm/contract.xsd/",
        "/amxbpm/OrganisationService?wsdl",
    ],
)
def test_nothing_but_the_contract_is_served(soap: Soap, target: str) -> None:
    assert soap.calls.call("GET", target).status == 404


@pytest.mark.parametrize("service", SERVICES)
def test_zeep_loads_every_wsdl_from_the_service(session: requests.Session, service: str) -> None:
    with zeep.Client(
        f"http://localhost:8080/amxbpm/{service}?wsdl", transport=zeep.Transport(session=session)
    ) as client:
        (loaded,) = client.wsdl.services.values()
        ports = list(loaded.ports.values())
    assert (loaded.name, [port.name for port in ports]) == (service, [f"{service}_EP", f"{service}_EP12"])
    for port in ports:
        assert set(port.binding.all()) == OPERATIONS_OF[service]
        assert port.binding_options["address"] == f"http://127.0.0.1:8080/amxbpm/{service}"


@pytest.mark.parametrize("service", SERVICES)
def test_suds_loads_every_wsdl_from_the_files(service: str) -> None:
    client = suds.client.Client((WSDL_FOLDER / f"{service}.wsdl").as_uri(), cache=None, nosend=True)
    (loaded,) = client.wsdl.services
    assert (str(loaded.name), str(loaded.ports[0].name)) == (service, f"{service}_EP")
    assert set(map(str, loaded.ports[0].methods)) == OPERATIONS_OF[service]


def test_the_messages_of_suds_are_understood(soap: Soap, opened: Any, stored: Callable[[int], Any]) -> None:
    client = suds.client.Client((WSDL_FOLDER / "WorkItemManagementService.wsdl").as_uri(), cache=None, nosend=True)
    identity = client.factory.create("{http://api.brm.n2.tibco.com}ManagedObjectID")
    identity._id, identity._version = opened.id, opened.version
    context = client.service.getWorkItemHeader([identity])
    answer = soap.post("WorkItemManagementService", context.envelope)
    assert answer.status == 200, answer.body
