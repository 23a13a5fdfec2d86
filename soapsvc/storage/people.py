"""Entities, accounts and grants in the database."""

from collections.abc import Sequence
from typing import Any

import sqlalchemy as sa

from soapsvc.domain.caller import SystemAction
from soapsvc.domain.errors import NameTaken
from soapsvc.domain.organisation import Entity, EntityType, guid_key
from soapsvc.storage.statements import Statement
from soapsvc.storage.tables import account, action_grant, entity, insert_into, of_tenancy
from soapsvc.storage.transaction import Transaction

_ENTITY = (entity.c.id, entity.c.type, entity.c.guid, entity.c.name, entity.c.max_open_items)

_BY_GUID = Statement(sa.select(*_ENTITY).where(entity.c.guid_key == sa.bindparam("key"), of_tenancy(entity)))
_RESOURCE_BY_NAME = Statement(
    sa.select(*_ENTITY)
    .join(account, account.c.entity_id == entity.c.id)
    .where(account.c.name == sa.bindparam("name"), of_tenancy(account, entity))
)
_ACCOUNT = Statement(
    sa.select(*_ENTITY, account.c.password_hash, account.c.enabled)
    .join(account, account.c.entity_id == entity.c.id)
    .where(account.c.name == sa.bindparam("name"), of_tenancy(account, entity))
)
_PEOPLE = Statement(
    sa.select(*_ENTITY)
    .join(account, account.c.entity_id == entity.c.id)
    .where(of_tenancy(account, entity))
    .order_by(account.c.name)
)
_ADD_ENTITY = Statement(insert_into(entity, numbered=True))
_ADD_ACCOUNT = Statement(insert_into(account))
_SET_PASSWORD_HASH = Statement(
    sa.update(account)
    .where(account.c.entity_id == sa.bindparam("entity"), of_tenancy(account))
    .values(password_hash=sa.bindparam("new_hash"))
)
_GRANT = Statement(
    sa.select(action_grant.c.action).where(
        action_grant.c.entity_id == sa.bindparam("entity"),
        action_grant.c.action == sa.bindparam("action"),
        of_tenancy(action_grant),
    )
)
_GRANTS = Statement(
    sa.select(action_grant.c.action)
    .where(action_grant.c.entity_id == sa.bindparam("entity"), of_tenancy(action_grant))
    .order_by(action_grant.c.action)
)
_ADD_GRANT = Statement(insert_into(action_grant))


def add_person(
    tx: Transaction, *, name: str, guid: str, password_hash: str, max_open_items: int | None = None
) -> Entity:
    """Add a resource that can sign in. Raises NameTaken for a name or a GUID that exists."""
    for reference, exists in ((name, find_resource_by_name(tx, name)), (guid, find_entity(tx, guid))):
        if exists:
            raise NameTaken(reference)
    identity = _ADD_ENTITY.value(
        tx,
        type=EntityType.RESOURCE,
        guid=guid,
        guid_key=guid_key(guid),
        name=name,
        max_open_items=max_open_items,
    )
    _ADD_ACCOUNT.change(tx, entity_id=identity, name=name, password_hash=password_hash, enabled=True)
    return Entity(id=identity, type=EntityType.RESOURCE, guid=guid, name=name, max_open_items=max_open_items)


def set_password_hash(tx: Transaction, person: Entity, password_hash: str) -> None:
    """Replace the hash of a person's password."""
    _SET_PASSWORD_HASH.change(tx, entity=person.id, new_hash=password_hash)


def find_entity(tx: Transaction, guid: str) -> Entity | None:
    """Give the entity of this GUID, in whatever case it is written."""
    return _entity(_BY_GUID.row(tx, key=guid_key(guid)))


def find_resource_by_name(tx: Transaction, name: str) -> Entity | None:
    """Give the resource that signs in under this name."""
    return _entity(_RESOURCE_BY_NAME.row(tx, name=name))


def find_resource(tx: Transaction, reference: str) -> Entity | None:
    """Give the resource of this GUID or, where there is none, of this name."""
    found = find_entity(tx, reference)
    if found is not None and found.type is EntityType.RESOURCE:
        return found
    return find_resource_by_name(tx, reference)


def find_account(tx: Transaction, name: str) -> tuple[Entity, str] | None:
    """Give the person who may sign in under this name and the hash of his password; None also if disabled."""
    row = _ACCOUNT.row(tx, name=name)
    if row is None or not row.enabled:
        return None
    person = _entity(row)
    return (person, row.password_hash) if person else None


def everyone(tx: Transaction) -> Sequence[Entity]:
    """Give everyone who has an account, by name."""
    return [person for row in _PEOPLE.rows(tx) if (person := _entity(row))]


def grant(tx: Transaction, person: Entity, action: SystemAction) -> bool:
    """Grant a system action; say whether that was new."""
    if has_grant(tx, person, action):
        return False
    _ADD_GRANT.change(tx, entity_id=person.id, action=action)
    return True


def has_grant(tx: Transaction, person: Entity, action: SystemAction) -> bool:
    """Say whether this action was granted to this person."""
    return _GRANT.row(tx, entity=person.id, action=action) is not None


def grants_of(tx: Transaction, person: Entity) -> Sequence[SystemAction]:
    """Give what was granted to this person."""
    return [SystemAction(row.action) for row in _GRANTS.rows(tx, entity=person.id)]


def _entity(row: Any) -> Entity | None:
    if row is None:
        return None
    return Entity(id=row.id, type=EntityType(row.type), guid=row.guid, name=row.name, max_open_items=row.max_open_items)
