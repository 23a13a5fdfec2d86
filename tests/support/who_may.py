"""Who asks for each operation, and what it is asked of: callers and items made for one case each."""

import sqlite3
from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Any

from soapsvc.domain.caller import Caller, SystemAction
from soapsvc.domain.credentials import Scope
from soapsvc.domain.data import Direction, Field, FieldType
from soapsvc.domain.organisation import Entity, EntityType
from soapsvc.domain.organisation_model import Link, ModelEntity, OrganisationModel
from soapsvc.domain.work_item import NewWorkItem, WorkItem
from soapsvc.soap.interface import OPERATIONS
from soapsvc.storage import history, work_items
from soapsvc.storage import people as stored_people
from soapsvc.storage.database import InTenancy
from soapsvc.storage.transaction import Transaction
from soapsvc.testing.in_process import Answer
from soapsvc.usecases import allocation, items, list_views, people, principals, scheduling
from tests.conftest import DEFAULT_TENANCY, PASSWORD, Soap
from tests.support.moved import Moved
from tests.support.soap import SERVICE_OF, envelope, request
from tests.support.tokens import token_of

NOTES = Field(name="Notes", direction=Direction.INOUT, type=FieldType.STRING, optional=True)
A = SystemAction
OTHER = "acme"
UNIT = ModelEntity(type=EntityType.ORGANIZATIONAL_UNIT, name="Elsewhere", guid="GUID-of-Elsewhere")
"""A unit that nobody is in."""

COMPANY = ModelEntity(type=EntityType.ORGANIZATION, name="Company", guid="GUID-of-Company")
COMPANY_OF_ONE_UNIT = OrganisationModel(entities=(COMPANY, UNIT), links=frozenset({Link(COMPANY.key, UNIT.key)}))

ANYBODY = "anybody"
"""For operations that need no tie and no grant: all who have signed in may."""

BODY = "<workItemPayload><dataModel/></workItemPayload>"
LIST = "<entityID entity-type='RESOURCE' guid='HOLDER'/>"
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
    "getWorkListItems": Row(content=LIST, grants=(A.VIEW_WORK_LIST,)),
    "getAllocatedWorkListItems": Row(content=LIST, grants=(A.VIEW_GLOBAL_WORK_LIST,)),
    "awaitWorkListChange": Row(content=f"{LIST}<timeout>0</timeout>", grants=(A.VIEW_WORK_LIST,)),
    "getResourceOrderFilterCriteria": Row(content="<resourceID>HOLDER</resourceID>", grants=(A.VIEW_WORK_LIST,)),
    "setResourceOrderFilterCriteria": Row(
        content="<orderFilterCriteria/>", grants=(A.SET_RESOURCE_ORDER_FILTER_CRITERIA,)
    ),
    "createWorkListView": Row(content=LIST, grants=(A.VIEW_GLOBAL_WORK_LIST,)),
    "getWorkItemOrderFilter": Row(content="<limitColumns>0</limitColumns>", grants=ANYBODY),
    "getEditableWorkListViews": Row(content="", grants=ANYBODY),
    "getPublicWorkListViews": Row(content="", grants=ANYBODY),
    "getViewsForResource": Row(content="", grants=ANYBODY),
    **{
        name: Row(content="", grants=ANYBODY)  # of a view that is made for the case
        for name in (
            *("editWorkListView", "deleteWorkListView", "getWorkListViewDetails", "unlockWorkListView"),
            *("addCurrentResourceToView", "deleteCurrentResourceFromView", "getWorkListItemsForView"),
        )
    },
}
OF_A_VIEW = {name: {"workListViewID": "VIEW"} for name in ROWS if name.startswith(("edit", "delete", "unlock", "add"))}
PAGE = {"startPosition": "0", "numberOfItems": "100"}
ATTRIBUTES = {
    "scheduleWorkItemWithWorkModel": {"workModelUID": "model"},
    "lookupUser": {"get_detail": "true"},
    "getWorkListItems": PAGE,
    "getAllocatedWorkListItems": PAGE,
    "setResourceOrderFilterCriteria": {"resourceID": "HOLDER"},
    "createWorkListView": {"name": "mine"},
    "getEditableWorkListViews": PAGE,
    "getPublicWorkListViews": PAGE,
    "getViewsForResource": PAGE,
    **OF_A_VIEW,
    "editWorkListView": {"workListViewID": "VIEW", "name": "other"},
    "getWorkListViewDetails": {"workListViewID": "VIEW", "lockView": "true"},
    "getWorkListItemsForView": {"workListViewID": "VIEW"} | PAGE,
}
NEEDS_A_VIEW = {name for name, given in ATTRIBUTES.items() if "workListViewID" in given}
NAMES_NO_ITEM = {
    *(name for name, service in SERVICE_OF.items() if service == "WorkListService"),
    "awaitWorkListChange",
    "lookupUser",
    "allocateAndOpenNextWorkItem",
    "scheduleWorkItem",
    "scheduleWorkItemWithWorkModel",
    "getAuditEntries",
}


# The service, and items and callers made for one case each


@dataclass
class World:
    soap: Soap
    password_hash: str
    other_hash: str
    elsewhere: InTenancy
    moved: Moved
    made: int = 0
    view_id: int = 0

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

    def token(
        self, person: str, scope: Scope = Scope.COMMAND, *, of: InTenancy | None = None, lifetime: int | None = None
    ) -> str:
        """Let a program act as somebody, and give its token."""

        def add(tx: Transaction) -> str:
            return principals.add(
                tx,
                client="client",
                name=person,
                person=person,
                scope=scope,
                secret_hash=self.password_hash,
                lifetime=lifetime,
            )

        client_id = (of or self.soap.database).write(add).result(10)
        return token_of(self.soap.calls, client_id if of is None else f"{OTHER}\\{client_id}", PASSWORD)

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

    def view(self, owner: Entity, author: str) -> None:
        """Make a public view of one's own list, which somebody may edit besides its owner, and has locked."""

        def make(tx: Transaction) -> int:
            person = stored_people.find_entity(tx, author)
            caller = Caller(person=owner, tenancy=DEFAULT_TENANCY)
            asked = list_views.ViewRequest(name="view", is_public=True, authors=[author] if person else [])
            view_id = list_views.create_view(tx, caller, asked)
            if person is not None:
                editor = Caller(person=person, tenancy=DEFAULT_TENANCY)
                list_views.view_details(tx, editor, view_id, lock=True)
            return view_id

        self.view_id = self.write(make)

    def everything(self) -> dict[str, list[tuple[Any, ...]]]:
        """Give all rows of all tables, but for the log of audits, where refusals belong."""
        with closing(sqlite3.connect(self.soap.database.database.path)) as connection:
            names = connection.execute("SELECT name FROM sqlite_master WHERE type = 'table' AND name <> 'audit'")
            return {name: connection.execute(f"SELECT * FROM {name}").fetchall() for (name,) in names.fetchall()}  # noqa: S608

    def stored(self, item: WorkItem) -> tuple[WorkItem, int]:
        def look(tx: Transaction) -> tuple[WorkItem, int]:
            return work_items.get(tx, item.id), len(history.of(tx, item.id))

        return self.soap.database.read(look).result(10)


# Who asks. Each makes a caller for a row, who asks for an item of somebody else's.


@dataclass(frozen=True)
class Asking:
    """Who asks: a name and a password, or a token, or nobody."""

    user: str | None
    password: str = PASSWORD
    guid: str = ""
    token: str | None = None
    host: str = ""


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
    person = world.person(*grants)
    return Asking(person.name, guid=person.guid)


# Tokens, and credentials that were good a moment ago


def right_token(scope: Scope) -> Callable[["World", Row, WorkItem], Asking]:
    def make(world: World, row: Row, item: WorkItem) -> Asking:
        asking = right(world, row, item)
        return replace(asking, token=world.token(asking.user or "", scope))

    return make


def ended_token(world: World, row: Row, item: WorkItem) -> Asking:
    asking = right(world, row, item)
    asking = signed_in(world, replace(asking, token=world.token(asking.user or "", lifetime=5)))
    world.moved.by = timedelta(seconds=6)
    return asking


def token_of_other_tenancy(world: World, row: Row, item: WorkItem) -> Asking:
    """Have all grants, and a token, of another tenancy, and ask where no tenancy is named."""
    person = world.person(*A, tenancy=world.elsewhere)
    token = world.token(person.name, Scope.ROOT, of=world.elsewhere)
    return Asking(f"{OTHER}\\{person.name}", guid=person.guid, token=token)


def token_at_the_host_of_another_tenancy(world: World, row: Row, item: WorkItem) -> Asking:
    return replace(signed_in(world, token_of_other_tenancy(world, row, item)), host="default.example.org")


def signed_in(world: World, asking: Asking) -> Asking:
    """Be somebody whom the service knows and trusts unseen for a minute from now."""
    row, item, holder = case(world, "lookupUser")
    answer = ask(world, "lookupUser", row, item, holder, asking)
    assert answer.status == 200, answer.body
    return asking


def disabled_while_signed_in(world: World, row: Row, item: WorkItem) -> Asking:
    asking = signed_in(world, right(world, row, item))
    world.write(lambda tx: people.set_enabled(tx, asking.user or "", False))
    return asking


def password_changed_while_signed_in(world: World, row: Row, item: WorkItem) -> Asking:
    asking = signed_in(world, right(world, row, item))
    world.write(lambda tx: people.set_password(tx, asking.user or "", world.other_hash))
    return asking


def principal_disabled_while_signed_in(world: World, row: Row, item: WorkItem) -> Asking:
    asking = signed_in(world, right_token(Scope.ROOT)(world, row, item))
    world.write(lambda tx: principals.disable(tx, "client", asking.user or ""))
    return asking


def person_of_the_token_disabled(world: World, row: Row, item: WorkItem) -> Asking:
    asking = signed_in(world, right_token(Scope.ROOT)(world, row, item))
    world.write(lambda tx: people.set_enabled(tx, asking.user or "", False))
    return asking


BESIDES: dict[str, set[SystemAction]] = {
    # Either grant opens these.
    ROWS["reallocateWorkItem"].content: {A.REALLOCATE_TO_WORLD},
    ROWS["reallocateWorkItemData"].content: {A.REALLOCATE_TO_OFFER_SET},
}


WRITES = frozenset(operation.name for operation in OPERATIONS.values() if operation.writes)
RIGHT = {"a password": right} | {f"a {scope} token": right_token(scope) for scope in Scope}


def ask(world: World, name: str, row: Row, item: WorkItem, holder: Entity, asking: Asking) -> Answer:
    content = row.content.replace("@", f"<workItemID id='{item.id}'/>").replace("HOLDER", holder.guid)
    content = content.replace("SELF", (asking.user or "nobody").rpartition("\\")[2])
    filled = {"HOLDER": holder.guid, "VIEW": str(world.view_id)}
    attributes = {key: filled.get(value, value) for key, value in ATTRIBUTES.get(name, {}).items()}
    message = envelope(request(name, content, **attributes))
    headers = {"host": asking.host} if asking.host else {}
    if asking.token is not None:
        return world.soap.post(SERVICE_OF[name], message, user=None, authorization=f"Bearer {asking.token}", **headers)
    return world.soap.post(SERVICE_OF[name], message, user=asking.user, password=asking.password, **headers)


def case(world: World, name: str) -> tuple[Row, WorkItem, Entity]:
    row = ROWS[name]
    holder = world.person()
    return row, world.item_in(row.state, holder), holder
