"""Builds what works in the background: in the service itself, or as a worker beside it."""

import signal
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from functools import partial

from soapsvc.assembly.assembler import AssemblyLimits, assemble
from soapsvc.callback_wiring import Callbacks, opened_callbacks
from soapsvc.domain.document import NewDocument
from soapsvc.domain.version_session import OperationKind
from soapsvc.jobs.runner import Runner
from soapsvc.jobs.version_operations import (
    OperationHandler,
    Patience,
    Steps,
    VersionOperations,
    Work,
    nothing_to_do,
)
from soapsvc.rest.services import Urls
from soapsvc.settings import Settings
from soapsvc.storage.database import Database
from soapsvc.storage.waiters import Waiters
from soapsvc.usecases import deliveries
from soapsvc.usecases.version_operations import WorkOrder


@dataclass(frozen=True, slots=True)
class Worker:
    """What works in the background, and how doors ask for it; they check callbacks by `callbacks`."""

    runner: Runner
    operations: VersionOperations
    callbacks: Callbacks


@contextmanager
def working(database: Database, settings: Settings, *, saving: Work = nothing_to_do) -> Iterator[Worker]:
    """Do what is due in a database until the block ends; `saving` is what SaveAndClose does before the save."""
    waiters = Waiters(settings.waiters)
    works: dict[OperationKind, tuple[int, Work]] = {
        OperationKind.SAVE_AND_CLOSE: (settings.save_slots, saving),
        OperationKind.COMPLETE: (settings.complete_slots, _assembling(settings)),
    }
    handlers = [
        OperationHandler(
            database=database,
            kind=kind,
            slots=slots,
            steps=Steps(work=work),
            ended=waiters.wake,
            record_delivery=partial(deliveries.record, status_url=Urls(settings.address).status),
            most_attempts=settings.job_attempts,
        )
        for kind, (slots, work) in works.items()
    ]
    with opened_callbacks(settings) as callbacks:
        delivering = callbacks.handler(database, settings)
        runner = Runner(database, [*handlers, delivering], lease=timedelta(seconds=settings.lease_seconds))
        runner.begin()
        try:
            yield Worker(runner, VersionOperations(database, runner, waiters, patience_of(settings)), callbacks)
        finally:
            runner.stop()


def work_until_told(database: Database, settings: Settings) -> None:
    """Work until the process is told to stop (SIGINT, SIGTERM)."""
    told = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: told.set())
    with working(database, settings):
        told.wait()


def patience_of(settings: Settings) -> dict[OperationKind, Patience]:
    """Give how long requests wait, from the settings with the published names."""
    return {
        OperationKind.SAVE_AND_CLOSE: Patience(
            timeout=settings.save_and_close_session_synchronous_timeout_ms / 1000,
            polling=settings.save_and_close_session_synchronous_polling_interval_ms / 1000,
        ),
        OperationKind.COMPLETE: Patience(
            timeout=settings.complete_session_synchronous_timeout_ms / 1000,
            polling=settings.complete_session_synchronous_polling_interval_ms / 1000,
        ),
    }


def _assembling(settings: Settings) -> Work:
    limits = AssemblyLimits(
        seconds=settings.assembly_seconds,
        memory_bytes=settings.assembly_memory_bytes,
        document_bytes=settings.document_bytes,
    )

    def work(order: WorkOrder) -> Sequence[NewDocument]:
        return () if order.package is None else assemble(order.package, order.answers, limits)

    return work
