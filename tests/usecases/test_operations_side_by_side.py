"""What comes between an operation's looks and its writes, or between somebody else's and it."""

import uuid

import pytest

from soapsvc.domain.errors import StaleVersion, WrongState
from soapsvc.domain.states import State
from soapsvc.domain.version_session import STARTED, SUCCEEDED, OperationKind, SessionState
from soapsvc.usecases import items, version_operations, versions
from soapsvc.usecases.access import ItemReference
from soapsvc.usecases.versions import Target
from tests.support.databases import wait_until, waits_for_a_lock
from tests.support.driver import watching
from tests.support.versions import KINDS, Versions
from tests.usecases.test_versions import rival as rival  # noqa: PLC0414 - a fixture

KEPT = "UPDATE work_item SET operation_id = 'another', operation_state = 'Saving' WHERE id = :id"
TOUCHED = "UPDATE work_item SET version = version + 1, priority = 77 WHERE id = :id"


@pytest.fixture
def ana(database, cast) -> Versions:
    return Versions(database, cast.caller("ana"))


@pytest.mark.parametrize("version", [None, 1])
def test_a_save_that_loaded_the_item_before_it_was_kept_for_an_operation_is_refused(ana, rival, version):
    item = ana.item(ana.open())
    rival(KEPT, id=item.id)
    close = items.Close(item=ItemReference(id=item.id, version=version))

    with pytest.raises(WrongState, match="Saving"):
        ana.write(lambda tx: items.close_items(tx, ana.caller, [close]))

    kept = ana.database.read(lambda tx: version_operations.work_items.get(tx, item.id)).result(10)
    assert (kept.version, kept.state, kept.running.operation) == (1, State.OPENED, "another")


@pytest.mark.parametrize("kind", ["sqlite"])  # on PostgreSQL the item is locked before anything can come between
@pytest.mark.parametrize("operation", KINDS)
def test_an_operation_is_accepted_on_top_of_a_change_that_came_between_or_not_at_all(kind, ana, rival, operation):
    target, other = ana.open(), ana.open()
    rival(TOUCHED, id=ana.item(target).id)
    named = Target(item=target.item, session=target.session, version=1)
    with pytest.raises(StaleVersion):
        ana.accept(named, ana.request(operation))
    assert (ana.item(target).running, ana.session(target).state) == (None, SessionState.IN_PROGRESS)

    rival(TOUCHED, id=ana.item(other).id)
    accepted = ana.accept(other, ana.request(operation))
    assert (accepted.session.state, ana.item(other).version) == (STARTED[operation], 2)
    ana.finish(ana.claim(operation))
    assert (ana.item(other).version, ana.session(other).state) == (3, SUCCEEDED[operation])


@pytest.mark.parametrize("kind", ["sqlite"])  # on PostgreSQL the item is locked before anything can come between
@pytest.mark.parametrize("operation", KINDS)
def test_an_item_that_is_kept_for_another_operation_meanwhile_is_not_kept_for_this_one(kind, ana, rival, operation):
    target = ana.open()
    rival(KEPT, id=ana.item(target).id)
    with pytest.raises(WrongState, match="Saving"):
        ana.accept(target, ana.request(operation))


@pytest.mark.parametrize("kind", ["postgresql"])
def test_a_repeat_that_meets_the_end_is_told_the_version_of_the_end(kind, ana):
    operation = OperationKind.SAVE_AND_CLOSE
    target = ana.open()
    ana.accept(target, ana.request(operation))
    job = ana.claim(operation)
    ended = []

    def end_before_the_item_is_locked(_, statement):
        if "FROM work_item" in statement and "FOR UPDATE" in statement and not ended:
            ended.append(True)
            ana.finish(job)

    with watching(before=end_before_the_item_is_locked):
        told = ana.accept(target, ana.request(operation))

    assert (told.session.state, told.item.version, told.item.state) == (SessionState.SAVED, 2, State.PENDED)


@pytest.mark.parametrize("kind", ["postgresql"])
@pytest.mark.parametrize("operation", KINDS)
def test_who_asks_the_same_while_another_is_being_accepted_is_told_of_that_one(kind, ana, operation, database_url):
    target, first, second = ana.open(), ana.request(operation), ana.request(operation)
    others = []

    def let_another_ask_once_the_session_was_read(_, statement):
        if "FROM version_session" in statement and not others:
            others.append(None)
            unit = lambda tx: version_operations.accept(tx, ana.caller, target, second)  # noqa: E731
            others[0] = ana.database.write(unit)
            wait_until(lambda: others[0].done() or waits_for_a_lock(database_url))

    with watching(after=let_another_ask_once_the_session_was_read):
        told = [ana.accept(target, first), others[0].result(10)]

    assert {one.operation for one in told} == {first.id}
    assert {one.session.state for one in told} == {STARTED[operation]}


@pytest.mark.parametrize("kind", ["postgresql"])
@pytest.mark.parametrize("force", [False, True])
def test_a_beginning_that_meets_the_end_of_another_version_opens_the_item_or_says_what_stands(kind, ana, force):
    left = ana.open()
    target = Target(item=left.item, session=str(uuid.uuid4()))
    close = items.Close(item=ItemReference(id=ana.item(left).id, version=None))
    looks = []

    def close_after_the_first_look(_, statement):
        if "work_item.attributes" in statement and "FROM work_item" in statement:
            looks.append(statement)
            if len(looks) == 2:
                ana.write(lambda tx: items.close_items(tx, ana.caller, [close]))

    with watching(before=close_after_the_first_look):
        begun = ana.write(lambda tx: versions.begin_version(tx, ana.caller, target, force=force))

    assert (begun.item.version, begun.item.session, begun.session.state) == (
        3,
        target.session,
        SessionState.IN_PROGRESS,
    )
    assert ana.session(left).state is SessionState.SAVED
