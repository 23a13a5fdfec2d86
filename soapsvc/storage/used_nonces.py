"""Tokens of single use that were used, so that no other process and no restart lets them pass again."""

from collections.abc import Sequence
from datetime import datetime

import sqlalchemy as sa

from soapsvc.storage.statements import Statement
from soapsvc.storage.tables import Moment, insert_into, of_tenancy, used_nonce
from soapsvc.storage.transaction import Transaction

_FIND = Statement(sa.select(used_nonce.c.key).where(used_nonce.c.key == sa.bindparam("key"), of_tenancy(used_nonce)))
_INSERT = Statement(insert_into(used_nonce))
# These two are of all tenancies: what is too old is too old in each, and one process bounds them together.
_FORGET = Statement(
    sa.delete(used_nonce).where(used_nonce.c.until <= sa.bindparam("now", type_=Moment)), across_tenancies=True
)
_LATER = Statement(
    sa.select(used_nonce.c.key, used_nonce.c.until)
    .where(used_nonce.c.until > sa.bindparam("now", type_=Moment))
    .order_by(used_nonce.c.until.desc())
    .limit(sa.bindparam("most", type_=sa.Integer)),
    across_tenancies=True,
)


def use(tx: Transaction, key: str, *, until: datetime) -> bool:
    """Note a use until a moment; say whether it was the first."""
    if _FIND.row(tx, key=key) is not None:
        return False
    _INSERT.change(tx, key=key, until=until)
    return True


def kept(tx: Transaction, *, now: datetime, most: int) -> Sequence[tuple[str, datetime]]:
    """Give what is kept beyond now, and until when; of too many those that are kept longest."""
    return [(row.key, row.until) for row in _LATER.rows(tx, now=now, most=most)]


def forget(tx: Transaction, *, now: datetime) -> int:
    """Forget what need not be kept beyond now; say how many."""
    return _FORGET.change(tx, now=now)
