"""Work items in the database: loaded whole, saved by one guarded statement with their history row."""

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import fields
from functools import cache
from typing import Any

import sqlalchemy as sa

from soapsvc.domain.data import DataModel
from soapsvc.domain.errors import LostRace, UnknownWorkItem
from soapsvc.domain.organisation import Entity, EntityType
from soapsvc.domain.schedule import Schedule
from soapsvc.domain.states import Action, State
from soapsvc.domain.version_session import SessionState
from soapsvc.domain.work_item import Distribution, NewWorkItem, Running, WorkItem
from soapsvc.storage import history, list_entries
from soapsvc.storage.encoding import (
    decode_attributes,
    decode_context,
    decode_fields,
    encode_attributes,
    encode_context,
    encode_fields,
)
from soapsvc.storage.statements import Statement
from soapsvc.storage.tables import Moment, entity, holder, insert_if_absent, insert_into, of_tenancy, offer, work_item
from soapsvc.storage.transaction import Transaction

_ITEM = (
    sa.select(
        *(column for column in work_item.c if column is not work_item.c.tenancy_id),
        entity.c.type.label("owner_type"),
        entity.c.guid.label("owner_guid"),
        entity.c.name.label("owner_name"),
        entity.c.max_open_items.label("owner_max_open_items"),
    )
    .select_from(work_item.outerjoin(entity, sa.and_(entity.c.id == work_item.c.owner_id, of_tenancy(entity))))
    .where(of_tenancy(work_item))
)
ITEM_WITHOUT_DATA = _ITEM.with_only_columns(
    *(sa.literal("[]").label("fields") if column.name == "fields" else column for column in _ITEM.selected_columns),
    maintain_column_froms=True,
)
"""The same for lists, which show no data: they may be long, and lie apart."""
_ITEM_BY_ID = Statement(_ITEM.where(work_item.c.id == sa.bindparam("id")))
_ITEMS = Statement(_ITEM.order_by(work_item.c.id).limit(sa.bindparam("most")))
_HIGHEST_ID = Statement(
    sa.select(sa.func.max(work_item.c.id).label("id")).select_from(work_item),
    across_tenancies=True,  # says where verifying the whole file ends
)

_INSERT = Statement(insert_into(work_item, numbered=True))
_INSERT_OFFER = Statement(insert_into(offer))
_INSERT_HOLDER = Statement(insert_if_absent(holder))

_SAVE = (
    sa.update(work_item)
    .where(
        work_item.c.id == sa.bindparam("at_id"),
        work_item.c.version == sa.bindparam("at_version"),
        work_item.c.operation_id.is_not_distinct_from(sa.bindparam("at_operation", type_=sa.String)),
        of_tenancy(work_item),
    )
    .values(version=sa.bindparam("at_version", type_=sa.BigInteger) + 1)
)
"""The guard. Nothing else changes what a version has; reservations.py says only what is at work on it."""

_SET_FIRST_HASH = Statement(
    sa.update(work_item)
    .where(work_item.c.id == sa.bindparam("item"), of_tenancy(work_item))
    .values(history_hash=sa.bindparam("first_hash"))
)
"""The one other: a row that this very transaction has inserted gets the hash that its id is part of."""

_HAS_HELD = Statement(
    sa.select(holder.c.entity_id).where(
        holder.c.work_item_id == sa.bindparam("item"), holder.c.entity_id == sa.bindparam("entity"), of_tenancy(holder)
    )
)
_OFFER_SET = Statement(
    sa.select(entity.c.id, entity.c.type, entity.c.guid, entity.c.name)
    .join(offer, offer.c.entity_id == entity.c.id)
    .where(offer.c.work_item_id == sa.bindparam("item"), of_tenancy(offer, entity))
    .order_by(entity.c.guid_key)
)
_IS_DUE = sa.and_(work_item.c.hidden_until <= sa.bindparam("now", type_=Moment), work_item.c.state == State.PENDHIDDEN)
_DUE = Statement(
    _ITEM.where(_IS_DUE)
    .order_by(work_item.c.hidden_until)
    .limit(sa.bindparam("most"))
    .with_for_update(of=work_item, skip_locked=True)  # another node's sweep may be at them
)
_DUE_ANYWHERE = Statement(
    sa.select(work_item.c.tenancy_id).where(_IS_DUE).order_by(work_item.c.hidden_until).limit(sa.bindparam("most")),
    across_tenancies=True,  # the sweep learns whose items are due, and then acts in each tenancy for itself
)
_OPEN_ITEMS_OF = Statement(
    sa.select(sa.func.count().label("count")).where(
        work_item.c.owner_id == sa.bindparam("entity"), work_item.c.state == State.OPENED, of_tenancy(work_item)
    )
)


def get(tx: Transaction, item_id: int) -> WorkItem:
    """Load an item as it is now. Raises UnknownWorkItem."""
    row = _ITEM_BY_ID.row(tx, id=item_id)
    if row is None:
        raise UnknownWorkItem(item_id)
    return item_of(row)


def first(tx: Transaction, most: int) -> Sequence[WorkItem]:
    """Load the first so many items, by id."""
    return [item_of(row) for row in _ITEMS.rows(tx, most=most)]


def highest_id(tx: Transaction) -> int:
    """Give the highest id that an item of any tenancy has; 0 if there are none."""
    return _HIGHEST_ID.value(tx) or 0


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
    first_state = State.ALLOCATED if allocated_to else State.OFFERED
    values = {field.name: getattr(new, field.name) for field in fields(new)} | {"fields": model, "owner": allocated_to}
    state = first_state if values.pop("is_enabled") else State.CREATED
    columns = _columns(values) | {
        "guid": guid,
        "version": 0,
        "state": state,
        "session_guid": None,
        "offered_when_opened": False,
        "state_before_hiding": None,
        "hidden_until": None,
        "state_before_suspension": None,
        "data_rescheduled": False,
        "operation_id": None,
        "operation_state": None,
        "history_hash": "",
    }
    item_id = _INSERT.value(tx, **columns)
    offers = [{"work_item_id": item_id, "entity_id": entity.id} for entity in offered_to]
    _INSERT_OFFER.change_each(tx, offers)
    list_entries.learn_offered_to(tx, item_id, (one["entity_id"] for one in offers))
    if allocated_to:
        _insert_holder(tx, item_id, allocated_to)
    item = get(tx, item_id)
    row = history.prepare(
        tx, item, version=0, action=Action.SCHEDULE, by=by, state_before=None, changed=(), fields=item.fields
    )
    history.append(tx, [row])
    _SET_FIRST_HASH.change(tx, item=item_id, first_hash=row["hash"])
    list_entries.add(tx, item)
    return item.with_changes(history_hash=row["hash"])


def save(tx: Transaction, before: WorkItem, after: WorkItem, *, action: Action, by: Entity | None) -> WorkItem:
    """Store what became of an item, at its next version, with its history row in the same transaction.

    Raises LostRace where the stored version is no longer that of `before`: the unit of work is run again.
    """
    (saved,) = save_alike(tx, [(before, after)], action=action, by=by)
    return saved


def save_alike(
    tx: Transaction, changes: Sequence[tuple[WorkItem, WorkItem]], *, action: Action, by: Entity | None
) -> list[WorkItem]:
    """Store what became of items that all changed in the same attributes, as `save` does for one; all or none.

    Raises LostRace where one of them is no longer at its version.
    """
    differences = [_difference(before, after) for before, after in changes]
    entries = [
        history.prepare(
            tx,
            after,
            version=before.version + 1,
            action=action,
            by=by,
            state_before=before.state,
            changed=sorted(difference.keys() - _OF_NO_VERSION),
            fields=after.fields if "fields" in difference else None,
        )
        for (before, after), difference in zip(changes, differences, strict=True)
    ]
    rows = [
        _columns(difference) | _guard(before) | {"history_hash": entry["hash"]}
        for (before, _), difference, entry in zip(changes, differences, entries, strict=True)
    ]
    if any(row.keys() != rows[0].keys() for row in rows):
        raise ValueError("the work items changed in different attributes: one statement would lose some")
    if _save_statement(frozenset(rows[0])).change_each(tx, rows) != len(rows):
        raise LostRace(f"{len(rows)} work items are no longer all at the versions that they were loaded at")
    history.append(tx, entries)
    for (before, after), difference in zip(changes, differences, strict=True):
        if after.owner is not None and after.owner != before.owner:
            _record_holder(tx, before.id, after.owner)
        list_entries.follow(tx, before, after, difference)
    return [
        after.with_changes(version=before.version + 1, history_hash=entry["hash"])
        for (before, after), entry in zip(changes, entries, strict=True)
    ]


def _guard(before: WorkItem) -> dict[str, Any]:
    operation = before.running.operation if before.running else None
    return {"at_id": before.id, "at_version": before.version, "at_operation": operation}


_GUARDED_BY = frozenset({"at_id", "at_version", "at_operation"})
_OF_NO_VERSION = frozenset({"running"})


@cache
def _save_statement(names: frozenset[str]) -> Statement:
    """Give the guarded update of these columns."""
    columns = names - _GUARDED_BY
    return Statement(_SAVE.values({name: sa.bindparam(name) for name in columns}), guarded_by="at_id")


def is_offered_to(tx: Transaction, item: WorkItem, to: Entity) -> bool:
    """Say whether the entity stands in the item's original offer set."""
    return to.id in list_entries.offered_to(tx, item.id)


def offered_ids(tx: Transaction, item: WorkItem) -> Sequence[int]:
    """Give the ids of whom an item was offered to when it was scheduled."""
    return list_entries.offered_to(tx, item.id)


def has_been_held_by(tx: Transaction, item: WorkItem, by: Entity) -> bool:
    """Say whether the entity holds the item, or has held it."""
    return _HAS_HELD.row(tx, item=item.id, entity=by.id) is not None


def offer_set(tx: Transaction, item: WorkItem) -> Sequence[Entity]:
    """Give whom an item was offered to when it was scheduled."""
    rows = _OFFER_SET.rows(tx, item=item.id)
    return [Entity(id=row.id, type=EntityType(row.type), guid=row.guid, name=row.name) for row in rows]


def due(tx: Transaction, most: int) -> Sequence[WorkItem]:
    """Load hidden items whose time has come, the longest overdue first."""
    return [item_of(row) for row in _DUE.rows(tx, now=tx.now(), most=most)]


def count_due_by_tenancy(tx: Transaction, most: int) -> Mapping[int, int]:
    """Say how many of the longest overdue hidden items, at most so many, each tenancy has."""
    return Counter(row.tenancy_id for row in _DUE_ANYWHERE.rows(tx, now=tx.now(), most=most))


def count_open(tx: Transaction, owner: Entity) -> int:
    """Count the items that someone has open."""
    count: int = _OPEN_ITEMS_OF.value(tx, entity=owner.id)
    return count


_WRITERS: Mapping[str, Callable[[Any], dict[str, Any]]] = {
    "owner": lambda owner: {"owner_id": owner.id if owner else None},
    "session": lambda guid: {"session_guid": guid},
    "schedule": lambda schedule: {"start_at": schedule.start, "end_at": schedule.end},
    "attributes": lambda attributes: {"attributes": encode_attributes(attributes)},
    "context": lambda context: {"context": encode_context(context)},
    "fields": lambda model: {"fields": encode_fields(model)},
    "running": lambda running: {
        "operation_id": running.operation if running else None,
        "operation_state": running.state if running else None,
    },
}
"""How an item's attributes become columns, where they are not columns of the same name as they are."""


def _columns(values: Mapping[str, Any]) -> dict[str, Any]:
    columns: dict[str, Any] = {}
    for name, value in values.items():
        columns |= _WRITERS[name](value) if name in _WRITERS else {name: value}
    return columns


def _difference(before: WorkItem, after: WorkItem) -> dict[str, Any]:
    old = vars(before)
    return {name: new for name, new in vars(after).items() if new is not old[name] and new != old[name]}


_STATES: Mapping[str | None, State | None] = {None: None} | {str(state): state for state in State}
_DISTRIBUTIONS = {str(one): one for one in Distribution}
"""What an enumeration finds by a text takes it three times as long."""


def item_of(row: Any) -> WorkItem:
    """Make an item of a row."""
    owner = None
    if row.owner_id is not None:
        owner = Entity(
            id=row.owner_id,
            type=EntityType(row.owner_type),
            guid=row.owner_guid,
            name=row.owner_name,
            max_open_items=row.owner_max_open_items,
        )
    return WorkItem.of(
        {
            "id": row.id,
            "guid": row.guid,
            "version": row.version,
            "state": _STATES[row.state],
            "name": row.name,
            "description": row.description,
            "priority": row.priority,
            "distribution": _DISTRIBUTIONS[row.distribution],
            "group_id": row.group_id,
            "work_type_id": row.work_type_id,
            "attributes": decode_attributes(row.attributes),
            "context": decode_context(row.context),
            "schedule": Schedule(start=row.start_at, end=row.end_at),
            "fields": decode_fields(row.fields),
            "owner": owner,
            "session": row.session_guid,
            "offered_when_opened": row.offered_when_opened,
            "hidden_until": row.hidden_until,
            "state_before_hiding": _STATES[row.state_before_hiding],
            "state_before_suspension": _STATES[row.state_before_suspension],
            "data_rescheduled": row.data_rescheduled,
            "template_package_id": row.template_package_id,
            "running": Running(row.operation_id, SessionState(row.operation_state)) if row.operation_id else None,
            "history_hash": row.history_hash,
        }
    )


def _record_holder(tx: Transaction, item_id: int, entity_: Entity) -> None:
    if tx.known("holder", item_id, entity_.id) is None:
        _insert_holder(tx, item_id, entity_)


def _insert_holder(tx: Transaction, item_id: int, entity_: Entity) -> None:
    _INSERT_HOLDER.store(tx, [{"work_item_id": item_id, "entity_id": entity_.id}])
    tx.learn(True, "holder", item_id, entity_.id)
