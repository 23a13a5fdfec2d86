"""What stands in whose list: kept in step with the items by the transactions that change them."""

from collections.abc import Callable, Collection, Mapping, Sequence
from functools import cache
from typing import Any

import sqlalchemy as sa

from soapsvc.domain.attributes import ATTRIBUTES
from soapsvc.domain.work_item import WorkItem
from soapsvc.storage.list_tables import list_entry
from soapsvc.storage.statements import Statement
from soapsvc.storage.tables import insert_into, of_tenancy, offer
from soapsvc.storage.transaction import Transaction

_INSERT = Statement(insert_into(list_entry))
_AT = sa.and_(
    list_entry.c.entity_id == sa.bindparam("at_entity"),
    list_entry.c.work_item_id == sa.bindparam("at_item"),
    of_tenancy(list_entry),
)
_REMOVE = Statement(sa.delete(list_entry).where(_AT))
_OFFERED_IDS = Statement(
    sa.select(offer.c.entity_id)
    .where(offer.c.work_item_id == sa.bindparam("item"), of_tenancy(offer))
    .order_by(offer.c.entity_id)
)

_COLUMNS: Mapping[str, Callable[[WorkItem], dict[str, Any]]] = {
    "state": lambda item: {"state": item.state},
    "priority": lambda item: {"priority": item.priority},
    "schedule": lambda item: {"start_at": item.schedule.start, "end_at": item.schedule.end},
    "distribution": lambda item: {"distribution": item.distribution},
    "name": lambda item: {"name": item.name},
    "context": lambda item: {
        "app_instance": item.context.app_instance,
        "app_name": item.context.app_name,
        "app_instance_description": item.context.app_instance_description,
    },
    "attributes": lambda item: {name: item.attributes.get(name) for name in ATTRIBUTES},
}
"""What lists show of an item's values, by the names of those."""


def add(tx: Transaction, item: WorkItem) -> None:
    """Enter a new item in the lists that it stands in."""
    places = _places(tx, item, [])
    _enter(tx, item, list(enumerate(places)))
    _tell(tx, places)


def follow(tx: Transaction, before: WorkItem, after: WorkItem, changed: Collection[str]) -> None:
    """Let the lists follow an item's change, of which these are the names of the values that differ.

    It is work in the lists of those who were offered it, or of who holds it: see WorkItem.stands_in_lists.
    """
    offered: list[int] = []
    old, new = _places(tx, before, offered), _places(tx, after, offered)
    columns = _shown(after, changed)
    if old == new:
        if columns:
            _update(tx, after.id, [(at, at, rank) for rank, at in enumerate(new)], columns)
    else:
        _move(tx, after, old, new, columns)
    _tell(tx, {*old, *new})


def _move(tx: Transaction, item: WorkItem, old: Sequence[int], new: Sequence[int], columns: dict[str, Any]) -> None:
    """Change the lists that an item stands in; a row that goes becomes one that comes, which is quicker than both."""
    going = [at for at in old if at not in new]
    coming = [(rank, at) for rank, at in enumerate(new) if at not in old]
    moves = [(at, at, rank) for rank, at in enumerate(new) if at in old]
    moves += [(from_, to, rank) for from_, (rank, to) in zip(going, coming, strict=False)]
    if len(going) > len(coming):
        _REMOVE.store(tx, [{"at_entity": at, "at_item": item.id} for at in going[len(coming) :]])
    if moves:
        _update(tx, item.id, moves, columns)
    _enter(tx, item, coming[len(going) :])


def _enter(tx: Transaction, item: WorkItem, ranked: Sequence[tuple[int, int]]) -> None:
    if ranked:
        _INSERT.store(tx, [_row(item, at, rank) for rank, at in ranked])


def _update(tx: Transaction, item_id: int, moves: Sequence[tuple[int, int, int]], columns: dict[str, Any]) -> None:
    """Change rows, each from one list to another or the same, with its rank."""
    rows = [
        columns | {"at_entity": from_, "at_item": item_id, "entity_id": to, "rank": rank} for from_, to, rank in moves
    ]
    _update_statement(frozenset(columns)).store(tx, rows)


@cache
def _update_statement(names: frozenset[str]) -> Statement:
    """Give the update of these columns, and of where a row stands."""
    values: dict[str, Any] = {name: sa.bindparam(name) for name in (*sorted(names), "entity_id", "rank")}
    return Statement(sa.update(list_entry).where(_AT).values(values))


def _places(tx: Transaction, item: WorkItem, offered: list[int]) -> Sequence[int]:
    """Give the ids of those in whose lists an item stands, in their order; `offered` keeps its offer set, once read."""
    if not item.stands_in_lists:
        return ()
    if item.owner is not None:
        return (item.owner.id,)
    if not offered:
        offered += [row.entity_id for row in _OFFERED_IDS.rows(tx, item=item.id)]
    return tuple(offered)


def _row(item: WorkItem, at: int, rank: int) -> dict[str, Any]:
    return _shown(item, _COLUMNS) | {"entity_id": at, "work_item_id": item.id, "rank": rank}


def _shown(item: WorkItem, names: Collection[str]) -> dict[str, Any]:
    columns: dict[str, Any] = {}
    for name, read in _COLUMNS.items():
        if name in names:
            columns |= read(item)
    return columns


def _tell(tx: Transaction, places: Collection[int]) -> None:
    """Wake who waits for a change of these lists, once it is on disk."""
    lists, ids = tx.memory.memories.lists, tuple(places)
    tx.after_commit(lambda: lists.note(ids))
