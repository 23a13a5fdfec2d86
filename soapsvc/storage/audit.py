"""The audit log: one row an event, chained by hashes within a tenancy, and never changed."""

import hashlib
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

import sqlalchemy as sa

from soapsvc.domain.audit import AuditEntry, AuditFilter
from soapsvc.storage import locks
from soapsvc.storage.statements import Statement, tenancy_of
from soapsvc.storage.tables import audit, insert_into, microseconds_of, of_tenancy
from soapsvc.storage.transaction import Transaction

_FIRST = datetime(1, 1, 1, tzinfo=UTC)
_LAST = datetime.max.replace(tzinfo=UTC)
_HASHED = ("tenancy_id", "at", "kind", "actor", "actor_guid", "address", "subject", "detail")

_INSERT = Statement(insert_into(audit, numbered=True))
_END_OF_CHAIN = Statement(sa.select(audit.c.hash).where(of_tenancy(audit)).order_by(audit.c.id.desc()).limit(1))
_WANTED = (
    of_tenancy(audit),
    audit.c.at >= sa.bindparam("since", type_=audit.c.at.type),
    audit.c.at < sa.bindparam("until", type_=audit.c.at.type),
    sa.or_(sa.bindparam("kind", type_=sa.String) == "", audit.c.kind == sa.bindparam("kind", type_=sa.String)),
    sa.or_(
        sa.bindparam("person", type_=sa.String) == "",
        audit.c.actor == sa.bindparam("person", type_=sa.String),
        audit.c.subject == sa.bindparam("person", type_=sa.String),
    ),
)
_AFTER = Statement(
    sa.select(audit)
    .where(*_WANTED, audit.c.id > sa.bindparam("after"))
    .order_by(audit.c.id)
    .limit(sa.bindparam("most", type_=sa.Integer))
)
_NEWEST = Statement(
    sa.select(audit).where(*_WANTED).order_by(audit.c.id.desc()).limit(sa.bindparam("most", type_=sa.Integer))
)
_HIGHEST = Statement(sa.select(sa.func.max(audit.c.id).label("highest")).where(of_tenancy(audit)))


def append(tx: Transaction, entries: Sequence[AuditEntry]) -> None:
    """Store entries in their order; each gets its id and its hash here.

    A hash covers the entry, its tenancy, and the hash of the one before: none can be altered, added or taken away
    between others without breaking the chain. One writer at a time is what keeps the chain a chain.
    """
    locks.alone(tx, "audit")
    previous = _END_OF_CHAIN.value(tx) or ""
    for entry in entries:
        previous = hash_of(previous, entry, tenancy_of(tx))
        values = {name: getattr(entry, name) for name in _HASHED if name != "tenancy_id"}
        _INSERT.value(tx, **values, hash=previous)


def hash_of(previous: str, entry: AuditEntry, tenancy: int) -> str:
    """Give the hash that an entry has behind another's: SHA-256 over texts, divided by what none of them can hold."""
    values = {"tenancy_id": tenancy, "at": microseconds_of(entry.at)}
    parts = [values.get(name, getattr(entry, name, None)) for name in _HASHED]
    texts = [previous, *("" if part is None else str(part) for part in parts)]
    return hashlib.sha256("\0".join(texts).encode()).hexdigest()


def after(tx: Transaction, wanted: AuditFilter, *, after: int, most: int) -> list[AuditEntry]:
    """Give the first so many entries behind one, by id."""
    return [_entry(row) for row in _AFTER.rows(tx, **_parameters(wanted), after=after, most=most)]


def newest(tx: Transaction, wanted: AuditFilter, *, most: int) -> list[AuditEntry]:
    """Give the last so many entries, the oldest of them first."""
    return [_entry(row) for row in reversed(_NEWEST.rows(tx, **_parameters(wanted), most=most))]


def highest_id(tx: Transaction) -> int:
    """Give the id of the last entry; 0 if there is none."""
    return _HIGHEST.value(tx) or 0


def _parameters(wanted: AuditFilter) -> Mapping[str, Any]:
    return {
        "since": wanted.since or _FIRST,
        "until": wanted.until or _LAST,
        "kind": str(wanted.kind or ""),
        "person": wanted.person or "",
    }


def _entry(row: Any) -> AuditEntry:
    values = row._asdict()
    del values["tenancy_id"]
    return AuditEntry(**values)
