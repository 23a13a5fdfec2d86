"""Who may: the checks that stand before every operation, in the order that the contract gives them.

The caller is known; the item exists; the caller has some tie to it; its version is the supplied one; this operation is
allowed to him. Only then come the item's state and the data.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial

from soapsvc.domain.caller import ALLOWED_TO_ALL, Caller, SystemAction
from soapsvc.domain.errors import InvalidRequest, NotAllowed
from soapsvc.domain.organisation import Entity
from soapsvc.domain.work_item import LATEST, WorkItem
from soapsvc.storage import people, work_items
from soapsvc.storage.transaction import RunFirst, Transaction
from soapsvc.usecases import timers

NOT_ALLOWED = "You are not allowed to do this"
"""The one text of every refusal: it tells nothing about the item."""

READ_ACTIONS = (SystemAction.VIEW_WORK_LIST, SystemAction.VIEW_GLOBAL_WORK_LIST)
"""Grants that are a tie to every item for who only looks, and that open other people's lists."""


@dataclass(frozen=True, kw_only=True, slots=True)
class ItemReference:
    """An item as a client names it: no version, or -1, means the latest."""

    id: int
    version: int | None = None


def check_batch(references: Sequence[ItemReference]) -> None:
    """Raise InvalidRequest where a batch names nothing, or one item twice."""
    if not references:
        raise InvalidRequest("The request names no work item")
    seen: set[int] = set()
    for reference in references:
        if reference.id in seen:
            raise InvalidRequest(f"The request names the work item with id = {reference.id} twice", reference.id)
        seen.add(reference.id)


def item_to_read(
    tx: Transaction, caller: Caller, reference: ItemReference, *, reach: tuple[SystemAction, ...]
) -> WorkItem:
    """Load an item for a caller who has a tie to it, at the version that he saw.

    A tie is: he stands in its original offer set, he holds or has held it, or he was granted an action of `reach`.
    Raises UnknownWorkItem, NotAllowed, StaleVersion.
    """
    item = _tied_item(tx, caller, reference, reach)
    item.check_version(reference.version)
    return item


def item_to_change(
    tx: Transaction, caller: Caller, reference: ItemReference, *, reach: tuple[SystemAction, ...]
) -> WorkItem:
    """Load an item as item_to_read does, to change it; its timer, if it is due, comes first, as a version of its own.

    Raises UnknownWorkItem, NotAllowed, StaleVersion, and InvalidRequest where the caller must say a version and does
    not.
    """
    item = _tied_item(tx, caller, reference, reach)
    run_timer_first(tx, item)
    if caller.must_supply_version and reference.version in {None, LATEST}:
        raise InvalidRequest(
            f"A change must say the version that it is based on, and the work item with id = {item.id} has none",
            item.id,
        )
    item.check_version(reference.version)
    return item


def run_timer_first(tx: Transaction, item: WorkItem) -> None:
    """Have an item that is due brought back, as a version of its own, before this unit changes it."""
    if item.is_due(tx.now()):
        raise RunFirst(partial(timers.bring_back_with_others, item_id=item.id))


def _tied_item(tx: Transaction, caller: Caller, reference: ItemReference, reach: tuple[SystemAction, ...]) -> WorkItem:
    item = work_items.get(tx, reference.id)
    if not (has_own_tie(tx, item, caller.person) or any(may(tx, caller, action) for action in reach)):
        raise NotAllowed(NOT_ALLOWED)
    return item


def require_unless_own(tx: Transaction, caller: Caller, item: WorkItem, action: SystemAction) -> None:
    """Raise NotAllowed for an item that somebody else holds, unless the caller was granted the action."""
    if item.owner is not None and item.owner != caller.person:
        require(tx, caller, action)


def has_own_tie(tx: Transaction, item: WorkItem, person: Entity) -> bool:
    """Say whether an item was offered to a person, or is or was held by him."""
    return (
        item.owner == person
        or work_items.is_offered_to(tx, item, person)
        or work_items.has_been_held_by(tx, item, person)
    )


def may(tx: Transaction, caller: Caller, action: SystemAction) -> bool:
    """Say whether a system action is open to all or granted to the caller."""
    return action in ALLOWED_TO_ALL or people.has_grant(tx, caller.person, action)


def require(tx: Transaction, caller: Caller, action: SystemAction) -> None:
    """Raise NotAllowed unless the caller may."""
    if not may(tx, caller, action):
        raise NotAllowed(NOT_ALLOWED)
