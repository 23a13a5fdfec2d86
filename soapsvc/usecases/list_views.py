"""Views of work lists: made, shared, locked to be edited, and looked at lists through."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from soapsvc.domain.caller import Caller
from soapsvc.domain.errors import InvalidRequest, NotAllowed, UnknownEntity, UnknownWorkListView, ViewLocked
from soapsvc.domain.list_view import MOST_VIEWS_OF_ONE, Criteria, ListView, Shows
from soapsvc.domain.organisation import Entity
from soapsvc.list_language import parse_filter, parse_order
from soapsvc.storage import list_views, locks, people, standing
from soapsvc.storage.list_views import Which
from soapsvc.storage.transaction import Transaction
from soapsvc.usecases import access
from soapsvc.usecases.work_lists import ListLimits, ListPage, Paging, Whose, check_may_see, list_items


@dataclass(frozen=True, kw_only=True, slots=True)
class ViewRequest:
    """What somebody says of a view, new or not; None for what he does not say, entities by their GUIDs."""

    name: str
    description: str | None = None
    owner: str | None = None
    is_public: bool | None = None
    shows: Shows | None = None
    entity: str = ""
    shows_allocated: bool | None = None
    criteria: Criteria | None = None
    authors: Sequence[str] | None = None
    users: Sequence[str] | None = None
    custom_data: str | None = None


def create_view(tx: Transaction, caller: Caller, asked: ViewRequest) -> int:
    """Make a view, and give its id.

    Raises NotAllowed, UnknownEntity, InvalidOrder, InvalidFilter, InvalidRequest.
    """
    blank = ListView(
        id=0,
        name=asked.name,
        description=None,
        owner=caller.person,
        is_public=False,
        shows=Shows.MINE,
        entity=None,
        shows_allocated=False,
        criteria=Criteria(),
        custom_data=None,
        created=tx.now(),
        modified=tx.now(),
    )
    view = _changed(tx, caller, blank, asked, "createWorkListView")
    locks.lock_entity(tx, view.owner)  # two views at once would each find room for one more
    if list_views.count_of_owner(tx, view.owner) >= MOST_VIEWS_OF_ONE:
        raise InvalidRequest(f"Nobody has more than {MOST_VIEWS_OF_ONE} views")
    return list_views.add(tx, view)


def edit_view(tx: Transaction, caller: Caller, view_id: int, asked: ViewRequest) -> None:
    """Change a view that the caller has locked, and unlock it; what he does not say stays as it is.

    Raises UnknownWorkListView, NotAllowed, ViewLocked, and what create_view raises.
    """
    view = _editable(tx, caller, view_id)
    if view.locker != caller.person:
        raise ViewLocked(view.id, view.locker.guid if view.locker else None)
    changed = _changed(tx, caller, view, asked, "editWorkListView")
    list_views.change(tx, replace(changed, modified=tx.now(), locker=None))


def delete_view(tx: Transaction, caller: Caller, view_id: int) -> None:
    """Forget a view that nobody else has locked. Raises UnknownWorkListView, NotAllowed, ViewLocked."""
    view = _editable(tx, caller, view_id)
    if view.locker is not None and view.locker != caller.person:
        raise ViewLocked(view.id, view.locker.guid)
    list_views.delete(tx, view)


def view_details(tx: Transaction, caller: Caller, view_id: int, *, lock: bool) -> ListView:
    """Give a view, and keep others from editing it on demand. Raises UnknownWorkListView, NotAllowed, ViewLocked."""
    if not lock:
        return usable_view(tx, caller, view_id)
    view = _editable(tx, caller, view_id)
    if not list_views.lock(tx, view, caller.person):
        raise ViewLocked(view.id, view.locker.guid if view.locker else None)
    return replace(view, locker=caller.person)


def unlock_view(tx: Transaction, caller: Caller, view_id: int) -> None:
    """Give a lock back: one's own, or as the view's owner anybody's. Raises as delete_view does."""
    view = _editable(tx, caller, view_id)
    if view.locker is not None and caller.person not in {view.locker, view.owner}:
        raise ViewLocked(view.id, view.locker.guid)
    list_views.unlock(tx, view)


def find_views(
    tx: Transaction, caller: Caller, which: Which, *, start: int, most: int, limits: ListLimits
) -> Sequence[ListView]:
    """Give a page of views. Raises InvalidRequest."""
    if start < 0 or most < 0:
        raise InvalidRequest("A page begins at position 0 or behind it, and has no fewer than 0 items")
    return list_views.find_all(tx, which, caller.person, start=start, most=min(most, limits.page_items))


def take_up_view(tx: Transaction, caller: Caller, view_id: int) -> None:
    """Put a view among those that the caller uses. Raises UnknownWorkListView."""
    list_views.take_up(tx, usable_view(tx, caller, view_id), caller.person)


def drop_view(tx: Transaction, caller: Caller, view_id: int) -> None:
    """Take a view that the caller took up from among those that he uses. Raises UnknownWorkListView."""
    list_views.drop(tx, list_views.get(tx, view_id), caller.person)


def list_items_of_view(
    tx: Transaction,
    caller: Caller,
    view_id: int,
    paging: Paging,
    *,
    allocated: bool | None,
    limits: ListLimits,
) -> ListPage:
    """Read a page of what a view shows, if the caller may see that list.

    Raises UnknownWorkListView, and what list_items raises.
    """
    view = usable_view(tx, caller, view_id)
    shows_allocated = view.shows_allocated if allocated is None else allocated
    if shows_allocated and view.shows is Shows.ALL:
        raise InvalidRequest("A view of everybody's list shows all items, and not the allocated ones only")
    whose = Whose(shows=view.shows, guid=view.entity.guid if view.entity else "", allocated=shows_allocated)
    return list_items(tx, caller, whose, view.criteria, paging, limits=limits, operation="getWorkListItemsForView")


def usable_view(tx: Transaction, caller: Caller, view_id: int) -> ListView:
    """Give a view that the caller may use; of any other he is told that there is none. Raises UnknownWorkListView."""
    view = list_views.get(tx, view_id)
    if not view.may_be_used_by(caller.person, standing.of(tx, caller.person).entities):
        raise UnknownWorkListView(view_id)
    return view


def _editable(tx: Transaction, caller: Caller, view_id: int) -> ListView:
    view = usable_view(tx, caller, view_id)
    if not view.may_be_edited_by(caller.person, standing.of(tx, caller.person).entities):
        raise NotAllowed(access.NOT_ALLOWED)
    return view


def _changed(tx: Transaction, caller: Caller, view: ListView, asked: ViewRequest, operation: str) -> ListView:
    """Give what becomes of a view, once all that it names is known and the caller may see the list that it shows."""
    shows, entity = view.shows, view.entity
    if asked.shows is not None:
        shows = asked.shows
        whose = Whose(shows=shows, guid=asked.entity)
        seen = check_may_see(tx, caller, whose, operation)
        entity = seen if shows is Shows.ENTITY else None
    criteria = view.criteria if asked.criteria is None else asked.criteria
    parse_order(criteria.order or "")
    parse_filter(criteria.filter or "")
    return replace(
        view,
        name=asked.name,
        description=_either(asked.description, view.description),
        owner=view.owner if asked.owner is None else _resource(tx, asked.owner),
        is_public=view.is_public if asked.is_public is None else asked.is_public,
        shows=shows,
        entity=entity,
        shows_allocated=view.shows_allocated if asked.shows_allocated is None else asked.shows_allocated,
        criteria=criteria,
        custom_data=_either(asked.custom_data, view.custom_data),
        authors=view.authors if not asked.authors else _entities(tx, asked.authors),
        users=view.users if not asked.users else _entities(tx, asked.users),
    )


def _either(asked: str | None, otherwise: str | None) -> str | None:
    return otherwise if asked is None else asked


def _resource(tx: Transaction, reference: str) -> Entity:
    found = people.find_resource(tx, reference)
    if found is None:
        raise UnknownEntity(reference)
    return found


def _entities(tx: Transaction, guids: Sequence[str]) -> tuple[Entity, ...]:
    found = []
    for guid in guids:
        entity = people.find_entity(tx, guid)
        if entity is None:
            raise UnknownEntity(guid)
        found.append(entity)
    return tuple(found)
