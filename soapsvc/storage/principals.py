"""Service principals in the database: programs that get tokens, each to act as a person."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import sqlalchemy as sa

from soapsvc.domain.credentials import Scope
from soapsvc.domain.errors import NameTaken
from soapsvc.domain.organisation import Entity, EntityType
from soapsvc.storage import telling
from soapsvc.storage.statements import Statement
from soapsvc.storage.tables import account, entity, insert_into, of_tenancy, service_principal
from soapsvc.storage.transaction import Transaction


@dataclass(frozen=True, kw_only=True, slots=True)
class Principal:
    """A program and the person it acts as; `enabled` only while both are."""

    id: int
    client: str
    name: str
    person: Entity
    scope: Scope
    secret_hash: str = field(repr=False)
    lifetime_seconds: int | None
    enabled: bool


_SELECT = (
    sa.select(
        service_principal.c.id,
        service_principal.c.client,
        service_principal.c.name,
        service_principal.c.scope,
        service_principal.c.secret_hash,
        service_principal.c.lifetime_seconds,
        service_principal.c.enabled,
        entity.c.id.label("person_id"),
        entity.c.type,
        entity.c.guid,
        entity.c.name.label("person_name"),
        entity.c.max_open_items,
        account.c.enabled.label("person_enabled"),
    )
    .join(entity, entity.c.id == service_principal.c.entity_id)
    .join(account, account.c.entity_id == entity.c.id)
    .where(of_tenancy(service_principal, entity, account))
)
_IS_NAMED = sa.and_(
    service_principal.c.client == sa.bindparam("of_client"),
    service_principal.c.name == sa.bindparam("named"),
)
_BY_NAME = Statement(_SELECT.where(_IS_NAMED))
_BY_ID = Statement(_SELECT.where(service_principal.c.id == sa.bindparam("principal")))
_ALL = Statement(_SELECT.order_by(service_principal.c.client, service_principal.c.name))
_INSERT = Statement(insert_into(service_principal, numbered=True))
_DISABLE = Statement(sa.update(service_principal).where(of_tenancy(service_principal), _IS_NAMED).values(enabled=False))


def add(
    tx: Transaction, *, client: str, name: str, person: Entity, scope: Scope, secret_hash: str, lifetime: int | None
) -> None:
    """Add a principal. Raises NameTaken where its client has one of this name."""
    if find(tx, client, name) is not None:
        raise NameTaken(f"{client}/{name}")
    _INSERT.value(
        tx,
        client=client,
        name=name,
        entity_id=person.id,
        scope=scope,
        secret_hash=secret_hash,
        lifetime_seconds=lifetime,
        enabled=True,
    )


def find(tx: Transaction, client: str, name: str) -> Principal | None:
    """Give a client's principal of this name."""
    return _principal(_BY_NAME.row(tx, of_client=client, named=name))


def find_by_id(tx: Transaction, principal: int) -> Principal | None:
    """Give the principal of this id."""
    return _principal(_BY_ID.row(tx, principal=principal))


def every(tx: Transaction) -> Sequence[Principal]:
    """Give all principals, by client and name."""
    return [principal for row in _ALL.rows(tx) if (principal := _principal(row))]


def disable(tx: Transaction, client: str, name: str) -> bool:
    """Let a principal sign in no longer; say whether there is one of this name."""
    telling.everybody(tx)
    return _DISABLE.change(tx, of_client=client, named=name) > 0


def _principal(row: Any) -> Principal | None:
    if row is None:
        return None
    person = Entity(
        id=row.person_id,
        type=EntityType(row.type),
        guid=row.guid,
        name=row.person_name,
        max_open_items=row.max_open_items,
    )
    return Principal(
        id=row.id,
        client=row.client,
        name=row.name,
        person=person,
        scope=Scope(row.scope),
        secret_hash=row.secret_hash,
        lifetime_seconds=row.lifetime_seconds,
        enabled=row.enabled and row.person_enabled,
    )
