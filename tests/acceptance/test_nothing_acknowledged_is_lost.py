"""Many clients on the same items, with and without versions, and with the server killed under them.

The last of the goals of this project, and the first: what was acknowledged is stored, once, in order.
"""

import random
import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from tests.support.load import Client, Record, check_gapless, history_of, run_clients
from tests.support.server import Server

CLIENTS = 32
ITEMS = 200
SECONDS = 20
SECONDS_WITH_KILLS = 17


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Server]:
    """A server with 200 items that ana holds, open at version 1."""
    server = Server(tmp_path)
    assert server.run("migrate").returncode == 0
    server.add_user("ana")
    ids = server.json("items", "add", "--name", "Load", "--offer-to", "ana", "--count", str(ITEMS))
    with server:
        groups = "".join(f'<workItemID id="{item}" version="0"/><resource>ana</resource>' for item in ids)
        with closing(Client(server.port, "ana", Record())) as client:
            assert client.ask("allocateAndOpenWorkItem", groups) is not None
        yield server


def _items(server: Server) -> list[int]:
    return list(check_gapless(server.folder / "soapsvc.db"))


@pytest.mark.timeout(60)
@pytest.mark.parametrize("with_versions", [True, False], ids=["with versions", "without versions"])
def test_every_stored_version_is_an_acknowledged_change(server: Server, with_versions: bool) -> None:
    record = run_clients(
        server.port, "ana", _items(server), clients=CLIENTS, seconds=SECONDS, with_versions=with_versions
    )
    assert server.stop() == 0
    versions = check_gapless(server.folder / "soapsvc.db")
    changes = Counter(item for item, _, _ in record.acknowledged)
    assert versions == {item: 1 + changes[item] for item in versions}
    assert len(set(record.acknowledged)) == len(record.acknowledged), "one version was given to two clients"
    # The clients did get into each other's way, each time in the way that the contract says, and nothing else happened.
    conflict = "InvalidVersionFault" if with_versions else "InvalidWorkItemFault"
    assert record.outcomes[conflict] > 0
    assert set(record.outcomes) == {"acknowledged", conflict}


@pytest.mark.timeout(60)
def test_a_server_that_is_killed_loses_nothing_that_it_acknowledged(server: Server) -> None:
    choose = random.Random(1)
    pause = threading.Event()
    kills = 0

    def kill_and_restart(deadline: float) -> None:
        nonlocal kills
        while time.monotonic() < deadline - 3:
            pause.wait(choose.uniform(0.3, 1.2))
            server.kill()
            kills += 1
            server.start()

    record = run_clients(
        server.port, "ana", _items(server), clients=CLIENTS, seconds=SECONDS_WITH_KILLS, with_versions=True,
        meanwhile=kill_and_restart,
    )  # fmt: skip
    assert kills >= 3
    assert server.stop() == 0
    check_after_kills(server, record)


def check_after_kills(server: Server, record: Record) -> None:
    """Compare what a server stored that was killed under its clients with what it had acknowledged."""
    check_gapless(server.folder / "soapsvc.db")
    history = history_of(server.folder / "soapsvc.db")
    assert record.outcomes["acknowledged"] > 100
    assert record.outcomes["unknown"] > 0, "no kill met a request"
    assert len(set(record.acknowledged)) == len(record.acknowledged)
    for item, version, operation in record.acknowledged:
        assert history[item, version] == operation
    assert set(record.outcomes) <= {"acknowledged", "unknown", "InvalidVersionFault"}
