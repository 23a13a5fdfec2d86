"""Copying a service to another database: every table and value, goes on after a stop, refuses what is not empty."""

import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
import sqlalchemy as sa

from soapsvc.domain.errors import StorageUnavailable
from soapsvc.storage import copying, schema
from soapsvc.storage.tables import metadata
from tests.support import every_table
from tests.support.databases import run_by_hand

ALL = len(copying.TABLES) * every_table.ROWS
FILLED = [table.name for table in copying.TABLES]


@pytest.fixture(scope="session")
def full(tmp_path_factory) -> sa.URL:
    """A database on SQLite with rows in every table; nobody changes it."""
    url = sa.URL.create("sqlite", database=str(tmp_path_factory.mktemp("full") / "full.db"))
    schema.prepare(url)
    every_table.fill(url)
    return url


@pytest.fixture(scope="session")
def migrated_file(tmp_path_factory) -> sa.URL:
    url = sa.URL.create("sqlite", database=str(tmp_path_factory.mktemp("migrated") / "migrated.db"))
    schema.prepare(url)
    return url


@pytest.fixture(scope="session")
def migrated_on_server(postgresql) -> Iterator[sa.URL]:
    url = postgresql.make()
    schema.prepare(url)
    yield url
    postgresql.drop(url)


@pytest.fixture
def on_file(tmp_path, migrated_file) -> sa.URL:
    return migrated_file.set(database=str(shutil.copy(migrated_file.database, tmp_path / "copy.db")))


@pytest.fixture
def on_server(postgresql, migrated_on_server) -> Iterator[sa.URL]:
    url = postgresql.make(migrated_on_server)
    yield url
    postgresql.drop(url)


@pytest.fixture(params=["sqlite", "postgresql"])
def target(request) -> sa.URL:
    """An empty, migrated database, of each kind."""
    return request.getfixturevalue({"sqlite": "on_file", "postgresql": "on_server"}[request.param])


def copy(source: sa.URL, target: sa.URL, rows: int = 100) -> int:
    with copying.opened(source, target, rows=rows) as copy:
        return sum(count for _, count in copy.run())


def different(source: sa.URL, target: sa.URL) -> list[str]:
    with copying.opened(source, target) as copy:
        return [one.table for one in copy.compare() if not one.is_same]


def stored(url: sa.URL, table: str) -> list[tuple[object, ...]]:
    """Give what a table holds, as a driver gives it and in an order of Python's."""
    columns = ", ".join(f'"{column.name}"' for column in metadata.tables[table].c)
    return sorted(run_by_hand(url, f"SELECT {columns} FROM {table}"), key=repr)  # noqa: S608


def counted(url: sa.URL) -> int:
    return sum(len(stored(url, table)) for table in FILLED)


# Everything


def test_every_table_is_copied_but_the_one_that_belongs_to_migrations():
    assert {*metadata.tables} - {*FILLED} == {"schema_level"}


def test_from_a_file_to_a_server_and_back_every_value_of_every_table_is_the_same(full, on_server, on_file):
    assert copy(full, on_server) == ALL
    assert different(full, on_server) == []
    assert copy(on_server, on_file) == ALL
    assert different(full, on_file) == []
    for table in FILLED:
        there, back = stored(on_server, table), stored(on_file, table)
        assert len(there) == every_table.ROWS, table
        assert back == stored(full, table)
        assert there == [tuple(map(_as_a_server_says, *row)) for row in _with_columns(table, back)]


def _with_columns(table: str, rows: list[tuple[object, ...]]) -> Iterator[tuple[list[object], list[object]]]:
    columns = list(metadata.tables[table].c)
    return sorted(((columns, list(row)) for row in rows), key=lambda one: repr(tuple(map(_as_a_server_says, *one))))


def _as_a_server_says(column: sa.Column[object], value: object) -> object:
    return bool(value) if isinstance(column.type, sa.Boolean) and value is not None else value


def test_the_next_row_of_every_table_gets_an_id_above_all_that_there_are(full, on_server):
    copy(full, on_server)
    for table in copying.TABLES:
        for column in table.primary_key.columns:
            ((sequence,),) = run_by_hand(on_server, f"SELECT pg_get_serial_sequence('{table.name}', '{column.name}')")
            if sequence is not None:
                ((highest,),) = run_by_hand(on_server, f"SELECT max({column.name}) FROM {table.name}")  # noqa: S608
                assert run_by_hand(on_server, f"SELECT nextval('{sequence}')") == [(highest + 1,)]


def test_an_empty_service_is_copied_and_numbers_from_the_beginning(on_file, on_server):
    assert copy(on_file, on_server) == 1
    assert different(on_file, on_server) == []
    assert run_by_hand(on_server, "SELECT nextval(pg_get_serial_sequence('work_item', 'id'))") == [(1,)]


def test_a_portion_ends_where_it_has_many_characters(full, on_file, monkeypatch):
    monkeypatch.setattr(copying, "CHARACTERS", 1)
    with copying.opened(full, on_file) as copy:
        assert [count for table, count in copy.run() if table == "work_item"] == [0, 2] + [1] * 10  # one has none


# Stopped, and run again


KILLED = """
import os, signal, sys
import sqlalchemy as sa
from soapsvc.storage import copying

source, target, when, where = sa.make_url(sys.argv[1]), sa.make_url(sys.argv[2]), int(sys.argv[3]), sys.argv[4]
done = 0
insert = copying.Side.insert

def insert_and_die(self, table, rows):
    insert(self, table, rows)
    if where == "uncommitted" and done + len(rows) > when:
        os.kill(os.getpid(), signal.SIGKILL)

copying.Side.insert = insert_and_die
with copying.opened(source, target, rows=5) as copy:
    for _, count in copy.run():
        done += count
        if where == "committed" and done > when:
            os.kill(os.getpid(), signal.SIGKILL)
"""


def kill_at(when: int, where: str, source: sa.URL, target: sa.URL) -> None:
    """Run a copy in a process of its own that is killed at a number of rows."""
    urls = [url.render_as_string(hide_password=False) for url in (source, target)]
    ended = subprocess.run([sys.executable, "-c", KILLED, *urls, str(when), where], timeout=50, check=False)
    assert ended.returncode == -signal.SIGKILL


@pytest.mark.parametrize(
    ("when", "where"), [(0, "committed"), (0, "uncommitted"), (61, "committed"), (150, "uncommitted")]
)
def test_a_copy_that_is_killed_goes_on_and_doubles_nothing(full, target, when, where):
    kill_at(when, where, full, target)
    there = counted(target)
    assert when - 5 <= there <= when + 5
    with copying.opened(full, target, rows=5) as again:
        steps = list(again.run())
    assert sum(count for _, count in steps) == ALL
    assert max(count for table, count in steps if table == FILLED[0]) <= every_table.ROWS
    assert different(full, target) == []


def test_a_copy_that_is_complete_is_found_to_be(full, target):
    copy(full, target)
    with copying.opened(full, target, rows=1) as again:
        assert list(again.run()) == [(table, every_table.ROWS) for table in FILLED]


def test_a_server_orders_texts_by_their_bytes_whatever_its_locale_is(full, on_server):
    """Every locale of the wheel's server does so by itself: what can be looked at is what it is told."""
    told: list[str] = []
    listener = ("before_cursor_execute", lambda *call: told.append(call[2]))
    sa.event.listen(sa.Engine, *listener)
    try:
        copy(full, on_server)
        different(full, on_server)
    finally:
        sa.event.remove(sa.Engine, *listener)
    for table in copying.TABLES:
        texts = [column for column in table.primary_key.columns if isinstance(column.type, sa.String)]
        orders = [
            one.partition("ORDER BY")[2] for one in told if f"FROM {table.name} ORDER BY" in " ".join(one.split())
        ]
        assert any(order.count('COLLATE "C"') == len(texts) for order in orders), table.name


# Refused


SOMETHING_ELSE = {
    "a row of its own": "INSERT INTO tenancy (id, moniker, name) VALUES (2, 'acme', 'Acme')",
    "another first row": "UPDATE tenancy SET name = 'other'",
    "a row of a later table": "INSERT INTO audit (tenancy_id, at, kind, hash) VALUES (1, 1, 'x', 'y')",
}


@pytest.mark.parametrize("statement", SOMETHING_ELSE.values(), ids=SOMETHING_ELSE)
def test_a_target_with_anything_not_of_this_copy_is_refused_and_left_as_it_is(full, target, statement):
    run_by_hand(target, statement)
    before = counted(target)
    with pytest.raises(StorageUnavailable, match="that is not of this copy"):
        copy(full, target)
    assert counted(target) == before


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE work_item SET name = 'another' WHERE id = (SELECT min(id) FROM work_item)",
        "DELETE FROM offer WHERE work_item_id = (SELECT min(work_item_id) FROM offer)",
    ],
)
def test_a_copy_that_somebody_changed_meanwhile_is_refused(full, target, statement):
    copy(full, target)
    run_by_hand(target, statement)
    with pytest.raises(StorageUnavailable, match="that is not of this copy"):
        copy(full, target)


def test_a_file_that_is_served_is_neither_source_nor_target(full, on_file):
    for source, target, served in ((full, on_file, full), (full, on_file, on_file)):
        with schema.right_to_serve(served), pytest.raises(StorageUnavailable, match="already serves"):
            copy(source, target)


@pytest.mark.parametrize("is_source", [True, False])
def test_a_server_to_which_a_soapsvc_is_connected_is_neither_source_nor_target(
    on_server, on_file, is_source, monkeypatch
):
    monkeypatch.setattr(copying, "_PATIENCE", 0.2)
    from soapsvc.storage.database import open_database

    node = open_database(on_server)
    node.write(schema.touch).result(10)
    try:
        with pytest.raises(StorageUnavailable, match="Another soapsvc is connected"):
            copy(*((on_server, on_file) if is_source else (on_file, on_server)))
    finally:
        node.close()


def test_a_database_is_not_copied_to_itself(full):
    again = full.set(database=str(Path(str(full.database)).parent / ".." / "full0" / "full.db"))
    for target in (full, again.set(database=str(Path(str(full.database)).parent / "." / "full.db"))):
        with pytest.raises(StorageUnavailable, match="the same"):
            copy(full, target)


def test_a_target_that_was_not_migrated_or_by_a_newer_release_is_refused(full, on_file, tmp_path, postgresql):
    with pytest.raises(StorageUnavailable, match="soapsvc migrate"):
        copy(full, full.set(database=str(tmp_path / "none.db")))
    run_by_hand(on_file, "UPDATE alembic_version SET version_num = '9999'")
    with pytest.raises(StorageUnavailable, match="newer release"):
        copy(full, on_file)


# What is told


def test_a_text_that_a_server_cannot_have_is_told_with_its_table_and_keys(full, on_file, on_server):
    source = on_file
    copy(full, source)
    run_by_hand(source, "UPDATE entity SET name = 'secret' || char(0) WHERE id = (SELECT max(id) FROM entity)")
    with pytest.raises(StorageUnavailable, match=r"does not take the rows of entity from .* the character NUL") as told:
        copy(source, on_server)
    assert "secret" not in str(told.value)


def test_a_row_that_is_missing_from_any_table_or_another_is_told(full, on_file, tmp_path):
    copy(full, on_file)
    for log in ("audit", "delivery_attempt"):
        for guard in ("loses_no_row", "keeps_its_rows"):
            run_by_hand(on_file, f"DROP TRIGGER {log}_{guard}")
    for table in copying.TABLES:
        last = [column.name for column in table.c if not isinstance(column.type, sa.Boolean | sa.LargeBinary)][-1]
        key = ", ".join(column.name for column in table.primary_key)
        a_row = f"WHERE ({key}) = (SELECT {key} FROM {table} WHERE {last} IS NOT NULL LIMIT 1)"  # noqa: S608
        for damage in (f"DELETE FROM {table} {a_row}", f"UPDATE {table} SET {last} = {last} || 1 {a_row}"):  # noqa: S608
            other = on_file.set(database=str(shutil.copy(on_file.database, tmp_path / "other.db")))
            run_by_hand(other, damage)
            assert different(full, other) == [table.name]
