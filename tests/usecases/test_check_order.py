"""Which fault wins where several things are wrong at once: the order of the contract, operation by operation.

Item exists, then the caller's tie to it, then its version, then whether this operation is allowed to him, then its
state, and last the data and the entities. Each test breaks two rules at once; the earlier one must answer.
"""

from collections.abc import Callable
from dataclasses import dataclass
from itertools import combinations

import pytest

from soapsvc.domain.caller import Caller
from soapsvc.domain.data import Direction, Field, FieldType
from soapsvc.domain.errors import (
    EntityNotEligible,
    InvalidField,
    InvalidSchedule,
    NotAllowed,
    OpenLimitReached,
    StaleVersion,
    UnknownEntity,
    UnknownWorkItem,
    WrongState,
)
from soapsvc.domain.schedule import Duration, Period
from soapsvc.domain.states import State
from soapsvc.domain.work_item import WorkItem
from soapsvc.usecases import allocation, items, lists
from soapsvc.usecases.items import ItemReference
from tests.conftest import People

ERRORS = {
    "unknown item": UnknownWorkItem,
    "no tie": NotAllowed,
    "stale version": StaleVersion,
    "not allowed": NotAllowed,
    "wrong state": WrongState,
    "unknown field": InvalidField,
    "endless period": InvalidSchedule,
    "unknown entity": UnknownEntity,
    "entity without the item": EntityNotEligible,
    "open limit": OpenLimitReached,
}
LAST = {"unknown field", "endless period", "unknown entity", "entity without the item", "open limit"}
"""Data and entities: the contract sets no order among them."""

# What can be wrong with each operation, in the order in which it must be told.
ORDER = {
    "get headers": ["unknown item", "no tie", "stale version"],
    "open": ["unknown item", "no tie", "stale version", "not allowed", "wrong state", "open limit"],
    "allocate and open": [
        "unknown item",
        "no tie",
        "stale version",
        "not allowed",
        "wrong state",
        "unknown entity",
        "entity without the item",
        "open limit",
    ],
    "close": [
        "unknown item",
        "no tie",
        "stale version",
        "not allowed",
        "wrong state",
        "unknown field",
        "endless period",
    ],
    "preview": [
        "unknown item",
        "no tie",
        "stale version",
        "not allowed",
        "unknown entity",
        "entity without the item",
    ],
}


def pairs():
    for operation, order in ORDER.items():
        for first, second in combinations(order, 2):
            if not {first, second} <= LAST:
                yield operation, first, second


UNKNOWN_FIELD = Field(name="?", direction=Direction.INOUT, type=FieldType.STRING)
ENDLESS = Period(duration=Duration(years=9000))


@dataclass
class Asking:
    """Calls an operation on ana's item in which exactly these things are wrong."""

    write: Callable
    cast: People
    item: WorkItem
    put: Callable
    limit_open_items: Callable

    def __call__(self, operation: str, *wrong: str) -> object:
        method = getattr(self, operation.replace(" ", "_"))
        unit = method(set(wrong))
        return self.write(unit)

    def reference(self, wrong: set[str]) -> ItemReference:
        version = self.item.version + 1 if "stale version" in wrong else self.item.version
        return ItemReference(id=4711 if "unknown item" in wrong else self.item.id, version=version)

    def caller(self, wrong: set[str], *, otherwise: str = "ana") -> Caller:
        """carl has no tie; ben has one, but not to what ana holds and not to what only she may see."""
        return self.cast.caller("carl" if "no tie" in wrong else "ben" if "not allowed" in wrong else otherwise)

    def held_by_ana(self, state: State) -> None:
        session = "s" if state is State.OPENED else None
        self.put(self.item.id, state, owner_id=self.cast.ana.id, session_guid=session)

    def entity(self, wrong: set[str]) -> str:
        if "unknown entity" in wrong:
            return "nobody"
        return "GUID-of-supervisor" if "entity without the item" in wrong else "GUID-of-ana"

    def get_headers(self, wrong):
        return lambda tx: items.get_headers(tx, self.caller(wrong), [self.reference(wrong)])

    def open(self, wrong):
        self.held_by_ana(State.OPENED if "wrong state" in wrong else State.PENDED)
        if "open limit" in wrong:
            self.limit_open_items(self.cast.ana, 0)
        return lambda tx: items.open_items(tx, self.caller(wrong), [self.reference(wrong)])

    def allocate_and_open(self, wrong):
        # The supervisor may name others, and so anybody and nobody; ben may name only himself, and names ana.
        if "wrong state" in wrong:
            self.held_by_ana(State.PENDED)
        if "open limit" in wrong:
            self.limit_open_items(self.cast.ana, 0)
        resource = self.entity(wrong)
        caller = self.caller(wrong, otherwise="ana" if resource == "GUID-of-ana" else "supervisor")
        taking = allocation.Allocation(item=self.reference(wrong), resource=resource)
        return lambda tx: allocation.allocate_and_open_items(tx, caller, [taking])

    def close(self, wrong):
        self.held_by_ana(State.PENDED if "wrong state" in wrong else State.OPENED)
        closing = items.Close(
            item=self.reference(wrong),
            payload=[UNKNOWN_FIELD] if "unknown field" in wrong else [],
            hidden=ENDLESS if "endless period" in wrong else Period(),
        )
        return lambda tx: items.close_items(tx, self.caller(wrong), [closing])

    def preview(self, wrong):
        guid = self.entity(wrong)
        caller = self.caller(wrong, otherwise="ana" if guid == "GUID-of-ana" else "supervisor")
        return lambda tx: lists.preview_items(tx, caller, guid, [self.reference(wrong)], ())


@pytest.fixture
def ask(write, cast, offered, put, limit_open_items):
    return Asking(write, cast, offered, put, limit_open_items)


@pytest.mark.parametrize("operation", ORDER)
def test_with_nothing_wrong_the_operation_succeeds(ask, operation):
    assert ask(operation)


@pytest.mark.parametrize(("operation", "wrong"), [(operation, one) for operation in ORDER for one in ORDER[operation]])
def test_one_thing_wrong_is_told(ask, operation, wrong):
    with pytest.raises(ERRORS[wrong]):
        ask(operation, wrong)


@pytest.mark.parametrize(("operation", "first", "second"), list(pairs()))
def test_of_two_things_wrong_the_earlier_is_told(ask, operation, first, second):
    with pytest.raises(ERRORS[first]) as told:
        ask(operation, first, second)
    assert type(told.value) is ERRORS[first]


@pytest.mark.parametrize("operation", ORDER)
def test_with_everything_wrong_the_item_is_unknown(ask, operation):
    with pytest.raises(UnknownWorkItem):
        ask(operation, *ORDER[operation])


@pytest.mark.parametrize("state", [State.SUSPENDED, State.CANCELLED])
@pytest.mark.parametrize("wrong", [{"hidden": ENDLESS}, {"payload": [UNKNOWN_FIELD]}])
def test_a_suspended_or_cancelled_item_that_was_not_open_is_in_the_wrong_state_whatever_the_data(
    *, write, cast, offered, put, state, wrong
):
    put(offered.id, state, owner_id=cast.ana.id)
    closing = items.Close(item=ItemReference(id=offered.id), **wrong)

    with pytest.raises(WrongState):
        write(lambda tx: items.close_items(tx, cast.caller("ana"), [closing]))


@pytest.mark.parametrize("operation", ORDER)
def test_a_refusal_tells_nothing_about_the_item(ask, operation):
    with pytest.raises(NotAllowed) as refused:
        ask(operation, "no tie", "stale version")

    assert str(refused.value) == "You are not allowed to do this"
    assert refused.value.parameters == ()
