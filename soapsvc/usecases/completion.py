"""How items end well: completed or skipped, and what their worker gets next."""

from collections.abc import Sequence
from dataclasses import dataclass

from soapsvc.domain.caller import Caller
from soapsvc.domain.data import Field
from soapsvc.domain.list_view import Criteria
from soapsvc.domain.states import Action
from soapsvc.domain.work_item import WorkItem
from soapsvc.storage import piles, work_items
from soapsvc.storage.transaction import Transaction
from soapsvc.usecases import access
from soapsvc.usecases.access import ItemReference
from soapsvc.usecases.items import check_not_rescheduled, item_to_work_on, saved_shut, work_type_of
from soapsvc.usecases.work_lists import DEFAULT_LIMITS, ListLimits, next_offered


@dataclass(frozen=True, kw_only=True, slots=True)
class Completion:
    """A completed item, and the next of its pile: offered to who held it, and left for him to take."""

    item: WorkItem
    next_piled: WorkItem | None = None


def complete_item(
    tx: Transaction,
    caller: Caller,
    reference: ItemReference,
    payload: Sequence[Field],
    *,
    next_piled: bool = False,
    limits: ListLimits = DEFAULT_LIMITS,
) -> Completion:
    """Complete an open item with its last data; on demand find the next item of the same pile.

    Raises UnknownWorkItem, NotAllowed, StaleVersion, WrongState, InvalidField, Rescheduled, InvalidRequest.
    """
    if next_piled:
        tx.be_alone()
    item = item_to_work_on(tx, caller, reference, Action.COMPLETE)
    item.check_state(Action.COMPLETE)
    check_not_rescheduled(item, reference.version)
    completed = item.completed(payload=payload)
    saved = saved_shut(tx, item, completed, action=Action.COMPLETE, by=caller.person)
    return Completion(item=saved, next_piled=_next_of_pile(tx, item, limits) if next_piled else None)


def skip_items(tx: Transaction, caller: Caller, references: Sequence[ItemReference]) -> None:
    """Complete allocated items without opening them.

    Raises UnknownWorkItem, NotAllowed, StaleVersion, WrongState, InvalidField, InvalidRequest.
    """
    access.lock_batch(tx, references)
    for reference in references:
        _skip(tx, caller, reference)


def _next_of_pile(tx: Transaction, done: WorkItem, limits: ListLimits) -> WorkItem | None:
    """Find the next offered item of the same work type, until as many as its limit came in a row.

    An item of a group has none: the group decides what comes next.
    """
    if done.owner is None or done.work_type_id is None or done.group_id is not None:
        return None
    work_type = work_type_of(tx, done)
    if not work_type.piled:
        return None
    length = piles.length(tx, done.owner, work_type.id) + 1
    is_full = work_type.piling_limit is not None and length >= work_type.piling_limit
    piles.set_length(tx, done.owner, work_type.id, 0 if is_full else length)
    if is_full:
        return None
    item_id = next_offered(tx, done.owner, criteria=Criteria(), work_type_id=work_type.id, limits=limits)
    return None if item_id is None else work_items.get(tx, item_id)


def _skip(tx: Transaction, caller: Caller, reference: ItemReference) -> None:
    item = item_to_work_on(tx, caller, reference, Action.SKIP)
    work_items.save(tx, item, item.skipped(), action=Action.SKIP, by=caller.person)
