"""The commands about the audit log, beside a running server and without one."""

import json
import shutil
import sqlite3
from contextlib import closing
from pathlib import Path
from time import monotonic

import pytest

from tests.support.load import Client, Record
from tests.support.server import Server

COLUMNS = ["id", "at", "kind", "by", "guid", "address", "subject", "detail", "hash"]


@pytest.fixture(scope="module")
def furnished(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a database with three entries, to be copied."""
    server = Server(tmp_path_factory.mktemp("audit"))
    assert server.run("migrate").returncode == 0
    server.add_user("ana", "--guid", "G")
    server.add_user("ben", "--guid", "H")
    assert server.run("user", "grant", "ana", "readAuditLog").returncode == 0
    return server.folder


@pytest.fixture
def folder(furnished: Path, tmp_path: Path) -> Server:
    """A database that nobody serves, with three entries."""
    shutil.copytree(furnished, tmp_path, dirs_exist_ok=True)
    return Server(tmp_path)


def told(server: Server, *options: str) -> list[tuple[str, str]]:
    return [(entry["kind"], entry["subject"]) for entry in server.json("audit", "list", *options)]


def test_entries_are_listed_oldest_first(folder: Server) -> None:
    assert told(folder) == [("person-added", "ana"), ("person-added", "ben"), ("grant", "ana")]
    assert list(folder.json("audit", "list")[0]) == COLUMNS
    assert "readAuditLog, everywhere" in folder.run("audit", "list").stdout


@pytest.mark.parametrize(
    ("options", "found"),
    [
        (("--kind", "grant"), [2]),
        (("--person", "ana"), [0, 2]),
        (("--most", "2"), [1, 2]),
        (("--since", "2020-01-01"), [0, 1, 2]),
        (("--since", "2999-01-01T00:00:00+02:00"), []),
        (("--until", "2020-01-01T00:00:00"), []),
    ],
)
def test_what_is_listed_can_be_chosen(folder: Server, options: tuple[str, ...], found: list[int]) -> None:
    everything = told(folder)
    assert told(folder, *options) == [everything[number] for number in found]


@pytest.mark.parametrize("options", [("--kind", "gossip"), ("--since", "yesterday"), ("--most", "0")])
def test_what_cannot_be_chosen_is_wrong_usage(folder: Server, options: tuple[str, ...]) -> None:
    assert folder.run("audit", "list", *options).returncode == 2


def test_an_export_has_every_entry_as_a_line_and_overwrites_nothing(folder: Server) -> None:
    file = folder.folder / "audit.jsonl"
    exported = folder.run("audit", "export", str(file))
    assert exported.stdout == f"3 entries written to {file}\n"
    assert [json.loads(line) for line in file.read_text().splitlines()] == folder.json("audit", "list")
    again = folder.run("audit", "export", str(file))
    assert (again.returncode, again.stderr) == (1, f"soapsvc: {file} cannot be written: File exists\n")


def test_a_long_log_is_exported_and_verified_whole(folder: Server) -> None:
    from soapsvc.domain.audit import AuditKind
    from soapsvc.settings import Settings
    from soapsvc.usecases import audit
    from soapsvc.wiring import opened_tenancy

    with opened_tenancy(Settings(database=f"sqlite:///{folder.folder}/soapsvc.db"), None) as database:
        database.write(
            lambda tx: [audit.record(tx, AuditKind.KEY_CHANGED, subject=str(number)) for number in range(2500)]
        ).result(30)
    file = folder.folder / "audit.jsonl"
    assert folder.run("audit", "export", str(file)).stdout.startswith("2503 entries")
    subjects = [json.loads(line)["subject"] for line in file.read_text().splitlines()]
    assert subjects == ["ana", "ben", "ana", *map(str, range(2500))]
    assert folder.run("audit", "verify").stdout.startswith("The audit log is whole: 2503 entries")


def test_a_whole_log_is_told_with_its_last_hash_which_later_proves_that_nothing_was_cut_off(folder: Server) -> None:
    last = folder.json("audit", "list")[-1]["hash"]
    verified = folder.run("audit", "verify")
    assert verified.stdout == f"The audit log is whole: 3 entries, the last with the hash {last}\n"
    folder.add_user("carl")
    assert folder.run("audit", "verify", "--including", last).returncode == 0
    _alter(folder, "DELETE FROM audit WHERE id >= 3")
    cut = folder.run("audit", "verify", "--including", last)
    assert (cut.returncode, cut.stderr) == (
        1, "soapsvc: the audit log was altered: no entry has this hash any more\n",
    )  # fmt: skip
    assert folder.run("audit", "verify").returncode == 0


def test_an_altered_log_is_named_with_the_entry(folder: Server) -> None:
    _alter(folder, "UPDATE audit SET subject = 'carl' WHERE id = 2")
    broken = folder.run("audit", "verify")
    assert (broken.returncode, broken.stdout) == (1, "")
    assert broken.stderr == "soapsvc: the audit log was altered: its chain breaks at the entry with id = 2\n"


def test_an_empty_log_is_whole(tmp_path: Path) -> None:
    server = Server(tmp_path)
    server.run("migrate")
    assert server.run("audit", "verify").stdout == "The audit log is whole: 0 entries\n"
    assert server.json("audit", "list") == []
    assert server.run("audit", "export", str(tmp_path / "none")).stdout.startswith("0 entries")


def test_a_tenancys_log_is_listed_exported_and_verified_by_itself(folder: Server) -> None:
    assert folder.run("tenancy", "add", "acme").returncode == 0
    folder.add_user("eve", "--tenancy", "acme")
    assert told(folder, "--tenancy", "acme") == [("tenancy-changed", "acme"), ("person-added", "eve")]
    assert len(told(folder)) == 3
    last = folder.json("audit", "list", "--tenancy", "acme")[-1]["hash"]
    told_whole = f"The audit log is whole: 2 entries, the last with the hash {last}\n"
    assert folder.run("audit", "verify", "--tenancy", "acme").stdout == told_whole
    assert folder.run("audit", "verify").stdout.startswith("The audit log is whole: 3 entries")
    exported = folder.run("audit", "export", str(folder.folder / "acme.jsonl"), "--tenancy", "acme")
    assert exported.stdout.startswith("2 entries")


def _alter(server: Server, statement: str) -> None:
    with closing(sqlite3.connect(server.folder / "soapsvc.db", isolation_level=None)) as connection:
        triggers = connection.execute("SELECT name FROM sqlite_master WHERE type = 'trigger'").fetchall()
        for (name,) in triggers:
            connection.execute(f"DROP TRIGGER {name}")
        connection.execute(statement)


@pytest.mark.timeout(60)
def test_a_running_server_writes_sign_ins_about_once_a_second_and_the_rest_when_it_stops(folder: Server) -> None:
    with folder:
        with closing(Client(folder.port, "ana", Record())) as client:
            client.ask("getWorkItemHeader", '<workItemID id="1"/>')
        deadline = monotonic() + 10
        while ("sign-in", None) not in told(folder):
            assert monotonic() < deadline, "a sign-in was not written"
        with closing(Client(folder.port, "ben", Record())) as client:
            client.ask("getWorkItemHeader", '<workItemID id="1"/>')
    entries = folder.json("audit", "list", "--kind", "sign-in")
    assert [(entry["by"], entry["address"]) for entry in entries] == [("ana", "127.0.0.1"), ("ben", "127.0.0.1")]
    assert folder.run("audit", "verify").returncode == 0
