"""What comes between an operation's looks and its writes, or between somebody else's and it."""

import pytest

from soapsvc.domain.errors import StaleVersion, WrongState
from soapsvc.domain.states import State
from soapsvc.domain.version_session import STARTED, SUCCEEDED, OperationKind, SessionState
from soapsvc.usecases import items, version_operations
from soapsvc.usecases.access import ItemReference
from soapsvc.usecases.versions import Target
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


@pytest.mark.parametrize("operation", KINDS)
def test_an_operation_is_accepted_on_top_of_a_change_that_came_between_or_not_at_all(ana, rival, operation):
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


@pytest.mark.parametrize("operation", KINDS)
def test_of_two_that_are_accepted_at_the_same_time_one_is_told_of_the_other(ana, rival, operation):
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

    def end_before_the_session_is_read(_, statement):
        if "FROM version_session" in statement and not ended:
            ended.append(True)
            ana.finish(job)

    with watching(before=end_before_the_session_is_read):
        told = ana.accept(target, ana.request(operation))

    assert (told.session.state, told.item.version, told.item.state) == (SessionState.SAVED, 2, State.PENDED)
