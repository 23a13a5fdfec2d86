"""How an item came to where it is."""

from collections.abc import Sequence

from soapsvc.domain.work_item import WorkItem
from soapsvc.storage import history, work_items
from soapsvc.storage.history import HistoryEntry
from soapsvc.storage.transaction import Transaction


def show_item(tx: Transaction, item_id: int) -> WorkItem:
    """Give an item to the operator. Raises UnknownWorkItem."""
    return work_items.get(tx, item_id)


def list_items(tx: Transaction, most: int) -> Sequence[WorkItem]:
    """Give the operator the first so many items, by id."""
    return work_items.first(tx, most)


def history_of(tx: Transaction, item_id: int) -> Sequence[HistoryEntry]:
    """Give the operator every version of an item, oldest first. Raises UnknownWorkItem."""
    work_items.get(tx, item_id)
    return history.of(tx, item_id)
