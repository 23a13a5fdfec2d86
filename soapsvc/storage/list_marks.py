"""Marks, which say how far work lists have come and mean the same in every process, and what has changed since.

A mark is compared with the history of items, which has a row for each change: nothing more is written for it.
"""

import hashlib
import re
from collections.abc import Collection
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa

from soapsvc.domain.states import State
from soapsvc.storage.change_numbers import number
from soapsvc.storage.locks import has_many_writers
from soapsvc.storage.statements import Statement
from soapsvc.storage.tables import history, holder, of_tenancy, offer
from soapsvc.storage.transaction import Transaction

MOST_CHANGES = 1_000
"""How many changes are looked at; where there were more, every list may have changed."""

_FORM = re.compile(r"([0-9a-f]{16})?-([0-9]{1,18}):([0-9]{1,18}):((?:[0-9]{1,18},)*[0-9]{1,18})?")
_LONGEST = 10_000
_HELD = (State.ALLOCATED, State.OPENED, State.PENDED, State.PENDHIDDEN, State.COMPLETED)
_IS_FROM = sa.and_(number() >= sa.bindparam("first"), number() < sa.bindparam("end"))
# Numbers are those of all tenancies together.
_HIGHEST = Statement(sa.select(sa.func.max(number()).label("number")).select_from(history), across_tenancies=True)
_SNAPSHOT = Statement(sa.select(sa.cast(sa.func.pg_current_snapshot(), sa.Text).label("snapshot")))


@dataclass(frozen=True, slots=True)
class Point:
    """Which changes were seen: those before `first`, and those before `end` that are not among `unseen`."""

    first: int
    end: int
    unseen: frozenset[int]

    def sees(self, change: int) -> bool:
        """Say whether a change was seen."""
        return change < self.first or (change < self.end and change not in self.unseen)

    def __str__(self) -> str:
        return f"{self.first}:{self.end}:{','.join(map(str, sorted(self.unseen)))}"


@dataclass(frozen=True, slots=True)
class Mark:
    """What an answer shows: the changes up to a point, of lists whose ids have this digest, if it names any."""

    digest: str
    point: Point


def mark_of(tx: Transaction, lists: Collection[int]) -> str:
    """Write what this transaction, which only looks, sees of lists, for a client, who can only give it back."""
    return f"{_digest(lists) if lists else ''}-{here(tx)}"


def read_mark(text: str) -> Mark | None:
    """Read a mark; None for what is none."""
    found = _FORM.fullmatch(text) if len(text) <= _LONGEST else None
    if found is None:
        return None
    digest, first, end, unseen = found.groups()
    return Mark(digest or "", Point(int(first), int(end), _numbers(unseen)))


def here(tx: Transaction) -> Point:
    """Say how far this transaction, which only looks, can see."""
    if not has_many_writers(tx):
        end = (_HIGHEST.value(tx) or 0) + 1
        return Point(end, end, frozenset())
    first, end, unseen = _SNAPSHOT.value(tx).split(":")
    return Point(int(first), int(end), _numbers(unseen))


def _numbers(text: str | None) -> frozenset[int]:
    return frozenset(map(int, text.split(","))) if text else frozenset()


def have_changed(tx: Transaction, lists: Collection[int], mark: Mark | None) -> bool:
    """Say whether lists, those of somebody together, may have changed since a mark, or are others than then.

    Without a mark they have.
    """
    if mark is None or (mark.digest and mark.digest != _digest(lists)):
        return True
    changed = _changed(tx, mark.point, here(tx), _MORE_THAN, _PLACES)
    return changed is None or not changed.isdisjoint(lists)


def changed_anywhere(tx: Transaction, since: Point | None) -> tuple[Point, Collection[int] | None]:
    """Say how far it has come, and which lists may have changed since a point, in all tenancies; None: any of them."""
    now = here(tx)
    return now, None if since is None else _changed(tx, since, now, _MORE_THAN_ANYWHERE, _PLACES_ANYWHERE)


def items_changed_anywhere(tx: Transaction, since: Point | None) -> Collection[int] | None:
    """Give the ids of items that may have changed since a point, in all tenancies; None: any of them."""
    now = here(tx)
    return None if since is None else _changed(tx, since, now, _MORE_THAN_ANYWHERE, _ITEMS_ANYWHERE)


def _changed(
    tx: Transaction, since: Point, now: Point, more_than: Statement, places: Statement
) -> frozenset[int] | None:
    if since.end > now.end:  # of another database, or of a future that was taken back
        return None
    numbers = {"first": since.first, "end": now.end}
    if more_than.row(tx, **numbers, most=MOST_CHANGES) is not None:
        return None
    rows = places.rows(tx, **numbers)
    return frozenset(row[1] for row in rows if not since.sees(row[0]))


def _digest(lists: Collection[int]) -> str:
    return hashlib.sha256(",".join(map(str, sorted(lists))).encode()).hexdigest()[:16]


def _is_of_held(state: sa.ColumnElement[str]) -> sa.ColumnElement[bool]:
    return sa.or_(*(state == held for held in _HELD))  # a list of values would be expanded for each run


def _places_of(recent: sa.CTE, *tables: sa.ColumnElement[bool]) -> sa.CompoundSelect[Any]:
    """Select whose lists changes concern, or may: who holds the item or has held it, and who was offered it.

    While it is held nothing changes in the lists of those who were offered it.
    """
    is_held = sa.and_(_is_of_held(recent.c.state_before), _is_of_held(recent.c.state_after))
    of_offers, of_holders = tables or (sa.true(), sa.true())
    offers = (
        sa.select(recent.c.number, offer.c.entity_id)
        .join(offer, offer.c.work_item_id == recent.c.work_item_id)
        .where(sa.or_(recent.c.state_before.is_(None), ~is_held), of_offers)
    )
    holders = (
        sa.select(recent.c.number, holder.c.entity_id)
        .join(holder, holder.c.work_item_id == recent.c.work_item_id)
        .where(of_holders)
    )
    return sa.union(offers, holders)


_RECENT = sa.select(
    history.c.work_item_id, history.c.state_before, history.c.state_after, number().label("number")
).where(_IS_FROM)
_MORE = sa.select(number().label("number")).select_from(history).where(_IS_FROM).order_by(number())
_MORE = _MORE.limit(1).offset(sa.bindparam("most"))
_MORE_THAN = Statement(_MORE.where(of_tenancy(history)))
_PLACES = Statement(_places_of(_RECENT.where(of_tenancy(history)).cte("recent"), of_tenancy(offer), of_tenancy(holder)))
# A process looks once for all who wait.
_MORE_THAN_ANYWHERE = Statement(_MORE, across_tenancies=True)
_PLACES_ANYWHERE = Statement(_places_of(_RECENT.cte("recent")), across_tenancies=True)
_ITEMS_ANYWHERE = Statement(
    sa.select(number().label("number"), history.c.work_item_id).where(_IS_FROM),
    across_tenancies=True,
)
