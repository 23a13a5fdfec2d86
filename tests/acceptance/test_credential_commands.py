"""The commands about credentials, beside a service that runs on the same file."""

import base64
import json
import sqlite3
import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from urllib.error import HTTPError
from urllib.parse import urlencode
from urllib.request import Request, urlopen

import pytest
import requests
import zeep
from zeep.wsse.username import UsernameToken

from tests.support.server import PASSWORD, Server, run_command
from tests.support.soap import envelope, request

SECRET = "a secret of a program"


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    folder = tmp_path_factory.mktemp("credentials")
    environment = {"SOAPSVC_CREDENTIAL_SECONDS": "0", "SOAPSVC_SECRET_KEY_FILE": str(folder / "keys")}
    server = Server(folder, **environment)
    assert server.run("secret-key", "new", "keys").stdout == "keys has a new key\n"
    assert server.run("migrate").returncode == 0
    server.add_user("ana")
    server.json("items", "add", "--name", "n", "--offer-to", "ana")
    with server:
        yield server


def _status(server: Server, authorization: str) -> int:
    message = envelope(request("getWorkItemHeader", '<workItemID id="1"/>'))
    headers = {"Content-Type": "text/xml", "Authorization": authorization}
    try:
        with urlopen(Request(f"{server.address}/amxbpm/WorkItemManagementService", message, headers)) as answer:
            return int(answer.status)
    except HTTPError as refused:
        refused.close()
        return refused.code


def _basic(password: str) -> str:
    return "Basic " + base64.b64encode(f"ana:{password}".encode()).decode()


def test_a_changed_or_disabled_password_counts_for_a_service_that_runs(server: Server) -> None:
    assert _status(server, _basic(PASSWORD)) == 200
    changed = server.run("user", "set-password", "ana", "--password-stdin", stdin="another horse\n")
    assert (changed.returncode, changed.stdout) == (0, "ana has a new password\n")
    assert (_status(server, _basic(PASSWORD)), _status(server, _basic("another horse"))) == (401, 200)
    assert server.run("user", "disable", "ana").stdout == "ana may sign in no longer\n"
    assert _status(server, _basic("another horse")) == 401
    assert server.run("user", "enable", "ana").stdout == "ana may sign in again\n"
    assert _status(server, _basic("another horse")) == 200
    assert server.run("user", "set-password", "ana", "--password-stdin", stdin=f"{PASSWORD}\n").returncode == 0


def _digest_works(server: Server, password: str) -> bool:
    with requests.Session() as session:
        client = zeep.Client(
            f"{server.address}/amxbpm/WorkItemManagementService?wsdl",
            transport=zeep.Transport(session=session),
            wsse=UsernameToken("ana", password, use_digest=True),
        )
        try:
            return bool(client.service.getWorkItemHeader(workItemID=[{"id": 1}]))
        except zeep.exceptions.Fault:
            return False


def test_a_digest_works_only_for_a_password_that_is_recoverable_and_keys_can_be_replaced(server: Server) -> None:
    set_password = ("user", "set-password", "ana", "--password-stdin")
    assert not _digest_works(server, PASSWORD)
    assert server.run(*set_password, "--recoverable", stdin=f"{PASSWORD}\n").returncode == 0
    assert _digest_works(server, PASSWORD)
    assert PASSWORD.encode() not in (server.folder / "soapsvc.db").read_bytes()
    assert server.run("secret-key", "new", "keys").stdout == "keys has a new key, and 1 older\n"
    assert "secrets sealed anew" in server.run("secret-key", "reseal").stdout
    assert server.run(*set_password, stdin=f"{PASSWORD}\n").returncode == 0
    assert not _digest_works(server, PASSWORD)


def _token(server: Server, secret: str = SECRET) -> str | None:
    form = {"grant_type": "client_credentials", "client_id": "hd/ana", "client_secret": secret}
    try:
        with urlopen(f"{server.address}/oauth/token", urlencode(form).encode()) as answer:
            return str(json.load(answer)["access_token"])
    except HTTPError as refused:
        refused.close()
        return None


def test_a_program_gets_tokens_until_it_is_disabled_and_keys_rotate(server: Server) -> None:
    add = ("principal", "add", "ana", "--client", "hd", "--scope", "query")
    added = server.run(*add, "--secret-stdin", "--lifetime", "600", stdin=f"{SECRET}\n")
    assert (added.returncode, added.stdout) == (0, "hd/ana\n"), added.stderr
    assert server.run(*add, "--secret-stdin", stdin=f"{SECRET}\n").returncode == 1
    assert server.json("principal", "list") == [
        {"client": "hd", "name": "ana", "person": "ana", "scope": "query", "lifetime": 600, "enabled": True}
    ]
    token = _token(server)
    assert _status(server, f"Bearer {token}") == 200
    assert "signs now" in server.run("token-key", "rotate").stdout
    assert _status(server, f"Bearer {token}") == 200
    assert _token(server, "wrong secret") is None
    assert server.run("principal", "disable", "ana", "--client", "hd").stdout == "hd/ana may sign in no longer\n"
    assert (_token(server), _status(server, f"Bearer {token}")) == (None, 401)
    assert SECRET not in server.log.read_text() + server.output.read_text()


def test_what_a_command_disables_stops_within_the_seconds_that_it_is_trusted(tmp_path: Path) -> None:
    server = Server(tmp_path)  # with the default: 5 seconds
    assert server.run("migrate").returncode == 0
    server.add_user("ana")
    server.json("items", "add", "--name", "n", "--offer-to", "ana")
    add = ("principal", "add", "ana", "--client", "hd", "--scope", "query", "--secret-stdin")
    assert server.run(*add, stdin=f"{SECRET}\n").returncode == 0
    with server:
        shown = [_basic(PASSWORD), f"Bearer {_token(server)}"]
        assert [_status(server, one) for one in shown] == [200, 200]
        assert server.run("user", "disable", "ana").returncode == 0
        deadline = time.monotonic() + 5.5
        statuses = [200]
        while 200 in statuses and time.monotonic() < deadline:
            statuses = [_status(server, one) for one in shown]
        assert statuses == [401, 401]
        assert _token(server) is None


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("user", "disable", "nobody"), "'nobody'"),
        (("user", "set-password", "nobody", "--password-stdin"), "'nobody'"),
        (("principal", "disable", "nobody", "--client", "hd"), "'hd/nobody'"),
        (("principal", "add", "nobody", "--client", "hd", "--scope", "root", "--secret-stdin"), "'nobody'"),
        (("principal", "add", "x", "--client", "h/d", "--scope", "root", "--secret-stdin"), "slash"),
        (
            ("principal", "add", "x", "--client", "h", "--scope", "root", "--secret-stdin", "--lifetime", "90000"),
            "86400",
        ),
    ],
)  # fmt: skip
def test_what_cannot_be_done_is_a_sentence(server: Server, arguments: tuple[str, ...], said: str) -> None:
    refused = server.run(*arguments, stdin=f"{SECRET}\n")
    assert refused.returncode == 1
    assert said in refused.stderr
    assert "Traceback" not in refused.stderr


def test_secrets_are_never_arguments(server: Server) -> None:
    assert server.run("user", "set-password", "ana", "secret", stdin=SECRET).returncode == 2
    assert server.run("principal", "add", "x", "--client", "hd", "--scope", "root", stdin=SECRET).returncode == 2


def test_without_a_key_nothing_can_be_made_recoverable(tmp_path: Path) -> None:
    assert run_command(tmp_path, "migrate").returncode == 0
    for command in (("user", "add", "eve", "--password-stdin", "--recoverable"), ("secret-key", "reseal")):
        refused = run_command(tmp_path, *command, stdin=f"{SECRET}\n")
        assert (refused.returncode, "secret_key_file" in refused.stderr) == (1, True)
    with closing(sqlite3.connect(tmp_path / "soapsvc.db")) as connection:
        assert connection.execute("SELECT count(*) FROM account").fetchone() == (0,)
