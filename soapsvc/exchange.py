"""One HTTP request and its answer, whatever server brings the one and takes the other."""

import asyncio
from collections.abc import Awaitable, Callable, Coroutine, Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Protocol, TypeVar

Given = TypeVar("Given")
PLAIN = "text/plain; charset=utf-8"


class Headers(Protocol):
    """The header fields of a request, by their names in lower case."""

    def get(self, name: str, default: str, /) -> str:
        """Give the value of a field, or the default where there is none."""

    def get_all(self, name: str, /) -> Sequence[str]:
        """Give the values of a field that came several times, in their order."""

    def items(self) -> Iterable[tuple[str, str]]:
        """Give all fields."""


class HeaderFields:
    """The header fields of a request that no server brought."""

    def __init__(self, fields: Iterable[tuple[str, str]] = ()) -> None:
        self._fields = tuple((name.lower(), value) for name, value in fields)

    def get(self, name: str, default: str, /) -> str:
        """Give the first value of a field, or the default where there is none."""
        return next(iter(self.get_all(name)), default)

    def get_all(self, name: str, /) -> Sequence[str]:
        """Give all values of a field."""
        return [value for field, value in self._fields if field == name]

    def items(self) -> Iterable[tuple[str, str]]:
        """Give all fields."""
        return self._fields


async def _stays() -> None:
    """Wait for good: who asks without a connection cannot go."""
    await asyncio.Event().wait()


@dataclass(slots=True)
class Request:
    """A request, whose body is still to come.

    `path` is decoded, `query` is as it stands in the address. `next_part` gives some bytes of the body at a time, and
    None at its end; it raises Disconnected. `address` is that of the other end of the connection, None where it is not
    known, and `is_secure` says whether that is one of TLS. `gone`, to be called when the body was read, ends when the
    other end has left.
    """

    method: str
    path: str
    query: str
    headers: Headers
    next_part: Callable[[], Awaitable[bytes | None]]
    address: str | None = None
    is_secure: bool = False
    gone: Callable[[], Awaitable[object]] = _stays


@dataclass(slots=True)
class Response:
    """An answer, whole, but for what every answer has: its length, and no body where only its head is wanted."""

    status: int
    body: bytes
    content_type: str = PLAIN
    headers: tuple[tuple[str, str], ...] = ()


Door = Callable[[Request], Awaitable[Response]]


class Disconnected(Exception):
    """The connection ended within the request."""


class Refused(Exception):
    """HTTP has a status of its own for what is wrong with a request."""

    def __init__(self, status: int, reason: str, *headers: tuple[str, str]) -> None:
        super().__init__(reason)
        self.response = Response(status, f"{reason}\n".encode(), PLAIN, headers)


_CLOSE = ("connection", "close")


async def whole_body(request: Request, *, most: int, seconds: float) -> bytes:
    """Read a request's body, of so many bytes at the most and within so much time. Raises Refused."""
    too_large = Refused(413, f"A message may have {most} bytes", _CLOSE)
    length = request.headers.get("content-length", "")
    if length.isdigit() and int(length) > most:
        raise too_large
    body = bytearray()
    try:
        async with asyncio.timeout(seconds):
            while (part := await request.next_part()) is not None:
                body += part
                if len(body) > most:
                    raise too_large
    except TimeoutError:
        raise Refused(408, "The message took too long to arrive", _CLOSE) from None
    except Disconnected:
        raise Refused(400, "The connection ended within the message") from None
    return bytes(body)


async def unless_gone(answer: Coroutine[Any, Any, Given], gone: Callable[[], Awaitable[object]]) -> Given:
    """Wait for an answer, and give it up when its client has gone. Raises Refused, which nobody will read."""
    answering, leaving = asyncio.ensure_future(answer), asyncio.ensure_future(gone())
    try:
        await asyncio.wait({answering, leaving}, return_when=asyncio.FIRST_COMPLETED)
        if not answering.done():
            raise Refused(400, "The connection ended before the answer")
        return answering.result()
    finally:
        answering.cancel()
        leaving.cancel()


def head(response: Response) -> list[tuple[str, str]]:
    """Give all header fields of an answer, to a GET or to a HEAD alike; one that has no body says nothing of it."""
    if response.status in {204, 304}:
        return list(response.headers)
    length = str(len(response.body))
    return [("content-type", response.content_type), ("content-length", length), *response.headers]
