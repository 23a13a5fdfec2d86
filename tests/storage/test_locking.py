"""How the writer holds the file: locked while it writes, free between, on disk when it says so, and fair to others."""

import itertools
import sqlite3
import threading

from soapsvc.domain.errors import StorageUnavailable
from soapsvc.storage import people, sqlite
from tests.storage.units import DEADLINE, adding, names, spoiling_the_commit
from tests.support.driver import watching

KINDS_OF_DATABASE = ("sqlite",)


def test_a_unit_that_has_not_written_yet_holds_the_write_lock_already(database, another_process):
    def another_can_begin(_) -> bool:
        with another_process() as connection:
            try:
                connection.execute("BEGIN IMMEDIATE")
            except sqlite3.OperationalError as error:
                return error.sqlite_errorcode != sqlite3.SQLITE_BUSY
            return True

    assert database.write(another_can_begin).result(DEADLINE) is False


def test_an_idle_writer_holds_no_lock(database, another_process):
    database.write(adding("one")).result(DEADLINE)

    with another_process() as connection:
        connection.execute("BEGIN IMMEDIATE")
        connection.execute("ROLLBACK")


def test_a_commit_of_the_writers_very_connection_is_on_disk_before_it_returns(database):
    def unit(tx):
        return {
            pragma: tx.connection.exec_driver_sql(f"PRAGMA {pragma}").scalar_one()
            for pragma in ("synchronous", "journal_mode", "foreign_keys")
        }

    assert database.write(unit).result(DEADLINE) == {"synchronous": 2, "journal_mode": "wal", "foreign_keys": 1}
    database.write(spoiling_the_commit).exception(DEADLINE)  # after a failure the writer connects anew
    assert database.write(unit).result(DEADLINE) == {"synchronous": 2, "journal_mode": "wal", "foreign_keys": 1}


def test_another_process_gets_its_turn_beside_a_busy_writer(database, another_process):
    """Four clients that never pause keep the writer busy; a plain connection writes all the same."""
    busy, stop = threading.Event(), threading.Event()
    answered = itertools.count(1)

    def again(_: object = None) -> None:
        if next(answered) > 100:
            busy.set()
        if not stop.is_set():
            database.write(lambda tx: people.find_account(tx, "ana")).add_done_callback(again)

    try:
        for _ in range(4):
            again()
        assert busy.wait(DEADLINE)
        with another_process(timeout=sqlite.BUSY_TIMEOUT) as connection:
            for number in range(2):
                connection.execute("BEGIN IMMEDIATE")
                connection.execute("UPDATE account SET password_hash = ?", (str(number),))
                connection.execute("COMMIT")
                busy.clear()
                assert busy.wait(DEADLINE)  # and the writer goes on
    finally:
        stop.set()

    assert database.read(lambda tx: people.find_account(tx, "ana")).result(DEADLINE)[1] == "1"


def test_the_service_gets_its_turn_when_another_process_lets_go(database, another_process):
    attempts, refused = itertools.count(1), threading.Event()

    def notice(_, statement) -> None:
        if statement == "BEGIN IMMEDIATE" and next(attempts) > 1:
            refused.set()  # it asks again, so it was refused once

    with watching(before=notice), another_process() as connection:
        connection.execute("BEGIN IMMEDIATE")
        waiting = database.write(adding("patient"))
        assert refused.wait(DEADLINE)
        connection.execute("COMMIT")

    assert waiting.result(DEADLINE) == "patient"


def test_a_file_that_stays_locked_beyond_the_timeout_is_unavailable_until_it_is_free(
    database, another_process, monkeypatch
):
    monkeypatch.setattr(sqlite, "BUSY_TIMEOUT", 0.05)
    with another_process() as connection:
        connection.execute("BEGIN IMMEDIATE")
        futures = [database.write(adding(name)) for name in ("one", "two")]
        assert all(isinstance(future.exception(DEADLINE), StorageUnavailable) for future in futures)
        connection.execute("ROLLBACK")

    assert database.write(adding("three")).result(DEADLINE) == "three"
    assert not {"one", "two"} & names(another_process)
