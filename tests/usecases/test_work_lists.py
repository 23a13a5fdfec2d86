"""Lists hold what is offered and held, page by page, whatever comes and goes; what is expected is the contract's."""

import contextlib
import random
import threading
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from soapsvc.domain.caller import Caller, SystemAction
from soapsvc.domain.errors import (
    InvalidFilter,
    InvalidOrder,
    InvalidRequest,
    NotAllowed,
    UnknownEntity,
    UnknownWorkItem,
    WorkItemServiceError,
)
from soapsvc.domain.list_view import Criteria, Shows
from soapsvc.domain.organisation import EntityType
from soapsvc.domain.organisation_model import Link, ModelEntity, OrganisationModel
from soapsvc.domain.schedule import Duration, Period, Schedule
from soapsvc.domain.states import State
from soapsvc.domain.work_item import Distribution, NewWorkItem
from soapsvc.domain.work_list import DEFAULT_ORDER, sort_key, values_of_item
from soapsvc.list_language import parse_order
from soapsvc.storage import list_criteria, work_items
from soapsvc.storage.list_tables import list_entry
from soapsvc.usecases import allocation, completion, items, organisation, scheduling, work_lists
from soapsvc.usecases.access import ItemReference
from soapsvc.usecases.allocation import Allocation, Reallocation
from soapsvc.usecases.work_lists import ALL, DEFAULT_LIMITS, MINE, ListLimits, Paging, Whose
from tests.conftest import DEFAULT_TENANCY, FIELDS
from tests.support.work_lists import LONGEST_FILTERS

NOW = datetime(2026, 11, 22, tzinfo=UTC)
T = EntityType
COMPANY = ModelEntity(type=T.ORGANIZATION, name="Company", guid="GUID-of-Company")
UNIT = ModelEntity(type=T.ORGANIZATIONAL_UNIT, name="Unit", guid="GUID-of-Unit")
CLERKS = ModelEntity(type=T.GROUP, name="Clerks", guid="GUID-of-Clerks")
POSITION = ModelEntity(type=T.POSITION, name="Head", guid="GUID-of-Head")
ANA, BEN = (ModelEntity(type=T.RESOURCE, name=name, guid=f"GUID-of-{name}") for name in ("ana", "ben"))
OTHERS = tuple(ModelEntity(type=T.RESOURCE, name=name, guid=f"GUID-of-{name}") for name in ("carl", "supervisor"))
# ana is among the clerks and in the position, ben among the clerks; the group and the position are in the unit.
MODEL = OrganisationModel(
    entities=(COMPANY, UNIT, CLERKS, POSITION, ANA, BEN, *OTHERS),
    links=frozenset(
        Link(above.key, below.key)
        for above, below in (
            (COMPANY, UNIT), (UNIT, CLERKS), (UNIT, POSITION), (CLERKS, ANA), (CLERKS, BEN), (POSITION, ANA),
        )
    ),
)  # fmt: skip
IN = {  # whose offers each of them is reached by
    "GUID-of-ana": {"GUID-of-ana", "GUID-of-Clerks", "GUID-of-Head", "GUID-of-Unit", "GUID-of-Company"},
    "GUID-of-ben": {"GUID-of-ben", "GUID-of-Clerks", "GUID-of-Unit", "GUID-of-Company"},
    "GUID-of-carl": {"GUID-of-carl"},
    "GUID-of-Clerks": {"GUID-of-Clerks", "GUID-of-Unit", "GUID-of-Company"},
    "GUID-of-Unit": {"GUID-of-Unit", "GUID-of-Company"},
}
EVERYTHING = Paging(most=1000)


@pytest.fixture
def company(write):
    """Put ana and ben into an organisation."""
    write(lambda tx: organisation.load(tx, MODEL))


@pytest.fixture
def make(write):
    def item(*offered_to: str, **properties: object) -> int:
        new = NewWorkItem(**({"name": "Review claim"} | properties))
        return write(lambda tx: scheduling.create_item(tx, new, FIELDS, offered_to or ("ana",))).id

    return item


@pytest.fixture
def listed(database, cast):
    """Read a list as the supervisor, who may see all of them, or as somebody else."""

    def read(
        whose: Whose | str = MINE, *, as_: str = "supervisor", limits=DEFAULT_LIMITS, paging=EVERYTHING, **criteria
    ):
        asked = Whose(shows=Shows.ENTITY, guid=whose) if isinstance(whose, str) else whose
        unit = lambda tx: work_lists.list_items(  # noqa: E731
            tx, cast.caller(as_), asked, Criteria(**criteria), paging, limits=limits
        )
        return database.read(unit).result(10)

    return read


def ids(page) -> list[int]:
    return [item.id for item in page.items]


def it(item_id: int) -> ItemReference:
    return ItemReference(id=item_id)


# Who stands where


def test_a_list_has_what_is_offered_directly_or_through_groups_positions_and_units(company, make, listed):
    made = {name: make(name) for name in ("ana", "Clerks", "Head", "Unit", "ben", "carl")}
    assert set(ids(listed("GUID-of-ana"))) == {made[name] for name in ("ana", "Clerks", "Head", "Unit")}
    assert set(ids(listed("GUID-of-ben"))) == {made[name] for name in ("ben", "Clerks", "Unit")}
    assert set(ids(listed("GUID-of-Clerks"))) == {made["Clerks"], made["Unit"]}
    assert ids(listed("GUID-of-carl")) == [made["carl"]]
    assert set(ids(listed(ALL))) == set(made.values())


def test_an_item_that_reaches_somebody_in_several_ways_stands_in_his_list_once(company, make, listed):
    once = make("ana", "Clerks", "Unit", "carl")
    for whose in ("GUID-of-ana", "GUID-of-ben", "GUID-of-carl", "GUID-of-Unit", ALL):
        page = listed(whose)
        assert (ids(page), page.total) == ([once], -1 if whose is ALL else 1)


def test_who_takes_an_item_has_it_and_nobody_else_until_he_gives_it_back(company, write, cast, make, listed):
    item = make("Clerks", "carl")
    write(lambda tx: allocation.allocate_items(tx, cast.caller("ana"), [Allocation(item=it(item))]))
    assert [ids(listed(f"GUID-of-{name}")) for name in ("ana", "ben", "carl", "Clerks")] == [[item], [], [], []]
    assert ids(listed(ALL)) == [item]
    allocated = {name: listed(Whose(shows=Shows.ENTITY, guid=f"GUID-of-{name}", allocated=True)) for name in
                 ("ana", "ben", "carl", "Clerks", "Unit")}  # fmt: skip
    assert {name: ids(page) for name, page in allocated.items()} == {
        "ana": [item], "ben": [], "carl": [], "Clerks": [item], "Unit": [],
    }  # fmt: skip

    write(lambda tx: allocation.reallocate_items(
        tx, cast.caller("supervisor"), [Reallocation(item=it(item), resource="ben")]))  # fmt: skip
    assert [ids(listed(f"GUID-of-{name}")) for name in ("ana", "ben", "carl")] == [[], [item], []]
    write(lambda tx: allocation.unallocate_items(tx, cast.caller("ben"), [it(item)]))
    assert [ids(listed(f"GUID-of-{name}")) for name in ("ana", "ben", "carl", "Clerks")] == [[item]] * 4


def test_an_item_that_one_of_its_offer_set_gives_back_stands_in_the_list_of_all_once(write, cast, make, listed):
    item = make("ana", "ben", "carl")
    for taker in ("carl", "ben", "ana"):
        write(lambda tx, who=taker: allocation.allocate_items(tx, cast.caller(who), [Allocation(item=it(item))]))
        assert (ids(listed(ALL)), ids(listed(f"GUID-of-{taker}"))) == ([item], [item])
        write(lambda tx, who=taker: allocation.unallocate_items(tx, cast.caller(who), [it(item)]))
        assert ids(listed(ALL)) == [item]
        assert [ids(listed(f"GUID-of-{name}")) for name in ("ana", "ben", "carl")] == [[item]] * 3


def _open(tx, caller, item):
    allocation.allocate_and_open_items(tx, caller, [Allocation(item=it(item))])


@pytest.mark.parametrize(
    ("state", "is_listed", "is_visible"),
    [
        ("CREATED", False, False), ("CREATED, SUSPENDED", False, False), ("OFFERED", True, True),
        ("OFFERED, SUSPENDED", True, False), ("ALLOCATED", True, True), ("OPENED", True, True), ("PENDED", True, True),
        ("PENDHIDDEN", True, False), ("OPENED, SUSPENDED", True, False), ("OPENED, CANCELLED", True, False),
        ("OPENED, CANCELLED, closed", False, False), ("OFFERED, CANCELLED", False, False), ("COMPLETED", False, False),
    ],
)  # fmt: skip
def test_a_state_decides_whether_an_item_is_listed_and_visible(state, is_listed, is_visible, write, cast, make, listed):
    """The contract's states: what is not enabled stands nowhere, what is cancelled until it is put away."""
    ana, boss = cast.caller("ana"), cast.caller("supervisor")
    start, *then = state.split(", ")
    item = make("ana", is_enabled=start != "CREATED")
    opened = {"OPENED", "PENDED", "PENDHIDDEN", "COMPLETED"}
    if start == "ALLOCATED":
        write(lambda tx: allocation.allocate_items(tx, ana, [Allocation(item=it(item))]))
    if start in opened:
        write(lambda tx: _open(tx, ana, item))
    if start in {"PENDED", "PENDHIDDEN"}:
        hidden = Period(duration=Duration(hours=2)) if start == "PENDHIDDEN" else Period()
        write(lambda tx: items.close_items(tx, ana, [items.Close(item=it(item), hidden=hidden)]))
    if start == "COMPLETED":
        write(lambda tx: _complete(tx, ana, item))
    if "SUSPENDED" in then:
        write(lambda tx: scheduling.suspend_item(tx, boss, it(item)))
    if "CANCELLED" in then:
        write(lambda tx: scheduling.cancel_item(tx, boss, it(item)))
    if "closed" in then:
        write(lambda tx: items.close_items(tx, ana, [items.Close(item=it(item))]))

    page = listed("GUID-of-ana")
    assert ids(page) == ([item] if is_listed else [])
    assert [one.visible for one in page.items] == ([is_visible] if is_listed else [])
    assert ids(listed("GUID-of-ana", filter="visible=TRUE")) == ([item] if is_listed and is_visible else [])


def _complete(tx, caller, item):
    return completion.complete_item(tx, caller, it(item), ())


def test_a_row_has_the_version_that_is_stored_and_no_data(write, cast, make, listed, stored):
    item = make("ana")
    write(lambda tx: _open(tx, cast.caller("ana"), item))
    (row,) = listed("GUID-of-ana").items
    assert row.with_changes(fields=stored(item).fields) == stored(item)
    assert (row.version, row.fields) == (1, ())


# Who may


def test_ones_own_list_and_those_of_what_one_is_in_are_open_and_others_are_not(company, cast, make, listed):
    for whose in (MINE, "GUID-of-ana", "guid-OF-ana", "GUID-of-Clerks", "GUID-of-Head", "GUID-of-Unit"):
        listed(whose, as_="ana")
    for whose in ("GUID-of-ben", "GUID-of-carl", "nobody", ALL):
        with pytest.raises(NotAllowed):
            listed(whose, as_="ana")
    with pytest.raises(UnknownEntity):
        listed("nobody")


def test_a_grant_to_view_lists_is_not_one_to_view_that_of_all(grant, cast, listed):
    grant(cast.carl, SystemAction.VIEW_WORK_LIST)
    listed("GUID-of-ana", as_="carl")
    with pytest.raises(NotAllowed):
        listed(ALL, as_="carl")
    grant(cast.carl, SystemAction.VIEW_GLOBAL_WORK_LIST)
    listed(ALL, as_="carl")


# Order and pages


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


# Against a plain model


ACTIONS = ("allocate", "open", "close", "hide", "unallocate", "suspend", "resume", "cancel", "complete", "give")


@settings(max_examples=12, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(seed=st.integers(0, 2**32))
def test_after_any_operations_every_list_is_what_plain_python_makes_of_the_items(
    seed, company, write, cast, make, listed, database
):
    luck = random.Random(seed)
    everybody = ("ana", "ben", "carl", "Clerks", "Head", "Unit")
    made = {}
    for _ in range(6):
        offered = luck.sample(everybody, luck.randint(1, 3))
        made[make(*offered, is_enabled=luck.random() < 0.8)] = {f"GUID-of-{name}" for name in offered}
    for _ in range(15):
        act, item, who = luck.choice(ACTIONS), luck.choice(list(made)), luck.choice(("ana", "ben", "carl"))
        with contextlib.suppress(WorkItemServiceError):  # most are refused, and change nothing
            write(lambda tx, act=act, item=item, who=who: _act(tx, cast, act, item, who))
    items_now = {one: database.read(lambda tx, i=one: work_items.get(tx, i)).result(10) for one in made}
    for guid, reached_by in IN.items():
        expected = {
            one
            for one, item in items_now.items()
            if item.stands_in_lists
            and (item.owner.guid == guid if item.owner else not made[one].isdisjoint(reached_by))
        }
        page = listed(guid)
        assert set(ids(page)) & set(made) == expected
        assert len(ids(page)) == len(set(ids(page))) == page.total
    ranks = database.read(lambda tx: tx.connection.execute(list_entry.select()).all()).result(10)
    for one in made:
        rows = sorted((row.entity_id, row.rank, row.state, row.priority) for row in ranks if row.work_item_id == one)
        assert [rank for _, rank, _, _ in rows] == list(range(len(rows)))
        assert {(state, priority) for _, _, state, priority in rows} <= {
            (items_now[one].state, items_now[one].priority)
        }


def _act(tx, cast, act: str, item: int, who: str) -> None:
    caller, boss = cast.caller(who), cast.caller("supervisor")
    hidden = Period(duration=Duration(hours=2))
    {
        "allocate": lambda: allocation.allocate_items(tx, caller, [Allocation(item=it(item))]),
        "open": lambda: allocation.allocate_and_open_items(tx, caller, [Allocation(item=it(item))]),
        "close": lambda: items.close_items(tx, caller, [items.Close(item=it(item))]),
        "hide": lambda: items.close_items(tx, caller, [items.Close(item=it(item), hidden=hidden)]),
        "unallocate": lambda: allocation.unallocate_items(tx, caller, [it(item)]),
        "suspend": lambda: scheduling.suspend_item(tx, boss, it(item)),
        "resume": lambda: scheduling.resume_item(tx, boss, it(item)),
        "cancel": lambda: scheduling.cancel_item(tx, boss, it(item)),
        "complete": lambda: _complete(tx, caller, item),
        "give": lambda: allocation.reallocate_items(tx, boss, [Reallocation(item=it(item), resource=who)]),
    }[act]()


# The next item


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


def test_an_item_that_was_allocated_when_it_was_made_stands_in_its_owners_list_alone(write, listed):
    new = NewWorkItem(name="Yours", distribution=Distribution.ALLOCATE)
    item = write(lambda tx: scheduling.create_item(tx, new, FIELDS, ("ben",)))
    assert (ids(listed("GUID-of-ben")), ids(listed("GUID-of-ana"))) == ([item.id], [])


def test_a_list_shows_what_was_just_written(listed, make):
    for n in range(20):
        item = make()
        assert len(ids(listed("GUID-of-ana"))) == n + 1
        assert item in ids(listed("GUID-of-ana"))


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


# What has changed


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
