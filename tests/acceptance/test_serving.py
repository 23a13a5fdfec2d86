"""Starting, stopping, the demonstration, and commands beside a running server."""

import re
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from tests.support.load import Client, Record, run_clients
from tests.support.server import Server, free_port, run_command

ITEMS = 50


@pytest.fixture(scope="module")
def demo(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    with Server(tmp_path_factory.mktemp("demo"), "--demo", "--demo-password", "correct horse") as server:
        yield server


def test_the_demonstration_introduces_its_people_and_endpoints(demo: Server) -> None:
    output = demo.output.read_text()
    for name in ("ana", "ben", "supervisor"):
        guid = next(person["guid"] for person in demo.json("user", "list") if person["name"] == name)
        assert re.search(rf"{name}\s+{guid}", output)
    for service in ("WorkItemManagementService", "WorkListService", "WorkItemSchedulerService"):
        assert f"{demo.address}/amxbpm/{service}?wsdl" in output
    assert f"{demo.address}/HdaApi/rest/documentation/index.html" in output
    assert "Their password: correct horse" in output


def test_the_demonstration_offers_realistic_items_to_both(demo: Server) -> None:
    items = demo.json("items", "list")
    assert len(items) == ITEMS
    assert len({item["name"] for item in items}) >= 10
    assert all(demo.json("items", "show", "7")["fields"])


def test_the_printed_snippet_runs_as_it_stands(demo: Server) -> None:
    snippet = demo.output.read_text().partition("zeep:\n\n")[2]
    result = subprocess.run([sys.executable, "-c", snippet], capture_output=True, text=True, timeout=60, check=False)
    assert "OPENED version 1" in result.stdout
    assert "is currently at version 2, not at version 0" in result.stderr


def test_the_password_stands_on_standard_output_alone(demo: Server) -> None:
    assert "correct horse" not in demo.log.read_text()


def test_a_second_start_keeps_people_and_items_and_takes_the_new_password(tmp_path: Path) -> None:
    with Server(tmp_path, "--demo") as first:
        people = first.json("user", "list")
        first_password = re.search("Their password: (.*)", first.output.read_text())
        assert first_password
    with Server(tmp_path, "--demo", "--demo-password", "correct horse") as second:
        assert second.json("user", "list") == people
        assert len(second.json("items", "list")) == ITEMS
        with closing(Client(second.port, "ana", Record())) as client:
            assert client.ask("getWorkItemHeader", '<workItemID id="1"/>') is not None
    assert len(first_password[1]) >= 12
    assert first_password[1] != "correct horse"


def test_the_demonstration_does_not_take_over_a_person_of_the_same_name(tmp_path: Path) -> None:
    server = Server(tmp_path)
    assert server.run("migrate").returncode == 0
    server.add_user("ana")
    refused = server.run("serve", "--demo", "--port", str(server.port))
    assert refused.returncode == 1
    assert "'ana' exists already" in refused.stderr
    assert len(server.json("user", "list")) == 1


def test_a_second_server_on_the_same_file_is_refused(demo: Server) -> None:
    second = run_command(demo.folder, "serve", "--port", str(free_port()))
    assert second.returncode == 1
    assert "already serves" in second.stderr


def test_a_port_that_is_taken_is_a_sentence(tmp_path: Path) -> None:
    with closing(socket.create_server(("127.0.0.1", 0))) as taken:
        port = taken.getsockname()[1]
        refused = run_command(tmp_path, "serve", "--port", str(port))
    assert refused.returncode == 1
    assert str(port) in refused.stderr
    assert "Traceback" not in refused.stderr


def test_being_told_to_stop_ends_the_server_cleanly(tmp_path: Path) -> None:
    server = Server(tmp_path)
    with server:
        pass
    assert server.process is not None
    assert server.process.returncode == 0
    assert "Traceback" not in server.log.read_text()


@pytest.mark.timeout(60)
def test_commands_get_their_turn_beside_a_busy_server(tmp_path: Path) -> None:
    server = Server(tmp_path)
    assert server.run("migrate").returncode == 0
    server.add_user("ana")
    ids = server.json("items", "add", "--name", "Load", "--offer-to", "ana", "--count", "20")
    added: list[int] = []

    def add_items(_: float) -> None:
        for _ in range(3):
            added.extend(server.json("items", "add", "--name", "Beside", "--offer-to", "ana"))

    with server:
        groups = "".join(f'<workItemID id="{item}"/><resource>ana</resource>' for item in ids)
        with closing(Client(server.port, "ana", Record())) as client:
            assert client.ask("allocateAndOpenWorkItem", groups) is not None
        record = run_clients(server.port, "ana", ids, clients=16, seconds=8, with_versions=False, meanwhile=add_items)
    assert len(added) == 3
    assert set(record.outcomes) <= {"acknowledged", "InvalidWorkItemFault"}
    assert record.outcomes["acknowledged"] > 100
