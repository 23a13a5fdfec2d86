"""Work types in the database, whole, as JSON."""

from collections.abc import Sequence

import sqlalchemy as sa

from soapsvc.domain.work_type import WorkType
from soapsvc.storage.encoding import decode_work_type, encode_work_type
from soapsvc.storage.statements import Statement
from soapsvc.storage.tables import work_type
from soapsvc.storage.transaction import Transaction

_ALL = Statement(sa.select(work_type.c.definition).order_by(work_type.c.id))
_BY_ID = Statement(sa.select(work_type.c.definition).where(work_type.c.id == sa.bindparam("type_id")))
_INSERT = Statement(sa.insert(work_type))
_REPLACE = Statement(
    sa.update(work_type)
    .where(work_type.c.id == sa.bindparam("type_id"))
    .values(definition=sa.bindparam("new_definition"))
)


def put(tx: Transaction, loaded: WorkType) -> bool:
    """Store a work type under its id; say whether it is new. Items keep the fields that they have."""
    definition = encode_work_type(loaded)
    is_new = not _REPLACE.change(tx, type_id=loaded.id, new_definition=definition)
    if is_new:
        _INSERT.change(tx, id=loaded.id, definition=definition)
    return is_new


def find(tx: Transaction, type_id: str) -> WorkType | None:
    """Give the work type of this id."""
    definition = _BY_ID.value(tx, type_id=type_id)
    return None if definition is None else decode_work_type(definition)


def every(tx: Transaction) -> Sequence[WorkType]:
    """Give all work types, by id."""
    return [decode_work_type(row.definition) for row in _ALL.rows(tx)]
