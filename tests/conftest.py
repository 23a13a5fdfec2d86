"""Fixtures that most tests share: a migrated database, people, items, and a service without a socket."""

import base64
import shutil
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

import argon2
import pytest
import sqlalchemy as sa

from soapsvc import serving
from soapsvc.domain.caller import Caller, SystemAction
from soapsvc.domain.data import Direction, Field, FieldType
from soapsvc.domain.organisation import Entity
from soapsvc.domain.work_item import NewWorkItem, WorkItem
from soapsvc.settings import Settings
from soapsvc.storage import schema, work_items
from soapsvc.storage.database import Database, InTenancy, open_database
from soapsvc.storage.transaction import Transaction
from soapsvc.testing.in_process import Answer, InProcess
from soapsvc.usecases import allocation, items, people, scheduling, sign_in
from soapsvc.usecases.sign_in import hash_password
from tests.support.databases import PostgresqlDatabases, postgresql_server
from tests.support.soap import SERVICE_OF, envelope, request
from tests.support.tokens import CHEAP

Result = TypeVar("Result")
PASSWORD = "correct horse"
DEFAULT_TENANCY = 1

FIELDS = (
    Field(name="Customer", direction=Direction.INPUT, type=FieldType.STRING, values=("Adler",)),
    Field(name="Notes", direction=Direction.INOUT, type=FieldType.STRING, optional=True, length=20),
    Field(name="Amount", direction=Direction.OUTPUT, type=FieldType.DECIMAL_NUMBER, length=6, decimals=2),
)


KINDS = ("sqlite", "postgresql")
ON_BOTH = ("storage", "usecases", "jobs", "deliveries")
"""The folders whose tests run on both databases."""
OF_SQLITE = {"database_path", "another_process", "commits", "held"}
"""Who asks for one of these means SQLite's own machinery."""


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Run tests that need a database on both kinds, or on the one that they are about."""
    if "kind" in metafunc.fixturenames and not _says_itself(metafunc):
        on_both = metafunc.definition.path.parent.name in ON_BOTH and not OF_SQLITE & set(metafunc.fixturenames)
        kinds = getattr(metafunc.module, "KINDS_OF_DATABASE", KINDS) if on_both else KINDS[:1]
        metafunc.parametrize("kind", kinds)


def _says_itself(metafunc: pytest.Metafunc) -> bool:
    return any("kind" in _names_in(mark) for mark in metafunc.definition.iter_markers("parametrize"))


def _names_in(mark: pytest.Mark) -> Sequence[str]:
    names: str | Sequence[str] = mark.args[0]
    return names.split(",") if isinstance(names, str) else names


@pytest.fixture
def kind() -> str:
    """The kind of database that a test runs on: one of KINDS."""
    raise AssertionError("every test that needs a database is parametrised")


@pytest.fixture(scope="session", autouse=True)
def hasher_of_the_service() -> Iterator[argon2.PasswordHasher]:
    """What the service hashes passwords with; a quarter of a second each is not spent on those of tests."""
    with pytest.MonkeyPatch.context() as patch:
        original = sign_in._hasher
        patch.setattr(sign_in, "_hasher", CHEAP)
        yield original


def furnish(url: sa.URL) -> None:
    """Migrate a database, and add the people ana, ben, carl and supervisor."""
    schema.prepare(url)
    database = open_database(url)
    password_hash = hash_password(PASSWORD)

    def add(tx: Transaction) -> None:
        for name in ("ana", "ben", "carl", "supervisor"):
            people.add_person(tx, name=name, guid=f"GUID-of-{name}", password_hash=password_hash)
        for action in SystemAction:
            people.grant(tx, "supervisor", action)

    InTenancy(database, DEFAULT_TENANCY).write(add).result(10)
    database.close()


@pytest.fixture(scope="session")
def template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A furnished database on SQLite, made once."""
    path = tmp_path_factory.mktemp("template") / "template.db"
    furnish(sa.URL.create("sqlite", database=str(path)))
    return path


@pytest.fixture(scope="session")
def postgresql() -> Iterator[PostgresqlDatabases]:
    """A server of PostgreSQL, which all tests share."""
    with postgresql_server() as server:
        databases = PostgresqlDatabases(server)
        yield databases
        databases.close()


@pytest.fixture(scope="session")
def postgresql_template(postgresql: PostgresqlDatabases) -> Iterator[sa.URL]:
    """A furnished database on PostgreSQL, made once."""
    url = postgresql.make()
    furnish(url)
    yield url
    postgresql.drop(url)


@pytest.fixture
def database_url(kind: str, request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[sa.URL]:
    """A furnished database of the test's own."""
    if kind == "sqlite":
        template = request.getfixturevalue("template")
        yield sa.URL.create("sqlite", database=str(shutil.copy(template, tmp_path / "soapsvc.db")))
        return
    databases = request.getfixturevalue("postgresql")
    url = databases.make(request.getfixturevalue("postgresql_template"))
    yield url
    databases.drop(url)


@pytest.fixture
def empty_url(kind: str, request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[sa.URL]:
    """A database of the test's own that has no tables yet; on SQLite there is not even a file."""
    if kind == "sqlite":
        yield sa.URL.create("sqlite", database=str(tmp_path / "empty.db"))
        return
    databases = request.getfixturevalue("postgresql")
    url = databases.make()
    yield url
    databases.drop(url)


@pytest.fixture
def database_path(database_url: sa.URL) -> Path:
    """The file of the test's database, which is on SQLite."""
    return Path(str(database_url.database))


@pytest.fixture
def whole_database(database_url: sa.URL) -> Iterator[Database]:
    database = open_database(database_url)
    yield database
    database.close()


@pytest.fixture
def database(whole_database: Database) -> InTenancy:
    """The database as the default tenancy has it."""
    return InTenancy(whole_database, DEFAULT_TENANCY)


@pytest.fixture
def write(database: InTenancy) -> Callable[[Callable[[Transaction], Result]], Result]:
    """Run a unit of work and give its result."""
    return lambda unit: database.write(unit).result(10)


@dataclass(frozen=True)
class People:
    """ana and ben stand in the offer set of the items, carl in none, and the supervisor may do everything."""

    ana: Entity
    ben: Entity
    carl: Entity
    supervisor: Entity

    def caller(self, name: str) -> Caller:
        return Caller(person=getattr(self, name), tenancy=DEFAULT_TENANCY)


@pytest.fixture
def cast(database: InTenancy) -> People:
    return People(**{person.name: person for person in database.read(people.list_people).result()})


@pytest.fixture
def new_item(database: InTenancy) -> Callable[..., WorkItem]:
    """Create an item that is offered to ana and ben."""

    def make(fields: tuple[Field, ...] = FIELDS, **properties: object) -> WorkItem:
        new = NewWorkItem(**({"name": "Review claim"} | properties))  # type: ignore[arg-type]
        return database.write(lambda tx: scheduling.create_item(tx, new, fields, ("ana", "ben"))).result(10)

    return make


@pytest.fixture
def offered(new_item: Callable[..., WorkItem]) -> WorkItem:
    """An item at version 0, offered to ana and ben."""
    return new_item()


@pytest.fixture
def opened(database: InTenancy, cast: People, offered: WorkItem) -> WorkItem:
    """An item at version 1, open with ana."""
    take = allocation.Allocation(item=items.ItemReference(id=offered.id), resource="ana")
    return database.write(lambda tx: allocation.allocate_and_open_items(tx, cast.caller("ana"), [take])).result(10)[0]


@pytest.fixture
def pended(database: InTenancy, cast: People, opened: WorkItem) -> WorkItem:
    """An item at version 2, closed by ana, who still holds it."""
    close = items.Close(item=items.ItemReference(id=opened.id))
    return database.write(lambda tx: items.close_items(tx, cast.caller("ana"), [close])).result(10)[0]


@pytest.fixture
def stored(database: InTenancy) -> Callable[[int], WorkItem]:
    """Read an item as it is stored now."""
    return lambda item_id: database.read(lambda tx: work_items.get(tx, item_id)).result(10)


@pytest.fixture
def settings(database_url: sa.URL) -> Settings:
    return Settings(database=database_url.render_as_string(hide_password=False))


class Soap:
    """Sends raw SOAP messages to a service without a socket."""

    def __init__(self, calls: InProcess, database: InTenancy) -> None:
        self.calls = calls
        self.database = database

    def post(
        self, service: str, message: bytes, *, user: str | None = "ana", password: str = PASSWORD, **headers: str
    ) -> Answer:
        named = {"content-type": "text/xml; charset=utf-8"}
        if user is not None:
            token = base64.b64encode(f"{user}:{password}".encode()).decode()
            named["authorization"] = f"Basic {token}"
        named |= {name.replace("_", "-"): value for name, value in headers.items()}
        return self.calls.call("POST", f"/amxbpm/{service}", message, named)

    def ask(self, operation: str, content: str, **options: str) -> Answer:
        """Call an operation with the XML of its request's content."""
        return self.post(SERVICE_OF[operation], envelope(request(operation, content)), **options)


@pytest.fixture
def soap(settings: Settings) -> Iterator[Soap]:
    with serving.opened_service(settings) as service, InProcess(service.application) as calls:
        yield Soap(calls, service.default_tenancy)
