"""Work on items: open, allocate and open, close, read."""

import uuid
from collections.abc import Sequence
from dataclasses import dataclass

from soapsvc.domain.caller import Caller, SystemAction
from soapsvc.domain.data import Field
from soapsvc.domain.errors import EntityNotEligible, InvalidRequest, OpenLimitReached, UnknownEntity
from soapsvc.domain.organisation import Entity
from soapsvc.domain.schedule import Period
from soapsvc.domain.states import Action
from soapsvc.domain.work_item import WorkItem
from soapsvc.storage import people, sessions, work_items
from soapsvc.storage.transaction import Transaction
from soapsvc.usecases import access


@dataclass(frozen=True, kw_only=True, slots=True)
class ItemReference:
    """An item as a client names it: no version, or -1, means the latest."""

    id: int
    version: int | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class Close:
    """What closing an item asks for."""

    item: ItemReference
    payload: Sequence[Field] = ()
    hidden: Period = Period()


@dataclass(frozen=True, kw_only=True, slots=True)
class Allocation:
    """Whom an item shall go to, by GUID or name."""

    item: ItemReference
    resource: str


def get_headers(tx: Transaction, caller: Caller, references: Sequence[ItemReference]) -> list[WorkItem]:
    """Read items. Raises UnknownWorkItem, NotAllowed, StaleVersion, InvalidRequest."""
    check_batch(references)
    return [access.item_for(tx, caller, one.id, one.version, reach=access.READ_ACTIONS) for one in references]


def open_items(tx: Transaction, caller: Caller, references: Sequence[ItemReference]) -> list[WorkItem]:
    """Open allocated or pended items, each in a version session of its own.

    Raises UnknownWorkItem, NotAllowed, StaleVersion, WrongState, OpenLimitReached, InvalidRequest.
    """
    check_batch(references)
    return [_open(tx, caller, one) for one in references]


def allocate_and_open_items(tx: Transaction, caller: Caller, batch: Sequence[Allocation]) -> list[WorkItem]:
    """Take offered items out of the offer for a resource, and open them: one version each.

    Raises UnknownWorkItem, NotAllowed, StaleVersion, WrongState, UnknownEntity, EntityNotEligible, OpenLimitReached,
    InvalidRequest.
    """
    check_batch([one.item for one in batch])
    return [_allocate_and_open(tx, caller, one) for one in batch]


def close_items(tx: Transaction, caller: Caller, batch: Sequence[Close]) -> list[WorkItem]:
    """Close open items with new data, hidden for a while where a period says so.

    Raises UnknownWorkItem, NotAllowed, StaleVersion, WrongState, InvalidField, InvalidSchedule, InvalidRequest.
    """
    check_batch([one.item for one in batch])
    return [_close(tx, caller, one) for one in batch]


def check_batch(references: Sequence[ItemReference]) -> None:
    """Raise InvalidRequest where a batch names nothing, or one item twice."""
    if not references:
        raise InvalidRequest("The request names no work item")
    seen: set[int] = set()
    for reference in references:
        if reference.id in seen:
            raise InvalidRequest(f"The request names the work item with id = {reference.id} twice", reference.id)
        seen.add(reference.id)


def _open(tx: Transaction, caller: Caller, reference: ItemReference) -> WorkItem:
    reach = SystemAction.OPEN_OTHER_RESOURCES_ITEMS
    item = access.item_for(tx, caller, reference.id, reference.version, reach=(reach,))
    _require_unless_own(tx, caller, item, reach)
    opened = item.opened(session=str(uuid.uuid4()))
    return _saved_open(tx, item, opened, action=Action.OPEN, by=caller.person)


def _allocate_and_open(tx: Transaction, caller: Caller, allocation: Allocation) -> WorkItem:
    needed = (SystemAction.WORK_ITEM_ALLOCATION, SystemAction.OPEN_OTHER_RESOURCES_ITEMS)
    item = access.item_for(tx, caller, allocation.item.id, allocation.item.version, reach=needed)
    resource = people.find_resource(tx, allocation.resource)
    if resource != caller.person:
        for action in needed:
            access.require(tx, caller, action)
    item.check_state(Action.ALLOCATE_AND_OPEN)
    if resource is None:
        raise UnknownEntity(allocation.resource)
    if not work_items.is_offered_to(tx, item, resource):
        raise EntityNotEligible(allocation.resource, item.id)
    opened = item.allocated_and_opened(to=resource, session=str(uuid.uuid4()))
    return _saved_open(tx, item, opened, action=Action.ALLOCATE_AND_OPEN, by=caller.person)


def _close(tx: Transaction, caller: Caller, close: Close) -> WorkItem:
    reach = SystemAction.CLOSE_OTHER_RESOURCES_ITEMS
    item = access.item_for(tx, caller, close.item.id, close.item.version, reach=(reach,))
    _require_unless_own(tx, caller, item, reach)
    item.check_state(Action.CLOSE)
    closed = item.closed(payload=close.payload, hidden_until=close.hidden.end(tx.now()))
    saved = work_items.save(tx, item, closed, action=Action.CLOSE, by=caller.person)
    if item.session is not None:
        sessions.end(tx, item.session, saved)
    return saved


def _require_unless_own(tx: Transaction, caller: Caller, item: WorkItem, action: SystemAction) -> None:
    """Raise NotAllowed for an item that somebody else holds, unless the caller was granted the action."""
    if item.owner is not None and item.owner != caller.person:
        access.require(tx, caller, action)


def _saved_open(tx: Transaction, item: WorkItem, opened: WorkItem, *, action: Action, by: Entity) -> WorkItem:
    owner = opened.owner
    limit = owner.max_open_items if owner else None
    if owner is not None and limit is not None and work_items.count_open(tx, owner) >= limit:
        raise OpenLimitReached(owner.guid, limit)
    saved = work_items.save(tx, item, opened, action=action, by=by)
    sessions.begin(tx, saved)
    return saved
