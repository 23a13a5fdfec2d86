"""`soapsvc copy`: a service goes on on the copy as if nothing had happened; what is wrong is said, and no password."""

import contextlib
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest
import sqlalchemy as sa
from lxml import etree
from zeep.wsse.username import UsernameToken

from soapsvc import serving
from soapsvc.domain.credentials import Scope
from soapsvc.domain.work_item import WorkItem
from soapsvc.settings import Settings
from soapsvc.storage import history, schema
from soapsvc.storage.database import InTenancy
from soapsvc.testing.in_process import InProcess
from soapsvc.usecases import people, principals, tenancies, vault
from tests.conftest import People, Soap
from tests.support.databases import PostgresqlDatabases, run_by_hand
from tests.support.server import Ended, run_command
from tests.support.soap import envelope, request
from tests.support.tokens import CHEAP, token_of

SECRET = "a secret: of a program & more"
DORA = "a recoverable secret"
READ = request("getWorkItemHeader", '<workItemID id="1"/>')
SERVICE = "WorkItemManagementService"


@pytest.fixture
def target(postgresql: PostgresqlDatabases) -> Iterator[sa.URL]:
    url = postgresql.make()
    schema.prepare(url)
    yield url
    postgresql.drop(url)


@pytest.fixture
def keys(tmp_path: Path) -> Path:
    vault.add_key(tmp_path / "keys")
    return tmp_path / "keys"


@pytest.fixture
def lived(database_path: Path, database: InTenancy, cast: People, pended: WorkItem, keys: Path) -> Path:
    """A service on SQLite with a past: two tenancies, an item at version 2, a secret for digests, a program."""
    sealer = vault.Vault(vault.keys_in(keys))
    assert sealer is not None

    def live(tx: object) -> None:
        people.add_person(tx, name="dora", guid=None, password_hash=CHEAP.hash(DORA), sealed=sealer.seal(DORA))
        principals.add(
            tx, client="hd", name="robot", person="ana", scope=Scope.ROOT, secret_hash=CHEAP.hash(SECRET), lifetime=None
        )
        tenancies.require_versions(tx, "default", True)

    database.write(live).result(10)
    database.database.write(lambda tx: tenancies.add_tenancy(tx, "acme")).result(10)
    database.close()
    return database_path


def copy(source: Path, target: sa.URL) -> Ended:
    url = target.render_as_string(hide_password=False)
    return run_command(source.parent, "copy", "--from", f"sqlite:///{source}", "--to", url)


@contextlib.contextmanager
def serving_on(url: sa.URL, keys: Path) -> Iterator[Soap]:
    settings = Settings(database=url.render_as_string(hide_password=False), secret_key_file=str(keys))
    with serving.opened_service(settings) as service, InProcess(service.application) as calls:
        yield Soap(calls, service.default_tenancy)


def by_digest(soap: Soap, name: str, password: str) -> int:
    message = etree.fromstring(envelope(READ))
    UsernameToken(name, password, use_digest=True).apply(message, {})
    return soap.post(SERVICE, etree.tostring(message), user=None).status


def test_a_service_goes_on_on_the_copy(lived: Path, target: sa.URL, keys: Path) -> None:
    source = sa.URL.create("sqlite", database=str(lived))
    with serving_on(source, keys) as soap:
        token = token_of(soap.calls, "hd/robot", SECRET)
        assert by_digest(soap, "dora", DORA) == 500  # she is nobody to this item, and known all the same
    result = copy(lived, target)
    assert result.returncode == 0, result.stderr
    assert "all histories and audit logs are whole" in result.stdout

    with serving_on(target, keys) as soap:
        old = soap.post(SERVICE, envelope(READ), user=None, authorization=f"Bearer {token}")
        assert old.status == 200, old.body
        assert token_of(soap.calls, "hd/robot", SECRET)
        answer = soap.ask("openWorkItem", '<workItemID id="1" version="2"/>')
        assert (answer.status, b'version="3"' in answer.body) == (200, True), answer.body
        stale = soap.ask("openWorkItem", '<workItemID id="1" version="2"/>')
        assert stale.status == 500
        whole = lambda tx: list(history.broken_chains(tx, after=0, to=100))  # noqa: E731
        assert soap.database.read(whole).result(10) == []
    result = run_command(
        lived.parent, "items", "add", "--name", "n", "--offer-to", "ana",
        environment={"SOAPSVC_DATABASE": target.render_as_string(hide_password=False)},
    )  # fmt: skip
    assert result.stdout.split() == ["2"], result.stderr


def test_who_signs_in_by_digest_does_so_on_the_copy(lived: Path, target: sa.URL, keys: Path) -> None:
    source = sa.URL.create("sqlite", database=str(lived))
    run_by_hand(source, "UPDATE offer SET entity_id = (SELECT max(id) FROM entity) WHERE entity_id = 2")
    assert copy(lived, target).returncode == 0
    with serving_on(target, keys) as soap:
        assert (by_digest(soap, "dora", DORA), by_digest(soap, "dora", "another")) == (200, 500)


def test_every_table_is_listed_with_its_rows(lived: Path, target: sa.URL) -> None:
    lines = copy(lived, target).stdout.splitlines()
    assert ["history", "3", "3", "yes"] in [line.split() for line in lines]
    assert ["tenancy", "2", "2", "yes"] in [line.split() for line in lines]


def test_a_copy_is_run_again_and_finds_all_there(lived: Path, target: sa.URL) -> None:
    assert copy(lived, target).returncode == 0
    assert copy(lived, target).returncode == 0


# What was wrong before


@pytest.mark.parametrize(
    ("statement", "told"),
    [
        ("UPDATE history SET changed = '[\"x\"]' WHERE version = 1", "altered histories: 1, of the work items 1"),
        ("UPDATE work_item SET state = 'COMPLETED'", "altered histories: 1, of the work items 1"),
        (
            "UPDATE audit SET subject = 'x' WHERE id = 2",
            "default: the audit log was altered: its chain breaks at the entry with id = 2",
        ),
    ],
)
def test_what_was_altered_before_is_copied_and_told(lived: Path, target: sa.URL, statement: str, told: str) -> None:
    with closing(sqlite3.connect(lived)) as connection, connection:
        connection.execute("DROP TRIGGER audit_keeps_its_rows")
        connection.execute(statement)
    result = copy(lived, target)
    assert result.returncode == 1
    assert result.stderr == f"soapsvc: what was copied was damaged before: {told}\n"


def test_a_damaged_file_is_told(lived: Path, target: sa.URL) -> None:
    with closing(sqlite3.connect(lived)) as connection:
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        (page,) = connection.execute("SELECT rootpage FROM sqlite_master WHERE name = 'history'").fetchone()
        (size,) = connection.execute("PRAGMA page_size").fetchone()
    with lived.open("r+b") as file:
        file.seek((page - 1) * size)
        file.write(b"\xff" * size)
    result = copy(lived, target)
    assert result.returncode == 1
    assert result.stderr == f"soapsvc: The database {lived} is damaged\n"


def test_what_is_changed_while_it_is_copied_is_told(
    lived: Path, target: sa.URL, monkeypatch: pytest.MonkeyPatch
) -> None:
    from soapsvc.storage.copying import Copying

    compare = Copying.compare

    def changed_first(self: Copying) -> object:
        run_by_hand(sa.URL.create("sqlite", database=str(lived)), "UPDATE entity SET name = 'x' WHERE name = 'ben'")
        return compare(self)

    monkeypatch.setattr(Copying, "compare", changed_first)
    result = copy(lived, target)
    assert result.returncode == 1
    assert ["entity", "5", "5", "NO"] in [line.split() for line in result.stdout.splitlines()]
    assert "the copy differs from what it was made of, in entity: was that changed?" in result.stderr


# What is not said


@pytest.mark.parametrize(
    "url",
    [
        "postgresql://u:hidden-word@127.0.0.1:1/none",
        "postgresql://u:hidden-word@127.0.0.1:port/none",
        "mysql://u:hidden-word@127.0.0.1/none",
        "sqlite://u:hidden-word@/none",
        "postgresql://127.0.0.1:1/none?password=hidden-word",
        "hidden-word",
    ],
)
def test_no_password_of_a_url_is_printed(lived: Path, tmp_path: Path, url: str) -> None:
    ours = f"sqlite:///{lived}"
    for source, target in ((url, ours), (ours, url)):
        result = run_command(tmp_path, "copy", "--from", source, "--to", target)
        assert result.returncode == 1
        assert result.stderr.startswith("soapsvc: ")
        assert "hidden-word" not in result.stdout + result.stderr
