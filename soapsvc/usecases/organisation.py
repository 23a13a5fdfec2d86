"""What an operator does about the organisation: load it, look at it, and see what somebody may do and why."""

import uuid
from collections.abc import Sequence
from dataclasses import dataclass

from soapsvc.domain.audit import AuditKind
from soapsvc.domain.caller import ALLOWED_TO_ALL, SystemAction
from soapsvc.domain.errors import InvalidRequest, NameTaken, UnknownEntity
from soapsvc.domain.organisation import Entity, EntityType
from soapsvc.domain.organisation_model import (
    Difference,
    EntityName,
    ModelEntity,
    OrganisationModel,
    PrivilegeGrant,
    above,
    difference,
)
from soapsvc.storage import locks, organisation, people
from soapsvc.storage.organisation import Ids
from soapsvc.storage.transaction import Transaction
from soapsvc.usecases import audit


@dataclass(frozen=True, kw_only=True, slots=True)
class Load:
    """What loading an organisation changes, or would.

    Of the entities that are removed, those of `kept` are people who can sign in, and still can; those of `retired` are
    named by items or their history, and are only remembered; the others are forgotten.
    """

    difference: Difference
    kept: tuple[ModelEntity, ...] = ()
    retired: tuple[ModelEntity, ...] = ()

    def __bool__(self) -> bool:
        """Say whether anything changes: people who stay although no file names them are no change."""
        gone = [one for one in self.difference.entities.removed if one not in self.kept]
        others = (self.difference.changed, self.difference.links, self.difference.grants, self.difference.denied)
        return bool(gone or self.difference.entities.added or any(others))


@dataclass(frozen=True, kw_only=True, slots=True)
class Grant:
    """What somebody may do: below a unit, or everywhere; and which privilege says so, or that it is his own grant.

    Neither of both is said of what is open to all.
    """

    action: SystemAction
    scope: str | None
    privilege: EntityName | None = None
    is_own: bool = False


@dataclass(frozen=True, kw_only=True, slots=True)
class Place:
    """All that an entity is in or holds, each with the entity through which it does, and what that allows."""

    entity: Entity
    above: tuple[tuple[EntityName, EntityName], ...]
    grants: tuple[Grant, ...]


def load(tx: Transaction, loaded: OrganisationModel, *, is_dry_run: bool = False) -> Load:
    """Make the organisation what it shall be, or only say what that changes.

    An entity is known by its GUID or, where none is given, by its kind and name; so it keeps its id, and with it the
    items that were offered to it. Raises UnknownReference, DuplicateEntity, MisplacedEntity, OrganisationCycle, and
    NameTaken for a GUID that an entity of another kind has, or a name that a person who can sign in has.
    """
    loaded.check()
    if not is_dry_run:
        locks.alone(tx, "organisation")
    stored, ids = organisation.read(tx)
    former = organisation.retired(tx)
    wanted = loaded.with_guids(_known_guids(stored, tuple(former.values())), _new_guid)
    _check_kinds(wanted, (*stored.entities, *former.values()))
    found = difference(stored, wanted)
    removed = [(one, ids[one.key]) for one in found.entities.removed]
    kept = tuple(one for one, identity in removed if people.has_account(tx, _entity(one, identity)))
    _check_names(wanted, kept)
    gone = [(one, identity) for one, identity in removed if one not in kept]
    retired = tuple(one for one, identity in gone if organisation.is_remembered(tx, identity))
    result = Load(difference=found, kept=kept, retired=retired)
    if not is_dry_run:
        _apply(tx, result, ids, {one.guid_key: identity for identity, one in former.items()})
        _record(tx, result)
    return result


def export(tx: Transaction) -> OrganisationModel:
    """Give the organisation as it is."""
    return organisation.read(tx)[0]


def show(tx: Transaction, reference: str) -> Place:
    """Say where the entity of a GUID or name stands, and what it may do. Raises UnknownEntity, InvalidRequest."""
    entity = find(tx, reference)
    model, _ = organisation.read(tx)
    start = EntityName(entity.type, entity.name)
    through = above(model, start)
    own = [Grant(action=action, scope=scope, is_own=True) for action, scope in people.grants_of(tx, entity)]
    by_privilege = [
        Grant(action=grant.action, scope=grant.scope, privilege=name)
        for grant in sorted(model.grants, key=str)
        if (name := EntityName(EntityType.PRIVILEGE, grant.privilege)) in through
    ]
    open_to_all = [Grant(action=action, scope=None) for action in sorted(ALLOWED_TO_ALL - model.denied)]
    return Place(entity=entity, above=tuple(through.items()), grants=(*own, *by_privilege, *open_to_all))


def find(tx: Transaction, reference: str) -> Entity:
    """Give the entity of a GUID, or of a name: a resource, or else the only other one that has it.

    Raises UnknownEntity, and InvalidRequest where several have it.
    """
    by_guid = people.find_entity(tx, reference)
    if by_guid is not None and not by_guid.is_retired:
        return by_guid
    named = people.find_all_by_name(tx, reference)
    if not named:
        raise UnknownEntity(reference)
    if len(named) > 1 and named[0].type is not EntityType.RESOURCE:
        raise InvalidRequest(f"'{reference}' is the name of several entities: say which by its GUID")
    return named[0]


def find_unit(tx: Transaction, reference: str) -> Entity:
    """Give the organisational unit of a GUID or name. Raises UnknownEntity."""
    by_guid = people.find_entity(tx, reference)
    for found in (*([by_guid] if by_guid else []), *people.find_all_by_name(tx, reference)):
        if found.type is EntityType.ORGANIZATIONAL_UNIT and not found.is_retired:
            return found
    raise UnknownEntity(reference)


def _known_guids(stored: OrganisationModel, former: Sequence[ModelEntity]) -> dict[EntityName, str]:
    """Give the GUIDs by which names are known: of what is there, else of the last that was."""
    return {one.key: one.guid for one in (*former, *stored.entities) if one.guid is not None}


def _new_guid() -> str:
    return str(uuid.uuid4()).upper()


def _check_kinds(wanted: OrganisationModel, known: Sequence[ModelEntity]) -> None:
    kinds = {one.guid_key: one.type for one in known}
    for one in wanted.entities:
        if kinds.get(one.guid_key, one.type) is not one.type:
            raise NameTaken(one.sure_guid)


def _check_names(wanted: OrganisationModel, kept: Sequence[ModelEntity]) -> None:
    """Raise NameTaken where a person who stays has the name of another one who comes."""
    taken = {one.key for one in kept}
    for one in wanted.entities:
        if one.key in taken:
            raise NameTaken(one.name)


def _apply(tx: Transaction, result: Load, ids: Ids, former: dict[str, int]) -> None:
    """Make the changes: first what goes, then what is called otherwise, then what comes."""
    found = result.difference
    for link in found.links.removed:
        organisation.remove_link(tx, ids, link)
    for grant in found.grants.removed:
        people.revoke(tx, *_grant(ids, grant))
    for one in found.entities.removed:
        if one in result.retired:
            organisation.retire_entity(tx, ids[one.key])
        elif one not in result.kept:
            organisation.delete_entity(tx, ids[one.key])
    _rename(tx, result, ids)
    for one in found.entities.added:
        _add(tx, one, ids, former)
    for link in found.links.added:
        organisation.add_link(tx, ids, link)
    for grant in found.grants.added:
        people.grant(tx, *_grant(ids, grant))
    for action in (*found.denied.added, *found.denied.removed):
        organisation.set_default(tx, action, is_denied=action in found.denied.added)


def _record(tx: Transaction, result: Load) -> None:
    """Record that the organisation was changed, and each grant of a privilege that came or went."""
    if not result:
        return
    found = result.difference
    entities, links, denied = found.entities, found.links, found.denied
    gone = len(entities.removed) - len(result.kept)
    detail = (
        f"{len(entities.added)} added, {len(found.changed)} changed, {gone} removed; "
        f"{len(links.added)} links added, {len(links.removed)} removed"
    )
    detail += "".join(f"; {action} is denied unless granted" for action in denied.added)
    detail += "".join(f"; {action} is open to all" for action in denied.removed)
    audit.record(tx, AuditKind.ORGANISATION_LOADED, detail=detail)
    for kind, grants in ((AuditKind.REVOKE, found.grants.removed), (AuditKind.GRANT, found.grants.added)):
        for grant in grants:
            told = audit.grant_told(grant.action, grant.scope)
            audit.record(tx, kind, subject=f"PRIVILEGE {grant.privilege}", detail=told)


def _rename(tx: Transaction, result: Load, ids: Ids) -> None:
    changed = [(ids[was.key], now) for was, now in result.difference.changed]
    for identity, _ in changed:
        organisation.release_name(tx, identity)
    for identity, now in changed:
        organisation.change_entity(tx, identity, now)
        ids.put(now.key, identity)


def _add(tx: Transaction, new: ModelEntity, ids: Ids, former: dict[str, int]) -> None:
    identity = former.get(new.guid_key)
    if identity is None:
        identity = organisation.add_entity(tx, new)
    else:
        organisation.change_entity(tx, identity, new)
    ids.put(new.key, identity)


def _grant(ids: Ids, grant: PrivilegeGrant) -> tuple[Entity, SystemAction, Entity | None]:
    privilege = organisation.entity_of(ids, EntityName(EntityType.PRIVILEGE, grant.privilege))
    unit = EntityName(EntityType.ORGANIZATIONAL_UNIT, grant.scope) if grant.scope is not None else None
    return privilege, grant.action, organisation.entity_of(ids, unit) if unit else None


def _entity(one: ModelEntity, identity: int) -> Entity:
    return Entity(id=identity, type=one.type, guid=one.sure_guid, name=one.name)
