"""Builds the running service: its doors over its database, behind an HTTP server."""

import asyncio
import errno
import gc
import logging
import signal
import socket
import threading
import time
import weakref
from collections.abc import Callable, Coroutine, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from granian.constants import HTTPModes, Interfaces, SSLProtocols
from granian.server.embed import Server

from soapsvc import chores, doors, processes
from soapsvc.domain.errors import StorageUnavailable
from soapsvc.doorkeeping import built
from soapsvc.front import Front
from soapsvc.jobs.version_operations import Work, nothing_to_do
from soapsvc.rest.services import Urls
from soapsvc.rsgi import Rsgi
from soapsvc.settings import CannotListen, InvalidSettings, Settings
from soapsvc.soap import contract
from soapsvc.soap.interface import SERVICES
from soapsvc.storage import schema
from soapsvc.storage.database import Clock, Database, InTenancy, open_database, real_time
from soapsvc.storage.list_changes import ListChanges
from soapsvc.storage.memories import Memories
from soapsvc.storage.neighbours import Neighbour, Neighbours
from soapsvc.storage.waiters import Waiters
from soapsvc.usecases.tenancies import KnownTenancies
from soapsvc.usecases.witness import Witness
from soapsvc.wiring import database_url, limits_of
from soapsvc.working import Worker, working

if TYPE_CHECKING:
    from soapsvc.tls import Tls

_LISTENING_SECONDS = 10.0
_PORT_SECONDS = 1.0
"""How long a port may still be taken by the processes of a service that was killed just now."""

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Service:
    """A running service: its front, its database, what waits to be recorded, and who waits for changes.

    `worker` does what is due in the background.
    """

    application: Front
    database: Database
    tenancies: KnownTenancies
    witness: Witness
    lists: ListChanges
    items: Waiters
    worker: Worker

    def let_go(self) -> None:
        """Answer everybody who waits for a change: who asks again shall come to another service."""
        self.lists.close()
        self.items.close()

    @property
    def default_tenancy(self) -> InTenancy:
        """The database as the default tenancy has it."""
        return InTenancy(self.database, self.tenancies.default().id)


@contextmanager
def opened_service(settings: Settings, *, clock: Clock = real_time, saving: Work = nothing_to_do) -> Iterator[Service]:
    """Make and open the database and everything that serves it, and close it all at the end; see working().

    Raises StorageUnavailable, also where another process serves the same file, and UnknownTenancy.
    """
    with sole_server(settings), opened_part(settings, clock=clock, saving=saving) as service:
        yield service


@contextmanager
def sole_server(settings: Settings) -> Iterator[None]:
    """Hold the right to serve the database, and make it or bring it up to date. Raises StorageUnavailable."""
    url = database_url(settings)
    with schema.right_to_serve(url):
        schema.prepare(url)
        yield


@contextmanager
def opened_part(
    settings: Settings,
    *,
    clock: Clock = real_time,
    neighbour: Neighbour | None = None,
    saving: Work = nothing_to_do,
) -> Iterator[Service]:
    """Open what one of the processes that serve a database needs, and close it at the end.

    Raises StorageUnavailable, UnknownTenancy.
    """
    memories = Memories(settings.credential_seconds, changes=neighbour.changes if neighbour else None)
    memories.lists.most_waiting = memories.items.most = settings.list_waiters
    database = open_database(
        database_url(settings), clock=clock, memories=memories, limits=limits_of(settings), neighbour=neighbour
    )
    witness = Witness(database, clock=clock)
    try:
        tenancies = KnownTenancies(
            database,
            default=settings.default_tenancy,
            version_required=settings.version_required,
            seconds=settings.credential_seconds,
        )
        doorkeeping = built(settings, database, tenancies, clock)
        try:
            database.hear_others()
            with working(database, settings, saving=saving) as worker:
                front = Front(doors.built(settings, database, doorkeeping, witness, worker), database)
                yield Service(front, database, tenancies, witness, memories.lists, memories.items, worker)
        finally:
            doorkeeping.sign_in.close()
    finally:
        memories.lists.close()
        _record_the_rest(witness)
        database.close()


def _record_the_rest(witness: Witness) -> None:
    try:
        witness.close()
    except StorageUnavailable as error:
        _log.error("the last entries of the audit log could not be written: %s", error)


def check_port(settings: Settings) -> None:
    """Raise CannotListen where the port is taken, or the host is none of this machine."""
    family = socket.AF_INET6 if ":" in settings.host else socket.AF_INET
    deadline = time.monotonic() + _PORT_SECONDS
    while True:
        try:
            socket.create_server((settings.host, settings.port), family=family).close()
            return
        except OSError as error:
            if error.errno != errno.EADDRINUSE or time.monotonic() > deadline:
                sentence = f"{settings.host} port {settings.port} cannot be listened on: {error.strerror}"
                raise CannotListen(sentence) from None
        time.sleep(0.05)


def tls_of(settings: Settings) -> "Tls | None":
    """Read what TLS needs, if the settings want it. Raises InvalidSettings for files that cannot be used."""
    if not any((settings.tls_certificate, settings.tls_key, settings.tls_key_password_file, settings.tls_client_ca)):
        return None
    from soapsvc import tls  # noqa: PLC0415 - takes its time to import, and not everybody wants it

    try:
        return tls.read(
            certificate=settings.tls_certificate,
            key=settings.tls_key,
            password_file=settings.tls_key_password_file,
            client_ca=settings.tls_client_ca,
        )
    except tls.UnusableTls as error:
        raise InvalidSettings(str(error)) from None


def endpoints(settings: Settings) -> list[str]:
    """Give the addresses of the services."""
    return [f"{settings.address}{contract.BASE_PATH}{name}" for name in sorted(SERVICES)]


def description(settings: Settings) -> str:
    """Give the address of the page that describes the REST door."""
    return Urls(settings.address).page()


def contract_files(settings: Settings) -> dict[str, bytes]:
    """Give the files of the contract, by name, with the addresses of this service in them."""
    return {name: contract.served(name, settings.address) for name in sorted(contract.file_names())}


def serve(settings: Settings, tls: "Tls | None" = None) -> None:
    """Answer requests until the process is told to stop (SIGINT, SIGTERM), by as many processes as the settings say.

    Who calls it holds the right to serve the database. Raises StorageUnavailable, UnknownTenancy.
    """
    if settings.processes == 1:
        with opened_part(settings) as service:
            _run(_serve(service, settings, tls))
        return
    if not processes.are_possible():
        raise InvalidSettings("The setting processes cannot be more than 1 on this system")
    neighbours = Neighbours(settings.processes)

    def serve_as(number: int) -> None:
        with opened_part(settings, neighbour=neighbours.member(number)) as service:
            _run(_serve(service, settings, tls, sweeps=number == 0))
            processes.heed_no_more_signals()

    processes.run(settings.processes, serve_as)


def _run(serving: Coroutine[Any, Any, None]) -> None:
    # What was built until now stays as long as the process: to look for garbage in it again and again took a fifteenth
    # of all processor time.
    gc.freeze()
    with asyncio.Runner(loop_factory=_event_loop) as runner:
        runner.run(serving)


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
    server = _server(service, settings, tls_of(settings))
    thread = threading.Thread(target=lambda: loop.run_until_complete(server.serve()), name="server", daemon=True)
    thread.start()
    _wait_for(settings)
    try:
        yield
    finally:
        service.let_go()
        service.worker.operations.close()
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


def _server(service: Service, settings: Settings, tls: "Tls | None") -> Server:
    server = Server(
        Rsgi(service.application),
        address=settings.host,
        port=settings.port,
        interface=Interfaces.RSGI,
        http=HTTPModes.http1,
        websockets=False,
        backlog=1024,
        log_enabled=False,
    )
    if tls is not None:
        _use_tls(server, tls)
    return server


def _use_tls(server: Server, tls: "Tls") -> None:
    """Have a server speak TLS 1.2 and 1.3 only.

    Granian 2.8 ends the process where it is given an encrypted key, so it gets the plain one, from no file on the disk.
    """
    key = str(tls.key.resolve())
    if tls.plain_key is not None:
        from soapsvc.tls import kept_in_memory  # noqa: PLC0415

        file = kept_in_memory(tls.plain_key)
        weakref.finalize(server, file.close)
        key = f"/dev/fd/{file.fileno()}"
    authorities = str(tls.client_ca.resolve()) if tls.client_ca else None
    # What its constructor would make of the files, which it would read with the ssl module, as if that served.
    server.ssl_ctx = (  # type: ignore[assignment]
        True,
        str(tls.certificate.resolve()),
        key,
        None,
        str(SSLProtocols.tls12),
        authorities,
        [],
        tls.client_ca is not None,
    )


async def _serve(service: Service, settings: Settings, tls: "Tls | None", *, sweeps: bool = True) -> None:
    server = _server(service, settings, tls)
    tasks = [
        asyncio.create_task(chores.keep_recording(service.witness)),
        asyncio.create_task(chores.keep_looking(service.database, service.lists, service.items)),
    ]
    if sweeps:
        delivered = timedelta(days=settings.delivery_days)
        tasks.append(asyncio.create_task(chores.sweep(service.database, deliveries_kept=delivered)))

    def stop() -> None:
        service.worker.operations.close()  # who waits is told how far it is; what is at work comes to its end
        server.stop()  # type: ignore[no-untyped-call]

    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, _drain, service, settings.drain_seconds, stop)
    await server.serve()
    for task in tasks:
        task.cancel()


def _drain(service: Service, seconds: float, stop: Callable[[], None]) -> None:
    """Say that requests should go elsewhere, let go who waits, and stop some time later; at once if told so again."""
    front = service.application
    service.let_go()
    if front.is_draining or not seconds:
        stop()
    else:
        asyncio.get_running_loop().call_later(seconds, stop)
    front.is_draining = True
