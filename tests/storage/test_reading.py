"""Reads: beside the writer and never behind it, of one committed state, and without any power to change it."""

import threading
from concurrent.futures import Future
from datetime import UTC, datetime, timedelta

import pytest

from soapsvc.domain.errors import StorageUnavailable, UnknownWorkItem
from soapsvc.storage import people, work_items
from soapsvc.storage.database import open_database
from soapsvc.storage.readers import READERS

DEADLINE = 10


def add_dora(tx):
    return people.add_person(tx, name="dora", guid="dora", password_hash="h")


def has_dora(tx) -> bool:
    return people.find_resource_by_name(tx, "dora") is not None


def test_a_read_does_not_wait_for_an_open_write_and_sees_only_what_is_committed(database):
    wrote, release = threading.Event(), threading.Event()

    def unit(tx):
        add_dora(tx)
        wrote.set()
        assert release.wait(DEADLINE)

    writing = database.write(unit)
    try:
        assert wrote.wait(DEADLINE)
        assert database.read(has_dora).result(DEADLINE) is False
        assert not writing.done()
    finally:
        release.set()
    writing.result(DEADLINE)

    assert database.read(has_dora).result(DEADLINE) is True


def test_who_was_told_of_a_write_reads_it(database):
    """Read your own writes: no reader is left on an older state once the write was answered."""
    for number in range(20):
        name = f"p{number}"
        database.write(lambda tx, n=name: people.add_person(tx, name=n, guid=n, password_hash="h")).result(DEADLINE)
        assert database.read(lambda tx, n=name: people.find_resource_by_name(tx, n)).result(DEADLINE)


def test_a_read_sees_one_state_from_its_begin_to_its_end(database):
    def unit(tx):
        before = has_dora(tx)
        database.write(add_dora).result(DEADLINE)
        return before, has_dora(tx)

    assert database.read(unit).result(DEADLINE) == (False, False)
    assert database.read(has_dora).result(DEADLINE) is True


def test_a_read_can_change_nothing(database):
    with pytest.raises(StorageUnavailable):
        database.read(add_dora).result(DEADLINE)

    assert database.read(has_dora).result(DEADLINE) is False


def test_a_read_cannot_change_the_schema(database):
    with pytest.raises(StorageUnavailable):
        database.read(lambda tx: tx.connection.exec_driver_sql("DROP TABLE history")).result(DEADLINE)


def test_a_read_fails_with_what_its_unit_raised(database):
    with pytest.raises(UnknownWorkItem):
        database.read(lambda tx: work_items.get(tx, 4711)).result(DEADLINE)


def test_a_failure_of_the_database_is_a_sentence_for_the_operator(database, database_path):
    with pytest.raises(StorageUnavailable) as failed:
        database.read(lambda tx: tx.connection.exec_driver_sql("SELECT secret FROM nowhere")).result(DEADLINE)

    assert str(failed.value).startswith(f"The database {database_path} ")


def test_reads_run_side_by_side(database):
    together = threading.Barrier(READERS)

    def unit(tx):
        people.everyone(tx)
        together.wait(DEADLINE)

    futures: list[Future[None]] = [database.read(unit) for _ in range(READERS)]
    for future in futures:
        future.result(DEADLINE)


def test_more_reads_than_readers_wait_for_their_turn(database):
    futures = [database.read(people.everyone) for _ in range(READERS * 10)]

    assert all(len(future.result(DEADLINE)) == 4 for future in futures)


def test_a_failed_read_leaves_its_reader_usable(database):
    for _ in range(READERS * 3):
        with pytest.raises(StorageUnavailable):
            database.read(add_dora).result(DEADLINE)

    assert len(database.read(people.everyone).result(DEADLINE)) == 4


def test_the_clock_stands_still_within_a_unit_and_is_the_databases(database):
    before = datetime.now(UTC)
    first, again = database.write(lambda tx: (tx.now(), tx.now())).result(DEADLINE)

    assert first == again
    assert first.tzinfo is UTC
    assert before - timedelta(milliseconds=2) <= first <= datetime.now(UTC)  # the database's clock has milliseconds


def test_the_clock_can_be_set_off(database_url):
    offset = [timedelta(days=30)]
    database = open_database(database_url, clock=lambda now: now + offset[0])
    try:
        ahead = database.write(lambda tx: tx.now()).result(DEADLINE)
        offset[0] = timedelta(0)
        now = database.read(lambda tx: tx.now()).result(DEADLINE)
    finally:
        database.close()

    assert timedelta(days=29, hours=23) < ahead - now <= timedelta(days=30)
