"""Deliveries and the log of their tries: a delivery moves on only from the try that one has seen."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from soapsvc.domain.delivery import Attempt, AttemptEntry, Delivery, DeliveryState, Outcome
from soapsvc.domain.version_session import Callback
from soapsvc.storage.statements import Statement
from soapsvc.storage.tables import Moment, insert_into, of_tenancy
from soapsvc.storage.transaction import Transaction
from soapsvc.storage.version_tables import delivery, delivery_attempt

_COLUMNS = [column for column in delivery.c if column.name not in {"tenancy_id", "ended_at"}]
_IS_THAT = sa.and_(of_tenancy(delivery), delivery.c.id == sa.bindparam("which"))
_IS_AS_SEEN = sa.and_(
    _IS_THAT,
    delivery.c.attempts == sa.bindparam("seen_attempts"),
    delivery.c.state == sa.bindparam("seen_state"),
)
_IS_OF_VERSION = sa.and_(
    of_tenancy(delivery),
    delivery.c.work_item_id == sa.bindparam("item"),
    delivery.c.version_guid == sa.bindparam("session"),
)

_NEW_STATE = sa.bindparam("new_state", type_=sa.String)

_INSERT = Statement(insert_into(delivery, numbered=True))
_FIND = Statement(sa.select(*_COLUMNS).where(_IS_THAT))
_OF_VERSION = Statement(sa.select(*_COLUMNS).where(_IS_OF_VERSION).order_by(delivery.c.id))
_ATTEMPTS_OF_VERSION = Statement(
    sa.select(*(column for column in delivery_attempt.c if column.name != "tenancy_id"))
    .join(delivery, delivery.c.id == delivery_attempt.c.delivery_id)
    .where(_IS_OF_VERSION, of_tenancy(delivery_attempt))
    .order_by(delivery_attempt.c.delivery_id, delivery_attempt.c.number)
)
_LOG = Statement(insert_into(delivery_attempt))
_MOVE_ON = Statement(
    sa.update(delivery)
    .where(_IS_AS_SEEN)
    .values(
        attempts=delivery.c.attempts + 1,
        state=_NEW_STATE,
        due_at=sa.bindparam("new_due_at", type_=delivery.c.due_at.type),
        sealed_secret=sa.case({DeliveryState.PENDING.value: delivery.c.sealed_secret}, value=_NEW_STATE, else_=None),
        ended_at=sa.bindparam("new_ended_at", type_=Moment),
    )
)
_BEGIN_AGAIN = Statement(
    sa.update(delivery)
    .where(_IS_AS_SEEN)
    .values(
        attempts_before=delivery.c.attempts,
        state=DeliveryState.PENDING.value,
        due_at=sa.bindparam("new_due_at", type_=delivery.c.due_at.type),
        sealed_secret=sa.bindparam("new_secret"),
        ended_at=None,
    )
)
_SECRETS = Statement(
    sa.select(delivery.c.id, delivery.c.sealed_secret).where(
        delivery.c.sealed_secret.is_not(None), of_tenancy(delivery)
    )
)
_RESEAL = Statement(
    sa.update(delivery)
    .where(_IS_THAT, delivery.c.sealed_secret == sa.bindparam("sealed"))
    .values(sealed_secret=sa.bindparam("new_sealed"))
)
_IS_OLD = delivery.c.ended_at <= sa.bindparam("until", type_=Moment)
_OLDEST = sa.select(delivery.c.id).where(_IS_OLD).order_by(delivery.c.ended_at).limit(sa.bindparam("most"))
_FORGET = Statement(
    sa.delete(delivery).where(delivery.c.id.in_(_OLDEST), _IS_OLD),  # of one that begins again meanwhile it is not so
    across_tenancies=True,  # how long they are kept is the same for all
)


class Overtaken(Exception):
    """The delivery has moved on since it was read: what was to be written of a try is of no use any more."""


def add(
    tx: Transaction, *, work_item_id: int, version_guid: str, webhook_id: str, target: Callback, body: bytes
) -> int:
    """Store a delivery that is due now; give its id. One of the same webhook id is an error of the database's."""
    return int(
        _INSERT.value(
            tx,
            work_item_id=work_item_id,
            version_guid=version_guid,
            webhook_id=webhook_id,
            url=target.url,
            body=body,
            is_signed=target.sealed_secret is not None,
            sealed_secret=target.sealed_secret,
            state=DeliveryState.PENDING.value,
            attempts=0,
            attempts_before=0,
            due_at=tx.now(),
            created_at=tx.now(),
            ended_at=None,
        )
    )


def find(tx: Transaction, delivery_id: int) -> Delivery | None:
    """Give a delivery, if there is one."""
    row = _FIND.row(tx, which=delivery_id)
    return None if row is None else _delivery(row)


def of_version(tx: Transaction, work_item_id: int, version_guid: str) -> Sequence[Delivery]:
    """Give the deliveries of a version session, the oldest first."""
    return [_delivery(row) for row in _OF_VERSION.rows(tx, item=work_item_id, session=version_guid)]


def attempts_of_version(tx: Transaction, work_item_id: int, version_guid: str) -> Mapping[int, Sequence[AttemptEntry]]:
    """Give all tries of the deliveries of a version session, by the delivery's id, the oldest first."""
    found: dict[int, list[AttemptEntry]] = {}
    for row in _ATTEMPTS_OF_VERSION.rows(tx, item=work_item_id, session=version_guid):
        values = row._asdict()
        found.setdefault(values.pop("delivery_id"), []).append(
            AttemptEntry(**values | {"outcome": Outcome(row.outcome)})
        )
    return found


def move_on(
    tx: Transaction,
    delivery_id: int,
    attempt: Attempt,
    *,
    seen_attempts: int,
    at: datetime,
    state: DeliveryState,
    due_at: datetime | None,
) -> None:
    """Log a try and say where the delivery stands after it; in a final state its secret is deleted.

    Raises Overtaken, and nothing is written, if the delivery is not pending with as many tries as were seen.
    """
    moved = _MOVE_ON.change(
        tx,
        which=delivery_id,
        seen_attempts=seen_attempts,
        seen_state=DeliveryState.PENDING.value,
        new_state=state.value,
        new_due_at=due_at,
        new_ended_at=None if state is DeliveryState.PENDING else tx.now(),
    )
    if moved != 1:
        raise Overtaken
    _LOG.change(
        tx,
        delivery_id=delivery_id,
        number=seen_attempts + 1,
        at=at,
        milliseconds=attempt.milliseconds,
        outcome=attempt.outcome.value,
        status=attempt.status,
        detail=attempt.detail,
        answer=attempt.answer,
    )


def begin_again(tx: Transaction, seen: Delivery, *, sealed_secret: str | None) -> None:
    """Make an ended delivery due now. Raises Overtaken if it is not any more as it was seen."""
    moved = _BEGIN_AGAIN.change(
        tx,
        which=seen.id,
        seen_attempts=seen.attempts,
        seen_state=seen.state.value,
        new_due_at=tx.now(),
        new_secret=sealed_secret,
    )
    if moved != 1:
        raise Overtaken


def sealed_secrets(tx: Transaction) -> Sequence[tuple[int, str]]:
    """Give the secrets of deliveries that have not ended, each with the delivery's id."""
    return [(row.id, row.sealed_secret) for row in _SECRETS.rows(tx)]


def reseal(tx: Transaction, delivery_id: int, sealed: str, anew: str) -> None:
    """Keep a secret under another seal, unless it is gone."""
    _RESEAL.change(tx, which=delivery_id, sealed=sealed, new_sealed=anew)


def forget(tx: Transaction, *, until: datetime, most: int) -> int:
    """Delete ended deliveries of all tenancies with their tries, the longest ended first; say how many."""
    return _FORGET.change(tx, until=until, most=most)


def _delivery(row: Any) -> Delivery:
    return Delivery(**row._asdict() | {"state": DeliveryState(row.state)})
