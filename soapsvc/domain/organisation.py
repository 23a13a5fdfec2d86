"""Who there is: organisational entities, of which a person that signs in is a RESOURCE."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from types import MappingProxyType

GUID_MAX_LENGTH = 64
"""A GUID is an opaque string: clients in the field use some that are no well-formed UUIDs."""

NAME_MAX_LENGTH = 100


class EntityType(StrEnum):
    """The kinds of organisational entity that the contract names."""

    ORGANIZATION = "ORGANIZATION"
    ORGANIZATIONAL_UNIT = "ORGANIZATIONAL_UNIT"
    GROUP = "GROUP"
    POSITION = "POSITION"
    PRIVILEGE = "PRIVILEGE"
    CAPABILITY = "CAPABILITY"
    RESOURCE = "RESOURCE"
    LOCATION = "LOCATION"


class Relation(StrEnum):
    """How one entity stands to another."""

    CONTAINS = "contains"
    HOLDS = "holds"


_T = EntityType

RELATIONS: Mapping[tuple[EntityType, EntityType], Relation] = MappingProxyType(
    {
        (_T.ORGANIZATION, _T.ORGANIZATIONAL_UNIT): Relation.CONTAINS,
        (_T.ORGANIZATIONAL_UNIT, _T.ORGANIZATIONAL_UNIT): Relation.CONTAINS,
        (_T.ORGANIZATIONAL_UNIT, _T.POSITION): Relation.CONTAINS,
        (_T.ORGANIZATIONAL_UNIT, _T.GROUP): Relation.CONTAINS,
        (_T.ORGANIZATIONAL_UNIT, _T.RESOURCE): Relation.CONTAINS,
        (_T.POSITION, _T.RESOURCE): Relation.CONTAINS,
        (_T.GROUP, _T.GROUP): Relation.CONTAINS,
        (_T.GROUP, _T.RESOURCE): Relation.CONTAINS,
        (_T.ORGANIZATIONAL_UNIT, _T.PRIVILEGE): Relation.HOLDS,
        (_T.POSITION, _T.PRIVILEGE): Relation.HOLDS,
        (_T.GROUP, _T.PRIVILEGE): Relation.HOLDS,
        (_T.RESOURCE, _T.CAPABILITY): Relation.HOLDS,
    }
)
"""Which kind may contain or hold which; any other pair may not stand together."""

OF_ONE_PLACE = frozenset({_T.ORGANIZATIONAL_UNIT, _T.POSITION, _T.GROUP})
"""Kinds that one entity at most contains; units and positions are always in one."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Entity:
    """An organisational entity. `id` is ours and never leaves the service; `guid` is what clients know it by.

    Two are the same if their ids are. `max_open_items`, where set, limits what a resource may have open at once. One
    that is retired is only remembered: items name it that were offered to it.
    """

    id: int
    type: EntityType = field(compare=False)
    guid: str = field(compare=False)
    name: str = field(compare=False)
    max_open_items: int | None = field(default=None, compare=False)
    is_retired: bool = field(default=False, compare=False)


def guid_key(guid: str) -> str:
    """Give the form in which GUIDs are compared: without regard to case."""
    return guid.casefold()


def may_be_named(kind: EntityType, name: str) -> bool:
    """Say whether an entity can have this name: one line of print, without what divides names in lists.

    A resource signs in by its name. HTTP Basic could not carry a colon in it, and a backslash divides the moniker of a
    tenancy from it.
    """
    return _is_plain(name, NAME_MAX_LENGTH) and not (kind is EntityType.RESOURCE and not {":", "\\"}.isdisjoint(name))


def may_be_guid(guid: str) -> bool:
    """Say whether an entity can have this GUID."""
    return _is_plain(guid, GUID_MAX_LENGTH)


def _is_plain(text: str, longest: int) -> bool:
    return bool(text) and text == text.strip() and len(text) <= longest and text.isprintable() and "," not in text
