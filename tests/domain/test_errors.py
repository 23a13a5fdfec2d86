"""Errors are named for the situation and carry stable codes; their texts and parameters are part of the contract."""

import pytest

from soapsvc.domain import errors, version_errors
from soapsvc.domain.errors import WorkItemServiceError

# Clients match these: a change here breaks somebody.
CODES = {
    "InvalidRequest": "BRM_REQUEST_INVALID",
    "NotAuthenticated": "BRM_SECURITY_NOT_AUTHENTICATED",
    "NotAllowed": "BRM_SECURITY_NOT_ALLOWED",
    "UnknownWorkItem": "BRM_WORKITEM_UNKNOWN",
    "StaleVersion": "BRM_WORKITEM_VERSION_MISMATCH",
    "WrongState": "BRM_WORKITEM_WRONG_STATE",
    "InvalidField": "BRM_WORKITEM_FIELD_INVALID",
    "InvalidSchedule": "BRM_WORKITEM_SCHEDULE_INVALID",
    "InvalidWorkItem": "BRM_WORKITEM_INVALID",
    "UnknownEntity": "BRM_ENTITY_UNKNOWN",
    "EntityNotEligible": "BRM_ENTITY_NOT_ELIGIBLE",
    "OpenLimitReached": "BRM_RESOURCE_OPEN_LIMIT",
    "NoMoreWorkItems": "BRM_RESOURCE_NO_MORE_ITEMS",
    "UnknownWorkListView": "BRM_VIEW_UNKNOWN",
    "ViewLocked": "BRM_VIEW_LOCKED",
    "TooManyWaiting": "BRM_LIST_TOO_MANY_WAITING",
    "InvalidFilter": "BRM_LIST_FILTER_INVALID",
    "ListTookTooLong": "BRM_LIST_TOOK_TOO_LONG",
    "InvalidOrder": "BRM_LIST_ORDER_INVALID",
    "UnknownWorkType": "BRM_WORKTYPE_UNKNOWN",
    "Rescheduled": "BRM_WORKITEM_RESCHEDULED",
    "NameTaken": "BRM_ENTITY_EXISTS",
    "UnknownTenancy": "BRM_TENANCY_UNKNOWN",
    "OrganisationCycle": "BRM_ORGANISATION_CYCLE",
    "UnknownReference": "BRM_ORGANISATION_REFERENCE",
    "DuplicateEntity": "BRM_ORGANISATION_DUPLICATE",
    "MisplacedEntity": "BRM_ORGANISATION_PLACE",
    "InvalidCallback": "BRM_CALLBACK_INVALID",
    "UnknownDelivery": "BRM_DELIVERY_UNKNOWN",
    "DeliveryPending": "BRM_DELIVERY_PENDING",
    "WorkItemExists": "BRM_WORKITEM_EXISTS",
    "UnknownVersion": "BRM_VERSION_UNKNOWN",
    "VersionExists": "BRM_VERSION_EXISTS",
    "SessionInProgress": "BRM_VERSION_IN_PROGRESS",
    "OperationConflict": "BRM_VERSION_OPERATION_CONFLICT",
    "OperationOvertaken": "BRM_VERSION_OPERATION_OVERTAKEN",
    "OperationGivenUp": "BRM_VERSION_OPERATION_GIVEN_UP",
    "UnknownTemplatePackage": "BRM_TEMPLATE_PACKAGE_UNKNOWN",
    "InvalidTemplatePackage": "BRM_TEMPLATE_PACKAGE_INVALID",
    "AssemblyFailed": "BRM_ASSEMBLY_FAILED",
    "UnknownDocument": "BRM_DOCUMENT_UNKNOWN",
    "DocumentLimitReached": "BRM_DOCUMENT_LIMIT_REACHED",
    "IdempotencyKeyReused": "BRM_IDEMPOTENCY_KEY_REUSED",
    "IdempotencyKeyInUse": "BRM_IDEMPOTENCY_KEY_IN_USE",
    "InvalidAnswers": "BRM_ANSWERS_INVALID",
    "StorageUnavailable": "BRM_INTERNAL_STORAGE",
    "OutcomeUnknown": "BRM_INTERNAL_UNKNOWN",
}


def all_errors() -> dict[str, type[WorkItemServiceError]]:
    return {
        name: one
        for name, one in {**vars(version_errors), **vars(errors)}.items()
        if isinstance(one, type) and issubclass(one, WorkItemServiceError) and one is not WorkItemServiceError
    }


def test_every_error_has_the_code_that_it_always_had():
    assert {name: error.code for name, error in all_errors().items()} == CODES


def test_no_two_errors_share_a_code():
    assert len({error.code for error in all_errors().values()}) == len(all_errors())


def test_a_stale_version_says_exactly_what_clients_match():
    error = errors.StaleVersion(2, stored=6, supplied=1, state="OPENED", owner="GUID-of-ana")

    assert str(error) == "The work item with id = 2 is currently at version 6, not at version 1"
    assert error.parameters == ("2", "6", "1", "OPENED", "GUID-of-ana")


def test_a_stale_version_of_an_item_that_nobody_holds_has_an_empty_owner():
    error = errors.StaleVersion(2, stored=6, supplied=7, state="OFFERED", owner=None)

    assert str(error) == "The work item with id = 2 is currently at version 6, not at version 7"
    assert error.parameters == ("2", "6", "7", "OFFERED", "")


@pytest.mark.parametrize(
    ("error", "parameters"),
    [
        (errors.UnknownWorkItem(7), ("7",)),
        (errors.WrongState(7, state="OPENED", operation="openWorkItem"), ("7", "OPENED", "openWorkItem")),
        (errors.InvalidField("Notes", "too long"), ("Notes", "too long")),
        (errors.InvalidSchedule("it ends"), ("it ends",)),
        (errors.InvalidWorkItem("priority", "too high"), ("priority", "too high")),
        (errors.UnknownEntity("nobody"), ("nobody",)),
        (errors.EntityNotEligible("carl", 7), ("carl", "7")),
        (errors.OpenLimitReached("GUID-of-ana", 3), ("GUID-of-ana", "3")),
        (errors.NoMoreWorkItems("GUID-of-ana"), ("GUID-of-ana",)),
        (errors.UnknownWorkListView(7), ("7",)),
        (errors.InvalidFilter(7, "'='", "a value"), ("7", "'='", "a value")),
        (errors.ListTookTooLong(2.5), ("2.5",)),
        (errors.InvalidOrder(7, "'='", "a column"), ("7", "'='", "a column")),
        (errors.UnknownWorkType("claim"), ("claim",)),
        (errors.Rescheduled(7, 3, ()), ("7", "3")),
        (errors.NameTaken("ana"), ("ana",)),
        (errors.UnknownTenancy("acme"), ("acme",)),
        (errors.OrganisationCycle("A"), ("A",)),
        (errors.UnknownReference("GROUP", "A"), ("GROUP", "A")),
        (errors.DuplicateEntity("A"), ("A",)),
        (errors.MisplacedEntity("GROUP", "A", "why"), ("GROUP", "A", "why")),
        (errors.InvalidCallback("URL", "why"), ("URL", "why")),
        (errors.UnknownDelivery(7), ("7",)),
        (errors.DeliveryPending(7), ("7",)),
        (errors.UnknownWorkItem("a-guid"), ("a-guid",)),
        (version_errors.WorkItemExists("a-guid"), ("a-guid",)),
        (version_errors.UnknownVersion("a-guid"), ("a-guid",)),
        (version_errors.VersionExists("a-guid"), ("a-guid",)),
        (version_errors.SessionInProgress(7, "a-guid"), ("7", "a-guid")),
        (version_errors.OperationConflict("a-guid", "Saving"), ("a-guid", "Saving")),
        (version_errors.OperationOvertaken(7), ("7",)),
        (version_errors.OperationGivenUp(), ()),
        (version_errors.UnknownTemplatePackage("letters"), ("letters",)),
        (version_errors.InvalidTemplatePackage("letters", "why"), ("letters", "why")),
        (version_errors.AssemblyFailed("letter.txt", "why", 3), ("letter.txt", "3", "why")),
        (version_errors.AssemblyFailed("letter.txt", "why"), ("letter.txt", "", "why")),
        (version_errors.UnknownDocument("a-guid"), ("a-guid",)),
        (version_errors.DocumentLimitReached(200, "files"), ("200", "files")),
        (version_errors.IdempotencyKeyReused(), ()),
        (version_errors.IdempotencyKeyInUse(), ()),
        (version_errors.InvalidAnswers("why"), ("why",)),
        (errors.StorageUnavailable("it is gone"), ()),
    ],
)
def test_an_error_names_what_it_is_about_in_its_parameters_and_its_text(error, parameters):
    assert error.parameters == parameters
    assert all(parameter in str(error) for parameter in parameters)


def test_a_lost_race_is_no_error_that_a_caller_can_meet():
    assert not issubclass(errors.LostRace, WorkItemServiceError)
