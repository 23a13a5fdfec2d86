"""Work on items that somebody holds: open, save, close, pend; their headers and priorities."""

import uuid
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from soapsvc.domain.caller import Caller
from soapsvc.domain.data import Field
from soapsvc.domain.errors import OpenLimitReached, Rescheduled
from soapsvc.domain.organisation import Entity
from soapsvc.domain.schedule import Period
from soapsvc.domain.states import Action, State
from soapsvc.domain.version_session import SessionState
from soapsvc.domain.work_item import LATEST, WorkItem
from soapsvc.domain.work_type import NO_WORK_TYPE, WorkType
from soapsvc.storage import locks, sessions, work_items, work_types
from soapsvc.storage.transaction import Transaction
from soapsvc.usecases import access
from soapsvc.usecases.access import ItemReference


@dataclass(frozen=True, kw_only=True, slots=True)
class Close:
    """What closing an item asks for."""

    item: ItemReference
    payload: Sequence[Field] = ()
    hidden: Period = Period()


@dataclass(frozen=True, kw_only=True, slots=True)
class Pend:
    """How long an item shall be hidden."""

    item: ItemReference
    hidden: Period


@dataclass(frozen=True, kw_only=True, slots=True)
class PriorityChange:
    """An item's new priority, or by how much it shall change."""

    item: ItemReference
    absolute: int | None = None
    offset: int = 0


def get_headers(tx: Transaction, caller: Caller, references: Sequence[ItemReference]) -> list[WorkItem]:
    """Read items. Raises UnknownWorkItem, NotAllowed, StaleVersion, InvalidRequest."""
    access.check_batch(references)
    return [access.item_to_read(tx, caller, one, "getWorkItemHeader") for one in references]


def open_items(tx: Transaction, caller: Caller, references: Sequence[ItemReference]) -> list[WorkItem]:
    """Open allocated or pended items, each in a version session of its own.

    Raises UnknownWorkItem, NotAllowed, StaleVersion, WrongState, OpenLimitReached, InvalidRequest.
    """
    access.lock_batch(tx, references)
    return [_open(tx, caller, one) for one in references]


def close_items(tx: Transaction, caller: Caller, batch: Sequence[Close]) -> list[WorkItem]:
    """Close open items with new data, hidden for a while where a period says so.

    Raises UnknownWorkItem, NotAllowed, StaleVersion, WrongState, InvalidField, InvalidSchedule, Rescheduled,
    InvalidRequest.
    """
    access.lock_batch(tx, [one.item for one in batch])
    return [_close(tx, caller, one) for one in batch]


def save_item(tx: Transaction, caller: Caller, reference: ItemReference, payload: Sequence[Field]) -> WorkItem:
    """Keep new data of an item that stays open.

    Raises UnknownWorkItem, NotAllowed, StaleVersion, WrongState, InvalidField, Rescheduled, InvalidRequest.
    """
    item = item_to_work_on(tx, caller, reference, Action.SAVE)
    item.check_state(Action.SAVE)
    check_not_rescheduled(item, reference.version)
    saved = item.saved(payload=payload)
    return work_items.save(tx, item, saved, action=Action.SAVE, by=caller.person)


def pend_items(tx: Transaction, caller: Caller, batch: Sequence[Pend]) -> list[WorkItem]:
    """Hide items for a while, or bring them back.

    Raises UnknownWorkItem, NotAllowed, StaleVersion, WrongState, InvalidSchedule, InvalidRequest.
    """
    access.lock_batch(tx, [one.item for one in batch])
    return [_pend(tx, caller, one) for one in batch]


def set_priorities(tx: Transaction, caller: Caller, batch: Sequence[PriorityChange]) -> list[WorkItem]:
    """Change priorities: of one's own items, or with a grant of any.

    Raises UnknownWorkItem, NotAllowed, StaleVersion, WrongState, InvalidWorkItem, InvalidRequest.
    """
    access.lock_batch(tx, [one.item for one in batch])
    return [_set_priority(tx, caller, one) for one in batch]


def work_type_of(tx: Transaction, item: WorkItem) -> WorkType:
    """Give an item's work type, or the rules for items that have none."""
    found = work_types.find(tx, item.work_type_id) if item.work_type_id is not None else None
    return found or NO_WORK_TYPE


def item_to_work_on(tx: Transaction, caller: Caller, reference: ItemReference, action: Action) -> WorkItem:
    """Load an item that the caller may do this to, be it because he holds it.

    Raises UnknownWorkItem, NotAllowed, StaleVersion, InvalidRequest.
    """
    item = access.item_to_change(tx, caller, reference, action)
    access.require_for_item(tx, caller, item, action)
    return item


def check_not_rescheduled(item: WorkItem, supplied: int | None) -> None:
    """Raise Rescheduled where the scheduler changed the data since they were opened, and the caller cannot know.

    Who supplies the current version has read what the item holds since.
    """
    if item.data_rescheduled and supplied in {None, LATEST}:
        raise Rescheduled(item.id, item.version, item.fields)


def saved_open(
    tx: Transaction,
    item: WorkItem,
    opened: WorkItem,
    *,
    action: Action,
    by: Entity,
    begin: Callable[[Transaction, WorkItem], None] = sessions.begin,
) -> WorkItem:
    """Store an opening, and begin its version session. Raises OpenLimitReached."""
    owner = opened.owner
    limit = owner.max_open_items if owner else None
    if owner is not None and limit is not None:
        # The item first, as everywhere: two who open one each for the same person must not both be the last.
        locks.lock_items(tx, [item.id])
        locks.lock_entity(tx, owner)
        if work_items.count_open(tx, owner) >= limit:
            raise OpenLimitReached(owner.guid, limit)
    saved = work_items.save(tx, item, opened, action=action, by=by)
    begin(tx, saved)
    return saved


def saved_shut(tx: Transaction, item: WorkItem, shut: WorkItem, *, action: Action, by: Entity) -> WorkItem:
    """Store what ends an opening, if there is one, and its version session."""
    saved = work_items.save(tx, item, shut, action=action, by=by)
    if item.session is not None and shut.session is None:
        sessions.end(tx, item.session, saved, _ENDS.get((action, item.state), SessionState.ABANDONED))
    return saved


_ENDS = {
    (action, state): end
    for action, end in {Action.CLOSE: SessionState.SAVED, Action.COMPLETE: SessionState.COMPLETED}.items()
    for state in (State.OPENED, State.SUSPENDED)
}
"""How what shuts an item ends its session: any other way nothing of it is kept."""


def _open(tx: Transaction, caller: Caller, reference: ItemReference) -> WorkItem:
    item = item_to_work_on(tx, caller, reference, Action.OPEN)
    opened = item.opened(session=str(uuid.uuid4()))
    return saved_open(tx, item, opened, action=Action.OPEN, by=caller.person)


def _close(tx: Transaction, caller: Caller, close: Close) -> WorkItem:
    item = item_to_work_on(tx, caller, close.item, Action.CLOSE)
    item.check_state(Action.CLOSE)
    check_not_rescheduled(item, close.item.version)
    closed = item.closed(
        payload=close.payload,
        hidden_until=close.hidden.end(tx.now()),
        reoffer=item.offered_when_opened and work_type_of(tx, item).reoffer_on_close,
    )
    return saved_shut(tx, item, closed, action=Action.CLOSE, by=caller.person)


def _pend(tx: Transaction, caller: Caller, pend: Pend) -> WorkItem:
    item = item_to_work_on(tx, caller, pend.item, Action.PEND)
    item.check_state(Action.PEND)
    pended = item.pended(hidden_until=pend.hidden.end(tx.now()))
    return work_items.save(tx, item, pended, action=Action.PEND, by=caller.person)


def _set_priority(tx: Transaction, caller: Caller, change: PriorityChange) -> WorkItem:
    item = item_to_work_on(tx, caller, change.item, Action.SET_PRIORITY)
    priority = item.priority + change.offset if change.absolute is None else change.absolute
    changed = item.with_priority(priority)
    return work_items.save(tx, item, changed, action=Action.SET_PRIORITY, by=caller.person)
