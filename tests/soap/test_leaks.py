"""No caller ever sees what another one sent, however many there are at once."""

import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest
from lxml import etree

from soapsvc.domain.errors import InvalidRequest
from soapsvc.soap import contract
from tests.conftest import Soap
from tests.support.soap import Fault, content_of

THREADS, REQUESTS = 8, 60
FORMS = (
    '<workItemID id="{}"/>',
    '<workItemID id="1" version="{}"/>',
    '<workItemID id="1">{}</workItemID>',
    '<workItemID id="1" more="{}"/>',
    '<workItemID id="1"/><hiddenPeriod><visibleDate>{}</visibleDate></hiddenPeriod>',
    '<workItemID id="1"/><workItemPayload><dataModel><inouts name="n" type="{}"/></dataModel></workItemPayload>',
)


@pytest.fixture
def threads() -> Iterator[ThreadPoolExecutor]:
    with ThreadPoolExecutor(THREADS) as pool:
        yield pool


def test_no_fault_over_http_holds_a_value_of_another_request(soap: Soap, threads: ThreadPoolExecutor) -> None:
    start = threading.Barrier(THREADS)

    def run(thread: int) -> list[tuple[str, str]]:
        start.wait()
        seen = []
        for number in range(REQUESTS):
            marker = f"marker-{thread}-{number}-end"
            answer = soap.ask("closeWorkItem", FORMS[number % len(FORMS)].format(marker))
            assert Fault(answer.body).name == "InvalidRequestFault"
            seen.append((marker, answer.body.decode()))
        return seen

    answers = [one for seen in threads.map(run, range(THREADS)) for one in seen]
    assert len(answers) == THREADS * REQUESTS
    assert not [body for _, body in answers if "marker-" in body]


def test_no_validation_in_any_thread_speaks_of_another_ones_element(threads: ThreadPoolExecutor) -> None:
    """Each thread names an element of its own, which its fault may and must repeat."""
    start = threading.Barrier(THREADS)

    def run(thread: int) -> list[str]:
        start.wait()
        element = etree.fromstring(
            f'<api:getWorkItemHeader xmlns:api="http://api.brm.n2.tibco.com"><mine{thread}/></api:getWorkItemHeader>'
        )
        texts = []
        for _ in range(REQUESTS):
            with pytest.raises(InvalidRequest) as refused:
                contract.validate(element)
            texts.append(str(refused.value))
        return texts

    for thread, texts in enumerate(threads.map(run, range(THREADS))):
        assert {f"<mine{thread}>" in text for text in texts} == {True}


def test_answers_reach_those_who_asked(soap: Soap, new_item: object, threads: ThreadPoolExecutor) -> None:
    items = [new_item(name=f"Item of {thread}") for thread in range(THREADS)]  # type: ignore[operator]
    start = threading.Barrier(THREADS)

    def run(thread: int) -> set[tuple[str | None, str | None]]:
        start.wait()
        user = ("ana", "ben")[thread % 2]
        seen = set()
        for _ in range(20):
            answer = soap.ask("getWorkItemHeader", f'<workItemID id="{items[thread].id}"/>', user=user)
            (header,) = content_of(answer.body)
            seen.add((header.get("id"), header.findtext("name")))
        return seen

    for thread, seen in enumerate(threads.map(run, range(THREADS))):
        assert seen == {(str(items[thread].id), f"Item of {thread}")}


def test_of_many_who_take_one_item_at_the_version_they_saw_exactly_one_gets_it(
    soap: Soap, new_item: object, threads: ThreadPoolExecutor
) -> None:
    item = new_item()  # type: ignore[operator]
    start = threading.Barrier(THREADS)

    def run(thread: int) -> bytes:
        start.wait()
        user = ("ana", "ben")[thread % 2]
        content = f'<workItemID id="{item.id}" version="0"/><resource>{user}</resource>'
        return soap.ask("allocateAndOpenWorkItem", content, user=user).body

    answers = list(threads.map(run, range(THREADS)))
    faults = [Fault(body) for body in answers if b"soap:Fault" in body]
    assert len(faults) == THREADS - 1
    assert {fault.text for fault in faults} == {
        f"The work item with id = {item.id} is currently at version 1, not at version 0"
    }
