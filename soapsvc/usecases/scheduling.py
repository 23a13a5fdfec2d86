"""The scheduler's side: how work items come into being, change from outside, stop, and end without a result."""

import uuid
from collections.abc import Sequence
from dataclasses import replace

from soapsvc.domain import data
from soapsvc.domain.caller import Caller
from soapsvc.domain.data import DataModel, Field, NamedValues
from soapsvc.domain.errors import InvalidField, InvalidWorkItem, UnknownWorkType
from soapsvc.domain.organisation import Entity, EntityType
from soapsvc.domain.schedule import Schedule
from soapsvc.domain.states import Action
from soapsvc.domain.work_item import Distribution, NewWorkItem, WorkItem
from soapsvc.domain.work_type import WorkType
from soapsvc.storage import work_items, work_types
from soapsvc.storage.transaction import Transaction
from soapsvc.usecases import access, organisation
from soapsvc.usecases.access import ItemReference
from soapsvc.usecases.items import item_to_work_on, work_type_of
from soapsvc.usecases.permissions import PERMISSIONS

Body = Sequence[Field | NamedValues]
"""Data as a scheduler sends them: whole fields, or values by the names of fields that the item has."""


def schedule_item(
    tx: Transaction,
    caller: Caller,
    new: NewWorkItem,
    fields: Body,
    offer_to: Sequence[str],
    *,
    guid: str | None = None,
) -> WorkItem:
    """Create an item at version 0 on behalf of a caller, offered to the entities of these GUIDs.

    Whose grant holds below a unit may offer items to entities of that unit only.
    Raises NotAllowed, UnknownEntity, UnknownWorkType, InvalidField, InvalidWorkItem, InvalidRequest.
    """
    _require_to_offer(tx, caller, "scheduleWorkItem", offer_to)
    return create_item(tx, new, fields, offer_to, by=caller.person, guid=guid)


def schedule_item_by_model(
    tx: Transaction, caller: Caller, new: NewWorkItem, fields: Body, offer_to: Sequence[str]
) -> WorkItem:
    """Create an item as the model of its work type says, or offered to others where `offer_to` names any.

    Of `new` the name, description, priority and distribution are the model's. Raises what schedule_item raises.
    """
    access.require_somewhere(tx, caller, "scheduleWorkItemWithWorkModel")
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
    offered_to = offer_to or model.offer_to
    _require_to_offer(tx, caller, "scheduleWorkItemWithWorkModel", offered_to)
    return create_item(tx, modelled, fields, offered_to, by=caller.person)


def create_item(
    tx: Transaction,
    new: NewWorkItem,
    fields: Body,
    offer_to: Sequence[str],
    *,
    by: Entity | None = None,
    guid: str | None = None,
) -> WorkItem:
    """Create an item at version 0; nobody for `by` is the operator of the service. Without a GUID it gets one.

    Each of `offer_to` is a GUID, the name of a resource, or a name that only one other entity has.
    Raises UnknownEntity, UnknownWorkType, InvalidField, InvalidWorkItem, InvalidRequest.
    """
    tx.be_alone()
    offered_to = _offer_set(tx, offer_to)
    model = _model_of_new(tx, new, fields)
    allocated_to = _sole_resource(offered_to) if new.distribution is Distribution.ALLOCATE else None
    return work_items.add(
        tx, new, model, guid=guid or str(uuid.uuid4()), by=by, offered_to=offered_to, allocated_to=allocated_to
    )


def create_items(tx: Transaction, *, new: NewWorkItem, offer_to: Sequence[str], count: int) -> list[int]:
    """Create so many alike items without data for the operator, and give their ids. Raises as create_item does."""
    return [create_item(tx, new, (), offer_to).id for _ in range(count)]


def enable_item(tx: Transaction, caller: Caller, reference: ItemReference, body: Body) -> WorkItem:
    """Let an item that was only created be worked on, with these values on top of its data.

    Raises UnknownWorkItem, NotAllowed, StaleVersion, WrongState, InvalidField, InvalidRequest.
    """
    item = item_to_work_on(tx, caller, reference, Action.ENABLE)
    item.check_state(Action.ENABLE)
    enabled = item.enabled(fields=data.overlaid(item.fields, body))
    return work_items.save(tx, item, enabled, action=Action.ENABLE, by=caller.person)


def reschedule_item(
    tx: Transaction, caller: Caller, reference: ItemReference, schedule: Schedule | None, body: Body
) -> WorkItem:
    """Change an item's dates, if new ones are given, and its data.

    Raises UnknownWorkItem, NotAllowed, StaleVersion, WrongState, InvalidField, InvalidRequest.
    """
    item = item_to_work_on(tx, caller, reference, Action.RESCHEDULE)
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
    item = item_to_work_on(tx, caller, reference, Action.CANCEL)
    return work_items.save(tx, item, item.cancelled(), action=Action.CANCEL, by=caller.person)


def suspend_item(tx: Transaction, caller: Caller, reference: ItemReference) -> WorkItem:
    """Stop all work on an item. Raises UnknownWorkItem, NotAllowed, StaleVersion, WrongState, InvalidRequest."""
    item = item_to_work_on(tx, caller, reference, Action.SUSPEND)
    return work_items.save(tx, item, item.suspended(), action=Action.SUSPEND, by=caller.person)


def resume_item(tx: Transaction, caller: Caller, reference: ItemReference) -> WorkItem:
    """Let work on an item go on. Raises UnknownWorkItem, NotAllowed, StaleVersion, WrongState, InvalidRequest."""
    item = item_to_work_on(tx, caller, reference, Action.RESUME)
    return work_items.save(tx, item, item.resumed(), action=Action.RESUME, by=caller.person)


def _require_to_offer(tx: Transaction, caller: Caller, operation: str, references: Sequence[str]) -> None:
    """Raise NotAllowed unless the caller may offer items to all of these; who may nowhere is not told who there is."""
    access.require_somewhere(tx, caller, operation)
    needed = PERMISSIONS[operation].always
    if not access.allows(tx, caller, needed):
        for entity in _offer_set(tx, references):
            access.require(tx, caller, needed, entity)


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
        entity = organisation.find(tx, reference)
        entities[entity.id] = entity
    if not entities:
        raise InvalidWorkItem("offer set", "it is empty")
    return list(entities.values())


def _sole_resource(offered_to: Sequence[Entity]) -> Entity:
    if len(offered_to) != 1 or offered_to[0].type is not EntityType.RESOURCE:
        raise InvalidWorkItem("offer set", "an item that is allocated at once names exactly one resource")
    return offered_to[0]
