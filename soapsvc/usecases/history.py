"""How an item came to where it is."""

from collections.abc import Sequence

from soapsvc.domain.caller import Caller
from soapsvc.domain.work_item import WorkItem
from soapsvc.storage import history, work_items
from soapsvc.storage.history import HistoryEntry
from soapsvc.storage.transaction import Transaction
from soapsvc.usecases import access
from soapsvc.usecases.access import ItemReference


def read_history(tx: Transaction, caller: Caller, reference: ItemReference) -> Sequence[HistoryEntry]:
    """Give every version of an item to a caller, oldest first. Raises UnknownWorkItem, NotAllowed, StaleVersion."""
    item = access.item_to_read(tx, caller, reference, "getWorkItemHistory")
    return history.of(tx, item.id)


def broken_histories(tx: Transaction, *, after: int, to: int) -> list[int]:
    """Give the ids, above one and up to another, of items of all tenancies whose history was altered."""
    return list(history.broken_chains(tx, after=after, to=to))


def highest_id(tx: Transaction) -> int:
    """Give the highest id that an item of any tenancy has; 0 if there are none."""
    return work_items.highest_id(tx)


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
