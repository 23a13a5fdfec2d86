"""Where somebody stands in the organisation: one recursive query, remembered for some seconds."""

from collections.abc import Sequence
from typing import Any

import sqlalchemy as sa

from soapsvc.domain.caller import ALLOWED_TO_ALL, Standing, SystemAction
from soapsvc.domain.organisation import Entity, EntityType
from soapsvc.storage import telling
from soapsvc.storage.closure import all_of_one, containers_of, containers_of_one
from soapsvc.storage.statements import Statement
from soapsvc.storage.tables import action_grant, denied_action, entity, of_tenancy, offer
from soapsvc.storage.transaction import Transaction

_all = all_of_one("entity").cte("standing")
_NO_ID = sa.cast(sa.null(), sa.BigInteger)
_STANDING = Statement(
    sa.union_all(
        sa.select(
            _all.c.id.label("id"), action_grant.c.action.label("action"), action_grant.c.scope_id.label("scope")
        ).select_from(
            _all.outerjoin(action_grant, sa.and_(action_grant.c.entity_id == _all.c.id, of_tenancy(action_grant)))
        ),
        sa.select(_NO_ID, denied_action.c.action, _NO_ID).where(of_tenancy(denied_action)),
    )
)

_offered_or_owner = sa.union(
    sa.select(offer.c.entity_id.label("id")).where(of_tenancy(offer), offer.c.work_item_id == sa.bindparam("item")),
    sa.select(sa.bindparam("owner", type_=sa.BigInteger)),
).subquery()


def _units_among(containers: sa.CTE) -> sa.Select[Any]:
    units = sa.select(entity.c.id).where(of_tenancy(entity), entity.c.type == EntityType.ORGANIZATIONAL_UNIT)
    return units.where(entity.c.id.in_(sa.select(containers.c.id)))


_UNITS_OF_ITEM = Statement(_units_among(containers_of(sa.select(_offered_or_owner.c.id))))
_UNITS_OF = Statement(_units_among(containers_of_one("entity")))


def of(tx: Transaction, who: Entity) -> Standing:
    """Say where somebody stands: what is remembered, unless it was changed since."""
    key = (tx.tenancy, who.id)
    known: Standing | None = tx.memory.find(key)
    if known is None:
        known = _read(tx, who)
        tx.memory.keep(key, known)
    return known


def _read(tx: Transaction, who: Entity) -> Standing:
    entities: set[int] = set()
    denied: set[str] = set()
    scopes: dict[SystemAction, set[int | None]] = {}
    for identity, action, scope in _STANDING.rows(tx, entity=who.id):
        if identity is None:
            denied.add(action)
            continue
        entities.add(identity)
        if action is not None:
            scopes.setdefault(SystemAction(action), set()).add(scope)
    for open_to_all in ALLOWED_TO_ALL - denied:
        scopes.setdefault(open_to_all, set()).add(None)
    return Standing(frozenset(entities), {action: frozenset(units) for action, units in scopes.items()})


def units_of(tx: Transaction, who: Entity) -> Sequence[int]:
    """Give the ids of the units that an entity is or is in, directly or not."""
    return [row.id for row in _UNITS_OF.rows(tx, entity=who.id)]


def units_of_item(tx: Transaction, item_id: int, owner: Entity | None) -> Sequence[int]:
    """Give the ids of the units that an item's owner, or anybody of its offer set, is or is in, directly or not."""
    return [row.id for row in _UNITS_OF_ITEM.rows(tx, item=item_id, owner=owner.id if owner else None)]


def changed(tx: Transaction) -> None:
    """Let everybody's standing be read anew."""
    telling.everybody(tx)
