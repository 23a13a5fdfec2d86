"""What two tenancies have of versions and the work on them, and what one could do to that of the other."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import UTC, datetime

import sqlalchemy as sa

from soapsvc.domain.document import Document, NewDocument, Template, TemplatePackage
from soapsvc.domain.errors import LeaseLost, LostRace
from soapsvc.domain.organisation import Entity
from soapsvc.domain.version_session import (
    Callback,
    OperationError,
    OperationKind,
    SessionState,
    VersionOperation,
    VersionSession,
)
from soapsvc.domain.work_item import Running, WorkItem
from soapsvc.storage import documents, idempotent_requests, jobs, operations, people, reservations, sessions
from soapsvc.storage.transaction import Transaction
from soapsvc.storage.version_tables import document as stored_document
from soapsvc.storage.version_tables import job

LONG_AGO = datetime(2020, 1, 1, tzinfo=UTC)
SESSION, OPERATION, KIND = "session-1", "operation-1", OperationKind.SAVE_AND_CLOSE
TO_FINISH, TO_FAIL, TO_ACCEPT, TO_ANSWER, SAVED = (f"session-{what}" for what in ("2", "3", "4", "5", "6"))
KEY, PACKAGE, REF = "key-1", "letters", "ref-1"
ERROR = OperationError(code="BRM_ASSEMBLY_FAILED", message="no")
RUNNING = Running(OPERATION, SessionState.SAVING)


@dataclass(frozen=True)
class Work:
    """An item that is free, one that is open and kept for an operation, who opened it, and what there is besides."""

    free: WorkItem
    opened: WorkItem
    person: Entity
    operation: str
    sealed: str
    job: jobs.Job
    document: Document


def furnish(tx: Transaction, mark: str, free: WorkItem, opened: WorkItem) -> Work:
    """Let versions be open, running and saved, with an operation and its job, documents, templates and a request."""
    person = opened.owner
    assert person is not None
    for guid in (SESSION, TO_FINISH, TO_FAIL, TO_ACCEPT, TO_ANSWER, SAVED):
        sessions.begin(tx, replace(opened, session=guid), {"of": mark})
    for guid in (TO_FINISH, TO_FAIL):
        sessions.accept(tx, guid, OPERATION, SessionState.SAVING)
    sessions.end(tx, SAVED, opened, SessionState.SAVED)
    reservations.reserve(tx, opened, RUNNING)
    operation = VersionOperation(
        id=f"operation of {mark}",
        kind=KIND,
        session=TO_FINISH,
        item_id=opened.id,
        accepted_version=opened.version,
        accepted_at=LONG_AGO,
        by=person,
        run_assembly=True,
        callback=Callback(url=f"https://{mark}.example/", sealed_secret=mark, fingerprint=""),
    )
    operations.add(tx, operation)
    jobs.enqueue(tx, KIND, REF)
    row = tx.connection.execute(sa.select(job).where(job.c.tenancy_id == tx.tenancy)).one()
    documents.replace(tx, SESSION, [NewDocument(name=mark, media_type="text/plain", content=mark.encode())])
    # To where documents are put aside, so that who brings back those of others is found out.
    tx.connection.execute(
        sa.update(stored_document).where(stored_document.c.tenancy_id == tx.tenancy).values(position=-5)
    )
    (document,) = documents.of_session(tx, SESSION)
    template = Template(name="letter.txt", media_type="text/plain", content=mark.encode())
    documents.put_package(tx, TemplatePackage(id=PACKAGE, templates=[template]))
    idempotent_requests.put(tx, person, KEY, digest=mark)
    made = jobs.Job(id=row.id, tenancy=row.tenancy_id, kind=row.kind, ref=REF, attempt=0)
    return Work(free, opened, person, operation.id, mark, made, document)


def look_for_own(tx: Transaction, own: Work, mark: str) -> None:
    session = sessions.find(tx, SESSION)
    assert isinstance(session, VersionSession)
    assert (session.item_id, session.by, session.answers) == (own.opened.id, own.person, {"of": mark})
    assert len(sessions.of_item(tx, own.opened.id)) == 6
    assert sessions.find_item(tx, "item-2") == own.opened.id
    assert operations.sealed_secrets(tx) == [(own.operation, mark)]
    operation = operations.find(tx, own.operation)
    assert operation is not None
    assert operation.by == own.person
    assert documents.of_session(tx, SESSION) == [own.document]
    assert documents.find(tx, SESSION, own.document.id) == (own.document, mark.encode())
    package = documents.find_package(tx, PACKAGE)
    assert package is not None
    assert [template.content for template in package.templates] == [mark.encode()]
    assert documents.packages(tx) == [(PACKAGE, 1)]
    request = idempotent_requests.find(tx, own.person, KEY)
    assert request is not None
    assert request.digest == mark


def look_for_theirs(tx: Transaction, theirs: Work) -> None:
    assert not sessions.of_item(tx, theirs.opened.id)
    assert operations.find(tx, theirs.operation) is None
    assert documents.find(tx, SESSION, theirs.document.id) is None
    assert idempotent_requests.find(tx, theirs.person, KEY) is None


def meddle(tx: Transaction, theirs: Work) -> None:
    """Both have versions of the same GUIDs: what changes must be one's own."""
    sessions.end(tx, SESSION, theirs.opened, SessionState.ABANDONED)
    before, guard = SessionState.SAVING, (OPERATION,)
    sessions.finish(tx, TO_FINISH, *guard, before=before, after=SessionState.SAVED, ended_at=7)
    sessions.fail(tx, TO_FAIL, *guard, before=before, after=SessionState.SAVE_FAILED, error=ERROR)
    finished = sessions.find(tx, TO_FINISH)
    assert finished is not None
    _refused(lambda: sessions.hold(tx, replace(finished, state=before)))
    sessions.accept(tx, TO_ACCEPT, "another", SessionState.SAVING)
    sessions.change_answers(tx, TO_ANSWER, {"of": "somebody"})
    own_person = people.find_entity(tx, theirs.person.guid)
    sessions.begin_again(tx, replace(theirs.opened, session=SAVED, owner=own_person, version=9), {})
    operations.reseal(tx, theirs.operation, theirs.sealed, "another seal")
    operations.finish(tx, theirs.operation, item_version=7, error=ERROR)
    assert not reservations.release(tx, theirs.opened.id, OPERATION)
    _refused(lambda: reservations.reserve(tx, theirs.free, Running("another", SessionState.SAVING)))
    _refused(lambda: jobs.postpone(tx, theirs.job, LONG_AGO))
    _refused(lambda: jobs.done(tx, theirs.job))
    documents.insert(tx, SESSION, NewDocument(name="theirs", media_type="text/plain", content=b""), -9)
    documents.replace(tx, SESSION, [])
    idempotent_requests.forget_one(tx, theirs.person, KEY)


def _refused(act: Callable[[], object]) -> None:
    try:
        act()
    except (LostRace, LeaseLost):
        return
    raise AssertionError("what is the other tenancy's was changed")
