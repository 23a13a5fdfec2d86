"""Who waits for a change over a socket is let go when he leaves, and answered when the service stops."""

import base64
import socket
import time
from collections.abc import Iterator
from contextlib import closing

import pytest

from tests.support.server import PASSWORD, Server
from tests.support.soap import envelope, request

DEADLINE = 10.0


@pytest.fixture
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    server = Server(tmp_path_factory.mktemp("waiting"), SOAPSVC_LIST_WAITERS="1")
    assert server.run("migrate").returncode == 0
    server.add_user("ana")
    with server:
        yield server


def _sent(server: Server, operation: str, content: str) -> socket.socket:
    """Send a request, and give the connection on which its answer will come."""
    service = "WorkListChangeService" if operation == "awaitWorkListChange" else "WorkListService"
    body = envelope(request(operation, content))
    token = base64.b64encode(f"ana:{PASSWORD}".encode()).decode()
    head = (
        f"POST /amxbpm/{service} HTTP/1.1\r\nHost: localhost\r\nContent-Type: text/xml\r\nConnection: close\r\n"
        f"Authorization: Basic {token}\r\nContent-Length: {len(body)}\r\n\r\n"
    )
    connection = socket.create_connection(("127.0.0.1", server.port), timeout=DEADLINE)
    connection.sendall(head.encode() + body)
    return connection


def _received(connection: socket.socket) -> bytes:
    with closing(connection):
        answer = b""
        while received := connection.recv(65536):
            answer += received
        return answer


def _mark(server: Server) -> str:
    answer = _received(_sent(server, "getWorkListItems", "<resourcesRequired>MINE</resourcesRequired>")).decode()
    return answer.partition('changeMark="')[2].partition('"')[0]


def _wait(server: Server, mark: str, seconds: int) -> socket.socket:
    content = f"<changeMark>{mark}</changeMark><timeout>{seconds}</timeout>"
    return _sent(server, "awaitWorkListChange", content)


def _until_somebody_waits(server: Server, mark: str) -> None:
    deadline = time.monotonic() + DEADLINE
    while b"TOO_MANY" not in _received(_wait(server, mark, 0)):
        assert time.monotonic() < deadline


def test_who_leaves_makes_room_for_another(server: Server) -> None:
    mark = _mark(server)
    waiting = _wait(server, mark, 60)
    _until_somebody_waits(server, mark)
    waiting.close()
    deadline = time.monotonic() + DEADLINE
    while b"TOO_MANY" in (answer := _received(_wait(server, mark, 0))):
        assert time.monotonic() < deadline, "the one who left is still waited for"
    assert b">false</changed>" in answer


def test_who_waits_is_answered_when_the_service_stops(server: Server) -> None:
    mark = _mark(server)
    waiting = _wait(server, mark, 60)
    _until_somebody_waits(server, mark)
    began = time.monotonic()
    server.stop()
    assert time.monotonic() - began < DEADLINE
    assert b">true</changed>" in _received(waiting)
