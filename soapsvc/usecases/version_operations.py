"""SaveAndClose and Complete: accepted in one transaction, done outside of any, and ended in another.

Accepting keeps the item for the operation and leaves its version alone. Ending is one guarded save, or none if the
operation failed; either way the job goes in the same transaction, by the attempt that does it, so at most one ends it.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from soapsvc.domain import answers as answering
from soapsvc.domain.answers import Answers
from soapsvc.domain.caller import Caller
from soapsvc.domain.data import Field
from soapsvc.domain.document import NewDocument, TemplatePackage
from soapsvc.domain.errors import WrongState
from soapsvc.domain.states import Action
from soapsvc.domain.version_errors import OperationConflict, OperationOvertaken, UnknownTemplatePackage
from soapsvc.domain.version_session import (
    FAILED,
    OPEN,
    RUNNING,
    STARTED,
    SUCCEEDED,
    FinishedOperation,
    OperationError,
    OperationKind,
    OperationRequest,
    SessionState,
    VersionOperation,
    VersionSession,
)
from soapsvc.domain.work_item import Running, WorkItem
from soapsvc.storage import documents, jobs, locks, operations, reservations, sessions, work_items
from soapsvc.storage.jobs import Job, Lease
from soapsvc.storage.transaction import Transaction
from soapsvc.usecases import access, items, versions
from soapsvc.usecases.access import ItemReference
from soapsvc.usecases.versions import Target

RecordDelivery = Callable[[Transaction, FinishedOperation], None]
"""Records, in the transaction that ends an operation, what is to be told to its callback."""

ACTIONS = {OperationKind.SAVE_AND_CLOSE: Action.CLOSE, OperationKind.COMPLETE: Action.COMPLETE}
"""What an operation does to the item at its end, and whose checks it goes by."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Accepted:
    """An item and its version after a request: at work since, or as an earlier request like it left them.

    `operation` is None where the version ended without one.
    """

    item: WorkItem
    session: VersionSession
    operation: str | None


@dataclass(frozen=True, kw_only=True, slots=True)
class WorkOrder:
    """What an attempt at an operation needs, as it was when the attempt began."""

    operation: VersionOperation
    item: WorkItem
    answers: Answers
    package: TemplatePackage | None


def accept(
    tx: Transaction, caller: Caller, target: Target, request: OperationRequest, lease: Lease | None = None
) -> Accepted:
    """Check everything, then keep the item for an operation and make its job; a repeat is told what the first came to.

    Raises UnknownWorkItem, NotAllowed, UnknownVersion, OperationConflict, StaleVersion, WrongState, InvalidField,
    Rescheduled, UnknownTemplatePackage, InvalidRequest.
    """
    action = ACTIONS[request.kind]
    item = access.item_to_read(tx, caller, versions.reference(tx, target.item, None), action)
    access.require_for_item(tx, caller, item, action)
    locks.lock_items(tx, [item.id])  # of two who ask at the same time the second is told of the first
    session = versions.session_of(tx, item.id, target.session)
    if _is_recognised(tx, session, request):
        # Read anew, for it may have changed before it was locked: an end that is told of comes with its version.
        return Accepted(item=work_items.get(tx, item.id), session=session, operation=session.operation)
    item = access.item_to_change(tx, caller, ItemReference(id=item.id, version=target.version), action)
    if session.state not in OPEN or item.session != session.guid:
        raise WrongState(item.id, state=session.state, operation=request.kind)
    items.check_not_rescheduled(item, target.version)
    _ended(tx, item, request.kind, _unsaved_fields(item, session))  # would it do? then it will: nothing else may change
    if _needs_package(item, request.kind, run_assembly=request.run_assembly):
        _package(tx, item)
    return _kept(tx, caller, item, session, request, lease)


def accept_create_and_assemble(
    tx: Transaction,
    caller: Caller,
    target: Target,
    request: OperationRequest,
    *,
    answers: Answers | None = None,
    lease: Lease | None = None,
) -> Accepted:
    """Begin a version and accept its completion, both or neither. Raises what begin_version and accept raise.

    A version that is open already gets the answers, if there are any.
    """
    known = sessions.find(tx, target.session)
    is_to_answer = known is not None and known.state in OPEN and answers is not None
    if known is None or known.state is SessionState.SAVED or is_to_answer:
        begun = versions.begin_version(tx, caller, target, answers=answers)
        target = Target(item=target.item, session=target.session, version=begun.item.version)
    return accept(tx, caller, target, request, lease)


def outcome(tx: Transaction, caller: Caller, target: Target, kind: OperationKind) -> tuple[WorkItem, VersionSession]:
    """Give a version and its item, for who may have the operation done. Raises UnknownWorkItem, NotAllowed."""
    item = access.item_to_read(tx, caller, versions.reference(tx, target.item, None), ACTIONS[kind])
    return item, versions.session_of(tx, item.id, target.session)


def load(tx: Transaction, job: Job) -> WorkOrder:
    """Give what an attempt has to work with. Raises OperationOvertaken, UnknownTemplatePackage."""
    operation = _operation(tx, job)
    item = work_items.get(tx, operation.item_id).finishing(operation.id, operation.accepted_version)
    session = versions.session_of(tx, item.id, operation.session)
    package = None
    if _needs_package(item, operation.kind, run_assembly=operation.run_assembly):
        package = _package(tx, item)
    return WorkOrder(operation=operation, item=item, answers=_answers(item, session), package=package)


def finish(
    tx: Transaction, job: Job, made: Sequence[NewDocument], *, record_delivery: RecordDelivery
) -> VersionOperation:
    """End an operation well: the one save of the item, its documents, and what its callback is told.

    Raises LeaseLost where another attempt was begun since, OperationOvertaken where the item or the session is not as
    it was left.
    """
    jobs.done(tx, job)
    operation = _operation(tx, job)
    kept = work_items.get(tx, operation.item_id)
    item = kept.finishing(operation.id, operation.accepted_version)
    session = versions.session_of(tx, item.id, operation.session)
    ended = _ended(tx, item, operation.kind, _unsaved_fields(item, session))
    saved = work_items.save(tx, kept, ended, action=ACTIONS[operation.kind], by=operation.by)
    before, after = STARTED[operation.kind], SUCCEEDED[operation.kind]
    if not sessions.finish(tx, session.guid, operation.id, before=before, after=after, ended_at=saved.version):
        raise OperationOvertaken(item.id)
    if operation.kind is OperationKind.COMPLETE:
        documents.replace(tx, session.guid, made)
    _record_end(tx, operation, saved, after, None, record_delivery)
    return operation


def fail(tx: Transaction, job: Job, error: OperationError, *, record_delivery: RecordDelivery) -> VersionOperation:
    """End an operation that failed: the item stays open, and the session may be tried again. Raises LeaseLost."""
    jobs.done(tx, job)
    operation = _operation(tx, job)
    reservations.release(tx, operation.item_id, operation.id)
    before, after = STARTED[operation.kind], FAILED[operation.kind]
    sessions.fail(tx, operation.session, operation.id, before=before, after=after, error=error)
    _record_end(tx, operation, work_items.get(tx, operation.item_id), after, error, record_delivery)
    return operation


def _is_recognised(tx: Transaction, session: VersionSession, request: OperationRequest) -> bool:
    """Say whether this was asked for already, and is running or done. Raises OperationConflict, WrongState."""
    if session.state in OPEN:
        return False
    earlier = None if session.operation is None else operations.find(tx, session.operation)
    if session.state in RUNNING:
        if earlier is None or not earlier.is_repeated_by(request):
            raise OperationConflict(session.guid, session.state)
        return True
    if session.state is not SUCCEEDED[request.kind]:
        raise WrongState(session.item_id, state=session.state, operation=request.kind)
    told = earlier.callback.fingerprint if earlier is not None and earlier.callback is not None else None
    if request.callback is not None and request.callback.fingerprint != told:
        raise OperationConflict(session.guid, session.state)
    return True


def _kept(
    tx: Transaction,
    caller: Caller,
    item: WorkItem,
    session: VersionSession,
    request: OperationRequest,
    lease: Lease | None,
) -> Accepted:
    state = STARTED[request.kind]
    reservations.reserve(tx, item, Running(request.id, state))
    sessions.accept(tx, session.guid, request.id, state)
    operation = VersionOperation(
        id=request.id,
        kind=request.kind,
        session=session.guid,
        item_id=item.id,
        accepted_version=item.version,
        accepted_at=tx.now(),
        by=caller.person,
        run_assembly=request.run_assembly,
        callback=request.callback,
    )
    operations.add(tx, operation)
    jobs.enqueue(tx, request.kind, request.id, lease=lease)
    return Accepted(item=item, session=versions.session_of(tx, item.id, session.guid), operation=request.id)


def _ended(tx: Transaction, item: WorkItem, kind: OperationKind, payload: Sequence[Field]) -> WorkItem:
    """Give what the operation makes of the item. Raises WrongState, InvalidField."""
    if kind is OperationKind.COMPLETE:
        return item.completed(payload=payload)
    reoffer = item.offered_when_opened and items.work_type_of(tx, item).reoffer_on_close
    return item.closed(payload=payload, hidden_until=None, reoffer=reoffer)


def _unsaved_fields(item: WorkItem, session: VersionSession) -> Sequence[Field]:
    return answering.overlaid(item.fields, session.answers or {})


def _answers(item: WorkItem, session: VersionSession) -> Answers:
    return answering.merged(answering.of_fields(item.fields), session.answers or {})


def _needs_package(item: WorkItem, kind: OperationKind, *, run_assembly: bool) -> bool:
    return kind is OperationKind.COMPLETE and run_assembly and item.template_package_id is not None


def _package(tx: Transaction, item: WorkItem) -> TemplatePackage:
    package = documents.find_package(tx, item.template_package_id or "")
    if package is None:
        raise UnknownTemplatePackage(item.template_package_id or "")
    return package


def _operation(tx: Transaction, job: Job) -> VersionOperation:
    found = operations.find(tx, job.ref)
    if found is None:
        raise LookupError(f"a job is about the operation {job.ref}, which there is not")
    return found


def _record_end(
    tx: Transaction,
    operation: VersionOperation,
    item: WorkItem,
    status: SessionState,
    error: OperationError | None,
    record_delivery: RecordDelivery,
) -> None:
    operations.finish(tx, operation.id, item_version=item.version, error=error)
    if operation.callback is None:
        return
    finished = FinishedOperation(
        id=operation.id,
        kind=operation.kind,
        item_id=item.id,
        item_guid=item.guid,
        item_version=item.version,
        session=operation.session,
        status=status,
        finished_at=tx.now(),
        callback=operation.callback,
        error=error,
    )
    record_delivery(tx, finished)
