"""What tests of deliveries share: a clock that they move, recorded events, and tries that come to what they want."""

import asyncio
import base64
from datetime import UTC, datetime

import pytest
import sqlalchemy as sa
from cryptography.fernet import Fernet

from soapsvc.callbacks.addresses import AddressGuard
from soapsvc.callbacks.sender import Sender, SendingLimits
from soapsvc.domain.delivery import Attempt, Retries
from soapsvc.domain.events import version_event
from soapsvc.domain.version_session import FinishedOperation, OperationKind, SessionState
from soapsvc.storage import deliveries as stored_deliveries
from soapsvc.storage.database import open_database
from soapsvc.storage.version_tables import delivery as delivery_table
from soapsvc.storage.version_tables import job
from soapsvc.usecases import callback_targets, deliveries
from soapsvc.usecases.access import ItemReference
from soapsvc.usecases.callback_targets import CallbackSecrets
from tests.support.receivers import Names
from tests.usecases.conftest import everything as everything  # noqa: PLC0414 - a fixture

KEY = Fernet.generate_key().decode()
SECRET = "whsec_" + base64.b64encode(bytes(range(32))).decode()
URL = "https://receiver.example/hook?token=in-the-query"
SESSION = "5e8f3c44-0000-4000-8000-000000000002"
OPERATION = "5e8f3c44-0000-4000-8000-000000000003"
ITEM = "5e8f3c44-0000-4000-8000-000000000001"
CALM = Retries(jitter=0)
START = datetime(2026, 11, 22, 12, tzinfo=UTC)
BODY = version_event(
    at=START,
    work_item=ITEM,
    version_session=SESSION,
    status="Saved",
    status_url=f"https://acme.example/{ITEM}/{SESSION}",
    version=7,
)
FAILED = Attempt.answered(500, answer=b"oops")
DONE = Attempt.answered(200)


class MovedClock:
    """A clock that stands still until a test moves it."""

    def __init__(self) -> None:
        self.now = START

    def __call__(self, _: datetime) -> datetime:
        return self.now


@pytest.fixture
def clock() -> MovedClock:
    return MovedClock()


@pytest.fixture
def whole_database(database_url, clock):
    database = open_database(database_url, clock=clock)
    yield database
    database.close()


@pytest.fixture
def secrets() -> CallbackSecrets:
    return CallbackSecrets([KEY])


@pytest.fixture
def target(secrets):
    def make(secret: str | None = SECRET, url: str = URL):
        sender = Sender(AddressGuard(), Names(["1.1.1.1"]), SendingLimits(http_allowed=True), user_agent="test")
        return asyncio.run(callback_targets.checked(sender, secrets, url, secret))

    return make


@pytest.fixture
def recorded(write, opened, target, every_delivery):
    """Record an event of an item that is open with ana; give the delivery's id."""

    def record(to=None, operation: str = OPERATION, session: str = SESSION, url: str = "https://acme.example/") -> int:
        finished = FinishedOperation(
            id=operation,
            kind=OperationKind.SAVE_AND_CLOSE,
            item_id=opened.id,
            item_guid=ITEM,
            item_version=7,
            session=session,
            status=SessionState.SAVED,
            finished_at=START,
            callback=to or target(),
            error=None,
        )
        write(lambda tx: deliveries.record(tx, finished, status_url=lambda item, version: f"{url}{item}/{version}"))
        return max(one.id for one in every_delivery())

    return record


@pytest.fixture
def every_delivery(database):
    return lambda: database.read(lambda tx: tx.connection.execute(sa.select(delivery_table)).all()).result(10)


@pytest.fixture
def jobs_of(database):
    """The jobs about a delivery: the moments at which they are due."""
    query = sa.select(job.c.run_at).where(job.c.kind == "deliver")

    def due(number: int):
        one = query.where(job.c.ref == str(number))
        return database.read(lambda tx: tx.connection.execute(one).scalars().all()).result(10)

    return due


@pytest.fixture
def find(database):
    return lambda number: database.read(lambda tx: stored_deliveries.find(tx, number)).result(10)


@pytest.fixture
def try_once(database, write):
    """Make a try that comes to this; give when the next one is due."""

    def make(number: int, attempt: Attempt, retries: Retries = CALM, chance: float = 0.5) -> datetime | None:
        sending = database.read(lambda tx: deliveries.to_send(tx, number)).result(10)

        def finish(tx) -> datetime | None:
            due_at = deliveries.finish_attempt(tx, sending, attempt, retries, chance)
            if due_at is None:  # as the handler does
                tx.connection.execute(sa.delete(job).where(job.c.ref == str(number)))
            return due_at

        return write(finish)

    return make


@pytest.fixture
def listed(database, cast, opened):
    def read(who: str = "ana", session: str = SESSION):
        reference = ItemReference(id=opened.id)
        return database.read(lambda tx: deliveries.list_deliveries(tx, cast.caller(who), reference, session)).result(10)

    return read


@pytest.fixture
def replay(write, cast, opened, secrets):
    def again(number: int, who: str = "ana", secret: str | None = SECRET, session: str = SESSION, **reference):
        sealed = None if secret is None else callback_targets.sealed_secret(secrets, secret)
        named = ItemReference(**{"id": opened.id} | reference)
        return write(lambda tx: deliveries.replay(tx, cast.caller(who), named, session, number, sealed_secret=sealed))

    return again
