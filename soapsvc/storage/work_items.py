"""Work items in the database: loaded whole, saved by one guarded statement with their history row."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import fields, replace
from typing import Any

import sqlalchemy as sa

from soapsvc.domain.data import DataModel
from soapsvc.domain.errors import LostRace, UnknownWorkItem
from soapsvc.domain.organisation import Entity, EntityType
from soapsvc.domain.schedule import Schedule
from soapsvc.domain.states import Action, State
from soapsvc.domain.work_item import Distribution, NewWorkItem, WorkItem
from soapsvc.storage import history
from soapsvc.storage.encoding import (
    decode_attributes,
    decode_context,
    decode_fields,
    encode_attributes,
    encode_context,
    encode_fields,
)
from soapsvc.storage.tables import entity, holder, offer, work_item
from soapsvc.storage.transaction import Transaction

_ITEM = sa.select(
    work_item,
    entity.c.type.label("owner_type"),
    entity.c.guid.label("owner_guid"),
    entity.c.name.label("owner_name"),
    entity.c.max_open_items.label("owner_max_open_items"),
).select_from(work_item.outerjoin(entity, entity.c.id == work_item.c.owner_id))
_ITEM_BY_ID = _ITEM.where(work_item.c.id == sa.bindparam("id"))
_ITEMS = _ITEM.order_by(work_item.c.id).limit(sa.bindparam("most"))

_SAVE = (
    sa.update(work_item)
    .where(work_item.c.id == sa.bindparam("at_id"), work_item.c.version == sa.bindparam("at_version"))
    .values(version=sa.bindparam("at_version") + 1)
)
"""The guard. Nothing else in the service changes a work item's row."""

_IS_OFFERED = sa.select(sa.literal(1)).where(
    offer.c.work_item_id == sa.bindparam("item"), offer.c.entity_id == sa.bindparam("entity")
)
_HAS_HELD = sa.select(sa.literal(1)).where(
    holder.c.work_item_id == sa.bindparam("item"), holder.c.entity_id == sa.bindparam("entity")
)
_OPEN_ITEMS_OF = sa.select(sa.func.count()).where(
    work_item.c.owner_id == sa.bindparam("entity"), work_item.c.state == State.OPENED
)


def get(tx: Transaction, item_id: int) -> WorkItem:
    """Load an item as it is now. Raises UnknownWorkItem."""
    row = tx.connection.execute(_ITEM_BY_ID, {"id": item_id}).one_or_none()
    if row is None:
        raise UnknownWorkItem(item_id)
    return _item(row)


def first(tx: Transaction, most: int) -> Sequence[WorkItem]:
    """Load the first so many items, by id."""
    return [_item(row) for row in tx.connection.execute(_ITEMS, {"most": most})]


def count(tx: Transaction) -> int:
    """Count all items."""
    return tx.connection.execute(sa.select(sa.func.count()).select_from(work_item)).scalar_one()


def add(
    tx: Transaction,
    new: NewWorkItem,
    model: DataModel,
    *,
    guid: str,
    by: Entity | None,
    offered_to: Iterable[Entity],
    allocated_to: Entity | None = None,
) -> WorkItem:
    """Store a new item at version 0, offered or allocated, with its offer set and its first history row."""
    state = State.ALLOCATED if allocated_to else State.OFFERED
    columns = _columns(_values(new) | {"fields": model, "owner": allocated_to}) | {
        "guid": guid,
        "version": 0,
        "state": state,
        "offered_when_opened": False,
    }
    (item_id,) = tx.connection.execute(sa.insert(work_item).values(columns)).inserted_primary_key or (0,)
    offers = [{"work_item_id": item_id, "entity_id": entity.id} for entity in offered_to]
    tx.connection.execute(sa.insert(offer), offers)
    if allocated_to:
        _record_holder(tx, item_id, allocated_to)
    item = get(tx, item_id)
    history.append(tx, item, action=Action.SCHEDULE, by=by, state_before=None, changed=(), fields=item.fields)
    return item


def save(tx: Transaction, before: WorkItem, after: WorkItem, *, action: Action, by: Entity | None) -> WorkItem:
    """Store what became of an item, at its next version, with its history row in the same transaction.

    Raises LostRace where the stored version is no longer that of `before`: the unit of work is run again.
    """
    changes = _difference(before, after)
    guard = {"at_id": before.id, "at_version": before.version}
    if tx.connection.execute(_SAVE.values(**_columns(changes)), guard).rowcount != 1:
        raise LostRace(f"work item {before.id} is no longer at version {before.version}")
    saved = replace(after, version=before.version + 1)
    if after.owner is not None and after.owner != before.owner:
        _record_holder(tx, before.id, after.owner)
    history.append(
        tx,
        saved,
        action=action,
        by=by,
        state_before=before.state,
        changed=sorted(changes),
        fields=after.fields if after.fields != before.fields else None,
    )
    return saved


def is_offered_to(tx: Transaction, item: WorkItem, to: Entity) -> bool:
    """Say whether the entity stands in the item's original offer set."""
    return tx.connection.execute(_IS_OFFERED, {"item": item.id, "entity": to.id}).first() is not None


def has_been_held_by(tx: Transaction, item: WorkItem, by: Entity) -> bool:
    """Say whether the entity holds the item, or has held it."""
    return tx.connection.execute(_HAS_HELD, {"item": item.id, "entity": by.id}).first() is not None


def count_open(tx: Transaction, owner: Entity) -> int:
    """Count the items that someone has open."""
    return tx.connection.execute(_OPEN_ITEMS_OF, {"entity": owner.id}).scalar_one()


_WRITERS: Mapping[str, Callable[[Any], dict[str, Any]]] = {
    "owner": lambda owner: {"owner_id": owner.id if owner else None},
    "session": lambda guid: {"session_guid": guid},
    "schedule": lambda schedule: {"start_at": schedule.start, "end_at": schedule.end},
    "attributes": lambda attributes: {"attributes": encode_attributes(attributes)},
    "context": lambda context: {"context": encode_context(context)},
    "fields": lambda model: {"fields": encode_fields(model)},
}
"""How an item's attributes become columns, where they are not columns of the same name as they are."""


def _columns(values: Mapping[str, Any]) -> dict[str, Any]:
    columns: dict[str, Any] = {}
    for name, value in values.items():
        columns |= _WRITERS[name](value) if name in _WRITERS else {name: value}
    return columns


def _values(item: WorkItem | NewWorkItem) -> dict[str, Any]:
    return {field.name: getattr(item, field.name) for field in fields(item)}


def _difference(before: WorkItem, after: WorkItem) -> dict[str, Any]:
    old = _values(before)
    return {name: value for name, value in _values(after).items() if value != old[name]}


def _item(row: sa.Row[Any]) -> WorkItem:
    owner = None
    if row.owner_id is not None:
        owner = Entity(
            id=row.owner_id,
            type=EntityType(row.owner_type),
            guid=row.owner_guid,
            name=row.owner_name,
            max_open_items=row.owner_max_open_items,
        )
    return WorkItem(
        id=row.id,
        guid=row.guid,
        version=row.version,
        state=State(row.state),
        name=row.name,
        description=row.description,
        priority=row.priority,
        distribution=Distribution(row.distribution),
        group_id=row.group_id,
        work_type_id=row.work_type_id,
        attributes=decode_attributes(row.attributes),
        context=decode_context(row.context),
        schedule=Schedule(start=row.start_at, end=row.end_at),
        fields=decode_fields(row.fields),
        owner=owner,
        session=row.session_guid,
        offered_when_opened=row.offered_when_opened,
        hidden_until=row.hidden_until,
        state_before_hiding=State(row.state_before_hiding) if row.state_before_hiding else None,
    )


def _record_holder(tx: Transaction, item_id: int, entity_: Entity) -> None:
    known = tx.connection.execute(_HAS_HELD, {"item": item_id, "entity": entity_.id}).first()
    if known is None:
        tx.connection.execute(sa.insert(holder).values(work_item_id=item_id, entity_id=entity_.id))
