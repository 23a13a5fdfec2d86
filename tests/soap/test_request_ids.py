"""A request with an id of its own may be sent again: it acts once, and its answer is given again."""

import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from pathlib import Path
from shutil import copy
from typing import Any
from uuid import uuid4

import pytest

from soapsvc import serving
from soapsvc.domain.work_item import NewWorkItem, WorkItem
from soapsvc.settings import Settings
from soapsvc.testing.in_process import Answer, InProcess
from soapsvc.usecases import scheduling
from tests.conftest import Soap
from tests.soap.conftest import Start
from tests.support.operations import READS, WRITES, content
from tests.support.soap import SERVICE_OF, Fault, content_of, envelope, request
from tests.support.soap12 import CONTENT_TYPE, envelope12

Stored = Callable[[int], WorkItem]
NewItem = Callable[..., WorkItem]
CONTEXT = "<itemContext><activityID/><activityName/><appInstance/><appName/><appID/></itemContext>"
OFFER = '<entityQuery><entityID entity-type="RESOURCE" guid="GUID-of-ana"/></entityQuery>'
SCHEDULE = f"<item><name>n</name>{OFFER}</item>{CONTEXT}<itemBody><dataModel/></itemBody>"


@pytest.fixture
def request_id() -> str:
    return str(uuid4())


def _header(request_id: str, attributes: str = "") -> str:
    return f'<s:RequestID xmlns:s="urn:soapsvc:v1"{attributes}>{request_id}</s:RequestID>'


def _ask(soap: Soap, operation: str, message: str, request_id: str, **options: Any) -> Answer:
    return soap.post(SERVICE_OF[operation], envelope(request(operation, message), _header(request_id)), **options)


def _priority(item: WorkItem, offset: int, version: str = "") -> str:
    return (
        f'<workItemIDandPriority><workItemID id="{item.id}"{version}/><workItemPriority><offsetPriority>{offset}'
        "</offsetPriority></workItemPriority></workItemIDandPriority>"
    )


def _refused(answer: Answer) -> Fault:
    fault = Fault(answer.body)
    assert (answer.status, fault.code, fault.name) == (500, "Client", "InvalidRequestFault"), answer.body
    return fault


@pytest.mark.parametrize("version", ["", ' version="0"'])
def test_a_repeated_request_gets_the_first_answers_bytes_and_acts_once(
    soap: Soap, offered: WorkItem, stored: Stored, request_id: str, version: str
) -> None:
    answers = [
        _ask(soap, "setWorkItemPriority", _priority(offered, 1, version), request_id, user="supervisor")
        for _ in range(3)
    ]
    assert [answer.status for answer in answers] == [200] * 3
    assert len({answer.body for answer in answers}) == 1
    assert {answer.headers["content-type"] for answer in answers} == {"text/xml; charset=utf-8"}
    assert (stored(offered.id).version, stored(offered.id).priority) == (1, 51)


def test_a_scheduled_item_comes_into_being_once(soap: Soap, request_id: str) -> None:
    first, second = (_ask(soap, "scheduleWorkItem", SCHEDULE, request_id, user="supervisor") for _ in range(2))
    assert content_of(first.body)[0].get("id") == content_of(second.body)[0].get("id")
    third = _ask(soap, "scheduleWorkItem", SCHEDULE, str(uuid4()), user="supervisor")
    assert content_of(third.body)[0].get("id") != content_of(first.body)[0].get("id")


def test_the_next_item_is_taken_once(soap: Soap, new_person: Any, item_for: Any, request_id: str) -> None:
    worker = new_person().name
    for _ in range(2):
        item_for(worker)
    message = f"<resource>{worker}</resource>"
    taken = {_ask(soap, "allocateAndOpenNextWorkItem", message, request_id, user="supervisor").body for _ in range(3)}
    assert len(taken) == 1
    assert soap.ask("allocateAndOpenNextWorkItem", message, user="supervisor").status == 200


def test_a_repeat_is_answered_though_the_item_has_gone_on_since(
    soap: Soap, offered: WorkItem, stored: Stored, request_id: str
) -> None:
    message = f'<workItemID id="{offered.id}" version="0"/>'
    first = _ask(soap, "allocateWorkItem", message, request_id)
    assert soap.ask("openWorkItem", f'<workItemID id="{offered.id}"/>').status == 200
    assert _ask(soap, "allocateWorkItem", message, request_id).body == first.body
    assert stored(offered.id).version == 2


@pytest.mark.parametrize("other", ["another value", "another operation", "another item"])
def test_an_id_that_was_used_for_another_body_is_refused(
    soap: Soap, new_item: NewItem, stored: Stored, request_id: str, other: str
) -> None:
    item, elsewhere = new_item(), new_item()
    operation, message = {
        "another value": ("setWorkItemPriority", _priority(item, 2)),
        "another operation": ("cancelWorkItem", f'<workItemID id="{item.id}"/>'),
        "another item": ("setWorkItemPriority", _priority(elsewhere, 1)),
    }[other]
    assert _ask(soap, "setWorkItemPriority", _priority(item, 1), request_id, user="supervisor").status == 200
    fault = _refused(_ask(soap, operation, message, request_id, user="supervisor"))
    assert "RequestID" in fault.text
    assert (stored(item.id).version, stored(elsewhere.id).version) == (1, 0)


def test_another_caller_may_use_the_same_id(soap: Soap, new_item: NewItem, stored: Stored, request_id: str) -> None:
    first, second = new_item(), new_item()
    assert _ask(soap, "allocateWorkItem", f'<workItemID id="{first.id}"/>', request_id).status == 200
    assert _ask(soap, "allocateWorkItem", f'<workItemID id="{second.id}"/>', request_id, user="ben").status == 200
    assert [stored(item.id).owner.name for item in (first, second)] == ["ana", "ben"]  # type: ignore[union-attr]


def test_an_answer_is_not_given_to_another_caller(soap: Soap, offered: WorkItem, request_id: str) -> None:
    message = f'<workItemID id="{offered.id}"/>'
    assert _ask(soap, "allocateWorkItem", message, request_id).status == 200
    fault = Fault(_ask(soap, "allocateWorkItem", message, request_id, user="carl").body)
    assert fault.name == "SecurityFault"


def test_a_fault_is_not_kept_and_a_repeat_tries_again(soap: Soap, offered: WorkItem, request_id: str) -> None:
    message = f'<workItemID id="{offered.id}"/>'
    fault = Fault(_ask(soap, "openWorkItem", message, request_id).body)
    assert fault.name == "InvalidWorkItemFault"
    assert soap.ask("allocateWorkItem", message).status == 200
    assert _ask(soap, "openWorkItem", message, request_id).status == 200


def test_the_id_of_a_failed_request_is_free_for_another(soap: Soap, offered: WorkItem, request_id: str) -> None:
    assert _ask(soap, "openWorkItem", f'<workItemID id="{offered.id}"/>', request_id).status == 500
    assert _ask(soap, "allocateWorkItem", f'<workItemID id="{offered.id}"/>', request_id).status == 200


@pytest.mark.parametrize("operation", [*READS, "lookupUser"])
def test_reading_heeds_no_id_be_it_what_it_may(soap: Soap, new_item: NewItem, request_id: str, operation: str) -> None:
    for item in (new_item(), new_item()):
        message = content(operation, (item.id, None)) if operation in READS else ""
        for one in (request_id, "", "x" * 200):
            assert _ask(soap, operation, message, one).status == 200


@pytest.mark.parametrize("length", [1, 2, 127, 128])
def test_an_id_has_1_to_128_characters(soap: Soap, offered: WorkItem, stored: Stored, length: int) -> None:
    request_id = (uuid4().hex * 4)[:length]
    for _ in range(2):
        assert _ask(soap, "setWorkItemPriority", _priority(offered, 1), request_id, user="supervisor").status == 200
    assert stored(offered.id).version == 1


def test_characters_are_counted_and_not_bytes(soap: Soap, offered: WorkItem) -> None:
    request_id = uuid4().hex + "😀" * 96
    assert _ask(soap, "setWorkItemPriority", _priority(offered, 1), request_id, user="supervisor").status == 200


UNUSABLE = {
    "empty": _header(""),
    "blanks": _header("  \n"),
    "too long": _header("x" * 129),
    "an element in it": _header("{}<x/>two"),
    "only an element": _header("<x>{}</x>"),
    "two of them": _header("{}") + _header("two"),
    "two alike": _header("{}") + _header("{}"),
}


@pytest.mark.parametrize("header", UNUSABLE.values(), ids=UNUSABLE)
def test_an_id_that_is_none_is_refused_and_nothing_is_done(
    soap: Soap, offered: WorkItem, unchanged: Any, header: str
) -> None:
    header = header.replace("{}", str(uuid4()))
    message = envelope(request("setWorkItemPriority", _priority(offered, 1)), header)
    with unchanged(offered):
        fault = _refused(soap.post("WorkItemManagementService", message, user="supervisor"))
    assert "RequestID" in fault.text


@pytest.mark.parametrize("attributes", [' soap:mustUnderstand="1"', ' xmlns:u="urn:u" u:Id="a"', ' soap:actor=""'])
def test_the_id_may_carry_what_any_header_block_may(
    soap: Soap, offered: WorkItem, stored: Stored, request_id: str, attributes: str
) -> None:
    message = envelope(request("setWorkItemPriority", _priority(offered, 1)), _header(request_id, attributes))
    for _ in range(2):
        assert soap.post("WorkItemManagementService", message, user="supervisor").status == 200
    assert stored(offered.id).version == 1


def test_an_id_for_somebody_else_is_not_ours(soap: Soap, offered: WorkItem, stored: Stored, request_id: str) -> None:
    header = _header(request_id, ' soap:actor="urn:somebody-else"')
    message = envelope(request("setWorkItemPriority", _priority(offered, 1)), header)
    for _ in range(2):
        assert soap.post("WorkItemManagementService", message, user="supervisor").status == 200
    assert stored(offered.id).version == 2


def test_an_answer_is_never_given_in_the_envelope_of_another_soap(
    soap: Soap, offered: WorkItem, stored: Stored, request_id: str
) -> None:
    body = request("setWorkItemPriority", _priority(offered, 1))
    first = soap.post("WorkItemManagementService", envelope(body, _header(request_id)), user="supervisor")
    assert first.status == 200
    message = envelope12(body, _header(request_id))
    answer = soap.post("WorkItemManagementService", message, user="supervisor", content_type=CONTENT_TYPE)
    assert answer.status == 400
    assert b"http://schemas.xmlsoap.org/soap/envelope/" not in answer.body
    assert stored(offered.id).version == 1


@pytest.mark.parametrize("operation", sorted(WRITES))
def test_every_change_may_be_repeated(soap: Soap, offered: WorkItem, stored: Stored, operation: str) -> None:
    """Whatever comes of the first request, the second acts no more than once in all."""
    request_id = str(uuid4())
    answers = [
        _ask(soap, operation, content(operation, (offered.id, None)), request_id, user="supervisor") for _ in range(2)
    ]
    assert answers[0].status == answers[1].status
    assert answers[0].body == answers[1].body
    assert stored(offered.id).version == (answers[0].status == 200)


# At once


@pytest.mark.parametrize("threads", [2, 8])
def test_the_same_request_at_once_acts_once_and_all_get_the_same_answer(
    soap: Soap, new_item: NewItem, stored: Stored, threads: int
) -> None:
    for _ in range(5):
        item, request_id, ready = new_item(), str(uuid4()), threading.Barrier(threads)

        def call(item: WorkItem = item, request_id: str = request_id, ready: threading.Barrier = ready) -> Answer:
            ready.wait(10)
            return _ask(soap, "setWorkItemPriority", _priority(item, 1), request_id, user="supervisor")

        with ThreadPoolExecutor(threads) as pool:
            answers = [one.result(20) for one in [pool.submit(call) for _ in range(threads)]]
        assert [answer.status for answer in answers] == [200] * threads
        assert len({answer.body for answer in answers}) == 1
        assert (stored(item.id).version, stored(item.id).priority) == (1, 51)


def test_of_two_bodies_at_once_with_one_id_one_is_done_and_one_refused(
    soap: Soap, new_item: NewItem, stored: Stored
) -> None:
    items, request_id, ready = [new_item(), new_item()], str(uuid4()), threading.Barrier(2)

    def call(item: WorkItem) -> Answer:
        ready.wait(10)
        return _ask(soap, "setWorkItemPriority", _priority(item, 1), request_id, user="supervisor")

    with ThreadPoolExecutor(2) as pool:
        answers = list(pool.map(call, items))
    assert sorted(answer.status for answer in answers) == [200, 500]
    assert [stored(item.id).version for item in items] == [int(answer.status == 200) for answer in answers]


# A day later


class Ahead:
    """How far the clock of a service is ahead of the world's."""

    def __init__(self) -> None:
        self.by = timedelta()

    def __call__(self) -> timedelta:
        return self.by


@pytest.fixture
def later(start: Start) -> Iterator[tuple[Soap, Ahead]]:
    ahead = Ahead()
    with start(ahead=ahead) as soap:
        yield soap, ahead


@pytest.mark.parametrize(("hours", "version"), [(0, 1), (23, 1), (25, 2)])
def test_an_answer_is_kept_for_a_day(later: tuple[Soap, Ahead], hours: int, version: int) -> None:
    soap, ahead = later
    new = NewWorkItem(name="Review")
    item = soap.database.write(lambda tx: scheduling.create_item(tx, new, (), ["ana"])).result(10)
    for _ in range(2):
        answer = _ask(soap, "setWorkItemPriority", _priority(item, 1), "once", user="supervisor")
        assert answer.status == 200
        ahead.by += timedelta(hours=hours)
    (identity,) = content_of(answer.body)
    assert identity.get("version") == str(version)


def test_an_id_may_be_used_for_something_else_a_day_later(later: tuple[Soap, Ahead]) -> None:
    soap, ahead = later
    new = NewWorkItem(name="Review")
    item = soap.database.write(lambda tx: scheduling.create_item(tx, new, (), ["ana"])).result(10)
    assert _ask(soap, "setWorkItemPriority", _priority(item, 1), "once", user="supervisor").status == 200
    ahead.by = timedelta(hours=23)
    _refused(_ask(soap, "setWorkItemPriority", _priority(item, 2), "once", user="supervisor"))
    ahead.by = timedelta(hours=25)
    for _ in range(2):  # and it is kept from then on
        answer = _ask(soap, "setWorkItemPriority", _priority(item, 2), "once", user="supervisor")
        assert content_of(answer.body)[0].get("version") == "2"


def test_an_answer_outlives_the_service(template: Path, tmp_path: Path) -> None:
    settings = Settings(database=f"sqlite:///{copy(template, tmp_path / 'soapsvc.db')}")
    new = NewWorkItem(name="Review")
    bodies = set()
    for _ in range(2):
        with serving.opened_service(settings) as service, InProcess(service.application) as calls:
            soap = Soap(calls, service.default_tenancy)
            if not bodies:
                item = soap.database.write(lambda tx: scheduling.create_item(tx, new, (), ["ana"])).result(10)
            bodies.add(_ask(soap, "setWorkItemPriority", _priority(item, 1), "once", user="supervisor").body)
    assert len(bodies) == 1
