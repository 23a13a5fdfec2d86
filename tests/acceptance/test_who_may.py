"""Every operation and everybody who may not, or may: what each is told, and that a refusal changes nothing.

The rows are written from the contract: section 7 for who may, section 3 for ties. A column is somebody who may not: a
function that makes him, and a function that says what he is told.
"""

import shutil
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from datetime import timedelta
from itertools import repeat
from pathlib import Path

import pytest

from soapsvc import serving
from soapsvc.domain.credentials import Scope
from soapsvc.domain.organisation import Entity
from soapsvc.domain.work_item import WorkItem
from soapsvc.domain.work_type import WorkModel, WorkType
from soapsvc.settings import Settings
from soapsvc.soap.interface import OPERATIONS
from soapsvc.storage.database import InTenancy
from soapsvc.testing.in_process import InProcess
from soapsvc.usecases import organisation, people, tenancies, work_types
from soapsvc.usecases.throttle import NOT_AUTHENTICATED
from soapsvc.usecases.tokens import WRONG_TOKEN
from tests.conftest import PASSWORD, Soap
from tests.support.moved import Moved
from tests.support.soap import Fault, content_of
from tests.support.tokens import CHEAP
from tests.support.who_may import (
    ANYBODY,
    COMPANY_OF_ONE_UNIT,
    NAMES_NO_ITEM,
    NEEDS_A_VIEW,
    OTHER,
    RIGHT,
    ROWS,
    WRITES,
    Asking,
    Row,
    World,
    anonymous,
    ask,
    case,
    disabled,
    disabled_while_signed_in,
    ended_token,
    every_other_grant,
    no_grant,
    other_tenancy,
    password_changed_while_signed_in,
    person_of_the_token_disabled,
    principal_disabled_while_signed_in,
    right_token,
    scoped_grant_elsewhere,
    token_at_the_host_of_another_tenancy,
    token_of_other_tenancy,
    unknown_user,
    wrong_password,
)

NOT_ALLOWED = "You are not allowed to do this"
NOBODY_SIGNED_IN = "This service wants to know who calls: send a UsernameToken, HTTP Basic or a token"


def test_the_table_has_every_operation() -> None:
    assert set(ROWS) == {operation.name for operation in OPERATIONS.values()}


@contextmanager
def opened_world(template: Path, folder: Path) -> Iterator[World]:
    path = shutil.copy(template, folder / "soapsvc.db")
    settings = Settings(database=f"sqlite:///{path}", credential_seconds=60, throttle_seconds=0)
    moved = Moved()
    with serving.opened_service(settings, clock=moved.clock) as service, InProcess(service.application) as calls:
        other = service.database.write(lambda tx: tenancies.add_tenancy(tx, OTHER)).result(10)
        elsewhere = InTenancy(service.database, other.id)
        soap = Soap(calls, service.default_tenancy)
        world = World(soap, CHEAP.hash(PASSWORD), CHEAP.hash("another password"), elsewhere, moved)
        world.write(lambda tx: organisation.load(tx, COMPANY_OF_ONE_UNIT))
        world.write(lambda tx: work_types.load(tx, [WorkType(id="model", fields=(), model=WorkModel(name="Review"))]))
        yield world


CASES_A_WORLD = 50
"""Each case leaves rows behind, and compares all that there are: not all cases should meet in one world."""


@pytest.fixture(scope="module")
def worlds(template: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Iterator[World]]:
    """The world of the next case, and of the next."""

    def in_turn() -> Iterator[World]:
        while True:
            with opened_world(template, tmp_path_factory.mktemp("who-may")) as world:
                yield from repeat(world, CASES_A_WORLD)

    with closing(in_turn()) as one_after_another:
        yield one_after_another


@pytest.fixture
def world(worlds: Iterator[World]) -> Iterator[World]:
    """A world, in which it is the real time to begin with."""
    world = next(worlds)
    yield world
    world.moved.by = timedelta()


@dataclass(frozen=True)
class Case:
    """An operation, the item that it is asked for, whose that is, and who asks."""

    name: str
    item: WorkItem
    holder: Entity
    asking: Asking
    view_id: int = 0


Told = tuple[int, str, str, str]
"""The status of an answer, and its fault's name, text and code."""


def asked_to_sign_in(case: Case) -> Told:
    return 401, "SecurityFault", NOBODY_SIGNED_IN, "BRM_SECURITY_NOT_AUTHENTICATED"


def told_that_it_is_wrong(case: Case) -> Told:
    return 401, "SecurityFault", NOT_AUTHENTICATED, "BRM_SECURITY_NOT_AUTHENTICATED"


def told_that_the_token_is_wrong(case: Case) -> Told:
    return 401, "SecurityFault", WRONG_TOKEN, "BRM_SECURITY_NOT_AUTHENTICATED"


def told_that_he_may_not(case: Case) -> Told:
    return 500, "SecurityFault", NOT_ALLOWED, "BRM_SECURITY_NOT_ALLOWED"


def told_that_there_is_none(case: Case) -> Told:
    """Be told what is told of an item, a GUID or a work type that exists nowhere, and that one's list is empty."""
    nobody = f"There is no organisational entity '{case.holder.guid}'"
    no_view = f"There is no work list view with id = {case.view_id}"
    nothing = f"There are no more work items offered to the resource '{case.asking.guid}'"
    if case.name in NEEDS_A_VIEW:
        return 500, "InvalidWorkViewFault", no_view, "BRM_VIEW_UNKNOWN"
    if case.name in NAMES_AN_ENTITY:
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


SHOWS_ONES_OWN = {
    "lookupUser",
    "getAuditEntries",
    "getWorkItemOrderFilter",
    "getEditableWorkListViews",
    "getPublicWorkListViews",
    "getViewsForResource",
}
"""What asks for nothing of others succeeds in whichever tenancy."""

NAMES_AN_ENTITY = {
    "scheduleWorkItem",
    "getWorkListItems",
    "getAllocatedWorkListItems",
    "awaitWorkListChange",
    "getResourceOrderFilterCriteria",
    "setResourceOrderFilterCriteria",
    "createWorkListView",
}
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
    "disabled while signed in": Column(disabled_while_signed_in, told_that_it_is_wrong),
    "password changed while signed in": Column(password_changed_while_signed_in, told_that_it_is_wrong),
    "query token": Column(right_token(Scope.QUERY), told_that_he_may_not, WRITES),
    "ended token": Column(ended_token, told_that_the_token_is_wrong),
    "token of a disabled principal": Column(principal_disabled_while_signed_in, told_that_the_token_is_wrong),
    "token of a disabled person": Column(person_of_the_token_disabled, told_that_the_token_is_wrong),
    "token of other tenancy": Column(token_of_other_tenancy, told_that_there_is_none, frozenset(ROWS) - SHOWS_ONES_OWN),
    "token at the host of another tenancy": Column(token_at_the_host_of_another_tenancy, told_that_the_token_is_wrong),
}


@pytest.mark.parametrize(
    ("who", "name"), [(who, name) for who, column in COLUMNS.items() for name in sorted(column.of)]
)
def test_who_may_not_is_refused_by_every_operation_and_nothing_is_changed(world: World, who: str, name: str) -> None:
    row, item, holder = case(world, name)
    column = COLUMNS[who]
    asking = column.make(world, row, item)
    world.view(holder, asking.guid)
    before = world.everything()

    answer = ask(world, name, row, item, holder, asking)

    fault = Fault(answer.body)
    assert (answer.status, fault.name, fault.text, fault.error_code) == column.told(
        Case(name, item, holder, asking, world.view_id)
    )
    assert ("www-authenticate" in answer.headers) == (answer.status == 401)
    assert world.everything() == before


@pytest.mark.parametrize(
    ("who", "name"), [(who, name) for who in RIGHT for name in ROWS if who != "a query token" or name not in WRITES]
)
def test_who_may_is_answered_by_every_operation(world: World, who: str, name: str) -> None:
    row, item, holder = case(world, name)
    asking = RIGHT[who](world, row, item)
    if name == "allocateAndOpenNextWorkItem":
        own = people.find_person
        world.item_in("OFFERED", world.soap.database.read(lambda tx: own(tx, asking.user or "")).result(10))
    world.view(holder, asking.guid)
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
    world.view(holder, asking.guid)
    before = world.everything()

    answer = ask(world, name, row, item, holder, asking)

    assert answer.status == 200, answer.body.decode()
    own = {"lookupUser": asking.guid, "getAuditEntries": OTHER}.get(name)
    assert own is None or f'"{own}"'.encode() in answer.body
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
