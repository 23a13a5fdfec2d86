"""Work types in the database, whole, as JSON."""

from collections.abc import Sequence

import sqlalchemy as sa

from soapsvc.domain.work_type import WorkType
from soapsvc.storage import telling
from soapsvc.storage.encoding import decode_work_type, encode_work_type
from soapsvc.storage.statements import Statement
from soapsvc.storage.tables import insert_into, of_tenancy, work_type
from soapsvc.storage.transaction import Transaction

_ALL = Statement(sa.select(work_type.c.definition).where(of_tenancy(work_type)).order_by(work_type.c.id))
_IS_THAT = sa.and_(work_type.c.id == sa.bindparam("type_id"), of_tenancy(work_type))
_BY_ID = Statement(sa.select(work_type.c.definition).where(_IS_THAT))
_INSERT = Statement(insert_into(work_type))
_REPLACE = Statement(sa.update(work_type).where(_IS_THAT).values(definition=sa.bindparam("new_definition")))


def put(tx: Transaction, loaded: WorkType) -> bool:
    """Store a work type under its id; say whether it is new. Items keep the fields that they have."""
    telling.everybody(tx)
    definition = encode_work_type(loaded)
    is_new = not _REPLACE.change(tx, type_id=loaded.id, new_definition=definition)
    if is_new:
        _INSERT.change(tx, id=loaded.id, definition=definition)
    return is_new


def find(tx: Transaction, type_id: str) -> WorkType | None:
    """Give the work type of this id: what is remembered, unless it was changed since."""
    key = (tx.tenancy, "work type", type_id)
    found: WorkType | None = tx.memory.find(key)
    if found is None:
        definition = _BY_ID.value(tx, type_id=type_id)
        if definition is not None:
            found = decode_work_type(definition)
            tx.memory.keep(key, found)
    return found


def every(tx: Transaction) -> Sequence[WorkType]:
    """Give all work types, by id."""
    return [decode_work_type(row.definition) for row in _ALL.rows(tx)]
