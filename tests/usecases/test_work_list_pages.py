"""Pages of lists: in their order, from where on, under which filter, and within which limits."""

import random
from datetime import timedelta
from decimal import Decimal

import pytest

from soapsvc.domain.errors import (
    InvalidFilter,
    InvalidOrder,
    InvalidRequest,
)
from soapsvc.domain.list_view import Criteria, Shows
from soapsvc.domain.schedule import Schedule
from soapsvc.domain.states import State
from soapsvc.domain.work_list import DEFAULT_ORDER, sort_key, values_of_item
from soapsvc.list_language import parse_order
from soapsvc.storage import work_items
from soapsvc.usecases import allocation, work_lists
from soapsvc.usecases.allocation import Allocation
from soapsvc.usecases.work_lists import ALL, MINE, ListLimits, Paging, Whose
from tests.support.listing import CLERKS, NOW, ids, it
from tests.support.work_lists import LONGEST_FILTERS


def test_without_an_order_what_ends_first_comes_first_then_the_lower_priority_number_then_the_older(make, listed):
    ends = {name: Schedule(end=NOW + timedelta(days=days)) for name, days in (("soon", 1), ("late", 9))}
    none, late, soon, urgent, older = (
        make(schedule=Schedule()), make(schedule=ends["late"]), make(schedule=ends["soon"]),
        make(schedule=ends["soon"], priority=1), make(schedule=ends["soon"]),
    )  # fmt: skip
    assert ids(listed("GUID-of-ana")) == [urgent, soon, older, late, none]
    assert ids(listed("GUID-of-ana", order="id DESC", filter="priority=50")) == [older, soon, late, none]


@pytest.mark.parametrize(
    ("start", "most", "shown", "end"),
    [
        (0, 3, [0, 1, 2], 2),
        (2, 2, [2, 3], 3),
        (4, 10, [4], 4),
        (5, 10, [], 4),
        (9, 1, [], 8),
        (2**62, 1, [], 2**62 - 1),
    ],
)
def test_a_page_begins_at_its_position_and_ends_where_the_list_does(start, most, shown, end, make, listed):
    made = [make() for _ in range(5)]
    page = listed("GUID-of-ana", paging=Paging(start=start, most=most))
    assert ids(page) == [made[n] for n in shown]
    assert (page.start, page.start + len(page.items) - 1, page.total) == (start, end, 5)


def test_totals_are_told_as_the_contract_says(make, listed):
    cheap = Paging(most=1, with_total=False)
    assert listed("GUID-of-ana", paging=cheap).total == 0
    make()
    assert listed("GUID-of-ana", paging=cheap).total == -1
    assert listed("GUID-of-ana", paging=Paging(start=7, most=1, with_total=False)).total == -1
    assert listed("GUID-of-ana", paging=Paging(most=0)).total == 0
    assert listed("GUID-of-ana", filter="priority=1", paging=cheap).total == 0
    assert [listed(ALL, paging=Paging(most=1)).total, listed(ALL, filter="priority=1").total] == [-1, 0]


@pytest.mark.parametrize("paging", [Paging(start=-1, most=1), Paging(most=-1), Paging(start=-(2**63), most=2**62)])
def test_a_page_that_cannot_be_is_refused(paging, listed):
    with pytest.raises(InvalidRequest):
        listed("GUID-of-ana", paging=paging)


def test_more_than_a_page_may_have_is_refused_only_where_there_is_more(make, listed):
    made = [make() for _ in range(3)]
    many = Paging(most=10**9)
    assert ids(listed("GUID-of-ana", paging=many, limits=ListLimits(page_items=3))) == made
    with pytest.raises(InvalidRequest, match="ask for fewer"):
        listed("GUID-of-ana", paging=many, limits=ListLimits(page_items=2))
    assert len(listed("GUID-of-ana", paging=Paging(most=2), limits=ListLimits(page_items=2)).items) == 2


def test_an_order_or_a_filter_that_cannot_be_read_is_refused(listed):
    with pytest.raises(InvalidFilter):
        listed("GUID-of-ana", filter="priority =")
    with pytest.raises(InvalidOrder):
        listed("GUID-of-ana", order="name ASC")


ORDERS = ("", "priority DESC", "endDate DESC, priority ASC", "attribute1 ASC", "attribute5 DESC", "attribute2 ASC",
          "attribute6 ASC", "appInstance DESC", "distributionStrategy ASC, id DESC", "startDate DESC")  # fmt: skip


@pytest.mark.parametrize("order", ORDERS)
def test_pages_by_cursor_show_each_row_once_in_every_order(order, make, listed):
    luck = random.Random(7)
    for _ in range(25):
        end = Schedule(end=NOW + timedelta(days=luck.randint(1, 3))) if luck.random() < 0.7 else Schedule()
        make(priority=luck.randint(1, 3), attributes=_some_attributes(luck), schedule=end)
    rows = listed("GUID-of-ana", order=order).items
    key = sort_key(parse_order(order) if order else DEFAULT_ORDER)
    assert [row.id for row in rows] == [row.id for row in sorted(rows, key=lambda row: key(values_of_item(row)))]
    seen, cursor = [], None
    for _ in range(30):
        page = listed("GUID-of-ana", order=order, paging=Paging(most=4, cursor=cursor))
        seen += ids(page)
        cursor = page.next_cursor
        if cursor is None:
            break
    assert seen == [row.id for row in rows]


def _some_attributes(luck: random.Random) -> dict[str, object]:
    every = {"attribute1": luck.randint(-2, 2), "attribute2": luck.choice(["a", "B", "ä", ""]),
             "attribute5": Decimal(luck.choice(["-1.5", "0", "0.10", "20"])),
             "attribute6": NOW + timedelta(microseconds=luck.randint(0, 3))}  # fmt: skip
    return {name: value for name, value in every.items() if luck.random() < 0.6}


def test_by_cursor_no_row_that_stays_is_shown_twice_or_passed_over_whatever_comes_and_goes(write, cast, make, listed):
    made = [make(priority=20 + n) for n in range(12)]
    order, most = "priority ASC", 3
    seen: list[int] = []
    page = listed("GUID-of-ana", order=order, paging=Paging(most=most))
    gone: set[int] = set()
    while True:
        seen += ids(page)
        gone |= {seen[0], made[11]}
        # Before and behind the cursor: one comes, one goes.
        make(priority=1)
        for item in (made[len(seen) - 3], made[11]):
            write(lambda tx, item=item: allocation.allocate_items(
                tx, cast.caller("supervisor"), [Allocation(item=it(item), resource="ana")])
                if work_items.get(tx, item).state is State.OFFERED else None)  # fmt: skip
            gone.add(item)
        if page.next_cursor is None:
            break
        page = listed("GUID-of-ana", order=order, filter=None, paging=Paging(most=most, cursor=page.next_cursor))
    stayed = [item for item in made if item not in gone]
    assert [item for item in seen if item in stayed] == stayed
    assert len(seen) == len(set(seen))


@pytest.mark.parametrize("cursor", ["", "x", "ä", "W10=", "WyIiXQ==", "W1tbW1tbW1tb", "A" * 5000, "bnVsbA==", "MQ=="])
def test_a_cursor_that_is_none_is_refused(cursor, make, listed):
    make()
    with pytest.raises(InvalidRequest, match="cursor"):
        listed("GUID-of-ana", paging=Paging(most=1, cursor=cursor))


def test_a_cursor_of_another_list_order_or_filter_is_refused(make, listed):
    make(), make()
    cursor = listed("GUID-of-ana", order="id ASC", filter="priority>1", paging=Paging(most=1)).next_cursor
    paging = Paging(most=1, cursor=cursor)
    assert len(listed("GUID-of-ana", order="id ASC", filter="priority>1", paging=paging).items) == 1
    for whose, criteria in (
        ("GUID-of-ben", {"order": "id ASC", "filter": "priority>1"}),
        ("GUID-of-ana", {"order": "id DESC", "filter": "priority>1"}),
        ("GUID-of-ana", {"order": "id ASC", "filter": "priority>2"}),
    ):
        with pytest.raises(InvalidRequest, match="cursor"):
            listed(whose, paging=paging, **criteria)


def test_columns_are_told_in_their_order_and_as_many_as_are_wanted():
    assert len(work_lists.columns(0)) == 52
    assert [column.name for column in work_lists.columns(3)] == ["id", "name", "description"]
    with pytest.raises(InvalidRequest):
        work_lists.columns(-1)


@pytest.mark.parametrize("text", LONGEST_FILTERS.values(), ids=LONGEST_FILTERS)
def test_a_list_takes_the_longest_filters_that_there_are(database, cast, company, make, text):
    """Whoever asks for the list, and for whatever of it: what a filter is put into has room for it."""
    make("ana", CLERKS.guid, name="x")

    def ask(tx):
        paging = Paging(most=10)
        for who, whose in (("ana", MINE), ("supervisor", ALL)):
            args = (tx, cast.caller(who), whose, Criteria(filter=text), paging)
            first = work_lists.list_items(*args, limits=ListLimits())
            assert len(first.items) <= 1
        held = Whose(shows=Shows.ENTITY, guid="GUID-of-ana", allocated=True)
        work_lists.list_items(tx, cast.caller("supervisor"), held, Criteria(filter=text), paging, limits=ListLimits())
        return work_lists.next_offered(tx, cast.ana, criteria=Criteria(filter=text))

    database.write(ask).result(30)
