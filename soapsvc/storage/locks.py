"""Locks beyond those of rows that are written. A database with one writer, as SQLite is, needs none of them."""

import zlib
from collections.abc import Iterable

import sqlalchemy as sa

from soapsvc.domain.organisation import Entity
from soapsvc.storage.statements import Statement, tenancy_of
from soapsvc.storage.tables import entity, of_tenancy, work_item
from soapsvc.storage.transaction import Transaction

_ITEM = Statement(
    sa.select(work_item.c.id)
    .where(work_item.c.id == sa.bindparam("item", type_=sa.BigInteger), of_tenancy(work_item))
    .with_for_update()
)
_ENTITY = Statement(
    sa.select(entity.c.id)
    .where(entity.c.id == sa.bindparam("entity", type_=sa.BigInteger), of_tenancy(entity))
    .with_for_update(key_share=True)  # others may go on referring to it
)
_ALONE = Statement(
    sa.select(
        sa.func.pg_advisory_xact_lock(
            sa.bindparam("what", type_=sa.Integer), sa.cast(sa.bindparam("whose", type_=sa.BigInteger), sa.Integer)
        ).label("locked")
    )
)


def lock_items(tx: Transaction, ids: Iterable[int]) -> None:
    """Keep everybody else from changing items until the transaction's end.

    All lock in the order of the ids, so no two who name the same items wait for each other.
    """
    if has_many_writers(tx):
        for item in sorted(ids):
            _ITEM.row(tx, item=item)


def lock_entity(tx: Transaction, who: Entity) -> None:
    """Keep others who ask for the same from going on until the transaction's end."""
    if has_many_writers(tx):
        _ENTITY.row(tx, entity=who.id)


def alone(tx: Transaction, what: str) -> None:
    """Be the only one in the tenancy who does something of this name, until the transaction's end."""
    if has_many_writers(tx):
        _ALONE.row(tx, what=zlib.crc32(what.encode()) & 0x7FFFFFFF, whose=tenancy_of(tx))


def has_many_writers(tx: Transaction) -> bool:
    """Say whether others may write while this transaction does."""
    return bool(tx.dialect.name != "sqlite")
