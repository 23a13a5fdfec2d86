"""Piles: how many items of one work type somebody has completed in a row, asking for the next each time."""

import sqlalchemy as sa

from soapsvc.domain.organisation import Entity
from soapsvc.storage.statements import Statement
from soapsvc.storage.tables import insert_into, of_tenancy, pile
from soapsvc.storage.transaction import Transaction

_LENGTH = Statement(
    sa.select(pile.c.length).where(
        pile.c.entity_id == sa.bindparam("entity"), pile.c.work_type_id == sa.bindparam("type_id"), of_tenancy(pile)
    )
)
_FORGET = Statement(sa.delete(pile).where(pile.c.entity_id == sa.bindparam("entity"), of_tenancy(pile)))
_INSERT = Statement(insert_into(pile))


def length(tx: Transaction, of: Entity, work_type_id: str) -> int:
    """Give how many items of this type somebody has completed in a row; 0 if his last pile was of another."""
    return _LENGTH.value(tx, entity=of.id, type_id=work_type_id) or 0


def set_length(tx: Transaction, of: Entity, work_type_id: str, new_length: int) -> None:
    """Record how long somebody's pile is now; it replaces one of another type."""
    _FORGET.change(tx, entity=of.id)
    if new_length:
        _INSERT.change(tx, entity_id=of.id, work_type_id=work_type_id, length=new_length)
