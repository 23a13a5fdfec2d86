"""Lists hold what is offered and held, whatever comes and goes; what is expected is the contract's."""

import contextlib
import random

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from soapsvc.domain.caller import SystemAction
from soapsvc.domain.errors import (
    NotAllowed,
    UnknownEntity,
    WorkItemServiceError,
)
from soapsvc.domain.list_view import Shows
from soapsvc.domain.schedule import Duration, Period, Schedule
from soapsvc.domain.work_item import Distribution, NewWorkItem
from soapsvc.storage import work_items
from soapsvc.storage.list_tables import list_entry
from soapsvc.usecases import allocation, completion, items, scheduling
from soapsvc.usecases.allocation import Allocation, Reallocation
from soapsvc.usecases.work_lists import ALL, MINE, Whose
from tests.conftest import FIELDS
from tests.support.listing import IN, NOW, ids, it

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


def test_an_item_keeps_its_place_in_lists_whatever_its_priority_and_its_end_are(write, cast, make, listed):
    made = [make("ana", priority=70, schedule=Schedule(end=NOW)), make("ben", "carl", priority=7)]
    supervisor = cast.caller("supervisor")
    both = [Allocation(item=it(made[0]), resource="ana"), Allocation(item=it(made[1]), resource="carl")]
    write(lambda tx: allocation.allocate_items(tx, supervisor, both))
    assert [ids(listed(f"GUID-of-{name}")) for name in ("ana", "ben", "carl")] == [made[:1], [], made[1:]]
    raised = [items.PriorityChange(item=it(one), absolute=9) for one in made]
    write(lambda tx: items.set_priorities(tx, supervisor, raised))
    assert ids(listed(ALL, filter="priority=9")) == made
    write(lambda tx: allocation.unallocate_items(tx, supervisor, [it(one) for one in made]))
    assert [ids(listed(f"GUID-of-{name}")) for name in ("ana", "ben", "carl")] == [made[:1], made[1:], made[1:]]


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


def test_an_item_that_was_allocated_when_it_was_made_stands_in_its_owners_list_alone(write, listed):
    new = NewWorkItem(name="Yours", distribution=Distribution.ALLOCATE)
    item = write(lambda tx: scheduling.create_item(tx, new, FIELDS, ("ben",)))
    assert (ids(listed("GUID-of-ben")), ids(listed("GUID-of-ana"))) == ([item.id], [])


def test_a_list_shows_what_was_just_written(listed, make):
    for n in range(20):
        item = make()
        assert len(ids(listed("GUID-of-ana"))) == n + 1
        assert item in ids(listed("GUID-of-ana"))


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
