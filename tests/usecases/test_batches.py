"""Batches are all or nothing: the first item that fails decides, and no item is named twice."""

import pytest

from soapsvc.domain.errors import (
    InvalidRequest,
    OpenLimitReached,
    StaleVersion,
    UnknownWorkItem,
    WrongState,
)
from soapsvc.domain.states import State
from soapsvc.usecases import allocation, items, lists
from soapsvc.usecases.items import ItemReference

OPERATIONS = ["get headers", "preview", "open", "allocate and open", "close"]
WRITES = ["open", "allocate and open", "close"]


@pytest.fixture
def call(write, cast):
    def many(operation: str, references: list[ItemReference]):
        ana = cast.caller("ana")
        units = {
            "get headers": lambda tx: items.get_headers(tx, ana, references),
            "preview": lambda tx: lists.preview_items(tx, ana, "GUID-of-ana", references, ()),
            "open": lambda tx: items.open_items(tx, ana, references),
            "allocate and open": lambda tx: allocation.allocate_and_open_items(
                tx, ana, [allocation.Allocation(item=one, resource="ana") for one in references]
            ),
            "close": lambda tx: items.close_items(tx, ana, [items.Close(item=one) for one in references]),
        }
        return write(units[operation])

    return many


@pytest.fixture
def some(new_item, cast, put):
    """Three items of ana's, ready for an operation."""

    def ready(operation: str) -> list[int]:
        ids = [new_item().id for _ in range(3)]
        for item_id in ids:
            if operation == "open":
                put(item_id, State.PENDED, owner_id=cast.ana.id)
            if operation == "close":
                put(item_id, State.OPENED, owner_id=cast.ana.id, session_guid=f"s{item_id}")
        return ids

    return ready


@pytest.mark.parametrize("operation", OPERATIONS)
def test_a_batch_is_answered_in_the_order_of_its_request(call, some, operation):
    ids = [*reversed(some(operation))]

    answers = call(operation, [ItemReference(id=one, version=0) for one in ids])

    assert [getattr(answer, "item", answer).id for answer in answers] == ids


@pytest.mark.parametrize("operation", OPERATIONS)
def test_an_empty_batch_is_refused(call, operation):
    with pytest.raises(InvalidRequest):
        call(operation, [])


@pytest.mark.parametrize("operation", OPERATIONS)
@pytest.mark.parametrize("versions", [(None, None), (0, 0), (0, 1), (0, None), (-1, None)])
def test_an_item_named_twice_is_refused_whatever_the_versions(call, some, everything, operation, versions):
    one, other, _ = some(operation)
    before = everything()

    with pytest.raises(InvalidRequest) as refused:
        call(
            operation,
            [
                ItemReference(id=one, version=versions[0]),
                ItemReference(id=other),
                ItemReference(id=one, version=versions[1]),
            ],
        )

    assert refused.value.parameters == (str(one),)
    assert everything() == before


@pytest.mark.parametrize("operation", WRITES)
@pytest.mark.parametrize("failing", [0, 1, 2])
def test_one_stale_item_leaves_all_as_they_were(call, some, everything, operation, failing):
    references = [ItemReference(id=one, version=0) for one in some(operation)]
    references[failing] = ItemReference(id=references[failing].id, version=7)
    before = everything()

    with pytest.raises(StaleVersion) as stale:
        call(operation, references)

    assert stale.value.parameters[0] == str(references[failing].id)
    assert everything() == before


@pytest.mark.parametrize("operation", OPERATIONS)
def test_the_first_item_that_fails_decides(call, some, operation):
    one, other, _ = some(operation)
    unknown, stale = ItemReference(id=4711), ItemReference(id=one, version=7)
    good = ItemReference(id=other)

    with pytest.raises(UnknownWorkItem) as first:
        call(operation, [good, unknown, stale])
    assert first.value.parameters == ("4711",)
    with pytest.raises(StaleVersion) as first:
        call(operation, [good, stale, unknown])
    assert first.value.parameters[0] == str(one)


def test_a_later_items_version_does_not_come_before_an_earlier_items_state(call, some, put):
    one, other, _ = some("close")
    put(one, State.PENDED)

    with pytest.raises(WrongState) as wrong:
        call("close", [ItemReference(id=one), ItemReference(id=other, version=7)])
    assert wrong.value.parameters[0] == str(one)


def test_items_opened_together_count_towards_the_limit_together(call, some, cast, limit_open_items, everything):
    ids = some("allocate and open")
    limit_open_items(cast.ana, 2)
    before = everything()

    with pytest.raises(OpenLimitReached):
        call("allocate and open", [ItemReference(id=one) for one in ids])
    assert everything() == before

    assert len(call("allocate and open", [ItemReference(id=one) for one in ids[:2]])) == 2


def test_a_large_batch_bumps_each_item_once(call, new_item, stored):
    ids = [new_item().id for _ in range(50)]

    call("allocate and open", [ItemReference(id=one, version=0) for one in ids])

    assert [stored(one).version for one in ids] == [1] * 50
