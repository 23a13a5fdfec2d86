"""Who may do what over REST: every operation asked by everybody who may not, and by who may."""

import shutil
import sqlite3
import uuid
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from soapsvc import serving
from soapsvc.domain.caller import SystemAction
from soapsvc.domain.credentials import Scope
from soapsvc.domain.organisation import Entity
from soapsvc.domain.work_item import WorkItem
from soapsvc.rest.interface import OPERATIONS
from soapsvc.settings import Settings
from soapsvc.storage.database import InTenancy
from soapsvc.testing.in_process import InProcess
from soapsvc.usecases import organisation, tenancies
from tests.conftest import PASSWORD, Soap
from tests.rest.conftest import Client, Told, opened
from tests.support import who_may
from tests.support.moved import Moved
from tests.support.tokens import CHEAP
from tests.support.who_may import ANYBODY, COMPANY_OF_ONE_UNIT, OTHER, Asking, Row, World

A = SystemAction
SEES = Row(content="", state="OPENED", grants=(A.VIEW_WORK_LIST,))
ENDS = Row(content="", state="OPENED", grants=(A.CLOSE_OTHER_RESOURCES_ITEMS,))
MAKES = Row(content="", state="OPENED", grants=(A.SCHEDULE_WORK_ITEM,))
ROWS: dict[str, tuple[Row, Any, int]] = {
    "listWorkItems": (Row(content="", grants=ANYBODY), None, 200),
    "createWorkItem": (MAKES, {"name": "Lease"}, 201),
    "createWorkItemAt": (MAKES, {"name": "Lease"}, 201),
    "listWorkItemsOfGroup": (SEES, None, 200),
    "getWorkItem": (SEES, None, 200),
    "listVersions": (SEES, None, 200),
    "getVersion": (SEES, None, 200),
    "getStatus": (SEES, None, 200),
    "listDocuments": (SEES, None, 200),
    "getDocumentContent": (SEES, None, 404),
    "addDocument": (ENDS, {}, 409),
    "getAnswers": (SEES, None, 200),
    "listDeliveries": (SEES, None, 200),
    "beginVersion": (ENDS, {"answers": {"Notes": "a"}}, 200),
    "beginNewVersion": (ENDS, {"forceCreate": True}, 201),
    "saveAndClose": (ENDS, None, 200),
    "complete": (ENDS, None, 200),
    "createAndAssemble": (ENDS, None, 200),
    "replaceAnswers": (ENDS, {"Notes": "a"}, 200),
    "changeAnswers": (ENDS, {"Notes": "a"}, 200),
    "replayDelivery": (ENDS, {}, 404),
}
"""What each needs, a body, and what who may is answered: there is neither a document nor a delivery to be had."""

BY_NAME = {operation.name: operation for operation in OPERATIONS}
WRITES = {name for name, operation in BY_NAME.items() if operation.writes}
CREATES = {"createWorkItem", "createWorkItemAt"}


def test_the_table_has_every_operation() -> None:
    assert set(ROWS) == set(BY_NAME)


@pytest.fixture(scope="module")
def world(template: Any, tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    path = shutil.copy(template, tmp_path_factory.mktemp("rest-who-may") / "soapsvc.db")
    settings = Settings(database=f"sqlite:///{path}", credential_seconds=60, throttle_seconds=0)
    moved = Moved()
    with serving.opened_service(settings, clock=moved.clock) as service, InProcess(service.application) as calls:
        other = service.database.write(lambda tx: tenancies.add_tenancy(tx, OTHER)).result(10)
        soap = Soap(calls, service.default_tenancy)
        elsewhere = InTenancy(service.database, other.id)
        world = World(soap, CHEAP.hash(PASSWORD), CHEAP.hash("another password"), elsewhere, moved)
        world.write(lambda tx: organisation.load(tx, COMPANY_OF_ONE_UNIT))
        yield world


@pytest.fixture(scope="module")
def changes(world: World) -> Iterator[Callable[[], int]]:
    """Say how often the database was changed: by a number that goes up with each commit that changes it."""
    with closing(sqlite3.connect(world.soap.database.database.path, check_same_thread=False)) as connection:
        yield lambda: int(connection.execute("PRAGMA data_version").fetchone()[0])


def test_the_number_of_changes_goes_up_with_each(world: World, changes: Callable[[], int]) -> None:
    before = changes()
    _case(world)
    assert changes() > before


@pytest.fixture(autouse=True)
def the_real_time(world: World) -> Iterator[None]:
    yield
    world.moved.by = timedelta()


def _case(world: World) -> tuple[WorkItem, Entity]:
    holder = world.person()
    return world.item_in("OPENED", holder), holder


def _asked(world: World, name: str, item: WorkItem, holder: Entity, asking: Asking) -> Told:
    operation, content = BY_NAME[name], ROWS[name][1]
    path = operation.path.replace("{workGroupId}", holder.guid).replace("{versionId}", item.session or "")
    path = path.replace("{documentId}", str(uuid.uuid4())).replace("{deliveryId}", "1")
    path = path.replace("{workItemId}", str(uuid.uuid4()) if name in CREATES else item.guid)
    headers = {"host": asking.host} if asking.host else {}
    if asking.token is not None:
        headers["authorization"] = f"Bearer {asking.token}"
    rest = Client(world.soap.calls)
    user = None if asking.token is not None else asking.user
    return rest.call(operation.method, path, content, user=user, password=asking.password, **headers)


@dataclass(frozen=True)
class Column:
    """Somebody who may not: how he is made, what he is told, and of which operations."""

    make: Callable[[World, Row, WorkItem], Asking]
    told: tuple[int, str]
    of: frozenset[str] = frozenset(ROWS)


NOBODY, REFUSED, NOT_THERE = (401, "not-authenticated"), (403, "not-allowed"), (404, "work-item-unknown")
GUARDED = frozenset(name for name, (row, _, _) in ROWS.items() if row.grants != ANYBODY)
NAMES_AN_ITEM = frozenset(ROWS) - CREATES - {"listWorkItems", "listWorkItemsOfGroup"}
OF_EACH_SORT = frozenset({"getVersion", "changeAnswers", "getWorkItem", "saveAndClose"})
"""What looks and what writes, in one transaction and in several: who calls is found out before all of them alike."""

COLUMNS = {
    "anonymous": Column(who_may.anonymous, NOBODY),
    "wrong password": Column(who_may.wrong_password, NOBODY),
    "unknown user": Column(who_may.unknown_user, NOBODY, OF_EACH_SORT),
    "disabled": Column(who_may.disabled, NOBODY, OF_EACH_SORT),
    "no grant": Column(who_may.no_grant, REFUSED, GUARDED),
    "every other grant": Column(who_may.every_other_grant, REFUSED, GUARDED),
    "scoped grant elsewhere": Column(who_may.scoped_grant_elsewhere, REFUSED, GUARDED - CREATES),
    "other tenancy": Column(who_may.other_tenancy, NOT_THERE, NAMES_AN_ITEM),
    "disabled while signed in": Column(who_may.disabled_while_signed_in, NOBODY, OF_EACH_SORT),
    "query token": Column(who_may.right_token(Scope.QUERY), REFUSED, frozenset(WRITES)),
    "ended token": Column(who_may.ended_token, NOBODY),
    "token of a disabled principal": Column(who_may.principal_disabled_while_signed_in, NOBODY, OF_EACH_SORT),
    "token of other tenancy": Column(who_may.token_of_other_tenancy, NOT_THERE, NAMES_AN_ITEM),
    "token at the host of another tenancy": Column(who_may.token_at_the_host_of_another_tenancy, NOBODY, OF_EACH_SORT),
}


@pytest.mark.parametrize(
    ("who", "name"), [(who, name) for who, column in COLUMNS.items() for name in sorted(column.of)]
)
def test_who_may_not_is_refused_by_every_operation_and_nothing_is_changed(
    world: World, changes: Callable[[], int], who: str, name: str
) -> None:
    item, holder = _case(world)
    column = COLUMNS[who]
    asking = column.make(world, ROWS[name][0], item)
    before = changes()
    told = _asked(world, name, item, holder, asking)
    assert told.problem == column.told
    assert ("www-authenticate" in told.headers) == (told.status == 401)
    assert changes() == before


RIGHT = {"a password": who_may.right} | {f"a {scope} token": who_may.right_token(scope) for scope in Scope}


@pytest.mark.parametrize(
    ("who", "name"), [(who, name) for who in RIGHT for name in ROWS if who != "a query token" or name not in WRITES]
)
def test_who_may_is_answered_by_every_operation(world: World, who: str, name: str) -> None:
    item, holder = _case(world)
    row, _, status = ROWS[name]
    before, rows = world.stored(item)
    told = _asked(world, name, item, holder, RIGHT[who](world, row, item))
    assert told.status == status, told.json
    after, rows_after = world.stored(item)
    changes = int(name in WRITES and status < 300 and name not in CREATES)
    assert (after.version, rows_after) == (before.version + changes, rows + changes)


def test_a_bare_token_is_a_token(world: World) -> None:
    item, _ = _case(world)
    asking = who_may.right_token(Scope.QUERY)(world, SEES, item)
    rest = Client(world.soap.calls)
    assert rest.get(f"/WorkItems/{item.guid}", user=None, authorization=asking.token or "").status == 200


@pytest.mark.parametrize("authorization", ["Bearer", "Bearer x", "Digest x", "Basic", "Basic %%%", "Basic YQ==", "x"])
def test_what_proves_nothing_is_refused(world: World, authorization: str) -> None:
    item, _ = _case(world)
    rest = Client(world.soap.calls)
    assert rest.get(f"/WorkItems/{item.guid}", user=None, authorization=authorization).problem == NOBODY


def test_items_of_others_in_the_list_of_another_tenancys_entity_are_not_shown(world: World) -> None:
    item, holder = _case(world)
    asking = who_may.other_tenancy(world, SEES, item)
    assert _asked(world, "listWorkItemsOfGroup", item, holder, asking).problem == (404, "not-found")
    assert _asked(world, "listWorkItems", item, holder, asking).json["items"] == []


def test_who_a_trusted_proxy_vouches_for_acts_and_shows_nothing_besides(template: Any, tmp_path: Path) -> None:
    path = shutil.copy(template, tmp_path / "soapsvc.db")
    trusted = {"proxy_addresses": "127.0.0.1", "proxy_identity_header": "X-User"}
    with opened(Settings(database=f"sqlite:///{path}"), **trusted) as rest:
        version = rest.begun()
        assert rest.get(version.at, user=None, x_user="ana").status == 200
        assert rest.get(version.at, user=None, x_user="carl").problem == REFUSED
        assert rest.get(version.at, user=None, x_user="nobody").problem == NOBODY
        assert rest.get(version.at, user="ana", x_user="ana").problem == NOBODY
