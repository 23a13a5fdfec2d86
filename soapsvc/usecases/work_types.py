"""What an operator does about work types: load and list them."""

from collections.abc import Sequence

from soapsvc.domain.audit import AuditKind
from soapsvc.domain.work_type import WorkType
from soapsvc.storage import work_types
from soapsvc.storage.transaction import Transaction
from soapsvc.usecases import audit


def load(tx: Transaction, loaded: Sequence[WorkType]) -> int:
    """Store work types, all or none, over those of the same id; say how many are new."""
    new = sum(work_types.put(tx, one) for one in loaded)
    names = ", ".join(one.id for one in loaded)
    audit.record(tx, AuditKind.WORK_TYPES_LOADED, subject=names, detail=f"{len(loaded)} loaded, {new} of them new")
    return new


def list_all(tx: Transaction) -> Sequence[WorkType]:
    """Give all work types, by id."""
    return work_types.every(tx)
