"""Views of work lists: whose list, in which order and under which condition, and who may use and edit them."""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from soapsvc.domain.errors import InvalidRequest
from soapsvc.domain.organisation import Entity
from soapsvc.domain.values import is_xml_text

NAME_MAX_LENGTH = 64
DESCRIPTION_MAX_LENGTH = 255
MOST_VIEWS_OF_ONE = 1_000
MOST_SHARES = 1_000


class Shows(StrEnum):
    """Whose list a view shows: that of who looks, that of all, or that of one entity."""

    MINE = "MINE"
    ALL = "ALL"
    ENTITY = "ENTITY"


@dataclass(frozen=True, kw_only=True, slots=True)
class Criteria:
    """An order and a filter as a client wrote them; None for what he did not say."""

    order: str | None = None
    filter: str | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class ListView:
    """A view as stored. `authors` may edit it, as its owner may; `users` may use it, and everybody if it is public.

    `locker` is who keeps others from editing it. `shows_allocated`: what was offered to the entity and is held now.
    Raises InvalidRequest on construction.
    """

    id: int
    name: str
    description: str | None
    owner: Entity
    is_public: bool
    shows: Shows
    entity: Entity | None
    shows_allocated: bool
    criteria: Criteria
    custom_data: str | None
    created: datetime
    modified: datetime
    locker: Entity | None = None
    authors: tuple[Entity, ...] = ()
    users: tuple[Entity, ...] = ()

    def __post_init__(self) -> None:
        if not self.name.strip() or len(self.name) > NAME_MAX_LENGTH:
            raise InvalidRequest(f"The name of a view has 1 to {NAME_MAX_LENGTH} characters")
        if len(self.description or "") > DESCRIPTION_MAX_LENGTH:
            raise InvalidRequest(f"The description of a view has at most {DESCRIPTION_MAX_LENGTH} characters")
        if not all(is_xml_text(text or "") for text in (self.name, self.description, self.custom_data)):
            raise InvalidRequest("The texts of a view have characters that XML cannot hold")
        if self.shows is Shows.ALL and self.shows_allocated:
            raise InvalidRequest("A view of everybody's list shows all items, and not the allocated ones only")
        if len(self.authors) + len(self.users) > MOST_SHARES:
            raise InvalidRequest(f"A view has at most {MOST_SHARES} authors and users")

    def may_be_edited_by(self, person: Entity, entities: Collection[int]) -> bool:
        """Say whether somebody may edit it, who is or is in these entities."""
        return self.owner == person or any(author.id in entities for author in self.authors)

    def may_be_used_by(self, person: Entity, entities: Collection[int]) -> bool:
        """Say whether somebody may use it, who is or is in these entities."""
        return (
            self.is_public or self.may_be_edited_by(person, entities) or any(user.id in entities for user in self.users)
        )
