"""A service of two processes: together they are one, whichever of them ends, and in whatever way."""

import os
import re
import signal
import socket
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing
from functools import partial
from pathlib import Path

import pytest

from soapsvc import serving, wiring
from soapsvc.domain.caller import SystemAction
from soapsvc.settings import Settings
from soapsvc.storage import standing
from soapsvc.storage.neighbours import Neighbours
from soapsvc.usecases import people
from tests.acceptance.test_nothing_acknowledged_is_lost import check_after_kills
from tests.support.load import Client, Record, run_clients
from tests.support.server import Server

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="there is no fork")

PATIENCE = 10.0
SECONDS = 6


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Server]:
    with Server(tmp_path, "--processes", "2", "--demo", "--demo-password", "correct horse") as server:
        yield server


def _processes(server: Server) -> list[int]:
    """Give the ids of the processes that were started, the newest last."""
    return [int(number) for number in re.findall(r"process \d is (\d+)", server.log.read_text())]


def _wait(until: Callable[[], bool]) -> None:
    deadline = time.monotonic() + PATIENCE
    while not until():
        assert time.monotonic() < deadline
        time.sleep(0.01)


def _is_answered(server: Server) -> bool:
    with closing(Client(server.port, "ana", Record())) as client:
        return client.ask("getWorkItemHeader", '<workItemID id="1"/>') is not None


def _listens(server: Server) -> bool:
    try:
        socket.create_connection(("127.0.0.1", server.port), timeout=1).close()
    except OSError:
        return False
    return True


def test_both_answer_and_one_that_is_killed_is_replaced(server: Server) -> None:
    _wait(lambda: len(_processes(server)) == 2)
    assert "Their password: correct horse" in server.output.read_text()
    os.kill(_processes(server)[0], signal.SIGKILL)
    _wait(lambda: len(_processes(server)) == 3)
    assert "process 0 ended, with status -9; another takes its place" in server.log.read_text()
    _wait(lambda: all(_is_answered(server) for _ in range(20)))


def test_being_told_to_stop_more_than_once_ends_all_of_them_cleanly(server: Server) -> None:
    assert server.process is not None
    for process in (*_processes(server), server.process.pid):
        os.kill(process, signal.SIGTERM)
    assert server.stop() == 0
    assert not _listens(server)
    assert "Traceback" not in server.log.read_text()


def test_with_the_first_process_all_die(server: Server) -> None:
    server.kill()
    _wait(lambda: not _listens(server))


def test_a_grant_that_is_taken_back_in_one_process_is_worth_nothing_in_the_other(tmp_path: Path) -> None:
    settings = Settings(database=f"sqlite:///{tmp_path / 'soapsvc.db'}", credential_seconds=60)
    wiring.migrate(settings)
    neighbours = Neighbours(2)
    with ExitStack() as stack:
        one, other = (
            stack.enter_context(serving.opened_part(settings, neighbour=neighbours.member(number)))
            for number in range(2)
        )
        database = one.default_tenancy
        add = partial(people.add_person, name="ana", guid=None, password_hash="h")
        ana = database.write(add).result(PATIENCE)

        def may(part: serving.Service) -> bool:
            scopes = part.default_tenancy.read(lambda tx: standing.of(tx, ana).scopes).result(PATIENCE)
            return SystemAction.CANCEL_WORK_ITEM in scopes

        for change, expected in ((people.grant, True), (people.revoke, False)):
            database.write(partial(change, name="ana", action=SystemAction.CANCEL_WORK_ITEM)).result(PATIENCE)
            assert (may(one), may(other)) == (expected, expected)


@pytest.mark.timeout(60)
def test_two_processes_that_are_killed_lose_nothing_that_they_acknowledged(tmp_path: Path) -> None:
    server = Server(tmp_path, "--processes", "2")
    assert server.run("migrate").returncode == 0
    server.add_user("ana")
    items = server.json("items", "add", "--name", "Load", "--offer-to", "ana", "--count", "50")
    with server:
        groups = "".join(f'<workItemID id="{item}" version="0"/><resource>ana</resource>' for item in items)
        with closing(Client(server.port, "ana", Record())) as client:
            assert client.ask("allocateAndOpenWorkItem", groups) is not None

        def kill(deadline: float) -> None:
            os.kill(_processes(server)[-1], signal.SIGKILL)
            _wait(lambda: len(_processes(server)) == 3)
            while time.monotonic() < deadline - 3:
                time.sleep(0.1)
            server.kill()
            server.start()

        record = run_clients(server.port, "ana", items, clients=16, seconds=SECONDS, with_versions=True, meanwhile=kill)
        assert server.stop() == 0
    check_after_kills(server, record)
