"""The audit log: what is recorded, by one function, and how it is read, exported and verified."""

from collections.abc import Sequence
from datetime import datetime

from soapsvc.domain.audit import AuditEntry, AuditFilter, AuditKind
from soapsvc.domain.caller import Caller, SystemAction
from soapsvc.domain.errors import InvalidRequest
from soapsvc.domain.organisation import Entity
from soapsvc.storage import audit
from soapsvc.storage.transaction import Transaction
from soapsvc.usecases import access
from soapsvc.usecases.permissions import PERMISSIONS

MOST_AT_ONCE = 1_000
"""The most entries that one request of a client gets."""

_MOST_UNLESS_ASKED = 100
_SUBJECT_LENGTH = 255
_DETAIL_LENGTH = 2_000
_ADDRESS_LENGTH = 64


def record(
    tx: Transaction,
    kind: AuditKind,
    *,
    actor: Entity | None = None,
    subject: str = "",
    detail: str = "",
    address: str | None = None,
    at: datetime | None = None,
) -> None:
    """Record an event in the transaction of what it is about: both are on disk, or neither.

    `actor` is nobody for the operator; `at` is now unless it happened before. No secret may be in `subject` or
    `detail`, which are cut to 255 and 2,000 characters.
    """
    entry = AuditEntry(
        id=0,
        at=at or tx.now(),
        kind=kind,
        actor=actor.name if actor else None,
        actor_guid=actor.guid if actor else None,
        address=_plain(address, _ADDRESS_LENGTH),
        subject=_plain(subject, _SUBJECT_LENGTH),
        detail=_plain(detail, _DETAIL_LENGTH),
        hash="",
    )
    audit.append(tx, [entry])


def grant_told(action: SystemAction, scope: str | None) -> str:
    """Say what was granted, or taken back, and where it holds."""
    return f"{action}, {'everywhere' if scope is None else f'below {scope}'}"


def _plain(text: str | None, longest: int) -> str | None:
    """Cut a text, and take out what would confuse a terminal, XML or the chain's hashes; none for an empty one."""
    plain = "".join(character if character.isprintable() else "?" for character in (text or "")[: longest + 1])
    if len(plain) > longest:
        plain = f"{plain[: longest - 1]}…"
    return plain or None


def read_log(
    tx: Transaction,
    caller: Caller,
    *,
    since: datetime | None = None,
    until: datetime | None = None,
    kind: str | None = None,
    most: int | None = None,
    after: int | None = None,
) -> Sequence[AuditEntry]:
    """Give a caller the entries of his tenancy behind one, oldest first: 100 unless he asks for up to 1,000.

    Raises NotAllowed, and InvalidRequest for a kind that there is not and a number that is none.
    """
    access.require(tx, caller, PERMISSIONS["getAuditEntries"].always)
    most = _MOST_UNLESS_ASKED if most is None else most
    if not 1 <= most <= MOST_AT_ONCE:
        raise InvalidRequest(f"A request gets 1 to {MOST_AT_ONCE} entries of the audit log")
    wanted = AuditFilter(since=since, until=until, kind=_kind(kind))
    return audit.after(tx, wanted, after=after or 0, most=most)


def _kind(name: str | None) -> AuditKind | None:
    if name is None:
        return None
    try:
        return AuditKind(name)
    except ValueError:
        raise InvalidRequest(f"There is no such kind of entry; there are {', '.join(AuditKind)}") from None


def newest(tx: Transaction, wanted: AuditFilter, most: int) -> Sequence[AuditEntry]:
    """Give the operator the last so many entries, oldest first."""
    return audit.newest(tx, wanted, most=most)


def portion(tx: Transaction, *, after: int, to: int, most: int) -> Sequence[AuditEntry]:
    """Give the operator the next so many entries behind one and up to another, oldest first."""
    return [entry for entry in audit.after(tx, AuditFilter(), after=after, most=most) if entry.id <= to]


def highest_id(tx: Transaction) -> int:
    """Give the id of the last entry; 0 if there is none."""
    return audit.highest_id(tx)


class Chain:
    """Follows a tenancy's chain from its first entry on, and tells where it breaks."""

    def __init__(self, tenancy: int) -> None:
        self._tenancy = tenancy
        self.length = 0
        self.end = ""

    def goes_on_with(self, entry: AuditEntry) -> bool:
        """Say whether an entry is the one that was written behind those before it."""
        self.length += 1
        self.end = audit.hash_of(self.end, entry, self._tenancy)
        return entry.hash == self.end
