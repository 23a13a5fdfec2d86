"""The history of work items: one row for each version, written with it and never changed."""

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import groupby
from typing import Any

import sqlalchemy as sa

from soapsvc.domain.data import DataModel, Field
from soapsvc.domain.organisation import Entity
from soapsvc.domain.states import Action, State
from soapsvc.domain.work_item import WorkItem
from soapsvc.storage.change_numbers import own_number
from soapsvc.storage.encoding import decode_fields, decode_names, encode_fields, encode_names
from soapsvc.storage.statements import Statement
from soapsvc.storage.tables import entity, history, insert_into, microseconds_of, of_tenancy, work_item
from soapsvc.storage.transaction import Transaction

_INSERT = Statement(insert_into(history).values(written_in=own_number()), is_of_rows=True)
_ROWS = Statement(
    sa.select(history, entity.c.name.label("actor"), entity.c.guid.label("actor_guid"))
    .select_from(history.outerjoin(entity, sa.and_(entity.c.id == history.c.actor_id, of_tenancy(entity))))
    .where(history.c.work_item_id == sa.bindparam("item"), of_tenancy(history))
    .order_by(history.c.version)
)


@dataclass(frozen=True, kw_only=True, slots=True)
class HistoryEntry:
    """How an item came to one of its versions, and its data then.

    `actor` is a name, or nobody for what the service or its operator does.
    """

    version: int
    action: Action
    actor: str | None
    actor_guid: str | None
    at: datetime
    state_before: State | None
    state_after: State
    changed: Sequence[str]
    fields: DataModel


def prepare(
    tx: Transaction,
    item: WorkItem,
    *,
    version: int,
    action: Action,
    by: Entity | None,
    state_before: State | None,
    changed: Sequence[str],
    fields: DataModel | None,
) -> dict[str, Any]:
    """Make the row that records how `item` comes to a version; `fields` only where they change.

    Its `hash` covers the row and the hash of the one before, which `item` still has: no row can be altered, added or
    taken away without breaking the chain.
    """
    row = {
        "work_item_id": item.id,
        "version": version,
        "action": action,
        "actor_id": by.id if by else None,
        "at": tx.now(),
        "state_before": state_before,
        "state_after": item.state,
        "changed": encode_names(list(changed)),
        "fields": None if fields is None else encode_fields(fields),
    }
    row["hash"] = _hash(item.history_hash, row)
    return row


def append(tx: Transaction, rows: Sequence[dict[str, Any]]) -> None:
    """Store rows that `prepare` made, and wake who waits for a change of these items, once they are on disk."""
    _INSERT.store(tx, rows)
    waiters, ids = tx.memory.memories.items, [str(row["work_item_id"]) for row in rows]

    tx.after_commit(lambda: waiters.wake(*ids))


_HASHED = (
    "work_item_id",
    "version",
    "action",
    "actor_id",
    "at",
    "state_before",
    "state_after",
    "changed",
    "fields",
)


def _hash(previous: str, row: Mapping[str, Any]) -> str:
    """Hash a row's texts, divided by a character that XML cannot hold, after the hash of the row before."""
    values = {**row, "at": microseconds_of(row["at"])}
    texts = [previous, *("" if values[name] is None else str(values[name]) for name in _HASHED)]
    return hashlib.sha256("\0".join(texts).encode()).hexdigest()


def of(tx: Transaction, item_id: int) -> Sequence[HistoryEntry]:
    """Give an item's history, oldest first."""
    entries: list[HistoryEntry] = []
    fields: DataModel = ()
    for row in _ROWS.rows(tx, item=item_id):
        fields = fields if row.fields is None else decode_fields(row.fields)
        entries.append(_entry(row, fields))
    return entries


def _entry(row: Any, fields: DataModel) -> HistoryEntry:
    return HistoryEntry(
        version=row.version,
        action=Action(row.action),
        actor=row.actor,
        actor_guid=row.actor_guid,
        at=row.at,
        state_before=State(row.state_before) if row.state_before else None,
        state_after=State(row.state_after),
        changed=decode_names(row.changed),
        fields=fields,
    )


_DATA_CHANGES = Statement(
    sa.select(history.c.action, history.c.fields)
    .where(history.c.work_item_id == sa.bindparam("item"), of_tenancy(history), history.c.fields.is_not(None))
    .order_by(history.c.version)
)
_BY_SCHEDULER = {Action.ENABLE, Action.RESCHEDULE}


def scheduled_fields(tx: Transaction, item_id: int) -> DataModel:
    """Give an item's data as its scheduler wants them: as first scheduled, with what he alone changed since."""
    scheduled: dict[str, Field] = {}
    before: dict[str, Field] = {}
    for action, text in _DATA_CHANGES.rows(tx, item=item_id):
        after = {field.name: field for field in decode_fields(text)}
        if not scheduled:
            scheduled = dict(after)
        elif action in _BY_SCHEDULER:
            scheduled |= {name: field for name, field in after.items() if field != before[name]}
        before = after
    return tuple(scheduled.values())


_CHAINS = Statement(
    sa.select(
        history,
        work_item.c.id.label("item_id"),
        work_item.c.version.label("item_version"),
        work_item.c.state.label("item_state"),
        work_item.c.history_hash.label("item_hash"),
        work_item.c.fields.label("item_fields"),
    )
    .select_from(
        work_item.outerjoin(
            history,
            sa.and_(history.c.work_item_id == work_item.c.id, history.c.tenancy_id == work_item.c.tenancy_id),
        )
    )
    .where(work_item.c.id > sa.bindparam("after"), work_item.c.id <= sa.bindparam("to"))
    .order_by(work_item.c.id, history.c.version),
    across_tenancies=True,  # what it proves concerns the whole file, and it gives away nothing but ids
)


def broken_chains(tx: Transaction, *, after: int, to: int) -> Iterator[int]:
    """Give the ids, above one and up to another, of items of all tenancies whose history is not as written."""
    rows = _CHAINS.rows(tx, after=after, to=to)
    for item_id, chain in groupby(rows, key=lambda row: int(row.item_id)):
        if not _is_whole([row._asdict() for row in chain]):
            yield item_id


def _is_whole(chain: Sequence[Mapping[str, Any]]) -> bool:
    previous, fields = "", None
    for version, row in enumerate(chain):
        if row["version"] != version or row["hash"] != _hash(previous, row):
            return False
        previous, fields = row["hash"], fields if row["fields"] is None else row["fields"]
    last = chain[-1]
    stored = (last["item_version"], last["item_state"], last["item_hash"], last["item_fields"])
    return stored == (last["version"], last["state_after"], previous, fields)
