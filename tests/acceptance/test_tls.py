"""TLS in the service itself, over real sockets: who gets in, and what is said of files that cannot be used."""

import socket
import ssl
import warnings
from collections.abc import Callable, Iterator
from http.client import HTTPConnection, HTTPException
from pathlib import Path
from urllib.error import URLError
from urllib.request import urlopen

import pytest
import requests
import zeep
from zeep.transports import Transport
from zeep.wsse.username import UsernameToken

from tests.support.certificates import PASSWORD as KEY_PASSWORD
from tests.support.certificates import Authority, Pair
from tests.support.server import PASSWORD, Server, clean_environment, run_command


def variables(pair: Pair, **others: object) -> dict[str, str]:
    named = {"certificate": pair.certificate, "key": pair.key} | others
    return {f"SOAPSVC_TLS_{name.upper()}": str(value) for name, value in named.items()}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("certificates")


@pytest.fixture(scope="module")
def authority(folder: Path) -> Authority:
    return Authority(folder)


@pytest.fixture(scope="module")
def client(authority: Authority) -> Pair:
    return authority.pair("client")


def context_of(authority: Authority, client: Pair | None = None) -> ssl.SSLContext:
    context = ssl.create_default_context(cafile=authority.certificate)
    if client is not None:
        context.load_cert_chain(client.certificate, client.key)
    return context


@pytest.fixture(scope="module")
def plain(authority: Authority, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A server that wants no certificate of its clients; its key is encrypted."""
    pair = authority.pair("plain", encrypted=True)
    password_file = pair.key.with_suffix(".password")
    password_file.write_text(f"{KEY_PASSWORD}\n")
    password_file.chmod(0o600)
    server = Server(tmp_path_factory.mktemp("plain"), **variables(pair, key_password_file=password_file))
    server.context = context_of(authority)
    with server:
        yield server


@pytest.fixture(scope="module")
def strict(authority: Authority, client: Pair, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A server that wants a certificate of its clients."""
    files = variables(authority.pair("strict"), client_ca=authority.certificate)
    server = Server(tmp_path_factory.mktemp("strict"), **files)
    server.context = context_of(authority, client)
    assert server.run("migrate").returncode == 0
    server.add_user("ana")
    with server:
        yield server


# Who gets in


def test_a_server_with_an_encrypted_key_answers_and_calls_itself_https(plain: Server) -> None:
    lines = plain.output.read_text().splitlines()
    assert all(f"https://127.0.0.1:{plain.port}/" in line for line in lines)
    with urlopen(f"{plain.address}/amxbpm/WorkListService?wsdl", context=plain.context, timeout=5) as answer:
        assert f'location="{plain.address}/amxbpm/WorkListService"'.encode() in answer.read()


def test_nothing_of_the_keys_password_is_told(plain: Server) -> None:
    assert KEY_PASSWORD not in plain.output.read_text() + plain.log.read_text()


@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3])
def test_tls_from_1_2_on_is_spoken(plain: Server, authority: Authority, version: ssl.TLSVersion) -> None:
    context = context_of(authority)
    context.minimum_version = context.maximum_version = version
    with urlopen(f"{plain.address}/health/live", context=context, timeout=5) as answer:
        assert answer.read() == b"ok\n"


def test_tls_1_1_is_refused(plain: Server, authority: Authority) -> None:
    context = context_of(authority)
    context.set_ciphers("ALL:@SECLEVEL=0")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        context.minimum_version, context.maximum_version = ssl.TLSVersion.TLSv1, ssl.TLSVersion.TLSv1_1
    with pytest.raises(URLError) as refused:
        urlopen(f"{plain.address}/health/live", context=context, timeout=5)
    # It is the server that says so, not the client's own library that cannot.
    assert "ALERT" in str(refused.value).upper()


def test_plain_http_on_the_port_of_tls_fails_at_once_and_does_no_harm(plain: Server) -> None:
    connection = HTTPConnection("127.0.0.1", plain.port, timeout=5)
    connection.request("GET", "/health/live")
    with pytest.raises((HTTPException, ConnectionError)):
        connection.getresponse()
    connection.close()
    with urlopen(f"{plain.address}/health/live", context=plain.context, timeout=5) as answer:
        assert answer.status == 200


def test_zeep_works_with_a_client_certificate(strict: Server, authority: Authority, client: Pair) -> None:
    (item,) = strict.json("items", "add", "--name", "Review", "--offer-to", "ana")
    with requests.Session() as session:
        session.trust_env = False  # an authority that the environment names would come first
        session.verify = str(authority.certificate)
        session.cert = (str(client.certificate), str(client.key))
        address = f"{strict.address}/amxbpm/WorkItemManagementService?wsdl"
        service = zeep.Client(
            address, wsse=UsernameToken("ana", PASSWORD), transport=Transport(session=session)
        ).service
        (header,) = service.getWorkItemHeader(workItemID=[{"id": item}])
    assert (header.name, header.version) == ("Review", 0)


def test_who_has_no_certificate_or_another_authoritys_is_refused(
    strict: Server, authority: Authority, folder: Path
) -> None:
    stranger = Authority(folder, "stranger").pair("strange-client")
    for context in (context_of(authority), context_of(authority, stranger)):
        with pytest.raises((URLError, ssl.SSLError, ConnectionError)):
            urlopen(f"{strict.address}/health/live", context=context, timeout=5)


def test_a_client_that_never_begins_its_handshake_keeps_nobody_waiting(plain: Server) -> None:
    with (
        socket.create_connection(("127.0.0.1", plain.port)),
        urlopen(f"{plain.address}/health/live", context=plain.context, timeout=5) as answer,
    ):
        assert answer.status == 200


@pytest.mark.parametrize(("bits", "form"), [(2048, "TraditionalOpenSSL"), (None, "TraditionalOpenSSL")])
def test_keys_in_older_forms_serve_too(authority: Authority, tmp_path: Path, bits: int | None, form: str) -> None:
    server = Server(tmp_path, **variables(authority.pair(f"old-{bits}", bits=bits, form=form)))
    server.context = context_of(authority)
    with server:
        pass


# What is said of files that cannot be used


def _refusal(folder: Path, **settings: str) -> str:
    result = run_command(folder, "serve", environment=clean_environment() | settings)
    assert result.returncode == 1, result.stdout
    (sentence,) = result.stderr.splitlines()
    assert list(folder.glob("*.db")) == []
    return sentence


Change = Callable[[dict[str, str], Authority], None]


def _set(name: str, value: str) -> Change:
    return lambda files, _: files.update({f"SOAPSVC_TLS_{name.upper()}": value})


def _without(name: str) -> Change:
    return lambda files, _: files.pop(f"SOAPSVC_TLS_{name.upper()}") and None


def _other_key(files: dict[str, str], authority: Authority) -> None:
    files["SOAPSVC_TLS_KEY"] = str(authority.pair("other").key)


def _weak(files: dict[str, str], authority: Authority) -> None:
    files |= variables(authority.pair("weak", bits=1024))


def _encrypted(files: dict[str, str], authority: Authority) -> None:
    files |= variables(authority.pair("encrypted", encrypted=True))


def _wrong_password(files: dict[str, str], authority: Authority) -> None:
    files |= variables(authority.pair("encrypted", encrypted=True), key_password_file=authority.certificate)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (_set("certificate", "nowhere.pem"), "tls_certificate cannot be used: nowhere.pem: No such file"),
        (_set("key", "nowhere.key"), "tls_key cannot be used: nowhere.key: No such file"),
        (_set("key", "."), "tls_key cannot be used: .: Is a directory"),
        (_set("client_ca", "nowhere.pem"), "tls_client_ca cannot be used: nowhere.pem: No such file"),
        (_set("client_ca", "/dev/null"), "/dev/null holds no certificate in PEM"),
        (_set("certificate", "/dev/null"), "/dev/null holds no certificate in PEM"),
        (_set("key", "/dev/null"), "/dev/null holds no private key in PEM"),
        (_without("key"), "needs both settings"),
        (_without("certificate"), "needs both settings"),
        (_other_key, "does not belong to the certificate"),
        (_weak, "cannot be used for TLS: it must be RSA of 2048 bits"),
        (_encrypted, "is encrypted: tls_key_password_file must name a file"),
        (_wrong_password, "is not that of the key"),
        (lambda files, _: files.update(SOAPSVC_TLS_KEY_PASSWORD_FILE="nowhere"), "password_file cannot be used"),
    ],
)
def test_a_file_that_cannot_be_used_is_a_sentence_before_anything_is_started(
    authority: Authority, tmp_path: Path, change: Change, said: str
) -> None:
    files = variables(authority.pair("checked"))
    change(files, authority)
    assert said in _refusal(tmp_path, **files)


@pytest.mark.parametrize(("mode", "warned"), [(0o600, False), (0o640, False), (0o644, True), (0o660, True)])
def test_a_key_that_others_can_read_is_warned_of(
    authority: Authority, caplog: pytest.LogCaptureFixture, mode: int, warned: bool
) -> None:
    from soapsvc import tls

    pair = authority.pair("open")
    pair.key.chmod(mode)
    assert tls.read(certificate=str(pair.certificate), key=str(pair.key)) is not None
    assert ("others may read" in caplog.text) == warned


def test_a_certificate_that_has_ended_is_warned_of(authority: Authority, caplog: pytest.LogCaptureFixture) -> None:
    from soapsvc import tls

    pair = authority.pair("ended", days=-1)
    tls.read(certificate=str(pair.certificate), key=str(pair.key))
    assert "and not now" in caplog.text
