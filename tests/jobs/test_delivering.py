"""The jobs of deliveries: each makes one try, and is put off or done in the transaction that logs it."""

import json
import threading
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from datetime import timedelta
from functools import partial

import pytest
import sqlalchemy as sa

from soapsvc.callbacks.addresses import AddressGuard
from soapsvc.callbacks.sender import Sender, SendingLimits
from soapsvc.callbacks.slots import Slots
from soapsvc.callbacks.urls import host_of
from soapsvc.domain.delivery import DeliveryState, Retries
from soapsvc.domain.errors import InvalidField, LeaseLost
from soapsvc.domain.version_session import Callback, FinishedOperation, OperationError, OperationKind, SessionState
from soapsvc.jobs.delivering import DeliveryHandler
from soapsvc.jobs.version_operations import OperationHandler, Steps, nothing_to_do
from soapsvc.origin import networks_of
from soapsvc.storage import deliveries as stored_deliveries
from soapsvc.storage import jobs
from soapsvc.storage.jobs import Job
from soapsvc.storage.version_tables import delivery as delivery_table
from soapsvc.usecases import deliveries, version_operations
from soapsvc.usecases.callback_targets import CallbackSecrets
from tests.support.receivers import Names, answering, receiving_in_thread, silent

DEADLINE = 10
SOON = Retries(delays=tuple(timedelta(milliseconds=20) for _ in range(3)), jitter=0)


@pytest.fixture
def handler(whole_database):
    sender = Sender(
        AddressGuard(networks_of("127.0.0.0/8")),
        Names(["127.0.0.1"]),
        SendingLimits(http_allowed=True, seconds=5),
        user_agent="test",
    )
    return DeliveryHandler(
        database=whole_database,
        sender=sender,
        secrets=CallbackSecrets(["x" * 43 + "="]),
        retries=SOON,
        slots=8,
        slots_of_hosts=Slots(per_host=2),
        chance=lambda: 0.5,
    )


def status_url(item: str, session: str) -> str:
    return f"https://acme.example/{item}/{session}"


@pytest.fixture
def recorded(write, opened, database):
    """Record an event for a callback, with its job; give the delivery's id."""

    def record(url: str, operation: str = "1") -> int:
        finished = FinishedOperation(
            id=operation,
            kind=OperationKind.SAVE_AND_CLOSE,
            item_id=opened.id,
            item_guid="item",
            item_version=7,
            session="v",
            status=SessionState.SAVED,
            finished_at=database.read(lambda tx: tx.now()).result(DEADLINE),
            callback=Callback(url=url, sealed_secret=None, fingerprint=""),
            error=None,
        )
        write(lambda tx: deliveries.record(tx, finished, status_url=status_url))
        return database.read(lambda tx: stored_deliveries.of_version(tx, opened.id, "v")[-1].id).result(DEADLINE)

    return record


@pytest.fixture
def claim(write):
    """Lease the jobs of deliveries that are due, or will be so many seconds later."""

    def lease(later: float = 0.0) -> list[Job]:
        def unit(tx):
            now = tx.now() + timedelta(seconds=later)
            tx.now = lambda: now
            return jobs.claim(tx, deliveries.JOB_KIND, most=10, length=timedelta(seconds=15))

        return list(write(unit))

    return lease


@pytest.fixture
def find(database):
    return lambda number: database.read(lambda tx: stored_deliveries.find(tx, number)).result(DEADLINE)


def test_a_job_that_delivers_is_done(handler, recorded, claim, find, left):
    with receiving_in_thread(answering(200)) as receiver:
        number = recorded(f"http://receiver.example:{receiver.port}/")
        (job,) = claim()
        handler.run(job)
    assert len(receiver.requests) == 1
    assert left() == []
    assert find(number).state is DeliveryState.DELIVERED


def test_a_job_that_fails_is_put_off_to_the_moment_of_the_next_try(handler, recorded, claim, find, left):
    with receiving_in_thread(answering(500)) as receiver:
        number = recorded(f"http://receiver.example:{receiver.port}/")
        (job,) = claim()
        handler.run(job)
    (row,) = left()
    assert find(number).due_at == row.run_at
    assert find(number).attempts == 1


def test_a_job_of_a_delivery_that_has_ended_is_done_and_sends_nothing(handler, recorded, claim, write, left):
    with receiving_in_thread(answering(200)) as receiver:
        recorded(f"http://receiver.example:{receiver.port}/")
        (job,) = claim()
        handler.run(job)
        write(lambda tx: jobs.enqueue(tx, deliveries.JOB_KIND, job.ref))
        write(lambda tx: jobs.enqueue(tx, deliveries.JOB_KIND, "99999"))
        for again in claim():
            handler.run(again)
    assert len(receiver.requests) == 1
    assert left() == []


def test_a_job_whose_lease_is_lost_leaves_no_trace_of_its_try(handler, recorded, claim, find, left):
    with receiving_in_thread(answering(200)) as receiver:
        number = recorded(f"http://receiver.example:{receiver.port}/")
        (late,) = claim()
        (other,) = claim(later=60)
        with pytest.raises(LeaseLost):
            handler.run(late)
        assert (find(number).state, find(number).attempts) == (DeliveryState.PENDING, 0)
        handler.run(other)
    assert len(receiver.requests) == 2
    assert len({request.headers["webhook-id"] for request in receiver.requests}) == 1
    assert (find(number).attempts, left()) == (1, [])


def test_a_slow_receiver_takes_its_own_slots_and_no_others(handler, recorded, claim, database, find, left):
    with ExitStack() as stack:
        threads = stack.enter_context(ThreadPoolExecutor(8))
        slow = stack.enter_context(receiving_in_thread(silent))
        quick = stack.enter_context(receiving_in_thread(answering(200)))
        arrived = threading.Semaphore(0)
        slow.on_request = arrived.release
        for number in range(2):
            recorded(f"http://slow.example:{slow.port}/{number}", f"slow {number}")
        running = [threads.submit(handler.run, job) for job in claim()]
        assert all(arrived.acquire(timeout=DEADLINE) for _ in running)

        before = database.read(lambda tx: tx.now()).result(DEADLINE)
        waiting = recorded(f"http://SLOW.example:{slow.port}/more", "more")
        swift = recorded(f"http://quick.example:{quick.port}/", "swift")
        for job in claim():
            handler.run(job)
        assert (find(swift).state, find(waiting).attempts) == (DeliveryState.DELIVERED, 0)
        (row,) = [row for row in left() if row.ref == str(waiting)]
        assert timedelta(seconds=1) < row.run_at - before < timedelta(seconds=DEADLINE)
        assert len(slow.requests) == 2
        slow.hang_up()
        for one in running:
            one.result(DEADLINE)
    assert handler.slots_of_hosts.take("slow.example")


def test_who_waits_for_a_slot_waits_longer_each_time_and_counts_no_try(handler, recorded, claim, find, left):
    number = recorded("http://receiver.example/")
    while handler.slots_of_hosts.take("receiver.example"):
        pass
    waits = []
    for _ in range(7):
        (job,) = claim(later=1_000_000)
        handler.run(job)
        waits.append(left()[0].run_at - find(number).created_at)
    assert [round(wait / timedelta(seconds=0.75)) for wait in waits] == [2, 4, 8, 16, 32, 64, 64]
    assert (find(number).attempts, find(number).state) == (0, DeliveryState.PENDING)


def test_a_job_that_was_begun_too_often_ends_without_a_word(handler, recorded, claim, write, find, left):
    number = recorded("http://receiver.example/")
    (job,) = claim()
    write(lambda tx: handler.give_up(tx, job))
    assert left() == []
    assert find(number).attempts == 0


# With the operations, and a worker


@pytest.fixture
def saving(whole_database):
    return OperationHandler(
        database=whole_database,
        kind=OperationKind.SAVE_AND_CLOSE,
        slots=1,
        steps=Steps(work=nothing_to_do),
        ended=lambda _: None,
        record_delivery=partial(deliveries.record, status_url=status_url),
    )


@pytest.fixture
def all_deliveries(database):
    return lambda: database.read(lambda tx: tx.connection.execute(sa.select(delivery_table)).all()).result(DEADLINE)


def wait_for(condition) -> None:
    pause = threading.Event()
    for _ in range(DEADLINE * 50):
        if condition():
            return
        pause.wait(0.02)
    raise AssertionError("it did not come about in time")


def test_the_end_of_an_operation_is_told_once_in_spite_of_failed_tries(
    ana, saving, handler, running, left, all_deliveries
):
    answers = [answering(500), answering(429), answering(200)]

    async def one_after_the_other(writer):
        await answers.pop(0)(writer)

    with receiving_in_thread(one_after_the_other) as receiver:
        callback = Callback(url=f"http://receiver.example:{receiver.port}/", sealed_secret=None, fingerprint="")
        target = ana.open()
        request = ana.request(OperationKind.SAVE_AND_CLOSE, callback=callback)
        with running(saving, handler):
            ana.accept(target, request)
            wait_for(lambda: all_deliveries() and not left())
        assert len(receiver.requests) == 3
    (one,) = all_deliveries()
    assert (one.state, one.webhook_id, one.attempts) == ("delivered", f"msg_{request.id}", 3)
    assert {(r.headers["webhook-id"], r.body) for r in receiver.requests} == {(one.webhook_id, one.body)}
    event = json.loads(one.body)
    assert event["status"] == ana.session(target).state == "Saved"
    assert event["data"]["version"] == ana.item(target).version
    assert event["statusUrl"] == status_url(target.item, target.session)


def test_a_failed_operation_is_told_too_and_one_without_a_callback_is_not(ana, write, claim, left, all_deliveries):
    callback = Callback(url="https://receiver.example/", sealed_secret="sealed", fingerprint="")
    record = partial(deliveries.record, status_url=status_url)
    for told in (callback, None):
        request = ana.request(OperationKind.COMPLETE, callback=told)
        ana.accept(ana.open(), request)
        job = ana.claim(OperationKind.COMPLETE)
        error = OperationError.of(InvalidField("Notes", "too long"))
        write(lambda tx, mine=job, why=error: version_operations.fail(tx, mine, why, record_delivery=record))
    (one,) = all_deliveries()
    assert json.loads(one.body)["type"] == "workitem.version.complete_failed"
    assert one.sealed_secret == "sealed"
    assert [row.kind for row in left()] == ["deliver"]
    assert len(claim()) == 1


def test_what_is_not_committed_is_never_told(ana, write, left, all_deliveries):
    callback = Callback(url="https://receiver.example/", sealed_secret=None, fingerprint="")
    ana.accept(ana.open(), ana.request(OperationKind.SAVE_AND_CLOSE, callback=callback))
    job = ana.claim(OperationKind.SAVE_AND_CLOSE)

    def record_and_fall(tx, finished) -> None:
        deliveries.record(tx, finished, status_url=status_url)
        raise OSError("the power")

    with pytest.raises(OSError, match="power"):
        write(lambda tx: version_operations.finish(tx, job, (), record_delivery=record_and_fall))
    assert all_deliveries() == []
    assert [row.kind for row in left()] == ["SaveAndClose"]


# Slots


def test_slots_are_counted_by_host_and_given_back():
    slots = Slots(per_host=2)
    assert [slots.take(host) for host in ("a", "a", "a", "b")] == [True, True, False, True]
    slots.release("a")
    assert [slots.take("a"), slots.take("a")] == [True, False]


@pytest.mark.parametrize(
    ("url", "host"),
    [
        ("https://Example.com:8443/x?y", "example.com"),
        ("https://[2001:DB8::1]/", "[2001:db8::1]"),
        ("https://example.com", "example.com"),
    ],
)
def test_the_host_of_a_url_is_the_same_however_it_is_written(url, host):
    assert host_of(url) == host
