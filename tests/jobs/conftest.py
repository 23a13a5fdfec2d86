"""A worker in this process, whose clock and work the tests decide."""

import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

import pytest

from soapsvc.jobs.runner import Runner
from soapsvc.storage import jobs
from soapsvc.storage.database import run_in
from soapsvc.storage.jobs import Job
from tests.support.versions import Versions

SECONDS = 20.0


@pytest.fixture
def ana(database, cast) -> Versions:
    return Versions(database, cast.caller("ana"))


@dataclass
class Recorder:
    """A handler that notes what it does; `act` is what an attempt does."""

    database: Any
    act: Callable[[Job], None] | None = None
    kind: str = "note"
    slots: int = 2
    most_attempts: int = 3
    attempts: list[int] = field(default_factory=list)
    given_up: list[int] = field(default_factory=list)
    changed: threading.Condition = field(default_factory=threading.Condition)

    def run(self, job: Job) -> None:
        with self.changed:
            self.attempts.append(job.attempt)
            self.changed.notify_all()
        if self.act is not None:
            self.act(job)
        self.database.write(run_in(job.tenancy, lambda tx: jobs.done(tx, job))).result()
        with self.changed:
            self.changed.notify_all()

    def give_up(self, tx: Any, job: Job) -> None:
        jobs.done(tx, job)
        with self.changed:
            self.given_up.append(job.attempt)
            self.changed.notify_all()

    def wait_until(self, condition: Callable[[], bool]) -> None:
        deadline = time.monotonic() + SECONDS
        with self.changed:
            while not condition():  # looked at often: not all that it may be about is notified of
                assert time.monotonic() < deadline, (self.attempts, self.given_up)
                self.changed.wait(0.02)


@pytest.fixture
def running(whole_database):
    """Run handlers until the block ends."""

    @contextmanager
    def run(*handlers: Any, lease: float = 15.0, poll: float = 0.05, retry: float = 0.01) -> Iterator[Runner]:
        runner = Runner(
            whole_database, handlers, lease=timedelta(seconds=lease), poll_seconds=poll, retry_seconds=retry
        )
        runner.begin()
        try:
            yield runner
        finally:
            runner.stop(5.0)

    return run


@pytest.fixture
def left(database) -> Callable[[], Sequence[Any]]:
    """Give the jobs that there are."""
    import sqlalchemy as sa

    from soapsvc.storage.version_tables import job

    return lambda: database.read(lambda tx: tx.connection.execute(sa.select(job)).all()).result(10)
