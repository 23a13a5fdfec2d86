"""By what somebody's next item is chosen, as he or his supervisor set it."""

import sqlalchemy as sa

from soapsvc.domain.list_view import Criteria
from soapsvc.domain.organisation import Entity
from soapsvc.storage.list_tables import list_criteria
from soapsvc.storage.statements import Statement
from soapsvc.storage.tables import insert_into, of_tenancy
from soapsvc.storage.transaction import Transaction

_OF_ONE = (list_criteria.c.entity_id == sa.bindparam("entity"), of_tenancy(list_criteria))
_FIND = Statement(sa.select(list_criteria.c.order_text, list_criteria.c.filter_text).where(*_OF_ONE))
_REMOVE = Statement(sa.delete(list_criteria).where(*_OF_ONE))
_INSERT = Statement(insert_into(list_criteria))


def find(tx: Transaction, of: Entity) -> Criteria:
    """Give somebody's criteria; empty ones if he has none."""
    row = _FIND.row(tx, entity=of.id)
    return Criteria() if row is None else Criteria(order=row.order_text, filter=row.filter_text)


def put(tx: Transaction, of: Entity, criteria: Criteria) -> None:
    """Replace somebody's criteria."""
    _REMOVE.change(tx, entity=of.id)
    _INSERT.change(tx, entity_id=of.id, order_text=criteria.order, filter_text=criteria.filter)
