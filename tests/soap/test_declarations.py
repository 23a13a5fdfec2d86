"""The code's declarations, the schemas and the WSDLs say the same, and they say what the specification says."""

import inspect
from typing import Any

import pytest
from lxml import etree
from spyne.model.complex import ComplexModelBase, XmlAttribute

from soapsvc.domain import errors
from soapsvc.soap import faults, interface, types
from soapsvc.soap.operations import GROUP, Operation
from soapsvc.soap.work_item_management_operations import WorkItemManagementService
from soapsvc.soap.work_item_scheduler_operations import WorkItemSchedulerService
from soapsvc.soap.work_list_operations import WorkListService
from tests.support.soap import WSDL_FOLDER
from tests.support.xsd import WSDL, WSDL_SOAP, XS, Member, Schemas, WsdlOperation, wsdl_operations

API = "http://api.brm.n2.tibco.com"
BRM = "http://exception.api.brm.n2.tibco.com"
DE = "http://exception.api.de.n2.tibco.com"
SCHEMAS = Schemas()
OPERATIONS = {operation.name: operation for operation in interface.OPERATIONS.values()}
DECLARATIONS = {
    name: descriptor
    for service in (WorkItemManagementService, WorkListService, WorkItemSchedulerService)
    for name, descriptor in service.public_methods.items()
}
IN_WSDL = {operation.name: operation for operation in wsdl_operations()}

# Specification, section 6. V, W, … are that section's own letters.
LETTERS = {
    "V": f"{{{BRM}}}InvalidVersionFault",
    "W": f"{{{BRM}}}WorkItemFault",
    "I": f"{{{BRM}}}InvalidWorkItemFault",
    "E": f"{{{BRM}}}InvalidEntityFault",
    "S": f"{{{BRM}}}InternalServiceFault",
    "L": f"{{{BRM}}}OpenWorkItemLimitFault",
    "X": f"{{{DE}}}SecurityFault",
    "R": f"{{{BRM}}}WorkItemRescheduledFault",
    "N": f"{{{BRM}}}NoMoreWorkItemsFault",
    "Q": f"{{{BRM}}}InvalidWorkViewFault",
}
DECLARED_FAULTS = {
    "getWorkItemHeader": "IVSX",
    "openWorkItem": "VWISLX",
    "closeWorkItem": "VWISXR",
    "allocateWorkItem": "VIESX",
    "allocateAndOpenWorkItem": "VWIESLX",
    "allocateAndOpenNextWorkItem": "WNESLXQ",
    "unallocateWorkItem": "EVISX",
    "completeWorkItem": "VWISXR",
    "skipWorkItem": "VWISX",
    "reallocateWorkItem": "VWIESX",
    "reallocateWorkItemData": "VWIESX",
    "getOfferSet": "IVSX",
    "saveOpenWorkItem": "WIVSX",
    "pendWorkItem": "VWISX",
    "setWorkItemPriority": "VWSIX",
    "scheduleWorkItem": "WIESX",
    "rescheduleWorkItem": "VISX",
    "previewWorkItemFromList": "VIESX",
}
SERVICE_OF = {
    "getWorkItemHeader": "WorkItemManagementService",
    "openWorkItem": "WorkItemManagementService",
    "closeWorkItem": "WorkItemManagementService",
    "allocateAndOpenWorkItem": "WorkItemManagementService",
    "previewWorkItemFromList": "WorkListService",
    "scheduleWorkItem": "WorkItemSchedulerService",
}
SHORT_FAULT_NAME = {"closeWorkItem", "pendWorkItem", "setWorkItemPriority"}


def _declared_members(model: Any) -> list[Member]:
    members = [_declared_member(name, type_) for name, type_ in model._type_info.items()]
    return [m for m in members if m.kind == "element"] + [m for m in members if m.kind == "attribute"]


def _declared_member(name: str, type_: Any) -> Member:
    if issubclass(type_, XmlAttribute):
        least, most, kind = int(type_._use == "required"), 1, "attribute"
        type_ = type_.type
    else:
        least, kind = int(type_.Attributes.min_occurs), "element"
        most = None if str(type_.Attributes.max_occurs) in {"unbounded", "Infinity", "inf"} else 1
        assert not type_.Attributes.nillable, f"{name} may be nil"
        assert type_.Attributes.sub_ns == "", f"{name} is qualified"
    return Member(name, kind, _type_name(type_), tuple(getattr(type_.Attributes, "values", None) or ()), least, most)


def _type_name(type_: Any) -> str:
    if issubclass(type_, types.XmlFragment):
        return "anyType"
    if getattr(type_.Attributes, "values", None):
        return "string"
    return str(type_.get_type_name())


def _in_schema(type_name: str) -> list[Member]:
    """Give a type's members without the lengths of texts, which the domain checks."""
    return [Member(m.name, m.kind, m.type, m.values, m.least, m.most) for m in SCHEMAS.members(type_name)]


def _complex_types() -> list[Any]:
    """Give the types that the contract has; the groups exist only for Spyne."""
    found = (model for _, model in inspect.getmembers(types, inspect.isclass))
    groups = {types.CloseGroup, types.AllocationGroup}
    return [
        model
        for model in found
        if issubclass(model, ComplexModelBase)
        and model.__module__ == types.__name__
        and not model.__name__.startswith("_")
        and model not in groups
    ]


@pytest.mark.parametrize("model", _complex_types(), ids=lambda model: model.__name__)
def test_every_declared_type_has_the_members_of_its_schema_in_their_order(model: Any) -> None:
    name = f"{{{model.get_namespace()}}}{model.get_type_name()}"
    assert _declared_members(model) == _in_schema(name)


@pytest.mark.parametrize("operation", OPERATIONS.values(), ids=lambda operation: operation.name)
def test_every_request_has_the_members_of_its_schema_in_their_order(operation: Operation) -> None:
    type_name = SCHEMAS.type_of(operation.element)
    assert operation.element == f"{{{API}}}{operation.name}"
    declared = operation.request
    repeats = SCHEMAS.repeats(type_name)
    assert repeats == (list(operation.parameters) == [GROUP])
    if repeats:
        declared = operation.parameters[GROUP]
        assert (declared.Attributes.min_occurs, str(declared.Attributes.max_occurs)) == (1, "Infinity")
    assert _declared_members(declared) == _in_schema(type_name)


@pytest.mark.parametrize("operation", OPERATIONS.values(), ids=lambda operation: operation.name)
def test_every_response_has_the_members_of_its_schema(operation: Operation) -> None:
    type_name = SCHEMAS.type_of(f"{{{API}}}{operation.name}Response")
    assert _declared_members(operation.response) == _in_schema(type_name)
    assert [operation.result] == [member.name for member in _in_schema(type_name)]


def _element(name: str, type_: str, occurs: str = "1") -> Member:
    least, most = {"1": (1, 1), "?": (0, 1), "*": (0, None), "+": (1, None)}[occurs]
    return Member(name, "element", type_, (), least, most)


# Specification, section 4: requests and responses; "( … )+" stands as its members, and whether they repeat.
MESSAGES = {
    "getWorkItemHeader": ([_element("workItemID", "ManagedObjectID", "+")], False),
    "getWorkItemHeaderResponse": ([_element("workItemHeader", "WorkItemHeader", "+")], False),
    "openWorkItem": ([_element("workItemID", "ManagedObjectID", "+")], False),
    "openWorkItemResponse": ([_element("workItemBody", "WorkItemBody", "+")], False),
    "closeWorkItem": (
        [
            _element("workItemID", "ManagedObjectID"),
            _element("workItemPayload", "WorkItemBody", "?"),
            _element("hiddenPeriod", "HiddenPeriod", "?"),
        ],
        True,
    ),
    "closeWorkItemResponse": ([_element("workItemID", "ManagedObjectID", "+")], False),
    "allocateAndOpenWorkItem": ([_element("workItemID", "ManagedObjectID"), _element("resource", "string")], True),
    "allocateAndOpenWorkItemResponse": ([_element("workItem", "WorkItem", "+")], False),
    "previewWorkItemFromList": (
        [
            _element("entityID", "XmlModelEntityId"),
            _element("workItemID", "ManagedObjectID", "+"),
            _element("requiredField", "string", "*"),
            _element("requireWorkType", "boolean", "?"),
        ],
        False,
    ),
    "previewWorkItemFromListResponse": ([_element("workItemPreview", "WorkItemPreview", "+")], False),
    "scheduleWorkItem": (
        [
            _element("item", "ScheduledItem"),
            _element("itemSchedule", "ItemSchedule", "?"),
            _element("itemContext", "ItemContext"),
            _element("itemBody", "WorkItemBody"),
        ],
        False,
    ),
}


@pytest.mark.parametrize(("element", "expected"), MESSAGES.items(), ids=MESSAGES)
def test_every_message_is_that_of_the_specification(element: str, expected: tuple[list[Member], bool]) -> None:
    type_name = SCHEMAS.type_of(f"{{{API}}}{element}")
    assert (_in_schema(type_name), SCHEMAS.repeats(type_name)) == expected


# Specification, section 4, types: a name alone is optional, one with "!" is required; elements in order.
TYPES = {
    (API, "ManagedObjectID"): ("", "id! version"),
    (API, "WorkItem"): ("id header attributes body workType state visible", ""),
    (API, "WorkItemHeader"): (
        "name description flags itemContext",
        "distributionStrategy! priority groupID startDate endDate id version state guid",
    ),
    (API, "ItemContext"): ("activityID activityName appInstance appName appID appInstanceDescription", ""),
    (API, "WorkItemBody"): ("dataModel", "id version versionGuid"),
    (API, "HiddenPeriod"): ("hiddenDuration visibleDate", ""),
    (API, "ItemDuration"): ("", "years months weeks days hours minutes"),
    (API, "ItemSchedule"): ("startDate maxDuration targetDate", ""),
    (API, "WorkItemPreview"): ("FieldPreview workType", "id! version!"),
    (API, "WorkItemAttributes"): ("", " ".join(f"attribute{n}" for n in range(1, 41))),
    ("http://datamodel.common.n2.tibco.com", "DataModel"): ("inputs outputs inouts", ""),
    ("http://datamodel.common.n2.tibco.com", "FieldType"): ("simpleSpec complexSpec", "name! type! optional array"),
    ("http://datamodel.common.n2.tibco.com", "SimpleSpec"): ("value", "length decimal"),
    ("http://datamodel.common.n2.tibco.com", "ComplexSpec"): ("value", "className goRefId"),
    ("http://datamodel.common.n2.tibco.com", "WorkTypeSpec"): ("", "workTypeID! workTypeDescription! version"),
    ("http://api.organisation.common.n2.tibco.com", "XmlModelEntityId"): (
        "",
        "model-version entity-type! guid! qualifier",
    ),
    ("http://exception.api.common.n2.tibco.com", "DetailedException"): ("error", ""),
    ("http://exception.api.common.n2.tibco.com", "ErrorLine"): ("parameter", "code! message!"),
}


@pytest.mark.parametrize(("name", "members"), TYPES.items(), ids=[name for _, name in TYPES])
def test_every_type_has_the_members_of_the_specification(name: tuple[str, str], members: tuple[str, str]) -> None:
    found = SCHEMAS.members("{{{}}}{}".format(*name))
    elements = " ".join(member.name for member in found if member.kind == "element")
    attributes = " ".join(member.name + "!" * member.least for member in found if member.kind == "attribute")
    assert (elements, attributes) == members


ENUMERATIONS = {
    (API, "WorkItemState"): [
        "CREATED", "OFFERED", "ALLOCATED", "OPENED", "PENDED", "PENDHIDDEN", "SUSPENDED", "COMPLETED", "CANCELLED",
    ],
    (API, "ScheduleStatus"): ["NO_SCHEDULE", "BEFORE", "DURING", "AFTER"],
    (API, "DistributionStrategy"): ["OFFER", "ALLOCATE"],
    ("http://datamodel.common.n2.tibco.com", "FieldTypeName"): [
        "String", "Decimal Number", "Integer Number", "Boolean", "Date", "Time", "Date Time", "Performer", "Complex",
        "Data Reference",
    ],
    ("http://api.organisation.common.n2.tibco.com", "OrganisationalEntityType"): [
        "ORGANIZATION", "ORGANIZATIONAL_UNIT", "GROUP", "POSITION", "PRIVILEGE", "CAPABILITY", "RESOURCE", "LOCATION",
    ],
}  # fmt: skip


@pytest.mark.parametrize(("name", "values"), ENUMERATIONS.items(), ids=[name for _, name in ENUMERATIONS])
def test_every_enumeration_has_the_values_of_the_specification(name: tuple[str, str], values: list[str]) -> None:
    declared = SCHEMAS.types["{{{}}}{}".format(*name)]
    assert [value.get("value") for value in declared.iter(f"{XS}enumeration")] == values


def _attribute_type(number: int) -> tuple[str, int | None]:
    """Give what the specification says of attribute1 to attribute40."""
    if number in {1, 15}:
        return "long", None
    if number in {5, 16, 17, 18}:
        return "decimal", None
    if number in {6, 7, 19, 20}:
        return "dateTime", None
    if number in {2, 3, 4} or 27 <= number <= 38:
        return "string", 64
    return "string", 255 if number in {39, 40} else 20


def test_the_forty_attributes_have_the_types_and_lengths_of_the_specification() -> None:
    found = SCHEMAS.members(f"{{{API}}}WorkItemAttributes")
    assert [(m.name, (m.type, m.longest)) for m in found] == [
        (f"attribute{number}", _attribute_type(number)) for number in range(1, 41)
    ]


def test_identities_and_versions_are_of_64_bits_everywhere() -> None:
    names = {"id", "version", "groupID"}
    found = [
        (type_name, member.type)
        for type_name, declared in SCHEMAS.types.items()
        if type_name.startswith(f"{{{API}}}") and declared.tag == f"{XS}complexType"
        for member in SCHEMAS.members(type_name)
        if member.name in names and member.kind == "attribute"
    ]
    assert found
    assert {type_ for _, type_ in found} == {"long"}


def test_every_operation_of_a_wsdl_is_declared_by_its_service_and_the_other_way_round() -> None:
    assert {one.name: one.service for one in OPERATIONS.values()} == SERVICE_OF
    assert {one.name: one.service for one in IN_WSDL.values()} == SERVICE_OF


@pytest.mark.parametrize("name", SERVICE_OF)
def test_an_operation_declares_the_faults_of_its_wsdl_and_of_the_specification(name: str) -> None:
    expected = [LETTERS[letter] for letter in DECLARED_FAULTS[name]]
    declared = [fault.element for fault in DECLARATIONS[name].faults]
    assert sorted(declared) == sorted(expected)
    assert sorted(IN_WSDL[name].faults.values()) == sorted(expected)


@pytest.mark.parametrize("operation", IN_WSDL.values(), ids=lambda one: one.name)
def test_a_fault_has_its_elements_name_but_for_the_version_fault_of_some_operations(operation: WsdlOperation) -> None:
    for name, element in operation.faults.items():
        local_name = etree.QName(element).localname
        short = operation.name in SHORT_FAULT_NAME and local_name == "InvalidVersionFault"
        assert name == ("InvalidVersion" if short else local_name)


@pytest.mark.parametrize("operation", IN_WSDL.values(), ids=lambda one: one.name)
def test_message_parts_have_the_published_names_and_elements(operation: WsdlOperation) -> None:
    assert operation.request == (f"{operation.name}Doc", f"{{{API}}}{operation.name}")
    assert operation.response == (f"{operation.name}ResponseDoc", f"{{{API}}}{operation.name}Response")


@pytest.mark.parametrize("service", sorted(set(SERVICE_OF.values())))
def test_a_wsdl_names_its_port_binding_and_soap_actions_as_published(service: str) -> None:
    root = etree.parse(WSDL_FOLDER / f"{service}.wsdl").getroot()
    assert root.get("targetNamespace") == "http://services.brm.n2.tibco.com"
    (binding,) = root.findall(f"{WSDL}binding")
    (port,) = root.findall(f"{WSDL}service/{WSDL}port")
    assert (binding.get("name"), port.get("name")) == (f"{service}_EP", f"{service}_EP")
    assert binding.find(f"{WSDL_SOAP}binding").get("style") == "document"
    bound = binding.findall(f"{WSDL}operation")
    assert {one.get("name") for one in bound} == {name for name, of in SERVICE_OF.items() if of == service}
    for operation in bound:
        soap = operation.find(f"{WSDL_SOAP}operation")
        assert (soap.get("soapAction"), soap.get("style", "document")) == (operation.get("name"), "document")
        assert {body.get("use") for body in operation.iter(f"{WSDL_SOAP}body", f"{WSDL_SOAP}fault")} == {"literal"}
        faults_bound = {fault.get("name") for fault in operation.findall(f"{WSDL}fault")}
        assert faults_bound == set(IN_WSDL[str(operation.get("name"))].faults)


@pytest.mark.parametrize("file", sorted(WSDL_FOLDER.glob("*.wsdl")), ids=lambda file: file.stem)
def test_a_wsdl_keeps_the_rules_learnt_from_real_clients(file: Any) -> None:
    text = file.read_text()
    assert "http://schemas.xmlsoap.org/wsdl/soap12/" not in text
    assert "parameterOrder" not in text


@pytest.mark.parametrize("file", sorted(WSDL_FOLDER.glob("*.xsd")), ids=lambda file: file.stem)
def test_a_schema_leaves_its_members_unqualified_and_its_numbers_bounded(file: Any) -> None:
    root = etree.parse(file).getroot()
    assert root.get("elementFormDefault") in {None, "unqualified"}
    assert not [part for part in root.iter() if part.get("type") in {"xs:integer", "xs:nonNegativeInteger"}]
    assert all(part.get("type") for part in root.findall(f"{XS}element")), "a global element without a named type"


def _all_errors() -> list[type[errors.WorkItemServiceError]]:
    found, queue = [], [errors.WorkItemServiceError]
    while queue:
        subclasses = queue.pop().__subclasses__()
        found += subclasses
        queue += subclasses
    return found


@pytest.mark.parametrize("error", _all_errors(), ids=lambda error: error.__name__)
def test_every_error_that_a_caller_can_meet_has_a_fault(error: type[errors.WorkItemServiceError]) -> None:
    code, _ = faults.FAULTS[error]
    assert code == ("Server" if error is errors.StorageUnavailable else "Client")


def test_no_two_errors_share_a_code_and_all_codes_are_stable_names() -> None:
    codes = [error.code for error in _all_errors()]
    assert len(set(codes)) == len(codes)
    assert all(code.startswith("BRM_") and code.replace("_", "").isalpha() and code.isupper() for code in codes)


NAMESPACE_OF_FAULT = {
    "InvalidVersionFault": BRM,
    "InvalidWorkItemFault": BRM,
    "WorkItemFault": BRM,
    "WorkItemRescheduledFault": BRM,
    "InvalidEntityFault": BRM,
    "OpenWorkItemLimitFault": BRM,
    "NoMoreWorkItemsFault": BRM,
    "WorkItemOrderFault": BRM,
    "WorkItemFilterFault": BRM,
    "InvalidWorkViewFault": BRM,
    "InternalServiceFault": BRM,
    "SecurityFault": DE,
    "InvalidRequestFault": "urn:soapsvc:v1",
}


@pytest.mark.parametrize(("name", "namespace"), NAMESPACE_OF_FAULT.items(), ids=NAMESPACE_OF_FAULT)
def test_every_fault_of_the_specification_is_a_global_element_with_error_lines(name: str, namespace: str) -> None:
    members = SCHEMAS.members(SCHEMAS.type_of(f"{{{namespace}}}{name}"))
    assert (members[0].name, members[0].type, members[0].least, members[0].most) == ("error", "ErrorLine", 0, None)


@pytest.mark.parametrize("fault", {fault for _, fault in faults.FAULTS.values()}, ids=lambda fault: fault.__name__)
def test_every_fault_that_an_error_becomes_is_a_global_element_of_the_schemas(fault: Any) -> None:
    assert fault.element in SCHEMAS.elements
    name = etree.QName(fault.element)
    assert NAMESPACE_OF_FAULT[name.localname] == name.namespace
