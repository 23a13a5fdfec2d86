"""What follows a completed item: the next of its pile, as many in a row as its work type allows."""

import pytest

from soapsvc.domain.data import Direction, Field, FieldType
from soapsvc.domain.errors import InvalidField
from soapsvc.domain.schedule import Schedule
from soapsvc.domain.states import State
from soapsvc.domain.work_item import NewWorkItem
from soapsvc.domain.work_type import WorkType
from soapsvc.storage import piles
from soapsvc.usecases import allocation, completion, scheduling, work_types
from soapsvc.usecases.access import ItemReference
from tests.storage.test_work_items import SOON


@pytest.fixture
def pile(write, cast):
    """Load a work type, and make items of it that are offered to ana and ben."""

    def make(count: int, *, limit: int | None = None, type_id: str = "claim", piled: bool = True, **properties):
        kind = WorkType(id=type_id, piled=piled, piling_limit=limit)
        new = NewWorkItem(name="x", work_type_id=type_id, **properties)
        write(lambda tx: work_types.load(tx, [kind]))
        return [write(lambda tx: scheduling.create_item(tx, new, (), ("ana", "ben"))) for _ in range(count)]

    return make


@pytest.fixture
def complete(write, cast):
    """Take an item, complete it, and give the id of the next that the answer names."""

    def one(item, *, by: str = "ana", next_piled: bool = True) -> int | None:
        def unit(tx):
            caller, reference = cast.caller(by), ItemReference(id=item.id)
            allocation.allocate_and_open_items(tx, caller, [allocation.Allocation(item=reference)])
            return completion.complete_item(tx, caller, reference, (), next_piled=next_piled)

        following = write(unit).next_piled
        return following.id if following else None

    return one


def test_the_next_of_the_pile_is_named_and_left_alone(pile, complete, stored):
    first, second, _ = pile(3)

    assert complete(first) == second.id
    assert stored(second.id) == second


def test_nothing_follows_unless_it_is_asked_for(pile, complete):
    first, *_ = pile(2)

    assert complete(first, next_piled=False) is None


def test_nothing_follows_what_is_not_piled_or_has_no_type(pile, complete, new_item):
    first, *_ = pile(2, piled=False)

    assert complete(first) is None
    assert complete(new_item()) is None


def test_a_chain_goes_before_a_pile(pile, complete):
    first, *_ = pile(2, group_id=7)

    assert complete(first) is None


def test_the_next_is_of_the_same_type_and_offered_to_him(pile, complete, write):
    (first,) = pile(1)
    pile(1, type_id="other")
    write(lambda tx: scheduling.create_item(tx, NewWorkItem(name="x", work_type_id="claim"), (), ("ben",)))

    assert complete(first) is None


def test_the_next_ends_first_then_has_the_lowest_priority_number_then_is_the_oldest(pile, complete):
    first, old, young = pile(3)
    (urgent,) = pile(1, priority=1)
    (late,) = pile(1, schedule=Schedule(end=SOON))

    order = [first]
    by_id = {item.id: item for item in (old, young, urgent, late)}
    while (following := complete(order[-1])) is not None:
        order.append(by_id[following])
    assert order == [first, late, urgent, old, young]


def test_at_the_limit_nothing_follows_and_the_count_starts_anew(pile, complete):
    many = pile(8, limit=3)

    answers = [complete(item) is not None for item in many[:7]]

    assert answers == [True, True, False, True, True, False, True]


def test_a_limit_of_one_never_leads_on(pile, complete):
    many = pile(3, limit=1)

    assert [complete(item) for item in many] == [None, None, None]


def test_each_has_a_count_of_his_own(pile, complete):
    many = pile(6, limit=2)

    assert complete(many[0], by="ana") is not None
    assert complete(many[1], by="ben") is not None
    assert complete(many[2], by="ana") is None
    assert complete(many[3], by="ben") is None


def test_a_pile_of_another_type_starts_a_new_count(pile, complete):
    claims, others = pile(5, limit=3), pile(3, limit=3, type_id="other")

    complete(claims[0])
    complete(claims[1])
    complete(others[0])
    assert [complete(item) is not None for item in claims[2:]] == [True, True, False]


def test_the_store_keeps_one_count_for_each(write, cast):
    def count(tx):
        piles.set_length(tx, cast.ana, "a", 2)
        piles.set_length(tx, cast.ben, "a", 5)
        piles.set_length(tx, cast.ana, "b", 1)
        return [piles.length(tx, *one) for one in ((cast.ana, "a"), (cast.ana, "b"), (cast.ben, "a"))]

    assert write(count) == [0, 1, 5]
    write(lambda tx: piles.set_length(tx, cast.ana, "b", 0))
    assert write(lambda tx: piles.length(tx, cast.ana, "b")) == 0


def test_completing_asks_for_no_required_field_but_skipping_does(write, cast, new_item, stored):
    required = Field(name="Amount", direction=Direction.OUTPUT, type=FieldType.INTEGER_NUMBER)
    first, second = new_item(fields=(required,)), new_item(fields=(required,))

    def unit(tx):
        ana, boss = cast.caller("ana"), cast.caller("supervisor")
        refs = [ItemReference(id=item.id) for item in (first, second)]
        allocation.allocate_and_open_items(tx, ana, [allocation.Allocation(item=refs[0])])
        completion.complete_item(tx, ana, refs[0], ())
        allocation.allocate_items(tx, ana, [allocation.Allocation(item=refs[1])])
        return boss, refs[1]

    boss, reference = write(unit)
    with pytest.raises(InvalidField) as refused:
        write(lambda tx: completion.skip_items(tx, boss, [reference]))
    assert refused.value.parameters[0] == "Amount"
    assert [stored(item.id).state for item in (first, second)] == [State.COMPLETED, State.ALLOCATED]
