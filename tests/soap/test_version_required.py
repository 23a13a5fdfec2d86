"""Where the service demands a version, a change without one is refused before it is tried; reading needs none."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from soapsvc.domain.work_item import NewWorkItem, WorkItem
from soapsvc.storage import work_items
from soapsvc.usecases import scheduling
from tests.conftest import Soap
from tests.soap.conftest import running
from tests.support.operations import NEEDED_STATE, READS, WRITES, content
from tests.support.soap import SERVICE_OF, Fault, content_of, envelope, request

CONTEXT = "<itemContext><activityID/><activityName/><appInstance/><appName/><appID/></itemContext>"
TAKE = {"ALLOCATED": "allocateWorkItem", "OPENED": "allocateAndOpenWorkItem", "SUSPENDED": "suspendWorkItem"}


@pytest.fixture(scope="module")
def strict(template: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Soap]:
    """A service that wants a version for every change."""
    with running(template, tmp_path_factory.mktemp("strict"), version_required=True) as soap:
        yield soap


@pytest.fixture
def ready(strict: Soap) -> Callable[[str], WorkItem]:
    """Make an item that an operation may be applied to."""

    def make(operation: str) -> WorkItem:
        needed = NEEDED_STATE.get(operation)
        new = NewWorkItem(name="Review", is_enabled=needed != "CREATED")
        unit = strict.database.write(lambda tx: scheduling.create_item(tx, new, (), ["ana"]))
        item = unit.result(10)
        if needed in TAKE:
            step = TAKE[needed]
            assert strict.ask(step, content(step, (item.id, 0)), user="supervisor").status == 200
        return _stored(strict, item.id)

    return make


def _stored(strict: Soap, item_id: int) -> WorkItem:
    return strict.database.read(lambda tx: work_items.get(tx, item_id)).result(10)


@pytest.mark.parametrize("version", [None, -1])
@pytest.mark.parametrize("operation", WRITES)
def test_a_change_without_a_version_is_refused_and_changes_nothing(
    strict: Soap, ready: Callable[[str], WorkItem], operation: str, version: int | None
) -> None:
    item = ready(operation)
    fault = Fault(strict.ask(operation, content(operation, (item.id, version)), user="supervisor").body)
    assert (fault.code, fault.namespace, fault.name) == ("Client", "urn:soapsvc:v1", "InvalidRequestFault")
    assert (fault.error_code, fault.parameters) == ("BRM_REQUEST_INVALID", [str(item.id)])
    assert "version" in fault.text
    assert _stored(strict, item.id) == item


@pytest.mark.parametrize("operation", WRITES)
def test_a_change_with_the_stored_version_is_made(
    strict: Soap, ready: Callable[[str], WorkItem], operation: str
) -> None:
    item = ready(operation)
    answer = strict.ask(operation, content(operation, (item.id, item.version)), user="supervisor")
    assert answer.status == 200, answer.body
    assert _stored(strict, item.id).version == item.version + 1


@pytest.mark.parametrize("operation", WRITES)
def test_a_stale_version_is_still_a_version_fault(
    strict: Soap, ready: Callable[[str], WorkItem], operation: str
) -> None:
    item = ready(operation)
    fault = Fault(strict.ask(operation, content(operation, (item.id, 99)), user="supervisor").body)
    assert (fault.name, fault.parameters[:3]) == ("InvalidVersionFault", [str(item.id), str(item.version), "99"])


@pytest.mark.parametrize("operation", READS)
def test_reading_needs_no_version(strict: Soap, ready: Callable[[str], WorkItem], operation: str) -> None:
    item = ready(operation)
    answer = strict.ask(operation, content(operation, (item.id, None)), user="supervisor")
    assert answer.status == 200, answer.body


def test_a_caller_without_a_tie_is_told_nothing_of_the_rule(strict: Soap, ready: Callable[[str], WorkItem]) -> None:
    item = ready("cancelWorkItem")
    fault = Fault(strict.ask("cancelWorkItem", content("cancelWorkItem", (item.id, None)), user="carl").body)
    assert fault.name == "SecurityFault"


def test_one_item_of_a_batch_without_a_version_undoes_the_batch(strict: Soap, ready: Callable[[str], WorkItem]) -> None:
    first, second = ready("allocateWorkItem"), ready("allocateWorkItem")
    message = content("allocateWorkItem", (first.id, 0), (second.id, None))
    fault = Fault(strict.ask("allocateWorkItem", message, user="supervisor").body)
    assert (fault.name, fault.parameters) == ("InvalidRequestFault", [str(second.id)])
    assert [_stored(strict, one.id) for one in (first, second)] == [first, second]


def test_what_names_no_version_is_exempt(strict: Soap) -> None:
    offer = '<entityQuery><entityID entity-type="RESOURCE" guid="GUID-of-ben"/></entityQuery>'
    body = "<itemBody><dataModel/></itemBody>"
    answer = strict.ask("scheduleWorkItem", f"<item><name>n</name>{offer}</item>{CONTEXT}{body}", user="supervisor")
    assert answer.status == 200, answer.body
    (scheduled,) = content_of(answer.body)
    answer = strict.ask("allocateAndOpenNextWorkItem", "<resource>ben</resource>", user="ben")
    assert answer.status == 200, answer.body
    (taken,) = content_of(answer.body)
    assert taken.find("id").get("id") == scheduled.get("id")
    assert strict.post(SERVICE_OF["lookupUser"], envelope(request("lookupUser", ""))).status == 200


def test_without_the_setting_a_change_needs_no_version(soap: Soap, offered: WorkItem) -> None:
    answer = soap.ask("allocateWorkItem", content("allocateWorkItem", (offered.id, None)))
    assert answer.status == 200, answer.body
