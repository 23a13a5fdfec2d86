"""Answers to requests that carried an id of their own, kept for a day to be given again."""

from datetime import datetime

import sqlalchemy as sa

from soapsvc.domain.organisation import Entity
from soapsvc.storage.statements import Statement
from soapsvc.storage.tables import Moment, answered_request, insert_into, of_tenancy
from soapsvc.storage.transaction import Transaction

_IS_THAT = sa.and_(
    of_tenancy(answered_request),
    answered_request.c.entity_id == sa.bindparam("entity"),
    answered_request.c.request_id == sa.bindparam("request"),
)
_FIND = Statement(
    sa.select(answered_request.c.digest, answered_request.c.answer).where(
        _IS_THAT, answered_request.c.at > sa.bindparam("since", type_=Moment)
    )
)
_FORGET_OLD_ONE = Statement(
    sa.delete(answered_request).where(_IS_THAT, answered_request.c.at <= sa.bindparam("since", type_=Moment))
)
_INSERT = Statement(insert_into(answered_request))
_FORGET = Statement(
    sa.delete(answered_request).where(answered_request.c.at <= sa.bindparam("until", type_=Moment)),
    across_tenancies=True,  # how long they are kept is the same for all
)


def find(tx: Transaction, by: Entity, request_id: str, *, since: datetime) -> tuple[str, bytes] | None:
    """Give the digest of somebody's request of this id, and its answer, if it is not older."""
    row = _FIND.row(tx, entity=by.id, request=request_id, since=since)
    return None if row is None else (row.digest, row.answer)


def remember(tx: Transaction, by: Entity, request_id: str, *, digest: str, answer: bytes, since: datetime) -> None:
    """Keep an answer; one of the same id that is too old to be found gives way.

    Only such a one: somebody else may have answered the same request since this transaction looked. Then the key
    refuses a second answer, and the unit is run again and finds the first.
    """
    _FORGET_OLD_ONE.store(tx, [{"entity": by.id, "request": request_id, "since": since}])
    row = {"entity_id": by.id, "request_id": request_id, "digest": digest, "answer": answer, "at": tx.now()}
    _INSERT.store(tx, [row])


def forget(tx: Transaction, *, until: datetime) -> int:
    """Forget the answers of all tenancies that are not younger; say how many."""
    return _FORGET.change(tx, until=until)
