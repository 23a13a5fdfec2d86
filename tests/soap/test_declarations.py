"""The code's declarations, the schemas and the WSDLs say the same, and they say what the specification says."""

import inspect
from typing import Any

import pytest
from spyne.model.complex import ComplexModelBase, XmlAttribute

from soapsvc.domain import errors, version_errors
from soapsvc.soap import faults, interface, list_types, own_types, types
from soapsvc.soap.audit_operations import AuditService
from soapsvc.soap.codec import GROUP
from soapsvc.soap.entity_resolver_operations import EntityResolverService
from soapsvc.soap.namespaces import qualified
from soapsvc.soap.operations import Operation
from soapsvc.soap.work_item_history_operations import WorkItemHistoryService
from soapsvc.soap.work_item_management_operations import WorkItemManagementService
from soapsvc.soap.work_item_scheduler_operations import WorkItemSchedulerService
from soapsvc.soap.work_list_change_operations import WorkListChangeService
from soapsvc.soap.work_list_operations import WorkListService
from tests.support.soap import SERVICE_OF, answer_of, root_of
from tests.support.xsd import Member, Schemas, wsdl_operations

BRM = "http://exception.api.brm.n2.tibco.com"
DE = "http://exception.api.de.n2.tibco.com"
SCHEMAS = Schemas()
OPERATIONS = {operation.name: operation for operation in interface.OPERATIONS.values()}
DECLARATIONS = {
    name: descriptor
    for service in (
        WorkItemManagementService,
        WorkListService,
        WorkItemSchedulerService,
        EntityResolverService,
        WorkItemHistoryService,
        AuditService,
        WorkListChangeService,
    )
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
    "O": f"{{{BRM}}}WorkItemOrderFault",
    "F": f"{{{BRM}}}WorkItemFilterFault",
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
    "saveOpenWorkItem": "WIVSXR",  # R is ours: a save could hide a reschedule as well as a close
    "pendWorkItem": "VWISX",
    "setWorkItemPriority": "VWSIX",
    "scheduleWorkItem": "WIESX",
    # Where section 6 has no list: what can go wrong, S and X. A reschedule brings data, which may be unusable: W too.
    "scheduleWorkItemWithWorkModel": "WIESX",
    "enableWorkItem": "VWISX",
    "rescheduleWorkItem": "VWISX",
    "cancelWorkItem": "VISX",
    "suspendWorkItem": "VISX",
    "resumeWorkItem": "VISX",
    "previewWorkItemFromList": "VIESX",
    "lookupUser": "SX",
    "getWorkItemHistory": "VISX",
    "getAuditEntries": "SX",
    "getWorkListItems": "ESOFX",
    "getAllocatedWorkListItems": "ESOFX",
    "getWorkItemOrderFilter": "S",
    # Of what follows the specification lists nothing: what can go wrong, S and X.
    "getResourceOrderFilterCriteria": "ESX",
    "setResourceOrderFilterCriteria": "ESOFX",
    "createWorkListView": "ESOFX",
    "editWorkListView": "QESOFX",
    "deleteWorkListView": "QSX",
    "getWorkListViewDetails": "QSX",
    "unlockWorkListView": "QSX",
    "getEditableWorkListViews": "SX",
    "getPublicWorkListViews": "SX",
    "getViewsForResource": "SX",
    "addCurrentResourceToView": "QSX",
    "deleteCurrentResourceFromView": "QSX",
    "getWorkListItemsForView": "QESOFX",
    "awaitWorkListChange": "ESX",
}


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
    modules = (types, own_types, list_types)
    found = (model for module in modules for _, model in inspect.getmembers(module, inspect.isclass))
    groups = {
        types.CloseGroup,
        types.AllocationGroup,
        types.OptionalAllocationGroup,
        types.ReallocationGroup,
        types.DataReallocationGroup,
        types.PendGroup,
    }
    return [
        model
        for model in found
        if issubclass(model, ComplexModelBase)
        and model.__module__ in {module.__name__ for module in modules}
        and not model.__name__.startswith("_")
        and model not in groups
    ]


@pytest.mark.parametrize("model", _complex_types(), ids=lambda model: model.__name__)
def test_every_declared_type_has_the_members_of_its_schema_in_their_order(model: Any) -> None:
    name = f"{{{model.get_namespace()}}}{model.get_type_name()}"
    assert _declared_members(model) == _in_schema(name)


@pytest.mark.parametrize("operation", OPERATIONS.values(), ids=lambda operation: operation.name)
def test_every_request_has_the_members_of_its_schema_in_their_order(operation: Operation) -> None:
    element = qualified(operation.namespace, operation.element)
    assert element == root_of(operation.name)
    type_name = SCHEMAS.type_of(element)
    declared = operation.request
    repeats = SCHEMAS.repeats(type_name)
    assert repeats == (list(operation.parameters) == [GROUP])
    if repeats:
        declared = operation.parameters[GROUP]
        assert (declared.Attributes.min_occurs, str(declared.Attributes.max_occurs)) == (1, "Infinity")
    assert _declared_members(declared) == _in_schema(type_name)


@pytest.mark.parametrize("operation", OPERATIONS.values(), ids=lambda operation: operation.name)
def test_every_response_has_the_members_of_its_schema(operation: Operation) -> None:
    type_name = SCHEMAS.type_of(answer_of(operation.name))
    assert _declared_members(operation.response) == _in_schema(type_name)
    assert sorted(operation.results) == sorted(member.name for member in _in_schema(type_name))


def test_every_operation_of_a_wsdl_is_declared_by_its_service_and_the_other_way_round() -> None:
    assert {one.name: one.service for one in OPERATIONS.values()} == SERVICE_OF
    assert {one.name: one.service for one in IN_WSDL.values()} == SERVICE_OF


@pytest.mark.parametrize("name", SERVICE_OF)
def test_an_operation_declares_the_faults_of_its_wsdl_and_of_the_specification(name: str) -> None:
    expected = [LETTERS[letter] for letter in DECLARED_FAULTS[name]]
    declared = [fault.element for fault in DECLARATIONS[name].faults]
    assert sorted(declared) == sorted(expected)
    assert sorted(IN_WSDL[name].faults.values()) == sorted(expected)


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
    is_ours = issubclass(error, errors.StorageUnavailable | errors.TooManyWaiting | version_errors.OperationGivenUp)
    assert code == ("Server" if is_ours else "Client")


def test_no_two_errors_share_a_code_and_all_codes_are_stable_names() -> None:
    codes = [error.code for error in _all_errors()]
    assert len(set(codes)) == len(codes)
    assert all(code.startswith("BRM_") and code.replace("_", "").isalpha() and code.isupper() for code in codes)


_FAULTS = sorted({fault for _, fault in faults.FAULTS.values()}, key=lambda fault: fault.__name__)


@pytest.mark.parametrize("fault", _FAULTS, ids=lambda fault: fault.__name__)
def test_every_fault_that_an_error_becomes_is_a_global_element_of_the_schemas(fault: Any) -> None:
    assert fault.element in SCHEMAS.elements
