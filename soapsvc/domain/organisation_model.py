"""An organisation as a whole: who is in what, who holds what, what that allows; and what makes two of them differ."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any, Generic, NamedTuple, TypeVar

from soapsvc.domain.caller import ALLOWED_TO_ALL, SystemAction
from soapsvc.domain.errors import DuplicateEntity, MisplacedEntity, OrganisationCycle, UnknownReference
from soapsvc.domain.organisation import OF_ONE_PLACE, RELATIONS, EntityType, Relation, guid_key

Thing = TypeVar("Thing")


class EntityName(NamedTuple):
    """What an entity is called within its organisation: no two of one kind have one name."""

    type: EntityType
    name: str


class Link(NamedTuple):
    """That one entity contains or holds another; their kinds say which."""

    above: EntityName
    below: EntityName

    @property
    def relation(self) -> Relation | None:
        """How the one stands to the other; None if it cannot."""
        return RELATIONS.get((self.above.type, self.below.type))


class PrivilegeGrant(NamedTuple):
    """That a privilege allows a system action: below a unit, or everywhere."""

    privilege: str
    action: SystemAction
    scope: str | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class ModelEntity:
    """An entity of an organisation; without a GUID it keeps the one that it has, or gets a new one."""

    type: EntityType
    name: str
    guid: str | None = None
    max_open_items: int | None = None

    @property
    def key(self) -> EntityName:
        """What it is called."""
        return EntityName(self.type, self.name)

    @property
    def sure_guid(self) -> str:
        """Its GUID, of one that has one by now."""
        if self.guid is None:
            raise LookupError(f"'{self.name}' has no GUID yet, and cannot be told from others")
        return self.guid

    @property
    def guid_key(self) -> str:
        """Its GUID as GUIDs are compared."""
        return guid_key(self.sure_guid)


@dataclass(frozen=True, kw_only=True, slots=True)
class OrganisationModel:
    """A whole organisation; `denied` are those actions open to all that are not so here."""

    entities: tuple[ModelEntity, ...] = ()
    links: frozenset[Link] = frozenset()
    grants: frozenset[PrivilegeGrant] = frozenset()
    denied: frozenset[SystemAction] = frozenset()

    def check(self) -> None:
        """Raise DuplicateEntity, UnknownReference, MisplacedEntity or OrganisationCycle where it cannot be."""
        _check_unique(entity.key for entity in self.entities)
        _check_unique(guid_key(entity.guid) for entity in self.entities if entity.guid is not None)
        known = {entity.key for entity in self.entities}
        for name in self._references():
            if name not in known:
                raise UnknownReference(name.type, name.name)
        for link in sorted(self.links):
            if link.relation is None:
                raise MisplacedEntity(*link.below, f"no {link.above.type} contains or holds a {link.below.type}")
        self._check_places()
        if not self.denied <= ALLOWED_TO_ALL:
            raise UnknownReference("default", min(self.denied - ALLOWED_TO_ALL))

    def with_guids(self, known: Mapping[EntityName, str], new: Callable[[], str]) -> "OrganisationModel":
        """Give each entity that has none the GUID by which it is known, if no other claims that, or a new one."""
        claimed = {guid_key(entity.guid) for entity in self.entities if entity.guid is not None}
        free = {name: guid for name, guid in known.items() if guid_key(guid) not in claimed}
        entities = (
            entity if entity.guid is not None else replace(entity, guid=free.get(entity.key) or new())
            for entity in self.entities
        )
        return replace(self, entities=tuple(entities))

    def _references(self) -> Iterable[EntityName]:
        for link in sorted(self.links):
            yield from link
        for grant in sorted(self.grants, key=str):
            yield EntityName(EntityType.PRIVILEGE, grant.privilege)
            if grant.scope is not None:
                yield EntityName(EntityType.ORGANIZATIONAL_UNIT, grant.scope)

    def _check_places(self) -> None:
        containers: dict[EntityName, EntityName] = {}
        for above, below in sorted(self.links):
            if below.type in OF_ONE_PLACE:
                if below in containers:
                    raise MisplacedEntity(*below, f"it is in '{containers[below].name}' and in '{above.name}'")
                containers[below] = above
        for entity in self.entities:
            if entity.type in OF_ONE_PLACE - {EntityType.GROUP} and entity.key not in containers:
                raise MisplacedEntity(entity.type, entity.name, "nothing contains it")
            _check_ends(entity.key, containers)


def _check_unique(references: Iterable[EntityName | str]) -> None:
    seen = set()
    for reference in references:
        if reference in seen:
            raise DuplicateEntity(reference if isinstance(reference, str) else reference.name)
        seen.add(reference)


def _check_ends(start: EntityName, containers: Mapping[EntityName, EntityName]) -> None:
    seen, at = {start}, start
    while at in containers:
        at = containers[at]
        if at in seen:
            raise OrganisationCycle(start.name)
        seen.add(at)


# Who stands where


def above(model: OrganisationModel, start: EntityName) -> dict[EntityName, EntityName]:
    """Give all that an entity is in or holds, directly or not, each with the entity through which it first does."""
    upward: dict[EntityName, list[EntityName]] = {}
    for link in sorted(model.links):
        if link.relation is Relation.CONTAINS:
            upward.setdefault(link.below, []).append(link.above)
        else:
            upward.setdefault(link.above, []).append(link.below)
    through: dict[EntityName, EntityName] = {}
    waiting = [start]
    while waiting:
        at = waiting.pop(0)
        for name in upward.get(at, ()):
            if name != start and name not in through:
                through[name] = at
                waiting.append(name)
    return through


# What differs


@dataclass(frozen=True, slots=True)
class Changes(Generic[Thing]):
    """What a newer set of things has, and what an older one had, that the other has not."""

    added: tuple[Thing, ...] = ()
    removed: tuple[Thing, ...] = ()

    def __bool__(self) -> bool:
        return bool(self.added or self.removed)


@dataclass(frozen=True, kw_only=True, slots=True)
class Difference:
    """What makes one organisation of another; of `changed` each is the older and the newer form of one entity.

    Entities are the same if their GUIDs are, and links and grants if they are of the same entities. What is added is
    told by the newer names, what is removed by the older ones.
    """

    entities: Changes[ModelEntity]
    changed: tuple[tuple[ModelEntity, ModelEntity], ...]
    links: Changes[Link]
    grants: Changes[PrivilegeGrant]
    denied: Changes[SystemAction]

    def __bool__(self) -> bool:
        return bool(self.entities or self.changed or self.links or self.grants or self.denied)


def difference(old: OrganisationModel, new: OrganisationModel) -> Difference:
    """Say what makes one organisation of another; every entity of both has a GUID."""
    before = {entity.guid_key: entity for entity in old.entities}
    after = {entity.guid_key: entity for entity in new.entities}
    changed = tuple((before[guid], after[guid]) for guid in after if guid in before and before[guid] != after[guid])
    return Difference(
        entities=Changes(
            added=tuple(after[guid] for guid in after if guid not in before),
            removed=tuple(before[guid] for guid in before if guid not in after),
        ),
        changed=changed,
        links=_changes(_links_by_guid(old), _links_by_guid(new)),
        grants=_changes(_grants_by_guid(old), _grants_by_guid(new)),
        denied=_changes({one: one for one in old.denied}, {one: one for one in new.denied}),
    )


def _links_by_guid(model: OrganisationModel) -> Mapping[object, Link]:
    """Give the links by what stays when names change hands."""
    guids = {entity.key: entity.guid_key for entity in model.entities}
    return {(guids[link.above], guids[link.below]): link for link in model.links}


def _grants_by_guid(model: OrganisationModel) -> Mapping[object, PrivilegeGrant]:
    guids: dict[tuple[EntityType, str | None], str] = {entity.key: entity.guid_key for entity in model.entities}
    return {
        (
            guids[EntityType.PRIVILEGE, grant.privilege],
            grant.action,
            guids.get((EntityType.ORGANIZATIONAL_UNIT, grant.scope)),
        ): grant
        for grant in model.grants
    }


def _changes(old: Mapping[Any, Thing], new: Mapping[Any, Thing]) -> Changes[Thing]:
    return Changes(
        added=tuple(sorted((thing for key, thing in new.items() if key not in old), key=str)),
        removed=tuple(sorted((thing for key, thing in old.items() if key not in new), key=str)),
    )
