"""Builds the running service: its doors over its database, behind an HTTP server."""

import asyncio
import logging
import signal
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial

from granian.constants import HTTPModes, Interfaces
from granian.server.embed import Server

from soapsvc.front import Front
from soapsvc.settings import CannotListen, Settings
from soapsvc.soap import contract
from soapsvc.soap.application import SoapApplication
from soapsvc.soap.envelope import MessageLimits
from soapsvc.soap.interface import SERVICES
from soapsvc.storage import schema, sqlite
from soapsvc.storage.database import Clock, Database, InTenancy, real_time
from soapsvc.storage.memories import Memories
from soapsvc.usecases import repeats, timers
from soapsvc.usecases.sign_in import SignIn
from soapsvc.usecases.tenancies import KnownTenancies
from soapsvc.wiring import database_url

SWEEP_SECONDS = 1.0
SWEEP_PORTION = 100
_LISTENING_SECONDS = 10.0

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Service:
    """A running service: its ASGI application and its database."""

    application: Front
    database: Database
    tenancies: KnownTenancies

    @property
    def default_tenancy(self) -> InTenancy:
        """The database as the default tenancy has it."""
        return InTenancy(self.database, self.tenancies.default().id)


@contextmanager
def opened_service(settings: Settings, *, clock: Clock = real_time) -> Iterator[Service]:
    """Make and open the database and everything that serves it, and close it all at the end.

    Raises StorageUnavailable, also where another process serves the same file, and UnknownTenancy.
    """
    url = database_url(settings)
    with sqlite.sole_server(sqlite.file_of(url)):
        schema.prepare(url)
        database = Database(url, clock=clock, memories=Memories(settings.credential_seconds))
        sign_in = SignIn(database, seconds_remembered=settings.credential_seconds)
        try:
            tenancies = KnownTenancies(
                database,
                default=settings.default_tenancy,
                version_required=settings.version_required,
                seconds=settings.credential_seconds,
            )
            soap = _soap_door(settings, database, sign_in, tenancies)
            yield Service(Front({contract.BASE_PATH: soap}, database), database, tenancies)
        finally:
            sign_in.close()
            database.close()


def _soap_door(settings: Settings, database: Database, sign_in: SignIn, tenancies: KnownTenancies) -> SoapApplication:
    return SoapApplication(
        database,
        sign_in,
        tenancies,
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


def free_port() -> int:
    """Give a port of this machine that nobody listens on now."""
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port: int = probe.getsockname()[1]
        return port


@contextmanager
def in_thread(service: Service, settings: Settings) -> Iterator[None]:
    """Answer requests in a thread of this process, until the block ends."""
    loop = _event_loop()
    server = _server(service, settings)
    thread = threading.Thread(target=lambda: loop.run_until_complete(server.serve()), name="server", daemon=True)
    thread.start()
    _wait_for(settings)
    try:
        yield
    finally:
        loop.call_soon_threadsafe(server.stop)
        thread.join()
        loop.close()


def _wait_for(settings: Settings) -> None:
    deadline = time.monotonic() + _LISTENING_SECONDS
    while True:
        try:
            socket.create_connection((settings.host, settings.port), timeout=_LISTENING_SECONDS).close()
            return
        except ConnectionRefusedError:
            if time.monotonic() > deadline:
                raise
            time.sleep(0.005)


def _server(service: Service, settings: Settings) -> Server:
    return Server(
        service.application,
        address=settings.host,
        port=settings.port,
        interface=Interfaces.ASGINL,
        http=HTTPModes.http1,
        websockets=False,
        backlog=1024,
        log_enabled=False,
    )


async def _serve(service: Service, settings: Settings) -> None:
    server = _server(service, settings)
    sweep = asyncio.create_task(_sweep(service.database))
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, server.stop)
    await server.serve()
    sweep.cancel()


async def _sweep(database: Database) -> None:
    """Do what is due by the clock, about once a second, in portions that leave room for callers between them."""
    portion = partial(timers.bring_back_due_anywhere, most=SWEEP_PORTION)
    while True:
        try:
            while await database.written(portion, is_long=True):
                pass
            await database.written(repeats.forget_old, is_long=True)
        except Exception:  # whatever it is, hidden items must not stay hidden for it
            _log.exception("the sweep failed; it will try again")
        await asyncio.sleep(SWEEP_SECONDS)
