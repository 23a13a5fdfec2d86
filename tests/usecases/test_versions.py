"""Versions: what is current, what is stale, what bumps, what the loser of a race is told."""

import contextlib
from typing import Any

import pytest

from soapsvc.domain.errors import StaleVersion, WrongState
from soapsvc.domain.states import Action, State
from soapsvc.usecases import allocation, items, lists
from soapsvc.usecases.items import ItemReference
from tests.support.databases import run_by_hand
from tests.support.driver import watching

# Each operation on one item of ana's, and the state in which it succeeds.
OPERATIONS = {
    "get headers": State.OFFERED,
    "preview": State.OFFERED,
    "open": State.PENDED,
    "allocate and open": State.OFFERED,
    "close": State.OPENED,
}
WRITES = {"open": Action.OPEN, "allocate and open": Action.ALLOCATE_AND_OPEN, "close": Action.CLOSE}


@pytest.fixture
def call(write, cast):
    def one(operation: str, reference: ItemReference, name: str = "ana"):
        caller = cast.caller(name)
        units = {
            "get headers": lambda tx: items.get_headers(tx, caller, [reference]),
            "preview": lambda tx: lists.preview_items(tx, caller, f"GUID-of-{name}", [reference], ()),
            "open": lambda tx: items.open_items(tx, caller, [reference]),
            "allocate and open": lambda tx: allocation.allocate_and_open_items(
                tx, caller, [allocation.Allocation(item=reference, resource=name)]
            ),
            "close": lambda tx: items.close_items(tx, caller, [items.Close(item=reference)]),
        }
        return write(units[operation])[0]

    return one


@pytest.fixture
def ready(write, call, offered):
    """Bring ana's item to where an operation succeeds, by the operations themselves: 0 offered, 1 open, 2 pended."""

    def bring(operation: str):
        for step in ("allocate and open", "close")[: {"OFFERED": 0, "OPENED": 1, "PENDED": 2}[OPERATIONS[operation]]]:
            call(step, ItemReference(id=offered.id))
        return offered.id

    return bring


@pytest.mark.parametrize("operation", OPERATIONS)
@pytest.mark.parametrize("supplied", [None, -1, "stored"])
def test_the_stored_version_minus_one_and_none_are_the_latest(call, ready, stored, operation, supplied):
    item_id = ready(operation)
    version = stored(item_id).version if supplied == "stored" else supplied

    assert call(operation, ItemReference(id=item_id, version=version))


@pytest.mark.parametrize("operation", OPERATIONS)
@pytest.mark.parametrize("difference", [-2, -1, 1, 2, 2**62])
def test_a_version_too_low_or_too_high_is_stale_and_nothing_is_written(
    call, ready, stored, everything, operation, difference
):
    item_id = ready(operation)
    item = stored(item_id)
    supplied = item.version + difference
    if supplied == -1:
        supplied = -3  # -1 means latest
    before = everything()

    with pytest.raises(StaleVersion) as stale:
        call(operation, ItemReference(id=item_id, version=supplied))

    owner = item.owner.guid if item.owner else ""
    assert stale.value.parameters == (str(item_id), str(item.version), str(supplied), item.state, owner)
    assert everything() == before


@pytest.mark.parametrize(("operation", "action"), WRITES.items())
def test_every_success_bumps_by_exactly_one_with_one_history_row(call, ready, stored, history_of, operation, action):
    item_id = ready(operation)
    before, entries = stored(item_id), history_of(item_id)

    after = call(operation, ItemReference(id=item_id))

    assert after == stored(item_id)
    assert after.version == before.version + 1
    *old, new = history_of(item_id)
    assert old == entries
    assert (new.version, new.action, new.actor) == (after.version, action, "ana")
    assert (new.state_before, new.state_after) == (before.state, after.state)


@pytest.mark.parametrize("operation", ["get headers", "preview"])
@pytest.mark.parametrize("version", [None, 0])
def test_reads_write_nothing_at_all(call, offered, everything, operation, version):
    before = everything()

    call(operation, ItemReference(id=offered.id, version=version))

    assert everything() == before


def test_the_sequence_of_the_vendors_examples_gives_its_versions(call, offered, history_of):
    reference = ItemReference(id=offered.id)
    versions = [
        call(step, reference).version for step in ("allocate and open", "close", "open", "close", "open", "close")
    ]

    assert versions == [1, 2, 3, 4, 5, 6]
    assert [entry.version for entry in history_of(offered.id)] == [0, 1, 2, 3, 4, 5, 6]


# The loser of a race


def test_the_loser_without_a_version_meets_the_new_state(call, offered, stored):
    call("allocate and open", ItemReference(id=offered.id), "ana")
    winner = stored(offered.id)

    with pytest.raises(WrongState) as lost:
        call("allocate and open", ItemReference(id=offered.id), "ben")

    assert lost.value.parameters == (str(offered.id), "OPENED", "allocateAndOpenWorkItem")
    assert stored(offered.id) == winner


def test_the_loser_with_a_version_meets_the_new_version(call, offered, stored):
    call("allocate and open", ItemReference(id=offered.id, version=0), "ana")
    winner = stored(offered.id)

    with pytest.raises(StaleVersion) as lost:
        call("allocate and open", ItemReference(id=offered.id, version=0), "ben")

    assert lost.value.parameters == (str(offered.id), "1", "0", "OPENED", "GUID-of-ana")
    assert stored(offered.id) == winner


@pytest.fixture
def rival(kind, database_url):
    """Let somebody else's write come between this unit's look at the item and its own guarded write.

    On PostgreSQL another transaction does that. On SQLite there is one writer, so none can; this one's connection is
    made to: the rival's change is made before the guarded statement, so that the guard finds no row, and again after
    the unit was rolled back: it is committed, the unit is not.
    """

    def let(change: str, **parameters: object) -> list[str]:
        done: list[str] = []

        def act(connection: Any, moment: str) -> None:
            done.append(moment)
            if kind == "sqlite":
                connection.execute(change, parameters)
            else:
                run_by_hand(database_url, change, **parameters)
                done.append("for good")

        def before(connection, statement):
            if statement.startswith("UPDATE work_item") and not done:
                act(connection, "between look and write")

        def after(connection, statement):
            if statement == "ROLLBACK TO unit" and len(done) == 1:
                act(connection, "for good")

        watched.enter_context(watching(before=before, after=after))
        return done

    with contextlib.ExitStack() as watched:
        yield let


TAKEN = "UPDATE work_item SET version = version + 1, state = 'OPENED', owner_id = :ben WHERE id = :id"
CLOSED = "UPDATE work_item SET version = version + 1, state = 'PENDED', session_guid = NULL WHERE id = :id"
TOUCHED = "UPDATE work_item SET version = version + 1, priority = 77 WHERE id = :id"


@pytest.mark.parametrize(("version", "error"), [(None, WrongState), (-1, WrongState), (0, StaleVersion)])
def test_who_loses_between_looking_and_writing_is_judged_again(
    *, call, cast, rival, offered, stored, sessions_of, version, error
):
    moments = rival(TAKEN, id=offered.id, ben=cast.ben.id)

    with pytest.raises(error) as lost:
        call("allocate and open", ItemReference(id=offered.id, version=version))

    assert moments == ["between look and write", "for good"]
    item = stored(offered.id)
    assert (item.version, item.owner) == (1, cast.ben)
    assert sessions_of(offered.id) == []
    if error is StaleVersion:
        assert lost.value.parameters == (str(offered.id), "1", "0", "OPENED", "GUID-of-ben")


@pytest.mark.parametrize(("version", "error"), [(None, WrongState), (1, StaleVersion)])
def test_a_close_that_loses_against_another_close_is_judged_again(call, rival, opened, stored, version, error):
    rival(CLOSED, id=opened.id)

    with pytest.raises(error):
        call("close", ItemReference(id=opened.id, version=version))

    assert (stored(opened.id).version, stored(opened.id).state) == (2, State.PENDED)


def test_who_sent_no_version_and_loses_to_a_harmless_change_succeeds_on_top_of_it(
    call, rival, opened, stored, history_of
):
    moments = rival(TOUCHED, id=opened.id)

    assert call("close", ItemReference(id=opened.id)).version == 3

    assert len(moments) == 2
    assert (stored(opened.id).priority, stored(opened.id).state) == (77, State.PENDED)
    assert history_of(opened.id)[-1].version == 3
