"""Time as an actor: hidden items come back when their time comes, as a change like any other."""

from soapsvc.domain.states import Action
from soapsvc.storage import work_items
from soapsvc.storage.transaction import Transaction

_MOST_OTHERS = 1_000


def bring_back(tx: Transaction, item_id: int) -> None:
    """Let one item reappear, if it is still hidden and due."""
    item = work_items.get(tx, item_id)
    if item.is_due(tx.now()):
        work_items.save(tx, item, item.reappeared(), action=Action.REAPPEAR, by=None)


def bring_back_with_others(tx: Transaction, item_id: int) -> None:
    """Let an item reappear and, as a request that names it may name more, others that are due."""
    bring_back(tx, item_id)
    bring_back_due(tx, _MOST_OTHERS)


def bring_back_due_anywhere(tx: Transaction, most: int) -> int:
    """Let items of all tenancies reappear whose time has come, the longest overdue first; say how many did."""
    back = 0
    for tenancy, count in work_items.count_due_by_tenancy(tx, most).items():
        tx.tenancy = tenancy
        back += bring_back_due(tx, count)
    return back


def bring_back_due(tx: Transaction, most: int) -> int:
    """Let items reappear whose time has come, at most so many; say how many did."""
    due = work_items.due(tx, most)
    if due:
        changes = [(item, item.reappeared()) for item in due]
        work_items.save_alike(tx, changes, action=Action.REAPPEAR, by=None)
    return len(due)
