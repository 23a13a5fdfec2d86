"""The scheduler's side: how work items come into being, change from outside, stop, and end without a result."""

import uuid
from collections.abc import Sequence
from dataclasses import replace

from soapsvc.domain import data
from soapsvc.domain.caller import Caller, SystemAction
from soapsvc.domain.data import DataModel, Field, NamedValues
from soapsvc.domain.errors import InvalidField, InvalidWorkItem, UnknownEntity, UnknownWorkType
from soapsvc.domain.organisation import Entity, EntityType
from soapsvc.domain.schedule import Schedule
from soapsvc.domain.states import Action
from soapsvc.domain.work_item import Distribution, NewWorkItem, WorkItem
from soapsvc.domain.work_type import WorkType
from soapsvc.storage import people, work_items, work_types
from soapsvc.storage.transaction import Transaction
from soapsvc.usecases import access
from soapsvc.usecases.access import ItemReference
from soapsvc.usecases.items import work_type_of

Body = Sequence[Field | NamedValues]
"""Data as a scheduler sends them: whole fields, or values by the names of fields that the item has."""


def schedule_item(tx: Transaction, caller: Caller, new: NewWorkItem, fields: Body, offer_to: Sequence[str]) -> WorkItem:
    """Create an item at version 0 on behalf of a caller, offered to the entities of these GUIDs.

    Raises NotAllowed, UnknownEntity, UnknownWorkType, InvalidField, InvalidWorkItem.
    """
    access.require(tx, caller, SystemAction.SCHEDULE_WORK_ITEM)
    return create_item(tx, new, fields, offer_to, by=caller.person)


def schedule_item_by_model(
    tx: Transaction, caller: Caller, new: NewWorkItem, fields: Body, offer_to: Sequence[str]
) -> WorkItem:
    """Create an item as the model of its work type says, or offered to others where `offer_to` names any.

    Of `new` the name, description, priority and distribution are the model's. Raises what schedule_item raises.
    """
    access.require(tx, caller, SystemAction.SCHEDULE_WORK_ITEM)
    model = _work_type(tx, new.work_type_id or "").model
    if model is None:
        raise InvalidWorkItem("work type", "it has no model to make items by")
    modelled = replace(
        new,
        name=model.name,
        description=model.description,
        priority=model.priority,
        distribution=model.distribution,
    )
    return create_item(tx, modelled, fields, offer_to or model.offer_to, by=caller.person)


def create_item(
    tx: Transaction, new: NewWorkItem, fields: Body, offer_to: Sequence[str], *, by: Entity | None = None
) -> WorkItem:
    """Create an item at version 0; nobody for `by` is the operator of the service.

    Each of `offer_to` is a GUID, or the name of a resource.
    Raises UnknownEntity, UnknownWorkType, InvalidField, InvalidWorkItem.
    """
    offered_to = _offer_set(tx, offer_to)
    model = _model_of_new(tx, new, fields)
    allocated_to = _sole_resource(offered_to) if new.distribution is Distribution.ALLOCATE else None
    return work_items.add(
        tx, new, model, guid=str(uuid.uuid4()), by=by, offered_to=offered_to, allocated_to=allocated_to
    )


def create_items(tx: Transaction, *, new: NewWorkItem, offer_to: Sequence[str], count: int) -> list[int]:
    """Create so many alike items without data for the operator, and give their ids. Raises as create_item does."""
    return [create_item(tx, new, (), offer_to).id for _ in range(count)]


def enable_item(tx: Transaction, caller: Caller, reference: ItemReference, body: Body) -> WorkItem:
    """Let an item that was only created be worked on, with these values on top of its data.

    Raises UnknownWorkItem, NotAllowed, StaleVersion, WrongState, InvalidField, InvalidRequest.
    """
    item = _item_of_scheduler(tx, caller, reference, SystemAction.ENABLE_WORK_ITEM)
    item.check_state(Action.ENABLE)
    enabled = item.enabled(fields=data.overlaid(item.fields, body))
    return work_items.save(tx, item, enabled, action=Action.ENABLE, by=caller.person)


def reschedule_item(
    tx: Transaction, caller: Caller, reference: ItemReference, schedule: Schedule | None, body: Body
) -> WorkItem:
    """Change an item's dates, if new ones are given, and its data.

    Raises UnknownWorkItem, NotAllowed, StaleVersion, WrongState, InvalidField, InvalidRequest.
    """
    item = _item_of_scheduler(tx, caller, reference, SystemAction.RESCHEDULE_WORK_ITEM)
    item.check_state(Action.RESCHEDULE)
    ignore = work_type_of(tx, item).ignore_incoming_data
    changed = item.rescheduled(schedule=schedule or item.schedule, payload=body, ignore_while_open=ignore)
    return work_items.save(tx, item, changed, action=Action.RESCHEDULE, by=caller.person)


def touch_item(tx: Transaction, item_id: int) -> WorkItem:
    """Raise an item's version by a reschedule that changes nothing else, for the operator.

    Raises UnknownWorkItem, WrongState.
    """
    item = work_items.get(tx, item_id)
    access.run_timer_first(tx, item)
    touched = item.rescheduled(schedule=item.schedule, payload=(), ignore_while_open=True)
    return work_items.save(tx, item, touched, action=Action.RESCHEDULE, by=None)


def cancel_item(tx: Transaction, caller: Caller, reference: ItemReference) -> WorkItem:
    """End an item without a result. Raises UnknownWorkItem, NotAllowed, StaleVersion, WrongState, InvalidRequest."""
    item = _item_of_scheduler(tx, caller, reference, SystemAction.CANCEL_WORK_ITEM)
    return work_items.save(tx, item, item.cancelled(), action=Action.CANCEL, by=caller.person)


def suspend_item(tx: Transaction, caller: Caller, reference: ItemReference) -> WorkItem:
    """Stop all work on an item. Raises UnknownWorkItem, NotAllowed, StaleVersion, WrongState, InvalidRequest."""
    item = _item_of_scheduler(tx, caller, reference, SystemAction.SUSPEND_WORK_ITEM)
    return work_items.save(tx, item, item.suspended(), action=Action.SUSPEND, by=caller.person)


def resume_item(tx: Transaction, caller: Caller, reference: ItemReference) -> WorkItem:
    """Let work on an item go on. Raises UnknownWorkItem, NotAllowed, StaleVersion, WrongState, InvalidRequest."""
    item = _item_of_scheduler(tx, caller, reference, SystemAction.SUSPEND_WORK_ITEM)
    return work_items.save(tx, item, item.resumed(), action=Action.RESUME, by=caller.person)


def _item_of_scheduler(tx: Transaction, caller: Caller, reference: ItemReference, action: SystemAction) -> WorkItem:
    """Load an item for a caller who was granted an action of schedulers: a tie of his own is not enough."""
    item = access.item_to_change(tx, caller, reference, reach=(action,))
    access.require(tx, caller, action)
    return item


def _work_type(tx: Transaction, type_id: str) -> WorkType:
    found = work_types.find(tx, type_id)
    if found is None:
        raise UnknownWorkType(type_id)
    return found


def _model_of_new(tx: Transaction, new: NewWorkItem, fields: Body) -> DataModel:
    if new.work_type_id is None:
        return data.declared(_whole_fields(fields))
    return data.overlaid(_work_type(tx, new.work_type_id).fields, fields)


def _whole_fields(body: Body) -> list[Field]:
    """Give the fields of an item without a work type, for which a name alone says nothing."""
    for entry in body:
        if isinstance(entry, NamedValues):
            raise InvalidField(entry.name, "without a work type it needs a type and a direction")
    return [entry for entry in body if isinstance(entry, Field)]


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
