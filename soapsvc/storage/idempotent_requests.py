"""What requests with an Idempotency-Key were answered, and those that are still being answered."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

import msgspec
import sqlalchemy as sa

from soapsvc.domain.organisation import Entity
from soapsvc.storage.statements import Statement
from soapsvc.storage.tables import Moment, insert_into, of_tenancy
from soapsvc.storage.transaction import Transaction
from soapsvc.storage.version_tables import idempotent_request

_IS_THAT = sa.and_(
    of_tenancy(idempotent_request),
    idempotent_request.c.entity_id == sa.bindparam("entity"),
    idempotent_request.c.key == sa.bindparam("request"),
)
_FIND = Statement(sa.select(idempotent_request).where(_IS_THAT))
_FORGET_ONE = Statement(sa.delete(idempotent_request).where(_IS_THAT))
_INSERT = Statement(insert_into(idempotent_request))
_FORGET = Statement(
    sa.delete(idempotent_request).where(idempotent_request.c.at <= sa.bindparam("until", type_=Moment)),
    across_tenancies=True,  # how long they are kept is the same for all
)
_decode_headers = msgspec.json.Decoder(dict[str, str]).decode


@dataclass(frozen=True, kw_only=True, slots=True)
class StoredAnswer:
    """What a request was answered."""

    status: int
    headers: Mapping[str, str]
    body: bytes


@dataclass(frozen=True, kw_only=True, slots=True)
class IdempotentRequest:
    """A request with a key: when it came, until when it may still be at work, and its answer once there is one."""

    digest: str
    at: datetime
    running_until: datetime | None
    answer: StoredAnswer | None


def find(tx: Transaction, by: Entity, key: str) -> IdempotentRequest | None:
    """Give somebody's request of this key."""
    row = _FIND.row(tx, entity=by.id, request=key)
    if row is None:
        return None
    answer = None
    if row.status is not None:
        answer = StoredAnswer(status=row.status, headers=_decode_headers(row.headers), body=row.body)
    return IdempotentRequest(digest=row.digest, at=row.at, running_until=row.running_until, answer=answer)


def put(
    tx: Transaction,
    by: Entity,
    key: str,
    *,
    digest: str,
    running_until: datetime | None = None,
    answer: StoredAnswer | None = None,
) -> None:
    """Keep what is known of a request, in place of what was."""
    forget_one(tx, by, key)
    _INSERT.change(
        tx,
        entity_id=by.id,
        key=key,
        digest=digest,
        at=tx.now(),
        running_until=running_until,
        status=answer.status if answer else None,
        headers=msgspec.json.encode(dict(answer.headers)).decode() if answer else None,
        body=answer.body if answer else None,
    )


def forget_one(tx: Transaction, by: Entity, key: str) -> None:
    """Forget somebody's request of this key."""
    _FORGET_ONE.change(tx, entity=by.id, request=key)


def forget(tx: Transaction, *, until: datetime) -> int:
    """Forget the requests of all tenancies that are not younger; say how many."""
    return _FORGET.change(tx, until=until)
