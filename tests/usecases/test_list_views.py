"""Views of lists: who may see, use and edit them, and that nobody edits what somebody else has locked."""

import pytest

from soapsvc.domain.caller import SystemAction
from soapsvc.domain.errors import (
    InvalidFilter,
    InvalidOrder,
    InvalidRequest,
    NotAllowed,
    UnknownEntity,
    UnknownWorkListView,
    ViewLocked,
)
from soapsvc.domain.list_view import Criteria, Shows
from soapsvc.storage.list_views import Which
from soapsvc.usecases import allocation, list_views
from soapsvc.usecases.list_views import ViewRequest
from soapsvc.usecases.work_lists import ListLimits, Paging

MINE = Criteria(order="priority DESC", filter="priority > 10")


@pytest.fixture
def views(write, cast):
    """Do something to views as somebody."""

    def act(who: str, what, *arguments, **options):
        return write(lambda tx: what(tx, cast.caller(who), *arguments, **options))

    return act


@pytest.fixture
def create(views):
    def make(who: str = "ana", **said) -> int:
        return views(who, list_views.create_view, ViewRequest(**({"name": "Urgent"} | said)))

    return make


@pytest.fixture
def shown(views):
    def names(who: str, which: Which, start: int = 0, most: int = 100) -> list[str]:
        found = views(who, list_views.find_views, which, start=start, most=most, limits=ListLimits())
        return [view.name for view in found]

    return names


@pytest.fixture
def details(views):
    return lambda who, view, lock=False: views(who, list_views.view_details, view, lock=lock)


def test_a_view_is_what_its_maker_said(create, details, cast):
    view = details(
        "ana",
        create(
            "ana", description="What cannot wait", is_public=True, criteria=MINE, shows=Shows.ENTITY,
            entity="guid-of-ANA", authors=["GUID-of-ben"], users=["GUID-of-carl"], custom_data="<a/>",
        ),
    )  # fmt: skip
    assert (view.name, view.description, view.owner, view.is_public) == ("Urgent", "What cannot wait", cast.ana, True)
    assert (view.shows, view.entity, view.criteria, view.custom_data) == (Shows.ENTITY, cast.ana, MINE, "<a/>")
    assert (view.authors, view.users, view.locker) == ((cast.ben,), (cast.carl,), None)
    assert view.created == view.modified


def test_who_is_neither_owner_nor_author_nor_user_is_not_told_that_a_private_view_exists(create, details, views):
    view = create("ana", authors=["GUID-of-ben"])
    for what in (list_views.delete_view, list_views.unlock_view, list_views.take_up_view):
        with pytest.raises(UnknownWorkListView):
            views("carl", what, view)
    with pytest.raises(UnknownWorkListView):
        details("carl", view)
    with pytest.raises(UnknownWorkListView):
        details("carl", view + 1)
    details("ben", view)


def test_who_may_use_a_view_may_not_edit_lock_or_delete_it(create, details, views):
    for view in (create("ana", is_public=True), create("ana", users=["GUID-of-carl"])):
        details("carl", view)
        with pytest.raises(NotAllowed):
            details("carl", view, lock=True)
        for what in (list_views.delete_view, list_views.unlock_view):
            with pytest.raises(NotAllowed):
                views("carl", what, view)
        with pytest.raises(NotAllowed):
            views("carl", list_views.edit_view, view, ViewRequest(name="Mine"))


def test_a_view_is_edited_by_who_has_locked_it_and_is_unlocked_by_that(create, details, views):
    view = create("ana", authors=["GUID-of-ben"], criteria=MINE, description="as it was")
    with pytest.raises(ViewLocked, match="not locked"):
        views("ana", list_views.edit_view, view, ViewRequest(name="New"))
    assert details("ana", view, lock=True).locker.name == "ana"
    assert details("ana", view, lock=True).locker.name == "ana"
    with pytest.raises(ViewLocked, match="somebody else") as told:
        details("ben", view, lock=True)
    assert told.value.parameters == (str(view), "GUID-of-ana")
    for what in (list_views.delete_view, list_views.unlock_view):
        with pytest.raises(ViewLocked):
            views("ben", what, view)
    with pytest.raises(ViewLocked):
        views("ben", list_views.edit_view, view, ViewRequest(name="New"))

    views("ana", list_views.edit_view, view, ViewRequest(name="New", is_public=True))
    now = details("ben", view, lock=True)
    assert (now.name, now.is_public, now.description, now.criteria) == ("New", True, "as it was", MINE)
    assert [author.name for author in now.authors] == ["ben"]
    assert now.modified > now.created
    views("ana", list_views.unlock_view, view)  # as its owner
    views("ben", list_views.delete_view, view)
    with pytest.raises(UnknownWorkListView):
        details("ana", view)


def test_views_are_listed_as_public_editable_and_used(create, shown, views):
    create("ana", name="mine")
    create("ana", name="public", is_public=True)
    create("ana", name="for ben", users=["GUID-of-ben"])
    create("ana", name="with ben", authors=["GUID-of-ben"])
    assert shown("ana", Which.EDITABLE) == ["mine", "public", "for ben", "with ben"] == shown("ana", Which.USED)
    assert shown("ben", Which.EDITABLE) == ["with ben"]
    assert shown("ben", Which.USED) == ["for ben"]
    assert [shown(name, Which.PUBLIC) for name in ("ana", "ben", "carl")] == [["public"]] * 3
    assert shown("ana", Which.USED, start=1, most=2) == ["public", "for ben"]
    assert shown("ana", Which.USED, most=0) == []
    with pytest.raises(InvalidRequest):
        shown("ana", Which.USED, start=-1)


def test_a_public_view_is_taken_up_and_dropped_again(create, shown, views):
    view = create("ana", is_public=True)
    assert shown("ben", Which.USED) == []
    for _ in range(2):
        views("ben", list_views.take_up_view, view)
        assert shown("ben", Which.USED) == ["Urgent"]
    views("ben", list_views.drop_view, view)
    assert shown("ben", Which.USED) == []


def test_a_view_of_no_entity_shows_each_his_own_list(create, views, write, cast, new_item):
    old, new = new_item(priority=20), new_item(priority=30)
    new_item(priority=5)
    write(lambda tx: allocation.allocate_items(tx, cast.caller("ben"), [
        allocation.Allocation(item=allocation.ItemReference(id=old.id))]))  # fmt: skip
    view = create("ana", is_public=True, criteria=MINE)

    def seen(who: str) -> list[int]:
        page = views(who, list_views.list_items_of_view, view, Paging(most=9), allocated=None, limits=ListLimits())
        return [item.id for item in page.items]

    assert (seen("ana"), seen("ben"), seen("carl")) == ([new.id], [new.id, old.id], [])


def test_a_view_does_not_open_a_list_that_its_user_may_not_see(create, views, grant, cast):
    with pytest.raises(NotAllowed):
        create("ana", shows=Shows.ENTITY, entity="GUID-of-carl")
    with pytest.raises(NotAllowed):
        create("ana", shows=Shows.ALL)
    view = create("supervisor", shows=Shows.ENTITY, entity="GUID-of-carl", is_public=True)

    def look(who: str, **options):
        return views(
            who, list_views.list_items_of_view, view, Paging(most=1),
            **({"allocated": None, "limits": ListLimits()} | options),
        )  # fmt: skip

    with pytest.raises(NotAllowed):
        look("ana")
    look("carl")
    grant(cast.ana, SystemAction.VIEW_WORK_LIST)
    look("ana")
    assert look("ana", allocated=True).items == []


@pytest.mark.parametrize(
    ("said", "error"),
    [
        ({"name": " "}, InvalidRequest), ({"name": "n" * 65}, InvalidRequest), ({"name": "a\x00"}, InvalidRequest),
        ({"description": "d" * 256}, InvalidRequest), ({"custom_data": "\ufffe"}, InvalidRequest),
        ({"owner": "nobody"}, UnknownEntity), ({"authors": ["nobody"]}, UnknownEntity),
        ({"users": ["nobody"]}, UnknownEntity), ({"shows": Shows.ENTITY, "entity": "nobody"}, UnknownEntity),
        ({"shows": Shows.ALL, "shows_allocated": True}, InvalidRequest),
        ({"criteria": Criteria(order="name ASC")}, InvalidOrder), ({"criteria": Criteria(filter="(")}, InvalidFilter),
    ],
)  # fmt: skip
def test_what_cannot_be_said_of_a_view_is_refused(said, error, create, everything):
    before = everything()
    with pytest.raises(error):
        create("supervisor", **said)
    assert everything() == before


def test_the_next_item_is_the_first_of_the_view_that_is_named(create, write, cast, new_item):
    low, high = new_item(priority=20), new_item(priority=80)
    view = create("ana", criteria=MINE)
    take = lambda who, one: write(lambda tx: allocation.allocate_and_open_next_item(tx, cast.caller(who), who, one))  # noqa: E731
    with pytest.raises(UnknownWorkListView):
        take("ben", view)
    assert take("ana", view).id == high.id
    assert take("ana", -1).id == low.id
