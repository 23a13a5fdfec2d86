"""What PostgreSQL asks of the store that SQLite does not: other writers, and a server that can be away."""

import contextlib
import threading
import time
from collections.abc import Iterator
from datetime import UTC, datetime

import pytest
import sqlalchemy as sa

from soapsvc.domain.audit import AuditEntry, AuditKind
from soapsvc.domain.errors import LostRace, OutcomeUnknown, StorageUnavailable
from soapsvc.storage import audit, locks, postgresql, schema, work_items
from soapsvc.storage.database import Database, Limits, open_database
from soapsvc.usecases import allocation, items, organisation
from soapsvc.usecases.access import ItemReference
from tests.storage.units import DEADLINE
from tests.support.databases import end_connections, run_by_hand
from tests.support.driver import watching
from tests.support.organisations import insurance

pytestmark = [pytest.mark.parametrize("kind", ["postgresql"]), pytest.mark.usefixtures("kind")]

SELECT_ONE = sa.text("SELECT 1")
SHORT = Limits(connections=4, statement=0.5, lock=0.2)
ENTRY = AuditEntry(
    id=0, at=datetime.now(UTC), kind=AuditKind.SIGN_IN, actor=None, actor_guid=None, address=None, subject="x",
    detail=None, hash="",
)  # fmt: skip


@pytest.fixture
def impatient(database_url) -> Iterator[Database]:
    """A store whose limits are short, on the test's own database."""
    database = open_database(database_url, limits=SHORT)
    yield database
    database.close()


@pytest.fixture
def another(database_url) -> Iterator[sa.Connection]:
    """A connection of somebody else's, in a transaction."""
    engine = sa.create_engine(database_url.set(drivername="postgresql+psycopg"), poolclass=sa.NullPool)
    with engine.connect() as connection:
        yield connection
    engine.dispose()


def lock(connection: sa.Connection, item: int) -> None:
    connection.exec_driver_sql(f"SELECT id FROM work_item WHERE id = {item} FOR UPDATE")  # noqa: S608


def is_free(url: sa.URL, item: int) -> bool:
    try:
        run_by_hand(url, "SELECT id FROM work_item WHERE id = :item FOR UPDATE NOWAIT", item=item)
    except sa.exc.OperationalError:
        return False
    return True


def in_the_store() -> bool:
    """Say whether a statement is the store's, and not one that a test runs beside it."""
    return threading.current_thread().name.startswith("database")


# Commits


def test_a_commit_that_the_server_turns_into_a_rollback_is_no_success(whole_database):
    """A unit that catches what the database refused has no transaction any more."""

    def unit(tx):
        with contextlib.suppress(sa.exc.DBAPIError):
            schema.Statement(sa.select(sa.func.no_such_function().label("x"))).row(tx)
        return "done"

    with pytest.raises(StorageUnavailable, match="took back"):
        whole_database.write(unit).result(DEADLINE)


def test_a_commit_whose_answer_is_lost_is_reported_as_unknown(database_url, whole_database):
    followers = []

    def unit(tx):
        tx.after_commit(lambda: followers.append("committed"))
        schema.touch(tx)

    def cut(_, statement):
        if statement == "COMMIT":
            end_connections(database_url)

    with watching(before=cut), pytest.raises(OutcomeUnknown):
        whole_database.write(unit).result(DEADLINE)
    assert followers == []
    whole_database.write(unit).result(DEADLINE)
    assert followers == ["committed"]


def test_a_commit_that_is_surely_refused_is_run_again(database_url, whole_database):
    """A constraint that is looked at only then."""
    run_by_hand(database_url, "CREATE TABLE once (n int UNIQUE DEFERRABLE INITIALLY DEFERRED)")
    run_by_hand(database_url, "INSERT INTO once VALUES (1)")
    runs = []

    def unit(tx):
        runs.append(1)
        tx.connection.exec_driver_sql(f"INSERT INTO once VALUES ({len(runs)})")  # noqa: S608

    whole_database.write(unit).result(DEADLINE)
    assert len(runs) > 1  # who has run again may come first once more, and be in the way once more
    assert run_by_hand(database_url, "SELECT n FROM once ORDER BY n") == [(1,), (2,)]


def test_every_commit_waits_for_the_disk_even_where_the_server_would_not(database_url):
    run_by_hand(database_url, f"ALTER DATABASE {database_url.database} SET synchronous_commit = off")
    database = open_database(database_url)
    try:
        shown = database.write(lambda tx: tx.connection.exec_driver_sql("SHOW synchronous_commit").scalar())
        assert shown.result(DEADLINE) == "on"
    finally:
        database.close()


# Races


def test_a_lost_race_is_run_again_and_locks_what_it_loads(database_url, database, cast, opened):
    """So it loses no second one, however many others there are."""
    close = items.Close(item=ItemReference(id=opened.id))
    touched, was_free = [], []
    touch = "/* somebody else */ UPDATE work_item SET version = version + 1, priority = 77 WHERE id = :item"

    def interfere(_, statement):
        if statement.startswith("UPDATE work_item") and in_the_store():
            if touched:
                was_free.append(is_free(database_url, opened.id))
            else:
                touched.append(opened.id)
                run_by_hand(database_url, touch, item=opened.id)

    with watching(before=interfere):
        (closed,) = database.write(lambda tx: items.close_items(tx, cast.caller("ana"), [close])).result(DEADLINE)
    assert (closed.version, closed.priority) == (opened.version + 2, 77)
    assert was_free == [False]


def test_a_deadlock_is_run_again(database_url, whole_database, another, new_item):
    first, second = new_item().id, new_item().id
    lock(another, second)
    met, runs = threading.Event(), []

    def unit(tx):
        runs.append(1)
        tx.connection.exec_driver_sql("SET LOCAL deadlock_timeout = '50ms'")
        lock(tx.connection, first)
        met.set()
        lock(tx.connection, second)

    future = whole_database.write(unit)
    assert met.wait(DEADLINE)
    another.exec_driver_sql("SET LOCAL deadlock_timeout = '60s'")
    lock(another, first)
    another.rollback()
    future.result(DEADLINE)
    assert len(runs) > 1  # who has run again may come first once more, and be in the way once more


def test_a_unit_that_always_loses_ends(whole_database):
    runs = []

    def unit(_):
        runs.append(1)
        raise LostRace

    with pytest.raises(StorageUnavailable, match="changing too fast"):
        whole_database.write(unit).result(DEADLINE)
    assert len(runs) == 5


def test_what_somebody_else_has_just_added_is_found_by_the_second_run(database_url, whole_database):
    run_by_hand(database_url, "CREATE TABLE once (n int PRIMARY KEY)")

    def unit(tx):
        if tx.connection.exec_driver_sql("SELECT n FROM once").first() is not None:
            return "found"
        run_by_hand(database_url, "INSERT INTO once VALUES (1)")
        tx.connection.exec_driver_sql("INSERT INTO once VALUES (1)")
        return "added"

    assert whole_database.write(unit).result(DEADLINE) == "found"


def test_a_batch_locks_its_items_in_the_order_of_their_ids_before_it_changes_any(
    database_url, database, cast, another, new_item
):
    first, second = new_item().id, new_item().id
    lock(another, first)
    batch = [allocation.Allocation(item=ItemReference(id=one)) for one in (second, first)]
    waiting = threading.Event()

    def notice(_, statement):
        if "FOR UPDATE" in statement and in_the_store():
            waiting.set()

    with watching(before=notice):
        future = database.write(lambda tx: allocation.allocate_items(tx, cast.caller("ana"), batch))
        assert waiting.wait(DEADLINE)
        wait_for_any_who_waits(database_url)
        assert is_free(database_url, second)
    another.rollback()
    assert [one.id for one in future.result(DEADLINE)] == [second, first]


def wait_for_a_lock_that_is_held(url: sa.URL) -> None:
    _wait_for_a_row(
        url, "SELECT 1 FROM pg_locks JOIN pg_database ON oid = database WHERE datname = :name AND locktype = 'advisory'"
    )


def wait_for_any_who_waits(url: sa.URL) -> None:
    _wait_for_a_row(url, "SELECT 1 FROM pg_stat_activity WHERE datname = :name AND wait_event_type = 'Lock'")


def _wait_for_a_row(url: sa.URL, query: str) -> None:
    deadline = time.monotonic() + DEADLINE
    while not run_by_hand(url, query, name=url.database):
        assert time.monotonic() < deadline


def test_who_takes_the_next_item_passes_over_what_others_are_taking(database, cast, another, new_item):
    first, second = new_item().id, new_item().id
    lock(another, first)

    def take(tx):
        return allocation.allocate_and_open_next_item(tx, cast.caller("ana"), "ana", None)

    assert database.write(take).result(DEADLINE).id == second


def test_two_who_open_for_one_person_do_not_both_have_the_last_of_his_limit(database_url, database, cast, new_item):
    run_by_hand(database_url, "UPDATE entity SET max_open_items = 1 WHERE id = :id", id=cast.ana.id)
    batches = [[allocation.Allocation(item=ItemReference(id=new_item().id), resource="ana")] for _ in range(2)]
    counted = threading.Barrier(2)

    def meet(_, statement):
        if statement.startswith("SELECT count(*)"):
            with contextlib.suppress(threading.BrokenBarrierError):
                counted.wait(1)

    came_to = []
    with watching(after=meet):
        futures = [
            database.write(lambda tx, b=batch: allocation.allocate_and_open_items(tx, cast.caller("ana"), b))
            for batch in batches
        ]
        for future in futures:
            came_to.append(type(future.exception(DEADLINE)).__name__)
    assert sorted(came_to) == ["NoneType", "OpenLimitReached"]


# A server that is slow, or away


def test_a_connection_that_was_ended_meanwhile_is_replaced(database_url, whole_database):
    for _ in range(3):
        whole_database.write(schema.touch).result(DEADLINE)
        end_connections(database_url)
        whole_database.read(lambda tx: tx.connection.execute(SELECT_ONE)).result(DEADLINE)
        end_connections(database_url)


def test_a_unit_whose_connection_is_lost_on_the_way_fails_and_changes_nothing(database_url, database, offered, cast):
    batch = [allocation.Allocation(item=ItemReference(id=offered.id))]

    def cut(_, statement):
        if statement.startswith("INSERT INTO history"):
            end_connections(database_url)

    with watching(before=cut), pytest.raises(StorageUnavailable, match=r"lost|shutting down"):
        database.write(lambda tx: allocation.allocate_items(tx, cast.caller("ana"), batch)).result(DEADLINE)
    assert database.read(lambda tx: work_items.get(tx, offered.id)).result(DEADLINE).version == 0


def test_a_statement_that_takes_too_long_is_ended_by_the_server(impatient):
    with pytest.raises(StorageUnavailable, match="statement timeout"):
        impatient.write(lambda tx: tx.connection.exec_driver_sql("SELECT pg_sleep(20)")).result(DEADLINE)


def test_a_row_that_others_keep_locked_is_not_waited_for_for_ever(impatient, another, new_item):
    item = new_item().id
    lock(another, item)
    with pytest.raises(StorageUnavailable, match="lock timeout"):
        impatient.write(lambda tx: lock(tx.connection, item)).result(DEADLINE)


def test_who_finds_no_connection_free_is_told_in_time(impatient):
    enough, entered = threading.Event(), threading.Semaphore(0)

    def keep(_):
        entered.release()
        assert enough.wait(DEADLINE)

    kept = [impatient.write(keep) for _ in range(SHORT.connections)]
    assert all(entered.acquire(timeout=DEADLINE) for _ in kept)
    late = impatient.read(lambda _: None)
    threading.Timer(SHORT.statement + 0.1, enough.set).start()
    with pytest.raises(StorageUnavailable, match="free in time"):
        late.result(DEADLINE)


@pytest.mark.parametrize("where", ["localhost:1/x", "/x?host=/nowhere"])
def test_a_server_that_is_away_is_a_sentence_without_the_password(where):
    url = sa.make_url(f"postgresql://user:hidden@{where}")
    database = open_database(url)
    try:
        with pytest.raises(StorageUnavailable, match="cannot be reached") as failed:
            database.read(lambda _: None).result(DEADLINE)
        assert "hidden" not in f"{failed.value} {failed.value.__cause__!r} {postgresql.address_of(url)}"
    finally:
        database.close()
    with pytest.raises(StorageUnavailable, match="cannot be reached"):
        schema.check(url)


def test_the_time_is_the_servers(database_url, whole_database):
    before = run_by_hand(database_url, "SELECT clock_timestamp()")[0][0]
    now = whole_database.read(lambda tx: tx.now()).result(DEADLINE)
    after = run_by_hand(database_url, "SELECT clock_timestamp()")[0][0]
    assert before <= now <= after


# Who must be alone


@pytest.mark.parametrize(
    ("what", "unit"),
    [
        ("audit", lambda tx: audit.append(tx, [ENTRY])),
        ("organisation", lambda tx: organisation.load(tx, insurance())),
    ],
)
def test_what_one_must_do_alone_waits_for_who_is_doing_it(database_url, database, what, unit):
    enough = threading.Event()

    def be_alone(tx):
        locks.alone(tx, what)
        assert enough.wait(DEADLINE)

    first = database.write(be_alone)
    second = None
    try:
        wait_for_a_lock_that_is_held(database_url)
        second = database.write(unit)
        wait_for_any_who_waits(database_url)
        assert not second.done()
    finally:
        enough.set()
    first.result(DEADLINE)
    second.result(DEADLINE)
