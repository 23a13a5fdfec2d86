"""Jobs: rows that are due, in the same database as what they are about, and leased to who does them.

`run_at` is the moment that a job is due at; while it runs, the end of its lease. `attempt` counts its leases and is the
fence: who ends or puts off a job must name the attempt that he was given, and only the last one given is right.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial
from typing import Protocol

import sqlalchemy as sa

from soapsvc.domain.errors import LeaseLost
from soapsvc.storage.statements import Statement
from soapsvc.storage.tables import Moment, insert_into, of_tenancy
from soapsvc.storage.transaction import Transaction
from soapsvc.storage.version_tables import job

_INSERT = Statement(insert_into(job, numbered=True))
_MINE = sa.and_(job.c.id == sa.bindparam("job"), job.c.attempt == sa.bindparam("mine"), of_tenancy(job))
_DELETE = Statement(sa.delete(job).where(_MINE))
_POSTPONE = Statement(sa.update(job).where(_MINE).values(run_at=sa.bindparam("until", type_=Moment)))
_EXTEND = Statement(
    sa.update(job)
    .where(job.c.id == sa.bindparam("job"), job.c.attempt == sa.bindparam("mine"))
    .values(run_at=sa.bindparam("until", type_=Moment)),
    across_tenancies=True,  # a worker works for all of them, and its heartbeat names what was given to it
)
# A table of its own is made once; as a subquery PostgreSQL could run it again for each row, and claim more than these.
_DUE = (
    sa.select(job.c.id)
    .where(job.c.kind == sa.bindparam("of_kind"), job.c.run_at <= sa.bindparam("now", type_=Moment))
    .order_by(job.c.run_at)
    .limit(sa.bindparam("most"))
    .with_for_update(skip_locked=True)  # SQLite, which has one writer, has no use for it and leaves it out
    .cte("due")
)
_CLAIM = Statement(
    sa.update(job)
    .where(job.c.id.in_(sa.select(_DUE.c.id)))
    .values(run_at=sa.bindparam("until", type_=Moment), attempt=job.c.attempt + 1)
    .returning(job.c.id, job.c.tenancy_id, job.c.kind, job.c.ref, job.c.attempt),
    across_tenancies=True,  # a worker works for all of them; each job is then done in its own
)
_NEXT = Statement(
    sa.select(sa.func.min(job.c.run_at, type_=Moment).label("run_at")).where(job.c.kind == sa.bindparam("of_kind")),
    across_tenancies=True,  # says when a worker has to look again
)


@dataclass(frozen=True, kw_only=True, slots=True)
class Job:
    """One attempt at a job: what kind, about what (`ref`), and which one it is."""

    id: int
    tenancy: int
    kind: str
    ref: str
    attempt: int


class Lease(Protocol):
    """A free place of a worker in this process, kept for a job that is about to be made."""

    @property
    def length(self) -> timedelta:
        """How long the job is leased to it at first."""

    def start(self, born: Job) -> None:
        """Do the job, from any thread and without waiting."""


def enqueue(tx: Transaction, kind: str, ref: str, *, at: datetime | None = None, lease: Lease | None = None) -> None:
    """Make a job in the transaction of what it is about, due at once or at a moment.

    With a lease it is born leased, and starts right after the commit: nobody has to find it first.
    """
    born = int(lease is not None)
    run_at = tx.now() + lease.length if lease is not None else at or tx.now()
    job_id = _INSERT.value(tx, kind=kind, ref=ref, run_at=run_at, attempt=born)
    if lease is not None:
        made = Job(id=job_id, tenancy=tx.tenancy or 0, kind=kind, ref=ref, attempt=born)
        tx.after_commit(partial(lease.start, made))


def done(tx: Transaction, mine: Job) -> None:
    """End a job, as part of what it does: the fence. Raises LeaseLost where another attempt was given out since."""
    _expect_mine(_DELETE.change(tx, job=mine.id, mine=mine.attempt), mine)


def postpone(tx: Transaction, mine: Job, until: datetime) -> None:
    """Let a job be due again at a moment, for the next attempt. Raises LeaseLost."""
    _expect_mine(_POSTPONE.change(tx, job=mine.id, mine=mine.attempt, until=until), mine)


def claim(tx: Transaction, kind: str, *, most: int, length: timedelta) -> Sequence[Job]:
    """Lease jobs of a kind that are due, the longest due first, in all tenancies."""
    now = tx.now()
    rows = _CLAIM.rows(tx, of_kind=kind, now=now, most=most, until=now + length)
    return [Job(id=row.id, tenancy=row.tenancy_id, kind=row.kind, ref=row.ref, attempt=row.attempt) for row in rows]


def extend(tx: Transaction, mine: Sequence[Job], length: timedelta) -> None:
    """Let leases last longer from now on, or with no length end now; those that were lost stay lost."""
    until = tx.now() + length
    _EXTEND.change_each(tx, [{"job": one.id, "mine": one.attempt, "until": until} for one in mine])


def next_due(tx: Transaction, kinds: Iterable[str]) -> Mapping[str, timedelta]:
    """Say for each of these kinds that there are jobs of how long it is until one is due; not above zero: it is."""
    moments = {kind: _NEXT.value(tx, of_kind=kind) for kind in kinds}  # one by one: each is one look into the index
    return {kind: moment - tx.now() for kind, moment in moments.items() if moment is not None}


def _expect_mine(rows: int, mine: Job) -> None:
    if rows != 1:
        raise LeaseLost(f"attempt {mine.attempt} at the {mine.kind} of {mine.ref} is no longer the last one")
