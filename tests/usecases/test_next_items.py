"""The next item of a list: by whose criteria, for how many at once, and without reading all of the list."""

import threading

import pytest

from soapsvc.domain.errors import (
    InvalidFilter,
    NotAllowed,
    UnknownEntity,
)
from soapsvc.domain.list_view import Criteria
from soapsvc.domain.work_list import DEFAULT_ORDER
from soapsvc.storage import list_criteria, standing
from soapsvc.storage import work_lists as stored_lists
from soapsvc.storage.work_lists import Listing, Place, Scope
from soapsvc.usecases import allocation, work_lists
from tests.support.listing import NOW


def test_the_next_item_goes_by_the_criteria_that_were_set_for_the_resource(write, cast, make):
    urgent, other = make(priority=1), make(priority=90)
    boss = cast.caller("supervisor")
    criteria = Criteria(order="priority DESC")
    write(lambda tx: work_lists.set_criteria(tx, boss, "ana", criteria))
    assert write(lambda tx: work_lists.criteria_of(tx, cast.caller("ana"), "ana")) == criteria
    opened = write(lambda tx: allocation.allocate_and_open_next_item(tx, cast.caller("ana"), "ana", None))
    assert opened.id == other
    write(lambda tx: work_lists.set_criteria(tx, boss, "ana", Criteria(filter="priority = 2")))
    with pytest.raises(Exception, match="no more work items"):
        write(lambda tx: allocation.allocate_and_open_next_item(tx, cast.caller("ana"), "ana", None))
    write(lambda tx: work_lists.set_criteria(tx, boss, "ana", Criteria()))
    assert write(lambda tx: allocation.allocate_and_open_next_item(tx, cast.caller("ana"), "ana", None)).id == urgent


def test_criteria_are_set_by_who_was_granted_it_and_read_by_who_may_see_the_list(write, cast):
    with pytest.raises(NotAllowed):
        write(lambda tx: work_lists.set_criteria(tx, cast.caller("ana"), None, Criteria()))
    with pytest.raises(NotAllowed):
        write(lambda tx: work_lists.criteria_of(tx, cast.caller("ana"), "ben"))
    with pytest.raises(InvalidFilter):
        write(lambda tx: work_lists.set_criteria(tx, cast.caller("supervisor"), "ana", Criteria(filter="x")))
    with pytest.raises(UnknownEntity):
        write(lambda tx: work_lists.criteria_of(tx, cast.caller("supervisor"), "nobody"))


@pytest.mark.parametrize("kind", ["postgresql"])
@pytest.mark.parametrize(
    "criteria", [Criteria(), Criteria(filter="description!='x' AND priority>1", order="priority DESC")]
)
def test_many_who_take_the_next_item_at_once_get_different_ones_and_none_waits(database, write, cast, make, criteria):
    """Whatever their lists are filtered by."""
    wanted = {make("ana", "ben", description="y", priority=50 + n) for n in range(4)}
    write(lambda tx: [list_criteria.put(tx, one, criteria) for one in (cast.ana, cast.ben)])
    all_have = threading.Barrier(4)

    def take(tx, caller):
        item = allocation.allocate_and_open_next_item(tx, caller, caller.person.guid, None)
        all_have.wait(10)  # everybody has one before anybody commits
        return item.id

    taken = [database.write(lambda tx, who=who: take(tx, cast.caller(who))) for who in ("ana", "ben") * 2]
    assert {one.result(20) for one in taken} == wanted


@pytest.mark.parametrize("kind", ["postgresql"])
def test_who_finds_that_the_first_items_are_just_being_taken_gets_a_later_one(
    company, database, cast, make, monkeypatch
):
    monkeypatch.setattr(stored_lists, "MOST_PASSED_OVER", 2)
    wanted = {make("Clerks", priority=50 + n) for n in range(4)}
    all_have = threading.Barrier(4)

    def take(tx):
        item = allocation.allocate_and_open_next_item(tx, cast.caller("ana"), "ana", None)
        all_have.wait(10)
        return item.id

    taken = [database.write(take) for _ in wanted]
    assert {one.result(20) for one in taken} == wanted


# How they are found


def by_index(tx):
    """Have PostgreSQL use its indexes, also where a list is short."""
    if tx.dialect.name == "postgresql":
        for way in ("seqscan", "bitmapscan"):
            tx.connection.exec_driver_sql(f"SET LOCAL enable_{way} = off")


def everything_of(tx, one) -> Listing:
    return Listing(scope=Scope.OWN, entities=sorted(standing.of(tx, one).entities))


def plan_of_next(tx, one):
    by_index(tx)
    return stored_lists.plan_of_next(tx, everything_of(tx, one), condition=None, order=DEFAULT_ORDER)


def plan_of_page(tx, one):
    by_index(tx)
    where = {"condition": None, "order": DEFAULT_ORDER, "place": Place(behind=(NOW, 1, 1))}
    return stored_lists.plan_of_page(tx, everything_of(tx, one), most=100, **where)


def sorts(plan) -> int:
    """How often rows are put into an order that they are not read in."""
    steps = [line.strip().removeprefix("->  ") for line in plan]
    return sum("TEMP B-TREE" in step or (step.startswith("Sort") and not step.startswith("Sort Key")) for step in steps)


def test_the_next_item_is_the_first_that_an_index_leads_to_however_long_the_lists_are(company, write, cast, kind):
    plan = write(lambda tx: plan_of_next(tx, cast.ana))
    assert sorts(plan) == 0, plan
    assert not any("SCAN list_entry" in line or "Seq Scan" in line for line in plan)
    assert any(("MERGE" if kind == "sqlite" else "Merge Append") in line for line in plan)


def test_a_page_in_the_default_order_is_read_from_where_it_begins(company, write, cast, kind):
    plan = write(lambda tx: plan_of_page(tx, cast.ana))
    assert sorts(plan) == 1, "its own rows alone are put into order"
    assert any(("MERGE" if kind == "sqlite" else "Merge Append") in line for line in plan)
    beginning = "SEARCH list_entry USING PRIMARY KEY (entity_id=? AND (due,priority,work_item_id)>(?,?,?))"
    if kind == "sqlite":
        assert beginning in plan, plan
    else:
        assert any("ROW(due, priority, work_item_id) > ROW(" in line and "Index Cond" in line for line in plan), plan
