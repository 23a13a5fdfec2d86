"""SOAP 1.2 over HTTP: media type and action, statuses, the form of faults, and the same answers as in SOAP 1.1."""

import re
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import HealthCheck, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st
from lxml import etree

from soapsvc.domain.work_item import WorkItem
from soapsvc.testing.in_process import Answer
from tests.conftest import PASSWORD, Soap
from tests.soap.conftest import Start
from tests.support.operations import READS, VERSIONED, WRITES, content
from tests.support.soap import SERVICE_OF, SOAP12, Fault, content_of, envelope, request, username_token
from tests.support.soap12 import CONTENT_TYPE, MEDIA_TYPE, Fault12, envelope12, parts_of

NewItem = Callable[..., WorkItem]
SERVICE = "WorkItemManagementService"
BRM = "http://exception.api.brm.n2.tibco.com"
DE = "http://exception.api.de.n2.tibco.com"


def _ask(soap: Soap, operation: str, content_: str, *, header: str = "", **options: Any) -> Answer:
    message = envelope12(request(operation, content_), header)
    return soap.post(SERVICE_OF[operation], message, **({"content_type": CONTENT_TYPE} | options))


def _identity(item: WorkItem) -> str:
    return f'<workItemID id="{item.id}"/>'


# The media type and its action


@pytest.mark.parametrize(
    "content_type",
    [
        "application/soap+xml",
        "APPLICATION/SOAP+XML",
        "application/soap+xml; charset=utf-8",
        'application/soap+xml; charset="UTF-8"; action="getWorkItemHeader"',
        "application/soap+xml;action=getWorkItemHeader;charset=utf-8",
        'application/soap+xml; ACTION="getWorkItemHeader"',
        'application/soap+xml; action=""',
        'application/soap+xml; action="http://api.brm.n2.tibco.com/getWorkItemHeader"',
        'application/soap+xml; action="urn:x#getWorkItemHeader"',
    ],
)
def test_the_media_type_and_its_action_may_be_written_in_any_way(
    soap: Soap, offered: WorkItem, content_type: str
) -> None:
    answer = _ask(soap, "getWorkItemHeader", _identity(offered), content_type=content_type)
    assert (answer.status, answer.headers["content-type"]) == (200, CONTENT_TYPE), answer.body


@pytest.mark.parametrize("action", ["closeWorkItem", "http://api.brm.n2.tibco.com/closeWorkItem", "x"])
def test_an_action_that_names_another_operation_is_the_senders_fault(
    soap: Soap, offered: WorkItem, action: str
) -> None:
    content_type = f'{MEDIA_TYPE}; action="{action}"'
    answer = _ask(soap, "getWorkItemHeader", _identity(offered), content_type=content_type)
    fault = Fault12(answer.body)
    assert (answer.status, fault.code, fault.name) == (400, "Sender", "InvalidRequestFault")


@pytest.mark.parametrize("charset", ["utf-7", "windows-1252", "nonsense"])
def test_a_charset_that_is_none_of_the_four_is_refused_by_http(soap: Soap, offered: WorkItem, charset: str) -> None:
    content_type = f"{MEDIA_TYPE}; charset={charset}"
    assert _ask(soap, "getWorkItemHeader", _identity(offered), content_type=content_type).status == 415


# Statuses and the form of faults


def test_a_fault_of_the_sender_has_the_whole_form_of_section_5_4(soap: Soap, opened: WorkItem) -> None:
    answer = _ask(soap, "closeWorkItem", f'<workItemID id="{opened.id}" version="0"/>')
    text = f"The work item with id = {opened.id} is currently at version 1, not at version 0"
    assert (answer.status, answer.headers["content-type"]) == (400, CONTENT_TYPE)
    assert answer.body.decode() == (
        "<?xml version='1.0' encoding='UTF-8'?>\n"
        f'<soap:Envelope xmlns:soap="{SOAP12}"><soap:Body><soap:Fault><soap:Code><soap:Value>soap:Sender</soap:Value>'
        f'<soap:Subcode><soap:Value xmlns:ex="{BRM}">ex:InvalidVersionFault</soap:Value></soap:Subcode></soap:Code>'
        f'<soap:Reason><soap:Text xml:lang="en">{text}</soap:Text></soap:Reason><soap:Detail>'
        f'<ex:InvalidVersionFault xmlns:ex="{BRM}"><error code="BRM_WORKITEM_VERSION_MISMATCH" message="{text}">'
        f"<parameter>{opened.id}</parameter><parameter>1</parameter><parameter>0</parameter>"
        "<parameter>OPENED</parameter><parameter>GUID-of-ana</parameter></error></ex:InvalidVersionFault></soap:Detail>"
        "</soap:Fault></soap:Body></soap:Envelope>"
    )


FAULTS = {
    "a request that breaks the schema": ("getWorkItemHeader", "<more/>", "urn:soapsvc:v1", "InvalidRequestFault"),
    "an unknown item": ("openWorkItem", '<workItemID id="999999999999"/>', BRM, "InvalidWorkItemFault"),
    "a wrong state": ("openWorkItem", "{}", BRM, "InvalidWorkItemFault"),
    "an unknown resource": ("allocateWorkItem", "{}<resource>nobody</resource>", BRM, "InvalidEntityFault"),
    "an unknown view": (
        "allocateAndOpenNextWorkItem",
        "<resource>ana</resource><workListViewID>7</workListViewID>",
        BRM,
        "InvalidWorkViewFault",
    ),
    "a missing grant": ("cancelWorkItem", "{}", DE, "SecurityFault"),
}


@pytest.mark.parametrize(("operation", "message", "namespace", "name"), FAULTS.values(), ids=FAULTS)
def test_what_the_caller_can_mend_is_the_senders_fault_with_the_contracts_fault_as_subcode_and_detail(
    soap: Soap, offered: WorkItem, operation: str, message: str, namespace: str, name: str
) -> None:
    user = "supervisor" if "resource" in message and "nobody" in message else "ana"
    answer = _ask(soap, operation, message.replace("{}", _identity(offered)), user=user)
    fault = Fault12(answer.body)
    assert (answer.status, fault.code, fault.language) == (400, "Sender", "en")
    assert fault.subcode == (namespace, name)
    assert (fault.namespace, fault.name, fault.headers) == (namespace, name, [])
    assert fault.detail[0].get("message") == fault.text != ""


def test_a_failure_of_the_service_is_the_receivers_fault(start: Start) -> None:
    with start(credential_seconds=60) as soap:
        _ask(soap, "getWorkItemHeader", '<workItemID id="1"/>')  # signs in
        soap.database.close()
        answer = _ask(soap, "getWorkItemHeader", '<workItemID id="1"/>')
    fault = Fault12(answer.body)
    assert (answer.status, fault.code, fault.subcode) == (500, "Receiver", (BRM, "InternalServiceFault"))


@pytest.mark.parametrize("options", [{"user": None}, {"password": "wrong"}, {"user": "nobody"}])
def test_without_credentials_or_with_wrong_ones_http_challenges(
    soap: Soap, offered: WorkItem, options: dict[str, Any]
) -> None:
    answer = _ask(soap, "getWorkItemHeader", _identity(offered), **options)
    fault = Fault12(answer.body)
    assert (answer.status, fault.code, fault.subcode) == (401, "Sender", (DE, "SecurityFault"))
    assert answer.headers["www-authenticate"].startswith("Basic ")
    assert answer.headers["content-type"] == CONTENT_TYPE


def test_a_username_token_that_fails_is_a_fault_and_no_challenge(soap: Soap, offered: WorkItem) -> None:
    answer = _ask(
        soap, "getWorkItemHeader", _identity(offered), header=username_token("ana", "wrong"), user=None
    )  # fmt: skip
    assert (answer.status, Fault12(answer.body).name) == (400, "SecurityFault")
    assert "www-authenticate" not in answer.headers


def test_a_username_token_signs_in(soap: Soap, offered: WorkItem) -> None:
    header = username_token("ana", PASSWORD)
    assert _ask(soap, "getWorkItemHeader", _identity(offered), header=header, user=None).status == 200


@pytest.mark.parametrize("role", ["next", "ultimateReceiver"])
def test_a_username_token_for_our_roles_signs_in(soap: Soap, offered: WorkItem, role: str) -> None:
    target = f' soap:role="{SOAP12}/role/{role}"'
    header = username_token("ana", PASSWORD).replace(" soap:mustUnderstand", f"{target} soap:mustUnderstand", 1)
    assert _ask(soap, "getWorkItemHeader", _identity(offered), header=header, user=None).status == 200


def test_a_username_token_for_nobody_does_not_sign_in(soap: Soap, offered: WorkItem) -> None:
    target = f' soap:role="{SOAP12}/role/none"'
    header = username_token("ana", PASSWORD).replace(" soap:mustUnderstand", f"{target} soap:mustUnderstand", 1)
    assert _ask(soap, "getWorkItemHeader", _identity(offered), header=header, user=None).status == 401


def test_every_service_answers_1_2(soap: Soap) -> None:
    for operation, service in SERVICE_OF.items():
        answer = _ask(soap, operation, "<more/>")
        fault = Fault12(answer.body)
        assert (answer.status, fault.name, fault.code) == (400, "InvalidRequestFault", "Sender"), service


# The same in both


def _plain(element: etree._Element) -> bytes:
    return etree.tostring(element, method="c14n", exclusive=True)


def _ask_both(soap: Soap, operation: str, messages: tuple[str, str], user: str) -> tuple[Answer, Answer]:
    """Ask in SOAP 1.1 with the first message and in 1.2 with the second."""
    service = SERVICE_OF[operation]
    one = soap.post(service, envelope(request(operation, messages[0])), user=user)
    other = soap.post(service, envelope12(request(operation, messages[1])), user=user, content_type=CONTENT_TYPE)
    return one, other


QUICK = hypothesis_settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
VERSIONS = st.one_of(st.none(), st.just(""), st.integers(-2, 3), st.integers(-(2**64), 2**64))
USERS = st.sampled_from(["ana", "ben", "carl", "supervisor"])


@QUICK
@given(operation=st.sampled_from(sorted(READS)), version=VERSIONS, user=USERS, known=st.booleans())
def test_the_same_question_has_the_same_answer_in_both(
    soap: Soap, opened: WorkItem, operation: str, version: int | str | None, user: str, known: bool
) -> None:
    message = content(operation, (opened.id if known else 10**12, version))
    one, other = _ask_both(soap, operation, (message, message), user)
    _check_alike(one, other)


@hypothesis_settings(QUICK, max_examples=60)
@given(
    operation=st.sampled_from(sorted(WRITES)),
    version=VERSIONS,
    user=USERS,
    before=st.lists(st.sampled_from(sorted(set(WRITES) - {"enableWorkItem"})), max_size=3),
)
def test_the_same_change_of_two_alike_items_has_the_same_answer_in_both(
    soap: Soap, new_item: NewItem, operation: str, version: int | str | None, user: str, before: list[str]
) -> None:
    items = [new_item(), new_item()]
    for step in before:
        for item in items:
            soap.ask(step, content(step, (item.id, None)), user="supervisor")
    first, second = (content(operation, (item.id, version)) for item in items)
    one, other = _ask_both(soap, operation, (first, second), user)
    names = [(item.id, item.guid) for item in items]
    _check_alike(one, other, *names)


def _check_alike(one: Answer, other: Answer, *names: tuple[int, str]) -> None:
    if one.status == 200:
        assert other.status == 200, other.body
        _, content12 = parts_of(other.body)
        assert _neutral(_plain(content_of(one.body)), *names) == _neutral(_plain(content12), *names)
        return
    fault, fault12 = Fault(one.body), Fault12(other.body)
    assert (one.status, other.status) == (500, 400)
    assert (fault.code, fault12.code) == ("Client", "Sender")
    assert (fault.namespace, fault.name) == (fault12.namespace, fault12.name) == fault12.subcode
    (detail,) = content_of(one.body).find("detail")
    assert _neutral(_plain(detail), *names) == _neutral(_plain(fault12.detail), *names)
    assert _neutral(fault.text.encode(), *names) == _neutral(fault12.text.encode(), *names)


def _neutral(text: bytes, *names: tuple[int, str]) -> bytes:
    """Take from a text what makes two alike items different: their ids and GUIDs, and those of their sessions."""
    root = text.decode()
    for item_id, guid in names:
        root = root.replace(guid, "GUID").replace(f'"{item_id}"', '"ID"').replace(f">{item_id}<", ">ID<")
        root = root.replace(f"id = {item_id} ", "id = ID ")
    return re.sub(r'versionGuid="[^"]*"', "", root).encode()


def test_an_operation_may_begin_in_one_version_and_go_on_in_the_other(soap: Soap, offered: WorkItem) -> None:
    identity = _identity(offered)
    assert soap.ask("allocateAndOpenWorkItem", f"{identity}<resource>ana</resource>").status == 200
    answer = _ask(soap, "closeWorkItem", f'<workItemID id="{offered.id}" version="1"/>')
    _, closed = parts_of(answer.body)
    assert closed[0].get("version") == "2"


def test_all_operations_with_a_version_are_compared() -> None:
    assert set(VERSIONED) == set(READS) | set(WRITES)
