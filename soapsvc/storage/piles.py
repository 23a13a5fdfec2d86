"""Piles: how many items of one work type somebody has completed in a row, asking for the next each time."""

import sqlalchemy as sa

from soapsvc.domain.organisation import Entity
from soapsvc.storage.tables import pile
from soapsvc.storage.transaction import Transaction

_LENGTH = sa.select(pile.c.length).where(
    pile.c.entity_id == sa.bindparam("entity"), pile.c.work_type_id == sa.bindparam("type_id")
)


def length(tx: Transaction, of: Entity, work_type_id: str) -> int:
    """Give how many items of this type somebody has completed in a row; 0 if his last pile was of another."""
    return tx.connection.execute(_LENGTH, {"entity": of.id, "type_id": work_type_id}).scalar_one_or_none() or 0


def set_length(tx: Transaction, of: Entity, work_type_id: str, new_length: int) -> None:
    """Record how long somebody's pile is now; it replaces one of another type."""
    tx.connection.execute(sa.delete(pile).where(pile.c.entity_id == of.id))
    if new_length:
        tx.connection.execute(sa.insert(pile).values(entity_id=of.id, work_type_id=work_type_id, length=new_length))
