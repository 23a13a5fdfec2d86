"""Versions of items: created by a client's GUID, begun, resumed, left, and answered; by the checks of SOAP."""

import uuid
from dataclasses import replace
from decimal import Decimal

import pytest

from soapsvc.domain.caller import Caller, SystemAction
from soapsvc.domain.data import Direction, Field, FieldType
from soapsvc.domain.document import Template, TemplatePackage
from soapsvc.domain.errors import (
    EntityNotEligible,
    InvalidField,
    NotAllowed,
    OpenLimitReached,
    StaleVersion,
    UnknownEntity,
    UnknownWorkItem,
    UnknownWorkType,
    WrongState,
)
from soapsvc.domain.states import State
from soapsvc.domain.version_errors import (
    SessionInProgress,
    UnknownTemplatePackage,
    UnknownVersion,
    VersionExists,
    WorkItemExists,
)
from soapsvc.domain.version_session import OPEN, OperationKind, SessionState
from soapsvc.domain.work_type import WorkType
from soapsvc.storage import documents, work_items, work_types
from soapsvc.usecases import allocation, completion, items, versions
from soapsvc.usecases.access import ItemReference
from soapsvc.usecases.versions import NewVersionedItem, Target
from tests.support.versions import Versions

ITEM = "2d9f3d10-6fdb-494f-9929-955515c6f114"


@pytest.fixture
def ana(database, cast) -> Versions:
    return Versions(database, cast.caller("ana"))


@pytest.fixture
def scheduler(ana, grant, cast) -> Versions:
    grant(cast.ana, SystemAction.SCHEDULE_WORK_ITEM)
    return ana


def create(ana: Versions, guid=ITEM, **properties):
    new = NewVersionedItem(**({"name": "Review claim"} | properties))
    return ana.write(lambda tx: versions.create_work_item(tx, ana.caller, guid, new))


def begin(ana: Versions, target: Target, **options):
    return ana.write(lambda tx: versions.begin_version(tx, ana.caller, target, **options))


def other(target: Target, **changes) -> Target:
    return Target(**({"item": target.item, "session": str(uuid.uuid4())} | changes))


# Creating


def test_an_item_is_created_with_the_clients_guid_for_who_creates_it(scheduler):
    item = create(scheduler, answers={"Name": "Adler", "Amount": Decimal("1.5"), "Paid": True, "Tags": ["a", "b"]})

    assert (item.guid, item.version, item.state, item.owner) == (ITEM, 0, State.ALLOCATED, scheduler.caller.person)
    assert {field.name: (field.type, field.array) for field in item.fields} == {
        "Name": (FieldType.STRING, False),
        "Amount": (FieldType.DECIMAL_NUMBER, False),
        "Paid": (FieldType.BOOLEAN, False),
        "Tags": (FieldType.STRING, True),
    }


def test_an_item_is_offered_to_its_work_group(scheduler, cast):
    item = create(scheduler, guid=None, work_group="GUID-of-ben")
    assert item.state is State.OFFERED
    assert uuid.UUID(item.guid)
    (to,) = scheduler.database.read(lambda tx: work_items.offer_set(tx, item)).result(10)
    assert to == cast.ben


def test_the_fields_of_a_work_type_are_answered(scheduler):
    notes = Field(name="Notes", direction=Direction.INPUT, type=FieldType.STRING)
    scheduler.write(lambda tx: work_types.put(tx, WorkType(id="claim", fields=(notes,))))
    assert create(scheduler, work_type_id="claim", answers={"Notes": "as sent"}).fields[0].values == ("as sent",)
    with pytest.raises(InvalidField):
        create(scheduler, guid=None, work_type_id="claim", answers={"Nothing": "of this"})


def test_creating_needs_the_grant_and_says_nothing_without(ana, everything):
    before = everything()
    with pytest.raises(NotAllowed):
        create(ana, template_package_id="unknown", work_group="nobody")
    assert everything() == before


@pytest.mark.parametrize(
    ("properties", "error"),
    [
        ({"work_group": "nobody"}, UnknownEntity),
        ({"work_type_id": "unknown"}, UnknownWorkType),
        ({"template_package_id": "unknown"}, UnknownTemplatePackage),
    ],
)
def test_what_does_not_exist_is_refused(scheduler, properties, error, everything):
    before = everything()
    with pytest.raises(error):
        create(scheduler, **properties)
    assert everything() == before


def test_a_guid_is_used_once(scheduler):
    create(scheduler)
    with pytest.raises(WorkItemExists):
        create(scheduler, name="another")


def test_a_template_package_is_remembered_with_the_item(scheduler):
    package = TemplatePackage(id="letters", templates=[Template(name="a.txt", media_type="text/plain", content=b"")])
    scheduler.write(lambda tx: documents.put_package(tx, package))
    assert create(scheduler, template_package_id="letters").template_package_id == "letters"


# Beginning


def test_an_offered_item_is_taken_and_opened_in_a_session_of_the_clients_guid(ana, offered, history_of):
    target = Target(item=offered.guid, session="s-1")
    begun = begin(ana, target, answers={"Notes": "said"})

    assert (begun.item.version, begun.item.state, begun.item.session) == (1, State.OPENED, "s-1")
    assert (begun.session.state, begun.session.answers) == (SessionState.IN_PROGRESS, {"Notes": "said"})
    assert begun.item.fields == offered.fields, "the answers are not saved yet"
    assert [row.action for row in history_of(offered.id)][-1] == "allocateAndOpenWorkItem"


def test_what_was_opened_over_soap_is_gone_on_with_by_its_guid(ana, opened):
    target = Target(item=opened.guid, session=opened.session, version=opened.version)
    begun = begin(ana, target, answers={"Notes": "said"})
    assert (begun.item.version, begun.item.session) == (2, opened.session)
    assert begun.session.answers == {"Notes": "said"}


def test_a_repeat_of_beginning_changes_nothing(ana, offered, everything):
    target = Target(item=offered.guid, session="s-1")
    begin(ana, target, answers={"Notes": "said"})
    before = everything()
    begin(ana, target, answers={"Notes": "said"})
    assert everything() == before


def test_without_answers_the_saved_ones_hold_again(ana, offered):
    target = Target(item=offered.guid, session="s-1")
    begin(ana, target, answers={"Notes": "said"})
    begun = begin(ana, target)
    assert (begun.session.answers, begun.item.version) == (None, 2)


def test_a_second_session_is_refused_and_with_force_leaves_the_first(ana):
    target = ana.open(answers={"Notes": "unsaved"})
    second = other(target)
    with pytest.raises(SessionInProgress):
        begin(ana, second)

    begun = begin(ana, second, force=True, answers={"Notes": "anew"})

    assert (begun.item.version, begun.item.state, begun.item.session) == (2, State.OPENED, second.session)
    left = ana.session(target)
    assert (left.state, left.answers, left.ended_version) == (SessionState.ABANDONED, None, 2)
    assert ana.item(target).fields[0].values == ()
    with pytest.raises(VersionExists):
        begin(ana, target, force=True)


def test_force_does_not_leave_what_an_operation_works_on(ana):
    target = ana.open()
    ana.accept(target, ana.request(OperationKind.COMPLETE))
    with pytest.raises(WrongState) as refused:
        begin(ana, other(target), force=True)
    assert refused.value.parameters[1] == "Completing"
    with pytest.raises(WrongState):
        begin(ana, target, answers={"Notes": "too late"})


def test_a_saved_version_is_begun_again_with_what_was_saved(ana):
    operation = OperationKind.SAVE_AND_CLOSE
    target = ana.open(answers={"Notes": "said"})
    ana.accept(target, ana.request(operation))
    ana.finish(ana.claim(operation))

    begun = begin(ana, target)

    assert (begun.item.version, begun.item.state) == (3, State.OPENED)
    assert (begun.session.state, begun.session.ended_version, begun.session.operation) == (
        SessionState.IN_PROGRESS,
        None,
        None,
    )
    _, answers = ana.database.read(lambda tx: versions.get_answers(tx, ana.caller, target.item)).result(10)
    assert answers == {"Notes": "said"}
    ana.accept(target, ana.request(operation))
    ana.finish(ana.claim(operation))
    assert ana.item(target).version == 4


def test_a_new_version_of_a_completed_item_opens_it_anew(ana, history_of):
    operation = OperationKind.COMPLETE
    target = ana.open()
    ana.accept(target, ana.request(operation))
    ana.finish(ana.claim(operation))
    with pytest.raises(VersionExists):
        begin(ana, target)

    begun = begin(ana, other(target))

    assert (begun.item.version, begun.item.state) == (3, State.OPENED)
    assert [row.action for row in history_of(begun.item.id)][-1] == "reopenWorkItem"
    listed = ana.database.read(lambda tx: versions.list_versions(tx, ana.caller, target.item)).result(10)
    assert [one.state for one in listed] == [SessionState.COMPLETED, SessionState.IN_PROGRESS]


def test_answers_that_do_not_fit_begin_nothing(ana, offered, everything):
    before = everything()
    with pytest.raises(InvalidField):
        begin(ana, Target(item=offered.guid, session="s-1"), answers={"Amount": "no number"})
    assert everything() == before


def test_a_stale_version_begins_nothing(ana, offered, everything):
    before = everything()
    with pytest.raises(StaleVersion):
        begin(ana, Target(item=offered.guid, session="s-1", version=7))
    assert everything() == before


def test_a_guid_of_another_items_version_is_refused(ana, offered):
    target = ana.open()
    with pytest.raises(VersionExists):
        begin(ana, Target(item=offered.guid, session=target.session))


def test_who_may_not_open_may_not_begin(ana, offered, cast, everything):
    carl = Versions(ana.database, cast.caller("carl"))
    before = everything()
    with pytest.raises(NotAllowed):
        begin(carl, Target(item=offered.guid, session="s-1"))
    with pytest.raises(EntityNotEligible):
        begin(Versions(ana.database, cast.caller("supervisor")), Target(item=offered.guid, session="s-1"))
    assert everything() == before


def test_the_limit_of_open_items_holds(database, offered, cast):
    ana = Versions(database, Caller(person=replace(cast.ana, max_open_items=1), tenancy=1))
    ana.open()
    with pytest.raises(OpenLimitReached):
        begin(ana, Target(item=offered.guid, session="s-1"))


def test_an_unknown_item_and_an_unknown_version_are_told(ana, offered):
    with pytest.raises(UnknownWorkItem):
        begin(ana, Target(item="nobody's", session="s-1"))
    with pytest.raises(UnknownVersion):
        ana.database.read(
            lambda tx: versions.get_version(tx, ana.caller, Target(item=offered.guid, session="s-1"))
        ).result(10)


# What SOAP does to a session


def test_over_soap_a_session_ends_as_its_item_was_ended(ana, cast):
    ended = {}
    for end in ("close", "complete", "reallocate"):
        target = ana.open(answers={"Notes": "unsaved"})
        item = ItemReference(id=ana.item(target).id)
        if end == "close":
            ana.write(lambda tx, item=item: items.close_items(tx, ana.caller, [items.Close(item=item)]))
        elif end == "complete":
            ana.write(lambda tx, item=item: completion.complete_item(tx, ana.caller, item, ()))
        else:
            give = allocation.Reallocation(item=item, resource="ben")
            ana.write(lambda tx, give=give: allocation.reallocate_items(tx, cast.caller("supervisor"), [give]))
        session = ana.session(target)
        assert (session.answers, session.ended_version) == (None, 2)
        assert ana.item(target).fields[0].values == (), "what was not saved is gone"
        ended[end] = session.state
    assert ended == {
        "close": SessionState.SAVED,
        "complete": SessionState.COMPLETED,
        "reallocate": SessionState.ABANDONED,
    }


# Answers


def overlay(ana: Versions, target: Target, answers, version=None):
    return ana.write(lambda tx: versions.overlay_answers(tx, ana.caller, target.item, answers, version))


def answers_of(ana: Versions, target: Target):
    return ana.database.read(lambda tx: versions.get_answers(tx, ana.caller, target.item)).result(10)[1]


def test_answers_go_to_the_session_in_progress_and_raise_the_version(ana):
    target = ana.open()
    item = overlay(ana, target, {"Notes": "said"}, 1)
    assert (item.version, item.fields[0].values) == (2, ())
    assert answers_of(ana, target) == {"Notes": "said"}
    with pytest.raises(StaleVersion):
        overlay(ana, target, {"Notes": "unseen"}, 1)


@pytest.mark.parametrize("operation", list(OperationKind))
def test_answers_of_what_was_saved_or_completed_change_the_item(ana, operation):
    target = ana.open(answers={"Notes": "said"})
    ana.accept(target, ana.request(operation))
    with pytest.raises(WrongState):
        overlay(ana, target, {"Notes": "too early"})
    ana.finish(ana.claim(operation))

    item = overlay(ana, target, {"Notes": "corrected"}, 2)

    assert (item.version, item.fields[0].values) == (3, ("corrected",))
    replaced = ana.write(lambda tx: versions.replace_answers(tx, ana.caller, target.item, {}, 3))
    assert (replaced.version, replaced.fields[0].values) == (4, ())


def test_answers_of_an_item_that_was_never_open_cannot_be_changed(ana, offered):
    with pytest.raises(WrongState):
        overlay(ana, Target(item=offered.guid, session=""), {"Notes": "said"})


@pytest.mark.parametrize("state", list(SessionState))
def test_answers_may_be_changed_in_the_states_of_the_contract(ana, put_session, state):
    target = ana.open()
    put_session(target.session, state=state)
    allowed = state in {
        SessionState.IN_PROGRESS,
        SessionState.POST_PROCESSING_FAILED,
        SessionState.SAVED,
        SessionState.COMPLETED,
    }
    if allowed and state in OPEN:
        assert overlay(ana, target, {"Notes": "said"}).version == 2
    elif not allowed:
        with pytest.raises(WrongState):
            overlay(ana, target, {"Notes": "said"})
