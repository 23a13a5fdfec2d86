"""What only a socket shows: slow, broken and hostile connections beside healthy ones."""

import re
import socket
import time
from collections.abc import Iterator
from contextlib import ExitStack, closing

import pytest

from tests.support.load import Client, Record
from tests.support.server import Server
from tests.support.soap import envelope, request

BODY_SECONDS = 1.0
STALLED_CLIENTS = 100


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    server = Server(tmp_path_factory.mktemp("server"), SOAPSVC_BODY_SECONDS=str(BODY_SECONDS))
    assert server.run("migrate").returncode == 0
    server.add_user("ana")
    server.json("items", "add", "--name", "Item", "--offer-to", "ana")
    with server:
        yield server


def _exchange(server: Server, *parts: bytes, stop: bytes | None = None) -> bytes:
    """Send raw bytes, and read until the server closes, or `stop` has come."""
    with closing(socket.create_connection(("127.0.0.1", server.port), timeout=10)) as connection:
        for part in parts:
            connection.sendall(part)
        answer = b""
        while stop is None or stop not in answer:
            received = connection.recv(65536)
            if not received:
                break
            answer += received
        return answer


def _head(length: str, *headers: str) -> bytes:
    lines = [
        "POST /amxbpm/WorkItemManagementService HTTP/1.1", "Host: localhost", "Content-Type: text/xml",
        f"Content-Length: {length}", *headers,
    ]  # fmt: skip
    return "\r\n".join([*lines, "", ""]).encode()


def test_a_body_that_does_not_arrive_in_time_is_answered_408(server: Server) -> None:
    answer = _exchange(server, _head("100"), b"<soap:Env", stop=b"\n\r\n")
    assert answer.startswith(b"HTTP/1.1 408")


def test_clients_that_stall_in_the_body_do_not_starve_the_others(server: Server) -> None:
    with ExitStack() as stack:
        for _ in range(STALLED_CLIENTS):
            connection = stack.enter_context(closing(socket.create_connection(("127.0.0.1", server.port), 10)))
            connection.sendall(_head("1000") + b"<")
        client = stack.enter_context(closing(Client(server.port, "ana", Record())))
        started = time.monotonic()
        assert client.ask("getWorkItemHeader", '<workItemID id="1"/>') is not None
        assert time.monotonic() - started < 10 * BODY_SECONDS


def test_a_length_that_is_no_number_is_refused_by_http(server: Server) -> None:
    assert _exchange(server, _head("abc"), stop=b"\r\n\r\n").startswith(b"HTTP/1.1 400")


def test_a_message_that_is_too_long_is_refused_before_it_is_read(server: Server) -> None:
    assert _exchange(server, _head("3000000"), stop=b"\r\n\r\n").startswith(b"HTTP/1.1 413")


def test_a_length_beside_chunks_carries_no_second_request(server: Server) -> None:
    """A proxy that went by the length would take the end of the chunks for another request; we must not."""
    message = envelope(request("getWorkItemHeader", '<workItemID id="1"/>'))
    chunked = b"%x\r\n%b\r\n0\r\n\r\n" % (len(message), message)
    smuggled = b"GET /health/live HTTP/1.1\r\nHost: localhost\r\n\r\n"
    answer = _exchange(server, _head("5", "Transfer-Encoding: chunked", "Connection: close"), chunked, smuggled)
    assert answer.count(b"HTTP/1.1 ") == 1


def test_requests_on_one_connection_are_answered_in_their_order(server: Server) -> None:
    get = b"GET /health/live HTTP/1.1\r\nHost: localhost\r\n\r\n"
    last = b"GET /nothing HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n"
    answer = _exchange(server, get, get, last)
    assert re.findall(rb"HTTP/1\.1 (\d+)", answer) == [b"200", b"200", b"404"]
