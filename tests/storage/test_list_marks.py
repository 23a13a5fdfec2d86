"""Marks tell what was seen from what was not, in whatever process: also where those who began first commit last."""

import threading

import pytest

from soapsvc.domain.caller import Caller
from soapsvc.domain.states import Action
from soapsvc.storage import list_marks, work_items
from soapsvc.storage.database import InTenancy, open_database
from soapsvc.storage.list_marks import Point, read_mark
from soapsvc.usecases import allocation, items
from soapsvc.usecases.allocation import Allocation
from soapsvc.usecases.items import ItemReference
from tests.conftest import DEFAULT_TENANCY
from tests.storage.units import DEADLINE


@pytest.fixture
def look(database):
    def run(unit):
        return database.read(unit).result(DEADLINE)

    return run


@pytest.fixture
def take(write, cast):
    """Let ana take an item."""

    def run(item):
        allocations = [Allocation(item=ItemReference(id=item.id))]
        return write(lambda tx: allocation.allocate_items(tx, cast.caller("ana"), allocations))

    return run


def test_a_point_sees_what_was_there_and_not_what_was_going_on_or_came_later():
    point = Point(first=5, end=9, unseen=frozenset({5, 7}))
    assert [change for change in range(1, 12) if point.sees(change)] == [1, 2, 3, 4, 6, 8]


@pytest.mark.parametrize("point", [Point(1, 1, frozenset()), Point(5, 9, frozenset({5, 7}))])
def test_a_mark_is_read_as_it_was_written(point):
    mark = read_mark(f"0123456789abcdef-{point}")
    assert mark is not None
    assert (mark.digest, mark.point) == ("0123456789abcdef", point)


@pytest.mark.parametrize(
    "text",
    ["", "-", "older", "c38875f922a3305e-200", "-1:1", "-1:1:,", "-1:1:5,", "-1:1:x", "-²:1:", f"-{'9' * 30}:1:"],
)
def test_what_is_no_mark_is_none(text):
    assert read_mark(text) is None
    assert read_mark("-1:1:" + ",".join(["1"] * 9_000)) is None


def test_the_lists_of_who_holds_and_of_who_was_offered_an_item_have_changed_and_no_others(look, cast, offered, take):
    people = (cast.ana, cast.ben, cast.carl)
    mark = read_mark(look(lambda tx: list_marks.mark_of(tx, ())))
    since = lambda: [look(lambda tx, one=one: list_marks.have_changed(tx, {one.id}, mark)) for one in people]  # noqa: E731
    assert since() == [False, False, False]
    take(offered)
    assert since() == [True, True, False]
    mark = read_mark(look(lambda tx: list_marks.mark_of(tx, ())))
    assert since() == [False, False, False]


def test_while_an_item_is_held_nothing_changes_for_those_who_were_offered_it(look, write, cast, offered, take):
    take(offered)
    mark = read_mark(look(lambda tx: list_marks.mark_of(tx, ())))
    write(lambda tx: bool(items.open_items(tx, cast.caller("ana"), [ItemReference(id=offered.id)])))
    changed = [look(lambda tx, one=one: list_marks.have_changed(tx, {one.id}, mark)) for one in (cast.ana, cast.ben)]
    assert changed == [True, False]


def test_a_mark_of_other_lists_than_now_says_that_they_have_changed(look):
    mark = read_mark(look(lambda tx: list_marks.mark_of(tx, {1, 2})))
    assert look(lambda tx: [list_marks.have_changed(tx, of, mark) for of in ({2, 1}, {1})]) == [False, True]


def test_a_mark_of_a_future_that_was_taken_back_says_that_all_has_changed(look, offered):
    ahead = look(list_marks.here).end + 1
    mark = read_mark(f"-{ahead}:{ahead}:")
    assert look(lambda tx: list_marks.have_changed(tx, {1}, mark)) is True


def test_more_changes_than_are_looked_at_may_be_of_any_list(look, new_item, cast, monkeypatch):
    mark = read_mark(look(lambda tx: list_marks.mark_of(tx, ())))
    monkeypatch.setattr(list_marks, "MOST_CHANGES", 2)
    new_item(), new_item()
    changed = lambda tx: list_marks.have_changed(tx, {cast.carl.id}, mark)  # noqa: E731
    assert look(changed) is False
    new_item()
    assert look(changed) is True


def test_what_was_changed_anywhere_is_told_from_look_to_look(look, new_item, cast):
    first, lists = look(lambda tx: list_marks.changed_anywhere(tx, None))
    assert lists is None
    new_item()
    second, lists = look(lambda tx: list_marks.changed_anywhere(tx, first))
    assert lists == {cast.ana.id, cast.ben.id}
    assert look(lambda tx: list_marks.changed_anywhere(tx, second)) == (second, frozenset())


@pytest.mark.parametrize("kind", ["postgresql"])
def test_a_change_that_began_before_the_mark_and_was_committed_after_it_is_not_passed_over(
    database, database_url, look, cast, new_item
):
    """Though one that began later was committed, and seen, before."""
    slow, quick = new_item(), new_item()
    other = open_database(database_url)
    has_written, may_commit = threading.Event(), threading.Event()

    def change(tx, item):
        before = work_items.get(tx, item.id)
        work_items.save(tx, before, before.allocated(to=cast.carl), action=Action.ALLOCATE, by=cast.carl)

    def linger(tx):
        change(tx, slow)
        has_written.set()
        assert may_commit.wait(DEADLINE)

    lingering = InTenancy(other, DEFAULT_TENANCY).write(linger)
    assert has_written.wait(DEADLINE)
    database.write(lambda tx: change(tx, quick)).result(DEADLINE)
    caller = Caller(person=cast.carl, tenancy=DEFAULT_TENANCY)
    text = look(lambda tx: list_marks.mark_of(tx, ()))
    changed = lambda: look(lambda tx: list_marks.have_changed(tx, {caller.person.id}, read_mark(text)))  # noqa: E731
    assert changed() is False
    may_commit.set()
    lingering.result(DEADLINE)
    assert changed() is True
    other.close()
