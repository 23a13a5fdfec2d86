"""The service that a test gets: its people and items, its clock, and a way to force a conflict."""

import shutil
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import cache, partial
from pathlib import Path
from typing import TypeVar

import argon2
import requests
import zeep.transports

from soapsvc import serving, wiring
from soapsvc.client import Client
from soapsvc.domain.caller import SystemAction
from soapsvc.domain.data import Direction, Field, FieldType
from soapsvc.domain.tenancy import DEFAULT_MONIKER
from soapsvc.domain.work_item import NewWorkItem, WorkItem
from soapsvc.settings import Settings
from soapsvc.storage.database import InTenancy
from soapsvc.storage.tasks import Unit
from soapsvc.testing.in_process import InProcess, InProcessAdapter
from soapsvc.usecases import history, people, scheduling, tenancies, timers

Result = TypeVar("Result")

PASSWORD = "a password for tests"  # noqa: S105
_DEADLINE = 30.0
_PORTION = 500

# Passwords of tests need no protection, and tests no waiting for it.
_hasher = argon2.PasswordHasher(time_cost=1, memory_cost=8, parallelism=1)


class Clock:
    """The service's time: the real one until it is frozen, then what the test says."""

    def __init__(self) -> None:
        self._frozen: datetime | None = None

    def __call__(self, now: datetime) -> datetime:
        """Give the service's time for the database's."""
        return self._frozen or now

    def freeze(self, moment: datetime) -> None:
        """Stop the clock at a moment, which must have a time zone."""
        if moment.tzinfo is None:
            raise ValueError("a moment needs a time zone")
        self._frozen = moment

    def advance(self, by: timedelta) -> None:
        """Move a clock that was frozen."""
        if self._frozen is None:
            raise ValueError("freeze the clock before you move it")
        self._frozen += by


@dataclass(frozen=True, slots=True)
class Person:
    """Somebody who may sign in."""

    name: str
    guid: str
    password: str = field(default=PASSWORD, repr=False)
    tenancy: str = DEFAULT_MONIKER
    """The moniker of his tenancy."""

    @property
    def sign_in_name(self) -> str:
        """The name that he signs in with at any host: with his tenancy in front, unless that is the default one."""
        return self.name if self.tenancy == DEFAULT_MONIKER else f"{self.tenancy}\\{self.name}"


class ServiceUnderTest:
    """A service with an empty database of its own. `address` is where its clients find it.

    Where a `tenancy` may be named, it is by its moniker, and the default one is meant unless it is.
    """

    def __init__(self, service: serving.Service, address: str, clock: Clock, adapter: InProcessAdapter | None) -> None:
        self.address = address
        self.clock = clock
        self._service = service
        self._adapter = adapter

    def tenancy(self, moniker: str) -> str:
        """Add a tenancy, for people and items that those of the others know nothing of, and give its moniker."""
        added = self._service.database.write(lambda tx: tenancies.add_tenancy(tx, moniker)).result(_DEADLINE)
        return added.moniker

    def person(
        self,
        name: str,
        *actions: str,
        guid: str | None = None,
        max_open_items: int | None = None,
        tenancy: str = DEFAULT_MONIKER,
    ) -> Person:
        """Add somebody, with grants of these system actions."""
        password_hash = _hasher.hash(PASSWORD)
        added = self._write(
            tenancy,
            lambda tx: people.add_person(
                tx, name=name, guid=guid, password_hash=password_hash, max_open_items=max_open_items
            ),
        )
        for action in actions:
            self._write(tenancy, partial(people.grant, name=name, action=SystemAction(action)))
        return Person(added.name, added.guid, tenancy=tenancy)

    def supervisor(self, name: str = "supervisor", *, tenancy: str = DEFAULT_MONIKER) -> Person:
        """Add somebody who may do everything."""
        return self.person(name, *SystemAction, tenancy=tenancy)

    def item(
        self,
        *offered_to: Person,
        name: str = "Work item",
        fields: Mapping[str, str | None] | Sequence[Field] = (),
        priority: int = 50,
        tenancy: str = DEFAULT_MONIKER,
    ) -> int:
        """Add an item at version 0, and give its id.

        `fields` are names and values of optional inouts of type String, or fields of any kind.
        """
        model = _texts(fields) if isinstance(fields, Mapping) else fields
        new = NewWorkItem(name=name, priority=priority)
        guids = [person.guid for person in offered_to]
        return self._write(tenancy, lambda tx: scheduling.create_item(tx, new, model, guids)).id

    def items(
        self, count: int, *offered_to: Person, name: str = "Work item", tenancy: str = DEFAULT_MONIKER
    ) -> list[int]:
        """Add so many alike items without data, and give their ids."""
        guids = [person.guid for person in offered_to]
        new = NewWorkItem(name=name)
        return self._write(tenancy, partial(scheduling.create_items, new=new, offer_to=guids, count=count))

    def stored(self, item_id: int, *, tenancy: str = DEFAULT_MONIKER) -> WorkItem:
        """Read an item as it is stored now."""
        return self._in(tenancy).read(lambda tx: history.show_item(tx, item_id)).result(_DEADLINE)

    def force_conflict(self, item_id: int, *, tenancy: str = DEFAULT_MONIKER) -> int:
        """Change an item behind everybody's back, by one version; give the version that it is at now."""
        return self._write(tenancy, lambda tx: scheduling.touch_item(tx, item_id)).version

    def run_timers(self) -> int:
        """Bring back the hidden items whose time has come by the service's clock; say how many."""
        back = 0
        sweep = partial(timers.bring_back_due_anywhere, most=_PORTION)
        while portion := self._service.database.write(sweep).result(_DEADLINE):
            back += portion
        return back

    def client(self, person: Person) -> Client:
        """Give a client of this service for somebody, by `soapsvc.client`."""
        return Client(self.address, person.sign_in_name, person.password, transport=self.transport())

    def transport(self) -> zeep.transports.Transport:
        """Give a zeep transport that reaches this service, with or without a socket."""
        session = requests.Session()
        if self._adapter is not None:
            session.mount(self.address, self._adapter)
        return zeep.transports.Transport(session=session)

    def _in(self, moniker: str) -> InTenancy:
        database = self._service.database
        found = database.read(lambda tx: tenancies.find_tenancy(tx, moniker)).result(_DEADLINE)
        return InTenancy(database, found.id)

    def _write(self, tenancy: str, unit: Unit[Result]) -> Result:
        return self._in(tenancy).write(unit).result(_DEADLINE)


@contextmanager
def in_process(folder: Path, **settings: object) -> Iterator[ServiceUnderTest]:
    """Run a service without a socket: its clients call it through `ServiceUnderTest.transport`."""
    clock = Clock()
    chosen = _settings(folder, {"public_url": "http://soapsvc.test", **settings})
    with (
        serving.opened_service(chosen, clock=clock) as service,
        InProcess(service.application) as calls,
    ):
        yield ServiceUnderTest(service, chosen.address, clock, InProcessAdapter(calls))


@contextmanager
def over_a_socket(folder: Path, **settings: object) -> Iterator[ServiceUnderTest]:
    """Run a service on a free port of this machine, for clients of any make."""
    clock = Clock()
    chosen = _settings(folder, {"port": serving.free_port(), **settings})
    with serving.opened_service(chosen, clock=clock) as service, serving.in_thread(service, chosen):
        yield ServiceUnderTest(service, chosen.address, clock, None)


def _settings(folder: Path, settings: Mapping[str, object]) -> Settings:
    database = shutil.copy(_template(), folder / "soapsvc.db")
    # Tests that give wrong passwords on purpose are not to be slowed down for it.
    return Settings.model_validate({"database": f"sqlite:///{database}", "throttle_seconds": 0, **settings})


@cache
def _template() -> Path:
    """Make an empty, migrated database once a process: to copy it is quicker."""
    path = Path(tempfile.mkdtemp(prefix="soapsvc-")) / "template.db"
    wiring.migrate(Settings.model_validate({"database": f"sqlite:///{path}"}))
    return path


def _texts(values: Mapping[str, str | None]) -> list[Field]:
    return [
        Field(
            name=name,
            direction=Direction.INOUT,
            type=FieldType.STRING,
            optional=True,
            values=() if value is None else (value,),
        )
        for name, value in values.items()
    ]
