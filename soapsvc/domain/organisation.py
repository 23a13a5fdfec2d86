"""Who there is: organisational entities, of which a person that signs in is a RESOURCE."""

from dataclasses import dataclass, field
from enum import StrEnum

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


@dataclass(frozen=True, kw_only=True, slots=True)
class Entity:
    """An organisational entity. `id` is ours and never leaves the service; `guid` is what clients know it by.

    Two are the same if their ids are. `max_open_items`, where set, limits what a resource may have open at once.
    """

    id: int
    type: EntityType = field(compare=False)
    guid: str = field(compare=False)
    name: str = field(compare=False)
    max_open_items: int | None = field(default=None, compare=False)


def guid_key(guid: str) -> str:
    """Give the form in which GUIDs are compared: without regard to case."""
    return guid.casefold()
