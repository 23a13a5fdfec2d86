"""Killed at whatever step, an operation comes to one final state, with one version and one delivery.

`SOAPSVC_PROOF=long`, as `make prove` has it, does it on PostgreSQL too.
"""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path

import pytest
import sqlalchemy as sa

from soapsvc.domain.caller import Caller
from soapsvc.domain.states import State
from soapsvc.domain.version_session import STARTED, SUCCEEDED, OperationKind, SessionState
from soapsvc.storage import history, jobs
from soapsvc.storage.database import InTenancy
from soapsvc.storage.waiters import Waiters
from soapsvc.usecases import people
from tests.support import failing_worker
from tests.support.failing_worker import HANGING, STEPS, steps_for
from tests.support.server import Server, clean_environment
from tests.support.versions import CALLBACK, KINDS, Versions

KINDS_TO_KILL_ON = ("sqlite", "postgresql") if os.environ.get("SOAPSVC_PROOF") == "long" else ("sqlite",)
SECONDS = 30.0
NOT_ACCEPTED = {"before accepting", "accepted, not committed"}
LATER = timedelta(hours=1)
"""After this every lease has run out."""


def text_of(url: sa.URL) -> str:
    return url.render_as_string(hide_password=False)


@pytest.fixture
def ana(database_url: sa.URL) -> Iterator[Versions]:
    """ana, an hour later than the process that is killed."""
    database = failing_worker.opened(text_of(database_url), lambda now: now + LATER)
    tenancy = InTenancy(database, 1)
    person = tenancy.read(lambda tx: people.find_person(tx, "ana")).result(10)
    yield Versions(tenancy, Caller(person=person, tenancy=1))
    database.close()


@pytest.fixture(scope="module")
def killer() -> Iterator[subprocess.Popen[str]]:
    """A process that has loaded everything, and forks one to be killed for each line that it is sent."""
    with subprocess.Popen(
        [sys.executable, "-m", "tests.support.failing_worker"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        cwd=Path(__file__).parents[2],
        env=clean_environment(),
    ) as started:
        try:
            yield started
        finally:
            started.kill()


def killed_at(killer: subprocess.Popen[str], *words: str) -> int:
    assert killer.stdin is not None
    assert killer.stdout is not None
    killer.stdin.write(json.dumps(words) + "\n")
    killer.stdin.flush()
    return int(killer.stdout.readline())


@contextmanager
def process(database_url: sa.URL, target, operation: OperationKind, step: str) -> Iterator[subprocess.Popen[str]]:
    words = [text_of(database_url), "ana", target.item, target.session, operation, step]
    with subprocess.Popen(
        [sys.executable, "-m", "tests.support.failing_worker", *words],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        cwd=Path(__file__).parents[2],
        env=clean_environment(),
    ) as started:
        try:
            yield started
        finally:
            started.kill()


@contextmanager
def another_worker(ana: Versions) -> Iterator[None]:
    runner = failing_worker.worker(ana.database.database, steps_for("none"), Waiters(1), poll_seconds=0.02)
    runner.begin()
    try:
        yield
    finally:
        runner.stop()


def eventually(ana: Versions, target, state: SessionState) -> None:
    deadline = time.monotonic() + SECONDS
    while ana.session(target).state is not state:
        assert time.monotonic() < deadline, ana.session(target)


def check_ended_once(ana: Versions, target, operation: OperationKind) -> None:
    item = ana.item(target)
    expected = State.PENDED if operation is OperationKind.SAVE_AND_CLOSE else State.COMPLETED
    assert (item.version, item.state, item.running, item.session) == (2, expected, None, None)
    rows = ana.database.read(lambda tx: history.of(tx, item.id)).result(10)
    assert [row.version for row in rows] == [0, 1, 2]
    assert not ana.database.read(lambda tx: list(history.broken_chains(tx, after=0, to=1_000))).result(10)
    session = ana.session(target)
    assert (session.state, session.ended_version) == (SUCCEEDED[operation], 2)
    left = ana.database.read(lambda tx: jobs.next_due(tx, [*OperationKind, "deliver"])).result(10)
    assert set(left) == {"deliver"}, "nothing is left but what is to be told"
    delivery = ana.claim("deliver")
    assert (delivery.ref, delivery.attempt) == (session.operation, 1), "and that is told once, by one id"


@pytest.mark.parametrize("kind", KINDS_TO_KILL_ON)
@pytest.mark.parametrize("step", STEPS)
@pytest.mark.parametrize("operation", KINDS)
def test_killed_at_any_step_it_ends_once_all_the_same(kind, killer, database_url, ana, operation, step):
    target = ana.open(answers={"Notes": "said"})

    code = killed_at(killer, text_of(database_url), "ana", target.item, target.session, operation, step)
    assert code == -signal.SIGKILL

    expected = SessionState.IN_PROGRESS if step in NOT_ACCEPTED else STARTED[operation]
    if step == "finished and committed":
        expected = SUCCEEDED[operation]
    assert ana.session(target).state is expected
    assert ana.item(target).version == (2 if step == "finished and committed" else 1)

    ana.accept(target, ana.request(operation, callback=CALLBACK))  # the client, who got no answer, asks again
    with another_worker(ana):
        eventually(ana, target, SUCCEEDED[operation])

    check_ended_once(ana, target, operation)


@pytest.mark.parametrize("kind", KINDS_TO_KILL_ON)
@pytest.mark.parametrize("operation", KINDS)
def test_a_worker_that_was_stopped_beyond_its_lease_and_wakes_commits_nothing(kind, database_url, ana, operation):
    target = ana.open(answers={"Notes": "said"})
    with process(database_url, target, operation, HANGING) as sleeper:
        assert sleeper.stdout.readline() == "working\n", sleeper.stderr.read()
        os.kill(sleeper.pid, signal.SIGSTOP)
        with another_worker(ana):
            eventually(ana, target, SUCCEEDED[operation])
        check_ended_once(ana, target, operation)
        before = ana.item(target), ana.session(target)

        os.kill(sleeper.pid, signal.SIGCONT)
        _, said = sleeper.communicate("go on\n", timeout=SECONDS)

    assert sleeper.returncode == 0, said
    assert "is no longer the last one: what it did is not kept" in said
    assert (ana.item(target), ana.session(target)) == before


def test_a_worker_beside_the_service_does_what_is_due_until_it_is_told_to_stop(database_url, ana, tmp_path):
    target = ana.open()
    ana.accept(target, ana.request(OperationKind.SAVE_AND_CLOSE))
    make_due = ana.claim("SaveAndClose")
    ana.write(lambda tx: jobs.extend(tx, [make_due], -2 * LATER))
    environment = clean_environment() | {"SOAPSVC_DATABASE": text_of(database_url)}
    with subprocess.Popen(
        [sys.executable, "-m", "soapsvc", "work"], env=environment, stdout=subprocess.PIPE, text=True, cwd=tmp_path
    ) as started:
        try:
            assert "is working on" in started.stdout.readline()
            eventually(ana, target, SessionState.SAVED)
            started.terminate()
            assert started.wait(SECONDS) == 0
        finally:
            started.kill()


def test_the_service_itself_takes_up_what_was_left(tmp_path, database_url):
    """Left by a process that was killed, with a lease that has run out; the service ends it after its start."""
    database = failing_worker.opened(text_of(database_url))
    tenancy = InTenancy(database, 1)
    person = tenancy.read(lambda tx: people.find_person(tx, "ana")).result(10)
    ana = Versions(tenancy, Caller(person=person, tenancy=1))
    target = ana.open()
    ana.accept(target, ana.request(OperationKind.COMPLETE))
    left = ana.claim("Complete")
    ana.write(lambda tx: jobs.extend(tx, [left], -LATER))
    with Server(tmp_path, SOAPSVC_DATABASE=text_of(database_url)):
        eventually(ana, target, SessionState.COMPLETED)
    database.close()
