"""The WSDLs, as data: services, ports, bindings, parts and faults have the published names."""

from typing import Any

import pytest
from lxml import etree

from tests.support.soap import SERVICE_OF, WSDL_FOLDER, answer_of, root_of
from tests.support.xsd import WSDL, WSDL_SOAP, WSDL_SOAP12, XS, WsdlOperation, qualified_name, wsdl_operations

SERVICES = sorted(set(SERVICE_OF.values()))
IN_WSDL = {operation.name: operation for operation in wsdl_operations()}
ROOTS = {service: etree.parse(WSDL_FOLDER / f"{service}.wsdl").getroot() for service in SERVICES}
HTTP_TRANSPORT = "http://schemas.xmlsoap.org/soap/http"
VERSIONS = {"_EP": WSDL_SOAP, "_EP12": WSDL_SOAP12}
SHORT_FAULT_NAME = {"closeWorkItem", "pendWorkItem", "setWorkItemPriority"}

# Specification, sections 1 and 2.
NAMESPACES = {
    "WorkItemManagementService": "http://services.brm.n2.tibco.com",
    "WorkListService": "http://services.brm.n2.tibco.com",
    "WorkItemSchedulerService": "http://services.brm.n2.tibco.com",
    "EntityResolverService": "http://services.de.n2.tibco.com",
    "WorkItemHistoryService": "urn:soapsvc:v1",
    "AuditService": "urn:soapsvc:v1",
    "WorkListChangeService": "urn:soapsvc:v1",
}

# Where a message's part is not called `<operation>Doc` or `<operation>ResponseDoc`; the vendor's, slips and all.
REQUEST_PARTS = {
    "setWorkItemPriority": "setWorkItemPriorityRequestDoc",
    "scheduleWorkItemWithWorkModel": "scheduleWithModelDoc",
    "suspendWorkItem": "suspendWorkItemRequestDoc",
    "resumeWorkItem": "resumeWorkItemRequestDoc",
    "lookupUser": "parameters",
    "getWorkListItems": "getWorkListItemsRequestDoc",
}
RESPONSE_PARTS = {
    "scheduleWorkItemWithWorkModel": "scheduleWithWorkModelResponseDoc",
    "rescheduleWorkItem": "rescheduleskipWorkItemResponseDoc",
    "lookupUser": "response",
}


def test_there_is_one_wsdl_for_each_service() -> None:
    assert sorted(file.stem for file in WSDL_FOLDER.glob("*.wsdl")) == SERVICES
    assert {one.name: one.service for one in IN_WSDL.values()} == SERVICE_OF


@pytest.mark.parametrize("operation", IN_WSDL.values(), ids=lambda one: one.name)
def test_a_fault_has_its_elements_name_but_for_the_version_fault_of_some_operations(operation: WsdlOperation) -> None:
    for name, element in operation.faults.items():
        local_name = etree.QName(element).localname
        short = operation.name in SHORT_FAULT_NAME and local_name == "InvalidVersionFault"
        assert name == ("InvalidVersion" if short else local_name)


@pytest.mark.parametrize("operation", IN_WSDL.values(), ids=lambda one: one.name)
def test_message_parts_have_the_published_names_and_elements(operation: WsdlOperation) -> None:
    name = operation.name
    assert operation.request == (REQUEST_PARTS.get(name, f"{name}Doc"), root_of(name))
    assert operation.response == (RESPONSE_PARTS.get(name, f"{name}ResponseDoc"), answer_of(name))


@pytest.mark.parametrize("service", SERVICES)
def test_messages_have_the_published_names(service: str) -> None:
    for operation in ROOTS[service].iterfind(f"{WSDL}portType/{WSDL}operation"):
        name = operation.get("name")
        named = [operation.find(f"{WSDL}{way}").get("message").partition(":")[2] for way in ("input", "output")]
        assert named == [f"{name}Request", f"{name}Response"]


@pytest.mark.parametrize("service", SERVICES)
def test_a_faults_message_and_its_part_have_the_elements_name_with_a_small_first_letter(service: str) -> None:
    for message in ROOTS[service].findall(f"{WSDL}message"):
        (part,) = message
        element = etree.QName(qualified_name(part, "element")).localname
        if element.endswith("Fault"):
            expected = element[0].lower() + element[1:]
            assert (message.get("name"), part.get("name")) == (expected, expected)


@pytest.mark.parametrize("service", SERVICES)
def test_a_service_has_a_port_for_each_soap_at_the_same_address(service: str) -> None:
    root = ROOTS[service]
    assert (root.get("name"), root.get("targetNamespace")) == (service, NAMESPACES[service])
    (declared,) = root.findall(f"{WSDL}service")
    assert declared.get("name") == service
    assert [port_type.get("name") for port_type in root.findall(f"{WSDL}portType")] == [service]
    ports = declared.findall(f"{WSDL}port")
    assert [port.get("name") for port in ports] == [f"{service}{suffix}" for suffix in VERSIONS]
    for port, soap in zip(ports, VERSIONS.values(), strict=True):
        assert qualified_name(port, "binding") == f"{{{NAMESPACES[service]}}}{port.get('name')}"
        (address,) = port
        assert (address.tag, address.get("location")) == (
            f"{soap}address",
            f"http://localhost:8080/amxbpm/{service}",
        )


@pytest.mark.parametrize("suffix", VERSIONS)
@pytest.mark.parametrize("service", SERVICES)
def test_both_bindings_are_document_literal_with_the_bare_operation_as_action(service: str, suffix: str) -> None:
    soap = VERSIONS[suffix]
    (binding,) = [one for one in ROOTS[service].findall(f"{WSDL}binding") if one.get("name") == f"{service}{suffix}"]
    assert qualified_name(binding, "type") == f"{{{NAMESPACES[service]}}}{service}"
    declared = binding.find(f"{soap}binding")
    assert (declared.get("style"), declared.get("transport")) == ("document", HTTP_TRANSPORT)
    bound = binding.findall(f"{WSDL}operation")
    assert [one.get("name") for one in bound] == [name for name, of in SERVICE_OF.items() if of == service]
    for operation in bound:
        name = str(operation.get("name"))
        action = operation.find(f"{soap}operation")
        assert (action.get("soapAction"), action.get("style", "document")) == (name, "document")
        parts = [*operation.iter(f"{soap}body", f"{soap}fault")]
        assert len(parts) == 2 + len(IN_WSDL[name].faults)
        assert {part.get("use") for part in parts} == {"literal"}
        for fault in operation.findall(f"{WSDL}fault"):
            assert fault.find(f"{soap}fault").get("name") == fault.get("name")
        assert {fault.get("name") for fault in operation.findall(f"{WSDL}fault")} == set(IN_WSDL[name].faults)


@pytest.mark.parametrize("service", SERVICES)
def test_a_wsdl_keeps_the_rules_learnt_from_real_clients(service: str) -> None:
    assert "parameterOrder" not in (WSDL_FOLDER / f"{service}.wsdl").read_text()


@pytest.mark.parametrize("file", sorted(WSDL_FOLDER.glob("*.xsd")), ids=lambda file: file.stem)
def test_a_schema_leaves_its_members_unqualified_and_its_numbers_bounded(file: Any) -> None:
    root = etree.parse(file).getroot()
    assert root.get("elementFormDefault") in {None, "unqualified"}
    assert not [part for part in root.iter() if part.get("type") in {"xs:integer", "xs:nonNegativeInteger"}]
    assert all(part.get("type") for part in root.findall(f"{XS}element")), "a global element without a named type"
