"""The forms in which clients sign in by a SOAP header: digests, nonces, timestamps, and what .NET makes of them."""

import base64
import contextlib
import hashlib
import os
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import requests
import zeep
from hypothesis import HealthCheck, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st
from lxml import etree
from zeep.wsse.username import UsernameToken

from soapsvc.domain.credentials import SingleUse
from soapsvc.domain.errors import NotAuthenticated
from soapsvc.domain.work_item import NewWorkItem
from soapsvc.soap import security
from soapsvc.soap.versions import SOAP11
from soapsvc.testing.in_process import Answer, InProcessAdapter
from soapsvc.usecases import people, scheduling, vault
from soapsvc.usecases.digests import digest_of
from tests.conftest import PASSWORD, Soap
from tests.soap.conftest import running
from tests.support.moved import Moved
from tests.support.soap import Fault, envelope, request
from tests.support.tokens import CHEAP

SERVICE = "WorkItemManagementService"
WSSE = "http://docs.oasis-open.org/wss/2004/01/oasis-200401-wss-wssecurity-secext-1.0.xsd"
WSU = "http://docs.oasis-open.org/wss/2004/01/oasis-200401-wss-wssecurity-utility-1.0.xsd"
PROFILE = "http://docs.oasis-open.org/wss/2004/01/oasis-200401-wss-username-token-profile-1.0"
BASE64 = "http://docs.oasis-open.org/wss/2004/01/oasis-200401-wss-soap-message-security-1.0#Base64Binary"
WRONG = "The user name or the password is wrong"
DORA = "a recoverable secret"


@pytest.fixture(scope="module")
def moved() -> Moved:
    return Moved()


@pytest.fixture(scope="module")
def digests(template: Path, tmp_path_factory: pytest.TempPathFactory, moved: Moved) -> Iterator[Soap]:
    """A service with a secret key, where dora may sign in by digest, and where an item is offered to all."""
    folder = tmp_path_factory.mktemp("digests")
    vault.add_key(folder / "keys")
    keys = vault.Vault(vault.keys_in(folder / "keys"))
    assert keys is not None
    with running(template, folder, ahead=moved, secret_key_file=str(folder / "keys"), throttle_seconds=0) as soap:
        for name in ("dora", "emil"):
            soap.database.write(
                lambda tx, one=name: people.add_person(
                    tx, name=one, guid=None, password_hash=CHEAP.hash(DORA), sealed=keys.seal(DORA)
                )
            ).result(10)
        soap.database.write(lambda tx: people.set_enabled(tx, "emil", False)).result(10)
        new = NewWorkItem(name="n")
        soap.database.write(lambda tx: scheduling.create_item(tx, new, (), ("dora", "ana"))).result(10)
        yield soap


@pytest.fixture
def post(digests: Soap, moved: Moved) -> Iterator[Callable[[str], Answer]]:
    body = request("getWorkItemHeader", '<workItemID id="1"/>')
    yield lambda header: digests.post(SERVICE, envelope(body, header), user=None)
    moved.by = timedelta()


def _text(moment: datetime) -> str:
    return moment.strftime("%Y-%m-%dT%H:%M:%S.%fZ")


def _token(
    name: str = "dora", password: str = DORA, *, created: str | None = None, nonce: bytes | None = None,
    kind: str = "Digest", encoding: str = f'EncodingType="{BASE64}"', around: str = "",
) -> str:  # fmt: skip
    created = created or _text(datetime.now(UTC))
    nonce = os.urandom(16) if nonce is None else nonce
    if kind == "Digest":
        digest = hashlib.sha1(nonce + created.encode() + password.encode())  # noqa: S324
        password = base64.b64encode(digest.digest()).decode()
    return (
        f'<wsse:Security xmlns:wsse="{WSSE}" xmlns:wsu="{WSU}" soap:mustUnderstand="1">{around}<wsse:UsernameToken>'
        f'<wsse:Username>{name}</wsse:Username><wsse:Password Type="{PROFILE}#Password{kind}">{password}'
        f"</wsse:Password><wsse:Nonce {encoding}>{base64.b64encode(nonce).decode()}</wsse:Nonce>"
        f"<wsu:Created>{created}</wsu:Created></wsse:UsernameToken></wsse:Security>"
    )


def _refused(answer: Answer) -> str:
    fault = Fault(answer.body)
    assert (answer.status, fault.name) == (500, "SecurityFault"), answer.body
    assert "www-authenticate" not in answer.headers
    return fault.text


# Digests


@pytest.mark.parametrize(
    ("nonce", "created", "password", "digest"),
    [
        # ONVIF Application Programmer's Guide, section 6.1.1.3
        (base64.b64decode("LKqI6G/AikKCQrN0zqZFlg=="), "2010-09-16T07:50:45Z", "userpassword",
         "tuOSpGlFlIXsozq4HFNeeGeFLEI="),
        # Mark Pilgrim, Atom Authentication, 2003, which digests the nonce's text
        (b"d36e316282959a9ed4c89851497a717f", "2003-12-15T14:43:07Z", "taadtaadpstcsm",
         "quR/EWLAV4xLf9Zqyw4pDmfV9OY="),
    ],
)  # fmt: skip
def test_digests_are_those_that_were_published(nonce: bytes, created: str, password: str, digest: str) -> None:
    assert base64.b64encode(digest_of(password, SingleUse(nonce, None, created))).decode() == digest


def test_a_digest_signs_in_and_its_replay_does_not(post: Callable[[str], Answer]) -> None:
    header = _token()
    assert post(header).status == 200
    assert "sent before" in _refused(post(header))


def test_a_wrong_digest_an_unknown_name_a_disabled_one_and_one_without_secret_get_one_text(
    post: Callable[[str], Answer],
) -> None:
    headers = [_token(password="wrong horse"), _token("nobody"), _token("emil"), _token("ana", PASSWORD)]
    answers = [post(header) for header in headers]
    assert {_refused(answer) for answer in answers} == {WRONG}
    assert len({answer.body for answer in answers}) == 1


def test_a_digest_that_failed_does_not_use_up_its_nonce(post: Callable[[str], Answer]) -> None:
    nonce, created = os.urandom(16), _text(datetime.now(UTC))
    _refused(post(_token(password="wrong horse", nonce=nonce, created=created)))
    assert post(_token(nonce=nonce, created=created)).status == 200


def test_without_a_secret_key_no_digest_is_accepted(soap: Soap) -> None:
    message = envelope(request("getWorkItemHeader", '<workItemID id="1"/>'), _token("ana", PASSWORD))
    assert "PasswordText" in _refused(soap.post(SERVICE, message, user=None))


def test_zeep_signs_in_by_digest(digests: Soap) -> None:
    session = requests.Session()
    session.mount("http://", InProcessAdapter(digests.calls))
    client = zeep.Client(
        f"http://localhost:8080/amxbpm/{SERVICE}?wsdl",
        transport=zeep.Transport(session=session),
        wsse=UsernameToken("dora", DORA, use_digest=True),
    )
    for _ in range(2):
        (header,) = client.service.getWorkItemHeader(workItemID=[{"id": 1}])
        assert header.id == 1


@pytest.mark.parametrize("kind", ["Digest", "Text"])
@pytest.mark.parametrize(
    ("minutes", "passes"), [(0, True), (4.9, True), (-4.9, True), (5.1, False), (-5.1, False), (60 * 24, False)]
)
def test_a_moment_that_is_too_far_from_the_services_is_refused(
    post: Callable[[str], Answer], moved: Moved, kind: str, minutes: float, passes: bool
) -> None:
    header = _token(kind=kind)
    moved.by = timedelta(minutes=minutes)
    answer = post(header)
    if passes:
        assert answer.status == 200, answer.body
    else:
        assert "too old" in _refused(answer)


def test_the_settings_say_how_far_clocks_may_differ_and_how_many_nonces_are_kept(
    template: Path, tmp_path: Path
) -> None:
    moved = Moved()
    body = request("lookupUser", "")
    with running(template, tmp_path, ahead=moved, clock_skew_seconds=10, single_uses=100) as soap:

        def status() -> int:
            return soap.post("EntityResolverService", envelope(body, header), user=None).status

        for seconds, expected in ((9, 200), (11, 500), (-11, 500)):
            header = _token("ana", PASSWORD, kind="Text")
            moved.by = timedelta(seconds=seconds)
            assert status() == expected
        moved.by = timedelta()
        for number in range(100):
            header = _token("ana", PASSWORD, kind="Text")
            assert status() == (200 if number < 99 else 500)  # the first of all is still kept
        moved.by = timedelta(seconds=25)
        header = _token("ana", PASSWORD, kind="Text", created=_text(moved.now()))
        assert status() == 200


def test_a_plain_token_with_a_nonce_passes_once(post: Callable[[str], Answer]) -> None:
    header = _token("ana", PASSWORD, kind="Text")
    assert post(header).status == 200
    assert "sent before" in _refused(post(header))
    assert post(_token("ana", PASSWORD, kind="Text")).status == 200


def test_a_moment_may_be_written_in_any_way_that_xml_knows(post: Callable[[str], Answer]) -> None:
    now = datetime.now(UTC)
    for created in (
        now.strftime("%Y-%m-%dT%H:%M:%SZ"),
        now.strftime("%Y-%m-%dT%H:%M:%S.1234567Z"),  # as .NET does
        now.strftime("%Y-%m-%dT%H:%M:%S"),
        (now + timedelta(hours=2)).strftime("%Y-%m-%dT%H:%M:%S+02:00"),
    ):
        assert post(_token(created=created)).status == 200, created


HOSTILE_MOMENTS = [
    "", "now", "2026-11-22", "2026-13-01T00:00:00Z", "99999-01-01T00:00:00Z", "0001-01-01T00:00:00+14:00",
    "9999-12-31T23:59:59-14:00", "2026-11-22T25:00:00Z", "2026-11-22T10:00:00+99:99", "\uff12026-11-22T10:00:00Z",
    "2026-11-22T10:00:00." + "1" * 5000 + "Z",
]  # fmt: skip


@pytest.mark.parametrize("created", HOSTILE_MOMENTS)
def test_a_moment_that_is_none_is_refused(post: Callable[[str], Answer], created: str) -> None:
    _refused(post(_token().replace("<wsu:Created>", f"<wsu:Created>{created}</wsu:Created><x>")
                  .replace("</wsu:Created></wsse:U", "</x></wsse:U")))  # fmt: skip


@pytest.mark.parametrize(
    "header",
    [
        _token(encoding='EncodingType="urn:hex"'),
        _token(nonce=b""),
        _token(nonce=b"x" * 1000),
        _token().replace("<wsse:Nonce", "<wsse:No").replace("</wsse:Nonce", "</wsse:No"),
        _token().replace("<wsu:Created", "<wsu:No").replace("</wsu:Created", "</wsu:No"),
    ],
)
def test_a_nonce_that_cannot_be_used_is_refused(post: Callable[[str], Answer], header: str) -> None:
    _refused(post(header))


@pytest.mark.parametrize("encoding", ["", f'EncodingType="{BASE64}"', f'EncodingType=" {BASE64} "'])
def test_a_nonce_is_base64_whether_it_says_so_or_not(post: Callable[[str], Answer], encoding: str) -> None:
    assert post(_token(encoding=encoding)).status == 200


# Timestamps, and .NET


def _stamp(created: timedelta, expires: timedelta) -> str:
    now = datetime.now(UTC)
    return (
        f'<wsu:Timestamp wsu:Id="_0"><wsu:Created>{_text(now + created)}</wsu:Created>'
        f"<wsu:Expires>{_text(now + expires)}</wsu:Expires></wsu:Timestamp>"
    )


MINUTE = timedelta(minutes=1)


@pytest.mark.parametrize(
    ("created", "expires", "passes"),
    [(0 * MINUTE, 5 * MINUTE, True), (-9 * MINUTE, -4 * MINUTE, True), (-11 * MINUTE, -6 * MINUTE, False),
     (4 * MINUTE, 9 * MINUTE, True), (6 * MINUTE, 11 * MINUTE, False)],
)  # fmt: skip
def test_a_message_is_read_only_within_its_timestamp(
    post: Callable[[str], Answer], created: timedelta, expires: timedelta, passes: bool
) -> None:
    answer = post(_token(around=_stamp(created, expires)))
    if passes:
        assert answer.status == 200, answer.body
    else:
        assert "too old" in _refused(answer)


def test_two_timestamps_are_refused(post: Callable[[str], Answer]) -> None:
    assert "More than one" in _refused(post(_token(around=_stamp(0 * MINUTE, MINUTE) * 2)))


def test_an_expired_timestamp_is_refused_beside_http_basic_too(digests: Soap) -> None:
    header = f'<wsse:Security xmlns:wsse="{WSSE}" xmlns:wsu="{WSU}">{_stamp(-9 * MINUTE, -8 * MINUTE)}</wsse:Security>'
    message = envelope(request("getWorkItemHeader", '<workItemID id="1"/>'), header)
    assert digests.post(SERVICE, message, user="ana").status == 401


def test_the_header_of_wcf_signs_in(post: Callable[[str], Answer]) -> None:
    now = datetime.now(UTC)
    header = (
        f'<o:Security soap:mustUnderstand="1" xmlns:o="{WSSE}"><u:Timestamp u:Id="_0" xmlns:u="{WSU}">'
        f"<u:Created>{now:%Y-%m-%dT%H:%M:%S}.123Z</u:Created>"
        f"<u:Expires>{now + 5 * MINUTE:%Y-%m-%dT%H:%M:%S}.123Z</u:Expires></u:Timestamp>"
        f'<o:UsernameToken u:Id="uuid-6b1f0c51-7e2d-4a52-9e3e-5d3a5d7f3a63-1" xmlns:u="{WSU}">'
        f'<o:Username>ana</o:Username><o:Password Type="{PROFILE}#PasswordText">{PASSWORD}</o:Password>'
        f"</o:UsernameToken></o:Security>"
    )
    for _ in range(2):  # without a nonce it is of no single use
        assert post(header).status == 200


def test_the_header_of_wse_3_signs_in(post: Callable[[str], Answer]) -> None:
    now = datetime.now(UTC)
    header = (
        f'<wsa:Action xmlns:wsa="http://schemas.xmlsoap.org/ws/2004/08/addressing">getWorkItemHeader</wsa:Action>'
        f'<wsse:Security soap:mustUnderstand="1" xmlns:wsse="{WSSE}" xmlns:wsu="{WSU}">'
        f'<wsu:Timestamp wsu:Id="Timestamp-1"><wsu:Created>{now:%Y-%m-%dT%H:%M:%S}Z</wsu:Created>'
        f"<wsu:Expires>{now + 5 * MINUTE:%Y-%m-%dT%H:%M:%S}Z</wsu:Expires></wsu:Timestamp>"
        f'<wsse:UsernameToken wsu:Id="SecurityToken-1"><wsse:Username>ana</wsse:Username>'
        f'<wsse:Password Type="{PROFILE}#PasswordText">{PASSWORD}</wsse:Password>'
        f"<wsse:Nonce>{base64.b64encode(os.urandom(16)).decode()}</wsse:Nonce>"
        f"<wsu:Created>{now:%Y-%m-%dT%H:%M:%S}Z</wsu:Created></wsse:UsernameToken></wsse:Security>"
    )
    assert post(header).status == 200


@pytest.mark.parametrize(("demand", "status"), [("0", 200), ("1", 500)])
def test_a_certificate_beside_the_token_is_ignored_unless_it_must_be_understood(
    post: Callable[[str], Answer], demand: str, status: int
) -> None:
    part = f'<wsse:BinarySecurityToken ValueType="{PROFILE}">AAAA</wsse:BinarySecurityToken>'
    answer = post(_token(around=part).replace('mustUnderstand="1"', f'mustUnderstand="{demand}"'))
    assert answer.status == status
    if status != 200:
        assert Fault(answer.body).code == "MustUnderstand"


# Whatever comes

TEXTS = st.text(st.characters(codec="utf-8", exclude_categories=("Cc", "Cs")), max_size=40)
NAMES = st.sampled_from([f"{{{WSSE}}}{name}" for name in ("Username", "Password", "Nonce", "UsernameToken")]
                        + [f"{{{WSU}}}{name}" for name in ("Created", "Expires", "Timestamp")])  # fmt: skip
KINDS = st.sampled_from(["", f"{PROFILE}#PasswordDigest", f"{PROFILE}#PasswordText", BASE64]) | TEXTS


@st.composite
def _elements(draw: st.DrawFn, depth: int = 1) -> etree._Element:
    element = etree.Element(draw(NAMES))
    element.text = draw(TEXTS | st.sampled_from(["AAAA", "2026-11-22T10:00:00Z"]))
    for attribute in draw(st.lists(st.sampled_from(["Type", "EncodingType"]), max_size=2)):
        element.set(attribute, draw(KINDS))
    if depth:
        element.extend(draw(st.lists(_elements(depth - 1), max_size=5)))
    return element


@hypothesis_settings(max_examples=100, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(parts=st.lists(_elements(), max_size=2), authorization=TEXTS)
def test_whatever_a_security_header_holds_it_is_read_or_refused(
    parts: list[etree._Element], authorization: str
) -> None:
    block = etree.Element(f"{{{WSSE}}}Security")
    block.extend(parts)
    with contextlib.suppress(NotAuthenticated):
        security.shown_by([block], SOAP11, authorization)
    with contextlib.suppress(NotAuthenticated):
        security.lifetime_of([block])
