"""Tokens: how programs get them, how far they reach, and when they end."""

import base64
import json
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from sqlite3 import connect
from typing import Any
from urllib.parse import quote_plus, urlencode

import pytest
from hypothesis import HealthCheck, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st
from joserfc import jwt
from joserfc.jwk import OctKey, OKPKey

from soapsvc.domain.caller import SystemAction
from soapsvc.domain.credentials import Scope
from soapsvc.domain.work_item import NewWorkItem
from soapsvc.testing.in_process import Answer
from soapsvc.usecases import people, principals, scheduling, token_keys
from tests.conftest import Soap
from tests.soap.conftest import running
from tests.support.moved import Moved, Still
from tests.support.soap import SERVICE_OF, Fault, envelope, request
from tests.support.tokens import CHEAP

SECRET = "a secret: of a program & more"
FORM = "application/x-www-form-urlencoded"
OAUTH, LOG_IN = "/oauth/token", "/HdaAuth/Authorize/ServicePrincipalLogIn"
WRONG = "The client, the principal or its secret is wrong"
ISSUER = "http://127.0.0.1:8080"


@dataclass
class Programs:
    """A service, programs that call it, and the file of its database."""

    soap: Soap
    path: Path
    moved: Moved

    def ask_for_token(self, target: str = OAUTH, body: bytes | str = "", **headers: str) -> Answer:
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        return self.soap.calls.call("POST", target, body.encode() if isinstance(body, str) else body, named)

    def post_form(self, _secret: str = SECRET, **form: str) -> Answer:
        given = {"grant_type": "client_credentials", "client_id": "hd/commander", "client_secret": _secret} | form
        return self.ask_for_token(body=urlencode({k: v for k, v in given.items() if v}), content_type=FORM)

    def token(self, name: str = "commander", **form: str) -> str:
        answer = self.post_form(client_id=f"hd/{name}", **form)
        assert answer.status == 200, answer.body
        text: str = json.loads(answer.body)["access_token"]
        return text

    def call(
        self, token: str, operation: str = "getWorkItemHeader", content: str = "", scheme: str = "Bearer "
    ) -> Answer:
        message = envelope(request(operation, content or '<workItemID id="1"/>'))
        return self.soap.post(SERVICE_OF[operation], message, user=None, authorization=f"{scheme}{token}")


@pytest.fixture(scope="module")
def moved() -> Moved:
    return Moved()


@pytest.fixture(scope="module")
def service(template: Path, tmp_path_factory: pytest.TempPathFactory, moved: Moved) -> Iterator[Programs]:
    folder = tmp_path_factory.mktemp("tokens")
    secret_hash = CHEAP.hash(SECRET)
    with running(template, folder, ahead=moved, throttle_seconds=0) as soap:

        def prepare(tx: Any) -> None:
            for name, scope, person, lifetime in (
                ("reader", Scope.QUERY, "ana", None), ("commander", Scope.COMMAND, "ana", None),
                ("chief", Scope.ROOT, "supervisor", 60), ("stopped", Scope.ROOT, "ana", None),
                ("ended", Scope.ROOT, "carl", None),
            ):  # fmt: skip
                principals.add(
                    tx, client="hd", name=name, person=person, scope=scope, secret_hash=secret_hash, lifetime=lifetime
                )
            principals.disable(tx, "hd", "stopped")
            people.set_enabled(tx, "carl", False)
            for _ in range(2):
                scheduling.create_item(tx, NewWorkItem(name="n"), (), ("ana",))

        soap.database.write(prepare).result(10)
        yield Programs(soap, folder / "soapsvc.db", moved)


@pytest.fixture
def programs(service: Programs) -> Iterator[Programs]:
    yield service
    service.moved.by = timedelta()


def _basic(client: str, secret: str) -> str:
    """Encode as RFC 6749, section 2.3.1."""
    return "Basic " + base64.b64encode(f"{quote_plus(client)}:{quote_plus(secret)}".encode()).decode()


def _error(answer: Answer, status: int) -> str:
    assert answer.status == status, answer.body
    assert answer.headers["content-type"] == "application/json"
    assert answer.headers["cache-control"] == "no-store"
    assert ("www-authenticate" in answer.headers) == (status == 401)
    error: str = json.loads(answer.body)["error"]
    return error


def _refused(answer: Answer, status: int = 401) -> str:
    assert answer.status == status, answer.body
    assert ("Bearer" in answer.headers.get("www-authenticate", "")) == (status == 401)
    fault = Fault(answer.body)
    assert fault.name == "SecurityFault"
    return fault.text


# Getting one


def test_a_secret_in_the_form_gives_a_token_as_the_rfc_describes_it(programs: Programs) -> None:
    answer = programs.post_form()
    assert (answer.status, answer.headers["cache-control"], answer.headers["pragma"]) == (200, "no-store", "no-cache")
    given = json.loads(answer.body)
    assert set(given) == {"access_token", "token_type", "expires_in", "scope"}
    assert (given["token_type"], given["expires_in"], given["scope"]) == ("Bearer", 3600, "command")
    assert programs.call(given["access_token"]).status == 200


def test_a_secret_in_the_header_gives_a_token(programs: Programs) -> None:
    body = "grant_type=client_credentials"
    answer = programs.ask_for_token(body=body, content_type=FORM, authorization=_basic("hd/commander", SECRET))
    assert answer.status == 200, answer.body


@pytest.mark.parametrize("path", [LOG_IN, LOG_IN.lower(), LOG_IN.upper(), "/hdaauth/authorize/serviceprincipallogin"])
@pytest.mark.parametrize("keys", [("ClientName", "PrincipalName", "PrincipalPassword"),
                                  ("clientname", "PRINCIPALNAME", "principalPassword")])  # fmt: skip
def test_a_principal_logs_in_and_gets_a_bare_token(programs: Programs, path: str, keys: tuple[str, str, str]) -> None:
    body = json.dumps(dict(zip(keys, ("hd", "reader", SECRET), strict=True)))
    answer = programs.ask_for_token(path, body, content_type="application/json")
    assert (answer.status, answer.headers["content-type"]) == (200, "text/plain; charset=utf-8")
    assert answer.headers["cache-control"] == "no-store"
    assert programs.call(answer.body.decode(), scheme="").status == 200


def test_the_token_endpoint_is_found_in_any_case(programs: Programs) -> None:
    assert _error(programs.ask_for_token("/OAuth/Token", "x=y", content_type=FORM), 401) == "invalid_client"


UNUSABLE = {
    "no grant type": ({"grant_type": ""}, 400, "invalid_request"),
    "another grant type": ({"grant_type": "password"}, 400, "unsupported_grant_type"),
    "a wrong secret": ({"client_secret": "wrong"}, 401, "invalid_client"),
    "no secret": ({"client_secret": ""}, 401, "invalid_client"),
    "a secret without end": ({"client_secret": SECRET * 100}, 401, "invalid_client"),
    "nobody": ({"client_id": "hd/nobody"}, 401, "invalid_client"),
    "no principal": ({"client_id": "hd"}, 401, "invalid_client"),
    "no client": ({"client_id": ""}, 401, "invalid_client"),
    "a disabled principal": ({"client_id": "hd/stopped"}, 401, "invalid_client"),
    "a principal of a disabled person": ({"client_id": "hd/ended"}, 401, "invalid_client"),
    "a wider scope": ({"scope": "root"}, 400, "invalid_scope"),
    "an unknown scope": ({"scope": "query command"}, 400, "invalid_scope"),
}


@pytest.mark.parametrize(("form", "status", "error"), UNUSABLE.values(), ids=UNUSABLE)
def test_a_request_that_cannot_be_granted_has_the_error_of_the_rfc(
    programs: Programs, form: dict[str, str], status: int, error: str
) -> None:
    assert _error(programs.post_form(**form), status) == error


def test_whoever_fails_to_prove_himself_gets_one_text(programs: Programs) -> None:
    forms = [form for form, _, error in UNUSABLE.values() if error == "invalid_client" and form.get("client_id") != ""]
    assert len({programs.post_form(**form).body for form in forms}) == 1
    answers = [
        programs.ask_for_token(LOG_IN, json.dumps({"ClientName": c, "PrincipalName": n, "PrincipalPassword": s}))
        for c, n, s in (("hd", "reader", "wrong"), ("hd", "nobody", SECRET), ("xx", "reader", SECRET),
                        ("hd", "stopped", SECRET), ("hd", "ended", SECRET))
    ]  # fmt: skip
    assert {(answer.status, answer.body.decode().strip()) for answer in answers} == {(401, WRONG)}


@pytest.mark.parametrize(
    ("body", "headers", "error"),
    [
        ("grant_type=a&grant_type=b", {"content_type": FORM}, "invalid_request"),
        ("grant_type=client_credentials", {"content_type": "text/plain"}, "invalid_request"),
        ("grant_type=client_credentials", {}, "invalid_request"),
        ("&".join(f"a{n}=1" for n in range(50)), {"content_type": FORM}, "invalid_request"),
        ("a=%ff", {"content_type": FORM}, "invalid_request"),
        (b"\xff", {"content_type": FORM}, "invalid_request"),
        ("grant_type=client_credentials&client_secret=x",
         {"content_type": FORM, "authorization": _basic("hd/commander", SECRET)}, "invalid_request"),
        ("grant_type=client_credentials&client_id=hd%2Freader",
         {"content_type": FORM, "authorization": _basic("hd/commander", SECRET)}, "invalid_request"),
    ],
)  # fmt: skip
def test_a_request_that_cannot_be_read_is_invalid(
    programs: Programs, body: bytes | str, headers: dict[str, str], error: str
) -> None:
    assert _error(programs.ask_for_token(body=body, **headers), 400) == error


@pytest.mark.parametrize("authorization", ["Bearer x", "Basic", "Basic !", "Basic eA==", "Basic JWZmOng="])
def test_an_authorization_that_cannot_be_read_is_an_invalid_client(programs: Programs, authorization: str) -> None:
    body = "grant_type=client_credentials"
    answer = programs.ask_for_token(body=body, content_type=FORM, authorization=authorization)
    assert _error(answer, 401) == "invalid_client"


def test_what_stands_in_the_address_is_not_read(programs: Programs) -> None:
    form = urlencode({"client_id": "hd/commander", "client_secret": SECRET, "grant_type": "client_credentials"})
    assert _error(programs.ask_for_token(f"{OAUTH}?{form}", "", content_type=FORM), 401) == "invalid_client"


@pytest.mark.parametrize("path", [OAUTH, LOG_IN])
def test_other_methods_long_bodies_and_other_paths_are_refused(programs: Programs, path: str) -> None:
    assert programs.soap.calls.call("GET", path).status == 405
    assert programs.ask_for_token(path, "x" * 20_000, content_type=FORM).status == 413
    assert programs.ask_for_token(f"{path}/x").status == 404


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=20), inner, max_size=4),
)


@hypothesis_settings(max_examples=100, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(body=st.binary(max_size=200) | JSON.map(lambda value: json.dumps(value).encode()) | st.just(b"[" * 16_000))
def test_whatever_is_sent_to_log_in_it_is_refused_and_no_mistake_of_the_service(
    programs: Programs, body: bytes
) -> None:
    assert programs.ask_for_token(LOG_IN, body).status in {400, 401}
    assert programs.ask_for_token(OAUTH, body, content_type=FORM).status in {400, 401}


# Using one

TAKE = '<workItemID id="2" version="0"/><resource>ana</resource>'


@pytest.mark.parametrize("scheme", ["Bearer ", "bearer ", "BEARER  ", ""])
def test_a_token_is_accepted_with_its_scheme_or_bare(programs: Programs, scheme: str) -> None:
    assert programs.call(programs.token("reader"), scheme=scheme).status == 200


def test_a_query_token_reads_and_does_not_write_and_a_command_token_does(programs: Programs) -> None:
    reading = programs.token("reader")
    assert programs.call(reading).status == 200
    fault = Fault(programs.call(reading, "allocateAndOpenWorkItem", TAKE).body)
    assert (fault.name, fault.error_code) == ("SecurityFault", "BRM_SECURITY_NOT_ALLOWED")
    narrowed = programs.token("commander", scope="query")
    assert _refused(programs.call(narrowed, "allocateAndOpenWorkItem", TAKE), 500)
    assert programs.call(programs.token("commander"), "allocateAndOpenWorkItem", TAKE).status == 200


def test_a_token_reaches_no_further_than_its_principal_does_now(programs: Programs) -> None:
    token = programs.token("commander")
    narrow = "UPDATE service_principal SET scope = 'query' WHERE name = 'commander'"
    _in_another_process(programs, narrow)
    try:
        programs.moved.by = timedelta(seconds=5.1)
        assert programs.call(token).status == 200
        assert _refused(programs.call(token, "allocateAndOpenWorkItem", TAKE), 500)
    finally:
        _in_another_process(programs, narrow.replace("query", "command"))


def test_no_scope_allows_what_the_persons_system_actions_do_not(programs: Programs) -> None:
    cancel = ("suspendWorkItem", '<workItemID id="1"/>')
    everything = programs.token("commander")
    assert _refused(programs.call(everything, *cancel), 500)
    programs.soap.database.write(lambda tx: people.grant(tx, "ana", SystemAction.SUSPEND_WORK_ITEM)).result(10)
    assert programs.call(everything, *cancel).status == 200


def test_a_token_ends_with_its_time(programs: Programs) -> None:
    hour, minute = programs.token("commander"), programs.token("chief")
    for seconds, first, second in ((0, 200, 200), (58, 200, 200), (61, 200, 401), (3598, 200, 401), (3601, 401, 401)):
        programs.moved.by = timedelta(seconds=seconds)
        assert (programs.call(hour).status, programs.call(minute).status) == (first, second)


def test_a_token_that_is_remembered_ends_no_later_than_one_that_is_not(programs: Programs) -> None:
    token = programs.token("chief")
    programs.moved.by = timedelta(seconds=58)
    assert programs.call(token).status == 200  # and is remembered now, for longer than it has left
    programs.moved.by = timedelta(seconds=60.5)
    _refused(programs.call(token))


def test_a_token_outlives_its_key_but_not_its_own_end_and_new_ones_have_the_new_key(programs: Programs) -> None:
    old = programs.token()
    kid = programs.soap.database.write(lambda tx: token_keys.rotate(tx, None)).result(10)
    assert programs.call(old).status == 200
    new = programs.token()
    header = json.loads(base64.urlsafe_b64decode(new.split(".")[0] + "=="))
    assert (header["alg"], header["kid"]) == ("Ed25519", kid)
    programs.moved.by = timedelta(days=1, seconds=1)
    assert programs.soap.database.write(token_keys.forget_old).result(10) == 1
    assert programs.soap.database.write(lambda tx: token_keys.signing_key(tx, None)).result(10)[0] == kid
    _refused(programs.call(old))


def _forge(programs: Programs, **changes: Any) -> str:
    """Sign claims with the service's own key, which only the service has."""
    kid, key = programs.soap.database.write(lambda tx: token_keys.signing_key(tx, None)).result(10)
    now = int(datetime.now(UTC).timestamp())
    subject = programs.soap.database.read(lambda tx: str(principals.list_all(tx)[0].id)).result(10)
    claims = {
        "iss": ISSUER,
        "aud": ISSUER,
        "sub": subject,
        "scope": "query",
        "iat": now,
        "exp": now + 60,
        "tenancy": "default",
    }
    claims = {name: value for name, value in (claims | changes).items() if value is not None}
    return jwt.encode({"alg": "Ed25519", "kid": kid}, claims, key, algorithms=["Ed25519"])


def test_claims_that_are_right_pass(programs: Programs) -> None:
    assert programs.call(_forge(programs)).status == 200


@pytest.mark.parametrize(
    "changes",
    [
        {"iss": "http://other"}, {"aud": "http://other"}, {"iss": None}, {"aud": None}, {"exp": 1}, {"exp": None},
        {"exp": "later"}, {"sub": None}, {"sub": "99999"}, {"sub": "x"}, {"sub": "9" * 400}, {"scope": "all"},
        {"scope": None}, {"scope": ["root"]}, {"sub": ["1"]},
    ],
    ids=str,
)  # fmt: skip
def test_claims_that_are_not_for_this_service_are_refused(programs: Programs, changes: dict[str, Any]) -> None:
    assert (
        _refused(programs.call(_forge(programs, **changes)))
        == "The token is none of this service, or is valid no longer"
    )


def test_a_token_of_another_key_or_algorithm_is_refused(programs: Programs) -> None:
    good = _forge(programs)
    head, claims, signature = good.split(".")
    kid, _ = programs.soap.database.write(lambda tx: token_keys.signing_key(tx, None)).result(10)
    body = json.loads(base64.urlsafe_b64decode(claims + "=" * (-len(claims) % 4)))

    def head_of(**members: str) -> str:
        return base64.urlsafe_b64encode(json.dumps(members).encode()).decode().rstrip("=")

    other = jwt.encode({"alg": "Ed25519", "kid": kid}, body, OKPKey.generate_key("Ed25519"), algorithms=["Ed25519"])
    by_secret = jwt.encode({"alg": "HS256", "kid": kid}, body, OctKey.import_key(b"0" * 32), algorithms=["HS256"])
    unsigned = f"{head_of(alg='none', kid=kid)}.{claims}."
    for token in (
        other, by_secret, unsigned, f"{head_of(alg='none', kid=kid)}.{claims}.{signature}", f"{head}.{claims}.",
        f"{head}.{claims}.{signature[:-4]}AAAA", f"{head_of(alg='Ed25519')}.{claims}.{signature}",
        f"{head_of(alg='Ed25519', kid='x')}.{claims}.{signature}", f"{head_of(alg='Ed25519', kid='x' * 99)}.{claims}.x",
    ):  # fmt: skip
        _refused(programs.call(token))
    assert programs.call(good).status == 200


@pytest.mark.parametrize(
    "token", ["", "x", "a.b.c", "..", "é.é.é", "x" * 5000, "W10.e30.e30", "e30.e30.e30", "eyJ.e.e"]
)
def test_what_is_no_token_is_challenged(programs: Programs, token: str) -> None:
    _refused(programs.call(token))


@hypothesis_settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(parts=st.lists(st.text("ABCDefgh0123-_=", max_size=30) | st.binary(max_size=30).map(
    lambda raw: base64.urlsafe_b64encode(raw).decode().rstrip("=")), min_size=3, max_size=3))  # fmt: skip
def test_whatever_a_token_holds_it_is_refused(programs: Programs, parts: list[str]) -> None:
    _refused(programs.call(".".join(parts)))


def _in_another_process(programs: Programs, statement: str) -> None:
    with closing(connect(programs.path, isolation_level=None)) as connection:
        connection.execute(statement)


@pytest.mark.parametrize(
    ("disable", "enable"),
    [
        ("UPDATE service_principal SET enabled = 0 WHERE name = 'reader'",
         "UPDATE service_principal SET enabled = 1 WHERE name = 'reader'"),
        ("UPDATE account SET enabled = 0 WHERE name = 'ana'", "UPDATE account SET enabled = 1 WHERE name = 'ana'"),
    ],
)  # fmt: skip
def test_a_disabled_principals_tokens_end_within_the_seconds_that_they_are_trusted(
    programs: Programs, disable: str, enable: str
) -> None:
    token = programs.token("reader")
    assert programs.call(token).status == 200
    _in_another_process(programs, disable)
    try:
        programs.moved.by = timedelta(seconds=5.1)
        _refused(programs.call(token))
    finally:
        _in_another_process(programs, enable)


def test_a_principal_that_this_service_disables_is_out_at_once(programs: Programs) -> None:
    token = programs.token("reader")
    assert programs.call(token).status == 200
    programs.soap.database.write(lambda tx: principals.disable(tx, "hd", "reader")).result(10)
    _refused(programs.call(token))
    _in_another_process(programs, "UPDATE service_principal SET enabled = 1 WHERE name = 'reader'")
    programs.moved.by = timedelta(seconds=6)
    assert programs.call(token).status == 200


def test_guessing_a_secret_is_slowed_down(template: Path, tmp_path: Path) -> None:
    moved = Still()
    with running(template, tmp_path, ahead=moved, throttle_account_failures=2) as soap:
        programs = Programs(soap, tmp_path, moved)
        secret_hash = CHEAP.hash(SECRET)
        soap.database.write(
            lambda tx: principals.add(tx, client="hd", name="commander", person="ana", scope=Scope.ROOT,
                                      secret_hash=secret_hash, lifetime=None)
        ).result(10)  # fmt: skip
        wrong = [programs.post_form("wrong secret") for _ in range(4)]
        assert {answer.body for answer in wrong} == {wrong[0].body}
        assert ["retry-after" in answer.headers for answer in wrong] == [False, False, False, True]
        assert _error(programs.post_form(), 401) == "invalid_client"
        log_in = json.dumps({"ClientName": "hd", "PrincipalName": "commander", "PrincipalPassword": SECRET})
        answer = programs.ask_for_token(LOG_IN, log_in)
        assert (answer.status, answer.headers["retry-after"]) == (401, "1")
        moved.by = timedelta(seconds=1.5)
        assert programs.post_form().status == 200
