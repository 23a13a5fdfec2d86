"""The keys that sign tokens, and of those that were replaced the halves that verify."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from soapsvc.storage.statements import Statement
from soapsvc.storage.tables import Moment, insert_into, of_tenancy, token_key
from soapsvc.storage.transaction import Transaction


@dataclass(frozen=True, kw_only=True, slots=True)
class StoredKey:
    """A key as it is stored: `private_key` only while it signs, `verifies_until` once it was replaced."""

    kid: str
    public_key: str
    private_key: str | None = field(repr=False)
    made_at: datetime
    verifies_until: datetime | None = None


_COLUMNS = (
    token_key.c.kid,
    token_key.c.public_key,
    token_key.c.private_key,
    token_key.c.made_at,
    token_key.c.verifies_until,
)
_SIGNS = sa.and_(of_tenancy(token_key), token_key.c.verifies_until.is_(None))
_FIND = Statement(
    sa.select(*_COLUMNS).where(
        of_tenancy(token_key),
        token_key.c.kid == sa.bindparam("named"),
        sa.or_(token_key.c.verifies_until.is_(None), token_key.c.verifies_until > sa.bindparam("now", type_=Moment)),
    )
)
_SIGNING = Statement(sa.select(*_COLUMNS).where(_SIGNS).order_by(token_key.c.made_at.desc(), token_key.c.kid))
_INSERT = Statement(insert_into(token_key))
_RETIRE = Statement(
    sa.update(token_key).where(_SIGNS).values(private_key=None, verifies_until=sa.bindparam("until", type_=Moment))
)
_RESEAL = Statement(
    sa.update(token_key)
    .where(token_key.c.kid == sa.bindparam("named"), _SIGNS)
    .values(private_key=sa.bindparam("new_private"))
)
# Of all tenancies: what verifies nothing any longer is of no use to any.
_FORGET = Statement(
    sa.delete(token_key).where(token_key.c.verifies_until <= sa.bindparam("now", type_=Moment)), across_tenancies=True
)


def signing(tx: Transaction) -> StoredKey | None:
    """Give the key that signs now."""
    return _key(_SIGNING.row(tx))


def find(tx: Transaction, kid: str) -> StoredKey | None:
    """Give a key that still verifies."""
    return _key(_FIND.row(tx, named=kid, now=tx.now()))


def add(tx: Transaction, key: StoredKey) -> None:
    """Add a key that signs."""
    _INSERT.change(
        tx,
        kid=key.kid,
        public_key=key.public_key,
        private_key=key.private_key,
        made_at=key.made_at,
        verifies_until=None,
    )


def retire(tx: Transaction, *, until: datetime) -> int:
    """Let keys sign no longer, and verify until a moment; say how many there were."""
    return _RETIRE.change(tx, until=until)


def reseal(tx: Transaction, kid: str, private_key: str) -> None:
    """Keep the same private key under another seal."""
    _RESEAL.change(tx, named=kid, new_private=private_key)


def every_signing(tx: Transaction) -> Sequence[StoredKey]:
    """Give all keys that sign."""
    return [key for row in _SIGNING.rows(tx) if (key := _key(row))]


def forget(tx: Transaction) -> int:
    """Forget keys that verify nothing any longer; say how many."""
    return _FORGET.change(tx, now=tx.now())


def _key(row: Any) -> StoredKey | None:
    return None if row is None else StoredKey(**row._asdict())
