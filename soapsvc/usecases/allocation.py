"""Who gets an item: out of the offer, back into it, from one to another."""

import uuid
from collections.abc import Sequence
from dataclasses import dataclass

from soapsvc.domain import data
from soapsvc.domain.caller import Caller
from soapsvc.domain.data import DataModel, Field
from soapsvc.domain.errors import EntityNotEligible, NoMoreWorkItems, UnknownEntity
from soapsvc.domain.organisation import Entity
from soapsvc.domain.states import Action
from soapsvc.domain.work_item import WorkItem
from soapsvc.storage import history, people, work_items
from soapsvc.storage.transaction import Transaction
from soapsvc.usecases import access
from soapsvc.usecases.access import ItemReference
from soapsvc.usecases.items import item_to_work_on, saved_open, saved_shut
from soapsvc.usecases.list_views import usable_view
from soapsvc.usecases.permissions import PERMISSIONS
from soapsvc.usecases.work_lists import DEFAULT_LIMITS, ListLimits, next_offered


@dataclass(frozen=True, kw_only=True, slots=True)
class Allocation:
    """Whom an item shall go to, by GUID or name; nobody means the caller."""

    item: ItemReference
    resource: str | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class Reallocation:
    """Whom an item shall go to from whoever has it, and with which data: as they are, as scheduled, or changed."""

    item: ItemReference
    resource: str
    revert_data: bool = False
    payload: Sequence[Field] | None = None


_DEFAULT_VIEW = {0, -1}


def allocate_items(tx: Transaction, caller: Caller, batch: Sequence[Allocation]) -> list[WorkItem]:
    """Take offered items out of the offer for a resource.

    Raises UnknownWorkItem, NotAllowed, StaleVersion, WrongState, UnknownEntity, EntityNotEligible, InvalidRequest.
    """
    access.lock_batch(tx, [one.item for one in batch])
    return [_allocate(tx, caller, one) for one in batch]


def allocate_and_open_items(tx: Transaction, caller: Caller, batch: Sequence[Allocation]) -> list[WorkItem]:
    """Take offered items out of the offer for a resource, and open them: one version each.

    Raises what allocate_items raises, and OpenLimitReached.
    """
    access.lock_batch(tx, [one.item for one in batch])
    return [_allocate_and_open(tx, caller, one) for one in batch]


def allocate_and_open_next_item(
    tx: Transaction, caller: Caller, reference: str, view_id: int | None, *, limits: ListLimits = DEFAULT_LIMITS
) -> WorkItem:
    """Take the item that a resource should do next of those offered to it, and open it.

    Which one that is, a view says, or the criteria that were set for the resource: the first item of its list.
    Raises NotAllowed, UnknownEntity, NoMoreWorkItems, UnknownWorkListView, OpenLimitReached, and InvalidRequest where
    the criteria take too long.
    """
    tx.be_alone()
    action = Action.ALLOCATE_AND_OPEN_NEXT
    resource = people.find_resource(tx, reference)
    if resource != caller.person:
        access.require(tx, caller, PERMISSIONS[action].others, resource)
    access.require(tx, caller, PERMISSIONS[action].always, resource)
    if resource is None:
        raise UnknownEntity(reference)
    criteria = None
    if view_id is not None and view_id not in _DEFAULT_VIEW:
        criteria = usable_view(tx, caller, view_id).criteria
    item_id = next_offered(tx, resource, criteria=criteria, limits=limits)
    if item_id is None:
        raise NoMoreWorkItems(resource.guid)
    item = work_items.get(tx, item_id)
    opened = item.allocated_and_opened(to=resource, session=str(uuid.uuid4()), action=action)
    return saved_open(tx, item, opened, action=action, by=caller.person)


def unallocate_items(tx: Transaction, caller: Caller, references: Sequence[ItemReference]) -> list[WorkItem]:
    """Give items back to their original offer sets: one's own, or with a grant anybody's.

    Raises UnknownWorkItem, NotAllowed, StaleVersion, WrongState, InvalidRequest.
    """
    access.lock_batch(tx, references)
    return [_unallocate(tx, caller, one) for one in references]


def reallocate_items(tx: Transaction, caller: Caller, batch: Sequence[Reallocation]) -> list[WorkItem]:
    """Give items to somebody else, from whoever has them, open or not.

    Raises UnknownWorkItem, NotAllowed, StaleVersion, WrongState, UnknownEntity, InvalidField, InvalidRequest.
    """
    access.lock_batch(tx, [one.item for one in batch])
    return [_reallocate(tx, caller, one) for one in batch]


def get_offer_set(tx: Transaction, caller: Caller, reference: ItemReference) -> Sequence[Entity]:
    """Give whom an item was offered to. Raises UnknownWorkItem, NotAllowed, StaleVersion."""
    item = access.item_to_read(tx, caller, reference, "getOfferSet")
    return work_items.offer_set(tx, item)


def _allocate(tx: Transaction, caller: Caller, allocation: Allocation) -> WorkItem:
    item, resource = item_and_resource(tx, caller, allocation, Action.ALLOCATE)
    return work_items.save(tx, item, item.allocated(to=resource), action=Action.ALLOCATE, by=caller.person)


def _allocate_and_open(tx: Transaction, caller: Caller, allocation: Allocation) -> WorkItem:
    action = Action.ALLOCATE_AND_OPEN
    item, resource = item_and_resource(tx, caller, allocation, action)
    opened = item.allocated_and_opened(to=resource, session=str(uuid.uuid4()))
    return saved_open(tx, item, opened, action=action, by=caller.person)


def item_and_resource(
    tx: Transaction, caller: Caller, allocation: Allocation, action: Action
) -> tuple[WorkItem, Entity]:
    """Load an item and whom it shall go to: the caller, or with grants anybody whom it was offered to."""
    item = access.item_to_change(tx, caller, allocation.item, action)
    reference = allocation.resource
    resource = caller.person if reference is None else people.find_resource(tx, reference)
    permission = PERMISSIONS[action]
    # For anybody else, known or not: who may not give items is not told who there is.
    access.require(tx, caller, permission.own if resource == caller.person else permission.others, item)
    access.require(tx, caller, permission.always, item)
    item.check_state(action)
    if resource is None:
        raise UnknownEntity(reference or "")
    if not access.is_offered_to(tx, item, resource):
        raise EntityNotEligible(reference or resource.guid, item.id)
    return item, resource


def _unallocate(tx: Transaction, caller: Caller, reference: ItemReference) -> WorkItem:
    item = item_to_work_on(tx, caller, reference, Action.UNALLOCATE)
    return work_items.save(tx, item, item.unallocated(), action=Action.UNALLOCATE, by=caller.person)


def _reallocate(tx: Transaction, caller: Caller, reallocation: Reallocation) -> WorkItem:
    action = Action.REALLOCATE if reallocation.payload is None else Action.REALLOCATE_WITH_DATA
    item = access.item_to_change(tx, caller, reallocation.item, action)
    resource = people.find_resource(tx, reallocation.resource)
    permission = PERMISSIONS[action]
    is_offered = resource is not None and access.is_offered_to(tx, item, resource)
    access.require(tx, caller, permission.offered if is_offered else permission.others, item)
    access.require(tx, caller, permission.always, item)
    item.check_state(action)
    if resource is None:
        raise UnknownEntity(reallocation.resource)
    fields = _reallocated_fields(tx, item, reallocation)
    reallocated = item.reallocated(to=resource, fields=fields, action=action)
    return saved_shut(tx, item, reallocated, action=action, by=caller.person)


def _reallocated_fields(tx: Transaction, item: WorkItem, reallocation: Reallocation) -> DataModel:
    if reallocation.payload is not None:
        return data.merged(item.fields, reallocation.payload)
    return history.scheduled_fields(tx, item.id) if reallocation.revert_data else item.fields
