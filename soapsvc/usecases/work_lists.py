"""Reading work lists: whose, in which order, page by page; and by what somebody's next item is chosen."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass

from soapsvc.domain.caller import Caller
from soapsvc.domain.errors import InvalidRequest, ListTookTooLong, UnknownEntity
from soapsvc.domain.list_view import Criteria, Shows
from soapsvc.domain.organisation import Entity, EntityType
from soapsvc.domain.work_item import WorkItem
from soapsvc.domain.work_list import COLUMNS, Column, Condition
from soapsvc.list_language import parse_filter, parse_order
from soapsvc.storage import list_criteria, list_marks, people, standing, work_lists
from soapsvc.storage.patience import reading_within
from soapsvc.storage.transaction import Transaction
from soapsvc.storage.work_lists import Listing, Place, Scope
from soapsvc.usecases import access
from soapsvc.usecases.cursors import read_cursor, write_cursor
from soapsvc.usecases.permissions import PERMISSIONS, WHOLE_LIST


@dataclass(frozen=True, kw_only=True, slots=True)
class ListLimits:
    """How many rows a page has at most, how many seconds somebody may wait for a change, and a list be read."""

    page_items: int = 1_000
    wait_seconds: int = 60
    seconds: float = 3.0


DEFAULT_LIMITS = ListLimits()


@dataclass(frozen=True, kw_only=True, slots=True)
class Whose:
    """Whose list: the caller's, everybody's, or that of the entity of this GUID; perhaps only what is allocated."""

    shows: Shows
    guid: str = ""
    allocated: bool = False


MINE = Whose(shows=Shows.MINE)
ALL = Whose(shows=Shows.ALL)


@dataclass(frozen=True, kw_only=True, slots=True)
class Paging:
    """Which rows of a list: so many from a position on, or behind the row of a cursor; perhaps with their total."""

    start: int = 0
    most: int = 0
    with_total: bool = True
    cursor: str | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class ListPage:
    """Items of a list, without their data.

    `total` is -1 where the list was not counted and has items. `next_cursor` leads on, if there is more. `change_mark`
    says which changes the answer shows.
    """

    items: Sequence[WorkItem]
    start: int
    total: int
    next_cursor: str | None
    change_mark: str


@dataclass(frozen=True, kw_only=True, slots=True)
class Watch:
    """Whether a list has changed, the mark to go on from, and the ids of all in whose lists a change is one of it."""

    lists: Collection[int]
    has_changed: bool
    mark: str


@dataclass(frozen=True, kw_only=True, slots=True)
class _Named:
    """A list that the caller may see, and the name under which its cursors are valid."""

    entity: Entity | None
    listing: Listing
    name: str


def list_items(
    tx: Transaction,
    caller: Caller,
    whose: Whose,
    criteria: Criteria,
    paging: Paging,
    *,
    limits: ListLimits,
    operation: str = "getWorkListItems",
) -> ListPage:
    """Read a page of a list that is the caller's own, or of what he is in, or that a grant opens to him.

    Raises NotAllowed, UnknownEntity, InvalidOrder, InvalidFilter, ListTookTooLong, InvalidRequest.
    """
    named = _named(tx, caller, whose, operation)
    order, condition = parse_order(criteria.order or ""), parse_filter(criteria.filter or "")
    if paging.start < 0 or paging.most < 0:
        raise InvalidRequest("A page begins at position 0 or behind it, and has no fewer than 0 items")
    if paging.most == 0:
        return _page(tx, named, [], paging, total=0)
    what = (named.name, criteria.filter or "")
    behind = None if paging.cursor is None else read_cursor(order, what, paging.cursor)
    with reading_within(tx, limits.seconds):
        found = work_lists.page(
            tx,
            named.listing,
            condition=condition,
            order=order,
            place=Place(start=paging.start if behind is None else 0, behind=behind),
            most=min(paging.most, limits.page_items),
        )
    if found.has_more and paging.most > limits.page_items:
        raise InvalidRequest(f"There are more items than the {limits.page_items} that a page may have: ask for fewer")
    total = _total(tx, named, condition, paging, has_items=bool(found.items), seconds=limits.seconds)
    next_cursor = write_cursor(order, what, found.last_key) if found.has_more and found.last_key else None
    return _page(tx, named, found.items, paging, total=total, next_cursor=next_cursor)


def columns(most: int) -> Sequence[Column]:
    """Give the columns that lists can be ordered or filtered by, the first so many, or all for 0."""
    if most < 0:
        raise InvalidRequest("There are no fewer columns than 0")
    return list(COLUMNS.values())[: most or None]


def criteria_of(tx: Transaction, caller: Caller, resource: str) -> Criteria:
    """Give by what somebody's next item is chosen. Raises NotAllowed, UnknownEntity."""
    entity = people.find_resource(tx, resource)
    if entity != caller.person:
        access.require(tx, caller, PERMISSIONS["getResourceOrderFilterCriteria"].others, entity)
    if entity is None:
        raise UnknownEntity(resource)
    return list_criteria.find(tx, entity)


def set_criteria(tx: Transaction, caller: Caller, resource: str | None, criteria: Criteria) -> None:
    """Say by what somebody's next item is chosen. Raises NotAllowed, UnknownEntity, InvalidOrder, InvalidFilter."""
    entity = caller.person if resource is None else people.find_resource(tx, resource)
    access.require(tx, caller, PERMISSIONS["setResourceOrderFilterCriteria"].always, entity)
    if entity is None:
        raise UnknownEntity(resource or "")
    parse_order(criteria.order or "")
    parse_filter(criteria.filter or "")
    list_criteria.put(tx, entity, criteria)


def next_offered(
    tx: Transaction,
    to: Entity,
    *,
    criteria: Criteria | None = None,
    work_type_id: str | None = None,
    limits: ListLimits = DEFAULT_LIMITS,
) -> int | None:
    """Give the id of the first offered item of somebody's list, by these criteria or those that were set for him.

    Raises InvalidOrder, InvalidFilter, and InvalidRequest where it takes too long: in the contract no operation that
    looks for the next item has a fault of lists.
    """
    criteria = list_criteria.find(tx, to) if criteria is None else criteria
    try:
        with reading_within(tx, limits.seconds):
            return work_lists.next_offered(
                tx,
                _own(tx, to),
                condition=parse_filter(criteria.filter or ""),
                order=parse_order(criteria.order or ""),
                work_type=work_type_id,
            )
    except ListTookTooLong as slow:
        raise InvalidRequest(str(slow), *slow.parameters) from None


def watched(tx: Transaction, caller: Caller, guid: str | None, mark: str) -> Watch:
    """Say whether the list of an entity, or the caller's own, has changed since a mark, and how to go on from here.

    Raises NotAllowed, UnknownEntity.
    """
    whose = MINE if guid is None else Whose(shows=Shows.ENTITY, guid=guid)
    named = _named(tx, caller, whose, "awaitWorkListChange")
    lists = _reaching(tx, named)
    has_changed = list_marks.have_changed(tx, lists, list_marks.read_mark(mark))
    return Watch(lists=lists, has_changed=has_changed, mark=list_marks.mark_of(tx, lists))


def check_may_see(tx: Transaction, caller: Caller, whose: Whose, operation: str) -> Entity | None:
    """Give the entity whose list somebody wants to see, if it is one's. Raises NotAllowed, UnknownEntity."""
    return _named(tx, caller, whose, operation).entity


def _named(tx: Transaction, caller: Caller, whose: Whose, operation: str) -> _Named:
    if whose.shows is Shows.ALL:
        access.require(tx, caller, WHOLE_LIST)
        return _Named(entity=None, listing=Listing(scope=Scope.ALL), name=whose.shows)
    entity: Entity | None = caller.person
    if whose.shows is Shows.ENTITY:
        entity = people.find_entity(tx, whose.guid)
        if not (entity is not None and access.stands_for(tx, caller, entity)):
            access.require(tx, caller, PERMISSIONS[operation].others, entity)
    if entity is None:
        raise UnknownEntity(whose.guid)
    listing = _allocated(entity) if whose.allocated else _own(tx, entity)
    return _Named(entity=entity, listing=listing, name=f"{listing.scope.name} {entity.id}")


def _allocated(entity: Entity) -> Listing:
    scope = Scope.HELD if entity.type is EntityType.RESOURCE else Scope.ALLOCATED
    return Listing(scope=scope, entities=[entity.id])


def _own(tx: Transaction, entity: Entity) -> Listing:
    """Give what reaches somebody: what is in his own list, and in those of all that he is in or holds."""
    return Listing(scope=Scope.OWN, entities=list(standing.of(tx, entity).entities))


def _total(
    tx: Transaction, named: _Named, condition: Condition | None, paging: Paging, *, has_items: bool, seconds: float
) -> int:
    """Count a list if that was asked for; else say 0 for an empty one and -1 for any other."""
    if paging.with_total and named.listing.scope is not Scope.ALL:
        with reading_within(tx, seconds):
            return work_lists.count(tx, named.listing, condition)
    begins_later = paging.start > 0 or paging.cursor is not None
    if has_items or not begins_later:
        return -1 if has_items else 0
    with reading_within(tx, seconds):
        return 0 if work_lists.is_empty(tx, named.listing, condition) else -1


def _reaching(tx: Transaction, named: _Named) -> Collection[int]:
    """Give the ids of all in whose lists a change is one of this list; none for the list of all."""
    return standing.of(tx, named.entity).entities if named.entity else ()


def _page(
    tx: Transaction,
    named: _Named,
    items: Sequence[WorkItem],
    paging: Paging,
    *,
    total: int,
    next_cursor: str | None = None,
) -> ListPage:
    mark = list_marks.mark_of(tx, _reaching(tx, named))
    return ListPage(items=items, start=paging.start, total=total, next_cursor=next_cursor, change_mark=mark)
