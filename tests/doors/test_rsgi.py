"""Requests as granian brings them: what of them reaches the door, and the body, whether its length was said or not."""

import asyncio
from collections.abc import AsyncIterator
from types import SimpleNamespace
from typing import Any

import pytest
from granian.rsgi import ProtocolClosed

from soapsvc.exchange import Disconnected, Request, Response
from soapsvc.rsgi import Rsgi


class Protocol:
    """Gives a body as granian does, and notes the answer."""

    def __init__(self, parts: list[bytes], *, is_closed: bool = False) -> None:
        self._parts = parts
        self._is_closed = is_closed
        self.read_whole = False
        self.answer: tuple[Any, ...] = ()

    async def __call__(self) -> bytes:
        self.read_whole = True
        if self._is_closed:
            raise ProtocolClosed
        return b"".join(self._parts)

    async def __aiter__(self) -> AsyncIterator[bytes]:
        for part in self._parts:
            yield part
        if self._is_closed:
            raise ProtocolClosed

    async def client_disconnect(self) -> None:
        """End at once: the client has gone."""

    def response_bytes(self, *answer: Any) -> None:
        self.answer = answer


def _call(protocol: Protocol, *, method: str = "POST", headers: dict[str, str] | None = None, **scope: Any) -> Any:
    """Give the request that reached the door, and the parts of its body."""
    seen: list[Any] = []

    async def door(request: Request) -> Response:
        parts = []
        try:
            while (part := await request.next_part()) is not None:
                parts.append(part)
        except Disconnected:
            parts.append(None)
        seen.extend((request, parts))
        return Response(418, b"short and stout", "text/plain", (("allow", "GET"),))

    named = {"method": method, "path": "/a b", "query_string": "x=%20", "client": "127.0.0.1:4711", "scheme": "http"}
    asyncio.run(Rsgi(door).__rsgi__(SimpleNamespace(headers=headers or {}, **(named | scope)), protocol))  # type: ignore[arg-type]
    return seen


def test_the_request_and_the_answer_pass_as_they_are() -> None:
    protocol = Protocol([])
    request, _ = _call(protocol, headers={"host": "a"})
    assert (request.method, request.path, request.query) == ("POST", "/a b", "x=%20")
    assert request.headers.get("host", "") == "a"
    fields = [("content-type", "text/plain"), ("content-length", "15"), ("allow", "GET")]
    assert protocol.answer == (418, fields, b"short and stout")


def test_a_head_has_no_body_in_its_answer_and_says_its_length() -> None:
    protocol = Protocol([])
    _call(protocol, method="HEAD")
    assert ("content-length", "15") in protocol.answer[1]
    assert protocol.answer[2] == b""


@pytest.mark.parametrize(
    ("client", "address"),
    [("203.0.113.9:80", "203.0.113.9"), ("[2001:db8::1]:80", "2001:db8::1"), ("[::1]:65535", "::1"), ("", None)],
)
def test_the_address_is_that_of_the_connection(client: str, address: str | None) -> None:
    assert _call(Protocol([]), client=client)[0].address == address


@pytest.mark.parametrize(("scheme", "is_secure"), [("https", True), ("http", False)])
def test_whether_the_connection_is_of_tls_is_known(scheme: str, is_secure: bool) -> None:
    assert _call(Protocol([]), scheme=scheme)[0].is_secure is is_secure


def test_a_body_of_a_length_that_was_said_is_read_at_once() -> None:
    protocol = Protocol([b"ab", b"c"])
    assert _call(protocol, headers={"content-length": "3"})[1] == [b"abc"]


def test_a_body_of_any_length_is_read_part_by_part_and_never_whole() -> None:
    protocol = Protocol([b"ab", b"c"])
    assert _call(protocol)[1] == [b"ab", b"c"]
    assert not protocol.read_whole


@pytest.mark.parametrize("headers", [{}, {"content-length": "3"}])
def test_a_connection_that_ends_within_the_body_is_told(headers: dict[str, str]) -> None:
    assert _call(Protocol([b"a"], is_closed=True), headers=headers)[1][-1] is None


def test_that_the_client_has_gone_is_told_to_who_wants_to_know() -> None:
    request, _ = _call(Protocol([b""]))
    asyncio.run(asyncio.wait_for(request.gone(), 1))
