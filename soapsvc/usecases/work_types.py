"""What an operator does about work types: load and list them."""

from collections.abc import Sequence

from soapsvc.domain.work_type import WorkType
from soapsvc.storage import work_types
from soapsvc.storage.transaction import Transaction


def load(tx: Transaction, loaded: Sequence[WorkType]) -> int:
    """Store work types, all or none, over those of the same id; say how many are new."""
    return sum(work_types.put(tx, one) for one in loaded)


def list_all(tx: Transaction) -> Sequence[WorkType]:
    """Give all work types, by id."""
    return work_types.every(tx)
