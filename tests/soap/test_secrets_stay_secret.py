"""No secret that is shown to the service is shown by it: not in answers, not in log lines, not in the database."""

import base64
import hashlib
import json
import logging
import os
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

import pytest

from soapsvc.domain.credentials import Scope
from soapsvc.testing.in_process import Answer
from soapsvc.usecases import people, principals, sealing, token_keys, vault
from soapsvc.usecases.callback_targets import CallbackSecrets
from tests.conftest import Soap
from tests.soap.conftest import running
from tests.support.soap import envelope, request, username_token
from tests.support.tokens import CHEAP, FORM, token_of

PATH = "/amxbpm/EntityResolverService"
BODY = request("lookupUser", "")
RIGHT, WRONG = "the-right-password-of-dora", "a-password-typed-wrongly"
SECRET, WRONG_SECRET = "the-right-secret-of-a-program", "a-secret-typed-wrongly"
WSSE = "http://docs.oasis-open.org/wss/2004/01/oasis-200401-wss-wssecurity-secext-1.0.xsd"
WSU = "http://docs.oasis-open.org/wss/2004/01/oasis-200401-wss-wssecurity-utility-1.0.xsd"
PROFILE = "http://docs.oasis-open.org/wss/2004/01/oasis-200401-wss-username-token-profile-1.0"


@dataclass
class Guarded:
    soap: Soap
    path: Path
    keys: str
    answers: list[Answer] = field(default_factory=list)

    def ask(self, header: str = "", authorization: str = "") -> Answer:
        named = {"content-type": "text/xml"} | ({"authorization": authorization} if authorization else {})
        return self._kept(self.soap.calls.call("POST", PATH, envelope(BODY, header), named, address="192.0.2.1"))

    def ask_for_token(self, path: str, body: str, headers: dict[str, str]) -> Answer:
        return self._kept(self.soap.calls.call("POST", path, body.encode(), headers, address="192.0.2.1"))

    def _kept(self, answer: Answer) -> Answer:
        self.answers.append(answer)
        return answer


@contextmanager
def guarded_service(template: Path, tmp_path: Path) -> Iterator[Guarded]:
    """Run a service that keeps recoverable secrets, and gives tokens; at its end it writes all that it has noted."""
    vault.add_key(tmp_path / "keys")
    keys = vault.Vault(vault.keys_in(tmp_path / "keys"))
    assert keys is not None
    options = {"secret_key_file": str(tmp_path / "keys"), "throttle_account_failures": 2}
    with running(template, tmp_path, **options) as soap:

        def prepare(tx: object) -> None:
            people.add_person(tx, name="dora", guid="D", password_hash=CHEAP.hash(RIGHT), sealed=keys.seal(RIGHT))  # type: ignore[arg-type]
            principals.add(
                tx, client="hd", name="robot", person="dora", scope=Scope.ROOT,  # type: ignore[arg-type]
                secret_hash=CHEAP.hash(SECRET), lifetime=None,
            )  # fmt: skip

        soap.database.write(prepare).result(10)
        yield Guarded(soap, tmp_path / "soapsvc.db", (tmp_path / "keys").read_text().strip())


def _digest(password: str) -> str:
    nonce, created = os.urandom(16), datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    digest = base64.b64encode(hashlib.sha1(nonce + created.encode() + password.encode()).digest()).decode()  # noqa: S324
    return (
        f'<s:Security xmlns:s="{WSSE}" xmlns:u="{WSU}"><s:UsernameToken><s:Username>dora</s:Username>'
        f'<s:Password Type="{PROFILE}#PasswordDigest">{digest}</s:Password><s:Nonce>{base64.b64encode(nonce).decode()}'
        f"</s:Nonce><u:Created>{created}</u:Created></s:UsernameToken></s:Security>"
    )


def _basic(name: str, password: str) -> str:
    return "Basic " + base64.b64encode(f"{name}:{password}".encode()).decode()


def test_no_secret_comes_out_again(template: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    with guarded_service(template, tmp_path) as guarded:
        token = _show_all_secrets(guarded)

    assert {answer.status for answer in guarded.answers} >= {200, 400, 401, 500}
    with closing(sqlite3.connect(guarded.path)) as connection:
        stored = "\n".join(connection.iterdump())
    assert "sign-in-refused" in stored
    places = {
        "answers": "\n".join(f"{answer.headers} {answer.body.decode()}" for answer in guarded.answers),
        "log": caplog.text,
        "database": stored,
    }
    secrets = [RIGHT, WRONG, SECRET, WRONG_SECRET, token, token[: len(token) // 2], guarded.keys, "PRIVATE KEY"]
    shown = [(where, secret) for where, text in places.items() for secret in secrets if secret in text]
    assert shown == []


def _show_all_secrets(guarded: Guarded) -> str:
    """Sign in rightly and wrongly in every way; give a token that was right."""
    token = token_of(guarded.soap.calls, "hd/robot", SECRET)
    half = token[: len(token) // 2]
    for password in (RIGHT, WRONG, WRONG, WRONG, RIGHT):  # the last is throttled
        guarded.ask(username_token("dora", password))
        guarded.ask(authorization=_basic("dora", password))
        guarded.ask(_digest(password))
        guarded.ask(authorization=_basic(password, "a name in the wrong field"))
    header = _digest(RIGHT)
    for _ in range(2):
        guarded.ask(header)
    for shown in (token, half, f"{half}.x", token[:-4], f"x{token}"):
        guarded.ask(authorization=f"Bearer {shown}")
        guarded.ask(authorization=shown)
    for secret in (WRONG_SECRET, WRONG_SECRET, SECRET, WRONG_SECRET):
        form = f"grant_type=client_credentials&client_id=hd/robot&client_secret={secret}&scope=beyond"
        guarded.ask_for_token("/oauth/token", form, FORM)
        names = {"ClientName": "hd", "PrincipalName": "robot", "PrincipalPassword": secret}
        guarded.ask_for_token("/HdaAuth/Authorize/ServicePrincipalLogIn", json.dumps(names)[: -1 if secret else 1], {})
    keys = vault.Vault(vault.keys_in(guarded.path.parent / "keys"))
    assert keys is not None
    guarded.soap.database.write(lambda tx: token_keys.rotate(tx, keys)).result(10)
    guarded.soap.database.database.write(lambda tx: sealing.reseal(tx, keys, CallbackSecrets([]))).result(10)
    return token
