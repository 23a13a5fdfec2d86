"""A token is of one tenancy, and nothing in another."""

import json
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from joserfc import jwt

from soapsvc.domain.credentials import Scope
from soapsvc.domain.work_item import NewWorkItem
from soapsvc.storage.database import InTenancy, open_database
from soapsvc.testing.in_process import Answer
from soapsvc.usecases import people, principals, scheduling, tenancies, token_keys
from soapsvc.usecases.tokens import WRONG_TOKEN
from tests.conftest import DEFAULT_TENANCY, PASSWORD, Soap
from tests.soap.conftest import running
from tests.support.soap import SERVICE_OF, Fault, content_of, envelope, request
from tests.support.tokens import CHEAP, token_of

ISSUER = "http://127.0.0.1:8080"


@dataclass
class Both:
    soap: Soap
    acme: InTenancy

    @property
    def default(self) -> InTenancy:
        return self.soap.database

    def names(self, token: str, **headers: str) -> set[str]:
        """Whom a program is shown."""
        answer = self.call(token, **headers)
        assert answer.status == 200, answer.body
        return {one.get("name") or "" for one in content_of(answer.body)}

    def call(self, token: str, operation: str = "lookupUser", wish: str = "", **headers: str) -> Answer:
        message = envelope(request(operation, wish, **({} if wish else {"get_detail": "true"})))
        return self.soap.post(SERVICE_OF[operation], message, user=None, authorization=f"Bearer {token}", **headers)

    def is_refused(self, token: str, **headers: str) -> bool:
        answer = self.call(token, **headers)
        if answer.status == 200:
            return False
        fault = Fault(answer.body)
        assert (answer.status, fault.text, fault.error_code) == (401, WRONG_TOKEN, "BRM_SECURITY_NOT_AUTHENTICATED")
        return True


@pytest.fixture(scope="module")
def both(template: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Both]:
    """Two tenancies, each with a principal of the same name that acts as a supervisor of the same name."""
    folder = tmp_path_factory.mktemp("both")
    path = Path(shutil.copy(template, folder / "two.db"))
    whole = open_database(sa.URL.create("sqlite", database=str(path)))
    acme = whole.write(partial(tenancies.add_tenancy, moniker="acme")).result(10).id
    for name in ("supervisor", "eve"):
        add_person = partial(people.add_person, name=name, guid=name, password_hash=CHEAP.hash(PASSWORD))
        InTenancy(whole, acme).write(add_person).result(10)
    for tenancy in (DEFAULT_TENANCY, acme):
        add = partial(
            principals.add, client="crm", name="robot", person="supervisor", scope=Scope.ROOT,
            secret_hash=CHEAP.hash(PASSWORD), lifetime=None,
        )  # fmt: skip
        InTenancy(whole, tenancy).write(add).result(10)
    whole.close()
    with running(path, folder, credential_seconds=60, throttle_seconds=0) as soap:
        yield Both(soap, InTenancy(soap.database.database, acme))


def test_the_tenancy_of_a_token_is_that_of_the_client_and_not_that_of_the_request(both: Both) -> None:
    ours, theirs = (token_of(both.soap.calls, f"{side}crm/robot", PASSWORD) for side in ("", "acme\\"))
    assert both.names(theirs) & {"eve", "ben"} == {"eve"}
    assert both.names(ours) & {"eve", "ben"} == {"ben"}
    assert both.names(theirs, host="acme.example.org") == both.names(theirs, host="www.example.org")


def test_a_token_is_none_at_the_host_of_another_tenancy_whether_it_is_remembered_or_not(both: Both) -> None:
    ours, theirs = (token_of(both.soap.calls, f"{side}crm/robot", PASSWORD) for side in ("", "acme\\"))
    for _ in range(2):
        assert both.is_refused(ours, host="acme.example.org")
        assert both.is_refused(theirs, host="default.example.org")
        assert not both.is_refused(ours, host="default.example.org")
        assert not both.is_refused(theirs, host="acme.example.org")


def test_the_host_says_which_tenancys_principal_asks_for_a_token(both: Both) -> None:
    form = b"grant_type=client_credentials&client_id=crm%2Frobot&client_secret=" + PASSWORD.replace(" ", "+").encode()
    headers = {"content-type": "application/x-www-form-urlencoded", "host": "acme.example.org"}
    answer = both.soap.calls.call("POST", "/oauth/token", form, headers)
    assert "eve" in both.names(json.loads(answer.body)["access_token"])
    body = json.dumps({"ClientName": "acme\\crm", "PrincipalName": "robot", "PrincipalPassword": PASSWORD}).encode()
    log_in = "/HdaAuth/Authorize/ServicePrincipalLogIn"
    assert "eve" in both.names(both.soap.calls.call("POST", log_in, body).body.decode())
    refused = both.soap.calls.call("POST", log_in, body, {"host": "default.example.org"})
    assert refused.status == 401


def test_an_item_of_another_tenancy_does_not_exist_for_a_program(both: Both) -> None:
    item = both.acme.write(lambda tx: scheduling.create_item(tx, NewWorkItem(name="x"), (), ["eve"])).result(10)
    wish = f'<workItemID id="{item.id}"/>'
    ours, theirs = (token_of(both.soap.calls, f"{side}crm/robot", PASSWORD) for side in ("", "acme\\"))
    missing = both.call(ours, "cancelWorkItem", wish)
    assert Fault(missing.body).error_code == "BRM_WORKITEM_UNKNOWN"
    assert Fault(both.call(theirs, "cancelWorkItem", wish).body).error_code == "BRM_SECURITY_NOT_ALLOWED"


def _signed(both: Both, by: InTenancy, **claims: Any) -> str:
    """Sign claims with a tenancy's own key, which only the service has."""
    kid, key = by.write(lambda tx: token_keys.signing_key(tx, None)).result(10)
    now = int(datetime.now(UTC).timestamp())
    subject = both.acme.read(lambda tx: str(principals.list_all(tx)[0].id)).result(10)
    said = {"iss": ISSUER, "aud": ISSUER, "sub": subject, "scope": "root", "iat": now, "exp": now + 60} | claims
    said = {name: value for name, value in said.items() if value is not None}
    return jwt.encode({"alg": "Ed25519", "kid": kid}, said, key, algorithms=["Ed25519"])


def test_claims_of_a_tenancy_are_accepted_with_that_tenancys_key(both: Both) -> None:
    assert "eve" in both.names(_signed(both, both.acme, tenancy="acme"))


@pytest.mark.parametrize("tenancy", ["default", "nowhere", "ACME", "", None, 2, ["acme"]])
def test_claims_that_name_another_tenancy_than_their_key_has_are_refused(both: Both, tenancy: object) -> None:
    assert both.is_refused(_signed(both, both.acme, tenancy=tenancy))


def test_a_key_of_another_tenancy_signs_nothing_here(both: Both) -> None:
    assert both.is_refused(_signed(both, both.default, tenancy="acme"))


def test_a_principal_of_another_tenancy_is_nobody_here(both: Both) -> None:
    """The subject is a number of the database, which all tenancies share."""
    assert both.is_refused(_signed(both, both.default, tenancy="default"))


def test_a_new_key_of_one_tenancy_changes_nothing_for_another(both: Both) -> None:
    before = both.default.write(lambda tx: token_keys.signing_key(tx, None)).result(10)[0]
    both.acme.write(lambda tx: token_keys.rotate(tx, None)).result(10)
    assert both.default.write(lambda tx: token_keys.signing_key(tx, None)).result(10)[0] == before
