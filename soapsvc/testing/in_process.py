"""Calls an ASGI application without a socket, also as a transport for zeep."""

import asyncio
import io
import threading
from collections.abc import Mapping
from dataclasses import dataclass, field
from types import TracebackType
from typing import Any, Self
from urllib.parse import urlsplit

import requests
from requests.adapters import BaseAdapter


@dataclass(frozen=True)
class Answer:
    """An HTTP answer, whole."""

    status: int
    headers: Mapping[str, str]
    body: bytes


class InProcess:
    """Runs an application on an event loop of its own, in a thread; calls may come from any thread."""

    def __init__(self, application: Any) -> None:
        self._application = application
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
        call = _Call(method, target, [body], headers or {}, address)
        return asyncio.run_coroutine_threadsafe(call.run(self._application), self._loop).result(30)


@dataclass
class _Call:
    method: str
    target: str
    parts: list[bytes]
    headers: Mapping[str, str]
    address: str
    started: dict[str, Any] = field(default_factory=dict)
    answer: bytes = b""

    async def run(self, application: Any) -> Answer:
        target = urlsplit(self.target)
        scope = {
            "type": "http",
            "method": self.method,
            "path": target.path,
            "query_string": target.query.encode(),
            "headers": [(name.lower().encode(), value.encode()) for name, value in self.headers.items()],
            "client": (self.address, 50_000),
        }
        await application(scope, self._receive, self._send)
        headers: dict[str, str] = {}
        for name, value in self.started["headers"]:  # what comes several times is joined, as HTTP allows
            before = headers.get(name.decode())
            headers[name.decode()] = value.decode() if before is None else f"{before}, {value.decode()}"
        return Answer(self.started["status"], headers, self.answer)

    async def _receive(self) -> dict[str, Any]:
        if not self.parts:
            return {"type": "http.disconnect"}
        part = self.parts.pop(0)
        return {"type": "http.request", "body": part, "more_body": bool(self.parts)}

    async def _send(self, message: dict[str, Any]) -> None:
        if message["type"] == "http.response.start":
            self.started = message
        else:
            self.answer += message.get("body", b"")


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
        response.raw = io.BytesIO(answer.body)
        response.request = request
        response.url = request.url or ""
        return response

    def close(self) -> None:
        """Nothing was opened."""
