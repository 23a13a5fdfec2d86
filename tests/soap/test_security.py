"""Who calls: UsernameToken or HTTP Basic, one text for whatever is wrong, and secrets that never leave."""

import base64
import logging
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import HealthCheck, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from soapsvc import observe
from soapsvc.domain.work_item import NewWorkItem, WorkItem
from soapsvc.soap.security import Credentials
from soapsvc.storage.transaction import Transaction
from soapsvc.testing.in_process import Answer
from soapsvc.usecases import people, scheduling
from soapsvc.usecases.sign_in import hash_password
from tests.conftest import PASSWORD, Soap
from tests.soap.conftest import Start
from tests.support.soap import SOAP, Fault, content_of, envelope, request, username_token

SERVICE = "WorkItemManagementService"
WSSE = "http://docs.oasis-open.org/wss/2004/01/oasis-200401-wss-wssecurity-secext-1.0.xsd"
WSU = "http://docs.oasis-open.org/wss/2004/01/oasis-200401-wss-wssecurity-utility-1.0.xsd"
PROFILE = "http://docs.oasis-open.org/wss/2004/01/oasis-200401-wss-username-token-profile-1.0"
CHALLENGES = 'Basic realm="soapsvc", charset="UTF-8", Bearer realm="soapsvc"'
DE = "http://exception.api.de.n2.tibco.com"


def _header_request(item: WorkItem, header: str = "") -> bytes:
    return envelope(request("getWorkItemHeader", f'<workItemID id="{item.id}"/>'), header)


def _security(*parts: str, attributes: str = 'soap:mustUnderstand="1"') -> str:
    return f'<wsse:Security xmlns:wsse="{WSSE}" xmlns:wsu="{WSU}" {attributes}>{"".join(parts)}</wsse:Security>'


def _token(*parts: str) -> str:
    return f"<wsse:UsernameToken>{''.join(parts)}</wsse:UsernameToken>"


def _name(name: str = "ana") -> str:
    return f"<wsse:Username>{name}</wsse:Username>"


def _password(password: str = PASSWORD, attributes: str = "") -> str:
    return f"<wsse:Password {attributes}>{password}</wsse:Password>"


def _basic(name: str, password: str) -> str:
    return "Basic " + base64.b64encode(f"{name}:{password}".encode()).decode()


def _check(answer: Answer, status: int) -> Fault:
    """Check the one form that all refusals of a caller have."""
    assert answer.status == status, answer.body
    fault = Fault(answer.body)
    assert (fault.code, fault.actor) == ("Client", "PROVIDER")
    assert (fault.namespace, fault.name) == (DE, "SecurityFault")
    assert (fault.error_code, fault.parameters) == ("BRM_SECURITY_NOT_AUTHENTICATED", [])
    challenge = answer.headers.get("www-authenticate")
    assert challenge == (CHALLENGES if status == 401 else None)
    assert answer.headers["content-type"] == "text/xml; charset=utf-8"
    return fault


# HTTP Basic


@pytest.mark.parametrize("headers", [{}, {"authorization": ""}])
def test_without_credentials_a_request_is_challenged(soap: Soap, offered: WorkItem, headers: dict[str, str]) -> None:
    _check(soap.post(SERVICE, _header_request(offered), user=None, **headers), 401)


@pytest.mark.parametrize("header", ["", "<wsse/>", '<wsse:Security xmlns:wsse="{wsse}" soap:mustUnderstand="1"/>'])
def test_a_security_header_without_a_token_is_no_credentials(soap: Soap, offered: WorkItem, header: str) -> None:
    message = _header_request(offered, header.replace("{wsse}", WSSE))
    _check(soap.post(SERVICE, message, user=None), 401)


@pytest.mark.parametrize(("user", "password"), [("ana", "wrong horse"), ("ana", ""), ("nobody", PASSWORD), ("", ""),
                                                ("ana ", PASSWORD), ("ana", PASSWORD + " "),
                                                ("ana", "x" * 5000), ("GUID-of-ana", PASSWORD)])  # fmt: skip
def test_wrong_basic_credentials_are_challenged_with_one_text(
    soap: Soap, offered: WorkItem, user: str, password: str
) -> None:
    fault = _check(soap.post(SERVICE, _header_request(offered), user=user, password=password), 401)
    assert fault.text == "The user name or the password is wrong"


GARBAGE = [
    "x", "Basic", "Basic ", "Basic !", "Basic %%%", "Basic YW5h", "Basic YW5hOg", "Basic é", "Basic YW5hOmE=é",
    "Basic " + base64.b64encode(b"\xff\xfe:\x80").decode(), "Basic " + "A" * 100_000, "Basic YW5h OmE=", "Basic =",
    "Basic YQ==YQ==", "Basic \x00", "Bearer abc", "Digest username=ana", "Negotiate x", "NTLM x", "Basic,Basic", ":",
    "Basic: YW5hOmE=", "Basic\tYW5hOmE=",
]  # fmt: skip


@pytest.mark.parametrize("authorization", GARBAGE)
def test_an_authorization_that_cannot_be_read_is_challenged(soap: Soap, offered: WorkItem, authorization: str) -> None:
    _check(soap.post(SERVICE, _header_request(offered), user=None, authorization=authorization), 401)


@hypothesis_settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(authorization=st.text(max_size=30) | st.text(max_size=30).map(lambda text: f"Basic {text}"))
def test_whatever_an_authorization_holds_it_is_never_a_mistake_of_the_service(
    soap: Soap, offered: WorkItem, authorization: str
) -> None:
    text = authorization.encode("utf-8", "ignore").decode()
    _check(soap.post(SERVICE, _header_request(offered), user=None, authorization=text), 401)


@pytest.mark.parametrize("scheme", ["Basic", "basic", "BASIC"])
def test_the_scheme_may_be_written_in_any_case(soap: Soap, offered: WorkItem, scheme: str) -> None:
    authorization = scheme + _basic("ana", PASSWORD).removeprefix("Basic")
    assert soap.post(SERVICE, _header_request(offered), user=None, authorization=authorization).status == 200


def test_who_is_not_known_learns_nothing_of_what_he_asked(soap: Soap, opened: WorkItem, unchanged: Any) -> None:
    with unchanged(opened):
        for content in (f'<workItemID id="{opened.id}"/>', '<workItemID id="x"/>', "<nonsense/>"):
            answer = soap.post(SERVICE, envelope(request("closeWorkItem", content)), user=None)
            fault = _check(answer, 401)
            assert str(opened.id) not in fault.text


# UsernameToken


def test_a_username_token_signs_in(soap: Soap, offered: WorkItem) -> None:
    message = _header_request(offered, username_token("ana", PASSWORD))
    assert soap.post(SERVICE, message, user=None).status == 200


@pytest.mark.parametrize(
    "header",
    [
        _security(_token(_name(), _password())),
        _security(_token(_name(), _password()), attributes=""),
        _security(_token(_name(), _password()), attributes='soap:mustUnderstand="0"'),
        _security(_token(_name(), _password()), attributes='soap:mustUnderstand="true" soap:actor=""'),
        _security(_token(_name(), _password(attributes=f'Type="{PROFILE}#PasswordText"'))),
        _security(_token(_name(), _password(attributes=f'Type=" {PROFILE}#PasswordText "'))),
        _security(_token(_password(), _name())),
        _security(_token(_name(" ana "), _password())),
        _security() + _security(_token(_name(), _password()), attributes=""),
        '<x xmlns="urn:x"/>' + _security(_token(_name(), _password())),
    ],
)
def test_every_variant_of_a_plain_token_signs_in(soap: Soap, offered: WorkItem, header: str) -> None:
    answer = soap.post(SERVICE, _header_request(offered, header), user=None)
    assert answer.status == 200, answer.body


def test_an_unknown_name_and_a_wrong_password_get_the_same_fault_and_no_challenge(
    soap: Soap, offered: WorkItem
) -> None:
    answers = [
        soap.post(SERVICE, _header_request(offered, username_token(name, password)), user=None)
        for name, password in (("ana", "wrong horse"), ("nobody", PASSWORD), ("", ""), ("ana", "x" * 5000))
    ]
    assert len({answer.body for answer in answers}) == 1
    assert _check(answers[0], 500).text == "The user name or the password is wrong"
    assert _check(answers[1], 500)


UNUSABLE_TOKENS = {
    "a digest alone": (_token(_name(), _password("x", f'Type="{PROFILE}#PasswordDigest"')), "Nonce and a Created"),
    "an unknown type": (_token(_name(), _password("x", 'Type="urn:x"')), "PasswordText"),
    "an empty type": (_token(_name(), _password("x", 'Type=""')), "PasswordText"),
    "no password": (_token(_name()), "Password"),
    "no name": (_token(_password()), "Username"),
    "nothing": (_token(), "Username"),
    "members in no namespace": (_token("<Username>ana</Username><Password>x</Password>"), "Username"),
    "two tokens": (_token(_name(), _password()) * 2, "More than one"),
}


@pytest.mark.parametrize(("token", "said"), UNUSABLE_TOKENS.values(), ids=UNUSABLE_TOKENS)
@pytest.mark.parametrize("user", [None, "ana"])
def test_a_token_that_cannot_be_used_is_refused_clearly_even_beside_good_basic_credentials(
    soap: Soap, offered: WorkItem, token: str, said: str, user: str | None
) -> None:
    answer = soap.post(SERVICE, _header_request(offered, _security(token)), user=user)
    assert said in _check(answer, 500).text


def test_two_tokens_in_two_headers_are_refused(soap: Soap, offered: WorkItem) -> None:
    header = _security(_token(_name(), _password())) * 2
    assert "More than one" in _check(soap.post(SERVICE, _header_request(offered, header), user=None), 500).text


def test_a_username_token_comes_before_basic(soap: Soap, offered: WorkItem) -> None:
    good, bad = username_token("ana", PASSWORD), username_token("ana", "wrong horse")
    assert soap.post(SERVICE, _header_request(offered, good), password="wrong horse").status == 200
    _check(soap.post(SERVICE, _header_request(offered, bad)), 500)
    as_carl = soap.post(SERVICE, _header_request(offered, username_token("carl", PASSWORD)), user="ana")
    assert Fault(as_carl.body).error_code == "BRM_SECURITY_NOT_ALLOWED"


@pytest.mark.parametrize(
    "part", ["<x/>", '<s:Signature xmlns:s="http://www.w3.org/2000/09/xmldsig#"/>', "<wsse:BinarySecurityToken/>"]
)
def test_a_demand_within_the_security_header_that_we_cannot_meet_is_a_fault(
    soap: Soap, offered: WorkItem, part: str
) -> None:
    answer = soap.post(SERVICE, _header_request(offered, _security(_token(_name(), _password()), part)))
    fault = Fault(answer.body)
    assert (answer.status, fault.code, fault.name) == (500, "MustUnderstand", None)
    optional = _security(_token(_name(), _password()), part, attributes="")
    assert soap.post(SERVICE, _header_request(offered, optional), user=None).status == 200


@pytest.mark.parametrize("content", ["<x/>", _token(_name("nobody"), _password("wrong horse"))])
def test_a_security_header_for_somebody_else_is_left_to_him(soap: Soap, offered: WorkItem, content: str) -> None:
    header = _security(content, attributes='soap:mustUnderstand="1" soap:actor="urn:somebody-else"')
    assert soap.post(SERVICE, _header_request(offered, header)).status == 200


PASSWORDS = [":p:a:s:s:word:", "  Zauberwört€r ", "<&>\"']]>日本語"]


def test_names_and_passwords_may_hold_any_characters(start: Start) -> None:
    names = {f"o'neil & söhne {number}": password for number, password in enumerate(PASSWORDS)}

    def prepare(tx: Transaction) -> WorkItem:
        for name, password in names.items():
            people.add_person(tx, name=name, guid=None, password_hash=hash_password(password))
        return scheduling.create_item(tx, NewWorkItem(name="n"), (), list(names))

    def escaped(text: str) -> str:
        return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")

    with start() as soap:
        item = soap.database.write(prepare).result(10)
        for name, password in names.items():
            assert soap.post(SERVICE, _header_request(item), user=name, password=password).status == 200, password
            token = username_token(escaped(name), escaped(password))
            assert soap.post(SERVICE, _header_request(item, token), user=None).status == 200, password


def test_only_the_contract_and_the_health_are_public(soap: Soap) -> None:
    for target in (f"/amxbpm/{SERVICE}?wsdl", "/amxbpm/contract.xsd", "/health/live", "/health/ready"):
        assert soap.calls.call("GET", target).status == 200


# Secrets

SECRET_PASSWORD = "h0rse-battery-secret"
SECRET_DATA = "diagnosis-4711"


@pytest.fixture
def debug_log(caplog: pytest.LogCaptureFixture) -> Iterator[pytest.LogCaptureFixture]:
    """All that the service would log at its most talkative, as its own logging is set up."""
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    others = {name: logging.getLogger(name).level for name in ("alembic", "spyne", "sqlalchemy")}
    observe.configure_logging(level="debug", format="json")
    root.handlers[:] = [caplog.handler]
    caplog.handler.setLevel(logging.DEBUG)
    yield caplog
    root.handlers[:] = handlers
    root.setLevel(level)
    for name, before in others.items():
        logging.getLogger(name).setLevel(before)


def test_no_secret_and_no_content_ever_reaches_a_fault_or_a_log(
    start: Start, debug_log: pytest.LogCaptureFixture
) -> None:
    answers: list[Answer] = []
    with start() as soap:
        password_hash = hash_password(SECRET_PASSWORD)

        def prepare(tx: Transaction) -> WorkItem:
            people.add_person(tx, name="eva", guid="GUID-of-eva", password_hash=password_hash)
            return scheduling.create_item(tx, NewWorkItem(name="n"), (), ("eva",))

        item = soap.database.write(prepare).result(10)
        debug_log.clear()  # what makes the test's own people is no part of the scenario
        take = f'<workItemID id="{item.id}" version="0"/><resource>eva</resource>'
        token = username_token("eva", SECRET_PASSWORD)
        wrong = username_token("eva", SECRET_PASSWORD + "!")
        digest = _security(_token(_name("eva"), _password(SECRET_PASSWORD, 'Type="urn:digest"')))
        field = f'<inouts name="x" type="String"><simpleSpec><value>{SECRET_DATA}</value></simpleSpec></inouts>'
        payload = f"<workItemPayload><dataModel>{field}</dataModel></workItemPayload>"
        for operation, content in (
            ("allocateAndOpenWorkItem", take),
            ("allocateAndOpenWorkItem", take),
            ("closeWorkItem", f'<workItemID id="{item.id}"/>{payload}'),
            ("closeWorkItem", f'<workItemID id="{SECRET_DATA}"/>'),
            ("closeWorkItem", f'<workItemID id="{item.id}"/>'),
        ):
            for header in (token, digest):
                answers.append(soap.post(SERVICE, envelope(request(operation, content), header), user=None))
            answers.append(soap.ask(operation, content, user="eva", password=SECRET_PASSWORD))
        answers.append(soap.post(SERVICE, envelope(request("closeWorkItem", take), wrong), user=None))
        answers.append(soap.ask("closeWorkItem", take, user="eva", password=SECRET_PASSWORD + "!"))
        answers.append(soap.post(SERVICE, b"<x>" + SECRET_PASSWORD.encode(), user="eva", password=SECRET_PASSWORD))
        soap.database.close()
        answers.append(soap.ask("closeWorkItem", f'<workItemID id="{item.id}"/>', user="eva", password=SECRET_PASSWORD))
    assert {answer.status for answer in answers} == {200, 401, 500}
    logged = debug_log.text + "".join(str(vars(record)) for record in debug_log.records)
    said = "".join(answer.body.decode() for answer in answers)
    encoded = _basic("eva", SECRET_PASSWORD).removeprefix("Basic ")
    for secret in (SECRET_PASSWORD, SECRET_DATA, encoded, password_hash, "$argon2"):
        assert secret not in said
        assert secret not in logged


def test_credentials_do_not_show_their_password_when_printed() -> None:
    assert SECRET_PASSWORD not in repr(Credentials("eva", SECRET_PASSWORD))


def test_a_refused_caller_is_answered_in_soap_1_1(soap: Soap, offered: WorkItem) -> None:
    answer = soap.post(SERVICE, _header_request(offered), user=None)
    assert content_of(answer.body).tag == f"{{{SOAP}}}Fault"
