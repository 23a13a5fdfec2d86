"""Pages of work lists: whose list, under which condition, in which order, and from where on."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from functools import lru_cache
from typing import Any

import sqlalchemy as sa

from soapsvc.domain.states import State
from soapsvc.domain.work_item import WorkItem
from soapsvc.domain.work_list import Condition, Order, completed
from soapsvc.storage import work_items
from soapsvc.storage.closure import all_of_one
from soapsvc.storage.list_tables import list_entry
from soapsvc.storage.locks import has_many_writers
from soapsvc.storage.statements import Statement
from soapsvc.storage.tables import of_tenancy, offer, work_item
from soapsvc.storage.transaction import Transaction
from soapsvc.storage.work_list_conditions import (
    Columns,
    Shape,
    after,
    clause,
    columns_of,
    key_columns,
    lowered,
    order_by,
)

MOST_STATEMENTS = 500


class Scope(StrEnum):
    """Which items of an entity, or of all, a list has."""

    OWN = "what is offered to an entity, or to what it is in or holds, and what it holds itself"
    ALONE = "the same, of an entity that is in nothing and holds nothing"
    ALL = "what stands in any list"
    HELD = "what an entity holds itself"
    ALLOCATED = "what was offered to an entity, and is now held by somebody"


@dataclass(frozen=True, kw_only=True, slots=True)
class Place:
    """Where a page begins: so many rows in, or behind a row with these key values."""

    start: int = 0
    behind: tuple[Any, ...] | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class Page:
    """Items of a list, without their data, and the key values of the last of them."""

    items: Sequence[WorkItem]
    last_key: tuple[Any, ...] | None
    has_more: bool


_description = (
    sa.select(work_item.c.description)
    .where(work_item.c.id == list_entry.c.work_item_id, of_tenancy(work_item))
    .correlate(list_entry)
    .scalar_subquery()
)
_IS_HELD = (
    sa.select(work_item.c.id)
    .where(work_item.c.id == list_entry.c.work_item_id, work_item.c.owner_id.is_not(None), of_tenancy(work_item))
    .correlate(list_entry)
    .exists()
)
"""A suspended item may be offered or held."""
_OFFERED_AND_HELD = (
    sa.select(work_item.c.owner_id, work_item.c.id)
    .join(offer, offer.c.work_item_id == work_item.c.id)
    .where(offer.c.entity_id == sa.bindparam("entity"), work_item.c.owner_id.is_not(None), of_tenancy(offer, work_item))
)
_COLUMNS: Columns = {
    **columns_of(list_entry),
    "id": list_entry.c.work_item_id,
    "description": _description,  # too long for every list that an item stands in, and seldom asked for
}


def page(
    tx: Transaction,
    entity_id: int | None,
    scope: Scope,
    *,
    condition: Condition | None,
    order: Order,
    place: Place,
    most: int,
) -> Page:
    """Read at most so many items of a list, in order."""
    order = completed(order)
    shape, parameters = lowered(condition)
    behind = place.behind
    nulls = None if behind is None else tuple(value is None for value in behind)
    bound = dict(parameters) | {"first": place.start, "most": most + 1}
    bound |= {f"after{n}": value for n, value in enumerate(behind or ()) if value is not None}
    if entity_id is not None:
        bound["entity"] = entity_id
    rows = _page_statement(scope, shape, order, nulls).rows(tx, **bound)
    shown = rows[:most]
    last = tuple(getattr(shown[-1], f"key{n}") for n in range(len(order))) if shown else None
    return Page(items=[work_items.item_of(row) for row in shown], last_key=last, has_more=len(rows) > most)


def count(tx: Transaction, entity_id: int | None, scope: Scope, condition: Condition | None) -> int:
    """Count the items of a list."""
    shape, parameters = lowered(condition)
    bound = dict(parameters) | ({} if entity_id is None else {"entity": entity_id})
    number: int = _count_statement(scope, shape).value(tx, **bound)
    return number


def is_empty(tx: Transaction, entity_id: int | None, scope: Scope, condition: Condition | None) -> bool:
    """Say whether a list has no items."""
    shape, parameters = lowered(condition)
    bound = dict(parameters) | ({} if entity_id is None else {"entity": entity_id})
    return _any_statement(scope, shape).row(tx, **bound) is None


def next_offered(
    tx: Transaction, entity_id: int, scope: Scope, *, condition: Condition | None, order: Order, work_type: str | None
) -> int | None:
    """Give the id of the first item of a list that is offered, perhaps of one work type only.

    Without one it is to be taken, and others are kept from it.
    """
    is_to_lock = work_type is None and has_many_writers(tx)
    shape, parameters = lowered(condition)
    bound = dict(parameters) | {"entity": entity_id} | ({} if work_type is None else {"type_id": work_type})
    found: int | None = _next_statement(scope, shape, completed(order), work_type is not None, is_to_lock).value(
        tx, **bound
    )
    return found


@lru_cache(MOST_STATEMENTS)
def _page_statement(scope: Scope, shape: Shape, order: Order, nulls: tuple[bool, ...] | None) -> Statement:
    """Give the statement of a page, whose rows are read of the items themselves only once they are known."""
    rows = sa.select(list_entry.c.work_item_id, *key_columns(order, _COLUMNS)).where(*_in_list(scope, shape))
    if nulls is not None:
        rows = rows.where(after(order, nulls, _COLUMNS))
    rows = rows.order_by(*order_by(order, _COLUMNS)).limit(sa.bindparam("most")).offset(sa.bindparam("first"))
    found = rows.subquery("page")
    keys = [found.c[f"key{n}"] for n in range(len(order))]
    by_name: Mapping[str, sa.ColumnElement[Any]] = dict(zip((term.field for term in order), keys, strict=True))
    return Statement(
        work_items.ITEM_WITHOUT_DATA.add_columns(*keys)
        .join(found, found.c.work_item_id == work_item.c.id)
        .order_by(*order_by(order, by_name))
    )


@lru_cache(MOST_STATEMENTS)
def _count_statement(scope: Scope, shape: Shape) -> Statement:
    return Statement(sa.select(sa.func.count().label("count")).select_from(list_entry).where(*_in_list(scope, shape)))


@lru_cache(MOST_STATEMENTS)
def _any_statement(scope: Scope, shape: Shape) -> Statement:
    return Statement(sa.select(list_entry.c.work_item_id).where(*_in_list(scope, shape)).limit(1))


@lru_cache(MOST_STATEMENTS)
def _next_statement(scope: Scope, shape: Shape, order: Order, of_type: bool, is_to_lock: bool) -> Statement:
    rows = sa.select(list_entry.c.work_item_id).where(*_in_list(scope, shape), list_entry.c.state == State.OFFERED)
    if of_type:
        typed = sa.select(work_item.c.id).where(
            work_item.c.id == list_entry.c.work_item_id,
            work_item.c.work_type_id == sa.bindparam("type_id"),
            of_tenancy(work_item),
        )
        rows = rows.where(typed.correlate(list_entry).exists())
    if is_to_lock:  # and what others are just taking is passed over: many at once get different items, and none waits
        rows = rows.join(
            work_item,
            sa.and_(
                work_item.c.id == list_entry.c.work_item_id, work_item.c.state == State.OFFERED, of_tenancy(work_item)
            ),
        ).with_for_update(of=work_item, skip_locked=True)
    return Statement(rows.order_by(*order_by(order, _COLUMNS)).limit(1))


def _in_list(scope: Scope, shape: Shape) -> list[sa.ColumnElement[bool]]:
    conditions = [of_tenancy(list_entry), *_of_scope(scope)]
    return [*conditions, clause(shape, _COLUMNS)] if shape else conditions


def _of_scope(scope: Scope) -> list[sa.ColumnElement[bool]]:
    if scope is Scope.ALL:
        return [list_entry.c.rank == 0]
    if scope is Scope.ALONE:
        return [list_entry.c.entity_id == sa.bindparam("entity")]
    if scope is Scope.HELD:
        return [list_entry.c.entity_id == sa.bindparam("entity"), list_entry.c.state != State.OFFERED, _IS_HELD]
    if scope is Scope.ALLOCATED:
        return [sa.tuple_(list_entry.c.entity_id, list_entry.c.work_item_id).in_(_OFFERED_AND_HELD)]
    lists = all_of_one("entity").cte("lists")
    ids = sa.select(lists.c.id)
    other = list_entry.alias("other")
    # An item that was offered to several of them stands there several times: the first one counts.
    earlier = sa.select(other.c.rank).where(
        other.c.entity_id.in_(ids),
        other.c.entity_id < list_entry.c.entity_id,
        other.c.work_item_id == list_entry.c.work_item_id,
        of_tenancy(other),
    )
    is_first = sa.or_(list_entry.c.rank == 0, ~earlier.correlate(list_entry).exists())
    return [list_entry.c.entity_id.in_(ids), is_first]
