"""The one ASGI application: sends each request to its door, and answers for the service's health."""

from collections.abc import Awaitable, Callable, Mapping, MutableMapping
from typing import Any

from soapsvc.domain.errors import StorageUnavailable
from soapsvc.storage import schema
from soapsvc.storage.database import Database

Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]
Application = Callable[[Scope, Receive, Send], Awaitable[None]]

LIVE, READY = "/health/live", "/health/ready"


class Front:
    """Routes by the first part of the path, in any case: `doors` maps prefixes such as /amxbpm/ to applications."""

    def __init__(self, doors: Mapping[str, Application], database: Database) -> None:
        self._doors = doors
        self._database = database

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one HTTP request."""
        if scope["type"] != "http":
            raise ValueError(f"there is no answer to {scope['type']}")
        path = scope["path"]
        door = self._door(path) or self._door(path.lower())
        if door is not None:
            await door(scope, receive, send)
        elif path in {LIVE, READY}:
            healthy = path == LIVE or await self._is_ready()
            await _say(send, 200 if healthy else 503, "ok\n" if healthy else "not ready\n")
        else:
            await _say(send, 404, f"There is nothing here; the services are below {', '.join(self._doors)}\n")

    def _door(self, path: str) -> Application | None:
        return next((door for prefix, door in self._doors.items() if path.startswith(prefix)), None)

    async def _is_ready(self) -> bool:
        """Say whether both ways to the database work: the writer's too, for it may be all that is broken."""
        try:
            await self._database.seen(lambda tx: tx.now())
            await self._database.written(schema.touch)
        except StorageUnavailable:
            return False
        return True


async def _say(send: Send, status: int, text: str) -> None:
    headers = [(b"content-type", b"text/plain; charset=utf-8"), (b"content-length", b"%d" % len(text))]
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": text.encode()})
