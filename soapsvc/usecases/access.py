"""Who may: the checks that stand before every operation, in the order that the contract gives them.

The caller is known; the item exists; the caller has some tie to it; its version is the supplied one; this operation is
allowed to him. Only then come the item's state and the data.
"""

from soapsvc.domain.caller import ALLOWED_TO_ALL, Caller, SystemAction
from soapsvc.domain.errors import NotAllowed
from soapsvc.domain.organisation import Entity
from soapsvc.domain.work_item import WorkItem
from soapsvc.storage import people, work_items
from soapsvc.storage.transaction import Transaction

NOT_ALLOWED = "You are not allowed to do this"
"""The one text of every refusal: it tells nothing about the item."""

READ_ACTIONS = (SystemAction.VIEW_WORK_LIST, SystemAction.VIEW_GLOBAL_WORK_LIST)
"""Grants that are a tie to every item for who only looks, and that open other people's lists."""


def item_for(
    tx: Transaction, caller: Caller, item_id: int, version: int | None, *, reach: tuple[SystemAction, ...]
) -> WorkItem:
    """Load an item for a caller who has a tie to it, at the version that he saw.

    A tie is: he stands in its original offer set, he holds or has held it, or he was granted an action of `reach`.
    Raises UnknownWorkItem, NotAllowed, StaleVersion.
    """
    item = work_items.get(tx, item_id)
    if not (has_own_tie(tx, item, caller.person) or any(may(tx, caller, action) for action in reach)):
        raise NotAllowed(NOT_ALLOWED)
    item.check_version(version)
    return item


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
