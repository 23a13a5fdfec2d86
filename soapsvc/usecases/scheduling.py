"""How work items come into being."""

import uuid
from collections.abc import Sequence

from soapsvc.domain import data
from soapsvc.domain.caller import Caller, SystemAction
from soapsvc.domain.data import Field
from soapsvc.domain.errors import InvalidWorkItem, UnknownEntity
from soapsvc.domain.organisation import Entity, EntityType
from soapsvc.domain.work_item import Distribution, NewWorkItem, WorkItem
from soapsvc.storage import people, work_items
from soapsvc.storage.transaction import Transaction
from soapsvc.usecases import access


def schedule_item(
    tx: Transaction, caller: Caller, new: NewWorkItem, fields: Sequence[Field], offer_to: Sequence[str]
) -> WorkItem:
    """Create an item at version 0 on behalf of a caller, offered to the entities of these GUIDs.

    Raises NotAllowed, UnknownEntity, InvalidField, InvalidWorkItem.
    """
    access.require(tx, caller, SystemAction.SCHEDULE_WORK_ITEM)
    return create_item(tx, new, fields, offer_to, by=caller.person)


def create_item(
    tx: Transaction, new: NewWorkItem, fields: Sequence[Field], offer_to: Sequence[str], *, by: Entity | None = None
) -> WorkItem:
    """Create an item at version 0; nobody for `by` is the operator of the service.

    Each of `offer_to` is a GUID, or the name of a resource. Raises UnknownEntity, InvalidField, InvalidWorkItem.
    """
    if new.work_type_id is not None:
        raise InvalidWorkItem("work type", f"there is none with the id '{new.work_type_id}'")
    offered_to = _offer_set(tx, offer_to)
    model = data.declared(fields)
    allocated_to = _sole_resource(offered_to) if new.distribution is Distribution.ALLOCATE else None
    return work_items.add(
        tx, new, model, guid=str(uuid.uuid4()), by=by, offered_to=offered_to, allocated_to=allocated_to
    )


def create_items(tx: Transaction, *, new: NewWorkItem, offer_to: Sequence[str], count: int) -> list[int]:
    """Create so many alike items without data for the operator, and give their ids. Raises as create_item does."""
    return [create_item(tx, new, (), offer_to).id for _ in range(count)]


def _offer_set(tx: Transaction, references: Sequence[str]) -> list[Entity]:
    entities: dict[int, Entity] = {}
    for reference in references:
        entity = people.find_entity(tx, reference) or people.find_resource_by_name(tx, reference)
        if entity is None:
            raise UnknownEntity(reference)
        entities[entity.id] = entity
    if not entities:
        raise InvalidWorkItem("offer set", "it is empty")
    return list(entities.values())


def _sole_resource(offered_to: Sequence[Entity]) -> Entity:
    if len(offered_to) != 1 or offered_to[0].type is not EntityType.RESOURCE:
        raise InvalidWorkItem("offer set", "an item that is allocated at once names exactly one resource")
    return offered_to[0]
