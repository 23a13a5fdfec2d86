"""The log of tries: rows are added to it, and never changed."""

import pytest
import sqlalchemy as sa

from soapsvc.domain.delivery import Attempt, DeliveryState
from soapsvc.domain.version_session import Callback
from soapsvc.storage import deliveries
from soapsvc.storage.version_tables import delivery_attempt
from tests.support.databases import run_by_hand

TARGET = Callback(url="https://receiver.example/", sealed_secret=None, fingerprint="")


@pytest.fixture
def number(write, opened) -> int:
    """A delivery with one try in its log."""

    def add(tx) -> int:
        one = deliveries.add(
            tx, work_item_id=opened.id, version_guid="v", webhook_id="msg_1", target=TARGET, body=b"{}"
        )
        deliveries.move_on(
            tx,
            one,
            Attempt.answered(500),
            seen_attempts=0,
            at=tx.now(),
            state=DeliveryState.PENDING,
            due_at=tx.now(),
        )
        return one

    return write(add)


CHANGES = {
    "sqlite": [
        "UPDATE delivery_attempt SET outcome = 'delivered'",
        "UPDATE delivery_attempt SET number = 2",
        "DELETE FROM delivery_attempt",
        "INSERT OR REPLACE INTO delivery_attempt SELECT * FROM delivery_attempt",
    ],
    "postgresql": [
        "UPDATE delivery_attempt SET outcome = 'delivered'",
        "DELETE FROM delivery_attempt",
        "TRUNCATE delivery_attempt",
        "TRUNCATE delivery CASCADE",
    ],
}


@pytest.mark.parametrize(("kind", "statement"), [(kind, one) for kind, every in CHANGES.items() for one in every])
def test_a_try_in_the_log_stays_as_it_is(kind, number, database_url, everything_stored, statement):
    before = everything_stored()
    with pytest.raises(sa.exc.DBAPIError, match="append-only"):
        run_by_hand(database_url, statement)
    assert everything_stored() == before
    assert number


@pytest.fixture
def everything_stored(database):
    query = sa.select(delivery_attempt)
    return lambda: database.read(lambda tx: tx.connection.execute(query).all()).result(10)


@pytest.mark.parametrize(("seen", "state"), [(0, "pending"), (2, "pending"), (1, "delivered")])
def test_a_delivery_moves_on_only_from_where_it_was_seen(number, write, database, seen, state):
    if state != "pending":
        write(lambda tx: tx.connection.execute(sa.text(f"UPDATE delivery SET state = '{state}'")))  # noqa: S608
    before = database.read(lambda tx: deliveries.find(tx, number)).result(10)
    with pytest.raises(deliveries.Overtaken):
        write(
            lambda tx: deliveries.move_on(
                tx,
                number,
                Attempt.answered(200),
                seen_attempts=seen,
                at=tx.now(),
                state=DeliveryState.DELIVERED,
                due_at=None,
            )
        )
    assert database.read(lambda tx: deliveries.find(tx, number)).result(10) == before
