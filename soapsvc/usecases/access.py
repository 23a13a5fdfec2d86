"""Who may: the checks that stand before every operation, in the order that the contract gives them.

The caller is known; the item exists; the caller has some tie to it; its version is the supplied one; this operation is
allowed to him. Only then come the item's state and the data.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import partial

from soapsvc.domain.caller import Caller, SystemAction
from soapsvc.domain.errors import InvalidRequest, NotAllowed
from soapsvc.domain.organisation import Entity
from soapsvc.domain.work_item import LATEST, WorkItem
from soapsvc.storage import locks, standing, work_items
from soapsvc.storage.transaction import RunFirst, Transaction
from soapsvc.usecases import timers
from soapsvc.usecases.permissions import PERMISSIONS, Alternatives

NOT_ALLOWED = "You are not allowed to do this"
"""The one text of every refusal: it tells nothing about the item."""


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


def lock_batch(tx: Transaction, references: Sequence[ItemReference]) -> None:
    """Check a batch as check_batch does, and keep others from its items; one alone is kept by its own guard.

    Who names the same items in another order waits, and then meets what became of them.
    """
    check_batch(references)
    if len(references) > 1:
        locks.lock_items(tx, [reference.id for reference in references])


def item_to_read(tx: Transaction, caller: Caller, reference: ItemReference, operation: str) -> WorkItem:
    """Load an item for a caller who has a tie to it, at the version that he saw.

    A tie is: he, or what he is in or holds, stands in its original offer set; he holds or has held it; or he was
    granted an action that is a tie for this operation, and that reaches it.
    Raises UnknownWorkItem, NotAllowed, StaleVersion.
    """
    item = _tied_item(tx, caller, reference, operation)
    item.check_version(reference.version)
    return item


def item_to_change(tx: Transaction, caller: Caller, reference: ItemReference, operation: str) -> WorkItem:
    """Load an item as item_to_read does, to change it; its timer, if it is due, comes first, as a version of its own.

    Raises UnknownWorkItem, NotAllowed, StaleVersion, and InvalidRequest where the caller must say a version and does
    not.
    """
    if tx.is_again:
        locks.lock_items(tx, [reference.id])
    item = _tied_item(tx, caller, reference, operation)
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


def _tied_item(tx: Transaction, caller: Caller, reference: ItemReference, operation: str) -> WorkItem:
    item = work_items.get(tx, reference.id)
    if not (
        has_own_tie(tx, item, caller.person)
        or any(may(tx, caller, action, item) for action in PERMISSIONS[operation].ties)
    ):
        raise NotAllowed(NOT_ALLOWED)
    return item


def require_scope(caller: Caller, *, writes: bool) -> None:
    """Raise NotAllowed where the caller's token is for reading only, and the operation changes something."""
    if writes and not caller.scope.may_write:
        raise NotAllowed(NOT_ALLOWED)


def has_own_tie(tx: Transaction, item: WorkItem, person: Entity) -> bool:
    """Say whether an item was offered to a person or to what he is in, or is or was held by him."""
    return (
        item.owner == person
        or work_items.is_offered_to(tx, item, person)
        or work_items.has_been_held_by(tx, item, person)
        or _is_offered_through(tx, item, person)
    )


def is_offered_to(tx: Transaction, item: WorkItem, to: Entity) -> bool:
    """Say whether an item was offered to an entity, or to what it is in or holds."""
    return work_items.is_offered_to(tx, item, to) or _is_offered_through(tx, item, to)


def _is_offered_through(tx: Transaction, item: WorkItem, to: Entity) -> bool:
    entities = standing.of(tx, to).entities
    return len(entities) > 1 and not entities.isdisjoint(work_items.offered_ids(tx, item))


def stands_for(tx: Transaction, caller: Caller, entity: Entity) -> bool:
    """Say whether an entity is the caller, or he is in it or holds it."""
    return entity == caller.person or entity.id in standing.of(tx, caller.person).entities


def may(tx: Transaction, caller: Caller, action: SystemAction, on: WorkItem | Entity | None = None) -> bool:
    """Say whether the caller may do something to an item or an entity, or with neither, to anything.

    A grant below a unit reaches the entities of that unit, and the items whose owner or offer set has one of them.
    """
    granted = standing.of(tx, caller.person)
    if granted.may_everywhere(action) or on is None or not granted.is_scoped(action):
        return granted.may_everywhere(action)
    if isinstance(on, WorkItem):
        return granted.may_in(action, standing.units_of_item(tx, on.id, on.owner))
    return granted.may_in(action, standing.units_of(tx, on))


def allows(
    tx: Transaction, caller: Caller, needed: Iterable[Alternatives], on: WorkItem | Entity | None = None
) -> bool:
    """Say whether the caller may do one of each of these alternatives."""
    return all(any(may(tx, caller, action, on) for action in alternatives) for alternatives in needed)


def require(
    tx: Transaction, caller: Caller, needed: Iterable[Alternatives], on: WorkItem | Entity | None = None
) -> None:
    """Raise NotAllowed unless the caller may do one of each of these alternatives."""
    if not allows(tx, caller, needed, on):
        raise NotAllowed(NOT_ALLOWED)


def require_somewhere(tx: Transaction, caller: Caller, operation: str) -> None:
    """Raise NotAllowed for an operation that the caller may do to nothing at all."""
    scopes = standing.of(tx, caller.person).scopes
    if not all(any(action in scopes for action in alternatives) for alternatives in PERMISSIONS[operation].always):
        raise NotAllowed(NOT_ALLOWED)


def require_for_item(tx: Transaction, caller: Caller, item: WorkItem, operation: str) -> None:
    """Raise NotAllowed unless the caller may do an operation to an item: his own, somebody else's, or nobody's.

    What nobody holds needs nothing more, its state will tell, unless the table has something that one's own needs.
    """
    permission = PERMISSIONS[operation]
    if item.owner == caller.person:
        require(tx, caller, permission.own, item)
    elif item.owner is not None or permission.own:
        require(tx, caller, permission.others, item)
    require(tx, caller, permission.always, item)
