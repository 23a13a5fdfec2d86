"""Makes the tries of deliveries that are due: one job is one delivery, put off from try to try until it has ended."""

import asyncio
import random
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import timedelta
from typing import ClassVar

from soapsvc.callbacks import urls
from soapsvc.callbacks.sender import Sender
from soapsvc.callbacks.slots import Slots
from soapsvc.domain.delivery import Attempt, Retries, Sending
from soapsvc.storage import jobs
from soapsvc.storage.database import Database, InTenancy
from soapsvc.storage.jobs import Job
from soapsvc.storage.transaction import Transaction
from soapsvc.usecases import deliveries
from soapsvc.usecases.callback_targets import CallbackSecrets

_LONGEST_WAIT_FOR_SLOT = 64.0


@dataclass(frozen=True, kw_only=True, slots=True)
class DeliveryHandler:
    """Handles jobs of the kind "deliver", in threads; `slots` of them at a time, `slots_of_hosts` to each receiver."""

    kind: ClassVar[str] = deliveries.JOB_KIND
    most_attempts: ClassVar[int] = 2**31
    """The delivery itself knows when it has ended; waits for a receiver's slot count as attempts at the job."""

    database: Database
    sender: Sender
    secrets: CallbackSecrets
    retries: Retries
    slots: int
    slots_of_hosts: Slots
    chance: Callable[[], float] = field(default=random.random)

    def run(self, job: Job) -> None:
        """Make the next try, if the receiver has a slot left, and say when to go on."""
        database = InTenancy(self.database, job.tenancy)
        sending = database.read(lambda tx: deliveries.to_send(tx, int(job.ref))).result()
        if sending is None:
            database.write(lambda tx: jobs.done(tx, job)).result()
            return
        host = urls.host_of(sending.url)
        if not self.slots_of_hosts.take(host):
            self._wait_for_slot(database, job)
            return
        try:
            self._try(database, job, sending)
        finally:
            self.slots_of_hosts.release(host)

    def give_up(self, tx: Transaction, job: Job) -> None:
        """End a job that was begun too often, and leave the delivery as it is."""
        jobs.done(tx, job)

    def _try(self, database: InTenancy, job: Job, sending: Sending) -> None:
        attempt = asyncio.run(deliveries.sent(self.sender, self.secrets, sending))
        chance = self.chance()
        database.write(lambda tx: self._finish(tx, job, sending, attempt, chance)).result()

    def _finish(self, tx: Transaction, job: Job, sending: Sending, attempt: Attempt, chance: float) -> None:
        due_at = deliveries.finish_attempt(tx, sending, attempt, self.retries, chance)
        if due_at is None:
            jobs.done(tx, job)
        else:
            jobs.postpone(tx, job, due_at)

    def _wait_for_slot(self, database: InTenancy, job: Job) -> None:
        """Put the job off, longer each time: many that wait for one receiver must not keep the database busy."""
        seconds = min(_LONGEST_WAIT_FOR_SLOT, 2.0 ** min(job.attempt, 6)) * (0.5 + self.chance() / 2)
        database.write(lambda tx: jobs.postpone(tx, job, tx.now() + timedelta(seconds=seconds))).result()
