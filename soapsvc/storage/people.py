"""Entities, accounts and grants in the database."""

from collections.abc import Sequence
from typing import Any

import sqlalchemy as sa

from soapsvc.domain.caller import SystemAction
from soapsvc.domain.errors import NameTaken
from soapsvc.domain.organisation import Entity, EntityType, guid_key
from soapsvc.storage import standing, telling
from soapsvc.storage.statements import Statement
from soapsvc.storage.tables import account, action_grant, entity, insert_into, of_tenancy
from soapsvc.storage.transaction import Transaction

_ENTITY = (entity.c.id, entity.c.type, entity.c.guid, entity.c.name, entity.c.max_open_items, entity.c.is_retired)

_BY_GUID = Statement(sa.select(*_ENTITY).where(entity.c.guid_key == sa.bindparam("key"), of_tenancy(entity)))
_BY_NAME = sa.select(*_ENTITY).where(
    of_tenancy(entity), entity.c.name == sa.bindparam("name"), entity.c.is_retired.is_(False)
)
_RESOURCE_BY_NAME = Statement(_BY_NAME.where(entity.c.type == EntityType.RESOURCE))
_ANY_BY_NAME = Statement(_BY_NAME.order_by(entity.c.type != EntityType.RESOURCE, entity.c.id))
_HAS_ACCOUNT = Statement(
    sa.select(account.c.entity_id).where(of_tenancy(account), account.c.entity_id == sa.bindparam("entity"))
)
_RESOURCES = Statement(
    sa.select(*_ENTITY)
    .where(of_tenancy(entity), entity.c.type == EntityType.RESOURCE, entity.c.is_retired.is_(False))
    .order_by(entity.c.name)
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
_SET_ENABLED = Statement(
    sa.update(account)
    .where(account.c.entity_id == sa.bindparam("entity"), of_tenancy(account))
    .values(enabled=sa.bindparam("new_enabled", type_=sa.Boolean))
)
_scope = entity.alias("scope")
_GRANTS = Statement(
    sa.select(action_grant.c.action, _scope.c.name.label("scope"))
    .outerjoin(_scope, sa.and_(_scope.c.id == action_grant.c.scope_id, of_tenancy(_scope)))
    .where(of_tenancy(action_grant), action_grant.c.entity_id == sa.bindparam("entity"))
    .order_by(action_grant.c.action, _scope.c.name.nulls_first())
)
_ONE_GRANT = (
    of_tenancy(action_grant),
    action_grant.c.entity_id == sa.bindparam("entity"),
    action_grant.c.action == sa.bindparam("which"),
)
_OF_SCOPE = action_grant.c.scope_id.is_not_distinct_from(sa.bindparam("scope", type_=sa.BigInteger))
_GRANT = Statement(sa.select(action_grant.c.id).where(*_ONE_GRANT, _OF_SCOPE))
_ADD_GRANT = Statement(insert_into(action_grant, numbered=True))
_REMOVE_GRANT = Statement(sa.delete(action_grant).where(*_ONE_GRANT, _OF_SCOPE))
_REMOVE_GRANTS = Statement(sa.delete(action_grant).where(*_ONE_GRANT))


def add_person(
    tx: Transaction, *, name: str, guid: str, password_hash: str, max_open_items: int | None = None
) -> Entity:
    """Add a resource that can sign in. Raises NameTaken for a name or a GUID that exists."""
    for reference, exists in ((name, find_resource_by_name(tx, name)), (guid, find_entity(tx, guid))):
        if exists:
            raise NameTaken(reference)
    person = add_entity(tx, EntityType.RESOURCE, name=name, guid=guid, max_open_items=max_open_items)
    add_account(tx, person, password_hash)
    return person


def add_entity(tx: Transaction, kind: EntityType, *, name: str, guid: str, max_open_items: int | None = None) -> Entity:
    """Add an entity, of whose name and GUID the caller knows that they are free."""
    telling.everybody(tx)  # its GUID may be what somebody else was found by, as a name
    identity = _ADD_ENTITY.value(
        tx,
        type=kind,
        guid=guid,
        guid_key=guid_key(guid),
        name=name,
        max_open_items=max_open_items,
        is_retired=False,
    )
    return Entity(id=identity, type=kind, guid=guid, name=name, max_open_items=max_open_items)


def add_account(tx: Transaction, person: Entity, password_hash: str) -> None:
    """Let a resource sign in."""
    telling.everybody(tx)
    _ADD_ACCOUNT.change(tx, entity_id=person.id, name=person.name, password_hash=password_hash, enabled=True)


def has_account(tx: Transaction, person: Entity) -> bool:
    """Say whether a resource can sign in, or could if it were enabled."""
    return _HAS_ACCOUNT.row(tx, entity=person.id) is not None


def set_password_hash(tx: Transaction, person: Entity, password_hash: str) -> None:
    """Replace the hash of a person's password."""
    telling.everybody(tx)
    _SET_PASSWORD_HASH.change(tx, entity=person.id, new_hash=password_hash)


def set_enabled(tx: Transaction, person: Entity, enabled: bool) -> None:
    """Let a person sign in, or no longer."""
    telling.everybody(tx)
    _SET_ENABLED.change(tx, entity=person.id, new_enabled=enabled)


def find_entity(tx: Transaction, guid: str) -> Entity | None:
    """Give the entity of this GUID, in whatever case it is written."""
    return _entity(_BY_GUID.row(tx, key=guid_key(guid)))


def find_resource_by_name(tx: Transaction, name: str) -> Entity | None:
    """Give the resource of this name, unless it is retired."""
    return _entity(_RESOURCE_BY_NAME.row(tx, name=name))


def find_resource(tx: Transaction, reference: str) -> Entity | None:
    """Give the resource of this GUID or, where there is none, of this name, unless it is retired.

    What is remembered of it, unless it was changed since.
    """
    key = (tx.tenancy, "resource", reference)
    found: Entity | None = tx.memory.find(key)
    if found is None:
        found = _looked_for(tx, reference)
        if found is not None:
            tx.memory.keep(key, found)
    return found


def _looked_for(tx: Transaction, reference: str) -> Entity | None:
    found = find_entity(tx, reference)
    if found is not None and found.type is EntityType.RESOURCE and not found.is_retired:
        return found
    return find_resource_by_name(tx, reference)


def find_all_by_name(tx: Transaction, name: str) -> Sequence[Entity]:
    """Give the entities of this name, of whatever kind, a resource first, but for those that are retired."""
    return [found for row in _ANY_BY_NAME.rows(tx, name=name) if (found := _entity(row))]


def find_account(tx: Transaction, name: str) -> tuple[Entity, str] | None:
    """Give the person who may sign in under this name and the hash of his password; None also if disabled."""
    if "\0" in name:  # nobody has it, and PostgreSQL would refuse to look for it
        return None
    row = _ACCOUNT.row(tx, name=name)
    if row is None or not row.enabled:
        return None
    person = _entity(row)
    return (person, row.password_hash) if person else None


def everyone(tx: Transaction) -> Sequence[Entity]:
    """Give everyone who has an account, by name."""
    return [person for row in _PEOPLE.rows(tx) if (person := _entity(row))]


def resources(tx: Transaction) -> Sequence[Entity]:
    """Give all resources, whether they can sign in or not, by name, but for those that are retired."""
    return [found for row in _RESOURCES.rows(tx) if (found := _entity(row))]


def grant(tx: Transaction, to: Entity, action: SystemAction, scope: Entity | None = None) -> bool:
    """Grant a resource or a privilege a system action, everywhere or below a unit; say whether that was new."""
    if has_grant(tx, to, action, scope):
        return False
    _ADD_GRANT.value(tx, entity_id=to.id, action=action, scope_id=scope.id if scope else None)
    standing.changed(tx)
    return True


def revoke(tx: Transaction, from_: Entity, action: SystemAction, scope: Entity | None = None) -> bool:
    """Take a grant back, of one scope or everywhere; say whether there was one."""
    count = _REMOVE_GRANT.change(tx, entity=from_.id, which=action, scope=scope.id if scope else None)
    standing.changed(tx)
    return count > 0


def revoke_all(tx: Transaction, from_: Entity, action: SystemAction) -> bool:
    """Take back all grants of an action, whatever their scopes; say whether there was one."""
    count = _REMOVE_GRANTS.change(tx, entity=from_.id, which=action)
    standing.changed(tx)
    return count > 0


def has_grant(tx: Transaction, who: Entity, action: SystemAction, scope: Entity | None = None) -> bool:
    """Say whether this action was granted to this very entity, everywhere or below this unit."""
    return _GRANT.row(tx, entity=who.id, which=action, scope=scope.id if scope else None) is not None


def grants_of(tx: Transaction, who: Entity) -> Sequence[tuple[SystemAction, str | None]]:
    """Give what was granted to this very entity, each with the name of its scope, or None for everywhere."""
    return [(SystemAction(row.action), row.scope) for row in _GRANTS.rows(tx, entity=who.id)]


def _entity(row: Any) -> Entity | None:
    if row is None:
        return None
    return Entity(
        id=row.id,
        type=EntityType(row.type),
        guid=row.guid,
        name=row.name,
        max_open_items=row.max_open_items,
        is_retired=row.is_retired,
    )
