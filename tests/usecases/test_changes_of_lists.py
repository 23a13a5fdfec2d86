"""Which lists have changed since a mark."""

import pytest

from soapsvc.domain.caller import Caller
from soapsvc.domain.errors import (
    UnknownWorkItem,
)
from soapsvc.domain.list_view import Criteria
from soapsvc.domain.organisation_model import OrganisationModel
from soapsvc.usecases import allocation, items, organisation, work_lists
from soapsvc.usecases.allocation import Allocation
from soapsvc.usecases.work_lists import MINE, ListLimits
from tests.conftest import DEFAULT_TENANCY
from tests.support.listing import ANA, BEN, COMPANY, EVERYTHING, OTHERS, it


@pytest.fixture
def changed(database):
    """Say whose lists have changed since a mark, whosesoever list it is of."""

    def since(mark: str, *people_) -> list[bool]:
        mark = mark[mark.index("-") :]
        return [database.read(lambda tx, one=one: watched(tx, one, mark)).result(10) for one in people_]

    return since


def test_a_change_is_one_of_every_list_that_an_item_stood_or_stands_in(write, cast, make, listed, changed):
    item = make("ana", "ben")
    mark = listed("GUID-of-ana").change_mark
    assert changed(mark, cast.ana, cast.ben, cast.carl) == [False, False, False]
    write(lambda tx: allocation.allocate_items(tx, cast.caller("ana"), [Allocation(item=it(item))]))
    assert changed(mark, cast.ana, cast.ben, cast.carl) == [True, True, False]
    mark = listed("GUID-of-ana").change_mark
    write(lambda tx: _open_held(tx, cast.caller("ana"), item))
    assert changed(mark, cast.ana, cast.ben, cast.carl) == [True, False, False]


def _open_held(tx, caller, item):
    items.open_items(tx, caller, [it(item)])


def test_what_is_taken_back_changes_no_list(write, cast, make, listed, changed):
    item = make("ana")
    mark = listed("GUID-of-ana").change_mark
    batch = [Allocation(item=it(item)), Allocation(item=it(item + 1))]
    with pytest.raises(UnknownWorkItem):
        write(lambda tx: allocation.allocate_items(tx, cast.caller("ana"), batch))
    assert changed(mark, cast.ana) == [False]


def watched(tx, one, mark) -> bool:
    return work_lists.watched(tx, Caller(person=one, tenancy=DEFAULT_TENANCY), None, mark).has_changed


def test_a_change_of_the_organisation_is_one_of_the_lists_that_it_makes_others(company, database, write, cast, listed):
    marks = {one: listed(one.guid).change_mark for one in (cast.ana, cast.carl)}
    write(lambda tx: organisation.load(tx, OrganisationModel(entities=(COMPANY, ANA, BEN, *OTHERS), links=frozenset())))
    told = [
        database.read(lambda tx, one=one, mark=mark: watched(tx, one, mark)).result(10) for one, mark in marks.items()
    ]
    assert told == [True, False]


def test_a_mark_never_says_more_than_its_answer_shows(database, write, cast, make, changed):
    """What is committed while an answer is made, and is not in it, counts as a change after it."""
    make("ana")

    def read(tx):
        args = (tx, cast.caller("ana"), MINE, Criteria(), EVERYTHING)
        before = work_lists.list_items(*args, limits=ListLimits())
        make("ana")
        return before, work_lists.list_items(*args, limits=ListLimits())

    before, after = database.read(read).result(10)
    assert len(before.items) == len(after.items) == 1
    assert changed(after.change_mark, cast.ana) == [True]
