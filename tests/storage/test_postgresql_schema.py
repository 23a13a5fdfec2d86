"""The schema on PostgreSQL: the same migrations, forward and back, and what only a server's schema has."""

import threading

import pytest
import sqlalchemy as sa
from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext

from soapsvc.domain.errors import StorageUnavailable
from soapsvc.storage import history, postgresql, schema, work_items
from soapsvc.storage.database import InTenancy, open_database
from soapsvc.storage.list_tables import SLOTS, part_of
from soapsvc.storage.tables import metadata
from tests.conftest import DEFAULT_TENANCY
from tests.storage.units import DEADLINE
from tests.support.databases import run_by_hand

PARTS = {part_of(slot).name for slot in range(SLOTS)}
"""The tables that have the rows of list_entry."""

pytestmark = [pytest.mark.parametrize("kind", ["postgresql"]), pytest.mark.usefixtures("kind")]

FIRST_RELEASE = (
    "INSERT INTO entity (id, type, guid, guid_key, name) VALUES (1, 'RESOURCE', 'G', 'g', 'ana')",
    "INSERT INTO action_grant (entity_id, action) VALUES (1, 'skipWorkItem')",
    "INSERT INTO work_item (id, guid, version, state, name, priority, distribution, attributes, context, fields, "
    "owner_id, offered_when_opened) "
    "VALUES (3, 'guid', 1, 'ALLOCATED', 'x', 50, 'OFFER', '{}', '{}', '[]', 1, false)",
    "INSERT INTO history (work_item_id, version, action, actor_id, at, state_before, state_after, changed, fields) "
    "VALUES (3, 0, 'scheduleWorkItem', NULL, 7, NULL, 'OFFERED', '[]', '[]'), "
    "(3, 1, 'allocateWorkItem', 1, 8, 'OFFERED', 'ALLOCATED', '[]', NULL)",
)


def migrate(url: sa.URL, step, revision: str) -> None:
    engine = postgresql.engine_for(url, None)
    with engine.begin() as connection, postgresql.transaction(connection):
        step(schema.migration_config(connection), revision)
    engine.dispose()


def differences(url: sa.URL) -> list[object]:
    engine = postgresql.engine_for(url, None)
    with engine.begin() as connection:
        options = {"compare_type": True, "compare_server_default": True, "include_name": _is_no_part}
        found: list[object] = compare_metadata(MigrationContext.configure(connection, opts=options), metadata)
    engine.dispose()
    return found


def _is_no_part(name: str | None, kind: str, _: object) -> bool:
    return not (kind == "table" and name in PARTS)


def tables(url: sa.URL) -> set[str]:
    rows = run_by_hand(url, "SELECT table_name FROM information_schema.tables WHERE table_schema = 'public'")
    return {name for (name,) in rows}


def test_migrations_make_exactly_what_the_tables_say(database_url):
    assert differences(database_url) == []
    assert tables(database_url) == {*metadata.tables, *PARTS, "alembic_version"}


@pytest.mark.parametrize(
    "statement",
    [
        "ALTER TABLE work_item ADD COLUMN more text",
        "ALTER TABLE work_item ALTER COLUMN version TYPE integer",
        "DROP INDEX ix_work_item_hidden_until",
        "ALTER TABLE entity DROP CONSTRAINT uq_entity_guid_key_tenancy_id",
    ],
)
def test_a_schema_that_went_astray_would_be_noticed(database_url, statement):
    run_by_hand(database_url, statement)
    assert differences(database_url) != []


def test_what_the_first_release_wrote_lives_on_and_goes_back(empty_url):
    migrate(empty_url, command.upgrade, "0001")
    for statement in FIRST_RELEASE:
        run_by_hand(empty_url, statement)
    assert schema.prepare(empty_url) is True

    database = open_database(empty_url)
    ours = InTenancy(database, DEFAULT_TENANCY)
    assert ours.read(lambda tx: list(history.broken_chains(tx, after=0, to=10))).result(DEADLINE) == []
    assert ours.read(lambda tx: work_items.get(tx, 3)).result(DEADLINE).owner.name == "ana"
    database.close()

    migrate(empty_url, command.downgrade, "0001")
    assert run_by_hand(empty_url, "SELECT oldest_code FROM schema_level") == [(1,)]
    assert run_by_hand(empty_url, "SELECT version, at FROM history ORDER BY version") == [(0, 7), (1, 8)]
    assert run_by_hand(empty_url, "SELECT entity_id, action FROM action_grant") == [(1, "skipWorkItem")]
    assert schema.prepare(empty_url) is True
    assert differences(empty_url) == []


def test_all_of_it_can_be_taken_back_and_nothing_stays(empty_url):
    schema.prepare(empty_url)
    migrate(empty_url, command.downgrade, "base")
    assert tables(empty_url) == {"alembic_version"}
    assert run_by_hand(empty_url, "SELECT proname FROM pg_proc WHERE pronamespace = 'public'::regnamespace") == []


def test_two_who_migrate_at_once_migrate_once(empty_url):
    done: list[bool] = []
    threads = [threading.Thread(target=lambda: done.append(schema.prepare(empty_url))) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(2 * DEADLINE)
    assert sorted(done) == [False, False, True]


def test_a_migration_waits_for_who_is_migrating(empty_url):
    engine = postgresql.engine_for(empty_url, None)
    done: list[bool] = []
    with engine.begin() as connection, postgresql.transaction(connection):
        postgresql.lock_for_migrating(connection)
        other = threading.Thread(target=lambda: done.append(schema.prepare(empty_url)))
        other.start()
        while not run_by_hand(empty_url, "SELECT 1 FROM pg_locks WHERE locktype = 'advisory' AND NOT granted"):
            assert other.is_alive()
        assert tables(empty_url) == set()
    other.join(2 * DEADLINE)
    engine.dispose()
    assert done == [True]


def test_a_migration_that_fails_leaves_nothing(empty_url):
    run_by_hand(empty_url, "CREATE TABLE tenancy (id int)")  # in the way of the third migration
    with pytest.raises(StorageUnavailable):
        schema.prepare(empty_url)
    assert tables(empty_url) == {"tenancy"}


def test_a_database_of_nobody_is_checked_with_a_sentence(empty_url):
    with pytest.raises(StorageUnavailable, match="soapsvc migrate"):
        schema.check(empty_url)


def test_the_ids_of_tenancies_go_on_behind_the_first(database_url):
    run_by_hand(database_url, "INSERT INTO tenancy (moniker, name) VALUES ('acme', 'Acme')")
    assert run_by_hand(database_url, "SELECT id FROM tenancy ORDER BY id") == [(1,), (2,)]
