"""Lets an ASGI application be a door: what is made with a web framework can stand beside the doors of our own."""

from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any
from urllib.parse import quote

from soapsvc.exchange import Request, Response, whole_body

Message = MutableMapping[str, Any]
Application = Callable[
    [Message, Callable[[], Awaitable[Message]], Callable[[Message], Awaitable[None]]], Awaitable[None]
]


REQUEST = "soapsvc.request"
"""Under which the application finds the request, as it came, in its scope."""


class AsgiDoor:
    """Answers requests below a prefix, which ends with a slash and is in any case, by an ASGI application.

    HTTP only, no lifespan, and everything whole: a request's body is read, within its limits, before the application is
    called, and its answer is given when it has ended. So it cannot stream.
    """

    def __init__(self, application: Application, prefix: str, *, most: int, seconds: float) -> None:
        self._application = application
        self._root = prefix.rstrip("/")
        self._most = most
        self._seconds = seconds

    async def __call__(self, request: Request) -> Response:
        """Answer one HTTP request. Raises Refused, and RuntimeError where the application gives no answer."""
        body = await whole_body(request, most=self._most, seconds=self._seconds)
        waiting = [{"type": "http.request", "body": body}]
        sent: list[Message] = []

        async def receive() -> Message:
            if waiting:
                return waiting.pop()
            await request.gone()
            return {"type": "http.disconnect"}

        async def send(message: Message) -> None:
            sent.append(message)

        await self._application(self._scope(request), receive, send)
        return _response(sent)

    def _scope(self, request: Request) -> Message:
        path = self._root + request.path[len(self._root) :]
        return {
            "type": "http",
            "asgi": {"version": "3.0", "spec_version": "2.3"},
            "http_version": "1.1",
            "method": request.method,
            "scheme": "https" if request.is_secure else "http",
            "path": path,
            "raw_path": quote(path).encode(),
            "root_path": self._root,
            "query_string": request.query.encode("latin-1", "replace"),
            "headers": [(name.encode("latin-1"), value.encode("latin-1")) for name, value in request.headers.items()],
            "client": (request.address, 0) if request.address else None,
            "server": None,
            REQUEST: request,
        }


def _response(sent: list[Message]) -> Response:
    if not sent or sent[0]["type"] != "http.response.start":
        raise RuntimeError("the application gave no answer")
    headers = [(name.decode("latin-1").lower(), value.decode("latin-1")) for name, value in sent[0].get("headers", ())]
    kinds = [value for name, value in headers if name == "content-type"]
    others = tuple((name, value) for name, value in headers if name not in {"content-type", "content-length"})
    body = b"".join(message.get("body", b"") for message in sent[1:])
    return Response(sent[0]["status"], body, kinds[0] if kinds else "application/octet-stream", others)
