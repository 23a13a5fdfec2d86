"""Secrets that are kept sealed, for those who sign in by digest; storage never sees them open."""

from collections.abc import Sequence

import sqlalchemy as sa

from soapsvc.domain.organisation import Entity, EntityType
from soapsvc.storage.statements import Statement
from soapsvc.storage.tables import account, entity, insert_into, of_tenancy, recoverable_secret
from soapsvc.storage.transaction import Transaction

_IS_HIS = sa.and_(recoverable_secret.c.entity_id == sa.bindparam("entity"), of_tenancy(recoverable_secret))
_FIND = Statement(
    sa.select(
        entity.c.id, entity.c.type, entity.c.guid, entity.c.name, entity.c.max_open_items, recoverable_secret.c.sealed
    )
    .join(account, account.c.entity_id == entity.c.id)
    .join(recoverable_secret, recoverable_secret.c.entity_id == entity.c.id)
    .where(
        account.c.name == sa.bindparam("name"),
        account.c.enabled == sa.true(),
        of_tenancy(entity, account, recoverable_secret),
    )
)
_DELETE = Statement(sa.delete(recoverable_secret).where(_IS_HIS))
_INSERT = Statement(insert_into(recoverable_secret))
_ALL = Statement(
    sa.select(recoverable_secret.c.entity_id, recoverable_secret.c.sealed).where(of_tenancy(recoverable_secret))
)
_RESEAL = Statement(sa.update(recoverable_secret).where(_IS_HIS).values(sealed=sa.bindparam("new_sealed")))


def replace(tx: Transaction, person: Entity, sealed: str | None) -> None:
    """Keep a person's sealed secret in place of an earlier one, or none: an old one must not outlive its password."""
    _DELETE.change(tx, entity=person.id)
    if sealed is not None:
        _INSERT.change(tx, entity_id=person.id, sealed=sealed)


def find(tx: Transaction, name: str) -> tuple[Entity, str] | None:
    """Give the person who may sign in under this name and his sealed secret; None for who has none or is disabled."""
    row = _FIND.row(tx, name=name)
    if row is None:
        return None
    person = Entity(
        id=row.id, type=EntityType(row.type), guid=row.guid, name=row.name, max_open_items=row.max_open_items
    )
    return person, row.sealed


def every(tx: Transaction) -> Sequence[tuple[int, str]]:
    """Give all sealed secrets, each with the id of its entity."""
    return [(row.entity_id, row.sealed) for row in _ALL.rows(tx)]


def reseal(tx: Transaction, entity_id: int, sealed: str) -> None:
    """Keep the same secret under another seal."""
    _RESEAL.change(tx, entity=entity_id, new_sealed=sealed)
