"""The history of work items: one row for each version, written with it and never changed."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from soapsvc.domain.data import DataModel
from soapsvc.domain.organisation import Entity
from soapsvc.domain.states import Action, State
from soapsvc.domain.work_item import WorkItem
from soapsvc.storage.encoding import decode_names, encode, encode_fields
from soapsvc.storage.tables import entity, history
from soapsvc.storage.transaction import Transaction

_INSERT = sa.insert(history)
_ROWS = (
    sa.select(history, entity.c.name.label("actor"))
    .select_from(history.outerjoin(entity, entity.c.id == history.c.actor_id))
    .where(history.c.work_item_id == sa.bindparam("item"))
    .order_by(history.c.version)
)


@dataclass(frozen=True, kw_only=True, slots=True)
class HistoryEntry:
    """How an item came to one of its versions; `actor` is a name, or nobody for what the service does itself."""

    version: int
    action: Action
    actor: str | None
    at: datetime
    state_before: State | None
    state_after: State
    changed: Sequence[str]


def append(
    tx: Transaction,
    item: WorkItem,
    *,
    action: Action,
    by: Entity | None,
    state_before: State | None,
    changed: Sequence[str],
    fields: DataModel | None,
) -> None:
    """Record how `item` came to its version; `fields` only where they changed."""
    row = {
        "work_item_id": item.id,
        "version": item.version,
        "action": action,
        "actor_id": by.id if by else None,
        "at": tx.now(),
        "state_before": state_before,
        "state_after": item.state,
        "changed": encode(list(changed)),
        "fields": None if fields is None else encode_fields(fields),
    }
    tx.connection.execute(_INSERT, row)


def of(tx: Transaction, item_id: int) -> Sequence[HistoryEntry]:
    """Give an item's history, oldest first."""
    return [_entry(row) for row in tx.connection.execute(_ROWS, {"item": item_id})]


def _entry(row: sa.Row[Any]) -> HistoryEntry:
    return HistoryEntry(
        version=row.version,
        action=Action(row.action),
        actor=row.actor,
        at=row.at,
        state_before=State(row.state_before) if row.state_before else None,
        state_after=State(row.state_after),
        changed=decode_names(row.changed),
    )
