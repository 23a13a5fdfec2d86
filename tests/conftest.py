"""Fixtures that most tests share: a migrated database, people, items, and a service without a socket."""

import base64
import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

import pytest
import sqlalchemy as sa

from soapsvc import serving
from soapsvc.domain.caller import Caller, SystemAction
from soapsvc.domain.data import Direction, Field, FieldType
from soapsvc.domain.organisation import Entity
from soapsvc.domain.work_item import NewWorkItem, WorkItem
from soapsvc.settings import Settings
from soapsvc.storage import schema, work_items
from soapsvc.storage.database import Database, InTenancy
from soapsvc.storage.transaction import Transaction
from soapsvc.testing.in_process import Answer, InProcess
from soapsvc.usecases import allocation, items, people, scheduling
from soapsvc.usecases.sign_in import hash_password
from tests.support.soap import SERVICE_OF, envelope, request

Result = TypeVar("Result")
PASSWORD = "correct horse"
DEFAULT_TENANCY = 1

FIELDS = (
    Field(name="Customer", direction=Direction.INPUT, type=FieldType.STRING, values=("Adler",)),
    Field(name="Notes", direction=Direction.INOUT, type=FieldType.STRING, optional=True, length=20),
    Field(name="Amount", direction=Direction.OUTPUT, type=FieldType.DECIMAL_NUMBER, length=6, decimals=2),
)


@pytest.fixture(scope="session")
def template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A migrated database with the people ana, ben, carl and supervisor, made once."""
    path = tmp_path_factory.mktemp("template") / "template.db"
    url = sa.URL.create("sqlite", database=str(path))
    schema.prepare(url)
    database = Database(url)
    password_hash = hash_password(PASSWORD)

    def add(tx: Transaction) -> None:
        for name in ("ana", "ben", "carl", "supervisor"):
            people.add_person(tx, name=name, guid=f"GUID-of-{name}", password_hash=password_hash)
        for action in SystemAction:
            people.grant(tx, "supervisor", action)

    InTenancy(database, DEFAULT_TENANCY).write(add).result()
    database.close()
    return path


@pytest.fixture
def database_path(template: Path, tmp_path: Path) -> Path:
    return Path(shutil.copy(template, tmp_path / "soapsvc.db"))


@pytest.fixture
def whole_database(database_path: Path) -> Iterator[Database]:
    database = Database(sa.URL.create("sqlite", database=str(database_path)))
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
def settings(database_path: Path) -> Settings:
    return Settings(database=f"sqlite:///{database_path}")


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
