"""While an operation is at work on an item, no operation of SOAP can write it, and every one can read it."""

import shutil
from dataclasses import replace
from datetime import timedelta

import pytest
import sqlalchemy as sa

from soapsvc import serving
from soapsvc.domain.caller import Caller
from soapsvc.domain.errors import LostRace
from soapsvc.domain.states import Action, State
from soapsvc.domain.version_session import STARTED, OperationKind
from soapsvc.settings import Settings
from soapsvc.soap.interface import OPERATIONS
from soapsvc.storage import history, work_items
from soapsvc.storage.version_tables import job
from soapsvc.testing.in_process import InProcess
from soapsvc.usecases import people, scheduling, version_operations
from soapsvc.usecases.access import ItemReference
from soapsvc.usecases.versions import Target
from tests.acceptance.test_every_operation_in_every_state import READS, ROWS
from tests.conftest import DEFAULT_TENANCY, Soap
from tests.support.soap import Fault
from tests.support.versions import Versions

OF_NO_ITEM = {
    "allocateAndOpenNextWorkItem",  # finds offered items only
    "scheduleWorkItem",
    "scheduleWorkItemWithWorkModel",
    "addCurrentResourceToView",
    "createWorkListView",
    "deleteCurrentResourceFromView",
    "deleteWorkListView",
    "editWorkListView",
    "getWorkListViewDetails",  # it may lock a view
    "setResourceOrderFilterCriteria",
    "unlockWorkListView",
}


@pytest.fixture(scope="module")
def ana(soap_of_module) -> Versions:
    return Versions(soap_of_module.database, _caller(soap_of_module, "ana"))


@pytest.fixture(scope="module")
def soap_of_module(template, tmp_path_factory):
    path = shutil.copy(template, tmp_path_factory.mktemp("at-work") / "soapsvc.db")
    with (
        serving.opened_service(Settings(database=f"sqlite:///{path}")) as service,
        InProcess(service.application) as calls,
    ):
        yield Soap(calls, service.default_tenancy)


def _caller(soap, name: str) -> Caller:
    person = soap.database.read(lambda tx: people.find_person(tx, name)).result(10)
    return Caller(person=person, tenancy=DEFAULT_TENANCY)


def at_work(ana: Versions, operation: OperationKind, supervisor: Caller, *, suspended: bool) -> Target:
    """Give a version that an operation is at work on, for as long as the test takes."""
    target = ana.open()
    item = ItemReference(id=ana.item(target).id)
    if suspended:
        ana.write(lambda tx: scheduling.suspend_item(tx, supervisor, item))

    def accept(tx):
        version_operations.accept(tx, ana.caller, target, ana.request(operation))
        tx.connection.execute(sa.update(job).values(run_at=tx.now() + timedelta(hours=1)))

    ana.write(accept)
    return target


def test_the_table_has_every_operation_that_names_an_item():
    named = {operation for operation, _ in ROWS.values()}
    written = {operation.name for operation in OPERATIONS.values() if operation.writes}
    assert written == {ROWS[row][0] for row in set(ROWS) - READS} | OF_NO_ITEM
    assert named >= written - OF_NO_ITEM


@pytest.mark.parametrize("suspended", [False, True], ids=["opened", "suspended"])
@pytest.mark.parametrize("operation", list(OperationKind))
@pytest.mark.parametrize("row", ROWS)
def test_a_write_is_refused_with_the_state_that_it_is_in_and_a_read_is_not(
    soap_of_module, ana, row, operation, suspended
):
    target = at_work(ana, operation, _caller(soap_of_module, "supervisor"), suspended=suspended)
    before = ana.item(target)
    asked, content = ROWS[row]

    # Its version is the right one: but for the operation, many of these would be allowed.
    named = f"<workItemID id='{before.id}' version='{before.version}'/>"
    answer = soap_of_module.ask(asked, content.replace("@", named), user="supervisor")

    if row in READS:
        expected = "InvalidEntityFault" if (row, suspended) == ("preview", True) else None
        assert answer.status == 200 or Fault(answer.body).name == expected
    else:
        fault = Fault(answer.body)
        assert (fault.name, fault.error_code) == ("InvalidWorkItemFault", "BRM_WORKITEM_WRONG_STATE")
        assert fault.parameters == [str(before.id), STARTED[operation], asked]
    assert ana.item(target) == before
    assert before.state is (State.SUSPENDED if suspended else State.OPENED)
    rows = ana.database.read(lambda tx: history.of(tx, before.id)).result(10)
    assert len(rows) == before.version + 1


@pytest.mark.parametrize("operation", list(OperationKind))
def test_a_save_that_did_not_look_is_refused_by_the_guard_itself(soap_of_module, ana, operation):
    """As by two transactions side by side: the item is loaded, then kept for an operation, then saved."""
    target = at_work(ana, operation, _caller(soap_of_module, "supervisor"), suspended=False)
    kept = ana.item(target)
    seen_before = replace(kept, running=None)

    def save(tx):
        with pytest.raises(LostRace):
            work_items.save(tx, seen_before, seen_before.saved(payload=()), action=Action.SAVE, by=None)

    ana.write(save)
    assert ana.item(target) == kept
