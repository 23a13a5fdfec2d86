"""What the audit log keeps: kinds of events, and entries."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum


class AuditKind(StrEnum):
    """What an entry of the audit log says has happened."""

    SIGN_IN = "sign-in"
    SIGN_IN_REFUSED = "sign-in-refused"
    REFUSAL = "refusal"
    GRANT = "grant"
    REVOKE = "revoke"
    PERSON_ADDED = "person-added"
    PERSON_DISABLED = "person-disabled"
    PERSON_ENABLED = "person-enabled"
    PASSWORD_CHANGED = "password-changed"  # noqa: S105
    WORK_TYPES_LOADED = "work-types-loaded"
    ORGANISATION_LOADED = "organisation-loaded"
    TENANCY_CHANGED = "tenancy-changed"
    PRINCIPAL_CHANGED = "principal-changed"
    KEY_CHANGED = "key-changed"
    ENTRIES_LOST = "entries-lost"


@dataclass(frozen=True, kw_only=True, slots=True)
class AuditEntry:
    """One line of the log.

    `actor` is the name of who did it, nobody for what the operator did by a command. `subject` is what it was done to,
    `detail` the rest, both for people to read. Names and GUIDs are those of then. Nothing of it is ever a secret.
    """

    id: int
    at: datetime
    kind: str
    actor: str | None
    actor_guid: str | None
    address: str | None
    subject: str | None
    detail: str | None
    hash: str


@dataclass(frozen=True, kw_only=True, slots=True)
class AuditFilter:
    """Which entries are wanted: from a moment on, until before another, of one kind, by or about one person."""

    since: datetime | None = None
    until: datetime | None = None
    kind: AuditKind | None = None
    person: str | None = None
