"""A worker claims what is due, keeps its leases, tries again what failed, and gives up what never succeeds."""

import threading
from datetime import UTC, datetime, timedelta

import pytest
import sqlalchemy as sa

from soapsvc.domain.errors import LeaseLost
from soapsvc.jobs.runner import Runner
from soapsvc.storage import jobs
from soapsvc.storage.database import open_database
from soapsvc.storage.version_tables import job
from tests.jobs.conftest import SECONDS, Recorder


@pytest.fixture
def recorder(whole_database) -> Recorder:
    return Recorder(whole_database)


def gone(left) -> bool:
    return not left()


def waiting(recorder: Recorder) -> tuple[threading.Event, threading.Event]:
    """Let its jobs wait; give what says that one does, and what lets it end."""
    busy, go_on = threading.Event(), threading.Event()

    def act(_):
        busy.set()
        assert go_on.wait(SECONDS)

    recorder.act = act
    return busy, go_on


def test_what_is_due_is_found_and_done_once(recorder, running, ana, left):
    ana.write(lambda tx: jobs.enqueue(tx, "note", "a"))
    with running(recorder):
        recorder.wait_until(lambda: recorder.attempts == [1])
    assert gone(left)


def test_what_is_due_later_waits_for_its_time(recorder, running, ana, left):
    ana.write(lambda tx: jobs.enqueue(tx, "note", "later", at=tx.now() + timedelta(hours=1)))
    ana.write(lambda tx: jobs.enqueue(tx, "note", "now"))
    with running(recorder):
        recorder.wait_until(lambda: len(recorder.attempts) == 1)
    assert [row.ref for row in left()] == ["later"]


def test_a_job_with_a_place_is_born_leased_and_starts_without_being_looked_for(recorder, running, ana, left):
    with running(recorder, poll=60.0) as runner:
        with runner.place_for("note") as lease:
            assert lease is not None
            ana.write(lambda tx: jobs.enqueue(tx, "note", "a", lease=lease))
        recorder.wait_until(lambda: recorder.attempts == [1])
    assert gone(left)


def test_a_job_that_is_not_committed_never_starts_and_its_place_is_free_again(recorder, running, ana):
    recorder.slots = 1

    def undone(tx):
        jobs.enqueue(tx, "note", "a", lease=lease)
        raise OSError("no")

    with running(recorder, poll=60.0) as runner:
        with runner.place_for("note") as lease, pytest.raises(OSError, match="no"):
            ana.write(undone)
        with runner.place_for("note") as lease:
            assert lease is not None
    assert recorder.attempts == []


def test_where_all_places_are_taken_a_job_waits_and_is_taken_up_when_one_is_free(recorder, running, ana):
    recorder.slots = 1
    busy, go_on = waiting(recorder)
    with running(recorder, poll=60.0) as runner:
        ana.write(lambda tx: jobs.enqueue(tx, "note", "a"))
        runner.wake()
        assert busy.wait(SECONDS)
        with runner.place_for("note") as lease:
            assert lease is None
        ana.write(lambda tx: jobs.enqueue(tx, "note", "b"))
        go_on.set()
        recorder.wait_until(lambda: recorder.attempts == [1, 1])


def test_a_place_whose_owner_went_away_before_the_commit_is_made_good(recorder, running, ana, left):
    recorder.slots = 1
    with running(recorder, poll=60.0) as runner:
        with runner.place_for("note") as lease:
            pass
        ana.write(lambda tx: jobs.enqueue(tx, "note", "a", lease=lease))
        recorder.wait_until(lambda: recorder.attempts == [1])
        recorder.wait_until(lambda: not runner._live)
        assert runner._lanes["note"].free == 1


def test_slots_of_one_kind_are_no_concern_of_another(whole_database, running, ana):
    slow, quick = Recorder(whole_database, kind="slow", slots=1), Recorder(whole_database, kind="quick")
    go_on = threading.Event()
    slow.act = lambda job: go_on.wait(SECONDS)
    with running(slow, quick):
        for n in range(3):
            ana.write(lambda tx, n=n: jobs.enqueue(tx, "slow", str(n)))
        slow.wait_until(lambda: slow.attempts == [1])
        ana.write(lambda tx: jobs.enqueue(tx, "quick", "a"))
        quick.wait_until(lambda: quick.attempts == [1])
        assert slow.attempts == [1]
        go_on.set()
        slow.wait_until(lambda: len(slow.attempts) == 3)


def test_a_job_that_fails_is_tried_again(recorder, running, ana, left):
    def act(job):
        if job.attempt < 3:
            raise OSError("not yet")

    recorder.act = act
    ana.write(lambda tx: jobs.enqueue(tx, "note", "a"))
    with running(recorder):
        recorder.wait_until(lambda: recorder.attempts == [1, 2, 3])
    assert gone(left)
    assert recorder.given_up == []


def test_a_poison_job_is_given_up_after_its_attempts(recorder, running, ana, left):
    def act(job):
        raise OSError("never")

    recorder.act = act
    ana.write(lambda tx: jobs.enqueue(tx, "note", "a"))
    with running(recorder):
        recorder.wait_until(lambda: len(recorder.given_up) == 1)
    assert recorder.attempts == [1, 2, 3]
    assert gone(left)


def test_a_job_whose_workers_die_every_time_is_given_up_without_being_begun_again(recorder, running, ana, left):
    ana.write(lambda tx: jobs.enqueue(tx, "note", "a"))
    for n in range(1, 4):
        assert ana.claim("note", later=100.0 * n).attempt == n  # and nothing more is heard of who claimed it
    ana.write(lambda tx: jobs.extend(tx, [_as_claimed(left)], timedelta(0)))
    with running(recorder):
        recorder.wait_until(lambda: recorder.given_up == [4])
    assert recorder.attempts == []
    assert gone(left)


def _as_claimed(left) -> jobs.Job:
    (row,) = left()
    return jobs.Job(id=row.id, tenancy=row.tenancy_id, kind=row.kind, ref=row.ref, attempt=row.attempt)


def test_a_long_job_keeps_its_lease_by_a_heartbeat(recorder, running, ana, left):
    beats = []
    go_on = threading.Event()

    def act(job):
        first = left()[0].run_at
        while left()[0].run_at == first:  # until it was extended
            assert not go_on.wait(0.01)
        beats.append(job.attempt)

    recorder.act = act
    ana.write(lambda tx: jobs.enqueue(tx, "note", "a"))
    with running(recorder, lease=0.6):
        recorder.wait_until(lambda: gone(left))
    assert (beats, recorder.attempts) == ([1], [1])


def test_a_worker_that_stops_lets_what_runs_end_and_begins_nothing(recorder, running, ana, left):
    busy, go_on = waiting(recorder)
    recorder.slots = 1
    ana.write(lambda tx: jobs.enqueue(tx, "note", "a"))
    ana.write(lambda tx: jobs.enqueue(tx, "note", "b"))
    with running(recorder):
        assert busy.wait(SECONDS)
        threading.Timer(0.05, go_on.set).start()
    assert recorder.attempts == [1]
    assert [row.attempt for row in left()] == [0]


def test_a_worker_that_cannot_wait_any_longer_gives_back_what_runs(recorder, whole_database, ana, left):
    busy, go_on = waiting(recorder)
    ana.write(lambda tx: jobs.enqueue(tx, "note", "a"))
    runner = Runner(whole_database, [recorder], lease=timedelta(hours=1), poll_seconds=0.05)
    runner.begin()
    assert busy.wait(SECONDS)
    runner.stop(0.0)
    assert ana.claim("note").attempt == 2, "it is due at once"
    go_on.set()


def test_a_worker_stops_also_where_the_database_is_away(recorder, database_url, ana, caplog):
    busy, go_on = waiting(recorder)
    ana.write(lambda tx: jobs.enqueue(tx, "note", "a"))
    own_database = open_database(database_url)
    runner = Runner(own_database, [recorder], lease=timedelta(hours=1), poll_seconds=0.05)
    runner.begin()
    assert busy.wait(SECONDS)
    own_database.close()
    runner.stop(0.0)
    go_on.set()
    assert "leases will run out" in caplog.text


def test_another_process_finds_the_jobs_too(recorder, whole_database, database_url, ana, left):
    """Two workers on one database: each job is done by one of them."""
    other_database = open_database(database_url)
    other = Recorder(other_database)
    runners = [
        Runner(database, [handler], poll_seconds=0.02)
        for database, handler in ((whole_database, recorder), (other_database, other))
    ]
    for runner in runners:
        runner.begin()
    for n in range(40):
        ana.write(lambda tx, n=n: jobs.enqueue(tx, "note", str(n)))
    recorder.wait_until(lambda: len(recorder.attempts) + len(other.attempts) >= 40 and gone(left))
    for runner in runners:
        runner.stop()
    other_database.close()
    assert recorder.attempts + other.attempts == [1] * 40


def test_a_job_that_is_done_leaves_its_number_to_no_other(ana, left):
    """Else who wakes up too late would end the next job of this number, at the same attempt."""
    ana.write(lambda tx: jobs.enqueue(tx, "note", "a"))
    late = ana.claim("note")
    ana.write(lambda tx: jobs.done(tx, late))
    ana.write(lambda tx: jobs.enqueue(tx, "note", "b"))
    ana.claim("note")

    with pytest.raises(LeaseLost):
        ana.write(lambda tx: jobs.done(tx, late))
    assert [row.ref for row in left()] == ["b"]


def test_what_cannot_even_be_given_up_is_not_tried_without_end_at_once(whole_database, running, ana, left):
    """It stays, with longer and longer pauses: a fault of the database may pass."""
    recorder = Recorder(whole_database, most_attempts=1)
    tried = []

    def fail(*_, **__):
        tried.append(1)
        raise OSError("no")

    recorder.act, recorder.give_up = fail, fail
    ana.write(lambda tx: jobs.enqueue(tx, "note", "a"))
    with running(recorder, retry=100.0):
        recorder.wait_until(lambda: len(tried) == 2 and not runner_is_busy(left))
        assert (left()[0].ref, left()[0].attempt, len(tried)) == ("a", 2, 2)


def test_a_job_that_was_tried_very_often_can_still_be_put_off(whole_database, running, ana, left, write):
    recorder = Recorder(whole_database, most_attempts=10**6)

    def fail(_):
        raise OSError("no")

    recorder.act = fail
    ana.write(lambda tx: jobs.enqueue(tx, "note", "a"))
    write(lambda tx: tx.connection.execute(sa.update(job).values(attempt=5_000)))
    with running(recorder, retry=100.0):
        recorder.wait_until(lambda: recorder.attempts == [5_001] and not runner_is_busy(left))


def runner_is_busy(left) -> bool:
    """Say whether a job is due within its first lease still, and not put off beyond it."""
    return left()[0].run_at < datetime.now(UTC) + timedelta(seconds=30)
