"""Whatever workers do, and however they are interleaved: one attempt at most ends a job, and none is lost."""

from datetime import UTC, datetime, timedelta

import hypothesis.strategies as st
import pytest
import sqlalchemy as sa
from hypothesis import HealthCheck, settings
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule, run_state_machine_as_test

from soapsvc.domain.errors import LeaseLost
from soapsvc.storage import jobs
from soapsvc.storage.database import InTenancy
from soapsvc.storage.jobs import Job
from soapsvc.storage.version_tables import job as job_table

LENGTH = timedelta(seconds=15)
START = datetime(2026, 1, 1, tzinfo=UTC)


class Claims(RuleBasedStateMachine):
    """A model: each job has its attempts, the last of which may end it, and the moment that it is due again."""

    database: InTenancy

    @initialize()
    def begin(self) -> None:
        self.now = START
        self.given: list[Job] = []
        """Every attempt that was ever given out, the lost ones too."""
        self.due: dict[str, datetime] = {}
        self.attempts: dict[str, int] = {}
        self.ended: dict[str, int] = {}
        self._write(lambda tx: tx.connection.execute(sa.delete(job_table)))

    def _write(self, unit):
        def at_this_time(tx):
            tx.now = lambda: self.now
            return unit(tx)

        return self.database.write(at_this_time).result(10)

    @rule(delay=st.sampled_from([None, 1, 20]))
    def enqueue(self, delay):
        ref = f"job-{len(self.attempts)}"
        at = None if delay is None else self.now + timedelta(seconds=delay)
        self._write(lambda tx: jobs.enqueue(tx, "note", ref, at=at))
        self.due[ref], self.attempts[ref] = at or self.now, 0

    @rule(most=st.integers(1, 3))
    def claim(self, most):
        claimed = self._write(lambda tx: jobs.claim(tx, "note", most=most, length=LENGTH))
        due = sorted((at, ref) for ref, at in self.due.items() if at <= self.now)
        assert len(claimed) == min(most, len(due))
        moments = [at for at, _ in due[: len(claimed)]]
        assert sorted(self.due[one.ref] for one in claimed) == moments, "the longest due come first"
        for one in claimed:
            self.attempts[one.ref] += 1
            assert one.attempt == self.attempts[one.ref]
            self.due[one.ref] = self.now + LENGTH
        self.given += claimed

    @rule(which=st.integers(0, 100))
    def extend(self, which):
        if self.given:
            one = self.given[which % len(self.given)]
            self._write(lambda tx: jobs.extend(tx, [one], LENGTH))
            if self._is_last(one):
                self.due[one.ref] = self.now + LENGTH

    @rule(which=st.integers(0, 100), ends=st.booleans(), delay=st.integers(0, 30))
    def end_or_postpone(self, which, ends, delay):
        if not self.given:
            return
        one = self.given[which % len(self.given)]
        until = self.now + timedelta(seconds=delay)
        unit = (lambda tx: jobs.done(tx, one)) if ends else (lambda tx: jobs.postpone(tx, one, until))
        if not self._is_last(one):
            with pytest.raises(LeaseLost):
                self._write(unit)
            return
        self._write(unit)
        if ends:
            del self.due[one.ref]
            self.ended[one.ref] = self.ended.get(one.ref, 0) + 1
        else:
            self.due[one.ref] = until

    @rule(seconds=st.integers(1, 40))
    def wait(self, seconds):
        self.now += timedelta(seconds=seconds)

    @invariant()
    def every_job_is_left_or_ended_once(self):
        if not hasattr(self, "due"):
            return
        rows = self.database.read(lambda tx: tx.connection.execute(sa.select(job_table)).all()).result(10)
        assert {row.ref: (row.run_at, row.attempt) for row in rows} == {
            ref: (at, self.attempts[ref]) for ref, at in self.due.items()
        }
        assert set(self.attempts) == set(self.due) | set(self.ended)
        assert set(self.ended.values()) <= {1}

    def _is_last(self, one: Job) -> bool:
        return one.ref in self.due and one.attempt == self.attempts[one.ref]


def test_whatever_workers_do_a_job_is_ended_once_by_its_last_attempt(database):
    machine = type("ClaimsHere", (Claims,), {"database": database})
    run_state_machine_as_test(
        machine,
        settings=settings(
            max_examples=25, stateful_step_count=30, deadline=None, suppress_health_check=list(HealthCheck)
        ),
    )


@pytest.mark.parametrize("kind", ["postgresql"])
def test_what_another_claims_at_the_same_time_is_passed_over_without_waiting(kind, whole_database, database):
    database.write(lambda tx: [jobs.enqueue(tx, "note", str(n)) for n in range(5)]).result(10)

    def claim(most):
        return lambda tx: [one.ref for one in jobs.claim(tx, "note", most=most, length=LENGTH)]

    def claim_beside_another(tx):
        mine = claim(2)(tx)
        return mine, whole_database.write(claim(10)).result(10), claim(10)(tx)

    mine, theirs, nothing = whole_database.write(claim_beside_another).result(10)
    assert (len(mine), len(theirs), nothing) == (2, 3, [])
    assert {*mine, *theirs} == {"0", "1", "2", "3", "4"}


@pytest.mark.parametrize("statement", [jobs._CLAIM, jobs._NEXT], ids=["claim", "next"])
def test_finding_what_is_due_is_a_look_into_the_index(database_path, database, statement):
    """However many jobs wait for a later time: of none of the others a row is read."""

    def plan(tx):
        sql = str(statement.construct.compile(dialect=tx.dialect))
        rows = tx.driver.execute(f"EXPLAIN QUERY PLAN {sql}", [1] * sql.count("?")).fetchall()
        return " ".join(str(row[3]) for row in rows)

    found = database.read(plan).result(10)
    assert "INDEX ix_job_kind_run_at (kind=?" in found
    assert "SCAN job" not in found
