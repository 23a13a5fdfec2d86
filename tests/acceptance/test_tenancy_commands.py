"""Tenancies as an operator sees them: commands, and clients of a running service under test."""

from pathlib import Path

import pytest

from soapsvc.client import InvalidWorkItemFault
from soapsvc.testing import ServiceUnderTest
from tests.support.server import PASSWORD, Server, run_command


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Server:
    """A database with the tenancies default and acme, each with an ana, that nobody serves."""
    server = Server(tmp_path_factory.mktemp("tenancies"))
    assert server.run("migrate").returncode == 0
    assert server.run("tenancy", "add", "Acme", "--name", "Acme and Sons").stdout == "acme Acme and Sons\n"
    server.add_user("ana")
    server.add_user("ana", "--tenancy", "acme")
    return server


def test_tenancies_are_listed_with_their_rules(server: Server) -> None:
    assert server.json("tenancy", "list") == [
        {"moniker": "acme", "name": "Acme and Sons", "version_required": None},
        {"moniker": "default", "name": "default", "version_required": None},
    ]


@pytest.mark.parametrize(
    ("options", "kept"), [(["--version-required"], True), (["--no-version-required"], False), ([], None)]
)
def test_a_rule_of_a_tenancy_is_set_and_taken_back(server: Server, options: list[str], kept: bool | None) -> None:
    assert server.run("tenancy", "set", "acme", *options).returncode == 0
    assert server.json("tenancy", "list")[0]["version_required"] is kept


def test_the_commands_work_in_the_tenancy_that_is_named_or_in_the_default_one(server: Server, tmp_path: Path) -> None:
    types = tmp_path / "types.yaml"
    types.write_text("work_types: [{id: claim}]")
    acme = ("--tenancy", "acme")
    assert server.run("worktype", "load", str(types), *acme).stdout == "1 work types loaded, 1 of them new\n"
    assert [kind["id"] for kind in server.json("worktype", "list", *acme)] == ["claim"]
    assert server.json("worktype", "list") == []
    (item,) = server.json("items", "add", "--name", "Review", "--offer-to", "ana", *acme)
    assert [one["id"] for one in server.json("items", "list", *acme)] == [item]
    assert server.json("items", "list") == []
    for command in ("show", "history"):
        assert server.run("items", command, str(item), *acme).returncode == 0
        assert f"id = {item}" in server.run("items", command, str(item)).stderr
    assert server.run("user", "grant", "ana", "viewWorkList", *acme).stdout == "ana may viewWorkList now\n"
    assert server.run("user", "grant", "ana", "viewWorkList").stdout == "ana may viewWorkList now\n"
    guids = [server.json("user", "list", *options)[0]["guid"] for options in ((), acme)]
    assert guids[0] != guids[1]
    assert server.run("items", "verify").stdout.endswith(f"up to id {item} are whole.\n")


def test_each_tenancy_has_its_organisation(server: Server, tmp_path: Path) -> None:
    acme = ("--tenancy", "acme")
    before = server.run("org", "export").stdout
    (tmp_path / "org.yaml").write_text("groups: [{name: Experts}]\nresources: [{name: ana, groups: [Experts]}]")
    load = ("org", "load", str(tmp_path / "org.yaml"))
    assert "+ GROUP Experts contains RESOURCE ana" in server.run(*load, "--dry-run", *acme).stdout
    assert server.run(*load, *acme).returncode == 0
    assert server.run(*load, *acme).stdout == "The organisation is what the file says already.\n"
    assert "Experts" in server.run("org", "export", *acme).stdout
    assert server.run("org", "export").stdout == before
    assert "Experts" in server.run("org", "show", "ana", *acme).stdout
    assert "Experts" not in server.run("org", "show", "ana").stdout
    revoke = ("user", "revoke", "ana", "skipWorkItem")
    server.run("user", "grant", "ana", "skipWorkItem", *acme)
    assert server.run(*revoke).stdout == "ana has no grant of skipWorkItem\n"
    assert server.run(*revoke, *acme).stdout == "ana has no longer a grant of skipWorkItem\n"


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("user", "list", "--tenancy", "nowhere"), "There is no tenancy 'nowhere'"),
        (("tenancy", "set", "nowhere"), "There is no tenancy 'nowhere'"),
        (("tenancy", "add", "ACME"), "'acme' exists already"),
        (("tenancy", "add", "a.b"), "A moniker has"),
        (("user", "add", "acme\\ana", "--password-stdin"), "backslash"),
    ],
)
def test_what_is_wrong_is_said_in_a_sentence(server: Server, arguments: tuple[str, ...], said: str) -> None:
    result = run_command(server.folder, *arguments, stdin=PASSWORD)
    assert result.returncode == 1
    (sentence,) = result.stderr.splitlines()
    assert said in sentence


def test_a_setting_names_the_tenancy_of_who_names_none(server: Server) -> None:
    environment = server.environment | {"SOAPSVC_DEFAULT_TENANCY": "acme"}
    listed = run_command(server.folder, "worktype", "list", environment=environment)
    named = server.run("worktype", "list", "--tenancy", "acme")
    assert (listed.returncode, listed.stdout) == (0, named.stdout)
    unknown = run_command(server.folder, "serve", environment=environment | {"SOAPSVC_DEFAULT_TENANCY": "nowhere"})
    assert (unknown.returncode, unknown.stderr) == (1, "soapsvc: There is no tenancy 'nowhere'\n")


@pytest.mark.parametrize("fixture", ["soapsvc_service", "soapsvc_server"])
def test_a_service_under_test_has_as_many_tenancies_as_a_test_wants(
    fixture: str, request: pytest.FixtureRequest
) -> None:
    service: ServiceUnderTest = request.getfixturevalue(fixture)
    acme = service.tenancy("acme")
    here, there = service.person("ana", guid="A"), service.person("ana", guid="A", tenancy=acme)
    ours, theirs = service.item(here), service.item(there, tenancy=acme)
    service.client(there).take(theirs, there.guid, version=0)
    service.client(here).take(ours, here.guid, version=0)
    assert service.stored(theirs, tenancy=acme).version == service.stored(ours).version == 1
    assert service.force_conflict(theirs, tenancy=acme) == 2
    with pytest.raises(InvalidWorkItemFault):
        service.client(here).version_of(theirs)
