"""Brings requests from granian by its own interface, RSGI, and takes the answers there."""

from collections.abc import AsyncIterator
from typing import Any

from granian.rsgi import HTTPProtocol, ProtocolClosed, Scope  # type: ignore[attr-defined]

from soapsvc.exchange import Disconnected, Door, Request, head


class Rsgi:
    """An RSGI application that has every request answered by one door."""

    def __init__(self, door: Door) -> None:
        self._door = door

    async def __rsgi__(self, scope: Scope, protocol: HTTPProtocol) -> None:
        """Answer one HTTP request."""
        headers: Any = scope.headers
        body = _Body(protocol, has_length="content-length" in headers)
        address = scope.client.rpartition(":")[0].strip("[]") or None
        is_secure = scope.scheme == "https"
        request = Request(
            scope.method,
            scope.path,
            scope.query_string,
            headers,
            body.next_part,
            address,
            is_secure,
            protocol.client_disconnect,
        )
        response = await self._door(request)
        content = b"" if scope.method == "HEAD" else response.body
        protocol.response_bytes(response.status, head(response), content)


class _Body:
    """The body of a request: as one part, if it was said how long it is; else its parts as they come."""

    def __init__(self, protocol: HTTPProtocol, *, has_length: bool) -> None:
        self._protocol = protocol
        self._has_length = has_length
        self._has_begun = False
        self._parts: AsyncIterator[bytes] | None = None

    async def next_part(self) -> bytes | None:
        """Give the next bytes, None at the end. Raises Disconnected."""
        try:
            if self._has_length and not self._has_begun:
                self._has_begun = True
                return await self._protocol()
            if self._has_length:
                return None
            return await self._next_of_many()
        except ProtocolClosed:
            raise Disconnected from None

    async def _next_of_many(self) -> bytes | None:
        if self._parts is None:
            self._parts = aiter(self._protocol)
        try:
            return await self._parts.__anext__()  # anext() with a default lets Python 3.11 crash on granian's own
        except StopAsyncIteration:
            return None
