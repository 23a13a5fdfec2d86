"""SOAP clients of other makes against a real server; collected by tests/clients/run alone, which installs them."""

import json
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from soapsvc.demo import WORKERS
from tests.support.load import check_gapless
from tests.support.server import Server

HERE = Path(__file__).parent
PASSWORD = "correct horse"
CLIENTS = {
    "node": ["node", str(HERE / "node" / "client.mjs")],
    "PHP": ["php", str(HERE / "php_client.php")],
}


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    with Server(tmp_path_factory.mktemp("demo"), "--demo", "--demo-password", PASSWORD) as server:
        yield server
    check_gapless(server.folder / "soapsvc.db")


def _run(server: Server, client: str, first: int) -> dict[str, Any]:
    arguments = [*CLIENTS[client], server.address, PASSWORD, str(first), str(first + 1)]
    ended = subprocess.run(arguments, capture_output=True, text=True, timeout=60, check=False)
    assert ended.returncode == 0, ended.stderr
    seen: dict[str, Any] = json.loads(ended.stdout)
    return seen


@pytest.mark.parametrize(("client", "first"), [("node", 1), ("PHP", 11)])
def test_a_foreign_client_lives_through_an_item_and_reads_a_typed_version_fault(
    server: Server, client: str, first: int
) -> None:
    seen = _run(server, client, first)
    assert (int(seen["opened"]["version"]), seen["opened"]["state"]) == (1, "OPENED")
    assert int(seen["closed"]) == 2
    assert (int(seen["reopened"]["version"]), seen["reopened"]["notes"]) == (3, f"by {client}: ä <&>")
    assert [[int(number) for number in pair] for pair in seen["batch"]] == [[first, 3], [first + 1, 0]]
    assert int(seen["saved"]) == 4
    assert (int(seen["completed"][0]), seen["completed"][1]) == (5, "COMPLETED")
    fault = seen["fault"]
    assert fault["text"] == f"The work item with id = {first} is currently at version 4, not at version 1"
    assert (fault["actor"], fault["kind"]) == ("PROVIDER", "InvalidVersionFault")
    (ana,) = [person["guid"] for person in server.json("user", "list") if person["name"] == WORKERS[0]]
    assert fault["parameters"] == [str(first), "4", "1", "OPENED", ana]
