"""Runs jobs: claims those that are due, keeps their leases while they run, and gives up those that never succeed.

Each kind of job has slots of its own, so that slow ones never starve the others. Whoever claims a job gets its next
attempt, and only the last attempt can end it: a worker that slept beyond its lease finds its job gone.
"""

import logging
import random
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from functools import partial
from typing import Protocol

from soapsvc.domain.errors import LeaseLost, StorageUnavailable
from soapsvc.storage import jobs
from soapsvc.storage.database import Database, run_in
from soapsvc.storage.jobs import Job
from soapsvc.storage.tasks import Unit
from soapsvc.storage.transaction import Transaction

LEASE = timedelta(seconds=15)
POLL_SECONDS = 1.0
STOP_SECONDS = 10.0
LONGEST = timedelta(minutes=10)
"""A job that runs longer is no longer kept: its thread hangs, and another attempt may fare better."""

_LONGEST_RETRY = 300.0
_MOST_DOUBLINGS = 20
_log = logging.getLogger(__name__)


class Handler(Protocol):
    """How jobs of one kind are done.

    `slots`: how many at a time, in this process. `most_attempts`: a job that was begun that often is given up.
    """

    @property
    def kind(self) -> str: ...  # noqa: D102 - said above

    @property
    def slots(self) -> int: ...  # noqa: D102

    @property
    def most_attempts(self) -> int: ...  # noqa: D102

    def run(self, job: Job) -> None:
        """Do one attempt, in a thread and outside any transaction; its last unit calls jobs.done or jobs.postpone.

        It may run twice, even at the same time; what is done must be the same then. What it raises, other than
        LeaseLost, lets the job be tried again after a while.
        """

    def give_up(self, tx: Transaction, job: Job) -> None:
        """Leave what the job is about in a final state, and call jobs.done: a unit of work in the job's tenancy."""


@dataclass(slots=True)
class _Lane:
    """The slots of one kind, and how many are free; fewer than none where a job came whose slot was given back."""

    handler: Handler
    free: int


@dataclass(slots=True, eq=False)
class _Place:
    """A slot that is kept for a job that is about to be made; see jobs.Lease."""

    runner: "Runner"
    kind: str
    is_used: bool = False
    is_returned: bool = False

    @property
    def length(self) -> timedelta:
        return self.runner.lease

    def start(self, born: Job) -> None:
        """Do the job, also where the slot was given back meanwhile because its caller went away."""
        self.runner.start_in(self, born)


class Runner:
    """A worker: in the service's own process, or in one beside it."""

    def __init__(
        self,
        database: Database,
        handlers: Sequence[Handler],
        *,
        lease: timedelta = LEASE,
        poll_seconds: float = POLL_SECONDS,
        retry_seconds: float = 2.0,
    ) -> None:
        self.lease = lease
        self._database = database
        self._poll_seconds = poll_seconds
        self._retry_seconds = retry_seconds
        self._lanes = {one.kind: _Lane(one, one.slots) for one in handlers}
        self._turn = threading.Condition()
        """Guards the lanes' free slots and the four below; who waits for it waits for jobs to end."""
        self._live: dict[int, tuple[Job, float]] = {}
        self._refused: list[Job] = []
        self._is_stopping = False
        self._is_running = False
        self._wake = threading.Event()
        self._stopped = threading.Event()
        self._threads = [
            threading.Thread(target=target, name=name, daemon=True)
            for name, target in (("dispatch", self._dispatch), ("heartbeat", self._beat))
        ]

    def begin(self) -> None:
        """Begin to claim what is due."""
        self._is_running = True
        for thread in self._threads:
            thread.start()

    def stop(self, seconds: float = STOP_SECONDS) -> None:
        """Claim nothing more, let what runs come to its end, and give back what does not."""
        with self._turn:
            self._is_stopping = True
        self._wake.set()
        self._stopped.set()
        if self._is_running:
            for thread in self._threads:
                thread.join()
        with self._turn:
            self._turn.wait_for(lambda: not self._live, seconds)
            left = [*self._refused, *(job for job, _ in self._live.values())]
        if left:
            _log.warning("%d jobs did not end in time; others will take them up", len(left))
            try:
                self._database.write(lambda tx: jobs.extend(tx, left, timedelta(0))).result()
            except StorageUnavailable:
                _log.warning("they could not be given back; their leases will run out", exc_info=True)

    def wake(self) -> None:
        """Look for what is due now: something was made that this process did not see."""
        self._wake.set()

    @contextmanager
    def place_for(self, kind: str) -> Iterator[jobs.Lease | None]:
        """Keep a free slot for a job that is about to be made, and give it back if it is not; None if all are taken."""
        place = _Place(self, kind) if self._take(kind, 1) else None
        try:
            yield place
        finally:
            if place is not None:
                self._leave(place)

    def start_in(self, place: _Place, job: Job) -> None:
        """Do a job in the slot that was kept for it."""
        with self._turn:
            place.is_used = True
            if place.is_returned:
                self._lanes[place.kind].free -= 1
        self._start(job)

    def _leave(self, place: _Place) -> None:
        with self._turn:
            place.is_returned = not place.is_used
        if place.is_returned:
            self._give_back(place.kind, 1)

    def _start(self, job: Job) -> None:
        """Do a job whose slot was taken. While the runner stops, nothing begins: others will find it."""
        with self._turn:
            if self._is_stopping:
                self._refused.append(job)
                return
            self._live[job.id] = (job, time.monotonic())
        # Not by an executor: its threads would keep the process until the last job ends, however long it hangs.
        threading.Thread(target=self._run, args=(job,), name=f"{job.kind} {job.ref}", daemon=True).start()

    def _take(self, kind: str, most: int) -> int:
        with self._turn:
            if self._is_stopping or not self._is_running or kind not in self._lanes:
                return 0
            taken = max(0, min(most, self._lanes[kind].free))
            self._lanes[kind].free -= taken
            return taken

    def _give_back(self, kind: str, count: int, *, ended: Job | None = None) -> None:
        with self._turn:
            if ended is not None and self._live.get(ended.id, (None,))[0] is ended:  # and not a later attempt
                del self._live[ended.id]
            self._lanes[kind].free += count
            self._turn.notify_all()
        self._wake.set()

    # What is due

    def _dispatch(self) -> None:
        while not self._is_stopping:
            self._wake.clear()
            try:
                pause = self._claim_all()
            except Exception:  # whatever it is, what is due must not be left for it
                _log.exception("jobs could not be claimed; it will be tried again")
                pause = self._poll_seconds
            self._wake.wait(pause)

    def _claim_all(self) -> float:
        """Claim what is due and has a slot; say after how many seconds to look again."""
        pause = self._poll_seconds
        for kind, left in self._database.read(partial(jobs.next_due, kinds=list(self._lanes))).result().items():
            if left > timedelta(0):
                pause = min(pause, left.total_seconds())
            elif self._claim(kind):
                pause = 0.0  # as many as there were slots for: there may be more
        return pause

    def _claim(self, kind: str) -> bool:
        slots = self._take(kind, self._lanes[kind].handler.slots)
        if not slots:
            return False  # the slot that becomes free wakes us
        claimed: Sequence[Job] = ()
        try:
            claimed = self._database.write(partial(jobs.claim, kind=kind, most=slots, length=self.lease)).result()
        finally:
            with self._turn:
                self._lanes[kind].free += slots - len(claimed)
        for job in claimed:
            self._start(job)
        return len(claimed) == slots

    # One attempt

    def _run(self, job: Job) -> None:
        handler = self._lanes[job.kind].handler
        try:
            if job.attempt > handler.most_attempts:
                self._write(job, partial(handler.give_up, job=job))
            else:
                handler.run(job)
        except LeaseLost as lost:
            _log.warning("%s: what it did is not kept", lost)
        except Exception:
            _log.exception("attempt %d at the %s of %s failed", job.attempt, job.kind, job.ref)
            self._try_later(job, handler)
        finally:
            self._give_back(job.kind, 1, ended=job)

    def _try_later(self, job: Job, handler: Handler) -> None:
        """Let it be tried again after a while; after the last attempt at once, to be given up."""
        pause = self._retry_seconds * 2.0 ** min(job.attempt - 1, _MOST_DOUBLINGS)
        if job.attempt == handler.most_attempts:
            pause = 0.0
        pause = min(_LONGEST_RETRY, pause) * random.uniform(0.8, 1.2)  # noqa: S311 - no secret
        try:
            self._write(job, lambda tx: jobs.postpone(tx, job, tx.now() + timedelta(seconds=pause)))
        except LeaseLost:
            pass  # somebody else is at it already
        except Exception:
            _log.exception("the %s of %s could not be put off; its lease will run out", job.kind, job.ref)

    def _write(self, job: Job, unit: Unit[None]) -> None:
        self._database.write(run_in(job.tenancy, unit)).result()

    def _beat(self) -> None:
        """Keep the leases of what runs: each is renewed twice before it could run out."""
        while not self._stopped.wait(self.lease.total_seconds() / 3):
            oldest = time.monotonic() - LONGEST.total_seconds()
            with self._turn:
                live = [job for job, since in self._live.values() if since > oldest]
            try:
                if live:
                    self._database.write(partial(jobs.extend, mine=live, length=self.lease)).result()
            except Exception:
                _log.exception("leases could not be extended; they may run out")
