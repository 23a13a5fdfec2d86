"""What HTTP itself has a word for: methods, addresses, media types, sizes, time, and the service's health."""

import asyncio
from collections.abc import Awaitable, Callable, Iterable
from pathlib import Path
from typing import Any

import pytest

from soapsvc.exchange import Disconnected, Door, Refused, Request, Response, head
from soapsvc.soap.application import DoorLimits, SoapApplication
from soapsvc.soap.envelope import MessageLimits
from soapsvc.storage.database import InTenancy
from soapsvc.testing.in_process import Answer
from soapsvc.usecases.sign_in import SignIn
from soapsvc.usecases.witness import Witness
from tests.conftest import Soap
from tests.soap.conftest import Start
from tests.support.doors import doorkeeper
from tests.support.soap import Fault, envelope, request

SERVICE = "/amxbpm/WorkItemManagementService"
MESSAGE = envelope(request("getWorkItemHeader", '<workItemID id="1"/>'))
Part = bytes | None


def _call(
    door: Door,
    parts: Iterable[Part],
    *,
    headers: dict[str, str] | None = None,
    then: Callable[[], Awaitable[Part]] | None = None,
) -> Answer:
    """Call a door with the parts of a body, then with whatever `then` gives."""
    waiting = list(parts)

    async def next_part() -> Part:
        if waiting:
            return waiting.pop(0)
        assert then is not None, "the door asked for more than there is"
        return await then()

    async def answer() -> Response:
        try:
            return await door(Request("POST", SERVICE, "", {"content-type": "text/xml"} | (headers or {}), next_part))
        except Refused as refusal:
            return refusal.response

    response = asyncio.run(asyncio.wait_for(answer(), 20))
    return Answer(response.status, dict(head(response)), response.body)


@pytest.fixture
def door(database: InTenancy) -> Any:
    """A door of its own, with little patience and little room."""
    whole = database.database
    sign_in = SignIn(whole, seconds_remembered=5)
    limits = DoorLimits(messages=MessageLimits(bytes=1000), body_seconds=0.05)
    keeper = doorkeeper(whole, sign_in)
    yield SoapApplication(whole, keeper, Witness(whole), public_url="http://localhost", limits=limits)
    sign_in.close()


async def _never() -> Part:
    return await asyncio.get_running_loop().create_future()


async def _gone() -> Part:
    raise Disconnected


# Methods and addresses


@pytest.mark.parametrize("method", ["PUT", "DELETE", "PATCH", "OPTIONS", "TRACE", "CONNECT"])
def test_a_service_answers_posts_only(soap: Soap, method: str) -> None:
    answer = soap.calls.call(method, SERVICE, MESSAGE, {"content-type": "text/xml"})
    assert answer.status == 405
    assert "POST" in answer.headers["allow"].split(", ")
    assert answer.headers["content-type"] == "text/plain; charset=utf-8"


@pytest.mark.parametrize("method", ["GET", "HEAD"])
@pytest.mark.parametrize("query", ["", "?", "?x=1", "?wsdl=1", "?xsd", "?singleWsdl"])
def test_a_service_is_not_to_be_got_but_for_its_wsdl(soap: Soap, method: str, query: str) -> None:
    answer = soap.calls.call(method, SERVICE + query)
    assert (answer.status, answer.headers["allow"]) == (405, "POST")
    assert (answer.body == b"") == (method == "HEAD")


@pytest.mark.parametrize("target", [f"{SERVICE}?wsdl", "/amxbpm/contract.xsd", "/amxbpm/none.xsd", SERVICE])
def test_head_answers_as_get_does_but_for_the_body(soap: Soap, target: str) -> None:
    got, headed = (soap.calls.call(method, target) for method in ("GET", "HEAD"))
    assert (headed.status, headed.headers) == (got.status, got.headers)
    assert headed.body == b""
    assert int(headed.headers["content-length"]) == len(got.body) > 0


@pytest.mark.parametrize("method", ["POST", "PUT", "GET", "HEAD", "DELETE"])
@pytest.mark.parametrize(
    "path",
    ["/amxbpm/NoService", "/amxbpm/", f"{SERVICE}/", "/amxbpm/workitemmanagementservice", "/amxbpm/None.wsdl",
     "/", "/amxbpm", "/other", "/health", "/health/", "//amxbpm/WorkListService", ""],
)  # fmt: skip
def test_there_is_nothing_at_any_other_address(soap: Soap, method: str, path: str) -> None:
    answer = soap.calls.call(method, path, MESSAGE if method == "POST" else b"", {"content-type": "text/xml"})
    assert answer.status == 404


def test_a_schema_is_not_to_be_posted_to(soap: Soap) -> None:
    assert soap.calls.call("POST", "/amxbpm/contract.xsd", MESSAGE, {"content-type": "text/xml"}).status == 404


# Media types


def test_a_content_type_that_would_take_long_to_read_is_refused_unread(soap: Soap) -> None:
    """It comes before any sign-in, and Python takes time by the square of its length."""
    answer = soap.calls.call("POST", SERVICE, MESSAGE, {"content-type": 'text/xml; a="' + ";" * 1_000_000})
    assert answer.status == 415
    assert b"2000 characters" in answer.body


@pytest.mark.parametrize(
    "content_type",
    [None, "", "text/plain", "text/html", "application/xml", "application/json", "application/soap", "text",
     "multipart/related; type=text/xml", "application/x-www-form-urlencoded", "xml", "text/xml2", "text/ xml", ";;;"],
)  # fmt: skip
def test_a_message_of_another_type_or_of_none_is_refused(soap: Soap, content_type: str | None) -> None:
    headers = {} if content_type is None else {"content-type": content_type}
    answer = soap.calls.call("POST", SERVICE, MESSAGE, headers)
    assert (answer.status, answer.headers["content-type"]) == (415, "text/plain; charset=utf-8")
    assert b"text/xml" in answer.body
    assert b"application/soap+xml" in answer.body


@pytest.mark.parametrize("charset", ["utf-7", "nonsense", "utf-32", "ebcdic-cp-us", "windows-1252", '"', "''", "*"])
def test_a_charset_that_is_none_of_the_four_is_refused(soap: Soap, charset: str) -> None:
    answer = soap.calls.call("POST", SERVICE, MESSAGE, {"content-type": f"text/xml; charset={charset}"})
    assert answer.status == 415


@pytest.mark.parametrize("coding", ["gzip", "deflate", "br", "gzip, identity", "nonsense"])
def test_a_compressed_message_is_refused(soap: Soap, coding: str) -> None:
    answer = soap.post("WorkItemManagementService", MESSAGE, content_encoding=coding)
    assert answer.status == 415


@pytest.mark.parametrize("coding", ["identity", "Identity"])
def test_a_message_that_says_it_is_not_compressed_is_read(soap: Soap, coding: str) -> None:
    answer = soap.post("WorkItemManagementService", MESSAGE, content_encoding=coding)
    assert answer.status in {200, 500}
    assert answer.headers["content-type"] == "text/xml; charset=utf-8"


# Size and time


def test_a_message_that_announces_too_much_is_refused_before_it_is_read(door: Any) -> None:
    answer = _call(door, [], headers={"content-length": "1001"}, then=_never)
    assert (answer.status, answer.headers["connection"]) == (413, "close")


@pytest.mark.parametrize("parts", [[1001], [1000, 1], [1] * 1001, [10**6]])
def test_a_message_that_is_too_large_is_refused_as_soon_as_that_is_known(door: Any, parts: list[int]) -> None:
    answer = _call(door, [b"x" * size for size in parts], then=_never)
    assert (answer.status, answer.headers["connection"]) == (413, "close")
    assert b"1000 bytes" in answer.body


@pytest.mark.parametrize("length", ["1", "1000", "abc", "-1", "1e9", "", " 5"])
def test_the_announced_length_is_not_relied_on_otherwise(door: Any, length: str) -> None:
    answer = _call(door, [b"<x/>", None], headers={"content-length": length})
    assert (answer.status, Fault(answer.body).name) == (500, "InvalidRequestFault")


def test_a_message_of_just_the_greatest_size_is_read(door: Any) -> None:
    message = MESSAGE + b" " * (1000 - len(MESSAGE))
    answer = _call(door, [message, None])
    assert (answer.status, Fault(answer.body).name) == (401, "SecurityFault")


def test_a_message_in_many_parts_is_put_together(door: Any) -> None:
    parts = [MESSAGE[n : n + 7] for n in range(0, len(MESSAGE), 7)]
    answer = _call(door, [*parts, None])
    assert (answer.status, Fault(answer.body).name) == (401, "SecurityFault")


@pytest.mark.parametrize("first", [[], [b"<soap"], [b"<", b"s", b"o"]])
def test_a_message_that_does_not_arrive_in_time_is_given_up(door: Any, first: list[bytes]) -> None:
    answer = _call(door, first, then=_never)
    assert (answer.status, answer.headers["connection"]) == (408, "close")


def test_the_time_counts_for_the_whole_message_not_for_each_part(door: Any) -> None:
    async def drip() -> Part:
        await asyncio.sleep(0)  # each part comes at once, and none brings the message any further
        return b""

    assert _call(door, [], then=drip).status == 408


@pytest.mark.parametrize("first", [[], [b"<soap"]])
def test_a_connection_that_ends_within_the_message_is_no_request(door: Any, first: list[bytes]) -> None:
    assert _call(door, first, then=_gone).status == 400


@pytest.mark.parametrize("size", [2_000_001, 3_000_000])
def test_the_most_bytes_of_a_message_are_two_million(soap: Soap, size: int) -> None:
    answer = soap.post("WorkItemManagementService", MESSAGE + b" " * (size - len(MESSAGE)))
    assert answer.status == 413


# Health


def test_a_service_is_alive_and_ready(soap: Soap) -> None:
    for path in ("/health/live", "/health/ready"):
        answer = soap.calls.call("GET", path)
        assert (answer.status, answer.body) == (200, b"ok\n")
        assert answer.headers["content-type"] == "text/plain; charset=utf-8"


def test_a_service_whose_database_is_closed_is_alive_and_not_ready(start: Start) -> None:
    with start() as soap:
        soap.database.close()
        assert soap.calls.call("GET", "/health/live").status == 200
        answer = soap.calls.call("GET", "/health/ready")
        assert (answer.status, answer.body) == (503, b"not ready\n")


def _make_a_folder(file: Path) -> None:
    file.unlink()
    file.mkdir()


BREAKAGES = {
    "gone": lambda file: file.unlink(),
    "a folder": _make_a_folder,
    "garbage": lambda file: file.write_bytes(b"no database at all " * 1000),
    "empty": lambda file: file.write_bytes(b""),
}


@pytest.mark.parametrize("damage", BREAKAGES.values(), ids=BREAKAGES)
def test_a_service_whose_database_is_broken_is_alive_and_not_ready(
    start: Start, tmp_path: Path, damage: Callable[[Path], object]
) -> None:
    with start() as soap:  # nothing has been read yet: no connection holds the file
        damage(tmp_path / "soapsvc.db")
        assert soap.calls.call("GET", "/health/live").status == 200
        assert soap.calls.call("GET", "/health/ready").status == 503


def test_a_ready_answer_tells_nothing_of_what_is_broken(start: Start, tmp_path: Path) -> None:
    with start() as soap:
        _make_a_folder(tmp_path / "soapsvc.db")
        answer = soap.calls.call("GET", "/health/ready")
    assert str(tmp_path).encode() not in answer.body
