"""Tenancies: what the operator does about them, which one a request means, and what the clock does in all of them."""

import asyncio
from datetime import timedelta

import pytest
import sqlalchemy as sa
from hypothesis import given
from hypothesis import strategies as st

from soapsvc.domain.caller import SystemAction
from soapsvc.domain.errors import (
    InvalidRequest,
    NameTaken,
    NotAuthenticated,
    UnknownEntity,
    UnknownTenancy,
    UnknownWorkItem,
)
from soapsvc.domain.organisation_model import OrganisationModel, difference
from soapsvc.domain.states import State
from soapsvc.domain.tenancy import Tenancy
from soapsvc.domain.work_item import NewWorkItem
from soapsvc.storage import answered_requests, history, standing, work_items
from soapsvc.storage.database import InTenancy, open_database
from soapsvc.storage.memories import Memories
from soapsvc.storage.tables import work_item
from soapsvc.usecases import history as histories
from soapsvc.usecases import organisation, people, repeats, scheduling, tenancies, timers
from soapsvc.usecases.sign_in import SignIn, hash_password
from soapsvc.usecases.tenancies import Directory, KnownTenancies
from tests.conftest import DEFAULT_TENANCY, PASSWORD
from tests.support.organisations import insurance

DEFAULT = Tenancy(id=1, moniker="default", name="default")
HASH = hash_password("another password")
ACME = Tenancy(id=7, moniker="acme", name="Acme")


@pytest.fixture
def other(whole_database):
    """Another tenancy, with an ana of its own."""
    added = whole_database.write(lambda tx: tenancies.add_tenancy(tx, "other")).result(10)
    side = InTenancy(whole_database, added.id)
    side.write(lambda tx: people.add_person(tx, name="ana", guid="GUID-of-ana", password_hash=HASH)).result(10)
    return side


def item_in(side: InTenancy, name: str = "x"):
    return side.write(lambda tx: scheduling.create_item(tx, NewWorkItem(name=name), (), ["ana"])).result(10)


# What the operator does


def test_a_database_has_the_default_tenancy_from_the_first(whole_database):
    assert whole_database.read(tenancies.list_tenancies).result(10) == [DEFAULT]


@pytest.mark.parametrize("moniker", ["a", "acme", "ACME", "a-b", "4you", "x" * 63])
def test_a_moniker_is_the_label_of_a_host_in_lower_case(whole_database, moniker):
    added = whole_database.write(lambda tx: tenancies.add_tenancy(tx, moniker)).result(10)
    assert (added.moniker, added.name) == (moniker.lower(), moniker.lower())
    assert whole_database.read(lambda tx: tenancies.find_tenancy(tx, moniker.upper())).result(10) == added


@pytest.mark.parametrize(
    "moniker", ["", "127", "-a", "a-", "a.b", "a b", "a_b", "a\\b", "stra\u00dfe", "x" * 64, "a\n"]
)
def test_what_no_host_could_begin_with_is_no_moniker(whole_database, moniker):
    with pytest.raises(InvalidRequest, match="moniker"):
        whole_database.write(lambda tx: tenancies.add_tenancy(tx, moniker)).result(10)


@pytest.mark.parametrize("name", ["", " ", "x" * 101, "a\nb"])
def test_a_tenancys_name_can_be_shown(whole_database, name):
    with pytest.raises(InvalidRequest, match="name"):
        whole_database.write(lambda tx: tenancies.add_tenancy(tx, "acme", name)).result(10)


@pytest.mark.parametrize("moniker", ["default", "Default"])
def test_a_moniker_is_given_once(whole_database, moniker):
    with pytest.raises(NameTaken):
        whole_database.write(lambda tx: tenancies.add_tenancy(tx, moniker)).result(10)


def test_an_unknown_tenancy_is_named(whole_database):
    with pytest.raises(UnknownTenancy) as unknown:
        whole_database.write(lambda tx: tenancies.require_versions(tx, "nowhere", True)).result(10)
    assert unknown.value.parameters == ("nowhere",)


def test_a_name_to_sign_in_with_has_no_backslash(write):
    with pytest.raises(InvalidRequest, match="backslash"):
        write(lambda tx: people.add_person(tx, name="acme\\ana", guid=None, password_hash="h"))


def test_the_operator_sees_and_changes_one_tenancys_items_and_people(database, other):
    ours, theirs = item_in(database), item_in(other)
    for side, own, foreign in ((database, ours, theirs), (other, theirs, ours)):
        assert [one.id for one in side.read(lambda tx: histories.list_items(tx, 100)).result(10)] == [own.id]
        for act in (histories.show_item, histories.history_of, scheduling.touch_item):
            with pytest.raises(UnknownWorkItem):
                side.write(lambda tx, act=act, i=foreign.id: act(tx, i)).result(10)
    assert [one.name for one in other.read(people.list_people).result(10)] == ["ana"]


def test_each_tenancy_has_its_organisation_and_its_grants(database, other):
    """One file gives both the same names and GUIDs; what then happens to one is not felt by the other."""
    for side in (database, other):
        side.write(lambda tx: organisation.load(tx, insurance())).result(10)
    other.write(lambda tx: people.grant(tx, "ana", SystemAction.VIEW_WORK_LIST, "Claims")).result(10)
    other.write(lambda tx: organisation.load(tx, OrganisationModel())).result(10)
    assert not difference(database.read(organisation.export).result(10), insurance())
    assert database.read(lambda tx: people.grants_of(tx, "ana")).result(10) == []
    with pytest.raises(UnknownEntity):
        other.read(lambda tx: organisation.find(tx, "Claims")).result(10)


def test_where_somebody_stands_is_remembered_for_his_tenancy_alone(database_url, other):
    """Even if somebody were looked up in a tenancy that is not his."""
    warm = open_database(database_url, memories=Memories(1000.0))
    try:
        ours, theirs = InTenancy(warm, DEFAULT_TENANCY), InTenancy(warm, other.tenancy)
        ours.write(lambda tx: people.grant(tx, "ana", SystemAction.VIEW_WORK_LIST)).result(10)
        ana = ours.read(lambda tx: people.find_person(tx, "ana")).result(10)
        assert ours.read(lambda tx: standing.of(tx, ana)).result(10).may_everywhere(SystemAction.VIEW_WORK_LIST)
        assert not theirs.read(lambda tx: standing.of(tx, ana)).result(10).may_everywhere(SystemAction.VIEW_WORK_LIST)
    finally:
        warm.close()


def test_verifying_looks_at_the_histories_of_all_tenancies(whole_database, database, other):
    item_in(database)
    theirs = item_in(other)
    highest = whole_database.read(histories.highest_id).result(10)
    assert highest == theirs.id
    spoil = sa.update(work_item).where(work_item.c.id == theirs.id).values(history_hash="altered")
    whole_database.write(lambda tx: tx.connection.execute(spoil)).result(10)
    look = whole_database.read(lambda tx: histories.broken_histories(tx, after=0, to=highest))
    assert look.result(10) == [theirs.id]


# What the clock does


def hide(side: InTenancy, hours_ago: int):
    """Make an item that was hidden until so long ago."""
    item = item_in(side)

    def act(tx):
        ana = people.find_person(tx, "ana")
        hidden_until = tx.now() - timedelta(hours=hours_ago)
        hidden = item.allocated(to=ana).with_changes(state=State.PENDHIDDEN, hidden_until=hidden_until)
        return work_items.save(tx, item, hidden, action=history.Action.PEND, by=ana)

    return side.write(act).result(10)


def test_the_sweep_brings_back_what_is_due_in_every_tenancy_longest_overdue_first(whole_database, database, other):
    first, second, third = hide(other, 5), hide(database, 4), hide(other, 3)

    assert whole_database.write(lambda tx: timers.bring_back_due_anywhere(tx, 2)).result(10) == 2

    assert other.read(lambda tx: work_items.get(tx, first.id)).result(10).state is State.PENDED
    assert database.read(lambda tx: work_items.get(tx, second.id)).result(10).state is State.PENDED
    assert other.read(lambda tx: work_items.get(tx, third.id)).result(10).state is State.PENDHIDDEN
    assert whole_database.write(lambda tx: timers.bring_back_due_anywhere(tx, 2)).result(10) == 1
    assert whole_database.write(lambda tx: timers.bring_back_due_anywhere(tx, 2)).result(10) == 0


def test_a_change_of_a_due_item_brings_back_those_of_its_tenancy_alone(database, other):
    ours, theirs = hide(database, 1), hide(other, 1)

    touched = other.write(lambda tx: scheduling.touch_item(tx, theirs.id)).result(10)

    assert touched.version == theirs.version + 2
    assert database.read(lambda tx: work_items.get(tx, ours.id)).result(10) == ours


def test_old_answers_of_all_tenancies_are_forgotten(whole_database, database, other):
    for side in (database, other):

        def remember(tx):
            ana = people.find_person(tx, "ana")
            answered_requests.remember(tx, ana, "r", digest="d", answer=b"a", since=tx.now())

        side.write(remember).result(10)
    later = whole_database.write(lambda tx: answered_requests.forget(tx, until=tx.now() + repeats.REMEMBERED))
    assert later.result(10) == 2


# Signing in


def test_a_caller_is_of_the_tenancy_that_he_signed_in_to(whole_database, database, other, cast):
    sign_in = SignIn(whole_database, seconds_remembered=60)
    try:
        assert asyncio.run(sign_in.caller(DEFAULT_TENANCY, "ana", PASSWORD)) == cast.caller("ana")
        for _ in range(2):
            with pytest.raises(NotAuthenticated):
                asyncio.run(sign_in.caller(other.tenancy, "ana", PASSWORD))
    finally:
        sign_in.close()


# Which tenancy a request means

NAMES = st.text(st.characters(blacklist_categories=["Cs"]), max_size=20)


@given(host=st.binary(max_size=40), name=NAMES)
def test_whatever_a_request_says_it_means_one_tenancy(host, name):
    directory = Directory([DEFAULT, ACME], "default", version_required=False)
    tenancy, name_there = directory.meant(host, name)
    assert tenancy.id in {1, 7}
    assert name_there == name or name == f"{name.partition(chr(92))[0]}\\{name_there}"


@given(name=NAMES)
def test_a_host_of_a_tenancy_leads_to_no_other(name):
    directory = Directory([DEFAULT, ACME], "default", version_required=False)
    assert directory.meant(b"acme.example.org", name)[0].id == ACME.id
    assert directory.meant(b"acme.example.org", f"default\\{name}") == (
        directory.meant(b"acme", "")[0],
        f"default\\{name}",
    )


def test_a_service_whose_default_tenancy_does_not_exist_is_refused(whole_database):
    with pytest.raises(UnknownTenancy):
        KnownTenancies(whole_database, default="nowhere", seconds=5)


def test_another_tenancy_may_be_the_default_one(whole_database, other):
    known = KnownTenancies(whole_database, default="Other", seconds=5)
    assert asyncio.run(known.directory()).meant(b"www", "ana")[0].id == other.tenancy


def test_a_change_by_another_process_is_known_when_its_time_has_come_and_nothing_is_asked_before(
    whole_database, database_url
):
    now = [100.0]
    known = KnownTenancies(whole_database, default="default", seconds=5, clock=lambda: now[0])
    first = asyncio.run(known.directory())
    other_process = open_database(database_url)
    other_process.write(lambda tx: tenancies.require_versions(tx, "default", True)).result(10)
    other_process.close()

    now[0] = 104.9
    assert asyncio.run(known.directory()) is first
    now[0] = 105.0
    assert asyncio.run(known.directory()).default.version_required is True


def test_a_change_by_the_service_itself_is_known_at_once(whole_database):
    known = KnownTenancies(whole_database, default="default", seconds=60)
    whole_database.write(lambda tx: tenancies.require_versions(tx, "default", True)).result(10)
    assert asyncio.run(known.directory()).default.version_required is True
