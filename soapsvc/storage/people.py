"""Entities, accounts and grants in the database."""

from collections.abc import Sequence
from typing import Any

import sqlalchemy as sa

from soapsvc.domain.caller import SystemAction
from soapsvc.domain.errors import NameTaken
from soapsvc.domain.organisation import Entity, EntityType, guid_key
from soapsvc.storage.tables import account, action_grant, entity
from soapsvc.storage.transaction import Transaction

_ENTITY = (entity.c.id, entity.c.type, entity.c.guid, entity.c.name, entity.c.max_open_items)

_BY_GUID = sa.select(*_ENTITY).where(entity.c.guid_key == sa.bindparam("key"))
_RESOURCE_BY_NAME = (
    sa.select(*_ENTITY).join(account, account.c.entity_id == entity.c.id).where(account.c.name == sa.bindparam("name"))
)
_ACCOUNT = (
    sa.select(*_ENTITY, account.c.password_hash, account.c.enabled)
    .join(account, account.c.entity_id == entity.c.id)
    .where(account.c.name == sa.bindparam("name"))
)
_PEOPLE = sa.select(*_ENTITY).join(account, account.c.entity_id == entity.c.id).order_by(account.c.name)
_GRANT = sa.select(action_grant.c.action).where(
    action_grant.c.entity_id == sa.bindparam("entity"), action_grant.c.action == sa.bindparam("action")
)
_GRANTS = sa.select(action_grant.c.action).where(action_grant.c.entity_id == sa.bindparam("entity"))


def add_person(
    tx: Transaction, *, name: str, guid: str, password_hash: str, max_open_items: int | None = None
) -> Entity:
    """Add a resource that can sign in. Raises NameTaken for a name or a GUID that exists."""
    for reference, exists in ((name, find_resource_by_name(tx, name)), (guid, find_entity(tx, guid))):
        if exists:
            raise NameTaken(reference)
    columns = {
        "type": EntityType.RESOURCE,
        "guid": guid,
        "guid_key": guid_key(guid),
        "name": name,
        "max_open_items": max_open_items,
    }
    (identity,) = tx.connection.execute(sa.insert(entity).values(columns)).inserted_primary_key or (0,)
    tx.connection.execute(
        sa.insert(account).values(entity_id=identity, name=name, password_hash=password_hash, enabled=True)
    )
    return Entity(id=identity, type=EntityType.RESOURCE, guid=guid, name=name, max_open_items=max_open_items)


def set_password_hash(tx: Transaction, person: Entity, password_hash: str) -> None:
    """Replace the hash of a person's password."""
    tx.connection.execute(
        sa.update(account).where(account.c.entity_id == person.id).values(password_hash=password_hash)
    )


def find_entity(tx: Transaction, guid: str) -> Entity | None:
    """Give the entity of this GUID, in whatever case it is written."""
    return _entity(tx.connection.execute(_BY_GUID, {"key": guid_key(guid)}).one_or_none())


def find_resource_by_name(tx: Transaction, name: str) -> Entity | None:
    """Give the resource that signs in under this name."""
    return _entity(tx.connection.execute(_RESOURCE_BY_NAME, {"name": name}).one_or_none())


def find_resource(tx: Transaction, reference: str) -> Entity | None:
    """Give the resource of this GUID or, where there is none, of this name."""
    found = find_entity(tx, reference)
    if found is not None and found.type is EntityType.RESOURCE:
        return found
    return find_resource_by_name(tx, reference)


def find_account(tx: Transaction, name: str) -> tuple[Entity, str] | None:
    """Give the person who may sign in under this name and the hash of his password; None also if disabled."""
    row = tx.connection.execute(_ACCOUNT, {"name": name}).one_or_none()
    if row is None or not row.enabled:
        return None
    person = _entity(row)
    return (person, row.password_hash) if person else None


def everyone(tx: Transaction) -> Sequence[Entity]:
    """Give everyone who has an account, by name."""
    return [person for row in tx.connection.execute(_PEOPLE) if (person := _entity(row))]


def grant(tx: Transaction, person: Entity, action: SystemAction) -> bool:
    """Grant a system action; say whether that was new."""
    if has_grant(tx, person, action):
        return False
    tx.connection.execute(sa.insert(action_grant).values(entity_id=person.id, action=action))
    return True


def has_grant(tx: Transaction, person: Entity, action: SystemAction) -> bool:
    """Say whether this action was granted to this person."""
    return tx.connection.execute(_GRANT, {"entity": person.id, "action": action}).first() is not None


def grants_of(tx: Transaction, person: Entity) -> Sequence[SystemAction]:
    """Give what was granted to this person."""
    return sorted(map(SystemAction, tx.connection.execute(_GRANTS, {"entity": person.id}).scalars()))


def _entity(row: Any) -> Entity | None:
    if row is None:
        return None
    return Entity(id=row.id, type=EntityType(row.type), guid=row.guid, name=row.name, max_open_items=row.max_open_items)
