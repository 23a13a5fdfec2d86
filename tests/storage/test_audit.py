"""The audit log's rows: only ever added, chained, and found again."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any

import pytest
import sqlalchemy as sa

from soapsvc.domain.audit import AuditEntry, AuditFilter, AuditKind
from soapsvc.storage import audit
from soapsvc.storage.database import InTenancy
from soapsvc.usecases.audit import Chain
from tests.support.databases import run_by_hand

MOMENT = datetime(2026, 11, 22, 12, tzinfo=UTC)
EVERYTHING = AuditFilter()


def entry(number: int = 0, **properties: Any) -> AuditEntry:
    values = {
        "id": 0,
        "at": MOMENT + timedelta(minutes=number),
        "kind": AuditKind.GRANT,
        "actor": None,
        "actor_guid": None,
        "address": None,
        "subject": f"person {number}",
        "detail": None,
        "hash": "",
    }
    return AuditEntry(**(values | properties))


@pytest.fixture
def log(database: InTenancy) -> Callable[..., list[AuditEntry]]:
    """Read the entries that this test made."""
    before = database.read(audit.highest_id).result(10)

    def read(wanted: AuditFilter = EVERYTHING, after: int = before, most: int = 100) -> list[AuditEntry]:
        return database.read(partial(audit.after, wanted=wanted, after=after, most=most)).result(10)

    return read


def add(database: InTenancy, *entries: AuditEntry) -> None:
    database.write(lambda tx: audit.append(tx, entries)).result(10)


def whole(database: InTenancy) -> bool:
    chain = Chain(database.tenancy)
    everything = database.read(partial(audit.after, wanted=EVERYTHING, after=0, most=10_000)).result(10)
    return all(chain.goes_on_with(one) for one in everything)


@pytest.fixture
def by_hand(database: InTenancy, database_url: sa.URL) -> Callable[[str], object]:
    """Run SQL beside the service, as somebody who has the database would."""
    return partial(run_by_hand, database_url)


# Only ever added


CHANGES = ["UPDATE audit SET detail = 'nothing'", "UPDATE audit SET id = id + 100", "DELETE FROM audit"]
CHANGES_OF = {
    "sqlite": [
        "INSERT OR REPLACE INTO audit SELECT * FROM audit",
        "REPLACE INTO audit (id, tenancy_id, at, kind, hash) SELECT min(id), 1, 1, 'x', 'x' FROM audit",
    ],
    "postgresql": [
        "TRUNCATE audit",
        "INSERT INTO audit SELECT * FROM audit ON CONFLICT (id) DO UPDATE SET hash = 'x'",
    ],
}


DROPS_OF = {
    "sqlite": [f"DROP TRIGGER audit_{what}" for what in ("keeps_its_rows", "loses_no_row", "replaces_no_row")],
    "postgresql": ["DROP TRIGGER audit_keeps_its_rows ON audit"],
}


@pytest.mark.parametrize(
    ("kind", "statement"), [(kind, one) for kind, others in CHANGES_OF.items() for one in (*CHANGES, *others)]
)
def test_a_row_that_is_there_can_be_neither_changed_nor_taken_away(
    database: InTenancy, log: Callable[..., list[AuditEntry]], by_hand: Callable[[str], None], statement: str
) -> None:
    add(database, entry(1), entry(2))
    before = log(after=0)
    with pytest.raises(sa.exc.DBAPIError, match="append-only"):
        by_hand(statement)
    assert log(after=0) == before


# Chained


def test_what_is_written_is_read_and_its_chain_is_whole(
    database: InTenancy, log: Callable[..., list[AuditEntry]]
) -> None:
    written = entry(1, actor="ana", actor_guid="G", address="::1", detail="Straße 😀")
    add(database, written)
    add(database, entry(2), entry(3))
    first, *others = log()
    assert (first.at, first.kind, first.actor, first.actor_guid) == (MOMENT + timedelta(minutes=1), "grant", "ana", "G")
    assert (first.address, first.subject, first.detail) == ("::1", "person 1", "Straße 😀")
    assert [one.subject for one in others] == ["person 2", "person 3"]
    assert whole(database)


@pytest.mark.parametrize(
    "change",
    [
        f"UPDATE audit SET {column} WHERE subject = 'person 2'"  # noqa: S608
        for column in (
            "at = at + 1", "kind = 'revoke'", "actor = 'ben'", "actor_guid = 'H'", "address = '::2'",
            "subject = 'person 9'", "detail = 'x'", "hash = 'x'",
        )
    ]
    + [
        "DELETE FROM audit WHERE subject = 'person 2'",
        "UPDATE audit SET id = 10000 WHERE subject = 'person 2'",
        "INSERT INTO audit (tenancy_id, at, kind, hash) SELECT tenancy_id, at, kind, hash FROM audit LIMIT 1",
    ],
)  # fmt: skip
def test_a_change_by_somebody_who_drops_the_triggers_breaks_the_chain(
    kind: str, database: InTenancy, by_hand: Callable[[str], object], change: str
) -> None:
    add(database, entry(1), entry(2, actor="ana", actor_guid="G", address="::1"), entry(3))
    assert whole(database)
    for drop in DROPS_OF[kind]:
        by_hand(drop)
    by_hand(change)
    assert not whole(database)


def test_a_tenancys_chain_and_entries_are_its_own(database: InTenancy, log: Callable[..., list[AuditEntry]]) -> None:
    def add_elsewhere(tx: Any) -> list[AuditEntry]:
        tx.tenancy = 2
        assert audit.highest_id(tx) == 0
        audit.append(tx, [entry(7)])
        assert audit.newest(tx, EVERYTHING, most=10) == audit.after(tx, EVERYTHING, after=0, most=10)
        return audit.after(tx, EVERYTHING, after=0, most=10)

    add(database, entry(1))
    (elsewhere,) = database.write(add_elsewhere).result(10)
    add(database, entry(2))
    assert [one.subject for one in log()] == ["person 1", "person 2"]
    assert Chain(tenancy=2).goes_on_with(elsewhere)
    assert not Chain(tenancy=1).goes_on_with(elsewhere)
    assert whole(database)


def test_what_is_rolled_back_leaves_neither_a_row_nor_a_gap_in_the_chain(
    database: InTenancy, log: Callable[..., list[AuditEntry]]
) -> None:
    def fail(tx: Any) -> None:
        audit.append(tx, [entry(1)])
        raise KeyError

    with pytest.raises(KeyError):
        database.write(fail).result(10)
    add(database, entry(2))
    assert [one.subject for one in log()] == ["person 2"]
    assert whole(database)


# Found again


@pytest.mark.parametrize(
    ("wanted", "found"),
    [
        (EVERYTHING, [1, 2, 3, 4]),
        (AuditFilter(since=MOMENT + timedelta(minutes=2)), [2, 3, 4]),
        (AuditFilter(until=MOMENT + timedelta(minutes=2)), [1]),
        (AuditFilter(kind=AuditKind.REVOKE), [3]),
        (AuditFilter(person="ana"), [3, 4]),
        (AuditFilter(person="person 2"), [2]),
        (AuditFilter(person="an"), []),
        (AuditFilter(kind=AuditKind.REVOKE, until=MOMENT), []),
    ],
)
def test_entries_are_found_by_time_kind_and_person(
    database: InTenancy, log: Callable[..., list[AuditEntry]], wanted: AuditFilter, found: list[int]
) -> None:
    add(database, entry(1), entry(2), entry(3, kind=AuditKind.REVOKE, actor="ana"), entry(4, subject="ana"))
    numbers = [(one.at - MOMENT) // timedelta(minutes=1) for one in log(wanted)]
    assert numbers == found


def test_pages_follow_each_other_and_the_newest_are_in_order(
    database: InTenancy, log: Callable[..., list[AuditEntry]]
) -> None:
    add(database, *(entry(number) for number in range(5)))
    first = log(most=2)
    rest = log(after=first[-1].id, most=9)
    assert [one.subject for one in first + rest] == [f"person {number}" for number in range(5)]
    newest = database.read(partial(audit.newest, wanted=EVERYTHING, most=2)).result(10)
    assert [one.subject for one in newest] == ["person 3", "person 4"]
    assert database.read(audit.highest_id).result(10) == newest[-1].id
