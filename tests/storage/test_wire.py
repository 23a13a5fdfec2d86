"""Statements by libpq's own calls: what was kept for later, what fails, and what a connection is of use for then."""

import traceback

import psycopg
import pytest
import sqlalchemy as sa

from soapsvc.domain.errors import StorageUnavailable
from soapsvc.storage.statements import Statement
from soapsvc.storage.wire import MOST_PREPARED
from tests.storage.units import DEADLINE
from tests.support.databases import run_by_hand

pytestmark = [pytest.mark.parametrize("kind", ["postgresql"]), pytest.mark.usefixtures("kind")]

_once = sa.table("once", sa.column("n", sa.BigInteger))
INSERT = Statement(sa.insert(_once).values(n=sa.bindparam("n")))
COUNT = Statement(sa.select(sa.func.count().label("rows")).select_from(_once))
CHECKED = sa.exc.DBAPIError


@pytest.fixture
def once(database_url):
    """A table of numbers below ten that are all different, and what is in it."""
    run_by_hand(database_url, "CREATE TABLE once (n bigint PRIMARY KEY CHECK (n < 10))")
    return lambda: [n for (n,) in run_by_hand(database_url, "SELECT n FROM once ORDER BY n")]


def store(tx, *numbers):
    INSERT.store(tx, [{"n": n} for n in numbers])


def test_what_nobody_waits_for_is_stored_with_the_commit(whole_database, once):
    whole_database.write(lambda tx: store(tx, 1, 2)).result(DEADLINE)
    assert once() == [1, 2]


def test_what_nobody_waits_for_is_seen_by_the_next_statement(whole_database, once):
    def unit(tx):
        store(tx, 1, 2)
        by_statement = COUNT.value(tx)
        store(tx, 3)
        return by_statement, tx.connection.exec_driver_sql("SELECT count(*) FROM once").scalar()

    assert whole_database.write(unit).result(DEADLINE) == (2, 3)
    assert once() == [1, 2, 3]


def test_where_what_nobody_waits_for_fails_nothing_is_committed(whole_database, once):
    """Also not what was asked behind it: the server passes over that, and over the COMMIT."""
    with pytest.raises(StorageUnavailable) as caught:
        whole_database.write(lambda tx: (INSERT.change(tx, n=1), store(tx, 77, 2))).result(DEADLINE)
    assert type(caught.value) is StorageUnavailable  # it is certain that nothing was stored
    assert "contains (77)" not in "".join(traceback.format_exception(caught.value))
    assert once() == []
    whole_database.write(lambda tx: store(tx, 3)).result(DEADLINE)
    assert once() == [3]


def test_where_what_nobody_waits_for_fails_the_next_statement_fails_with_its_error(whole_database, once):
    def unit(tx):
        store(tx, 77)
        with pytest.raises(CHECKED) as caught:
            COUNT.value(tx)
        raise caught.value

    with pytest.raises(StorageUnavailable):
        whole_database.write(unit).result(DEADLINE)
    assert once() == []


def test_a_row_that_somebody_else_added_meanwhile_lets_the_unit_run_again_though_nobody_waited_for_it(
    whole_database, once
):
    whole_database.write(lambda tx: store(tx, 1)).result(DEADLINE)
    runs = []

    def unit(tx):
        runs.append(1)
        store(tx, len(runs))

    whole_database.write(unit).result(DEADLINE)
    assert len(runs) == 2
    assert once() == [1, 2]


def test_what_was_kept_by_a_unit_that_fails_is_not_run_by_the_next_one(whole_database, once):
    def unit(tx):
        store(tx, 1)
        raise KeyError

    with pytest.raises(KeyError):
        whole_database.write(unit).result(DEADLINE)
    whole_database.write(lambda tx: store(tx, 2)).result(DEADLINE)
    assert once() == [2]


def test_a_statement_that_cannot_be_prepared_may_be_tried_again(database_url, whole_database):
    late = Statement(sa.select(sa.table("late", sa.column("n", sa.BigInteger)).c.n))
    with pytest.raises(StorageUnavailable):
        whole_database.read(late.rows).result(DEADLINE)
    run_by_hand(database_url, "CREATE TABLE late AS SELECT 5::bigint AS n")
    assert whole_database.read(late.value).result(DEADLINE) == 5


def test_more_statements_than_are_kept_prepared_run_all_the_same(whole_database):
    def unit(tx):
        found = [tx.wire.run((f"SELECT {n}", ()))[0].get_value(0, 0) for n in range(MOST_PREPARED + 5)]
        return found, tx.connection.exec_driver_sql("SELECT count(*) FROM pg_prepared_statements").scalar()

    found, prepared = whole_database.read(unit).result(DEADLINE)
    assert found == [b"%d" % n for n in range(MOST_PREPARED + 5)]
    assert prepared == MOST_PREPARED


def test_a_text_with_nul_is_refused_and_the_connection_stays_of_use(whole_database):
    def unit(tx):
        with pytest.raises(psycopg.DataError):
            tx.wire.run(("SELECT %s::text", ["a\0b"]))
        return tx.wire.run(("SELECT %s::text", ["100 % 'ä' \\"]))[0].get_value(0, 0)

    assert whole_database.read(unit).result(DEADLINE) == "100 % 'ä' \\".encode()
