"""Work types in the database, whole, as JSON."""

import json
from collections.abc import Sequence
from dataclasses import asdict, replace
from typing import Any

import sqlalchemy as sa

from soapsvc.domain.work_item import Distribution
from soapsvc.domain.work_type import WorkModel, WorkType
from soapsvc.storage.encoding import decode_fields, encode, encode_fields
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
    definition = encode(asdict(replace(loaded, fields=())) | {"fields": json.loads(encode_fields(loaded.fields))})
    is_new = not _REPLACE.change(tx, type_id=loaded.id, new_definition=definition)
    if is_new:
        _INSERT.change(tx, id=loaded.id, definition=definition)
    return is_new


def find(tx: Transaction, type_id: str) -> WorkType | None:
    """Give the work type of this id."""
    definition = _BY_ID.value(tx, type_id=type_id)
    return None if definition is None else _work_type(definition)


def every(tx: Transaction) -> Sequence[WorkType]:
    """Give all work types, by id."""
    return [_work_type(row.definition) for row in _ALL.rows(tx)]


def _work_type(definition: str) -> WorkType:
    values = json.loads(definition)
    model = values.pop("model")
    fields = decode_fields(json.dumps(values.pop("fields")))
    return WorkType(**values, fields=fields, model=_model(**model) if model else None)


def _model(*, distribution: str, offer_to: list[str], **rest: Any) -> WorkModel:
    return WorkModel(distribution=Distribution(distribution), offer_to=tuple(offer_to), **rest)
