"""The schema: migrations make what tables.py says, and what this code cannot run on is refused with a sentence."""

import contextlib
import sqlite3

import pytest
import sqlalchemy as sa
from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext

from soapsvc.domain.errors import StorageUnavailable
from soapsvc.storage import people, schema, sqlite
from soapsvc.storage.database import InTenancy, open_database
from soapsvc.storage.tables import metadata
from tests.conftest import DEFAULT_TENANCY

KINDS_OF_DATABASE = ("sqlite",)


def url_of(path) -> sa.URL:
    return sa.URL.create("sqlite", database=str(path))


@contextlib.contextmanager
def connection_to(path):
    engine = sqlite.migrating_engine(path)
    try:
        with engine.begin() as connection:
            yield connection
    finally:
        engine.dispose()


def tables_of(path) -> set[str]:
    with contextlib.closing(sqlite3.connect(path)) as connection:
        rows = connection.execute("SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite_%'")
        return {name for (name,) in rows}


def set_levels(path, *, level: str, oldest_code: int) -> None:
    with contextlib.closing(sqlite3.connect(path, isolation_level=None)) as connection:
        connection.execute("UPDATE alembic_version SET version_num = ?", (level,))
        connection.execute("UPDATE schema_level SET oldest_code = ?", (oldest_code,))


def differences(path, wanted: sa.MetaData) -> list[object]:
    with connection_to(path) as connection:
        context = MigrationContext.configure(
            connection,
            opts={"compare_type": True, "compare_server_default": defaults_differ, "include_schemas": False},
        )
        return compare_metadata(context, wanted)


def defaults_differ(_, __, ___, inspected: str | None, ____, wanted: str | None) -> bool | None:
    """Alembic takes the quotes of an empty text for the text; all else is its own to judge."""
    return False if {inspected, wanted} <= {"", "''", "('')"} else None


def dump_of(path) -> list[str]:
    with contextlib.closing(sqlite3.connect(path)) as connection:
        return list(connection.iterdump())


# What migrations make


def test_migrations_make_exactly_what_the_tables_say(database_path):
    assert differences(database_path, metadata) == []


@pytest.mark.parametrize(
    "statement",
    [
        "ALTER TABLE work_item ADD COLUMN more TEXT",
        "ALTER TABLE work_item DROP COLUMN description",
        "DROP INDEX ix_work_item_hidden_until",
        "DROP TABLE holder",
    ],
)
def test_a_schema_that_went_astray_would_be_noticed(database_path, statement):
    with contextlib.closing(sqlite3.connect(database_path, isolation_level=None)) as connection:
        connection.execute(statement)

    assert differences(database_path, metadata)


def test_a_type_or_a_default_that_went_astray_would_be_noticed(database_path):
    other = sa.MetaData()
    for table in metadata.tables.values():
        table.to_metadata(other)
    other.tables["work_item"].c.priority.type = sa.Text()
    other.tables["account"].c.enabled.server_default = sa.DefaultClause(sa.text("1"))

    assert len(differences(database_path, other)) == 2


def test_the_level_of_the_code_is_that_of_the_newest_migration(tmp_path):
    schema.prepare(url_of(tmp_path / "new.db"))

    with contextlib.closing(sqlite3.connect(tmp_path / "new.db")) as connection:
        assert connection.execute("SELECT version_num FROM alembic_version").fetchall() == [
            (f"{schema.CODE_LEVEL:04}",)
        ]
        ((oldest,),) = connection.execute("SELECT oldest_code FROM schema_level").fetchall()
    assert oldest <= schema.CODE_LEVEL


def test_a_downgrade_to_nothing_and_up_again_works(tmp_path):
    path = tmp_path / "new.db"
    assert schema.prepare(url_of(path))
    made = dump_of(path)

    with connection_to(path) as connection:
        command.downgrade(schema.migration_config(connection), "base")
    assert tables_of(path) == {"alembic_version"}

    assert schema.prepare(url_of(path))
    assert _lines(dump_of(path)) == _lines(made)


def _lines(dump: list[str]) -> list[str]:
    """Give a dump as lines without an order: in that of a table's constraints, Alembic has no rule."""
    return sorted(line.rstrip(", ") for statement in dump for line in statement.splitlines())


def test_preparing_twice_does_nothing_the_second_time(tmp_path):
    path = tmp_path / "new.db"

    assert schema.prepare(url_of(path)) is True
    before = dump_of(path)
    assert schema.prepare(url_of(path)) is False
    assert dump_of(path) == before


def test_preparing_keeps_what_is_stored(database, database_path):
    database.write(lambda tx: people.add_person(tx, name="dora", guid="dora", password_hash="h")).result(10)

    assert schema.prepare(url_of(database_path)) is False
    assert database.read(lambda tx: people.find_resource_by_name(tx, "dora")).result(10)


def test_an_empty_file_becomes_a_database(tmp_path):
    path = tmp_path / "empty.db"
    path.touch()

    assert schema.prepare(url_of(path)) is True
    assert differences(path, metadata) == []


def test_a_migration_that_fails_midway_leaves_nothing(tmp_path):
    path = tmp_path / "half.db"
    with contextlib.closing(sqlite3.connect(path, isolation_level=None)) as connection:
        connection.execute("CREATE TABLE holder (something TEXT)")  # somebody else's; the migration stumbles over it

    with pytest.raises(StorageUnavailable):
        schema.prepare(url_of(path))

    assert tables_of(path) == {"holder"}


# What is refused


def test_a_schema_that_needs_newer_code_is_refused_with_both_levels(database_path):
    set_levels(database_path, level="0099", oldest_code=98)
    before = dump_of(database_path)

    with pytest.raises(StorageUnavailable) as refused:
        schema.prepare(url_of(database_path))

    told = str(refused.value)
    assert "level 99" in told
    assert "level 98" in told
    assert f"level {schema.CODE_LEVEL}" in told
    assert str(database_path) in told
    assert dump_of(database_path) == before


@pytest.mark.parametrize("oldest_code", [0, schema.CODE_LEVEL])
def test_a_newer_schema_that_this_code_can_live_with_is_accepted_and_left_alone(database_path, oldest_code):
    set_levels(database_path, level="0099", oldest_code=oldest_code)
    before = dump_of(database_path)

    assert schema.prepare(url_of(database_path)) is False
    assert dump_of(database_path) == before


def test_checking_refuses_a_schema_that_needs_newer_code(database_path):
    set_levels(database_path, level="0099", oldest_code=98)

    with pytest.raises(StorageUnavailable, match="newer soapsvc"):
        schema.check(url_of(database_path))


def test_checking_refuses_a_file_that_was_never_migrated(tmp_path):
    (tmp_path / "empty.db").touch()

    with pytest.raises(StorageUnavailable, match="migrate"):
        schema.check(url_of(tmp_path / "empty.db"))


def test_checking_accepts_a_database_and_refuses_a_missing_one_and_makes_neither(database_path, tmp_path):
    schema.check(url_of(database_path))

    with pytest.raises(StorageUnavailable, match="migrate"):
        schema.check(url_of(tmp_path / "missing.db"))
    assert not (tmp_path / "missing.db").exists()


def test_a_missing_folder_is_named_and_not_made(tmp_path):
    with pytest.raises(StorageUnavailable, match=r"folder .*/missing does not exist"):
        schema.prepare(url_of(tmp_path / "missing" / "a.db"))
    assert not (tmp_path / "missing").exists()


def test_a_folder_is_no_database(tmp_path):
    with pytest.raises(StorageUnavailable, match="is a folder"):
        schema.prepare(url_of(tmp_path))


@pytest.mark.parametrize("content", [b"This is no database, but a letter to my aunt. " * 100, b"\x00" * 4096])
def test_another_kind_of_file_is_refused_and_left_as_it_is(tmp_path, content):
    path = tmp_path / "letter.txt"
    path.write_bytes(content)

    with pytest.raises(StorageUnavailable, match=r"letter\.txt is not a SQLite database"):
        schema.prepare(url_of(path))
    assert path.read_bytes() == content


def test_a_database_of_another_application_is_refused_with_a_sentence(tmp_path):
    path = tmp_path / "other.db"
    with contextlib.closing(sqlite3.connect(path, isolation_level=None)) as connection:
        connection.execute("CREATE TABLE alembic_version (version_num TEXT)")
        connection.execute("INSERT INTO alembic_version VALUES ('3f2a9c')")

    with pytest.raises(StorageUnavailable):
        schema.prepare(url_of(path))
    assert tables_of(path) == {"alembic_version"}


def make_read_only(path) -> None:
    """Make a file read-only even for root, who ignores permissions.

    SQLite itself opens a file only for reading whose header asks for a newer format to write (byte 18).
    """
    with contextlib.closing(sqlite3.connect(path, isolation_level=None)) as connection:
        connection.execute("PRAGMA journal_mode = DELETE")
    with path.open("r+b") as file:
        file.seek(18)
        file.write(b"\x03")


def test_a_read_only_database_that_must_be_migrated_is_refused_with_a_sentence(tmp_path):
    path = tmp_path / "frozen.db"
    with contextlib.closing(sqlite3.connect(path, isolation_level=None)) as connection:
        connection.execute("CREATE TABLE something (x TEXT)")
    make_read_only(path)

    with pytest.raises(StorageUnavailable, match=r"frozen\.db is read-only"):
        schema.prepare(url_of(path))
    assert tables_of(path) == {"something"}


def test_a_write_to_a_read_only_database_is_unavailable_and_reads_go_on(database_path):
    make_read_only(database_path)
    database = InTenancy(open_database(url_of(database_path)), DEFAULT_TENANCY)
    try:
        failed = database.write(lambda tx: people.add_person(tx, name="x", guid="x", password_hash="h")).exception(10)
        assert isinstance(failed, StorageUnavailable)
        assert len(database.read(people.everyone).result(10)) == 4
    finally:
        database.close()


@pytest.mark.parametrize(
    "url",
    [
        "sqlite://",
        "sqlite:///:memory:",
        "sqlite:///a.db?mode=memory",
        "sqlite:///file:a.db?uri=true",
    ],
)
def test_a_database_that_is_no_file_is_refused(url):
    with pytest.raises(StorageUnavailable, match="must name a file"):
        sqlite.file_of(sa.make_url(url))


@pytest.mark.parametrize(
    "name", ["with blank.db", "per%20cent.db", "h#sh.db", "\u00fcml\u00e4ut.db", "a@b.db", "que?ry.db"]
)
def test_a_file_may_have_any_name(tmp_path, name):
    assert schema.prepare(url_of(tmp_path / name)) is True

    assert {path.name.removesuffix("-wal").removesuffix("-shm") for path in tmp_path.iterdir()} == {name}
    database = InTenancy(open_database(url_of(tmp_path / name)), DEFAULT_TENANCY)
    try:
        assert list(database.read(people.everyone).result(10)) == []
    finally:
        database.close()


# One server


def test_a_second_server_on_the_same_file_is_refused_until_the_first_is_gone(database_path):
    with sqlite.sole_server(database_path):
        with pytest.raises(StorageUnavailable, match="already serves"), sqlite.sole_server(database_path):
            pass
        with sqlite.sole_server(database_path.with_name("another.db")):
            pass
    with sqlite.sole_server(database_path):
        pass


def test_a_server_that_fails_gives_up_its_right(database_path):
    with pytest.raises(ValueError, match="crash"), sqlite.sole_server(database_path):
        raise ValueError("crash")
    with sqlite.sole_server(database_path):
        pass


def test_a_database_that_stays_locked_is_refused_with_a_sentence(database_path, monkeypatch):
    monkeypatch.setattr(sqlite, "BUSY_TIMEOUT", 0.05)
    with contextlib.closing(sqlite3.connect(database_path, isolation_level=None)) as connection:
        connection.execute("BEGIN IMMEDIATE")

        with pytest.raises(StorageUnavailable, match="is locked by another process"):
            schema.prepare(url_of(database_path))
