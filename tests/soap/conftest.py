"""One service for all tests of the door: each makes items of its own in it; only tests that break one start another."""

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import fields
from datetime import timedelta
from functools import partial
from pathlib import Path
from shutil import copy
from typing import Any
from uuid import uuid4

import pytest
from lxml import etree

from soapsvc import serving
from soapsvc.domain.organisation import Entity
from soapsvc.domain.work_item import NewWorkItem, WorkItem
from soapsvc.domain.work_type import WorkType
from soapsvc.settings import Settings
from soapsvc.storage import history
from soapsvc.storage.database import InTenancy
from soapsvc.testing.in_process import InProcess
from soapsvc.usecases import people, scheduling, work_types
from soapsvc.usecases.sign_in import hash_password
from tests.conftest import FIELDS, PASSWORD, People, Soap
from tests.support.moved import Moved
from tests.support.soap import SERVICE_OF, Fault, answer_of, content_of, envelope, request

Ask = Callable[..., etree._Element]
Refused = Callable[..., Fault]
Start = Callable[..., AbstractContextManager[Soap]]


@contextmanager
def running(
    template: Path, folder: Path, *, ahead: Callable[[], timedelta] = timedelta, **options: object
) -> Iterator[Soap]:
    """Start a service on a database of its own."""
    path = copy(template, folder / "soapsvc.db")
    settings = Settings(database=f"sqlite:///{path}", **options)  # type: ignore[arg-type]
    with (
        serving.opened_service(
            settings, clock=ahead.clock if isinstance(ahead, Moved) else lambda now: now + ahead()
        ) as service,
        InProcess(service.application) as calls,
    ):
        yield Soap(calls, service.default_tenancy)


@pytest.fixture(scope="session")
def standing_soap(template: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Soap]:
    """A service that lives as long as the test session."""
    with running(template, tmp_path_factory.mktemp("standing"), credential_seconds=60, throttle_seconds=0) as soap:
        yield soap


@pytest.fixture
def soap(standing_soap: Soap) -> Soap:
    return standing_soap


@pytest.fixture
def database(standing_soap: Soap) -> InTenancy:
    """The standing service's own database: the fixtures that make items use it."""
    return standing_soap.database


@pytest.fixture
def cast(database: InTenancy) -> People:
    """The people of the template; tests add others to the standing service."""
    everyone = {person.name: person for person in database.read(people.list_people).result(10)}
    return People(**{field.name: everyone[field.name] for field in fields(People)})


@pytest.fixture
def start(template: Path, tmp_path: Path) -> Start:
    """Start a service with settings of the test's own, which the test may break."""
    return lambda **options: running(template, tmp_path, **options)


@pytest.fixture
def unchanged(stored: Callable[[int], WorkItem], database: InTenancy) -> Callable[..., AbstractContextManager[None]]:
    """Check that items are the same after a block as before it, down to their histories."""

    def look(items: tuple[WorkItem, ...]) -> list[object]:
        return [(stored(one.id), database.read(lambda tx, i=one.id: history.of(tx, i)).result(10)) for one in items]

    @contextmanager
    def check(*items: WorkItem) -> Iterator[None]:
        before = look(items)
        yield
        assert look(items) == before

    return check


@pytest.fixture(scope="session")
def password_hash() -> str:
    """The hash of everybody's password: to make one takes its time."""
    return hash_password(PASSWORD)


@pytest.fixture
def new_person(database: InTenancy, password_hash: str) -> Callable[[], Entity]:
    """Add a person of a name of his own, whose list of work holds only what the test puts there."""

    def make() -> Entity:
        name = f"worker-{uuid4().hex}"
        unit = partial(people.add_person, name=name, guid=f"GUID-of-{name}", password_hash=password_hash)
        return database.write(unit).result(10)

    return make


@pytest.fixture
def new_type(database: InTenancy) -> Callable[..., WorkType]:
    """Load a work type of an id of its own, with the fields that the items of tests have."""

    def make(**properties: Any) -> WorkType:
        kind = WorkType(**({"id": f"type-{uuid4()}", "description": "Claims", "fields": FIELDS} | properties))
        database.write(lambda tx: work_types.load(tx, [kind])).result(10)
        return kind

    return make


@pytest.fixture
def item_for(database: InTenancy) -> Callable[..., WorkItem]:
    """Create an item that is offered to these people."""

    def make(*names: str, **properties: Any) -> WorkItem:
        new = NewWorkItem(**({"name": "Review claim"} | properties))
        return database.write(lambda tx: scheduling.create_item(tx, new, FIELDS, names)).result(10)

    return make


@pytest.fixture
def ask(soap: Soap) -> Ask:
    """Call an operation that succeeds, and give the valid element that answers it."""

    def call(operation: str, content: str, *, user: str = "ana", **attributes: str) -> etree._Element:
        message = envelope(request(operation, content, **attributes))
        answer = soap.post(SERVICE_OF[operation], message, user=user)
        assert answer.status == 200, answer.body.decode()
        element = content_of(answer.body)
        assert element.tag == answer_of(operation)
        # but for the free XML of complex values, only the root stands in a namespace
        assert not element.xpath("*/descendant-or-self::*[namespace-uri() and not(ancestor::complexSpec)]")
        return element

    return call


@pytest.fixture
def refused(soap: Soap) -> Refused:
    """Call an operation that fails by the caller's fault, and give that fault."""

    def call(operation: str, content: str, *, user: str = "ana", **attributes: str) -> Fault:
        message = envelope(request(operation, content, **attributes))
        answer = soap.post(SERVICE_OF[operation], message, user=user)
        fault = Fault(answer.body)
        assert (answer.status, fault.code, fault.actor) == (500, "Client", "PROVIDER"), answer.body.decode()
        return fault

    return call
