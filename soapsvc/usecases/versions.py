"""Versions of work items: create an item by a GUID of the client's, open it in a session, and answer.

The same items, the same checks and the same counter as those of the SOAP operations, whose names the checks go by.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial

from soapsvc.domain import answers as answering
from soapsvc.domain import data
from soapsvc.domain.answers import Answers
from soapsvc.domain.caller import Caller
from soapsvc.domain.document import MOST_DOCUMENTS, Document, NewDocument
from soapsvc.domain.errors import InvalidRequest, LostRace, UnknownWorkItem, UnknownWorkType, WrongState
from soapsvc.domain.states import Action, State
from soapsvc.domain.version_errors import (
    DocumentLimitReached,
    SessionInProgress,
    UnknownDocument,
    UnknownTemplatePackage,
    UnknownVersion,
    VersionExists,
    WorkItemExists,
)
from soapsvc.domain.version_session import ANSWERABLE, SessionState, VersionSession
from soapsvc.domain.work_item import Distribution, NewWorkItem, WorkItem
from soapsvc.storage import documents, locks, sessions, work_items, work_types
from soapsvc.storage.transaction import Transaction
from soapsvc.usecases import access, allocation, scheduling
from soapsvc.usecases.access import ItemReference
from soapsvc.usecases.items import item_to_work_on, saved_open
from soapsvc.usecases.permissions import PERMISSIONS

_LOOK = "getWorkItemHeader"
_ADD_DOCUMENT = "addDocument"


@dataclass(frozen=True, kw_only=True, slots=True)
class Target:
    """A version of an item as a client names it, by GUIDs in lower case; no `version` means the latest."""

    item: str
    session: str
    version: int | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class NewVersionedItem:
    """What a client says of a new item. `work_group` is a GUID or name of an entity: it is offered to that one.

    Without one it is allocated to who creates it. Without a work type its fields are those of its answers.
    """

    name: str
    description: str | None = None
    work_group: str | None = None
    template_package_id: str | None = None
    work_type_id: str | None = None
    answers: Answers | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class Begun:
    """An item, and the session that it is open in; `is_new` says whether that was begun just now."""

    item: WorkItem
    session: VersionSession
    is_new: bool


def create_work_item(tx: Transaction, caller: Caller, guid: str | None, new: NewVersionedItem) -> WorkItem:
    """Create an item at version 0, offered to its work group or allocated to the caller. Without a GUID it gets one.

    Raises NotAllowed, WorkItemExists, UnknownEntity, UnknownWorkType, UnknownTemplatePackage, InvalidField,
    InvalidWorkItem.
    """
    access.require_somewhere(tx, caller, "scheduleWorkItem")
    if guid is not None and sessions.find_item(tx, guid) is not None:
        raise WorkItemExists(guid)
    if new.template_package_id is not None and documents.find_package(tx, new.template_package_id) is None:
        raise UnknownTemplatePackage(new.template_package_id)
    scheduled = NewWorkItem(
        name=new.name,
        description=new.description,
        distribution=Distribution.ALLOCATE if new.work_group is None else Distribution.OFFER,
        work_type_id=new.work_type_id,
        template_package_id=new.template_package_id,
    )
    offer_to = [caller.person.guid if new.work_group is None else new.work_group]
    return scheduling.schedule_item(tx, caller, scheduled, _first_fields(tx, new), offer_to, guid=guid)


def get_work_item(tx: Transaction, caller: Caller, guid: str, version: int | None = None) -> WorkItem:
    """Give an item. Raises UnknownWorkItem, NotAllowed, StaleVersion."""
    return access.item_to_read(tx, caller, reference(tx, guid, version), _LOOK)


def current(tx: Transaction, guid: str) -> int:
    """Give an item's version, for who wants to know whether he has seen it. Raises UnknownWorkItem."""
    return work_items.get(tx, reference(tx, guid, None).id).version


def exists(tx: Transaction, guid: str) -> bool:
    """Say whether there is an item of this GUID."""
    return sessions.find_item(tx, guid) is not None


def begin_version(
    tx: Transaction, caller: Caller, target: Target, *, answers: Answers | None = None, force: bool = False
) -> Begun:
    """Open an item in a session of this GUID, or go on with the one that it has.

    Answers take the place of those that are not saved yet; without any, the saved ones hold again. `force` leaves a
    session of another GUID, and what is not saved in it. A completed item is opened again.
    Raises UnknownWorkItem, NotAllowed, StaleVersion, WrongState, SessionInProgress, VersionExists, InvalidField,
    EntityNotEligible, OpenLimitReached, InvalidRequest.
    """
    found = reference(tx, target.item, target.version)
    known = sessions.find(tx, target.session)
    if known is not None and known.item_id != found.id:
        raise VersionExists(target.session)
    if known is not None:
        tx.be_alone()  # to begin a version again is more than a look and one guarded change
    if tx.is_again:
        locks.lock_items(tx, [found.id])  # so that nothing comes between this look and the next once more
    seen = work_items.get(tx, found.id)
    if seen.session is None:
        item = _opened(tx, caller, found, seen, target, answers, known)
    elif seen.session == target.session:
        item = _resumed(tx, caller, found, seen, answers)
    else:
        item = _restarted(tx, caller, found, seen, target, answers, force=force, known=known)
    return Begun(item=item, session=session_of(tx, item.id, target.session), is_new=known is None)


def get_version(tx: Transaction, caller: Caller, target: Target) -> tuple[WorkItem, VersionSession]:
    """Give a version of an item, and the item. Raises UnknownWorkItem, NotAllowed, StaleVersion, UnknownVersion."""
    item = get_work_item(tx, caller, target.item, target.version)
    return item, session_of(tx, item.id, target.session)


def list_versions(tx: Transaction, caller: Caller, guid: str) -> Sequence[VersionSession]:
    """Give the versions of an item, oldest first. Raises UnknownWorkItem, NotAllowed."""
    return sessions.of_item(tx, get_work_item(tx, caller, guid).id)


def list_documents(tx: Transaction, caller: Caller, target: Target) -> Sequence[Document]:
    """Give the documents of a version. Raises what get_version raises."""
    _, session = get_version(tx, caller, target)
    return documents.of_session(tx, session.guid)


def read_document(tx: Transaction, caller: Caller, target: Target, document: str) -> tuple[Document, bytes]:
    """Give a document of a version, and its content. Raises what get_version raises, and UnknownDocument."""
    _, session = get_version(tx, caller, target)
    found = documents.find(tx, session.guid, document)
    if found is None:
        raise UnknownDocument(document)
    return found


def add_document(
    tx: Transaction, caller: Caller, target: Target, new: NewDocument, place: int | None, *, most_bytes: int
) -> tuple[WorkItem, Document]:
    """Add a document to a version in post-processing: at a place among its documents, from 0 on, or after all of them.

    Those from that place on move by one. Who may complete the item may do this; the item's version stays as it is.
    Raises UnknownWorkItem, NotAllowed, StaleVersion, UnknownVersion, WrongState, InvalidRequest, DocumentLimitReached.
    """
    item = item_to_work_on(tx, caller, reference(tx, target.item, target.version), Action.COMPLETE)
    session = session_of(tx, item.id, target.session)
    if session.state is not SessionState.POST_PROCESSING:
        raise WrongState(item.id, state=session.state, operation=_ADD_DOCUMENT)
    sessions.hold(tx, session)
    there = documents.of_session(tx, session.guid)
    _check_room(there, new, most_bytes)
    if place is not None and not 0 <= place <= len(there):
        raise InvalidRequest(f"The version has {len(there)} documents, and a further one has no place {place}")
    return item, documents.insert(tx, session.guid, new, len(there) if place is None else place)


def get_answers(tx: Transaction, caller: Caller, guid: str, version: int | None = None) -> tuple[WorkItem, Answers]:
    """Give an item and its answers: with those on top that are not saved yet.

    Raises UnknownWorkItem, NotAllowed, StaleVersion.
    """
    item = get_work_item(tx, caller, guid, version)
    session = None if item.session is None else sessions.find(tx, item.session)
    unsaved = answering.overlaid(item.fields, session.answers) if session and session.answers else ()
    return item, answering.of_fields(data.merged(item.fields, unsaved))


def replace_answers(
    tx: Transaction, caller: Caller, guid: str, answers: Answers, version: int | None = None
) -> WorkItem:
    """Let these be all answers: what they do not name is empty. Raises as `overlay_answers` does."""
    fields = work_items.get(tx, reference(tx, guid, None).id).fields
    return overlay_answers(tx, caller, guid, answering.replacing(fields, answers), version)


def overlay_answers(
    tx: Transaction, caller: Caller, guid: str, answers: Answers, version: int | None = None
) -> WorkItem:
    """Change the answers that are named: of the session that is in progress, or of the item if its last one is saved.

    Raises UnknownWorkItem, NotAllowed, StaleVersion, WrongState, InvalidField, InvalidRequest.
    """
    item = item_to_work_on(tx, caller, reference(tx, guid, version), Action.SAVE)
    last = _last_session(tx, item)
    if last is None or last.state not in ANSWERABLE:
        state = item.state if last is None else last.state
        raise WrongState(item.id, state=state, operation=Action.CHANGE_ANSWERS)
    if item.owner is None and not access.is_offered_to(tx, item, caller.person):
        access.require(tx, caller, PERMISSIONS[Action.SAVE].others, item)  # he held it once, and that is not enough
    if item.session is None:
        changed = item.with_answers(payload=answering.overlaid(item.fields, answers))
        return work_items.save(tx, item, changed, action=Action.CHANGE_ANSWERS, by=caller.person)
    return _with_unsaved(tx, caller, item, answering.merged(last.answers or {}, answers))


def reference(tx: Transaction, guid: str, version: int | None) -> ItemReference:
    """Name an item as the checks know it. Raises UnknownWorkItem."""
    item_id = sessions.find_item(tx, guid)
    if item_id is None:
        raise UnknownWorkItem(guid)
    return ItemReference(id=item_id, version=version)


def session_of(tx: Transaction, item_id: int, guid: str) -> VersionSession:
    """Give a version of an item. Raises UnknownVersion."""
    found = sessions.find(tx, guid)
    if found is None or found.item_id != item_id:
        raise UnknownVersion(guid)
    return found


def check_answers(item: WorkItem, answers: Answers | None) -> None:
    """Raise InvalidField for an answer that the item's data cannot hold."""
    if answers is not None:
        data.merged(item.fields, answering.overlaid(item.fields, answers))


def _check_room(there: Sequence[Document], new: NewDocument, most_bytes: int) -> None:
    if len(there) >= MOST_DOCUMENTS:
        raise DocumentLimitReached(MOST_DOCUMENTS, "files")
    if sum(one.size for one in there) + len(new.content) > most_bytes:
        raise DocumentLimitReached(most_bytes, "bytes")


def _first_fields(tx: Transaction, new: NewVersionedItem) -> Sequence[data.Field]:
    if new.work_type_id is None:
        return answering.declared(new.answers or {})
    work_type = work_types.find(tx, new.work_type_id)
    if work_type is None:
        raise UnknownWorkType(new.work_type_id)
    return answering.overlaid(work_type.fields, new.answers or {})


def _opened(
    tx: Transaction,
    caller: Caller,
    found: ItemReference,
    seen: WorkItem,
    target: Target,
    answers: Answers | None,
    known: VersionSession | None,
) -> WorkItem:
    """Open an item that is not open: out of its offer, by who holds it, or after its completion."""
    open_in: Callable[..., WorkItem]
    if seen.state is State.OFFERED:
        action = Action.ALLOCATE_AND_OPEN
        item, resource = allocation.item_and_resource(tx, caller, allocation.Allocation(item=found), action)
        open_in = partial(item.allocated_and_opened, to=resource)
    else:
        action = Action.REOPEN if seen.state is State.COMPLETED else Action.OPEN
        item = item_to_work_on(tx, caller, found, Action.OPEN)
        open_in = item.reopened if action is Action.REOPEN else item.opened
    _expect_as_seen(item, seen)
    check_answers(item, answers)
    opened = open_in(session=target.session)
    return saved_open(tx, item, opened, action=action, by=caller.person, begin=_beginning(known, target, answers))


def _expect_as_seen(item: WorkItem, seen: WorkItem) -> None:
    """Raise LostRace where the item has changed since it was decided what to make of it: it is decided anew."""
    if item.version != seen.version:
        raise LostRace(f"the work item {item.id} was changed between two looks at it")


def _beginning(
    known: VersionSession | None, target: Target, answers: Answers | None
) -> Callable[[Transaction, WorkItem], None]:
    """Give how the session begins: for the first time, or once more after it was saved. Raises VersionExists."""
    if known is None:
        return partial(sessions.begin, answers=answers)
    if known.state is not SessionState.SAVED:
        raise VersionExists(target.session)
    return partial(sessions.begin_again, answers=answers)


def _resumed(
    tx: Transaction, caller: Caller, found: ItemReference, seen: WorkItem, answers: Answers | None
) -> WorkItem:
    """Go on with the session that is open; what changes nothing, as a repeat does not, raises no version."""
    item = item_to_work_on(tx, caller, found, Action.SAVE)
    _expect_as_seen(item, seen)
    item.check_state(Action.SAVE)
    session = session_of(tx, item.id, item.session or "")
    if session.state is SessionState.IN_PROGRESS and session.answers == answers:
        return item
    return _with_unsaved(tx, caller, item, answers)


def _restarted(
    tx: Transaction,
    caller: Caller,
    found: ItemReference,
    seen: WorkItem,
    target: Target,
    answers: Answers | None,
    *,
    force: bool,
    known: VersionSession | None,
) -> WorkItem:
    item = item_to_work_on(tx, caller, found, Action.CLOSE)
    _expect_as_seen(item, seen)
    left = item.session or ""
    if not force:
        raise SessionInProgress(item.id, left)
    if known is not None:
        raise VersionExists(target.session)
    check_answers(item, answers)
    restarted = item.restarted(session=target.session)
    saved = work_items.save(tx, item, restarted, action=Action.RESTART, by=caller.person)
    sessions.end(tx, left, saved, SessionState.ABANDONED)
    sessions.begin(tx, saved, answers)
    return saved


def _with_unsaved(tx: Transaction, caller: Caller, item: WorkItem, answers: Answers | None) -> WorkItem:
    """Keep answers in the session: the item's data wait for the save, but its version tells that something changed."""
    check_answers(item, answers)
    sessions.change_answers(tx, item.session or "", answers)
    return work_items.save(tx, item, item.saved(payload=()), action=Action.SAVE, by=caller.person)


def _last_session(tx: Transaction, item: WorkItem) -> VersionSession | None:
    if item.session is not None:
        return sessions.find(tx, item.session)
    every = sessions.of_item(tx, item.id)
    return every[-1] if every else None
