"""Between the contract's types of work lists and the domain's, as conversions.py does for items."""

from collections.abc import Mapping
from typing import Any

from soapsvc.domain.attributes import ATTRIBUTES, AttributeValue
from soapsvc.domain.list_view import Criteria, ListView, Shows
from soapsvc.domain.work_list import Column
from soapsvc.soap import conversions as convert
from soapsvc.soap import list_types
from soapsvc.soap.operations import Call
from soapsvc.usecases.items import work_type_of
from soapsvc.usecases.list_views import ViewRequest
from soapsvc.usecases.work_lists import ALL, MINE, ListPage, Paging, Whose

PLAIN_ATTRIBUTES = frozenset(tuple(ATTRIBUTES)[:14])
"""What a row shows of an item's attributes unless all are asked for."""

_WITH_ALLOCATED = 2
"""Since this version of the API, clients know two more members of views."""


# From the wire


def whose(entity: Any, resources: str | None, *, allocated: bool = False) -> Whose:
    """Read whose list is meant."""
    if entity is not None:
        return Whose(shows=Shows.ENTITY, guid=entity.guid.strip(), allocated=allocated)
    return ALL if (resources or "").strip() == Shows.ALL else MINE


def criteria(asked: Any) -> Criteria:
    """Read an order and a filter, if there are any."""
    return Criteria() if asked is None else Criteria(order=asked.order, filter=asked.filter)


def paging(start: int | None, most: int | None, with_total: bool | None, cursor: str | None) -> Paging:
    """Read which rows are meant."""
    return Paging(start=start or 0, most=most or 0, with_total=with_total is not False, cursor=cursor)


def asked_of_list(members: dict[str, Any]) -> tuple[Criteria, Paging]:
    """Read what is asked of a list, by the names of the request's members."""
    page = paging(members["startPosition"], members["numberOfItems"], members["getTotalCount"], members["cursor"])
    return criteria(members["orderFilterCriteria"]), page


def view_request(call: dict[str, Any]) -> ViewRequest:
    """Read what is said of a view, by the names of the request's members."""
    entity, resources = call["entityID"], call["resourcesRequired"]
    shows = None if entity is None and resources is None else whose(entity, resources)
    asked = call["orderFilterCriteria"]
    return ViewRequest(
        name=call["name"],
        description=call["description"],
        owner=None if call["owner"] is None else call["owner"].strip(),
        is_public=call["public"],
        shows=None if shows is None else shows.shows,
        entity="" if shows is None else shows.guid,
        shows_allocated=call["getAllocatedItems"],
        criteria=None if asked is None else criteria(asked),
        authors=[one.guid.strip() for one in call["authors"] or ()],
        users=[one.guid.strip() for one in call["users"] or ()],
        custom_data=call["customData"],
    )


# To the wire


def item_page(call: Call, page: ListPage, *, enhanced: bool | None) -> tuple[Any, ...]:
    """Write a page of items: the members of its response, in order."""
    now = call.tx.now()
    known = {item.work_type_id: item for item in page.items}
    work_types = {type_id: work_type_of(call.tx, item) for type_id, item in known.items()}
    rows = [
        convert.work_item(
            item,
            work_types[item.work_type_id],
            now,
            attributes=item.attributes if enhanced else _plain(item.attributes),
        )
        for item in page.items
    ]
    end = page.start + len(rows) - 1
    return page.start, end, page.total, rows or None, page.next_cursor, page.change_mark


def _plain(attributes: Mapping[str, AttributeValue]) -> Mapping[str, AttributeValue]:
    return {name: value for name, value in attributes.items() if name in PLAIN_ATTRIBUTES}


def column(definition: Column) -> Any:
    """Write what a column is good for."""
    return list_types.ColumnDefinition(
        id=definition.id,
        name=definition.name,
        description=definition.description,
        type=str(definition.type),
        capability=str(definition.capability),
    )


def order_filter_criteria(said: Criteria) -> Any:
    """Write an order and a filter."""
    return list_types.OrderFilterCriteria(order=said.order, filter=said.filter)


def view_page_item(view: ListView, api_version: int | None) -> Any:
    """Write a view without who may use and edit it."""
    return list_types.WorkListViewPageItem(**_view(view, api_version))


def view_members(view: ListView, api_version: int | None) -> tuple[Any, ...]:
    """Write a view whole: the members of its response, in order."""
    members = _view(view, api_version) | {
        "authors": [convert.entity_id(one) for one in view.authors] or None,
        "users": [convert.entity_id(one) for one in view.users] or None,
        "customData": view.custom_data,
        "locker": view.locker.guid if view.locker else "",
    }
    return tuple(members[name] for name, _ in list_types.VIEW)


def _view(view: ListView, api_version: int | None) -> dict[str, Any]:
    tells_more = (api_version or 1) >= _WITH_ALLOCATED
    said = view.criteria.order is not None or view.criteria.filter is not None
    return {
        "entityID": convert.entity_id(view.entity) if view.entity else None,
        "resourcesRequired": str(view.shows) if tells_more and view.entity is None else None,
        "orderFilterCriteria": order_filter_criteria(view.criteria) if said else None,
        "name": view.name,
        "description": view.description,
        "owner": view.owner.guid,
        "public": view.is_public,
        "getAllocatedItems": view.shows_allocated if tells_more else None,
        "workViewID": view.id,
        "creationDate": view.created,
        "modificationDate": view.modified,
    }
