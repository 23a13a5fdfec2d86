"""Pages of work lists: whose list, under which condition, in which order, and from where on."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from functools import lru_cache
from typing import Any

import sqlalchemy as sa

from soapsvc.domain.states import State
from soapsvc.domain.values import LONG_MAX
from soapsvc.domain.work_item import WorkItem
from soapsvc.domain.work_list import DEFAULT_ORDER, Condition, Order, completed
from soapsvc.storage import work_items
from soapsvc.storage.list_tables import NO_END, SLOTS, list_entry, slot_of
from soapsvc.storage.locks import has_many_writers
from soapsvc.storage.statements import Statement
from soapsvc.storage.tables import microseconds_of, of_tenancy, offer, work_item
from soapsvc.storage.transaction import Transaction
from soapsvc.storage.work_list_conditions import (
    Columns,
    Shape,
    after,
    as_one,
    clause,
    columns_of,
    key_columns,
    lowered,
    order_by,
)

MOST_STATEMENTS = 500
MOST_WALKED = 16
"""In how many lists at most a place is kept each, to read them in their order."""

MOST_PASSED_OVER = 32
"""How many of a list that others are just taking are passed over before all of it is looked at."""

_NOBODY = -1


class Scope(StrEnum):
    """Which items of entities, or of all, a list has."""

    OWN = "what stands in the lists of these entities"
    ALL = "what stands in any list"
    HELD = "what an entity holds itself"
    ALLOCATED = "what was offered to an entity, and is now held by somebody"


@dataclass(frozen=True, kw_only=True, slots=True)
class Listing:
    """A list: its scope, and the ids of the entities; one where it is HELD or ALLOCATED, none where it is ALL.

    The list of somebody is OWN, of himself and of all that he is in or holds.
    """

    scope: Scope
    entities: Sequence[int] = ()


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


@dataclass(frozen=True, slots=True)
class _Form:
    """What the SQL of a list depends on: its scope, how many entities there is room for, and whether it has parts."""

    scope: Scope
    entities: int
    has_parts: bool


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
_IS_OF_TYPE = (
    sa.select(work_item.c.id)
    .where(
        work_item.c.id == list_entry.c.work_item_id,
        work_item.c.work_type_id == sa.bindparam("type_id"),
        of_tenancy(work_item),
    )
    .correlate(list_entry)
    .exists()
)
_OFFERED_AND_HELD = (
    sa.select(
        work_item.c.owner_id,
        sa.func.coalesce(sa.type_coerce(work_item.c.end_at, sa.BigInteger), NO_END),
        work_item.c.priority,
        work_item.c.id,
        work_item.c.owner_id % SLOTS,
    )
    .join(offer, offer.c.work_item_id == work_item.c.id)
    .where(
        offer.c.entity_id == sa.bindparam("entity0", type_=sa.BigInteger),
        work_item.c.owner_id.is_not(None),
        of_tenancy(offer, work_item),
    )
)
"""The keys of their rows."""
_COLUMNS: Columns = {
    **columns_of(list_entry),
    "id": list_entry.c.work_item_id,
    "description": _description,  # too long for every list that an item stands in, and seldom asked for
}


def page(
    tx: Transaction, listing: Listing, *, condition: Condition | None, order: Order, place: Place, most: int
) -> Page:
    """Read at most so many items of a list, in order."""
    order = completed(order)
    statement, bound = _paged(tx, listing, condition, order, place, most)
    rows = statement.rows(tx, **bound)
    shown = rows[:most]
    last = tuple(getattr(shown[-1], f"key{n}") for n in range(len(order))) if shown else None
    return Page(items=[work_items.item_of(row) for row in shown], last_key=last, has_more=len(rows) > most)


def plan_of_page(
    tx: Transaction, listing: Listing, *, condition: Condition | None, order: Order, place: Place, most: int
) -> Sequence[str]:
    """Say how the database reads a page, in its own words."""
    statement, bound = _paged(tx, listing, condition, completed(order), place, most)
    return statement.plan(tx, **bound)


def _paged(
    tx: Transaction, listing: Listing, condition: Condition | None, order: Order, place: Place, most: int
) -> tuple[Statement, Mapping[str, Any]]:
    form, shape, bound = _asked(tx, listing, condition)
    bound |= {"first": place.start, "most": most + 1}
    behind = place.behind
    if _is_walked(form, order):
        if behind is not None:
            bound |= {"after0": NO_END if behind[0] is None else microseconds_of(behind[0])}
            bound |= {"after1": behind[1], "after2": behind[2]}
        bound |= {"enough": min(place.start + most + 1, LONG_MAX)}
        return _walk_statement(form, shape, behind is not None), bound
    nulls = None if behind is None else tuple(value is None for value in behind)
    bound |= {f"after{n}": value for n, value in enumerate(behind or ()) if value is not None}
    return _page_statement(form, shape, order, nulls), bound


def count(tx: Transaction, listing: Listing, condition: Condition | None) -> int:
    """Count the items of a list."""
    form, shape, bound = _asked(tx, listing, condition)
    number: int = _count_statement(form, shape).value(tx, **bound)
    return number


def is_empty(tx: Transaction, listing: Listing, condition: Condition | None) -> bool:
    """Say whether a list has no items."""
    form, shape, bound = _asked(tx, listing, condition)
    return _any_statement(form, shape).row(tx, **bound) is None


def next_offered(
    tx: Transaction, listing: Listing, *, condition: Condition | None, order: Order, work_type: str | None
) -> int | None:
    """Give the id of the first item of a list that is offered, perhaps of one work type only.

    Without one it is to be taken, and others are kept from it.
    """
    statement, bound = _next(tx, listing, condition, order, work_type)
    found: int | None = statement.value(tx, **bound)
    if found is None and has_many_writers(tx):  # others may just be taking the first ones, all of them
        found = statement.value(tx, **{**bound, "enough": LONG_MAX})
    return found


def plan_of_next(tx: Transaction, listing: Listing, *, condition: Condition | None, order: Order) -> Sequence[str]:
    """Say how the database finds the first item of a list that is offered, in its own words."""
    statement, bound = _next(tx, listing, condition, order, None)
    return statement.plan(tx, **bound)


def _next(
    tx: Transaction, listing: Listing, condition: Condition | None, order: Order, work_type: str | None
) -> tuple[Statement, Mapping[str, Any]]:
    form, shape, bound = _asked(tx, listing, condition)
    bound |= {"enough": MOST_PASSED_OVER}
    if work_type is not None:
        bound |= {"type_id": work_type}
    is_to_lock = work_type is None and has_many_writers(tx)
    return _next_statement(form, shape, completed(order), work_type is not None, is_to_lock), bound


def _asked(tx: Transaction, listing: Listing, condition: Condition | None) -> tuple[_Form, Shape, dict[str, Any]]:
    """Give what decides the statement, and the parameters: as many entities as a power of two, with nobody among them.

    So a few statements serve for however many lists somebody has. They are in the order of their ids, as ranks are.
    """
    shape, parameters = lowered(condition)
    room = 1 << (len(listing.entities) - 1).bit_length() if listing.entities else 0
    entities = sorted(listing.entities)
    form = _Form(listing.scope, room, has_many_writers(tx))
    bound = dict(parameters)
    for number, entity in enumerate(entities + [_NOBODY] * (room - len(entities))):
        bound[f"entity{number}"] = entity
        if form.has_parts:  # nobody is looked for where somebody is: each part of the table takes time of its own
            bound[f"slot{number}"] = slot_of(entities[-1] if entity == _NOBODY else entity)
    return form, shape, bound


def _is_walked(form: _Form, order: Order) -> bool:
    """Say whether a list is read as it lies, from its beginning on, and not whole."""
    return order == DEFAULT_ORDER and form.scope is Scope.OWN and form.entities <= MOST_WALKED


_WALK = (list_entry.c.due, list_entry.c.priority, list_entry.c.work_item_id)


@lru_cache(MOST_STATEMENTS)
def _walk_statement(form: _Form, shape: Shape, is_behind: bool) -> Statement:
    """Give the statement of a page in the order in which lists lie: of each it reads no more than it needs."""
    place = sa.tuple_(*_WALK) > sa.tuple_(*(sa.bindparam(f"after{n}", type_=sa.BigInteger) for n in range(3)))
    shown = (list_entry.c.due, *key_columns(DEFAULT_ORDER, _COLUMNS))
    rows = _merged(form, shape, shown, [place] if is_behind else [])
    rows = rows.order_by("due", "key1", "key2").limit(sa.bindparam("most")).offset(sa.bindparam("first"))
    return Statement(_items_of(rows, DEFAULT_ORDER))


def _merged(
    form: _Form, shape: Shape, shown: Sequence[sa.ColumnElement[Any]], conditions: Sequence[sa.ColumnElement[bool]]
) -> sa.Select[Any] | sa.CompoundSelect[Any]:
    """Give the rows of each entity's list by themselves, to be put into the order in which they lie."""
    parts = [
        sa.select(*shown).where(of_tenancy(list_entry), *_of_one(form, number), *_filtered(shape), *conditions)
        for number in range(form.entities)
    ]
    if len(parts) == 1:
        return parts[0]
    if form.has_parts:  # PostgreSQL merges what is said to be in order, and to end soon; SQLite sees it by itself
        parts = [part.order_by(*_WALK).limit(sa.bindparam("enough", type_=sa.BigInteger)) for part in parts]
    return sa.union_all(*parts)


def _of_one(form: _Form, number: int) -> list[sa.ColumnElement[bool]]:
    conditions = [list_entry.c.entity_id == _entity(number)]
    if form.has_parts:
        conditions.append(list_entry.c.slot == _slot(number))
    return [*conditions, _stands_in_no_other(form, number)] if number else conditions


@lru_cache(MOST_STATEMENTS)
def _page_statement(form: _Form, shape: Shape, order: Order, nulls: tuple[bool, ...] | None) -> Statement:
    """Give the statement of a page, for which the whole list is looked at."""
    behind = [] if nulls is None else [as_one(after(order, nulls, _COLUMNS))]
    rows = _listed(form, shape, key_columns(order, _COLUMNS), behind)
    rows = rows.order_by(*_by_keys(order, rows.selected_columns))
    return Statement(_items_of(rows.limit(sa.bindparam("most")).offset(sa.bindparam("first")), order))


def _items_of(rows: sa.Select[Any] | sa.CompoundSelect[Any], order: Order) -> sa.Select[Any]:
    """Have the items themselves read once it is known which: the last key of a row is the item's id."""
    found = rows.subquery("page")
    keys = [found.c[f"key{n}"] for n in range(len(order))]
    items = work_items.ITEM_WITHOUT_DATA.add_columns(*keys).join(found, keys[-1] == work_item.c.id)
    return items.order_by(*_by_keys(order, found.c))


def _by_keys(order: Order, keys: sa.ColumnCollection[str, Any]) -> list[sa.ColumnElement[Any]]:
    """Give the order by the columns that key_columns has named."""
    return order_by(order, {term.field: keys[f"key{n}"] for n, term in enumerate(order)})


@lru_cache(MOST_STATEMENTS)
def _count_statement(form: _Form, shape: Shape) -> Statement:
    rows = _listed(form, shape, [_ITEM_ID]).subquery("listed")
    return Statement(sa.select(sa.func.count().label("count")).select_from(rows))


@lru_cache(MOST_STATEMENTS)
def _any_statement(form: _Form, shape: Shape) -> Statement:
    return Statement(_listed(form, shape, [_ITEM_ID]).limit(1))


@lru_cache(MOST_STATEMENTS)
def _next_statement(form: _Form, shape: Shape, order: Order, of_type: bool, is_to_lock: bool) -> Statement:
    wanted = [list_entry.c.state == State.OFFERED, *([_IS_OF_TYPE] if of_type else [])]
    keys = key_columns(order, _COLUMNS)
    if _is_walked(form, order):
        rows = _merged(form, shape, (keys[-1], list_entry.c.due, *keys[1:-1]), wanted)
        listed = rows.subquery("listed")
        ordered: Sequence[sa.ColumnElement[Any]] = [listed.c.due, listed.c.key1, listed.c.key2]
        rows = rows.order_by("due", "key1", "key2")
    else:
        rows = _listed(form, shape, (keys[-1], *keys[:-1]), wanted)
        listed = rows.subquery("listed")
        ordered = _by_keys(order, listed.c)
        rows = rows.order_by(*_by_keys(order, rows.selected_columns))
    return Statement(_locked(listed, ordered) if is_to_lock else rows.limit(1))


def _locked(listed: sa.Subquery, ordered: Sequence[sa.ColumnElement[Any]]) -> sa.Select[Any]:
    """Lock the first item, but pass over what others are just taking.

    So many who ask at once get different ones, and none waits for another.
    """
    item_id = listed.c[0]
    is_it = sa.and_(work_item.c.id == item_id, work_item.c.state == State.OFFERED, of_tenancy(work_item))
    found = sa.select(item_id.label("id")).join(work_item, is_it).order_by(*ordered)
    return found.with_for_update(of=work_item, skip_locked=True).limit(1)


_ITEM_ID = list_entry.c.work_item_id.label("listed_id")


def _listed(
    form: _Form,
    shape: Shape,
    shown: Sequence[sa.ColumnElement[Any]],
    conditions: Sequence[sa.ColumnElement[bool]] = (),
) -> sa.Select[Any]:
    """Give the rows of a list, each item once; the columns have labels that are no names of list_entry's."""
    rows = sa.select(*shown).where(of_tenancy(list_entry), *_of_scope(form), *_filtered(shape), *conditions)
    if form.scope is not Scope.OWN or form.entities == 1:
        return rows
    if not form.has_parts:
        return rows.where(_stands_in_no_other(form, form.entities))
    # PostgreSQL takes the look at other lists, which few rows need, for so dear that it no longer cares how it reads
    # this one. An OFFSET lets it think of the two one by one.
    apart = rows.add_columns(*list_entry.primary_key.columns, list_entry.c.rank).offset(sa.literal_column("0"))
    entries = apart.subquery("entries")
    names = {column.key for column in shown}
    once = _stands_in_no_other(form, form.entities, entries)
    return sa.select(*(column for column in entries.c if column.key in names)).where(once)


def _filtered(shape: Shape) -> list[sa.ColumnElement[bool]]:
    return [as_one(clause(shape, _COLUMNS))] if shape else []


def _of_scope(form: _Form) -> list[sa.ColumnElement[bool]]:
    if form.scope is Scope.ALL:
        return [list_entry.c.rank == 0]
    if form.scope is Scope.ALLOCATED:
        return [sa.tuple_(*list_entry.primary_key.columns).in_(_OFFERED_AND_HELD)]
    if form.scope is Scope.HELD:
        return [*_of_one(form, 0), list_entry.c.state != State.OFFERED, _IS_HELD]
    return _of_one(form, 0) if form.entities == 1 else _of_first(list_entry, form, form.entities)


def _of_first(table: sa.FromClause, form: _Form, number: int) -> list[sa.ColumnElement[bool]]:
    """Give the conditions of being in the list of one of the first so many entities."""
    conditions: list[sa.ColumnElement[bool]] = [table.c.entity_id.in_([_entity(one) for one in range(number)])]
    if form.has_parts:
        conditions.append(table.c.slot.in_([_slot(one) for one in range(number)]))
    return conditions


def _stands_in_no_other(form: _Form, number: int, entries: sa.FromClause = list_entry) -> sa.ColumnElement[bool]:
    """Say that an item stands in no earlier one of the first so many lists: it may be offered to several of them."""
    other = list_entry.alias("other")
    earlier = sa.select(other.c.rank).where(
        *_of_first(other, form, number),
        other.c.entity_id < entries.c.entity_id,
        other.c.due == entries.c.due,
        other.c.priority == entries.c.priority,
        other.c.work_item_id == entries.c.work_item_id,
        of_tenancy(other),
    )
    return sa.or_(entries.c.rank == 0, ~earlier.correlate(entries).exists())


def _entity(number: int) -> sa.BindParameter[int]:
    return sa.bindparam(f"entity{number}", type_=sa.BigInteger)


def _slot(number: int) -> sa.BindParameter[int]:
    return sa.bindparam(f"slot{number}", type_=sa.SmallInteger)
