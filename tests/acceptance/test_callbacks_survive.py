"""A worker that is killed while it tells the end of an operation: another one tells it again, under the same id."""

import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
import sqlalchemy as sa

from soapsvc.domain.version_session import Callback, OperationKind
from soapsvc.storage.version_tables import delivery, job
from tests.support.receivers import answering, receiving_in_thread, silent
from tests.support.server import clean_environment
from tests.support.versions import Versions

DEADLINE = 30


@contextmanager
def a_worker(database_path) -> Iterator[subprocess.Popen[bytes]]:
    environment = clean_environment() | {
        "SOAPSVC_DATABASE": f"sqlite:///{database_path}",
        "SOAPSVC_CALLBACK_HTTP": "true",
        "SOAPSVC_CALLBACK_NETWORKS": "127.0.0.0/8",
        "SOAPSVC_LEASE_SECONDS": "1",
    }
    process = subprocess.Popen(
        [sys.executable, "-m", "soapsvc", "work"],
        cwd=database_path.parent,
        env=environment | {"PYTHONPATH": os.pathsep.join(sys.path)},
        stdout=subprocess.DEVNULL,
    )
    try:
        yield process
    finally:
        process.kill()
        process.wait()


@pytest.mark.timeout(60)
def test_an_event_that_a_killed_worker_was_sending_is_sent_again_with_the_same_id(database, database_path, cast):
    arrived = threading.Semaphore(0)
    answers = [silent, answering(200)]

    async def silence_first(writer) -> None:
        arrived.release()
        await answers.pop(0)(writer)

    ana = Versions(database, cast.caller("ana"))
    target = ana.open()
    with receiving_in_thread(silence_first) as receiver:
        callback = Callback(url=f"http://127.0.0.1:{receiver.port}/", sealed_secret=None, fingerprint="")
        request = ana.request(OperationKind.SAVE_AND_CLOSE, callback=callback)
        version = ana.accept(target, request).item.version
        with a_worker(database_path) as first:
            assert arrived.acquire(timeout=DEADLINE)
            assert ana.session(target).state == "Saved"  # what is told is committed
            first.kill()
            first.wait()
        with a_worker(database_path):
            assert arrived.acquire(timeout=DEADLINE)
            _wait_until(lambda: not _rows(database, job))
    (one,) = _rows(database, delivery)
    assert (one.state, one.attempts, one.webhook_id) == ("delivered", 1, f"msg_{request.id}")
    assert [r.headers["webhook-id"] for r in receiver.requests] == [one.webhook_id] * 2
    assert {r.body for r in receiver.requests} == {one.body}
    assert ana.item(target).version == version + 1


def _rows(database, table):
    return database.read(lambda tx: tx.connection.execute(sa.select(table)).all()).result(10)


def _wait_until(condition) -> None:
    pause = threading.Event()
    for _ in range(DEADLINE * 20):
        if condition():
            return
        pause.wait(0.05)
    raise AssertionError("it did not come about in time")
