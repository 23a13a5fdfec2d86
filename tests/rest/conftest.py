"""A service without a socket, its REST door, and items to work on."""

import base64
import json
import shutil
import threading
import time
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from soapsvc import serving
from soapsvc.domain.data import Direction, Field, FieldType
from soapsvc.domain.work_item import NewWorkItem, WorkItem
from soapsvc.jobs.version_operations import Work, nothing_to_do
from soapsvc.settings import Settings
from soapsvc.storage import work_items
from soapsvc.storage.database import InTenancy
from soapsvc.testing.in_process import Answer, InProcess
from soapsvc.usecases import scheduling, versions
from tests.conftest import PASSWORD, Soap

BASE = "/HdaApi/rest/v2.0"
PUBLIC = "http://acme.example"
SECONDS = 20.0
FIELDS = (
    Field(name="Customer", direction=Direction.INOUT, type=FieldType.STRING, optional=True),
    Field(name="Amount", direction=Direction.INOUT, type=FieldType.DECIMAL_NUMBER, optional=True),
    Field(name="Signed", direction=Direction.INOUT, type=FieldType.BOOLEAN, optional=True),
    Field(name="Due", direction=Direction.INOUT, type=FieldType.DATE, optional=True),
    Field(name="Items", direction=Direction.INOUT, type=FieldType.STRING, optional=True, array=True),
)


@dataclass(frozen=True)
class Told:
    """An answer of the REST door."""

    answer: Answer

    @property
    def status(self) -> int:
        return self.answer.status

    @property
    def headers(self) -> Any:
        return self.answer.headers

    @property
    def json(self) -> Any:
        return json.loads(self.answer.body)

    @property
    def problem(self) -> tuple[int, str]:
        """The status and the end of the type of a problem."""
        assert self.headers["content-type"] == "application/problem+json", self.answer
        shown = self.json
        assert shown["status"] == self.status
        assert set(shown) >= {"type", "title", "detail"}
        return self.status, shown["type"].removeprefix("urn:soapsvc:problem:")


@dataclass(frozen=True)
class Version:
    """An item, a version of it, and the paths of both."""

    item: str
    session: str

    @property
    def at(self) -> str:
        return f"/WorkItems/{self.item}"

    @property
    def path(self) -> str:
        return f"{self.at}/Versions/{self.session}"

    @property
    def status_url(self) -> str:
        return f"{PUBLIC}{BASE}{self.path}/Status"


class Client:
    """Calls the REST door of a service."""

    def __init__(self, calls: InProcess) -> None:
        self.calls = calls

    def call(
        self,
        method: str,
        path: str,
        content: Any = None,
        *,
        user: str | None = "ana",
        password: str = PASSWORD,
        base: str = BASE,
        body: bytes | None = None,
        **headers: str,
    ) -> Told:
        """Send a request, with content in JSON or a body as it is; an underline in a field's name is a hyphen."""
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        if user is not None:
            token = base64.b64encode(f"{user}:{password}".encode()).decode()
            named = {"authorization": f"Basic {token}"} | named
        if body is None:
            body = b"" if content is None else json.dumps(content).encode()
        if body:
            named = {"content-type": "application/json"} | named
        return Told(self.calls.call(method, f"{base}{path}", body, named))

    def get(self, path: str, **options: Any) -> Told:
        return self.call("GET", path, **options)

    def put(self, path: str, content: Any = None, **options: Any) -> Told:
        return self.call("PUT", path, content, **options)

    def post(self, path: str, content: Any = None, **options: Any) -> Told:
        return self.call("POST", path, content, **options)


class Rest(Client):
    """Calls the REST door of a service that also has all others."""

    def __init__(self, calls: InProcess, service: serving.Service) -> None:
        super().__init__(calls)
        self.service = service
        self.database: InTenancy = service.default_tenancy
        self.soap = Soap(calls, self.database)

    def item(self, *offered_to: str, **properties: Any) -> WorkItem:
        """Make an item that is offered to ana, or to these."""
        new = NewWorkItem(**({"name": "Review claim"} | properties))
        unit = lambda tx: scheduling.create_item(tx, new, FIELDS, offered_to or ("ana",))  # noqa: E731
        return self.database.write(unit).result(10)

    def begun(self, **options: Any) -> Version:
        """Have ana begin a version of a new item, which is at version 1 then."""
        version = Version(self.item(**options).guid, str(uuid.uuid4()))
        assert self.put(version.path).status == 201
        return version

    def stored(self, guid: str) -> WorkItem:
        return self.database.read(lambda tx: work_items.get(tx, versions.reference(tx, guid, None).id)).result(10)


def until(is_so: Callable[[], bool]) -> None:
    """Wait until something is so, which nothing tells of."""
    deadline, pause = time.monotonic() + SECONDS, threading.Event()
    while not is_so():
        assert time.monotonic() < deadline
        pause.wait(0.002)


@contextmanager
def opened(settings: Settings, *, saving: Work = nothing_to_do, **changes: Any) -> Iterator[Rest]:
    """Run a service with other settings, in which SaveAndClose does this before the save."""
    chosen = settings.model_copy(update={"public_url": PUBLIC, "credential_seconds": 60, **changes})
    with serving.opened_service(chosen, saving=saving) as service, InProcess(service.application) as calls:
        yield Rest(calls, service)


@pytest.fixture(scope="module")
def rest(template: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Rest]:
    """A service on SQLite that the tests of a module share, each with items of its own."""
    path = shutil.copy(template, tmp_path_factory.mktemp("rest") / "soapsvc.db")
    with opened(Settings(database=f"sqlite:///{path}")) as rest:
        yield rest
