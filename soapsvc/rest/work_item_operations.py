"""Work items as resources: created, looked at, waited for, listed."""

import time
from collections.abc import Callable
from typing import Annotated

import msgspec
from msgspec import Meta

from soapsvc.domain.errors import InvalidRequest, TooManyWaiting, UnknownEntity
from soapsvc.domain.list_view import Criteria, Shows
from soapsvc.domain.work_item import WorkItem
from soapsvc.rest import payloads, problems
from soapsvc.rest.conditions import is_unchanged
from soapsvc.rest.operations import Answer, Call, answer, with_headers
from soapsvc.rest.problems import HttpProblem
from soapsvc.rest.representations import shown_item
from soapsvc.storage.database import InTenancy
from soapsvc.storage.transaction import Transaction
from soapsvc.storage.waiters import Waiters
from soapsvc.usecases import versions, work_lists
from soapsvc.usecases.versions import NewVersionedItem
from soapsvc.usecases.work_lists import MINE, Paging, Whose

DEFAULT_LIMIT = 100
LONGEST_LIMIT = 10_000
_CURSOR = "^[A-Za-z0-9_=-]*$"


class WaitQuery(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, rename="camel"):
    """What to wait for."""

    after_version: Annotated[int, Meta(ge=0, lt=10**18, description="Answer once the version is higher.")] | None = None
    wait: Annotated[int, Meta(ge=0, le=600, description="For at most so many seconds.")] | None = None


class ListQuery(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, rename="camel"):
    """Which items, in which order, and which page of them."""

    filter: Annotated[str, Meta(max_length=3_000, description="A condition of the language of work lists.")] = ""
    order: Annotated[str, Meta(max_length=500, description="An order of the language of work lists.")] = ""
    limit: Annotated[int, Meta(ge=1, le=LONGEST_LIMIT, description="The most items of a page.")] = DEFAULT_LIMIT
    cursor: (
        Annotated[str, Meta(max_length=4_000, pattern=_CURSOR, description="The nextCursor of the page before.")] | None
    ) = None


def create_at(tx: Transaction, call: Call) -> Answer:
    """Create a work item of the client's GUID."""
    if call.condition.if_match is not None or call.none_match is not None:
        _check_conditions_of_creation(tx, call)
    return _created(tx, call, call.item)


def create(tx: Transaction, call: Call) -> Answer:
    """Create a work item."""
    return _created(tx, call, None)


async def show(call: Call) -> Answer:
    """Show a work item at once, or when it has changed."""
    after, seconds = call.query.after_version, _seconds(call)

    def is_known(item: WorkItem) -> bool:
        return is_unchanged(call.none_match, item.version) if after is None else item.version <= after

    item, waiters = await _looked(call)
    if is_known(item) and seconds:
        item = await _changed(call, item, waiters, is_known, time.monotonic() + seconds)
    if is_known(item):
        shown = Answer(status=304 if after is None else 204, headers={"etag": f'"{item.version}"'})
    else:
        shown = answer(shown_item(item, call.services.urls), version=item.version)
    more = {"preference-applied": f"wait={seconds}"} if after is None and seconds else {}
    if waiters.is_closed:  # who asks again when the service is about to stop shall come to another one
        more["connection"] = "close"
    return with_headers(shown, vary="Prefer", **more)


def list_own(tx: Transaction, call: Call) -> Answer:
    """Show a page of what stands in the caller's list."""
    return _listed(tx, call, MINE)


def list_of_group(tx: Transaction, call: Call) -> Answer:
    """Show a page of what stands in a group's list."""
    try:
        return _listed(tx, call, Whose(shows=Shows.ENTITY, guid=call.entity("workGroupId")))
    except UnknownEntity as error:
        raise HttpProblem(problems.NOT_FOUND, str(error)) from None


def _created(tx: Transaction, call: Call, guid: str | None) -> Answer:
    body: payloads.NewWorkItem = call.body
    new = NewVersionedItem(
        name=body.name,
        description=body.description,
        work_group=body.work_group_id,
        template_package_id=body.template_package_id,
        work_type_id=body.work_type_id,
        answers=body.answers,
    )
    item = versions.create_work_item(tx, call.caller, guid, new)
    shown = shown_item(item, call.services.urls)
    return answer(shown, status=201, version=item.version, location=shown.url)


def _check_conditions_of_creation(tx: Transaction, call: Call) -> None:
    """Raise HttpProblem where If-Match wants an item to be there, or If-None-Match wants none and there is one."""
    exists = versions.exists(tx, call.item)
    if call.condition.if_match is not None and not exists:
        raise HttpProblem(problems.PRECONDITION_FAILED, "There is no work item of this GUID that If-Match could match")
    if exists and call.none_match is not None and call.none_match.is_any:
        raise HttpProblem(problems.PRECONDITION_FAILED, "There is a work item of this GUID already")


def _seconds(call: Call) -> int:
    """Say how long to wait: as the query wants it, or as a client that has a version prefers."""
    most = call.services.lists.wait_seconds
    if call.query.wait is not None:
        if call.query.after_version is None:
            raise InvalidRequest("With wait comes afterVersion")
        if call.query.wait > most:
            raise InvalidRequest(f"Nobody waits for more than {most} seconds")
        return int(call.query.wait)
    if call.query.after_version is not None or call.none_match is None:
        return 0
    return min(call.preferences.wait or 0, most)


async def _looked(call: Call) -> tuple[WorkItem, Waiters]:
    """Look at an item, and say with whom to wait for its change."""

    def look(tx: Transaction) -> tuple[WorkItem, Waiters]:
        return versions.get_work_item(tx, call.caller, call.item, call.version(tx)), tx.memory.memories.items

    return await InTenancy(call.services.database, call.caller.tenancy).seen(look)


async def _changed(
    call: Call, item: WorkItem, waiters: Waiters, is_known: Callable[[WorkItem], bool], until: float
) -> WorkItem:
    """Give the item when it has changed, or as it is when the time is over. Raises TooManyWaiting."""
    with waiters.place(str(item.id)) as waiter:
        if waiter is None and not waiters.is_closed:
            raise TooManyWaiting
        item, _ = await _looked(call)  # it may have changed before there was the place
        while waiter is not None and is_known(item) and not waiters.is_closed:
            is_told = await waiter.wait(max(0.0, until - time.monotonic()))
            item, _ = await _looked(call)
            if not is_told:
                break
    return item


def _listed(tx: Transaction, call: Call, whose: Whose) -> Answer:
    query: ListQuery = call.query
    limits = call.services.lists
    paging = Paging(most=min(query.limit, limits.page_items), with_total=False, cursor=query.cursor)
    criteria = Criteria(order=query.order or None, filter=query.filter or None)
    page = work_lists.list_items(tx, call.caller, whose, criteria, paging, limits=limits)
    items = [shown_item(item, call.services.urls) for item in page.items]
    return answer(payloads.WorkItems(items=items, next_cursor=page.next_cursor))
