"""A request with an id of its own is done once: whoever repeats it is told what he was told, for a day."""

from datetime import timedelta

import pytest

from soapsvc.domain.errors import InvalidRequest, WrongState
from soapsvc.storage import answered_requests
from soapsvc.storage.database import InTenancy, open_database
from soapsvc.usecases import allocation, repeats
from soapsvc.usecases.access import ItemReference
from tests.conftest import DEFAULT_TENANCY


@pytest.fixture
def clock():
    return [timedelta()]


@pytest.fixture
def database(database_url, clock):
    database = open_database(database_url, clock=lambda now: now + clock[0])
    yield InTenancy(database, DEFAULT_TENANCY)
    database.close()


@pytest.fixture
def take(write, cast, offered):
    """Take the offered item by a request of this id; the answer is its version."""

    def once(request_id: str = "r1", *, digest: str = "d", by: str = "ana", then=None) -> bytes:
        def unit(tx):
            def act() -> bytes:
                batch = [allocation.Allocation(item=ItemReference(id=offered.id))]
                (item,) = allocation.allocate_items(tx, cast.caller(by), batch)
                return b"version %d" % item.version

            answer = repeats.answer_once(tx, cast.caller(by), request_id, digest, act)
            return then(answer) if then else answer

        return write(unit)

    return once


def test_a_repeated_request_gets_the_first_answer_and_changes_nothing(take, stored, offered):
    assert [take(), take(), take()] == [b"version 1"] * 3
    assert stored(offered.id).version == 1


def test_another_id_is_another_request(take):
    take("r1")

    with pytest.raises(WrongState):
        take("r2")


def test_ids_are_each_callers_own(take):
    take(by="ana")

    with pytest.raises(WrongState):
        take(by="ben")


def test_the_same_id_for_something_else_is_refused(take, everything):
    take()
    before = everything()

    with pytest.raises(InvalidRequest):
        take(digest="another")
    assert everything() == before


def test_a_failure_is_not_kept_so_that_a_repeat_tries_again(take, write, cast, offered):
    take("r1")
    with pytest.raises(WrongState):
        take("r2")
    write(lambda tx: allocation.unallocate_items(tx, cast.caller("ana"), [ItemReference(id=offered.id)]))

    assert take("r2") == b"version 3"
    assert take("r1") == b"version 1"


def test_the_answer_is_kept_in_the_transaction_of_the_change_or_not_at_all(take, everything, stored, offered):
    before = everything()

    def fail(_: bytes):
        raise ValueError("after the answer was made")

    with pytest.raises(ValueError, match="after"):
        take(then=fail)
    assert everything() == before
    assert take() == b"version 1"  # it was not remembered as done


def test_an_answer_is_given_for_a_day_and_then_forgotten(take, clock, database, write):
    take()
    clock[0] = timedelta(hours=23, minutes=59)
    assert take() == b"version 1"
    assert write(repeats.forget_old) == 0

    clock[0] = timedelta(hours=24, minutes=1)
    with pytest.raises(WrongState):
        take()
    assert write(repeats.forget_old) == 1
    assert write(repeats.forget_old) == 0


def test_an_id_that_grew_old_may_be_used_anew_before_it_was_swept(take, clock, write, cast, offered):
    take()
    clock[0] = timedelta(days=2)
    write(lambda tx: allocation.unallocate_items(tx, cast.caller("ana"), [ItemReference(id=offered.id)]))

    assert take(digest="another") == b"version 3"
    assert take(digest="another") == b"version 3"


@pytest.mark.parametrize("length", [1, 128])
def test_an_id_has_1_to_128_characters(take, length):
    assert take("x" * length) == b"version 1"


@pytest.mark.parametrize("length", [0, 129])
def test_an_id_of_another_length_is_refused(take, length, everything):
    before = everything()

    with pytest.raises(InvalidRequest):
        take("x" * length)
    assert everything() == before


def test_an_answer_comes_back_byte_by_byte(write, cast):
    answer = bytes(range(256)) * 1000
    write(lambda tx: answered_requests.remember(tx, cast.ana, "r", digest="d", answer=answer, since=tx.now()))

    assert write(lambda tx: answered_requests.find(tx, cast.ana, "r", since=tx.now() - timedelta(1))) == ("d", answer)
