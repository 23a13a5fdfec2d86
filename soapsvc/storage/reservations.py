"""Items that are kept for an operation, while nothing else can be saved; the item's version is left alone."""

import sqlalchemy as sa

from soapsvc.domain.errors import LostRace
from soapsvc.domain.work_item import Running, WorkItem
from soapsvc.storage.statements import Statement
from soapsvc.storage.tables import of_tenancy, work_item
from soapsvc.storage.transaction import Transaction

_RESERVE = Statement(
    sa.update(work_item)
    .where(
        work_item.c.id == sa.bindparam("item"),
        work_item.c.version == sa.bindparam("at_version"),
        work_item.c.operation_id.is_(None),
        of_tenancy(work_item),
    )
    .values(operation_id=sa.bindparam("operation"), operation_state=sa.bindparam("new_state"))
)
_RELEASE = Statement(
    sa.update(work_item)
    .where(
        work_item.c.id == sa.bindparam("item"),
        work_item.c.operation_id == sa.bindparam("operation"),
        of_tenancy(work_item),
    )
    .values(operation_id=None, operation_state=None)
)


def reserve(tx: Transaction, item: WorkItem, running: Running) -> None:
    """Keep an item for an operation, at its version: nothing else can be saved until it ends. Raises LostRace."""
    given = {"operation": running.operation, "new_state": running.state}
    if _RESERVE.change(tx, item=item.id, at_version=item.version, **given) != 1:
        raise LostRace(f"the work item {item.id} is no longer at the version that it was loaded at")


def release(tx: Transaction, item_id: int, operation: str) -> bool:
    """Give an item free that is kept for an operation; say whether it was."""
    return _RELEASE.change(tx, item=item_id, operation=operation) == 1
