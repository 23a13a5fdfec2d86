"""SaveAndClose and Complete from acceptance to their end: who may, what is guarded, and what repeats are told."""

from dataclasses import replace

import pytest

from soapsvc.domain.caller import Caller, SystemAction
from soapsvc.domain.document import NewDocument
from soapsvc.domain.errors import (
    InvalidField,
    InvalidRequest,
    LeaseLost,
    NotAllowed,
    StaleVersion,
    StorageUnavailable,
    WrongState,
)
from soapsvc.domain.states import Action, State
from soapsvc.domain.version_errors import AssemblyFailed, OperationConflict, OperationOvertaken, UnknownVersion
from soapsvc.domain.version_session import (
    FAILED,
    STARTED,
    SUCCEEDED,
    Callback,
    OperationError,
    OperationKind,
    SessionState,
)
from soapsvc.domain.work_item import Distribution, NewWorkItem
from soapsvc.domain.work_type import WorkType
from soapsvc.storage import documents, jobs, operations, work_items, work_types
from soapsvc.usecases import completion, items, scheduling, version_operations, versions
from soapsvc.usecases.access import ItemReference
from soapsvc.usecases.versions import Target
from tests.support.versions import CALLBACK, KINDS, NOTES, Versions

STATES = {OperationKind.SAVE_AND_CLOSE: State.PENDED, OperationKind.COMPLETE: State.COMPLETED}
ACTIONS = {OperationKind.SAVE_AND_CLOSE: "closeWorkItem", OperationKind.COMPLETE: "completeWorkItem"}
OTHER = {OperationKind.SAVE_AND_CLOSE: OperationKind.COMPLETE, OperationKind.COMPLETE: OperationKind.SAVE_AND_CLOSE}
REASON = OperationError.of(AssemblyFailed("letter.txt", "it is wrong", 3))
ANOTHER_CALLBACK = Callback(url="https://example.org/told", sealed_secret="sealed anew", fingerprint="two")


@pytest.fixture
def ana(database, cast) -> Versions:
    return Versions(database, cast.caller("ana"))


@pytest.mark.parametrize("operation", KINDS)
class TestBoth:
    def test_accepting_leaves_the_items_version_alone_and_ending_raises_it_by_one(self, ana, operation, history_of):
        target = ana.open(answers={"Notes": "said"})
        request = ana.request(operation)

        accepted = ana.accept(target, request)

        assert accepted.operation == request.id
        assert accepted.session.state is STARTED[operation]
        kept = ana.item(target)
        assert (kept.version, kept.state) == (1, State.OPENED)
        assert kept.running is not None
        assert len(history_of(kept.id)) == 2

        ana.finish(ana.claim(operation))

        item = ana.item(target)
        assert (item.version, item.state, item.running, item.session) == (2, STATES[operation], None, None)
        assert item.fields[0].values == ("said",)
        session = ana.session(target)
        assert (session.state, session.ended_version, session.answers) == (SUCCEEDED[operation], 2, None)
        *_, last = history_of(item.id)
        assert (last.version, last.action, last.actor, list(last.changed)) == (
            2,
            ACTIONS[operation],
            "ana",
            ["fields", "session", "state"],
        )

    def test_a_failure_leaves_the_item_open_at_its_version_and_can_be_tried_again(self, ana, operation, history_of):
        target = ana.open(answers={"Notes": "said"})
        ana.accept(target, ana.request(operation))

        ana.fail(ana.claim(operation), REASON)

        item, session = ana.item(target), ana.session(target)
        assert (item.version, item.state, item.running) == (1, State.OPENED, None)
        assert (session.state, session.error, session.ended_version) == (FAILED[operation], REASON, None)
        assert session.answers == {"Notes": "said"}
        assert len(history_of(item.id)) == 2

        ana.accept(target, ana.request(operation))
        assert ana.session(target).error is None
        ana.finish(ana.claim(operation))

        assert ana.session(target).state is SUCCEEDED[operation]
        assert ana.item(target).version == 2

    def test_a_repeat_while_it_runs_is_told_of_the_first_and_makes_no_second_job(self, ana, operation):
        target = ana.open()
        first, second = ana.request(operation), ana.request(operation)
        ana.accept(target, first)

        repeated = ana.accept(target, second)

        assert repeated.operation == first.id
        assert repeated.session.state is STARTED[operation]
        ana.claim(operation)  # the only one

    def test_a_repeat_is_recognised_before_its_version_is_judged(self, ana, operation):
        target = ana.open()
        ana.accept(Target(item=target.item, session=target.session, version=1), ana.request(operation))
        ana.finish(ana.claim(operation))

        late = ana.accept(Target(item=target.item, session=target.session, version=1), ana.request(operation))

        assert late.session.state is SUCCEEDED[operation]
        assert late.item.version == 2

    def test_the_other_operation_or_another_callback_is_a_conflict_while_it_runs(self, ana, operation):
        target = ana.open()
        ana.accept(target, ana.request(operation, callback=CALLBACK))

        for other in (
            ana.request(OTHER[operation]),
            ana.request(OTHER[operation], callback=CALLBACK),
            ana.request(operation, callback=ANOTHER_CALLBACK),
            ana.request(operation, run_assembly=False),
        ):
            with pytest.raises(OperationConflict):
                ana.accept(target, other)
        assert ana.accept(target, ana.request(operation, callback=CALLBACK)).operation is not None
        assert ana.accept(target, ana.request(operation)).operation is not None

    def test_another_callback_is_a_conflict_afterwards_too(self, ana, operation):
        target = ana.open()
        ana.accept(target, ana.request(operation))
        ana.finish(ana.claim(operation))

        with pytest.raises(OperationConflict):
            ana.accept(target, ana.request(operation, callback=CALLBACK))

    def test_the_other_operation_afterwards_is_a_wrong_state(self, ana, operation):
        target = ana.open()
        ana.accept(target, ana.request(operation))
        ana.finish(ana.claim(operation))

        with pytest.raises(WrongState):
            ana.accept(target, ana.request(OTHER[operation]))

    def test_what_was_closed_or_completed_over_soap_is_told_as_such(self, ana, operation):
        target = ana.open()
        item = ItemReference(id=ana.item(target).id)
        if operation is OperationKind.SAVE_AND_CLOSE:
            ana.write(lambda tx: items.close_items(tx, ana.caller, [items.Close(item=item)]))
        else:
            ana.write(lambda tx: completion.complete_item(tx, ana.caller, item, ()))

        told = ana.accept(target, ana.request(operation))

        assert (told.session.state, told.operation) == (SUCCEEDED[operation], None)

    def test_a_stale_version_is_refused_and_nothing_begins(self, ana, operation, everything):
        target = ana.open()
        before = everything()

        with pytest.raises(StaleVersion):
            ana.accept(Target(item=target.item, session=target.session, version=0), ana.request(operation))

        assert everything() == before

    def test_somebody_without_a_tie_is_refused_and_learns_nothing(self, ana, operation, cast, everything):
        target = ana.open()
        ana.accept(target, ana.request(operation))
        before = everything()

        with pytest.raises(NotAllowed):
            Versions(ana.database, cast.caller("carl")).accept(target, ana.request(operation))
        assert everything() == before

    def test_somebody_elses_item_needs_the_grant_as_over_soap(self, ana, operation, cast, offered, grant, everything):
        target = Target(item=offered.guid, session="s-1")
        ana.write(lambda tx: versions.begin_version(tx, ana.caller, target))
        ben = Versions(ana.database, cast.caller("ben"))
        before = everything()
        with pytest.raises(NotAllowed):
            ben.accept(target, ana.request(operation))
        assert everything() == before

        grant(cast.ben, SystemAction.CLOSE_OTHER_RESOURCES_ITEMS)
        assert ben.accept(target, ana.request(operation)).session.state is STARTED[operation]

    def test_answers_that_do_not_fit_are_refused_before_anything_begins(self, ana, operation, everything, put_answers):
        target = ana.open()
        put_answers(target.session, '{"Notes": "far more than twenty characters"}')
        before = everything()

        with pytest.raises(InvalidField):
            ana.accept(target, ana.request(operation))
        assert everything() == before

    def test_an_unknown_version_of_the_item_is_none(self, ana, operation):
        target, other = ana.open(), ana.open()
        with pytest.raises(UnknownVersion):
            ana.accept(Target(item=target.item, session=other.session), ana.request(operation))

    def test_whoever_has_not_the_last_attempt_ends_nothing(self, ana, operation, everything):
        target = ana.open()
        ana.accept(target, ana.request(operation, callback=CALLBACK))
        asleep = ana.claim(operation)
        awake = ana.claim(operation, later=60)
        assert awake.attempt == asleep.attempt + 1
        before = everything()

        with pytest.raises(LeaseLost):
            ana.finish(asleep)
        with pytest.raises(LeaseLost):
            ana.fail(asleep, REASON)
        assert everything() == before

        ana.told.clear()
        ana.finish(awake)
        with pytest.raises(LeaseLost):
            ana.finish(asleep)
        assert (ana.item(target).version, len(ana.told)) == (2, 1)

    def test_an_item_that_moved_all_the_same_is_not_written(self, ana, operation, put, history_of):
        target = ana.open()
        ana.accept(target, ana.request(operation))
        job = ana.claim(operation)
        put(ana.item(target).id, State.OPENED, version=7)

        with pytest.raises(OperationOvertaken):
            ana.finish(job)

        item = ana.item(target)
        assert (item.version, item.state) == (7, State.OPENED)
        assert len(history_of(item.id)) == 2
        assert ana.session(target).state is STARTED[operation]

        ana.fail(job, OperationError.of(OperationOvertaken(item.id)))
        assert ana.session(target).state is FAILED[operation]
        assert ana.item(target).running is None

    def test_an_item_that_another_operation_works_on_is_not_written(self, ana, operation, put, everything):
        target = ana.open()
        ana.accept(target, ana.request(operation))
        job = ana.claim(operation)
        put(ana.item(target).id, State.OPENED, operation_id="another")
        before = everything()

        with pytest.raises(OperationOvertaken):
            ana.finish(job)
        assert everything() == before

    def test_a_session_that_another_operation_works_on_is_not_ended(self, ana, operation, put_session, everything):
        target = ana.open()
        ana.accept(target, ana.request(operation))
        job = ana.claim(operation)
        put_session(target.session, operation_id="another")
        before = everything()

        with pytest.raises(OperationOvertaken):
            ana.finish(job)
        assert everything() == before

        ana.fail(job, REASON)
        assert ana.session(target).state is STARTED[operation], "it is the other operation's"

    def test_the_callback_is_told_in_the_same_transaction_once_and_its_address_and_secret_go(self, ana, operation):
        target = ana.open()
        request = ana.request(operation, callback=CALLBACK)
        ana.accept(target, request)
        ana.finish(ana.claim(operation))

        (told,) = ana.told
        item = ana.item(target)
        assert (told.id, told.kind, told.status, told.callback) == (
            request.id,
            operation,
            SUCCEEDED[operation],
            CALLBACK,
        )
        assert (told.item_guid, told.item_version, told.session) == (item.guid, 2, target.session)
        kept = ana.database.read(lambda tx: operations.find(tx, request.id)).result(10)
        assert kept.callback == Callback(url="", sealed_secret=None, fingerprint=CALLBACK.fingerprint)
        assert (kept.item_version, kept.error) == (2, None)

    def test_the_callback_is_told_of_a_failure_too(self, ana, operation):
        target = ana.open()
        ana.accept(target, ana.request(operation, callback=CALLBACK))
        ana.fail(ana.claim(operation), REASON)

        (told,) = ana.told
        assert (told.status, told.error, told.item_version) == (FAILED[operation], REASON, 1)

    def test_without_a_callback_nobody_is_told(self, ana, operation):
        target = ana.open()
        ana.accept(target, ana.request(operation))
        ana.finish(ana.claim(operation))
        assert ana.told == []

    def test_if_nobody_can_be_told_nothing_ends(self, ana, operation, everything):
        target = ana.open()
        ana.accept(target, ana.request(operation, callback=CALLBACK))
        job = ana.claim(operation)
        before = everything()

        def refuse(tx, finished):
            raise OSError("no")

        with pytest.raises(OSError, match="no"):
            ana.write(lambda tx: version_operations.finish(tx, job, (), record_delivery=refuse))
        assert everything() == before

    def test_a_caller_who_must_say_versions_must_say_one_here_too(self, ana, operation, cast):
        target = ana.open()
        strict = Versions(ana.database, Caller(person=cast.ana, tenancy=1, must_supply_version=True))
        with pytest.raises(InvalidRequest):
            strict.accept(target, ana.request(operation))
        strict.accept(Target(item=target.item, session=target.session, version=1), ana.request(operation))

    def test_a_suspended_item_that_is_open_may_be_ended_too(self, ana, operation, cast):
        target = ana.open()
        item = ItemReference(id=ana.item(target).id)
        ana.write(lambda tx: scheduling.suspend_item(tx, cast.caller("supervisor"), item))
        ana.accept(target, ana.request(operation))
        ana.finish(ana.claim(operation))

        expected = State.SUSPENDED if operation is OperationKind.SAVE_AND_CLOSE else State.COMPLETED
        assert (ana.item(target).state, ana.item(target).version) == (expected, 3)

    def test_there_is_one_job_for_an_operation_whatever_happens(self, ana, operation):
        target = ana.open()
        request = ana.request(operation)
        ana.accept(target, request)
        with pytest.raises(StorageUnavailable, match=r"(?i)unique"):
            ana.write(lambda tx: jobs.enqueue(tx, operation, request.id))


def test_a_saved_item_goes_back_to_its_offer_where_its_work_type_says_so(ana):
    operation = OperationKind.SAVE_AND_CLOSE
    again = WorkType(id="again", fields=(NOTES,), reoffer_on_close=True)
    ana.write(lambda tx: work_types.put(tx, again))
    new = NewWorkItem(name="x", work_type_id="again")
    item = ana.write(lambda tx: scheduling.create_item(tx, new, (), ["ana"]))
    target = Target(item=item.guid, session="s-1")
    ana.write(lambda tx: versions.begin_version(tx, ana.caller, target))
    ana.accept(target, ana.request(operation))
    ana.finish(ana.claim(operation))

    assert ana.item(target).state is State.OFFERED


def test_what_nobody_holds_any_more_is_changed_by_whom_it_is_offered_to_only(ana, cast, write):
    """Who held it once may look at it, and that is all."""

    def give_to_ana(tx):
        new = NewWorkItem(name="x", distribution=Distribution.ALLOCATE)
        return work_items.add(
            tx, new, (NOTES,), guid="held-once", by=None, offered_to=[cast.ben], allocated_to=cast.ana
        )

    def take_from_her(tx):
        item = work_items.get(tx, given.id)
        return work_items.save(tx, item, item.unallocated(), action=Action.UNALLOCATE, by=None)

    def correct(who):
        return write(lambda tx: versions.overlay_answers(tx, cast.caller(who), given.guid, {"Notes": who}))

    given = write(give_to_ana)
    target = Target(item=given.guid, session="s-1")
    write(lambda tx: versions.begin_version(tx, ana.caller, target))
    ana.accept(target, ana.request(OperationKind.SAVE_AND_CLOSE))
    ana.finish(ana.claim(OperationKind.SAVE_AND_CLOSE))
    assert correct("ana").version == 3

    assert write(take_from_her).state is State.OFFERED
    with pytest.raises(NotAllowed):
        correct("ana")
    assert correct("ben").version == 5


def test_completing_keeps_the_documents_in_their_order_and_a_save_has_none(ana):
    target = ana.open()
    ana.accept(target, ana.request(OperationKind.COMPLETE))
    made = [NewDocument(name=f"{n}.txt", media_type="text/plain", content=f"no. {n}".encode()) for n in range(3)]
    ana.finish(ana.claim("Complete"), made)

    stored = ana.database.read(lambda tx: documents.of_session(tx, target.session)).result(10)
    assert [(one.position, one.name, one.size, one.digest) for one in stored] == [
        (n, one.name, 5, one.digest) for n, one in enumerate(made)
    ]
    one, content = ana.database.read(lambda tx: versions.read_document(tx, ana.caller, target, stored[1].id)).result(10)
    assert (one, content) == (stored[1], b"no. 1")


def test_create_and_assemble_opens_and_accepts_both_or_neither(ana, everything):
    item = ana.write(lambda tx: scheduling.create_item(tx, NewWorkItem(name="x"), [NOTES], ["ana"]))
    target = Target(item=item.guid, session="s-1", version=0)
    request = ana.request(OperationKind.COMPLETE)
    before = everything()

    def both(answers, at=target):
        return ana.write(
            lambda tx: version_operations.accept_create_and_assemble(tx, ana.caller, at, request, answers=answers)
        )

    with pytest.raises(InvalidField):
        both({"Nobody": "knows"})
    assert everything() == before

    assert both({"Notes": "said"}).session.state is SessionState.COMPLETING
    assert both({"Notes": "said"}).operation == request.id, "a repeat"
    ana.fail(ana.claim("Complete"), OperationError(code="X", message="no"))
    request = ana.request(OperationKind.COMPLETE)
    again = both({"Notes": "corrected"}, replace(target, version=1))
    assert again.session.state is SessionState.COMPLETING, "another try, with other answers"
    ana.finish(ana.claim("Complete"))
    assert (ana.item(target).state, ana.item(target).fields[0].values) == (State.COMPLETED, ("corrected",))
