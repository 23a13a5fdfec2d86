"""Every operation and everybody who may not, or may: what each is told, and that a refusal changes nothing.

The rows are written from the contract: section 7 for who may, section 3 for ties. A column is somebody who may not: a
function that makes him, and a function that says what he is told.
"""

import shutil
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import dataclass
from typing import Any

import pytest

from soapsvc import serving
from soapsvc.domain.caller import Caller, SystemAction
from soapsvc.domain.data import Direction, Field, FieldType
from soapsvc.domain.organisation import Entity, EntityType
from soapsvc.domain.organisation_model import Link, ModelEntity, OrganisationModel
from soapsvc.domain.work_item import NewWorkItem, WorkItem
from soapsvc.domain.work_type import WorkModel, WorkType
from soapsvc.settings import Settings
from soapsvc.soap.interface import OPERATIONS
from soapsvc.storage import history, work_items
from soapsvc.storage.database import InTenancy
from soapsvc.storage.transaction import Transaction
from soapsvc.testing.in_process import Answer, InProcess
from soapsvc.usecases import allocation, items, organisation, people, scheduling, tenancies, work_types
from soapsvc.usecases.sign_in import NOT_AUTHENTICATED, hash_password
from tests.conftest import DEFAULT_TENANCY, PASSWORD, Soap
from tests.support.soap import SERVICE_OF, Fault, content_of, envelope, request

NOTES = Field(name="Notes", direction=Direction.INOUT, type=FieldType.STRING, optional=True)
NOT_ALLOWED = "You are not allowed to do this"
NOBODY_SIGNED_IN = "This service wants to know who calls: send a UsernameToken or HTTP Basic"
A = SystemAction
OTHER = "acme"
UNIT = ModelEntity(type=EntityType.ORGANIZATIONAL_UNIT, name="Elsewhere", guid="GUID-of-Elsewhere")
"""A unit that nobody is in."""

COMPANY = ModelEntity(type=EntityType.ORGANIZATION, name="Company", guid="GUID-of-Company")
COMPANY_OF_ONE_UNIT = OrganisationModel(entities=(COMPANY, UNIT), links=frozenset({Link(COMPANY.key, UNIT.key)}))

ANYBODY = "anybody"
"""For operations that need no tie and no grant: all who have signed in may."""

BODY = "<workItemPayload><dataModel/></workItemPayload>"
CONTEXT = "<itemContext><activityID/><activityName/><appInstance/><appName/><appID/></itemContext>"


@dataclass(frozen=True, kw_only=True)
class Row:
    """How an operation is asked, of an item in which state, and the grants that let somebody do it.

    @ stands for the item, HOLDER for the GUID of who holds it or whom it was offered to. Who has all the grants may,
    without any other tie; who has none of them may not.
    """

    content: str
    state: str = "OFFERED"
    grants: tuple[SystemAction, ...] | str = ()


ROWS = {
    "getWorkItemHeader": Row(content="@", grants=(A.VIEW_WORK_LIST,)),
    "getOfferSet": Row(content="@", grants=(A.VIEW_GLOBAL_WORK_LIST,)),
    "getWorkItemHistory": Row(content="@", grants=(A.VIEW_WORK_LIST,)),
    "previewWorkItemFromList": Row(
        content="<entityID entity-type='RESOURCE' guid='HOLDER'/>@", grants=(A.VIEW_WORK_LIST,)
    ),
    "lookupUser": Row(content="", grants=ANYBODY),
    "allocateAndOpenNextWorkItem": Row(content="<resource>SELF</resource>", grants=ANYBODY),
    "allocateWorkItem": Row(content="@<resource>HOLDER</resource>", grants=(A.WORK_ITEM_ALLOCATION,)),
    "allocateAndOpenWorkItem": Row(
        content="@<resource>HOLDER</resource>", grants=(A.WORK_ITEM_ALLOCATION, A.OPEN_OTHER_RESOURCES_ITEMS)
    ),
    "openWorkItem": Row(content="@", state="ALLOCATED", grants=(A.OPEN_OTHER_RESOURCES_ITEMS,)),
    "unallocateWorkItem": Row(content="@", state="ALLOCATED", grants=(A.WORK_ITEM_ALLOCATION,)),
    "skipWorkItem": Row(content="@", state="ALLOCATED", grants=(A.SKIP_WORK_ITEM,)),
    "pendWorkItem": Row(
        content="@<hiddenPeriod><hiddenDuration hours='2'/></hiddenPeriod>",
        state="ALLOCATED",
        grants=(A.CLOSE_OTHER_RESOURCES_ITEMS,),
    ),
    "closeWorkItem": Row(content="@", state="OPENED", grants=(A.CLOSE_OTHER_RESOURCES_ITEMS,)),
    "saveOpenWorkItem": Row(content=f"@{BODY}", state="OPENED", grants=(A.CLOSE_OTHER_RESOURCES_ITEMS,)),
    "completeWorkItem": Row(content=f"@{BODY}", state="OPENED", grants=(A.CLOSE_OTHER_RESOURCES_ITEMS,)),
    "reallocateWorkItem": Row(
        content="@<resource>HOLDER</resource><revertData>false</revertData>",
        state="ALLOCATED",
        grants=(A.REALLOCATE_TO_OFFER_SET,),
    ),
    "reallocateWorkItemData": Row(
        content=f"@<resource>HOLDER</resource>{BODY}", state="OPENED", grants=(A.REALLOCATE_TO_WORLD,)
    ),
    "setWorkItemPriority": Row(
        content="<workItemIDandPriority>@<workItemPriority><absPriority>7</absPriority></workItemPriority>"
        "</workItemIDandPriority>",
        grants=(A.CHANGE_ANY_WORK_ITEM_PRIORITY,),
    ),
    "scheduleWorkItem": Row(
        content="<item><name>n</name><entityQuery><entityID entity-type='RESOURCE' guid='HOLDER'/></entityQuery></item>"
        f"{CONTEXT}<itemBody><dataModel/></itemBody>",
        grants=(A.SCHEDULE_WORK_ITEM,),
    ),
    "scheduleWorkItemWithWorkModel": Row(
        content=f"{CONTEXT}<dynamicEntities><entityID entity-type='RESOURCE' guid='HOLDER'/></dynamicEntities>",
        grants=(A.SCHEDULE_WORK_ITEM,),
    ),
    "enableWorkItem": Row(content="@<itemBody><dataModel/></itemBody>", state="CREATED", grants=(A.ENABLE_WORK_ITEM,)),
    "rescheduleWorkItem": Row(content="@<itemBody><dataModel/></itemBody>", grants=(A.RESCHEDULE_WORK_ITEM,)),
    "cancelWorkItem": Row(content="@", grants=(A.CANCEL_WORK_ITEM,)),
    "suspendWorkItem": Row(content="@", grants=(A.SUSPEND_WORK_ITEM,)),
    "resumeWorkItem": Row(content="@", state="SUSPENDED", grants=(A.SUSPEND_WORK_ITEM,)),
    "getAuditEntries": Row(content="", grants=(A.READ_AUDIT_LOG,)),
}
ATTRIBUTES = {"scheduleWorkItemWithWorkModel": {"workModelUID": "model"}, "lookupUser": {"get_detail": "true"}}
NAMES_NO_ITEM = {
    "lookupUser",
    "allocateAndOpenNextWorkItem",
    "scheduleWorkItem",
    "scheduleWorkItemWithWorkModel",
    "getAuditEntries",
}


def test_the_table_has_every_operation() -> None:
    assert set(ROWS) == {operation.name for operation in OPERATIONS.values()}


# The service, and items and callers made for one case each


@dataclass
class World:
    soap: Soap
    password_hash: str
    elsewhere: InTenancy
    made: int = 0

    def write(self, unit: Callable[[Transaction], Any]) -> Any:
        return self.soap.database.write(unit).result(10)

    def person(self, *grants: SystemAction, scope: str | None = None, tenancy: InTenancy | None = None) -> Entity:
        """Add somebody whom no other case knows."""
        self.made += 1
        name = f"person {self.made}"

        def add(tx: Transaction) -> Entity:
            person = people.add_person(tx, name=name, guid=f"GUID-{self.made}", password_hash=self.password_hash)
            for action in grants:
                people.grant(tx, name, action, scope)
            return person

        return (tenancy or self.soap.database).write(add).result(10)

    def item_in(self, state: str, holder: Entity) -> WorkItem:
        """Make an item that is held by, or offered to, one person."""

        def make(tx: Transaction) -> WorkItem:
            new = NewWorkItem(name="Review", is_enabled=state != "CREATED")
            item = scheduling.create_item(tx, new, (NOTES,), [holder.name])
            caller, reference = Caller(person=holder, tenancy=DEFAULT_TENANCY), items.ItemReference(id=item.id)
            if state in {"ALLOCATED", "OPENED"}:
                allocation.allocate_items(tx, caller, [allocation.Allocation(item=reference)])
            if state == "OPENED":
                items.open_items(tx, caller, [reference])
            if state == "SUSPENDED":
                boss = Caller(person=people.find_person(tx, "supervisor"), tenancy=DEFAULT_TENANCY)
                scheduling.suspend_item(tx, boss, reference)
            return work_items.get(tx, item.id)

        return self.write(make)  # type: ignore[no-any-return]

    def everything(self) -> dict[str, list[tuple[Any, ...]]]:
        """Give all rows of all tables, but for the log of audits, where refusals belong."""
        with closing(sqlite3.connect(self.soap.database.database.path)) as connection:
            names = connection.execute("SELECT name FROM sqlite_master WHERE type = 'table' AND name <> 'audit'")
            return {name: connection.execute(f"SELECT * FROM {name}").fetchall() for (name,) in names.fetchall()}  # noqa: S608

    def stored(self, item: WorkItem) -> tuple[WorkItem, int]:
        def look(tx: Transaction) -> tuple[WorkItem, int]:
            return work_items.get(tx, item.id), len(history.of(tx, item.id))

        return self.soap.database.read(look).result(10)


@pytest.fixture(scope="module")
def world(template: Any, tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    path = shutil.copy(template, tmp_path_factory.mktemp("who-may") / "soapsvc.db")
    settings = Settings(database=f"sqlite:///{path}", credential_seconds=0)
    with serving.opened_service(settings) as service, InProcess(service.application) as calls:
        other = service.database.write(lambda tx: tenancies.add_tenancy(tx, OTHER)).result(10)
        elsewhere = InTenancy(service.database, other.id)
        world = World(Soap(calls, service.default_tenancy), hash_password(PASSWORD), elsewhere)
        world.write(lambda tx: organisation.load(tx, COMPANY_OF_ONE_UNIT))
        world.write(lambda tx: work_types.load(tx, [WorkType(id="model", fields=(), model=WorkModel(name="Review"))]))
        yield world


# Who asks. Each makes a caller for a row, who asks for an item of somebody else's.


@dataclass(frozen=True)
class Asking:
    """Who asks: a name and a password, or nobody."""

    user: str | None
    password: str = PASSWORD
    guid: str = ""


def anonymous(world: World, row: Row, item: WorkItem) -> Asking:
    return Asking(None)


def wrong_password(world: World, row: Row, item: WorkItem) -> Asking:
    return Asking(right(world, row, item).user, "wrong password")


def unknown_user(world: World, row: Row, item: WorkItem) -> Asking:
    return Asking("nobody of this name")


def disabled(world: World, row: Row, item: WorkItem) -> Asking:
    asking = right(world, row, item)
    with closing(sqlite3.connect(world.soap.database.database.path, isolation_level=None)) as connection:
        connection.execute("UPDATE account SET enabled = 0 WHERE name = ?", (asking.user,))
    return asking


def no_grant(world: World, row: Row, item: WorkItem) -> Asking:
    return Asking(world.person().name)


def every_other_grant(world: World, row: Row, item: WorkItem) -> Asking:
    """Have all grants but those that open the operation, and those that are a tie: they would not be enough alone."""
    ties = {A.VIEW_WORK_LIST, A.VIEW_GLOBAL_WORK_LIST}
    return Asking(world.person(*(set(A) - set(row.grants) - ties - BESIDES.get(row.content, set()))).name)


def scoped_grant_elsewhere(world: World, row: Row, item: WorkItem) -> Asking:
    """Have the right grants, below a unit where neither who holds the item is, nor who it was offered to."""
    return Asking(world.person(*row.grants, scope=UNIT.name).name)  # type: ignore[arg-type]


def other_tenancy(world: World, row: Row, item: WorkItem) -> Asking:
    """Have all grants, of another tenancy."""
    person = world.person(*A, tenancy=world.elsewhere)
    return Asking(f"{OTHER}\\{person.name}", guid=person.guid)


def right(world: World, row: Row, item: WorkItem) -> Asking:
    grants = () if isinstance(row.grants, str) else row.grants
    return Asking(world.person(*grants).name)


BESIDES: dict[str, set[SystemAction]] = {
    # Either grant opens these.
    ROWS["reallocateWorkItem"].content: {A.REALLOCATE_TO_WORLD},
    ROWS["reallocateWorkItemData"].content: {A.REALLOCATE_TO_OFFER_SET},
}


@dataclass(frozen=True)
class Case:
    """An operation, the item that it is asked for, whose that is, and who asks."""

    name: str
    item: WorkItem
    holder: Entity
    asking: Asking


Told = tuple[int, str, str, str]
"""The status of an answer, and its fault's name, text and code."""


def asked_to_sign_in(case: Case) -> Told:
    return 401, "SecurityFault", NOBODY_SIGNED_IN, "BRM_SECURITY_NOT_AUTHENTICATED"


def told_that_it_is_wrong(case: Case) -> Told:
    return 401, "SecurityFault", NOT_AUTHENTICATED, "BRM_SECURITY_NOT_AUTHENTICATED"


def told_that_he_may_not(case: Case) -> Told:
    return 500, "SecurityFault", NOT_ALLOWED, "BRM_SECURITY_NOT_ALLOWED"


def told_that_there_is_none(case: Case) -> Told:
    """Be told what is told of an item, a GUID or a work type that exists nowhere, and that one's list is empty."""
    nobody = f"There is no organisational entity '{case.holder.guid}'"
    nothing = f"There are no more work items offered to the resource '{case.asking.guid}'"
    if case.name == "scheduleWorkItem":
        return 500, "InvalidEntityFault", nobody, "BRM_ENTITY_UNKNOWN"
    if case.name == "scheduleWorkItemWithWorkModel":
        return 500, "WorkItemFault", "There is no work type 'model'", "BRM_WORKTYPE_UNKNOWN"
    if case.name == "allocateAndOpenNextWorkItem":
        return 500, "NoMoreWorkItemsFault", nothing, "BRM_RESOURCE_NO_MORE_ITEMS"
    return 500, "InvalidWorkItemFault", f"There is no work item with id = {case.item.id}", "BRM_WORKITEM_UNKNOWN"


@dataclass(frozen=True)
class Column:
    """Somebody who may not: how he is made, what he is told, and of which operations."""

    make: Callable[[World, Row, WorkItem], Asking]
    told: Callable[[Case], Told]
    of: frozenset[str] = frozenset(ROWS)


SHOWS_ONES_OWN = {"lookupUser", "getAuditEntries"}
"""What asks for nothing of others succeeds in whichever tenancy."""

GUARDED = frozenset(name for name, row in ROWS.items() if row.grants != ANYBODY)
COLUMNS = {
    "anonymous": Column(anonymous, asked_to_sign_in),
    "wrong password": Column(wrong_password, told_that_it_is_wrong),
    "unknown user": Column(unknown_user, told_that_it_is_wrong),
    "disabled": Column(disabled, told_that_it_is_wrong),
    "no grant": Column(no_grant, told_that_he_may_not, GUARDED),
    "every other grant": Column(every_other_grant, told_that_he_may_not, GUARDED),
    "scoped grant elsewhere": Column(scoped_grant_elsewhere, told_that_he_may_not, GUARDED),
    "other tenancy": Column(other_tenancy, told_that_there_is_none, frozenset(ROWS) - SHOWS_ONES_OWN),
}


def ask(world: World, name: str, row: Row, item: WorkItem, holder: Entity, asking: Asking) -> Answer:
    content = row.content.replace("@", f"<workItemID id='{item.id}'/>").replace("HOLDER", holder.guid)
    content = content.replace("SELF", (asking.user or "nobody").rpartition("\\")[2])
    message = envelope(request(name, content, **ATTRIBUTES.get(name, {})))
    return world.soap.post(SERVICE_OF[name], message, user=asking.user, password=asking.password)


def case(world: World, name: str) -> tuple[Row, WorkItem, Entity]:
    row = ROWS[name]
    holder = world.person()
    return row, world.item_in(row.state, holder), holder


@pytest.mark.parametrize(
    ("who", "name"), [(who, name) for who, column in COLUMNS.items() for name in sorted(column.of)]
)
def test_who_may_not_is_refused_by_every_operation_and_nothing_is_changed(world: World, who: str, name: str) -> None:
    row, item, holder = case(world, name)
    column = COLUMNS[who]
    asking = column.make(world, row, item)
    before = world.everything()

    answer = ask(world, name, row, item, holder, asking)

    fault = Fault(answer.body)
    assert (answer.status, fault.name, fault.text, fault.error_code) == column.told(Case(name, item, holder, asking))
    assert ("www-authenticate" in answer.headers) == (answer.status == 401)
    assert world.everything() == before


@pytest.mark.parametrize("name", ROWS)
def test_who_may_is_answered_by_every_operation(world: World, name: str) -> None:
    row, item, holder = case(world, name)
    asking = right(world, row, item)
    if name == "allocateAndOpenNextWorkItem":
        own = people.find_person
        world.item_in("OFFERED", world.soap.database.read(lambda tx: own(tx, asking.user or "")).result(10))
    before, rows = world.stored(item)

    answer = ask(world, name, row, item, holder, asking)

    assert answer.status == 200, answer.body.decode()
    content_of(answer.body)
    after, rows_after = world.stored(item)
    (operation,) = (one for one in OPERATIONS.values() if one.name == name)
    changes = int(operation.writes and name not in NAMES_NO_ITEM)
    assert (after.version, rows_after) == (before.version + changes, rows + changes)


@pytest.mark.parametrize("name", sorted(SHOWS_ONES_OWN))
def test_who_is_of_another_tenancy_is_shown_what_is_there_and_nothing_else(world: World, name: str) -> None:
    row, item, holder = case(world, name)
    asking = other_tenancy(world, row, item)
    before = world.everything()

    answer = ask(world, name, row, item, holder, asking)

    assert answer.status == 200, answer.body.decode()
    own = {"lookupUser": asking.guid, "getAuditEntries": OTHER}[name]
    assert f'"{own}"'.encode() in answer.body
    for one in (holder.name, holder.guid, "supervisor"):
        assert f'"{one}"'.encode() not in answer.body
    assert world.everything() == before


def test_an_unknown_name_a_disabled_account_and_a_wrong_password_get_the_very_same_answer(world: World) -> None:
    row, item, holder = case(world, "closeWorkItem")
    answers = [
        ask(world, "closeWorkItem", row, item, holder, make(world, row, item))
        for make in (unknown_user, disabled, wrong_password)
    ]
    assert len({(answer.status, tuple(sorted(answer.headers.items())), answer.body) for answer in answers}) == 1
