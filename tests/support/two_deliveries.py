"""What each of two tenancies has of deliveries, and what one could do to the other's through the store."""

from collections.abc import Callable

from soapsvc.domain.delivery import Attempt, Delivery, DeliveryState
from soapsvc.domain.version_session import Callback
from soapsvc.domain.work_item import WorkItem
from soapsvc.storage import deliveries
from soapsvc.storage.transaction import Transaction

SESSION, WEBHOOK = "session-1", "msg_1"


def furnish(tx: Transaction, mark: str, item: WorkItem) -> Delivery:
    """Put a delivery with one try into a tenancy."""
    target = Callback(url=f"https://{mark}.example/", sealed_secret=mark, fingerprint="")
    number = deliveries.add(
        tx, work_item_id=item.id, version_guid=SESSION, webhook_id=WEBHOOK, target=target, body=mark.encode()
    )
    _move_on(tx, number, seen_attempts=0)
    found = deliveries.find(tx, number)
    assert found is not None
    return found


def look_for_own(tx: Transaction, own: Delivery, mark: str) -> None:
    """What one has is there, and is one's own."""
    assert own.body == mark.encode()
    assert deliveries.find(tx, own.id) == own
    assert deliveries.of_version(tx, own.work_item_id, SESSION) == [own]
    assert deliveries.sealed_secrets(tx) == [(own.id, mark)]
    ((number, entries),) = deliveries.attempts_of_version(tx, own.work_item_id, SESSION).items()
    assert (number, [one.number for one in entries]) == (own.id, [1])


def look_for_theirs(tx: Transaction, theirs: Delivery) -> None:
    """What another has is not there."""
    assert deliveries.find(tx, theirs.id) is None
    assert not deliveries.of_version(tx, theirs.work_item_id, SESSION)
    assert not deliveries.attempts_of_version(tx, theirs.work_item_id, SESSION)


def meddle(tx: Transaction, theirs: Delivery) -> None:
    """What another has cannot be moved on or begun again."""
    deliveries.reseal(tx, theirs.id, theirs.sealed_secret or "", "another seal")
    _must_be_overtaken(lambda: _move_on(tx, theirs.id, seen_attempts=theirs.attempts))
    _must_be_overtaken(lambda: deliveries.begin_again(tx, theirs, sealed_secret=None))


def _must_be_overtaken(change: Callable[[], None]) -> None:
    try:
        change()
    except deliveries.Overtaken:
        return
    raise AssertionError("a delivery of the other tenancy was changed")


def _move_on(tx: Transaction, number: int, *, seen_attempts: int) -> None:
    deliveries.move_on(
        tx,
        number,
        Attempt.answered(500),
        seen_attempts=seen_attempts,
        at=tx.now(),
        state=DeliveryState.PENDING,
        due_at=tx.now(),
    )
