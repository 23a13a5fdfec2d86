"""What is recorded by what is done, and who may read it."""

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from soapsvc.domain.audit import AuditEntry, AuditFilter, AuditKind
from soapsvc.domain.caller import SystemAction
from soapsvc.domain.errors import InvalidRequest, NameTaken, NotAllowed
from soapsvc.domain.organisation import EntityType
from soapsvc.domain.organisation_model import Link, ModelEntity, OrganisationModel, PrivilegeGrant
from soapsvc.domain.work_type import WorkType
from soapsvc.storage import audit as stored
from soapsvc.storage.database import Database, InTenancy
from soapsvc.storage.transaction import Transaction
from soapsvc.usecases import audit, organisation, people, tenancies, work_types
from tests.conftest import People

COMPANY = ModelEntity(type=EntityType.ORGANIZATION, name="Company", guid="GUID-of-Company")
UNIT = ModelEntity(type=EntityType.ORGANIZATIONAL_UNIT, name="Claims", guid="GUID-of-Claims")
PRIVILEGE = ModelEntity(type=EntityType.PRIVILEGE, name="Clerk", guid="GUID-of-Clerk")
CLAIMS = OrganisationModel(
    entities=(COMPANY, UNIT, PRIVILEGE),
    links=frozenset({Link(COMPANY.key, UNIT.key), Link(UNIT.key, PRIVILEGE.key)}),
    grants=frozenset({PrivilegeGrant("Clerk", SystemAction.SKIP_WORK_ITEM, "Claims")}),
)
DENIED = frozenset({SystemAction.PEND_WORK_ITEM})
Write = Callable[[Callable[[Transaction], Any]], Any]


@pytest.fixture
def since(database: InTenancy) -> Callable[[], list[tuple[str, str | None, str | None]]]:
    """Give what was recorded in this test: kind, subject and detail."""
    before = database.read(stored.highest_id).result(10)

    def read() -> list[tuple[str, str | None, str | None]]:
        unit = lambda tx: stored.after(tx, AuditFilter(), after=before, most=100)  # noqa: E731
        return [(one.kind, one.subject, one.detail) for one in database.read(unit).result(10)]

    return read


@pytest.mark.parametrize(
    ("act", "recorded"),
    [
        (
            lambda tx: people.add_person(tx, name="dora", guid="G", password_hash="secret hash"),
            [("person-added", "dora", "GUID G")],
        ),
        (lambda tx: people.set_password(tx, "ana", "secret hash"), [("password-changed", "ana", None)]),
        (
            lambda tx: people.grant(tx, "ana", SystemAction.CANCEL_WORK_ITEM),
            [("grant", "ana", "cancelWorkItem, everywhere")],
        ),
        (lambda tx: people.grant(tx, "supervisor", SystemAction.CANCEL_WORK_ITEM), []),
        (
            lambda tx: (
                organisation.load(tx, CLAIMS),
                people.grant(tx, "ana", SystemAction.CANCEL_WORK_ITEM, "Claims"),
            ),
            [
                ("organisation-loaded", None, "3 added, 0 changed, 0 removed; 2 links added, 0 removed"),
                ("grant", "PRIVILEGE Clerk", "skipWorkItem, below Claims"),
                ("grant", "ana", "cancelWorkItem, below Claims"),
            ],
        ),
        (
            lambda tx: people.revoke(tx, "supervisor", SystemAction.CANCEL_WORK_ITEM),
            [("revoke", "supervisor", "cancelWorkItem, wherever it was granted")],
        ),
        (lambda tx: people.revoke(tx, "ana", SystemAction.CANCEL_WORK_ITEM), []),
        (
            lambda tx: tenancies.require_versions(tx, "default", True),
            [("tenancy-changed", "default", "a change must say its version: yes")],
        ),
        (
            lambda tx: (tenancies.add_tenancy(tx, "acme"), people.set_password(tx, "ana", "secret hash")),
            [("password-changed", "ana", None)],
        ),
        (
            lambda tx: work_types.load(tx, [WorkType(id="a"), WorkType(id="b")]),
            [("work-types-loaded", "a, b", "2 loaded, 2 of them new")],
        ),
    ],
    ids=[
        "add",
        "password",
        "grant",
        "grant again",
        "org load",
        "revoke",
        "revoke nothing",
        "tenancy",
        "another tenancy",
        "work types",
    ],
)
def test_what_an_operator_does_is_recorded_without_its_secrets(
    write: Write, since: Callable[[], Any], act: Callable[[Transaction], Any], recorded: list[Any]
) -> None:
    write(act)
    assert since() == recorded


def test_what_is_changed_again_is_recorded_as_it_is(write: Write, since: Callable[[], Any]) -> None:
    write(lambda tx: organisation.load(tx, CLAIMS))
    write(lambda tx: people.grant(tx, "ana", SystemAction.CANCEL_WORK_ITEM, "Claims"))
    before = len(since())
    write(lambda tx: organisation.load(tx, CLAIMS))
    write(lambda tx: organisation.load(tx, OrganisationModel(), is_dry_run=True))
    assert len(since()) == before
    write(lambda tx: people.revoke(tx, "ana", SystemAction.CANCEL_WORK_ITEM, "Claims"))
    write(lambda tx: organisation.load(tx, replace(CLAIMS, grants=frozenset(), denied=DENIED)))
    assert since()[before:] == [
        ("revoke", "ana", "cancelWorkItem, below Claims"),
        (
            "organisation-loaded",
            None,
            "0 added, 0 changed, 0 removed; 0 links added, 0 removed; pendWorkItem is denied unless granted",
        ),
        ("revoke", "PRIVILEGE Clerk", "skipWorkItem, below Claims"),
    ]


def test_a_change_of_a_tenancy_is_in_the_log_of_that_tenancy(whole_database: Database) -> None:
    added = whole_database.write(lambda tx: tenancies.add_tenancy(tx, "acme")).result(10)
    unit = lambda tx: stored.after(tx, AuditFilter(), after=0, most=100)  # noqa: E731
    (entry,) = InTenancy(whole_database, added.id).read(unit).result(10)
    assert (entry.kind, entry.subject, entry.detail) == ("tenancy-changed", "acme", "added")


def test_an_account_for_somebody_whom_the_organisation_has_is_recorded(write: Write, since: Callable[[], Any]) -> None:
    dora = ModelEntity(type=EntityType.RESOURCE, name="dora", guid="D")
    write(lambda tx: organisation.load(tx, OrganisationModel(entities=(dora,))))
    write(lambda tx: people.add_person(tx, name="dora", guid=None, password_hash="secret hash"))
    assert since()[-1] == ("person-added", "dora", "GUID D")


def test_what_is_refused_or_undone_is_not_recorded_as_done(write: Write, since: Callable[[], Any]) -> None:
    with pytest.raises(NameTaken):
        write(lambda tx: people.add_person(tx, name="ana", guid=None, password_hash="h"))
    assert since() == []


def test_long_and_unprintable_texts_are_made_plain(write: Write, since: Callable[[], Any]) -> None:
    write(lambda tx: audit.record(tx, AuditKind.GRANT, subject="a\0b\x1b[31m\n", detail="x" * 3000))
    ((_, subject, detail),) = since()
    assert subject == "a?b?[31m?"
    assert (len(detail), detail[-1]) == (2000, "…")


# Reading


@pytest.fixture
def read(database: InTenancy, cast: People) -> Callable[..., list[AuditEntry]]:
    def as_somebody(name: str = "supervisor", **wanted: Any) -> list[AuditEntry]:
        return list(database.read(lambda tx: audit.read_log(tx, cast.caller(name), **wanted)).result(10))

    return as_somebody


@pytest.mark.parametrize("name", ["ana", "carl"])
def test_only_who_was_granted_it_reads_the_log(read: Callable[..., Any], write: Write, name: str) -> None:
    with pytest.raises(NotAllowed):
        read(name)
    write(lambda tx: people.grant(tx, name, SystemAction.READ_AUDIT_LOG))
    assert read(name)[-1].subject == name


def test_a_client_reads_in_pages(read: Callable[..., Any], write: Write) -> None:
    for number in range(120):
        write(lambda tx, n=number: audit.record(tx, AuditKind.KEY_CHANGED, subject=str(n)))
    page = read(kind="key-changed")
    assert [one.subject for one in page] == [str(number) for number in range(100)]
    assert [one.subject for one in read(after=page[-1].id)] == [str(number) for number in range(100, 120)]
    assert len(read(kind="key-changed", most=3)) == 3
    at = page[0].at
    assert read(kind="key-changed", until=at) == []
    assert len(read(kind="key-changed", since=at, most=1000)) == 120
    assert read(since=at + timedelta(hours=1)) == []


@pytest.mark.parametrize("wanted", [{"most": 0}, {"most": 1001}, {"most": -1}, {"kind": "gossip"}, {"kind": ""}])
def test_what_cannot_be_wanted_is_refused(read: Callable[..., Any], wanted: dict[str, Any]) -> None:
    with pytest.raises(InvalidRequest):
        read(**wanted)
