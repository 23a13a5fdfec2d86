"""An ASGI application as a door: it sees the request as it came, and its answer arrives as it gave it."""

import asyncio
from typing import Any

import pytest

from soapsvc.asgi import REQUEST, AsgiDoor
from soapsvc.exchange import Disconnected, Refused, Request, Response, head

PREFIX = "/rest/"
FIELDS = [
    (b"Content-Type", b"application/json"),
    (b"content-length", b"99"),
    (b"set-cookie", b"a"),
    (b"set-cookie", b"b"),
]
ANSWER = [
    {"type": "http.response.start", "status": 201, "headers": FIELDS},
    {"type": "http.response.body", "body": b"[1,", "more_body": True},
    {"type": "http.response.body", "body": b"2]"},
    {"type": "http.response.body"},
]


class Application:
    """Notes what it is called with, and gives the answer that it was made with."""

    def __init__(self, answer: list[dict[str, Any]]) -> None:
        self.answer = answer
        self.scope: dict[str, Any] = {}
        self.received: list[dict[str, Any]] = []

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        self.scope = scope
        self.received = [await receive(), await receive()]
        for message in self.answer:
            await send(message)


async def _gone() -> None:
    """End at once: the client has left."""


def _ask(
    application: Application, parts: list[bytes | None], path: str = "/rest/items/ä b", **of_request: Any
) -> Response:
    async def next_part() -> bytes | None:
        if not parts:
            raise Disconnected
        return parts.pop(0)

    async def ask() -> Response:
        door = AsgiDoor(application, PREFIX, most=10, seconds=0.05)
        headers = {"host": "a", "x-b": "c"}
        request = Request("PUT", path, "x=%C3%A4", headers, next_part, gone=_gone, **of_request)
        return await door(request)

    return asyncio.run(asyncio.wait_for(ask(), 10))


def test_the_application_sees_the_request_as_it_came() -> None:
    application = Application(ANSWER)
    _ask(application, [b"abc", b"de", None], address="203.0.113.9", is_secure=True)
    scope = application.scope
    assert (scope["type"], scope["method"], scope["scheme"]) == ("http", "PUT", "https")
    assert (scope["path"], scope["raw_path"]) == ("/rest/items/ä b", b"/rest/items/%C3%A4%20b")
    assert (scope["root_path"], scope["query_string"]) == ("/rest", b"x=%C3%A4")
    assert scope["headers"] == [(b"host", b"a"), (b"x-b", b"c")]
    assert scope["client"][0] == "203.0.113.9"
    assert application.received == [{"type": "http.request", "body": b"abcde"}, {"type": "http.disconnect"}]


def test_the_prefix_is_the_applications_own_in_whatever_case_it_was_asked_for() -> None:
    application = Application(ANSWER)
    _ask(application, [None], "/ReST/Items/A")
    assert application.scope["path"] == "/rest/Items/A"
    assert application.scope[REQUEST].path == "/ReST/Items/A"


def test_it_hears_that_a_client_has_gone_when_he_has() -> None:
    async def hear() -> list[str]:
        leaving, heard = asyncio.Event(), []

        async def application(_: Any, receive: Any, send: Any) -> None:
            heard.append((await receive())["type"])
            leaving.set()
            heard.append((await receive())["type"])
            for message in ANSWER:
                await send(message)

        async def next_part() -> None:
            return None

        door = AsgiDoor(application, PREFIX, most=10, seconds=5)
        await asyncio.wait_for(door(Request("GET", "/rest/", "", {}, next_part, gone=leaving.wait)), 10)
        return heard

    assert asyncio.run(hear()) == ["http.request", "http.disconnect"]


def test_its_answer_arrives_as_it_gave_it() -> None:
    answer = _ask(Application(ANSWER), [None])
    assert (answer.status, answer.body) == (201, b"[1,2]")
    assert head(answer) == [
        ("content-type", "application/json"), ("content-length", "5"), ("set-cookie", "a"), ("set-cookie", "b"),
    ]  # fmt: skip


@pytest.mark.parametrize(("parts", "status"), [([b"x" * 11], 413), ([b"x" * 10, b"x"], 413), ([b"x"], 400)])
def test_a_body_that_is_too_large_or_ends_too_soon_never_reaches_it(parts: list[bytes | None], status: int) -> None:
    application = Application(ANSWER)
    with pytest.raises(Refused) as refused:
        _ask(application, parts)
    assert refused.value.response.status == status
    assert not application.scope


@pytest.mark.parametrize("answer", [[], ANSWER[1:]])
def test_an_application_that_gives_no_answer_is_an_error(answer: list[dict[str, Any]]) -> None:
    with pytest.raises(RuntimeError, match="no answer"):
        _ask(Application(answer), [None])
