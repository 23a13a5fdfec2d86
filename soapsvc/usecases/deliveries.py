"""Deliveries: recorded with the change that they tell of, tried until they succeed or end, listed, and replayed."""

import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from soapsvc.callbacks import signing
from soapsvc.callbacks.sender import Sender
from soapsvc.domain.caller import Caller
from soapsvc.domain.delivery import (
    MOST_BODY_BYTES,
    Attempt,
    AttemptEntry,
    Delivery,
    DeliveryState,
    Outcome,
    Retries,
    Sending,
    asked_moment,
    is_final,
    state_after,
)
from soapsvc.domain.errors import DeliveryPending, InvalidCallback, StorageUnavailable, UnknownDelivery
from soapsvc.domain.events import version_event
from soapsvc.domain.version_session import FinishedOperation
from soapsvc.domain.work_item import WorkItem
from soapsvc.storage import deliveries, jobs
from soapsvc.storage.deliveries import Overtaken
from soapsvc.storage.transaction import Transaction
from soapsvc.usecases import access
from soapsvc.usecases.access import ItemReference
from soapsvc.usecases.callback_targets import CallbackSecrets

JOB_KIND = "deliver"
"""Of jobs that are about the delivery whose id is their ref."""

StatusUrl = Callable[[str, str], str]
"""Gives the address of a version's status, by the GUIDs of its item and of itself."""

_TO_READ = "getWorkItemHeader"
_TO_REPLAY = "closeWorkItem"
"""Operations that need what these need: who may see the item sees its deliveries, who may close it replays them."""

_log = logging.getLogger(__name__)


@dataclass(frozen=True, kw_only=True, slots=True)
class ListedDelivery:
    """A delivery as clients see it: without its secret, and without the URL's query, which may hold one."""

    id: int
    webhook_id: str
    url: str
    is_signed: bool
    state: DeliveryState
    created_at: datetime
    due_at: datetime | None
    attempts: Sequence[AttemptEntry]


def record(tx: Transaction, finished: FinishedOperation, *, status_url: StatusUrl) -> None:
    """Store the one event of an operation and the job to send it, in the transaction that ends the operation.

    The webhook id is the operation's, so that a second event of the same operation cannot be stored.
    """
    body = version_event(
        at=finished.finished_at,
        work_item=finished.item_guid,
        version_session=finished.session,
        status=finished.status,
        status_url=status_url(finished.item_guid, finished.session),
        version=finished.item_version,
    )
    if len(body) >= MOST_BODY_BYTES:
        raise ValueError(f"an event of {len(body)} bytes is too long to be sent")
    number = deliveries.add(
        tx,
        work_item_id=finished.item_id,
        version_guid=finished.session,
        webhook_id=f"msg_{finished.id}",
        target=finished.callback,
        body=body,
    )
    jobs.enqueue(tx, JOB_KIND, str(number))


def to_send(tx: Transaction, delivery_id: int) -> Sending | None:
    """Give what the next try sends; None if the delivery has ended, or there is none."""
    found = deliveries.find(tx, delivery_id)
    if found is None or found.state is not DeliveryState.PENDING:
        return None
    return Sending(
        delivery_id=found.id,
        attempts_before=found.attempts,
        tries_before=found.attempts - found.attempts_before,
        webhook_id=found.webhook_id,
        url=found.url,
        sealed_secret=found.sealed_secret,
        body=found.body,
        at=tx.now(),
    )


async def sent(sender: Sender, secrets: CallbackSecrets, sending: Sending) -> Attempt:
    """Try once, outside any transaction, and say what it came to. It may run twice: the webhook id is the same."""
    try:
        secret = None if sending.sealed_secret is None else secrets.open(sending.sealed_secret)
    except StorageUnavailable as error:
        return Attempt.failed(Outcome.UNSIGNABLE, str(error))
    seconds = int(sending.at.timestamp())
    headers = signing.headers(sending.webhook_id, seconds, sending.body, secret)
    return await sender.send(sending.url, sending.body, headers)


def finish_attempt(
    tx: Transaction, sending: Sending, attempt: Attempt, retries: Retries, chance: float
) -> datetime | None:
    """Log a try and give the moment of the next one; None if the delivery has ended. `chance` is from 0 up to 1.

    Raises Overtaken, and nothing is written, if another has finished this try.
    """
    due_at = None if is_final(attempt.outcome) else _next_moment(tx, sending, attempt, retries, chance)
    state = state_after(attempt.outcome, due_at)
    deliveries.move_on(
        tx,
        sending.delivery_id,
        attempt,
        seen_attempts=sending.attempts_before,
        at=sending.at,
        state=state,
        due_at=due_at,
    )
    if state not in {DeliveryState.PENDING, DeliveryState.DELIVERED}:
        tx.after_commit(lambda: _log.warning("delivery %d has ended: %s", sending.delivery_id, state))
    return due_at


def _next_moment(
    tx: Transaction, sending: Sending, attempt: Attempt, retries: Retries, chance: float
) -> datetime | None:
    now = tx.now()
    asked = asked_moment(attempt.retry_after, now) if attempt.outcome is Outcome.BUSY else None
    return retries.due_after(sending.tries_before + 1, now=now, not_before=asked, chance=chance)


def list_deliveries(
    tx: Transaction, caller: Caller, reference: ItemReference, version_guid: str
) -> Sequence[ListedDelivery]:
    """Give the deliveries of a version session, with all their tries, the oldest first.

    Raises UnknownWorkItem, NotAllowed, StaleVersion.
    """
    return _of_version(tx, access.item_to_read(tx, caller, reference, _TO_READ), version_guid)


def replay(
    tx: Transaction,
    caller: Caller,
    reference: ItemReference,
    version_guid: str,
    delivery_id: int,
    *,
    sealed_secret: str | None = None,
) -> ListedDelivery:
    """Begin a new round of tries of an ended delivery, with a new job: the same bytes, the same webhook id.

    The secret went with the last try, so one that was signed needs it again.
    Raises UnknownWorkItem, NotAllowed, StaleVersion, UnknownDelivery, DeliveryPending, InvalidCallback.
    """
    item = access.item_to_read(tx, caller, reference, _TO_REPLAY)
    access.require_for_item(tx, caller, item, _TO_REPLAY)
    found = deliveries.find(tx, delivery_id)
    if found is None or (found.work_item_id, found.version_guid) != (item.id, version_guid):
        raise UnknownDelivery(delivery_id)
    if found.is_signed != (sealed_secret is not None):
        raise InvalidCallback("secret", f"the delivery was {'' if found.is_signed else 'not '}signed with one")
    if found.state is DeliveryState.PENDING:
        raise DeliveryPending(delivery_id)
    try:
        deliveries.begin_again(tx, found, sealed_secret=sealed_secret)
    except Overtaken:
        raise DeliveryPending(delivery_id) from None
    jobs.enqueue(tx, JOB_KIND, str(delivery_id))
    (now,) = (one for one in _of_version(tx, item, version_guid) if one.id == delivery_id)
    return now


def _of_version(tx: Transaction, item: WorkItem, version_guid: str) -> Sequence[ListedDelivery]:
    attempts = deliveries.attempts_of_version(tx, item.id, version_guid)
    return [_listed(one, attempts.get(one.id, ())) for one in deliveries.of_version(tx, item.id, version_guid)]


def forget_old(tx: Transaction, *, kept: timedelta, most: int) -> int:
    """Delete deliveries of all tenancies that ended so long ago, each with its log, at most so many; say how many."""
    return deliveries.forget(tx, until=tx.now() - kept, most=most)


def _listed(one: Delivery, attempts: Sequence[AttemptEntry]) -> ListedDelivery:
    return ListedDelivery(
        id=one.id,
        webhook_id=one.webhook_id,
        url=one.url.partition("?")[0],
        is_signed=one.is_signed,
        state=one.state,
        created_at=one.created_at,
        due_at=one.due_at,
        attempts=attempts,
    )
