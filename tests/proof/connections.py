"""The sockets that clients of the proof ask by."""

import asyncio
import base64
from typing import NamedTuple

from tests.support.server import PASSWORD

ANSWER_SECONDS = 30.0


class Lost(Exception):
    """No answer came: the connection was refused or broken, or the time was over."""


class Message(NamedTuple):
    """What is sent: `GET /a/path`, lines of headers, and a body."""

    line: str
    headers: str
    body: bytes


class Answer(NamedTuple):
    """What came back; the headers in lower case."""

    status: int
    headers: str
    body: bytes

    def header(self, name: str) -> str:
        """Give a header that comes once."""
        return self.headers.partition(f"\r\n{name}: ")[2].partition("\r\n")[0]


class Connection:
    """A kept connection to one of several addresses; after a loss, to the next."""

    def __init__(self, ports: list[int], first: int, user: str) -> None:
        self._ports = ports
        self._at = first
        token = base64.b64encode(f"{user}:{PASSWORD}".encode()).decode()
        self._head = f"Host: localhost\r\nAuthorization: Basic {token}\r\n"
        self._streams: tuple[asyncio.StreamReader, asyncio.StreamWriter] | None = None

    async def ask(self, message: Message) -> Answer:
        """Send something, and wait for the answer. Raises Lost."""
        try:
            async with asyncio.timeout(ANSWER_SECONDS):
                return await self._ask(message)
        except (OSError, ValueError, asyncio.IncompleteReadError, TimeoutError) as error:
            self.close()
            self._at += 1
            raise Lost(type(error).__name__) from None

    async def _ask(self, message: Message) -> Answer:
        if self._streams is None:
            self._streams = await asyncio.open_connection("127.0.0.1", self._ports[self._at % len(self._ports)])
        reader, writer = self._streams
        length = f"Content-Length: {len(message.body)}\r\n\r\n"
        writer.write(f"{message.line} HTTP/1.1\r\n{self._head}{message.headers}{length}".encode() + message.body)
        headers = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").lower()
        answer = Answer(int(headers.split()[1]), headers, b"")
        body = await reader.readexactly(int(answer.header("content-length")))
        if answer.header("connection") == "close":
            self.close()
        return answer._replace(body=body)

    def close(self) -> None:
        if self._streams is not None:
            self._streams[1].close()
        self._streams = None
