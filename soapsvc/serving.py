"""Builds the running service: its doors over its database, behind an HTTP server."""

import asyncio
import signal
import socket
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta

from granian.constants import HTTPModes, Interfaces
from granian.server.embed import Server

from soapsvc.front import Front
from soapsvc.settings import CannotListen, Settings
from soapsvc.soap import contract
from soapsvc.soap.application import SoapApplication
from soapsvc.soap.envelope import MessageLimits
from soapsvc.soap.interface import SERVICES
from soapsvc.storage import schema, sqlite
from soapsvc.storage.database import Database
from soapsvc.usecases.sign_in import SignIn
from soapsvc.wiring import database_url


@dataclass(frozen=True, slots=True)
class Service:
    """A running service: its ASGI application and its database."""

    application: Front
    database: Database


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
                namespaces=settings.message_namespaces,
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


def check_port(settings: Settings) -> None:
    """Raise CannotListen where the port is taken, or the host is none of this machine."""
    try:
        family = socket.AF_INET6 if ":" in settings.host else socket.AF_INET
        socket.create_server((settings.host, settings.port), family=family).close()
    except OSError as error:
        raise CannotListen(f"{settings.host} port {settings.port} cannot be listened on: {error.strerror}") from None


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
