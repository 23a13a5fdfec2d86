"""Builds the parts of the service and puts them together; knows everything, decides nothing."""

import asyncio
import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta

import sqlalchemy as sa
from granian.constants import HTTPModes, Interfaces
from granian.server.embed import Server

from soapsvc.domain.errors import StorageUnavailable
from soapsvc.front import Front
from soapsvc.settings import Settings
from soapsvc.soap import contract
from soapsvc.soap.application import SoapApplication
from soapsvc.soap.envelope import MessageLimits
from soapsvc.soap.interface import SERVICES
from soapsvc.storage import schema, sqlite
from soapsvc.storage.database import Database
from soapsvc.usecases.sign_in import SignIn


@dataclass(frozen=True, slots=True)
class Service:
    """A running service: its ASGI application and its database."""

    application: Front
    database: Database


def database_url(settings: Settings) -> sa.URL:
    """Read the database's URL. Raises StorageUnavailable with a sentence."""
    try:
        url = sa.make_url(settings.database)
    except sa.exc.ArgumentError:
        raise StorageUnavailable("SOAPSVC_DATABASE is no SQLAlchemy URL, such as sqlite:///soapsvc.db") from None
    if url.get_backend_name() != "sqlite":
        raise StorageUnavailable("SOAPSVC_DATABASE must be a SQLite database in this release: sqlite:///soapsvc.db")
    return url


def migrate(settings: Settings) -> bool:
    """Make the database or bring it up to date; say whether there was anything to do. Raises StorageUnavailable."""
    return schema.prepare(database_url(settings))


@contextmanager
def opened_database(settings: Settings) -> Iterator[Database]:
    """Open an existing database, beside a service that may be running on it. Raises StorageUnavailable."""
    url = database_url(settings)
    schema.check(url)
    database = Database(url)
    try:
        yield database
    finally:
        database.close()


@contextmanager
def opened_service(settings: Settings, *, clock_offset: Callable[[], timedelta] = timedelta) -> Iterator[Service]:
    """Make and open the database and everything that serves it, and close it all at the end.

    Raises StorageUnavailable, also where another process serves the same file.
    """
    url = database_url(settings)
    with sqlite.sole_server(sqlite.file_of(url)):
        schema.prepare(url)
        database = Database(url, clock_offset=clock_offset)
        sign_in = SignIn(database, seconds_remembered=settings.credential_seconds)
        soap = SoapApplication(
            database,
            sign_in,
            public_url=settings.address,
            limits=MessageLimits(
                bytes=settings.message_bytes,
                depth=settings.message_depth,
                elements=settings.message_elements,
                attributes=settings.message_attributes,
                attribute_length=settings.attribute_length,
                items=settings.batch_items,
            ),
            body_seconds=settings.body_seconds,
        )
        try:
            yield Service(Front({contract.BASE_PATH: soap}, database), database)
        finally:
            sign_in.close()
            database.close()


def endpoints(settings: Settings) -> list[str]:
    """Give the addresses of the services."""
    return [f"{settings.address}{contract.BASE_PATH}{name}" for name in sorted(SERVICES)]


def contract_files(settings: Settings) -> dict[str, bytes]:
    """Give the files of the contract, by name, with the addresses of this service in them."""
    return {name: contract.served(name, settings.address) for name in sorted(contract.file_names())}


def serve(service: Service, settings: Settings) -> None:
    """Answer requests until the process is told to stop (SIGINT, SIGTERM)."""
    with asyncio.Runner(loop_factory=_event_loop) as runner:
        runner.run(_serve(service, settings))


def _event_loop() -> asyncio.AbstractEventLoop:
    """Make the fastest event loop that there is for this system."""
    try:
        import uvloop  # noqa: PLC0415 - there is none for Windows
    except ImportError:
        return asyncio.new_event_loop()
    return uvloop.new_event_loop()


async def _serve(service: Service, settings: Settings) -> None:
    server = Server(
        service.application,
        address=settings.host,
        port=settings.port,
        interface=Interfaces.ASGINL,
        http=HTTPModes.http1,
        websockets=False,
        backlog=1024,
        log_enabled=False,
    )
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, server.stop)
    await server.serve()
