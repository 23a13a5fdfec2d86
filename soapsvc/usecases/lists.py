"""What people see of their work lists."""

from collections.abc import Sequence
from dataclasses import dataclass

from soapsvc.domain.caller import Caller
from soapsvc.domain.data import DataModel
from soapsvc.domain.errors import EntityNotEligible, NotAllowed, UnknownEntity
from soapsvc.domain.organisation import Entity
from soapsvc.domain.states import State
from soapsvc.domain.work_item import WorkItem
from soapsvc.domain.work_type import WorkType
from soapsvc.storage import people
from soapsvc.storage.transaction import Transaction
from soapsvc.usecases import access
from soapsvc.usecases.access import ItemReference, check_batch
from soapsvc.usecases.items import work_type_of
from soapsvc.usecases.permissions import PERMISSIONS

_PREVIEW = "previewWorkItemFromList"


@dataclass(frozen=True, kw_only=True, slots=True)
class Preview:
    """An item at its current version, those of its fields that were asked for, and its work type."""

    item: WorkItem
    fields: DataModel
    work_type: WorkType


def preview_items(
    tx: Transaction, caller: Caller, entity_guid: str, references: Sequence[ItemReference], field_names: Sequence[str]
) -> list[Preview]:
    """Look at items in an entity's list: all their fields if none is named, else those named.

    A list that is not the caller's own, nor of what he is in, needs a grant. Names that an item does not have
    are passed over; an empty name alone asks for no field.
    Raises UnknownWorkItem, NotAllowed, StaleVersion, UnknownEntity, EntityNotEligible, InvalidRequest.
    """
    check_batch(references)
    entity = people.find_entity(tx, entity_guid)
    may_view = _may_view(tx, caller, entity)
    names = frozenset(field_names)
    previews = []
    for reference in references:
        item = access.item_to_read(tx, caller, reference, _PREVIEW)
        if not may_view:
            raise NotAllowed(access.NOT_ALLOWED)
        if entity is None:
            raise UnknownEntity(entity_guid)
        if not _stands_in_list(tx, item, entity):
            raise EntityNotEligible(entity_guid, item.id)
        chosen = _chosen(item.fields, names)
        previews.append(Preview(item=item, fields=chosen, work_type=work_type_of(tx, item)))
    return previews


def _may_view(tx: Transaction, caller: Caller, entity: Entity | None) -> bool:
    """Say whether a list is the caller's own, or of what he is in or holds, or was opened to him by a grant."""
    is_own = entity is not None and access.stands_for(tx, caller, entity)
    return is_own or access.allows(tx, caller, PERMISSIONS[_PREVIEW].others, entity)


def _stands_in_list(tx: Transaction, item: WorkItem, entity: Entity) -> bool:
    """Say whether an item was offered to an entity or what it is in, or is held by it, in any state but cancelled.

    So the loser of a race, for whom it is no longer work to do, can still learn its new version.
    """
    if item.state is State.CANCELLED:
        return False
    return item.owner == entity or access.is_offered_to(tx, item, entity)


def _chosen(model: DataModel, names: frozenset[str]) -> DataModel:
    return tuple(field for field in model if field.name in names) if names else model
