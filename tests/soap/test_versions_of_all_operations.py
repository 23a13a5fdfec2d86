"""Every operation that takes a version checks it, in the order of all checks, for one item and for many."""

from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import HealthCheck, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from soapsvc.domain.work_item import WorkItem
from tests.conftest import FIELDS
from tests.soap.conftest import Ask, Refused
from tests.support.operations import BATCHES, NEEDED_STATE, VERSIONED, WRITES, content
from tests.support.soap import SERVICE_OF, Fault

Stored = Callable[[int], WorkItem]
NewItem = Callable[..., WorkItem]
OPTIONAL_FIELDS = tuple(field for field in FIELDS if field.name != "Amount")
TAKES_NO_VERSION = {
    *(name for name, service in SERVICE_OF.items() if service == "WorkListService" and name not in VERSIONED),
    "awaitWorkListChange",
    "allocateAndOpenNextWorkItem",
    "scheduleWorkItem",
    "scheduleWorkItemWithWorkModel",
    "lookupUser",
    "getAuditEntries",
}


@pytest.fixture
def ready(ask: Ask, new_item: NewItem, stored: Stored) -> Callable[[str], WorkItem]:
    """Make an item that an operation may be applied to; the supervisor has it, where somebody must."""

    def make(operation: str) -> WorkItem:
        needed = NEEDED_STATE.get(operation)
        item = new_item(OPTIONAL_FIELDS, is_enabled=needed != "CREATED")
        identity = f'<workItemID id="{item.id}"/>'
        if needed == "ALLOCATED":
            ask("allocateWorkItem", f"{identity}<resource>ana</resource>", user="supervisor")
        elif needed == "OPENED":
            ask("allocateAndOpenWorkItem", f"{identity}<resource>ana</resource>", user="supervisor")
        elif needed == "SUSPENDED":
            ask("suspendWorkItem", identity, user="supervisor")
        return stored(item.id)

    return make


def test_every_operation_of_the_contract_is_known_to_take_a_version_or_none() -> None:
    assert set(VERSIONED) | TAKES_NO_VERSION == set(SERVICE_OF)


def _check(fault: Fault, item: WorkItem, supplied: int) -> None:
    text = f"The work item with id = {item.id} is currently at version {item.version}, not at version {supplied}"
    assert (fault.code, fault.actor, fault.text) == ("Client", "PROVIDER", text)
    assert (fault.namespace, fault.name) == ("http://exception.api.brm.n2.tibco.com", "InvalidVersionFault")
    assert fault.error_code == "BRM_WORKITEM_VERSION_MISMATCH"
    owner = item.owner.guid if item.owner else ""
    assert fault.parameters == [str(item.id), str(item.version), str(supplied), item.state.value, owner]


@pytest.mark.parametrize("supplied", [0, 2**63 - 1])
@pytest.mark.parametrize("operation", VERSIONED)
def test_another_version_than_the_stored_one_is_refused_by_every_operation_and_changes_nothing(
    refused: Refused, ready: Callable[[str], WorkItem], unchanged: Any, operation: str, supplied: int
) -> None:
    item = ready(operation)
    if supplied == item.version:
        supplied = 7
    with unchanged(item):
        _check(refused(operation, content(operation, (item.id, supplied)), user="supervisor"), item, supplied)


@pytest.mark.parametrize("operation", VERSIONED)
def test_a_stale_version_is_told_before_a_wrong_state(
    refused: Refused, completed: WorkItem, unchanged: Any, operation: str
) -> None:
    with unchanged(completed):
        _check(refused(operation, content(operation, (completed.id, 0)), user="supervisor"), completed, 0)


@pytest.fixture
def completed(ask: Ask, opened: WorkItem, stored: Stored) -> WorkItem:
    """An item that nothing but reading can be done to."""
    ask("completeWorkItem", content("completeWorkItem", (opened.id, 1)))
    return stored(opened.id)


@pytest.mark.parametrize("operation", WRITES)
def test_a_wrong_state_without_a_version_gives_the_states_fault(
    refused: Refused, completed: WorkItem, unchanged: Any, operation: str
) -> None:
    with unchanged(completed):
        fault = refused(operation, content(operation, (completed.id, None)), user="supervisor")
    assert (fault.name, fault.error_code) == ("InvalidWorkItemFault", "BRM_WORKITEM_WRONG_STATE")
    assert fault.parameters == [str(completed.id), "COMPLETED", operation]
    assert "COMPLETED" in fault.text
    assert operation in fault.text


@pytest.mark.parametrize("version", ["-1", "stored"])
@pytest.mark.parametrize("operation", VERSIONED)
def test_the_stored_version_and_minus_one_are_taken_and_a_change_adds_exactly_one(
    ask: Ask, ready: Callable[[str], WorkItem], stored: Stored, operation: str, version: str
) -> None:
    item = ready(operation)
    supplied = item.version if version == "stored" else version
    ask(operation, content(operation, (item.id, supplied)), user="supervisor")
    assert stored(item.id).version == item.version + (operation in WRITES)


@pytest.mark.parametrize("operation", sorted(BATCHES))
def test_one_stale_item_of_a_batch_undoes_the_batch(
    refused: Refused, ready: Callable[[str], WorkItem], unchanged: Any, operation: str
) -> None:
    first, second = ready(operation), ready(operation)
    with unchanged(first, second):
        message = content(operation, (first.id, first.version), (second.id, 9))
        _check(refused(operation, message, user="supervisor"), second, 9)


@pytest.mark.parametrize("operation", sorted(BATCHES))
def test_a_batch_is_done_whole_and_answered_in_its_order(
    ask: Ask, ready: Callable[[str], WorkItem], stored: Stored, operation: str
) -> None:
    items = [ready(operation) for _ in range(3)][::-1]
    answer = ask(operation, content(operation, *((item.id, item.version) for item in items)), user="supervisor")
    if operation == "skipWorkItem":
        assert [part.text for part in answer] == ["true"]
    else:
        answered = [next(one for one in part.iter() if one.get("id")).get("id") for part in answer]
        assert answered == [str(item.id) for item in items]
    assert {stored(item.id).version - item.version for item in items} == {int(operation in WRITES)}


@pytest.mark.parametrize("operation", sorted(BATCHES))
def test_an_item_named_twice_is_a_fault_of_the_request(
    refused: Refused, ready: Callable[[str], WorkItem], unchanged: Any, operation: str
) -> None:
    item = ready(operation)
    with unchanged(item):
        fault = refused(operation, content(operation, (item.id, None), (item.id, None)), user="supervisor")
    assert (fault.name, fault.parameters) == ("InvalidRequestFault", [str(item.id)])


@pytest.mark.parametrize("operation", sorted(set(VERSIONED) - BATCHES))
def test_an_operation_for_one_item_takes_no_second(
    refused: Refused, ready: Callable[[str], WorkItem], unchanged: Any, operation: str
) -> None:
    first, second = ready(operation), ready(operation)
    with unchanged(first, second):
        message = content(operation, (first.id, None), (second.id, None))
        assert refused(operation, message, user="supervisor").name == "InvalidRequestFault"


@pytest.mark.parametrize("operation", VERSIONED)
def test_no_operation_tells_a_caller_without_a_tie_anything(
    refused: Refused, ready: Callable[[str], WorkItem], unchanged: Any, operation: str
) -> None:
    item = ready(operation)
    with unchanged(item):
        for version in (None, item.version, 99):
            fault = refused(operation, content(operation, (item.id, version)), user="carl")
            assert (fault.namespace, fault.name) == ("http://exception.api.de.n2.tibco.com", "SecurityFault")
            assert (fault.error_code, fault.parameters) == ("BRM_SECURITY_NOT_ALLOWED", [])
            assert str(item.id) not in fault.text


@pytest.mark.parametrize("operation", VERSIONED)
def test_no_operation_knows_an_item_that_there_is_not(refused: Refused, operation: str) -> None:
    fault = refused(operation, content(operation, (10**15, 3)), user="supervisor")
    assert (fault.name, fault.error_code) == ("InvalidWorkItemFault", "BRM_WORKITEM_UNKNOWN")
    assert fault.parameters == [str(10**15)]


@hypothesis_settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(operation=st.sampled_from(sorted(VERSIONED)), supplied=st.integers(-(2**63), 2**63 - 1))
def test_no_operation_takes_any_other_version(
    refused: Refused, opened: WorkItem, unchanged: Any, operation: str, supplied: int
) -> None:
    if supplied in {-1, opened.version}:
        return
    with unchanged(opened):
        _check(refused(operation, content(operation, (opened.id, supplied)), user="supervisor"), opened, supplied)
