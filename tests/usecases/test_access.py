"""Who may, through what he is in: ties and eligibility by groups, units and positions, and grants below a unit."""

from dataclasses import replace

import pytest

from soapsvc.domain.caller import SystemAction
from soapsvc.domain.errors import EntityNotEligible, InvalidWorkItem, NoMoreWorkItems, NotAllowed, UnknownEntity
from soapsvc.domain.organisation_model import Link
from soapsvc.domain.schedule import Duration, Period
from soapsvc.domain.states import State
from soapsvc.domain.work_item import Distribution, NewWorkItem
from soapsvc.domain.work_type import WorkModel, WorkType
from soapsvc.storage import standing
from soapsvc.storage.database import InTenancy, open_database
from soapsvc.storage.memories import Memories
from soapsvc.usecases import allocation, completion, items, lists, organisation, people, scheduling, work_types
from soapsvc.usecases.items import ItemReference
from tests.conftest import DEFAULT_TENANCY
from tests.support.driver import watching
from tests.support.organisations import ANA, FRAUD, insurance

A = SystemAction


@pytest.fixture
def load(write, cast):
    def run(*grants, denied=frozenset()):
        write(lambda tx: organisation.load(tx, insurance(*grants, denied=denied)))

    run()
    return run


@pytest.fixture
def offer(write):
    return lambda *to, **more: write(
        lambda tx: scheduling.create_item(tx, NewWorkItem(**({"name": "x"} | more)), (), to)
    )


@pytest.fixture
def act(write, cast):
    """Run a use case for somebody by his name."""
    return lambda name, use_case, *rest, **options: write(lambda tx: use_case(tx, cast.caller(name), *rest, **options))


def reference(item) -> ItemReference:
    return ItemReference(id=item.id)


def take(item, resource=None):
    return [allocation.Allocation(item=reference(item), resource=resource)]


# Ties and eligibility: ana is an Adjuster of Motor in Claims in Insurance, and a clerk; ben a fraud expert, and French.


@pytest.mark.parametrize(
    ("offered_to", "tied"),
    [
        ("Adjuster", {"ana"}), ("Motor", {"ana"}), ("Claims", {"ana"}), ("Insurance", {"ana", "carl"}),
        ("Clerk", {"ana"}), ("Experts", {"ben"}), ("Fraud experts", {"ben"}), ("French", {"ben"}),
        ("Legal", {"carl"}), ("ana", {"ana"}),
    ],
)  # fmt: skip
def test_who_is_in_it_is_tied_to_what_was_offered_to_it_and_can_take_it(load, offer, act, offered_to, tied):
    item = offer(offered_to)
    for name in ("ana", "ben", "carl"):
        if name in tied:
            act(name, items.get_headers, [reference(item)])
        else:
            with pytest.raises(NotAllowed):
                act(name, items.get_headers, [reference(item)])
            with pytest.raises(NotAllowed):
                act(name, allocation.allocate_items, take(item))
        able = [name] if name in tied else []
        for one in able:
            (taken,) = act(one, allocation.allocate_items, take(item))
            assert taken.state is State.ALLOCATED
            act(one, allocation.unallocate_items, [reference(item)])


def test_one_who_gives_items_can_give_them_to_members_only(load, offer, act):
    item = offer("Claims")
    with pytest.raises(EntityNotEligible):
        act("supervisor", allocation.allocate_and_open_items, take(item, "ben"))
    (opened,) = act("supervisor", allocation.allocate_and_open_items, take(item, "ana"))
    assert opened.owner.name == "ana"


def test_reallocating_to_a_member_is_within_the_offer_set(load, offer, act, cast, write):
    item = offer("Claims", "Legal")
    write(lambda tx: people.grant(tx, "ben", A.REALLOCATE_TO_OFFER_SET))
    to_member = [allocation.Reallocation(item=reference(item), resource="ana")]
    to_other = [allocation.Reallocation(item=reference(item), resource="ben")]
    with pytest.raises(NotAllowed):
        act("ben", allocation.reallocate_items, to_other)
    assert act("ben", allocation.reallocate_items, to_member)[0].owner == cast.ana


def test_who_leaves_a_group_keeps_what_he_held_and_loses_the_rest(load, offer, act, write):
    held, other = offer("Fraud experts"), offer("Fraud experts")
    act("ben", allocation.allocate_items, take(held))
    write(lambda tx: organisation.load(tx, type(insurance())()))
    act("ben", items.get_headers, [reference(held)])
    with pytest.raises(NotAllowed):
        act("ben", items.get_headers, [reference(other)])


def test_the_next_item_is_one_of_a_group_too_and_the_most_urgent_of_all(load, offer, act):
    offer("ana", priority=50)
    urgent = offer("Claims", priority=10)
    offer("Legal", priority=1)
    assert act("ana", allocation.allocate_and_open_next_item, "ana", None).id == urgent.id
    assert act("ana", allocation.allocate_and_open_next_item, "ana", None).id != urgent.id
    with pytest.raises(NoMoreWorkItems):
        act("ana", allocation.allocate_and_open_next_item, "ana", None)


def test_the_next_of_a_pile_is_one_of_a_group_too(load, offer, act, write):
    write(lambda tx: work_types.load(tx, [WorkType(id="t", piled=True)]))
    first, second = offer("Claims", work_type_id="t"), offer("Adjuster", work_type_id="t")
    act("ana", allocation.allocate_and_open_items, take(first))
    assert act("ana", completion.complete_item, reference(first), (), next_piled=True).next_piled.id == second.id


@pytest.mark.parametrize(
    ("name", "of", "allowed"),
    [
        ("ana", "ana", True), ("ana", "Claims", True), ("ana", "Adjuster", True), ("ana", "Legal", False),
        ("ana", "Fraud experts", False), ("supervisor", "Claims", True), ("ben", "Claims", False),
    ],
)  # fmt: skip
def test_the_list_of_a_group_is_open_to_its_members(load, offer, act, name, of, allowed):
    item = offer("Claims", "Legal", "Fraud experts", "ben")
    asked = (f"GUID-of-{of}", [reference(item)], [])
    if allowed:
        assert len(act(name, lists.preview_items, *asked)) == 1
    else:
        with pytest.raises(NotAllowed):
            act(name, lists.preview_items, *asked)


def test_an_item_stands_in_the_lists_of_members_and_of_no_others(load, offer, act):
    item = offer("Claims")
    for of in ("ana", "Adjuster", "Motor"):
        assert len(act("supervisor", lists.preview_items, f"GUID-of-{of}", [reference(item)], [])) == 1
    for of in ("carl", "Insurance", "Legal"):
        with pytest.raises(EntityNotEligible):
            act("supervisor", lists.preview_items, f"GUID-of-{of}", [reference(item)], [])


def test_a_model_may_offer_to_a_group(load, act, write, cast):
    model = WorkModel(name="Look", offer_to=("Fraud experts",))
    write(lambda tx: work_types.load(tx, [WorkType(id="t", model=model)]))
    made = act("supervisor", scheduling.schedule_item_by_model, NewWorkItem(name="-", work_type_id="t"), (), ())
    act("ben", items.get_headers, [reference(made)])


def test_only_a_resource_is_given_an_item_at_once(load, offer):
    with pytest.raises(InvalidWorkItem):
        offer("Claims", distribution=Distribution.ALLOCATE)


# Grants by privileges, and below a unit


def test_a_privilege_allows_what_it_says_to_who_holds_it(load, offer, act):
    item = offer("Legal")
    load((A.VIEW_WORK_LIST, None))
    act("ana", items.get_headers, [reference(item)])
    with pytest.raises(NotAllowed):
        act("ben", items.get_headers, [reference(item)])
    load()
    with pytest.raises(NotAllowed):
        act("ana", items.get_headers, [reference(item)])


@pytest.mark.parametrize(
    ("scope", "reached"),
    [
        (None, {"Motor", "Adjuster", "ana", "Claims", "Legal", "Fraud experts", "supervisor"}),
        ("Claims", {"Motor", "Adjuster", "ana", "Claims"}),
        ("Motor", {"Motor", "Adjuster", "ana"}),
        ("Legal", {"Legal"}),
    ],
)
def test_a_grant_below_a_unit_reaches_the_items_offered_below_it(load, offer, act, write, scope, reached):
    write(lambda tx: people.grant(tx, "ben", A.CANCEL_WORK_ITEM, scope))
    for to in ("Motor", "Adjuster", "ana", "Claims", "Legal", "Fraud experts", "supervisor"):
        if to in reached or to == "Fraud experts":
            continue
        with pytest.raises(NotAllowed):
            act("ben", scheduling.cancel_item, reference(offer(to)))
    for to in reached:
        assert act("ben", scheduling.cancel_item, reference(offer(to))).state is State.CANCELLED


def test_a_grant_below_a_unit_reaches_what_somebody_of_it_holds(load, offer, act, write):
    item = offer("supervisor")
    write(lambda tx: people.grant(tx, "ben", A.SUSPEND_WORK_ITEM, "Claims"))
    with pytest.raises(NotAllowed):
        act("ben", scheduling.suspend_item, reference(item))
    act("supervisor", allocation.reallocate_items, [allocation.Reallocation(item=reference(item), resource="ana")])
    assert act("ben", scheduling.suspend_item, reference(item)).state is State.SUSPENDED


def test_a_scheduler_of_a_unit_offers_items_within_it_only(load, act, write):
    new = NewWorkItem(name="x")
    write(lambda tx: people.grant(tx, "ben", A.SCHEDULE_WORK_ITEM, "Claims"))
    for to in (["Motor"], ["Claims", "ana"]):
        act("ben", scheduling.schedule_item, new, (), to)
    for to in (["Legal"], ["ana", "carl"], ["supervisor"], ["Insurance"]):
        with pytest.raises(NotAllowed):
            act("ben", scheduling.schedule_item, new, (), to)


def test_who_may_schedule_nowhere_is_not_told_who_there_is(load, act, write):
    new = NewWorkItem(name="x")
    with pytest.raises(NotAllowed):
        act("ben", scheduling.schedule_item, new, (), ["nobody"])
    write(lambda tx: people.grant(tx, "ben", A.SCHEDULE_WORK_ITEM, "Claims"))
    with pytest.raises(UnknownEntity):
        act("ben", scheduling.schedule_item, new, (), ["nobody"])


@pytest.mark.parametrize(("of", "allowed"), [("ana", True), ("Motor", True), ("carl", False), ("nobody", False)])
def test_a_grant_below_a_unit_opens_the_lists_of_that_unit(load, offer, act, write, of, allowed):
    item = offer("ana", "Motor", "carl", "ben")
    write(lambda tx: people.grant(tx, "ben", A.VIEW_WORK_LIST, "Claims"))
    asked = (f"GUID-of-{of}", [reference(item)], [])
    if allowed:
        assert act("ben", lists.preview_items, *asked)
    else:
        with pytest.raises(NotAllowed):
            act("ben", lists.preview_items, *asked)


@pytest.mark.parametrize(("whose", "allowed"), [("ana", True), ("carl", False), ("nobody", False)])
def test_the_next_item_of_another_needs_grants_that_reach_him(load, offer, act, write, whose, allowed):
    offer("ana", "carl")
    for action in (A.WORK_ITEM_ALLOCATION, A.OPEN_OTHER_RESOURCES_ITEMS):
        write(lambda tx, action=action: people.grant(tx, "ben", action, "Claims"))
    if allowed:
        assert act("ben", allocation.allocate_and_open_next_item, whose, None).owner.name == whose
    else:
        with pytest.raises(NotAllowed):
            act("ben", allocation.allocate_and_open_next_item, whose, None)


def test_what_is_open_to_all_can_be_denied_and_granted_again(load, offer, act, write):
    item = offer("ana")
    act("ana", allocation.allocate_items, take(item))
    hide = [items.Pend(item=reference(item), hidden=Period(duration=Duration(days=1)))]
    load(denied=frozenset({A.PEND_WORK_ITEM}))
    with pytest.raises(NotAllowed):
        act("ana", items.pend_items, hide)
    load((A.PEND_WORK_ITEM, "Claims"), denied=frozenset({A.PEND_WORK_ITEM}))
    assert act("ana", items.pend_items, hide)[0].state is State.PENDHIDDEN
    load()
    assert act("ana", items.pend_items, hide)[0].state is State.PENDHIDDEN


# How much it costs, and how soon a change is felt


@pytest.fixture
def warm(database_url):
    """A second store on the same file, that remembers for long."""
    other = open_database(database_url, memories=Memories(1000.0))
    yield InTenancy(other, DEFAULT_TENANCY)
    other.close()


def statements(database, unit) -> list[str]:
    """Give what the second run of a unit says to the database."""
    database.read(unit).result(10)
    seen: list[str] = []
    with watching(after=lambda _, statement: seen.append(statement)):
        database.read(unit).result(10)
    clock = "statement_timestamp"  # it comes with the answer to BEGIN
    return [one for one in seen if one.startswith(("SELECT", "WITH")) and clock not in one]


@pytest.mark.parametrize(
    ("name", "offered_to", "most"), [("ana", "ana", 2), ("ana", "Claims", 4), ("supervisor", "Claims", 3)]
)
def test_a_tie_costs_no_more_than_it_must(load, warm, offer, cast, name, offered_to, most):
    """Once it is remembered where he stands: the item and the direct tie; besides, was it held, and the offer set."""
    item = offer(offered_to)
    unit = lambda tx: items.get_headers(tx, cast.caller(name), [reference(item)])  # noqa: E731
    assert len(statements(warm, unit)) <= most


def test_where_somebody_stands_is_read_by_one_statement(load, warm, cast):
    seen: list[str] = []
    with watching(after=lambda _, statement: seen.append(statement)):
        for _ in range(3):
            warm.read(lambda tx: standing.of(tx, cast.ana)).result(10)
    assert len([one for one in seen if "RECURSIVE" in one]) == 1


def test_a_change_through_this_process_is_felt_at_once(load, warm, offer, cast):
    item = offer("Legal")

    def look():
        warm.read(lambda tx: items.get_headers(tx, cast.caller("ana"), [reference(item)])).result(10)

    with pytest.raises(NotAllowed):
        look()
    warm.write(lambda tx: people.grant(tx, "ana", A.VIEW_WORK_LIST)).result(10)
    look()
    warm.write(lambda tx: people.revoke(tx, "ana", A.VIEW_WORK_LIST)).result(10)
    with pytest.raises(NotAllowed):
        look()
    warm.write(lambda tx: organisation.load(tx, insurance((A.VIEW_WORK_LIST, "Legal")))).result(10)
    look()


def test_a_change_that_fails_leaves_what_was(load, warm, offer, cast):
    item = offer("Legal")

    def fail(tx):
        people.grant(tx, "ana", A.VIEW_WORK_LIST)
        raise ValueError("no")

    with pytest.raises(ValueError, match="no"):
        warm.write(fail).result(10)
    with pytest.raises(NotAllowed):
        warm.read(lambda tx: items.get_headers(tx, cast.caller("ana"), [reference(item)])).result(10)


def test_a_change_is_felt_within_its_own_transaction(load, warm, cast):
    def unit(tx):
        before = standing.of(tx, cast.ana).may_everywhere(A.VIEW_WORK_LIST)
        people.grant(tx, "ana", A.VIEW_WORK_LIST)
        return before, standing.of(tx, cast.ana).may_everywhere(A.VIEW_WORK_LIST)

    warm.read(lambda tx: standing.of(tx, cast.ana)).result(10)
    assert warm.write(unit).result(10) == (False, True)


def test_who_is_put_into_a_group_is_in_it_at_once(load, warm, offer, cast):
    item = offer("Fraud experts")
    look = lambda tx: items.get_headers(tx, cast.caller("ana"), [reference(item)])  # noqa: E731
    with pytest.raises(NotAllowed):
        warm.read(look).result(10)
    model = insurance()
    more = replace(model, links=model.links | {Link(FRAUD, ANA)})
    warm.write(lambda tx: organisation.load(tx, more)).result(10)
    warm.read(look).result(10)
    warm.write(lambda tx: organisation.load(tx, model)).result(10)
    with pytest.raises(NotAllowed):
        warm.read(look).result(10)


def test_who_writes_reads_once_where_he_stands_after_a_change(load, warm, cast):
    warm.write(lambda tx: people.grant(tx, "ana", A.VIEW_WORK_LIST)).result(10)
    seen: list[str] = []
    with watching(after=lambda _, statement: seen.append(statement)):
        for _ in range(3):
            warm.write(lambda tx: standing.of(tx, cast.ana)).result(10)
    assert len([one for one in seen if "RECURSIVE" in one]) == 1
