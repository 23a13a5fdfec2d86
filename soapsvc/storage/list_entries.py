"""What stands in whose list: kept in step with the items by the transactions that change them."""

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from functools import cache
from typing import Any

import sqlalchemy as sa

from soapsvc.domain.attributes import ATTRIBUTES
from soapsvc.domain.schedule import Schedule
from soapsvc.domain.work_item import WorkItem
from soapsvc.storage.list_tables import NO_END, list_entry, part_of, slot_of
from soapsvc.storage.locks import has_many_writers
from soapsvc.storage.statements import Statement
from soapsvc.storage.tables import insert_into, microseconds_of, of_tenancy, offer
from soapsvc.storage.transaction import Transaction

_INSERT = Statement(insert_into(list_entry))
_OFFERED_IDS = Statement(
    sa.select(offer.c.entity_id)
    .where(offer.c.work_item_id == sa.bindparam("item"), of_tenancy(offer))
    .order_by(offer.c.entity_id)
)
_NO_ATTRIBUTES = dict.fromkeys(ATTRIBUTES)


def _schedule(schedule: Schedule) -> dict[str, Any]:
    return {"due": _due(schedule), "start_at": schedule.start, "end_at": schedule.end}


_COLUMNS: Mapping[str, Callable[[WorkItem], dict[str, Any]]] = {
    "state": lambda item: {"state": item.state},
    "priority": lambda item: {"priority": item.priority},
    "schedule": lambda item: _schedule(item.schedule),
    "distribution": lambda item: {"distribution": item.distribution},
    "name": lambda item: {"name": item.name},
    "context": lambda item: {
        "app_instance": item.context.app_instance,
        "app_name": item.context.app_name,
        "app_instance_description": item.context.app_instance_description,
    },
    "attributes": lambda item: {**_NO_ATTRIBUTES, **item.attributes},
}
"""What lists show of an item's values, by the names of those."""


def add(tx: Transaction, item: WorkItem) -> None:
    """Enter a new item in the lists that it stands in."""
    places = _places(tx, item)
    _enter(tx, item, {at: {"rank": rank} for rank, at in enumerate(places)})
    _tell(tx, places)


def follow(tx: Transaction, before: WorkItem, after: WorkItem, changed: Collection[str]) -> None:
    """Let the lists follow an item's change, of which these are the names of the values that differ.

    It is work in the lists of those who were offered it, or of who holds it: see WorkItem.stands_in_lists.
    """
    old, new = _places(tx, before), _places(tx, after)
    columns = _shown(after, changed)
    if old != new:
        _move(tx, before, after, old, new, columns)
    elif columns:
        _change(tx, before, [(at, columns) for at in new])
    _tell(tx, {*old, *new})


def _move(
    tx: Transaction,
    before: WorkItem,
    after: WorkItem,
    old: Sequence[int],
    new: Sequence[int],
    columns: Mapping[str, Any],
) -> None:
    """Change the lists that an item stands in.

    A row that goes becomes one that comes, which is quicker than both; but not from one part of the table to another.
    """
    ranked = {at: {"rank": rank} for rank, at in enumerate(new)}
    going = [at for at in old if at not in ranked]
    coming = [at for at in new if at not in old]
    paired = 0 if has_many_writers(tx) else min(len(going), len(coming))
    changes = [(at, {**columns, **ranked[at]}) for at in new if at in old]
    for from_, to in zip(going[:paired], coming, strict=False):
        changes.append((from_, {**columns, **ranked[to], "entity_id": to, "slot": slot_of(to)}))
    for at in going[paired:]:
        _removal(_part(tx, at)).store(tx, [_key(before, at)])
    _change(tx, before, changes)
    _enter(tx, after, {at: ranked[at] for at in coming[paired:]})


def _enter(tx: Transaction, item: WorkItem, ranked: Mapping[int, Mapping[str, int]]) -> None:
    if ranked:
        row = {**_shown(item, _COLUMNS), "work_item_id": item.id}
        _INSERT.store(tx, [{**row, **rank, "entity_id": at, "slot": slot_of(at)} for at, rank in ranked.items()])


def _change(tx: Transaction, before: WorkItem, changes: Sequence[tuple[int, Mapping[str, Any]]]) -> None:
    """Give an item's rows in these lists new values."""
    for at, values in changes:
        _update_statement(_part(tx, at), frozenset(values)).store(tx, [{**values, **_key(before, at)}])


@cache
def _removal(part: int | None) -> Statement:
    table = _table(part)
    return Statement(sa.delete(table).where(_is_at(table)))


@cache
def _update_statement(part: int | None, names: frozenset[str]) -> Statement:
    """Give the update of these columns."""
    table = _table(part)
    return Statement(sa.update(table).where(_is_at(table)).values({name: sa.bindparam(name) for name in sorted(names)}))


def _part(tx: Transaction, entity_id: int) -> int | None:
    """Say in which part of the table a list is, where it has parts: a statement that names none looks into all."""
    return slot_of(entity_id) if has_many_writers(tx) else None


def _table(part: int | None) -> sa.Table:
    return list_entry if part is None else part_of(part)


def _is_at(table: sa.Table) -> sa.ColumnElement[bool]:
    """Give the condition of one row: by its whole key, which is that of a list in its order."""
    return sa.and_(
        table.c.entity_id == sa.bindparam("at_entity"),
        table.c.due == sa.bindparam("at_due"),
        table.c.priority == sa.bindparam("at_priority"),
        table.c.work_item_id == sa.bindparam("at_item"),
        of_tenancy(table),
    )


def _key(item: WorkItem, at: int) -> dict[str, Any]:
    return {"at_entity": at, "at_due": _due(item.schedule), "at_priority": item.priority, "at_item": item.id}


def _due(schedule: Schedule) -> int:
    return NO_END if schedule.end is None else microseconds_of(schedule.end)


def _places(tx: Transaction, item: WorkItem) -> Sequence[int]:
    """Give the ids of those in whose lists an item stands, in their order."""
    if not item.stands_in_lists:
        return ()
    if item.owner is not None:
        return (item.owner.id,)
    return offered_to(tx, item.id)


def offered_to(tx: Transaction, item_id: int) -> Sequence[int]:
    """Give the ids of whom an item was offered to, which never change, in their order."""
    found: Sequence[int] | None = tx.known("offered to", tx.tenancy, item_id)
    if found is None:
        found = learn_offered_to(tx, item_id, [row.entity_id for row in _OFFERED_IDS.rows(tx, item=item_id)])
    return found


def learn_offered_to(tx: Transaction, item_id: int, ids: Iterable[int]) -> Sequence[int]:
    """Know whom an item is offered to, from here on."""
    offer_set = tuple(sorted(ids))
    tx.learn(offer_set, "offered to", tx.tenancy, item_id)
    return offer_set


def _shown(item: WorkItem, names: Collection[str]) -> dict[str, Any]:
    columns: dict[str, Any] = {}
    for name in names:
        if name in _COLUMNS:
            columns |= _COLUMNS[name](item)
    return columns


def _tell(tx: Transaction, places: Collection[int]) -> None:
    """Wake who waits for a change of these lists, once it is on disk."""
    lists, ids = tx.memory.memories.lists, tuple(places)
    tx.after_commit(lambda: lists.note(ids))
