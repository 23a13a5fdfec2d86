"""Receivers of callbacks on this machine, with and without TLS, which answer what a test wants, byte by byte."""

import asyncio
import ssl
import threading
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Sequence
from concurrent.futures import Future
from contextlib import asynccontextmanager, contextmanager, suppress
from dataclasses import dataclass, field
from functools import partial
from typing import cast

Respond = Callable[[asyncio.StreamWriter], Awaitable[None]]


@dataclass
class Received:
    """A request as it came over the wire."""

    line: str
    headers: dict[str, str]
    body: bytes


@dataclass
class Receiver:
    """Where it listens, what came, which names TLS was begun with, and how many connections there were.

    `on_request` is called at each request, `hang_up` ends all connections.
    """

    port: int = 0
    requests: list[Received] = field(default_factory=list)
    names: list[str | None] = field(default_factory=list)
    connections: int = 0
    on_request: Callable[[], object] = lambda: None
    hang_up: Callable[[], object] = lambda: None


def answering(status: int = 200, body: bytes = b"", **headers: str) -> Respond:
    """Answer at once."""
    lines = [f"HTTP/1.1 {status} Some Reason", f"Content-Length: {len(body)}"]
    lines += [f"{name.replace('_', '-')}: {value}" for name, value in headers.items()]
    return writing("\r\n".join([*lines, "", ""]).encode() + body)


def writing(*parts: bytes) -> Respond:
    """Write these bytes and end the connection."""

    async def respond(writer: asyncio.StreamWriter) -> None:
        for part in parts:
            writer.write(part)
            await writer.drain()

    return respond


def dripping(part: bytes, begin: bytes = b"") -> Respond:
    """Write the same bytes again and again, with short breaks, as long as somebody listens."""

    async def respond(writer: asyncio.StreamWriter) -> None:
        writer.write(begin)
        while not writer.is_closing():
            writer.write(part)
            await writer.drain()
            await asyncio.sleep(0.01)

    return respond


async def silent(writer: asyncio.StreamWriter) -> None:
    """Never answer: wait until the other side gives up."""
    await writer.wait_closed()


@asynccontextmanager
async def receiving(
    respond: Respond, *, tls: ssl.SSLContext | None = None, host: str = "127.0.0.1"
) -> AsyncIterator[Receiver]:
    """Listen on a free port until the block ends."""
    receiver = Receiver()
    serving: set[asyncio.Task[None]] = set()
    over = asyncio.Event()
    receiver.hang_up = partial(asyncio.get_running_loop().call_soon_threadsafe, over.set)

    async def take(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        receiver.connections += 1
        serving.add(cast("asyncio.Task[None]", asyncio.current_task()))
        with suppress(ConnectionError, asyncio.IncompleteReadError):
            answer = asyncio.create_task(_answer(receiver, reader, writer, respond))
            await asyncio.wait({answer, asyncio.create_task(over.wait())}, return_when=asyncio.FIRST_COMPLETED)
            answer.cancel()
            await asyncio.gather(answer, return_exceptions=True)
        writer.transport.abort()
        with suppress(OSError):
            await writer.wait_closed()

    if tls is not None:
        tls.sni_callback = lambda _, name, __: receiver.names.append(name)
    server = await asyncio.start_server(take, host, 0, ssl=tls)
    receiver.port = server.sockets[0].getsockname()[1]
    try:
        yield receiver
    finally:
        server.close()
        over.set()
        await asyncio.gather(*serving, return_exceptions=True)


@contextmanager
def receiving_in_thread(respond: Respond, *, tls: ssl.SSLContext | None = None) -> Iterator[Receiver]:
    """Listen in a thread of its own, for who blocks."""
    listening: Future[tuple[Receiver, asyncio.AbstractEventLoop, asyncio.Event]] = Future()

    async def listen() -> None:
        over = asyncio.Event()
        async with receiving(respond, tls=tls) as receiver:
            listening.set_result((receiver, asyncio.get_running_loop(), over))
            await over.wait()

    thread = threading.Thread(target=asyncio.run, args=(listen(),), name="receiver")
    thread.start()
    receiver, loop, over = listening.result(10)
    try:
        yield receiver
    finally:
        loop.call_soon_threadsafe(over.set)
        thread.join(10)


async def _answer(
    receiver: Receiver, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, respond: Respond
) -> None:
    receiver.requests.append(await _request(reader))
    receiver.on_request()
    await respond(writer)
    if not writer.is_closing():
        writer.close()  # what is written is sent first
        with suppress(OSError):
            await writer.wait_closed()


async def _request(reader: asyncio.StreamReader) -> Received:
    head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").rstrip("\r\n").split("\r\n")
    headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in head[1:])}
    return Received(head[0], headers, await reader.readexactly(int(headers.get("content-length", 0))))


class Names:
    """A resolver of the test's own: each look-up gives the next of some answers, and the last one for ever."""

    def __init__(self, *answers: Sequence[str] | Exception) -> None:
        self._answers = list(answers)
        self.asked: list[tuple[str, int]] = []

    async def __call__(self, host: str, port: int) -> Sequence[str]:
        self.asked.append((host, port))
        answer = self._answers.pop(0) if len(self._answers) > 1 else self._answers[0]
        if isinstance(answer, Exception):
            raise answer
        return answer


async def never_resolving(host: str, port: int) -> Sequence[str]:
    """A resolver whose name server does not answer."""
    await asyncio.Event().wait()
    return []
