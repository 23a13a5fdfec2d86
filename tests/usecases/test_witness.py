"""What is noted of sign-ins and refusals, and how little of a flood is written."""

import asyncio
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any

import pytest

from soapsvc.domain.audit import AuditEntry, AuditFilter
from soapsvc.domain.caller import Caller
from soapsvc.domain.errors import Claim, StorageUnavailable
from soapsvc.storage import audit as stored
from soapsvc.storage.database import Database, InTenancy
from soapsvc.usecases.tenancies import add_tenancy
from soapsvc.usecases.witness import MOST_KINDS_OF_REFUSALS, MOST_WAITING, Witness
from tests.conftest import DEFAULT_TENANCY, People

START = datetime(2026, 11, 22, 12, tzinfo=UTC)


class Watch:
    """A witness whose time a test moves, and what it has written."""

    def __init__(self, database: InTenancy) -> None:
        self.now = START
        self.witness = Witness(database.database, clock=lambda _: self.now)
        self._database = database
        self._before = database.read(stored.highest_id).result(10)

    def later(self, **time: int) -> None:
        self.now += timedelta(**time)

    def written(self) -> list[AuditEntry]:
        """Flush, and give what was written since the last time."""
        asyncio.run(self.witness.flush())
        read = partial(stored.after, wanted=AuditFilter(), after=self._before, most=10_000)
        entries = self._database.read(read).result(10)
        self._before = entries[-1].id if entries else self._before
        return entries


@pytest.fixture
def watch(database: InTenancy) -> Watch:
    return Watch(database)


@pytest.fixture
def ana(cast: People) -> Caller:
    return cast.caller("ana")


def told(entries: list[AuditEntry]) -> list[tuple[str, ...]]:
    return [(one.kind, one.actor or "", one.address or "", one.subject or "", one.detail or "") for one in entries]


def claim(name: str) -> Claim:
    return Claim(tenancy=DEFAULT_TENANCY, name=name)


# Sign-ins


def test_a_sign_in_is_written_once_an_hour_for_each_person_and_address(watch: Watch, cast: People, ana: Caller) -> None:
    for _ in range(3):
        watch.witness.signed_in(ana, "10.0.0.1")
    watch.witness.signed_in(ana, "10.0.0.2")
    watch.witness.signed_in(cast.caller("ben"), "10.0.0.1")
    assert told(watch.written()) == [
        ("sign-in", "ana", "10.0.0.1", "", ""),
        ("sign-in", "ana", "10.0.0.2", "", ""),
        ("sign-in", "ben", "10.0.0.1", "", ""),
    ]
    watch.later(minutes=59)
    watch.witness.signed_in(ana, "10.0.0.1")
    assert watch.written() == []
    watch.later(minutes=1)
    watch.witness.signed_in(ana, "10.0.0.1")
    (again,) = watch.written()
    assert (again.actor_guid, again.at) == ("GUID-of-ana", START + timedelta(hours=1))


# Refusals


def test_alike_refusals_of_a_minute_are_two_entries_the_first_at_once(watch: Watch) -> None:
    for _ in range(40):
        watch.witness.sign_in_refused(claim("ana"), "10.0.0.1")
        watch.later(seconds=1)
    (first,) = watch.written()
    assert (first.kind, first.subject, first.address, first.detail) == ("sign-in-refused", "ana", "10.0.0.1", None)
    assert (first.actor, first.at) == (None, START)
    watch.later(seconds=19)
    assert watch.written() == []
    watch.later(seconds=1)
    assert told(watch.written()) == [("sign-in-refused", "", "10.0.0.1", "ana", "39 more")]
    watch.witness.sign_in_refused(claim("ana"), "10.0.0.1")
    assert told(watch.written()) == [("sign-in-refused", "", "10.0.0.1", "ana", "")]


def test_one_refusal_alone_leaves_one_entry(watch: Watch) -> None:
    watch.witness.sign_in_refused(claim("ana"), None)
    assert len(watch.written()) == 1
    watch.later(minutes=2)
    assert watch.written() == []


def test_a_name_that_nobody_has_is_never_written_for_it_may_be_a_password(watch: Watch) -> None:
    watch.witness.sign_in_refused(claim("correct horse"), "10.0.0.1")
    ((*_, subject, detail),) = told(watch.written())
    assert (subject, detail) == ("an unknown name", "")


def test_a_refused_operation_names_caller_operation_and_items(watch: Watch, ana: Caller) -> None:
    watch.witness.refused(ana, "::1", operation="skipWorkItem", items=["7"])
    watch.witness.refused(ana, "::1", operation="scheduleWorkItem")
    watch.witness.refused(ana, "::1", operation="openWorkItem", items=[str(number) for number in range(1, 12)])
    assert told(watch.written()) == [
        ("refusal", "ana", "::1", "skipWorkItem: work item 7", ""),
        ("refusal", "ana", "::1", "scheduleWorkItem", ""),
        ("refusal", "ana", "::1", "openWorkItem: work items 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, …", ""),
    ]


@pytest.mark.parametrize("flood", ["names", "addresses", "operations"])
def test_a_flood_of_different_refusals_writes_a_bounded_number_of_entries(
    watch: Watch, ana: Caller, flood: str
) -> None:
    act: dict[str, Callable[[int], Any]] = {
        "names": lambda number: watch.witness.sign_in_refused(claim(f"name {number}"), "10.0.0.1"),
        "addresses": lambda number: watch.witness.sign_in_refused(claim("ana"), f"10.0.0.{number}"),
        "operations": lambda number: watch.witness.refused(ana, "::1", operation="openWorkItem", items=[str(number)]),
    }
    for number in range(2 * MOST_KINDS_OF_REFUSALS):
        act[flood](number)
        act[flood](number)
    at_once = watch.written()
    assert len(at_once) == MOST_KINDS_OF_REFUSALS + 1
    watch.later(minutes=1)
    later = watch.written()
    assert len(later) == MOST_KINDS_OF_REFUSALS + 1
    assert later[-1].detail == f"others, too many to tell apart, {2 * MOST_KINDS_OF_REFUSALS - 1} more"


def test_a_flood_of_one_kind_leaves_room_for_the_other(watch: Watch, ana: Caller) -> None:
    for number in range(2 * MOST_KINDS_OF_REFUSALS):
        watch.witness.sign_in_refused(claim("ana"), f"10.0.0.{number}")
    watch.witness.refused(ana, "::1", operation="skipWorkItem", items=["7"])
    assert ("refusal", "ana", "::1", "skipWorkItem: work item 7", "") in told(watch.written())


def test_what_comes_faster_than_it_is_written_is_counted_as_lost(watch: Watch, ana: Caller) -> None:
    for number in range(MOST_WAITING + 3):
        watch.witness.signed_in(ana, f"address {number}")
    entries = watch.written()
    assert len(entries) == MOST_WAITING + 1
    assert told(entries)[-1] == ("entries-lost", "", "", "", "3 came too fast")
    assert watch.written() == []


# Writing


def test_what_could_not_be_written_is_written_the_next_time(
    whole_database: Database, watch: Watch, ana: Caller
) -> None:
    class Flaky:
        is_broken = True

        def written(self, *arguments: Any, **options: Any) -> Any:
            if self.is_broken:
                raise StorageUnavailable("the disk is full")
            return whole_database.written(*arguments, **options)

    flaky: Any = Flaky()
    watch.witness = Witness(flaky, clock=lambda _: watch.now)
    watch.witness.signed_in(ana, "10.0.0.1")
    with pytest.raises(StorageUnavailable):
        asyncio.run(watch.witness.flush())
    flaky.is_broken = False
    assert told(watch.written()) == [("sign-in", "ana", "10.0.0.1", "", "")]


def test_closing_writes_what_waits_and_the_counts_so_far(watch: Watch) -> None:
    for _ in range(3):
        watch.witness.sign_in_refused(claim("ana"), "10.0.0.1")
    watch.witness.close()
    assert [one.detail for one in watch.written()] == [None, "2 more"]


# Tenancies


def test_what_is_noted_goes_to_the_log_of_its_own_tenancy(
    whole_database: Database, watch: Watch, cast: People, ana: Caller
) -> None:
    other = InTenancy(whole_database, whole_database.write(partial(add_tenancy, moniker="acme")).result(10).id)
    before = other.read(stored.highest_id).result(10)
    elsewhere = Caller(person=cast.ana, tenancy=other.tenancy)
    watch.witness.signed_in(ana, "10.0.0.1")
    watch.witness.signed_in(elsewhere, "10.0.0.1")
    watch.witness.refused(elsewhere, "10.0.0.1", operation="skipWorkItem")
    watch.witness.sign_in_refused(Claim(tenancy=other.tenancy, name="ben"), "10.0.0.1")
    assert told(watch.written()) == [("sign-in", "ana", "10.0.0.1", "", "")]
    read = partial(stored.after, wanted=AuditFilter(), after=before, most=10_000)
    assert told(other.read(read).result(10)) == [
        ("sign-in", "ana", "10.0.0.1", "", ""),
        ("refusal", "ana", "10.0.0.1", "skipWorkItem", ""),
        ("sign-in-refused", "", "10.0.0.1", "an unknown name", ""),  # there is no ben there
    ]


def test_entries_that_are_lost_are_counted_where_they_are_missed(
    whole_database: Database, watch: Watch, cast: People, ana: Caller
) -> None:
    other = InTenancy(whole_database, whole_database.write(partial(add_tenancy, moniker="acme")).result(10).id)
    for number in range(MOST_WAITING):
        watch.witness.signed_in(ana, f"address {number}")
    watch.witness.signed_in(Caller(person=cast.ana, tenancy=other.tenancy), "10.0.0.1")
    assert len(watch.written()) == MOST_WAITING
    last = other.read(partial(stored.newest, wanted=AuditFilter(), most=1)).result(10)
    assert told(last) == [("entries-lost", "", "", "", "1 came too fast")]
