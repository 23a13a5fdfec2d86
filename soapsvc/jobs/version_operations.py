"""SaveAndClose and Complete as jobs, and how a door asks for them and waits for their end."""

import logging
import random
import time
import uuid
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial

from soapsvc.domain.caller import Caller
from soapsvc.domain.document import NewDocument
from soapsvc.domain.errors import StorageUnavailable, WorkItemServiceError
from soapsvc.domain.version_errors import OperationGivenUp
from soapsvc.domain.version_session import (
    RUNNING,
    Callback,
    OperationError,
    OperationKind,
    OperationRequest,
    VersionOperation,
    VersionSession,
)
from soapsvc.domain.work_item import WorkItem
from soapsvc.jobs.runner import Runner
from soapsvc.storage.database import Database, InTenancy, run_in
from soapsvc.storage.jobs import Job
from soapsvc.storage.tasks import Unit
from soapsvc.storage.transaction import Transaction
from soapsvc.storage.waiters import Waiter, Waiters
from soapsvc.usecases import version_operations
from soapsvc.usecases.version_operations import Accepted, RecordDelivery, WorkOrder
from soapsvc.usecases.versions import Target

MOST_ATTEMPTS = 5

_log = logging.getLogger(__name__)

Work = Callable[[WorkOrder], Sequence[NewDocument]]
"""What is done outside any transaction; it may be done twice. Raises WorkItemServiceError for what cannot succeed."""


def nothing_to_do(_: WorkOrder) -> Sequence[NewDocument]:
    """Save and close: all is done by the one save at the end."""
    return ()


def record_no_delivery(_: Transaction, __: object) -> None:
    """Tell nobody: for a service without callbacks."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Steps:
    """What an attempt does, in this order: `load` and `finish` (or `fail`) are units of work, `work` is outside any."""

    work: Work
    load: Callable[[Transaction, Job], WorkOrder] = version_operations.load
    finish: Callable[..., VersionOperation] = version_operations.finish
    fail: Callable[..., VersionOperation] = version_operations.fail


@dataclass(frozen=True, kw_only=True)
class OperationHandler:
    """Does one kind of operation; see runner.Handler. `ended` is told the operation's id after the commit."""

    database: Database
    kind: str
    slots: int
    steps: Steps
    ended: Callable[[str], None]
    record_delivery: RecordDelivery = record_no_delivery
    most_attempts: int = MOST_ATTEMPTS

    def run(self, job: Job) -> None:
        """Do one attempt. What the operation itself is to blame for ends it; all else may be better next time."""
        try:
            order = self.database.read(run_in(job.tenancy, lambda tx: self.steps.load(tx, job))).result()
            made = self.steps.work(order)
            self._end(job, lambda tx: self.steps.finish(tx, job, made, record_delivery=self.record_delivery))
        except StorageUnavailable:
            raise
        except WorkItemServiceError as error:
            self._end(job, partial(self._fail, job=job, error=OperationError.of(error)))

    def give_up(self, tx: Transaction, job: Job) -> None:
        """Leave the session failed, and the item open."""
        self._followed(tx, self._fail(tx, job, OperationError.of(OperationGivenUp())))

    def _fail(self, tx: Transaction, job: Job, error: OperationError) -> VersionOperation:
        return self.steps.fail(tx, job, error, record_delivery=self.record_delivery)

    def _end(self, job: Job, unit: Unit[VersionOperation]) -> None:
        self.database.write(run_in(job.tenancy, lambda tx: self._followed(tx, unit(tx)))).result()

    def _followed(self, tx: Transaction, operation: VersionOperation) -> None:
        tx.after_commit(partial(self.ended, operation.id))


@dataclass(frozen=True, kw_only=True, slots=True)
class Patience:
    """How long a request waits for an operation to end, and how often it looks at the database meanwhile, in seconds.

    It is woken by what ends in its own process; it has to look for what another one ends. Polling 0: it never looks.
    """

    timeout: float
    polling: float


Look = Callable[[Transaction], tuple[WorkItem, VersionSession]]


@dataclass(frozen=True, kw_only=True, slots=True)
class Outcome:
    """What became of a request: the item and the version as they are now, at their end or still at work."""

    item: WorkItem
    session: VersionSession

    @property
    def is_finished(self) -> bool:
        """Whether the operation came to its end, well or not."""
        return self.session.state not in RUNNING


class VersionOperations:
    """The two operations for a door on an event loop: accepted at once, and waited for as long as patience lasts."""

    def __init__(
        self,
        database: Database,
        runner: Runner,
        waiters: Waiters,
        patience: Mapping[OperationKind, Patience],
    ) -> None:
        self._database = database
        self._runner = runner
        self._waiters = waiters
        self._patience = patience

    def longest_wait(self, kind: OperationKind) -> float:
        """Say for how many seconds a request waits for an operation of a kind, at most."""
        return self._patience[kind].timeout

    def close(self) -> None:
        """Let everybody who waits go with what is known, and nobody wait any more: the process is about to end."""
        self._waiters.close()

    async def save_and_close(
        self, caller: Caller, target: Target, *, callback: Callback | None = None, wait: float | None = None
    ) -> Outcome:
        """Save an open version and close its item.

        `wait`, in seconds, may only shorten the time that is waited; with a callback nothing is waited for. Raises what
        version_operations.accept raises.
        """
        request = OperationRequest(id=str(uuid.uuid4()), kind=OperationKind.SAVE_AND_CLOSE, callback=callback)
        return await self.submit(caller, target, request, wait=wait)

    async def complete(
        self,
        caller: Caller,
        target: Target,
        *,
        callback: Callback | None = None,
        run_assembly: bool = True,
        wait: float | None = None,
    ) -> Outcome:
        """Assemble the documents of an open version, and complete its item; see save_and_close."""
        request = OperationRequest(
            id=str(uuid.uuid4()), kind=OperationKind.COMPLETE, callback=callback, run_assembly=run_assembly
        )
        return await self.submit(caller, target, request, wait=wait)

    async def submit(
        self,
        caller: Caller,
        target: Target,
        request: OperationRequest,
        *,
        accept: Callable[..., Accepted] = version_operations.accept,
        wait: float | None = None,
    ) -> Outcome:
        """Do what `accept`, a unit of work of (tx, caller, target, request, lease=...), accepts; then wait for it."""
        patience = self._patience[request.kind]
        seconds = 0.0 if request.callback else min(patience.timeout, patience.timeout if wait is None else wait)
        until = time.monotonic() + seconds
        tenancy = InTenancy(self._database, caller.tenancy)
        look = partial(version_operations.outcome, caller=caller, target=target, kind=request.kind)
        with self._waiters.place(request.id) as waiter:
            with self._runner.place_for(request.kind) as lease:
                accepted = await tenancy.written(lambda tx: accept(tx, caller, target, request, lease=lease))
            outcome = Outcome(item=accepted.item, session=accepted.session)
            if outcome.is_finished or seconds <= 0:
                return outcome
            if accepted.operation == request.id:
                return await self._end_of(outcome, tenancy, look, waiter, until, patience.polling)
        with self._waiters.place(accepted.operation or "") as waiter:  # it is the first request's that is waited for
            if waiter is not None:
                waiter.wake()  # it may have ended since it was seen
            return await self._end_of(outcome, tenancy, look, waiter, until, patience.polling)

    async def _end_of(
        self, outcome: Outcome, tenancy: InTenancy, look: Look, waiter: Waiter | None, until: float, polling: float
    ) -> Outcome:
        """Wait for the end, holding neither a thread nor a transaction; without a place to wait in, not at all."""
        while waiter is not None and not outcome.is_finished and (left := until - time.monotonic()) > 0:
            # Many who came together shall not all look at the same moment.
            pause = polling * random.uniform(0.5, 1.0)  # noqa: S311 - nobody gains by guessing it
            await waiter.wait(min(left, pause) if polling else left)
            try:
                item, session = await tenancy.seen(look)
            except StorageUnavailable:  # it was accepted all the same, and that is what is told
                _log.warning("the end of an operation could not be looked for", exc_info=True)
                break
            outcome = Outcome(item=item, session=session)
            if self._waiters.is_closed:
                break
        return outcome
