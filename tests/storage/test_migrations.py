"""Migrations with data in the database: what was there stays, and the new is as if it had always been."""

import contextlib
import sqlite3

import pytest
import sqlalchemy as sa
from alembic import command

from soapsvc.domain.states import State
from soapsvc.storage import history, schema, sqlite, work_items
from soapsvc.storage.database import InTenancy, open_database
from tests.conftest import DEFAULT_TENANCY

KINDS_OF_DATABASE = ("sqlite",)


def url_of(path) -> sa.URL:
    return sa.URL.create("sqlite", database=str(path))


def migrate(path, step, revision: str) -> None:
    engine = sqlite.migrating_engine(path)
    with engine.begin() as connection:
        sqlite.begin_to_write(connection)
        step(schema.migration_config(connection), revision)
    engine.dispose()


PERSON = "INSERT INTO entity (id, type, guid, guid_key, name) VALUES (1, 'RESOURCE', 'G', 'g', 'ana')"
ITEM = (
    "INSERT INTO work_item (id, guid, version, state, name, priority, distribution, attributes, context, fields, "
    "owner_id, session_guid, offered_when_opened) VALUES "
    "({id}, 'guid-{id}', {version}, '{state}', 'x', 50, 'OFFER', '{{}}', '{{}}', '{fields}', 1, NULL, 0)"
)
ROW = (
    "INSERT INTO history (work_item_id, version, action, actor_id, at, state_before, state_after, changed, fields) "
    "VALUES ({id}, {version}, '{action}', {actor}, {at}, {before}, '{after}', '{changed}', {fields})"
)
NOTES = '[{"name":"Notes","direction":"inouts","type":"String","values":["Stra\u00dfe \U0001f600"]}]'


@pytest.fixture
def first_release(tmp_path):
    """A database as the first release left it: two items, their ids apart, one of them with data in its history."""
    path = tmp_path / "old.db"
    migrate(path, command.upgrade, "0001")
    rows = [
        PERSON,
        ITEM.format(id=3, version=1, state="ALLOCATED", fields="[]"),
        ROW.format(
            id=3, version=0, action="scheduleWorkItem", actor="NULL", at=7, before="NULL", after="OFFERED",
            changed="[]", fields="'[]'",
        ),
        ROW.format(
            id=3, version=1, action="allocateWorkItem", actor=1, at=8, before="'OFFERED'", after="ALLOCATED",
            changed='["owner","state"]', fields="NULL",
        ),
        ITEM.format(id=4711, version=1, state="PENDED", fields=NOTES),
        ROW.format(
            id=4711, version=0, action="scheduleWorkItem", actor="NULL", at=9, before="NULL", after="OPENED",
            changed="[]", fields="'[]'",
        ),
        ROW.format(
            id=4711, version=1, action="closeWorkItem", actor=1, at=10, before="'OPENED'", after="PENDED",
            changed='["fields","state"]', fields=f"'{NOTES}'",
        ),
    ]  # fmt: skip
    with contextlib.closing(sqlite3.connect(path)) as connection:
        for row in rows:
            connection.execute(row)
        connection.commit()
    return path


def dump_of(path) -> list[str]:
    with contextlib.closing(sqlite3.connect(path)) as connection:
        return sorted(connection.iterdump())


@contextlib.contextmanager
def opened(path):
    database = InTenancy(open_database(url_of(path)), DEFAULT_TENANCY)
    yield database
    database.close()


def test_the_histories_of_the_first_release_are_chained_and_whole(first_release):
    assert schema.prepare(url_of(first_release)) is True

    with opened(first_release) as database:
        assert database.read(lambda tx: list(history.broken_chains(tx, after=0, to=5000))).result(10) == []
        ends = [database.read(lambda tx, i=i: work_items.get(tx, i)).result(10).history_hash for i in (3, 4711)]
    assert [len(end) for end in ends] == [64, 64]
    assert ends[0] != ends[1]


def test_a_history_altered_after_the_migration_is_found(first_release):
    schema.prepare(url_of(first_release))
    with contextlib.closing(sqlite3.connect(first_release, isolation_level=None)) as connection:
        connection.execute("UPDATE history SET at = 11 WHERE work_item_id = 4711 AND version = 1")

    with opened(first_release) as database:
        assert database.read(lambda tx: list(history.broken_chains(tx, after=0, to=5000))).result(10) == [4711]


def test_items_of_the_first_release_live_on_and_their_chains_with_them(first_release):
    schema.prepare(url_of(first_release))

    with opened(first_release) as database:

        def suspend(tx):
            item = work_items.get(tx, 4711)
            return work_items.save(tx, item, item.suspended(), action=history.Action.SUSPEND, by=None)

        suspended = database.write(suspend).result(10)
        assert (suspended.version, suspended.state) == (2, State.SUSPENDED)
        assert suspended.state_before_suspension is State.PENDED
        assert database.read(lambda tx: list(history.broken_chains(tx, after=0, to=5000))).result(10) == []


def test_down_and_up_again_gives_the_same_database_with_all_its_data(first_release):
    before = dump_of(first_release)
    schema.prepare(url_of(first_release))
    after = dump_of(first_release)

    migrate(first_release, command.downgrade, "0001")
    with contextlib.closing(sqlite3.connect(first_release)) as connection:
        rows = connection.execute("SELECT work_item_id, version, at FROM history ORDER BY at").fetchall()
        assert rows == [(3, 0, 7), (3, 1, 8), (4711, 0, 9), (4711, 1, 10)]
        assert connection.execute("SELECT oldest_code FROM schema_level").fetchone() == (1,)
        assert connection.execute("PRAGMA foreign_key_check").fetchall() == []
    assert [line for line in dump_of(first_release) if line.startswith("INSERT")] == [
        line for line in before if line.startswith("INSERT")
    ]

    assert schema.prepare(url_of(first_release)) is True
    assert [line for line in dump_of(first_release) if line.startswith("INSERT")] == [
        line for line in after if line.startswith("INSERT")
    ]


def test_what_the_first_release_had_belongs_to_the_default_tenancy(first_release):
    schema.prepare(url_of(first_release))

    with contextlib.closing(sqlite3.connect(first_release)) as connection:
        assert connection.execute("SELECT id, moniker, name, version_required FROM tenancy").fetchall() == [
            (1, "default", "default", None)
        ]
        assert connection.execute("SELECT tenancy_id FROM entity").fetchall() == [(1,)]
        assert connection.execute("SELECT tenancy_id FROM work_item").fetchall() == [(1,)] * 2
        assert connection.execute("SELECT tenancy_id FROM history").fetchall() == [(1,)] * 4
        assert connection.execute("PRAGMA foreign_key_check").fetchall() == []


def test_several_tenancies_are_never_made_one(first_release):
    schema.prepare(url_of(first_release))
    with contextlib.closing(sqlite3.connect(first_release, isolation_level=None)) as connection:
        connection.execute("INSERT INTO tenancy (moniker, name) VALUES ('acme', 'Acme')")
    before = dump_of(first_release)

    with pytest.raises(RuntimeError, match="several tenancies"):
        migrate(first_release, command.downgrade, "0002")

    assert dump_of(first_release) == before


def test_rows_that_refer_to_none_stop_a_migration_that_would_hide_them(first_release):
    with contextlib.closing(sqlite3.connect(first_release, isolation_level=None)) as connection:
        connection.execute("INSERT INTO holder VALUES (4711, 99)")
    before = dump_of(first_release)

    with pytest.raises(schema.StorageUnavailable, match="refer to none"):
        schema.prepare(url_of(first_release))

    assert dump_of(first_release) == before


def test_code_of_the_first_release_may_not_run_on_the_new_schema(first_release, monkeypatch):
    schema.prepare(url_of(first_release))
    monkeypatch.setattr(schema, "CODE_LEVEL", 1)

    with pytest.raises(schema.StorageUnavailable, match=r"needs a soapsvc that knows level [0-9]+"):
        schema.check(url_of(first_release))


def test_grants_are_kept_when_scopes_come_and_those_that_an_older_release_knows_when_they_go(tmp_path):
    path = tmp_path / "old.db"
    migrate(path, command.upgrade, "0002")
    grant = "INSERT INTO action_grant (entity_id, action) VALUES (1, 'skipWorkItem')"
    with contextlib.closing(sqlite3.connect(path, isolation_level=None)) as connection:
        connection.execute(PERSON)
        connection.execute(grant)
    schema.prepare(url_of(path))
    with contextlib.closing(sqlite3.connect(path, isolation_level=None)) as connection:
        rows = connection.execute("SELECT tenancy_id, entity_id, action, scope_id FROM action_grant").fetchall()
        assert rows == [(1, 1, "skipWorkItem", None)]
        with pytest.raises(sqlite3.IntegrityError):
            connection.execute("INSERT INTO action_grant (tenancy_id, entity_id, action) VALUES (1, 1, 'skipWorkItem')")
        connection.execute(
            "INSERT INTO entity (id, tenancy_id, type, guid, guid_key, name) VALUES "
            "(2, 1, 'PRIVILEGE', 'P', 'p', 'Clerk'), (3, 1, 'ORGANIZATIONAL_UNIT', 'U', 'u', 'Claims')"
        )
        connection.execute(
            "INSERT INTO action_grant (tenancy_id, entity_id, action, scope_id) VALUES "
            "(1, 2, 'viewWorkList', NULL), (1, 1, 'viewWorkList', 3)"
        )

    migrate(path, command.downgrade, "0002")

    with contextlib.closing(sqlite3.connect(path, isolation_level=None)) as connection:
        assert connection.execute("SELECT entity_id, action FROM action_grant").fetchall() == [(1, "skipWorkItem")]
        assert connection.execute("SELECT oldest_code FROM schema_level").fetchone() == (2,)
        assert connection.execute("PRAGMA foreign_key_check").fetchall() == []


def test_grants_stay_with_their_tenancies_when_scopes_come_and_go(tmp_path):
    path = tmp_path / "old.db"
    migrate(path, command.upgrade, "0003")
    with contextlib.closing(sqlite3.connect(path, isolation_level=None)) as connection:
        connection.execute("INSERT INTO tenancy (id, moniker, name) VALUES (2, 'acme', 'Acme')")
        for number in (1, 2):
            connection.execute(
                "INSERT INTO entity (id, tenancy_id, type, guid, guid_key, name) "
                "VALUES (:number, :number, 'RESOURCE', 'G', 'g', 'ana')",
                {"number": number},
            )
            connection.execute(
                "INSERT INTO action_grant (tenancy_id, entity_id, action) VALUES (:number, :number, 'skipWorkItem')",
                {"number": number},
            )
    before = dump_of(path)
    schema.prepare(url_of(path))
    with contextlib.closing(sqlite3.connect(path)) as connection:
        rows = connection.execute("SELECT tenancy_id, entity_id FROM action_grant ORDER BY id").fetchall()
    assert rows == [(1, 1), (2, 2)]

    migrate(path, command.downgrade, "0003")

    assert [line for line in dump_of(path) if line.startswith("INSERT")] == [
        line for line in before if line.startswith("INSERT")
    ]
    with contextlib.closing(sqlite3.connect(path)) as connection:
        assert connection.execute("SELECT oldest_code FROM schema_level").fetchone() == (3,)
        assert connection.execute("PRAGMA foreign_key_check").fetchall() == []


def test_the_audit_log_comes_and_goes_and_leaves_the_rest_as_it_was(tmp_path):
    path = tmp_path / "old.db"
    migrate(path, command.upgrade, "0004")
    with contextlib.closing(sqlite3.connect(path, isolation_level=None)) as connection:
        connection.execute(
            "INSERT INTO entity (id, tenancy_id, type, guid, guid_key, name) VALUES (1, 1, 'RESOURCE', 'G', 'g', 'ana')"
        )
    before = dump_of(path)
    migrate(path, command.upgrade, "0005")
    with contextlib.closing(sqlite3.connect(path, isolation_level=None)) as connection:
        assert connection.execute("SELECT oldest_code FROM schema_level").fetchone() == (5,)
        connection.execute("INSERT INTO audit (tenancy_id, at, kind, hash) VALUES (1, 0, 'grant', 'x')")

    migrate(path, command.downgrade, "0004")

    assert dump_of(path) == before


def test_what_credentials_need_comes_and_goes_and_leaves_the_rest_as_it_was(tmp_path):
    path = tmp_path / "old.db"
    migrate(path, command.upgrade, "0005")
    with contextlib.closing(sqlite3.connect(path, isolation_level=None)) as connection:
        connection.execute(
            "INSERT INTO entity (id, tenancy_id, type, guid, guid_key, name) VALUES (1, 1, 'RESOURCE', 'G', 'g', 'ana')"
        )
    before = dump_of(path)
    migrate(path, command.upgrade, "0006")
    with contextlib.closing(sqlite3.connect(path, isolation_level=None)) as connection:
        assert connection.execute("SELECT oldest_code FROM schema_level").fetchone() == (5,)
        connection.execute("INSERT INTO recoverable_secret (entity_id, tenancy_id, sealed) VALUES (1, 1, 'x')")
        connection.execute("INSERT INTO used_nonce (key, tenancy_id, until) VALUES ('k', 1, 0)")

    migrate(path, command.downgrade, "0005")

    assert dump_of(path) == before
