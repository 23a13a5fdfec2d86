"""Answers to requests that carried an id of their own, kept for a day to be given again."""

from datetime import datetime

import sqlalchemy as sa

from soapsvc.domain.organisation import Entity
from soapsvc.storage.tables import Moment, answered_request
from soapsvc.storage.transaction import Transaction

_FIND = sa.select(answered_request.c.digest, answered_request.c.answer).where(
    answered_request.c.entity_id == sa.bindparam("entity"),
    answered_request.c.request_id == sa.bindparam("request"),
    answered_request.c.at > sa.bindparam("since", type_=Moment),
)
_FORGET = sa.delete(answered_request).where(answered_request.c.at <= sa.bindparam("until", type_=Moment))


def find(tx: Transaction, by: Entity, request_id: str, *, since: datetime) -> tuple[str, bytes] | None:
    """Give the digest of somebody's request of this id, and its answer, if it is not older."""
    row = tx.connection.execute(_FIND, {"entity": by.id, "request": request_id, "since": since}).one_or_none()
    return None if row is None else (row.digest, row.answer)


def remember(tx: Transaction, by: Entity, request_id: str, *, digest: str, answer: bytes) -> None:
    """Keep an answer; one of the same id that is too old to be found gives way."""
    tx.connection.execute(
        sa.delete(answered_request).where(
            answered_request.c.entity_id == by.id, answered_request.c.request_id == request_id
        )
    )
    row = {"entity_id": by.id, "request_id": request_id, "digest": digest, "answer": answer, "at": tx.now()}
    tx.connection.execute(sa.insert(answered_request), row)


def forget(tx: Transaction, *, until: datetime) -> int:
    """Forget answers that are not younger; say how many."""
    return tx.connection.execute(_FORGET, {"until": until}).rowcount
