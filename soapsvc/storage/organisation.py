"""The organisation in the database: read whole, and changed piece by piece. Entities keep their ids by their GUIDs."""

from collections.abc import Iterator, Mapping
from typing import Any

import sqlalchemy as sa

from soapsvc.domain.caller import SystemAction
from soapsvc.domain.organisation import Entity, EntityType, Relation
from soapsvc.domain.organisation_model import EntityName, Link, ModelEntity, OrganisationModel, PrivilegeGrant
from soapsvc.storage import (
    people,
    standing,
    telling,
    version_tables,  # noqa: F401 - they refer to entities too
)
from soapsvc.storage.statements import Statement
from soapsvc.storage.tables import (
    account,
    action_grant,
    denied_action,
    entity,
    insert_into,
    membership,
    metadata,
    of_tenancy,
    privilege_holding,
)
from soapsvc.storage.transaction import Transaction

_OF_ID = entity.c.id == sa.bindparam("which")

_ENTITIES = Statement(
    sa.select(entity.c.id, entity.c.type, entity.c.guid, entity.c.name, entity.c.max_open_items)
    .where(of_tenancy(entity), entity.c.is_retired == sa.bindparam("is_retired"))
    .order_by(entity.c.id)
)
_CONTAINS = (membership.c.container_id, membership.c.member_id)
_HOLDS = (privilege_holding.c.holder_id, privilege_holding.c.privilege_id)
_EVERY_LINK = Statement(
    sa.union_all(
        *(
            sa.select(above.label("above"), below.label("below")).where(of_tenancy(above.table))
            for above, below in (_CONTAINS, _HOLDS)
        )
    )
)


def _one_link(above: sa.Column[int], below: sa.Column[int]) -> sa.Delete:
    return sa.delete(above.table).where(
        of_tenancy(above.table), above == sa.bindparam("above"), below == sa.bindparam("below")
    )


_ADD_MEMBER = Statement(insert_into(membership))
_ADD_HOLDING = Statement(insert_into(privilege_holding))
_REMOVE_MEMBER = Statement(_one_link(*_CONTAINS))
_REMOVE_HOLDING = Statement(_one_link(*_HOLDS))
_EVERY_GRANT_OF_PRIVILEGES = Statement(
    sa.select(action_grant.c.entity_id, action_grant.c.action, action_grant.c.scope_id)
    .join(entity, entity.c.id == action_grant.c.entity_id)
    .where(of_tenancy(action_grant, entity), entity.c.type == EntityType.PRIVILEGE)
)
_DENIED = Statement(sa.select(denied_action.c.action).where(of_tenancy(denied_action)))
_DENY = Statement(insert_into(denied_action))
_ALLOW = Statement(
    sa.delete(denied_action).where(of_tenancy(denied_action), denied_action.c.action == sa.bindparam("which"))
)
_CHANGE = Statement(
    sa.update(entity)
    .where(of_tenancy(entity), _OF_ID)
    .values(
        guid=sa.bindparam("new_guid"),
        guid_key=sa.bindparam("new_key"),
        name=sa.bindparam("new_name"),
        max_open_items=sa.bindparam("most"),
        is_retired=sa.false(),
    )
)
_RENAME_ACCOUNT = Statement(
    sa.update(account)
    .where(of_tenancy(account), account.c.entity_id == sa.bindparam("which"))
    .values(name=sa.bindparam("new_name"))
)
_RETIRE = Statement(sa.update(entity).where(of_tenancy(entity), _OF_ID).values(is_retired=sa.true()))
_DELETE = Statement(sa.delete(entity).where(of_tenancy(entity), _OF_ID))
_REMOVE_GRANTS = Statement(
    sa.delete(action_grant).where(
        of_tenancy(action_grant),
        sa.or_(action_grant.c.entity_id == sa.bindparam("which"), action_grant.c.scope_id == sa.bindparam("which")),
    )
)


def _references() -> Iterator[sa.Column[Any]]:
    """Give the columns that name an entity for good: all but those that say how the organisation is made."""
    for table in metadata.sorted_tables:
        if table not in {membership, privilege_holding, action_grant}:
            yield from (column for column in table.c if column.references(entity.c.id))


_IS_REMEMBERED = Statement(
    sa.union_all(
        *(
            sa.select(column.label("id")).where(
                of_tenancy(column.table), column == sa.bindparam("which", type_=sa.BigInteger)
            )
            for column in _references()
        )
    ).limit(1)
)


class Ids:
    """The ids of the entities of an organisation, by name; those that are added come to know theirs."""

    def __init__(self, by_name: Mapping[EntityName, int]) -> None:
        self._by_name = dict(by_name)

    def __getitem__(self, name: EntityName) -> int:
        return self._by_name[name]

    def put(self, name: EntityName, identity: int) -> None:
        """Say what an entity's id is."""
        self._by_name[name] = identity


def read(tx: Transaction) -> tuple[OrganisationModel, Ids]:
    """Give the organisation as it is, without what is retired, and the ids of its entities."""
    rows = _ENTITIES.rows(tx, is_retired=False)
    names = {row.id: EntityName(EntityType(row.type), row.name) for row in rows}
    grants = (
        PrivilegeGrant(
            names[row.entity_id].name, SystemAction(row.action), names[row.scope_id].name if row.scope_id else None
        )
        for row in _EVERY_GRANT_OF_PRIVILEGES.rows(tx)
    )
    model = OrganisationModel(
        entities=tuple(map(_model_entity, rows)),
        links=frozenset(Link(names[row.above], names[row.below]) for row in _EVERY_LINK.rows(tx)),
        grants=frozenset(grants),
        denied=frozenset(SystemAction(row.action) for row in _DENIED.rows(tx)),
    )
    return model, Ids({name: identity for identity, name in names.items()})


def retired(tx: Transaction) -> Mapping[int, ModelEntity]:
    """Give the entities that are only remembered, by id, the oldest first."""
    return {row.id: _model_entity(row) for row in _ENTITIES.rows(tx, is_retired=True)}


def add_entity(tx: Transaction, new: ModelEntity) -> int:
    """Add an entity that has a GUID, and give its id."""
    added = people.add_entity(tx, new.type, name=new.name, guid=new.sure_guid, max_open_items=new.max_open_items)
    return added.id


def change_entity(tx: Transaction, identity: int, new: ModelEntity) -> None:
    """Let an entity be called and limited as a newer form of it says; one that was retired is back.

    A person signs in under the new name. Who changes several at once may have to call `release_name` for each first.
    """
    _CHANGE.change(
        tx,
        which=identity,
        new_guid=new.sure_guid,
        new_key=new.guid_key,
        new_name=new.name,
        most=new.max_open_items,
    )
    _RENAME_ACCOUNT.change(tx, which=identity, new_name=new.name)
    telling.everybody(tx)


def release_name(tx: Transaction, identity: int) -> None:
    """Let another person have the name of this one, who gets a new one in the same transaction."""
    _RENAME_ACCOUNT.change(tx, which=identity, new_name=f"\n{identity}")


def is_remembered(tx: Transaction, identity: int) -> bool:
    """Say whether anything but the organisation names an entity: an item, its history, an account."""
    return _IS_REMEMBERED.row(tx, which=identity) is not None


def retire_entity(tx: Transaction, identity: int) -> None:
    """Keep an entity only to be named by what happened, without anything that it was granted."""
    _REMOVE_GRANTS.change(tx, which=identity)
    _RETIRE.change(tx, which=identity)
    standing.changed(tx)


def delete_entity(tx: Transaction, identity: int) -> None:
    """Forget an entity, of which nothing but the organisation knows, and what it was granted."""
    _REMOVE_GRANTS.change(tx, which=identity)
    _DELETE.change(tx, which=identity)
    standing.changed(tx)


def add_link(tx: Transaction, ids: Ids, link: Link) -> None:
    """Let one entity contain or hold another."""
    above, below = ids[link.above], ids[link.below]
    if _relation(link) is Relation.CONTAINS:
        _ADD_MEMBER.change(tx, container_id=above, member_id=below)
    else:
        _ADD_HOLDING.change(tx, holder_id=above, privilege_id=below)
    standing.changed(tx)


def remove_link(tx: Transaction, ids: Ids, link: Link) -> None:
    """Let one entity no longer contain or hold another."""
    removal = _REMOVE_MEMBER if _relation(link) is Relation.CONTAINS else _REMOVE_HOLDING
    removal.change(tx, above=ids[link.above], below=ids[link.below])
    standing.changed(tx)


def set_default(tx: Transaction, action: SystemAction, *, is_denied: bool) -> None:
    """Deny an action that is open to all, or open it again."""
    if is_denied:
        _DENY.change(tx, action=action)
    else:
        _ALLOW.change(tx, which=action)
    standing.changed(tx)


def entity_of(ids: Ids, name: EntityName) -> Entity:
    """Give an entity as far as grants need to know it."""
    return Entity(id=ids[name], type=name.type, guid="", name=name.name)


def _relation(link: Link) -> Relation:
    relation = link.relation
    if relation is None:
        raise LookupError(f"no {link.above.type} contains or holds a {link.below.type}")
    return relation


def _model_entity(row: Any) -> ModelEntity:
    return ModelEntity(type=EntityType(row.type), name=row.name, guid=row.guid, max_open_items=row.max_open_items)
