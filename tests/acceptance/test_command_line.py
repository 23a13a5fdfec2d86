"""The commands as an operator types them, against real files."""

import json
import re
import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import pytest

from tests.support.server import PASSWORD, Server, clean_environment, run_command


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Server:
    """A database that nobody serves."""
    server = Server(tmp_path_factory.mktemp("commands"))
    assert server.run("migrate").stdout == "The database is up to date now.\n"
    server.add_user("ana", "--guid", "Guid-Of-Ana")
    server.add_user("ben")
    return server


def _refusal(folder: Path, *arguments: str, stdin: str | None = None, **variables: str) -> str:
    """Give the one sentence with which a command is refused."""
    result = run_command(folder, *arguments, stdin=stdin, environment=clean_environment() | variables)
    assert result.returncode == 1, result.stdout
    assert "Traceback" not in result.stderr
    (sentence,) = result.stderr.splitlines()
    return sentence


def test_migrating_twice_does_nothing(server: Server) -> None:
    assert server.run("migrate").stdout == "The database was up to date already.\n"


def test_people_are_listed_with_their_guids(server: Server) -> None:
    people = {person["name"]: person["guid"] for person in server.json("user", "list")}
    assert people["ana"] == "Guid-Of-Ana"
    assert re.fullmatch("[0-9A-F-]{36}", people["ben"])
    assert "Guid-Of-Ana" in server.run("user", "list").stdout


def test_a_name_or_guid_that_is_taken_is_refused(server: Server) -> None:
    add = ("user", "add", "--password-stdin")
    assert "'ana' exists already" in _refusal(server.folder, *add, "ana", stdin=PASSWORD)
    assert "exists already" in _refusal(server.folder, *add, "eve", "--guid", "GUID-OF-ANA", stdin=PASSWORD)


@pytest.mark.parametrize("name", ["", "a:b", "a,b", " a", "x" * 101])
def test_a_name_that_could_not_be_used_is_refused(server: Server, name: str) -> None:
    assert "name" in _refusal(server.folder, "user", "add", "--password-stdin", "--", name, stdin=PASSWORD)


def test_a_short_password_is_refused(server: Server) -> None:
    assert "8 to 1024" in _refusal(server.folder, "user", "add", "eve", "--password-stdin", stdin="short\n")


def test_a_password_is_never_an_argument(server: Server) -> None:
    assert server.run("user", "add", "eve", stdin=PASSWORD).returncode == 2


def test_a_grant_is_given_once(server: Server) -> None:
    grant = ("user", "grant", "ben", "viewWorkList")
    assert server.run(*grant).stdout == "ben may viewWorkList now\n"
    assert server.run(*grant).stdout == "ben may viewWorkList already\n"
    assert "nobody" in _refusal(server.folder, "user", "grant", "nobody", "viewWorkList")
    assert server.run("user", "grant", "ben", "flyToTheMoon").returncode == 2


def test_a_grant_below_a_unit_is_given_and_taken_back(server: Server) -> None:
    _write_organisation(server)
    grant = ("ben", "viewWorkList", "--scope", "Claims")
    assert server.run("user", "grant", *grant).stdout == "ben may viewWorkList in Claims now\n"
    assert server.run("user", "revoke", *grant).stdout == "ben has no longer a grant of viewWorkList in Claims\n"
    assert server.run("user", "revoke", *grant).stdout == "ben has no grant of viewWorkList in Claims\n"
    assert "'Experts'" in _refusal(server.folder, "user", "grant", *grant[:3], "Experts")
    server.run("user", "grant", "ben", "viewWorkList")
    assert server.run("user", "revoke", "ben", "viewWorkList").stdout == "ben has no longer a grant of viewWorkList\n"


ORGANISATION = """\
organisations:
  - name: Insurance
    units:
      - {name: Claims, privileges: [Clerk]}
groups:
  - name: Experts
privileges:
  - name: Clerk
    actions: [{action: skipWorkItem, scope: Claims}]
resources:
  - {name: ana, units: [Claims]}
  - {name: ben, groups: [Experts]}
"""


def _write_organisation(server: Server) -> None:
    (server.folder / "org.yaml").write_text(ORGANISATION)
    assert server.run("org", "load", "org.yaml").returncode == 0


def test_an_organisation_is_loaded_after_its_difference_was_seen(tmp_path: Path) -> None:
    server = Server(tmp_path)
    server.run("migrate")
    server.add_user("ana")
    (tmp_path / "org.yaml").write_text(ORGANISATION)
    seen = server.run("org", "load", "org.yaml", "--dry-run").stdout.splitlines()
    assert "+ GROUP Experts contains RESOURCE ben" in seen
    assert "+ PRIVILEGE Clerk allows skipWorkItem in Claims" in seen
    assert seen[-1] == "Nothing was changed: this was a dry run."
    loaded = server.run("org", "load", "org.yaml").stdout.splitlines()
    assert loaded[:-1] == seen[:-1]
    assert loaded[-1] == "The organisation is what the file says now."
    assert server.run("org", "load", "org.yaml").stdout == "The organisation is what the file says already.\n"
    server.add_user("ben")
    server.json("items", "add", "--name", "x", "--offer-to", "Experts")
    (tmp_path / "org.yaml").write_text("resources: [{name: ana, max_open_items: 3}]")
    seen = server.run("org", "load", "org.yaml").stdout.splitlines()
    assert "  RESOURCE ben (can still sign in, and stays)" in seen
    assert "- GROUP Experts (items name it: it is retired)" in seen
    assert "~ RESOURCE ana: max_open_items None becomes 3" in seen


def test_an_exported_organisation_loads_to_no_difference(server: Server) -> None:
    _write_organisation(server)
    assert server.run("org", "export", "exported.yaml").stdout == ""
    assert (server.folder / "exported.yaml").read_text() == server.run("org", "export").stdout
    assert server.run("org", "load", "exported.yaml").stdout == "The organisation is what the file says already.\n"


def test_what_somebody_may_is_shown_with_its_source(server: Server) -> None:
    _write_organisation(server)
    rows = server.json("org", "show", "ana")
    assert rows[0] == {"what": "RESOURCE", "name": "ana", "in": None, "through": "Guid-Of-Ana"}
    assert {"what": "ORGANIZATIONAL_UNIT", "name": "Claims", "in": None, "through": "RESOURCE ana"} in rows
    assert {"what": "may", "name": "skipWorkItem", "in": "Claims", "through": "PRIVILEGE Clerk"} in rows
    assert {"what": "may", "name": "pendWorkItem", "in": None, "through": "open to all"} in rows
    assert "skipWorkItem" in server.run("org", "show", "ana").stdout
    assert "'nobody'" in _refusal(server.folder, "org", "show", "nobody")


def test_a_mistake_in_an_organisations_file_is_told_with_its_line(server: Server) -> None:
    (server.folder / "wrong.yaml").write_text(ORGANISATION.replace("[Claims]", "[Claim]"))
    assert "line 11: The organisation has no ORGANIZATIONAL_UNIT 'Claim'" in _refusal(
        server.folder, "org", "load", "wrong.yaml"
    )


def test_items_are_added_listed_and_shown_with_their_history(server: Server) -> None:
    first, second = server.json("items", "add", "--name", "Review", "--offer-to", "ana, ben", "--count", "2")
    assert [item["id"] for item in server.json("items", "list")][-2:] == [first, second]
    shown = server.json("items", "show", str(first))
    assert (shown["name"], shown["version"], shown["state"], shown["owner"]) == ("Review", 0, "OFFERED", None)
    (entry,) = server.json("items", "history", str(first))
    assert (entry["version"], entry["operation"], entry["to"]) == (0, "scheduleWorkItem", "OFFERED")
    plain = server.run("items", "add", "--name", "Review", "--offer-to", "GUID-of-ana")
    assert plain.stdout == f"{second + 1}\n"
    for command in ("list", "show", "history"):
        arguments = () if command == "list" else (str(first),)
        assert server.run("items", command, *arguments).returncode == 0


def test_many_items_come_in_several_transactions(server: Server) -> None:
    assert len(set(server.json("items", "add", "--name", "Many", "--offer-to", "ana", "--count", "1001"))) == 1001


def test_an_item_or_a_person_that_is_unknown_is_named(server: Server) -> None:
    assert "id = 99999" in _refusal(server.folder, "items", "show", "99999")
    assert "id = 99999" in _refusal(server.folder, "items", "history", "99999")
    assert "'zoe'" in _refusal(server.folder, "items", "add", "--name", "x", "--offer-to", "ana,zoe")


def test_the_contract_is_listed_printed_and_written(server: Server, tmp_path: Path) -> None:
    names = server.run("wsdl").stdout.split()
    assert {"WorkItemManagementService.wsdl", "WorkListService.wsdl", "WorkItemSchedulerService.wsdl"} < set(names)
    assert "wsdl:definitions" in server.run("wsdl", "WorkListService.wsdl").stdout
    assert server.run("wsdl", "--to", str(tmp_path / "contract")).returncode == 0
    assert sorted(path.name for path in (tmp_path / "contract").iterdir()) == sorted(names)
    assert server.run("wsdl", "Nothing.wsdl").returncode == 2


def test_settings_show_default_value_and_origin(tmp_path: Path) -> None:
    (tmp_path / "soapsvc.toml").write_text('log_level = "debug"\nport = 9000\n')
    environment = clean_environment() | {"SOAPSVC_PORT": "9001"}
    result = run_command(tmp_path, "settings", "--json", environment=environment)
    rows = {row["name"]: row for row in json.loads(result.stdout)}
    assert (rows["port"]["default"], rows["port"]["value"], rows["port"]["origin"]) == (8080, 9001, "environment")
    assert (rows["log_level"]["value"], rows["log_level"]["origin"]) == ("debug", "soapsvc.toml")
    assert rows["host"]["origin"] == "default"
    assert "SOAPSVC_PORT" in run_command(tmp_path, "settings").stdout


@pytest.mark.parametrize(
    ("variables", "named"),
    [
        ({"SOAPSVC_PROT": "80"}, "SOAPSVC_PROT"),
        ({"SOAPSVC_PORT": "eighty"}, "SOAPSVC_PORT"),
        ({"SOAPSVC_PORT": "70000"}, "SOAPSVC_PORT"),
        ({"SOAPSVC_PUBLIC_URL": "ftp://example.org"}, "SOAPSVC_PUBLIC_URL"),
        ({"SOAPSVC_CONFIG": "nowhere.toml"}, "nowhere.toml"),
        ({"SOAPSVC_DATABASE": "no url"}, "SOAPSVC_DATABASE"),
        ({"SOAPSVC_DATABASE": "oracle://host/db"}, "SOAPSVC_DATABASE"),
        ({"SOAPSVC_DATABASE": "sqlite://"}, "SOAPSVC_DATABASE"),
    ],
)
def test_a_setting_that_is_unknown_or_unusable_refuses_to_start(
    tmp_path: Path, variables: dict[str, str], named: str
) -> None:
    assert named in _refusal(tmp_path, "serve", **variables)
    assert list(tmp_path.iterdir()) == []


def test_an_unknown_setting_in_the_file_refuses_to_start(tmp_path: Path) -> None:
    (tmp_path / "soapsvc.toml").write_text("prot = 80\n")
    assert "prot" in _refusal(tmp_path, "serve")


@pytest.mark.parametrize("command", [["serve"], ["migrate"]])
def test_a_folder_that_is_missing_is_named(tmp_path: Path, command: list[str]) -> None:
    url = f"sqlite:///{tmp_path}/missing/soapsvc.db"
    assert f"{tmp_path}/missing does not exist" in _refusal(tmp_path, *command, SOAPSVC_DATABASE=url)


@pytest.mark.parametrize("command", [["user", "list"], ["items", "list"]])
def test_a_command_does_not_make_a_database_by_the_way(tmp_path: Path, command: list[str]) -> None:
    assert "There is no database" in _refusal(tmp_path, *command)
    assert list(tmp_path.iterdir()) == []


def test_a_file_that_is_no_database_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "soapsvc.db").write_text("these are no pages of a database, but words, and enough of them" * 20)
    assert "is not a SQLite database" in _refusal(tmp_path, "serve")
    assert (tmp_path / "soapsvc.db").read_text().startswith("these are no pages")


def test_a_database_of_a_newer_release_is_refused(tmp_path: Path) -> None:
    assert run_command(tmp_path, "migrate").returncode == 0
    with closing(sqlite3.connect(tmp_path / "soapsvc.db")) as connection:
        connection.execute("UPDATE alembic_version SET version_num = '0099'")
        connection.execute("UPDATE schema_level SET oldest_code = 98")
        connection.commit()
    for command in (["serve"], ["user", "list"]):
        sentence = _refusal(tmp_path, *command)
        assert "level 99" in sentence
        assert "level 98" in sentence


def test_a_database_that_another_process_keeps_locked_is_a_sentence(tmp_path: Path) -> None:
    assert run_command(tmp_path, "migrate").returncode == 0
    with closing(sqlite3.connect(tmp_path / "soapsvc.db", isolation_level=None)) as connection:
        connection.execute("BEGIN IMMEDIATE")
        assert "is locked by another process" in _refusal(tmp_path, "serve")


def test_the_command_is_installed_and_runs_in_a_process_of_its_own(server: Server) -> None:
    command = Path(sys.executable).with_name("soapsvc")
    add = [str(command), "user", "add", "dora", "--password-stdin"]
    options = {"cwd": server.folder, "env": clean_environment(), "capture_output": True, "text": True, "timeout": 60}
    added = subprocess.run(add, input=PASSWORD, check=False, **options)
    assert added.stdout.startswith("dora ")
    again = subprocess.run(add, input=PASSWORD, check=False, **options)
    assert (again.returncode, again.stderr) == (1, "soapsvc: 'dora' exists already\n")
