"""Calls a door without a socket, also as a transport for zeep."""

import asyncio
import io
import threading
from collections.abc import Mapping
from dataclasses import dataclass
from types import TracebackType
from typing import Any, Self
from urllib.parse import urlsplit

import requests
import urllib3
from requests.adapters import BaseAdapter

from soapsvc.exchange import Door, HeaderFields, Request, head


@dataclass(frozen=True)
class Answer:
    """An HTTP answer, whole."""

    status: int
    headers: Mapping[str, str]
    body: bytes


class InProcess:
    """Runs a door on an event loop of its own, in a thread; calls may come from any thread."""

    def __init__(self, door: Door) -> None:
        self._door = door
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    def call(
        self,
        method: str,
        target: str,
        body: bytes = b"",
        headers: Mapping[str, str] | None = None,
        *,
        address: str = "127.0.0.1",
    ) -> Answer:
        """Send a request to a path with its query, as from an address, and wait for the answer."""
        parts = [body]

        async def next_part() -> bytes | None:
            return parts.pop() if parts else None

        where, fields = urlsplit(target), HeaderFields((headers or {}).items())
        request = Request(method, where.path, where.query, fields, next_part, address)
        return asyncio.run_coroutine_threadsafe(_answer(self._door, request), self._loop).result(30)


async def _answer(door: Door, request: Request) -> Answer:
    response = await door(request)
    headers: dict[str, str] = {}
    for name, value in head(response):  # what comes several times is joined, as HTTP allows
        headers[name] = f"{headers[name]}, {value}" if name in headers else value
    return Answer(response.status, headers, b"" if request.method == "HEAD" else response.body)


class InProcessAdapter(BaseAdapter):
    """Lets a requests session, and so zeep, call an application without a socket."""

    def __init__(self, calls: InProcess) -> None:
        super().__init__()
        self._calls = calls

    def send(self, request: requests.PreparedRequest, **_: Any) -> requests.Response:  # type: ignore[override]
        """Call the application instead of a server."""
        parts = urlsplit(request.url or "")
        body = request.body or b""
        if not isinstance(body, str | bytes):
            raise TypeError("a request's body must be text or bytes")
        answer = self._calls.call(
            request.method or "GET",
            f"{parts.path}?{parts.query}",
            body if isinstance(body, bytes) else body.encode(),
            {name: value if isinstance(value, str) else value.decode() for name, value in request.headers.items()},
        )
        response = requests.Response()
        response.status_code = answer.status
        response.headers.update(answer.headers)
        response.raw = urllib3.HTTPResponse(
            io.BytesIO(answer.body), headers=answer.headers, status=answer.status, preload_content=False
        )
        response.request = request
        response.url = request.url or ""
        return response

    def close(self) -> None:
        """Nothing was opened."""
