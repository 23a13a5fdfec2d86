"""What a request's address decides: who is slowed down, and whose word on the caller is taken."""

import base64
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from soapsvc.domain.errors import NotAuthenticated
from soapsvc.domain.work_item import NewWorkItem
from soapsvc.exchange import HeaderFields, Request
from soapsvc.origin import ClearTextAlarm, Proxies, networks_of
from soapsvc.settings import InvalidSettings, load
from soapsvc.testing.in_process import Answer
from soapsvc.usecases import people, scheduling
from tests.conftest import PASSWORD, Soap
from tests.soap.conftest import running
from tests.support.moved import Moved, Still
from tests.support.soap import Fault, envelope, request, username_token

PATH = "/amxbpm/WorkItemManagementService"
BODY = request("getWorkItemHeader", '<workItemID id="1"/>')
PROXY, STRANGER, HOME = "10.1.2.3", "198.51.100.7", "192.0.2.1"
WRONG = "The user name or the password is wrong"


@pytest.fixture
def moved() -> Moved:
    return Still()


@pytest.fixture
def guarded(template: Path, tmp_path: Path, moved: Moved) -> Iterator[Soap]:
    """A service behind trusted proxies, with two free failures."""
    options = {
        "proxy_addresses": "10.0.0.0/8, ::1",
        "proxy_identity_header": "X-Remote-User",
        "throttle_account_failures": 2,
        "throttle_address_failures": 4,
    }
    with running(template, tmp_path, ahead=moved, **options) as soap:
        new = NewWorkItem(name="n")
        soap.database.write(lambda tx: scheduling.create_item(tx, new, (), ("ana", "ben"))).result(10)
        yield soap


def _call(
    soap: Soap, address: str, *, user: str | None = None, password: str = PASSWORD, token: str = "", **headers: str
) -> Answer:
    named = {"content-type": "text/xml"} | {name.replace("_", "-"): value for name, value in headers.items()}
    if user is not None:
        named["authorization"] = "Basic " + base64.b64encode(f"{user}:{password}".encode()).decode()
    return soap.calls.call("POST", PATH, envelope(BODY, token), named, address=address)


def _fail(soap: Soap, address: str, user: str = "ana", times: int = 1, **headers: str) -> list[Answer]:
    answers = [_call(soap, address, user=user, password="wrong horse", **headers) for _ in range(times)]
    assert {(answer.status, Fault(answer.body).text) for answer in answers} == {(401, WRONG)}
    return answers


# Throttling


def test_who_guesses_is_answered_at_once_with_the_same_text_and_told_when_to_come_again(
    guarded: Soap, moved: Moved
) -> None:
    answers = _fail(guarded, STRANGER, times=5)
    assert len({answer.body for answer in answers}) == 1
    assert [answer.headers.get("retry-after") for answer in answers] == [None, None, None, "1", "1"]
    right = _call(guarded, STRANGER, user="ana")  # nobody learns by the answer that this was right
    assert (right.status, right.body, right.headers["retry-after"]) == (401, answers[0].body, "1")
    by_token = _call(guarded, STRANGER, token=username_token("ana", PASSWORD))
    assert (by_token.status, by_token.headers["retry-after"]) == (500, "1")
    moved.by = timedelta(seconds=1.1)
    assert _call(guarded, STRANGER, user="ana").status == 200


def test_nobody_is_locked_out_by_a_strangers_failures(guarded: Soap) -> None:
    assert _call(guarded, HOME, user="ben").status == 200
    _fail(guarded, STRANGER, times=6)
    assert _call(guarded, HOME, user="ana").status == 200
    _fail(guarded, STRANGER, user="ben", times=6)
    assert _call(guarded, HOME, user="ben").status == 200


def test_who_is_signed_in_stays_so_whatever_others_try_from_the_same_address(guarded: Soap, moved: Moved) -> None:
    assert _call(guarded, HOME, user="ana").status == 200
    _fail(guarded, HOME, times=6)
    for seconds in (0, 0.5):
        moved.by = timedelta(seconds=seconds)
        assert _call(guarded, HOME, user="ana").status == 200


def test_the_address_behind_a_trusted_proxy_is_the_one_that_is_counted(guarded: Soap) -> None:
    _fail(guarded, PROXY, times=6, x_forwarded_for=f"{HOME}, {STRANGER}")  # the first part is the stranger's own word
    assert _call(guarded, PROXY, user="ana", x_forwarded_for=STRANGER).status == 401
    assert _call(guarded, PROXY, user="ana", x_forwarded_for=HOME).status == 200


def test_what_a_stranger_says_of_his_address_is_not_believed(guarded: Soap) -> None:
    for number in range(6):
        _fail(guarded, STRANGER, x_forwarded_for=f"203.0.113.{number}")
    answer = _call(guarded, STRANGER, user="ana", x_forwarded_for=HOME)
    assert (answer.status, "retry-after" in answer.headers) == (401, True)


async def _nothing() -> None: ...


def _from_proxy(*headers: tuple[str, str]) -> Request:
    return Request("POST", "/amxbpm/WorkListService", "", HeaderFields(headers), _nothing, PROXY)


@pytest.mark.parametrize(
    ("forwarded", "address"),
    [
        ([], PROXY), ([""], PROXY), (["nonsense"], PROXY), (["192.0.2.1"], HOME), (["1.1.1.1,192.0.2.1"], HOME),
        (["1.1.1.1", "192.0.2.1"], HOME), (["192.0.2.1, 10.9.9.9"], HOME), (["192.0.2.1, x, 10.9.9.9"], "10.9.9.9"),
        (["10.9.9.9"], "10.9.9.9"), (["::ffff:192.0.2.1"], HOME), (["2001:DB8::1"], "2001:db8::1"),
        (["x," * 5000], PROXY), (["\xff"], PROXY),
    ],
)  # fmt: skip
def test_the_last_address_that_is_no_trusted_proxy_is_where_a_request_comes_from(
    forwarded: list[str], address: str
) -> None:
    asked = _from_proxy(*[("x-forwarded-for", one) for one in forwarded])
    assert Proxies(networks_of("10.0.0.0/8")).origin_of(asked).address == address
    assert Proxies().origin_of(asked).address == PROXY


@pytest.mark.parametrize(("is_secure", "warned_of"), [(False, [PROXY]), (True, [])])
def test_of_credentials_in_the_clear_behind_a_proxy_the_proxy_is_told_and_not_each_client(
    caplog: pytest.LogCaptureFixture, is_secure: bool, warned_of: list[str]
) -> None:
    alarm, proxies = ClearTextAlarm(), Proxies(networks_of("10.0.0.0/8"))
    for client in (HOME, STRANGER):
        asked = replace(_from_proxy(("x-forwarded-for", client)), is_secure=is_secure)
        alarm.note(proxies.origin_of(asked))
    assert [record.args for record in caplog.records] == [(one,) for one in warned_of]


# A proxy that vouches


@pytest.mark.parametrize("address", [PROXY, "::1", "::ffff:10.1.2.3"])
def test_a_trusted_proxy_may_say_who_calls(guarded: Soap, address: str) -> None:
    assert _call(guarded, address, x_remote_user="ana").status == 200
    assert _call(guarded, address, X_REMOTE_USER="ben").status == 200


@pytest.mark.parametrize("address", [STRANGER, "127.0.0.1", "11.0.0.1", "::2", "", "localhost"])
def test_anybody_elses_word_is_ignored(guarded: Soap, address: str) -> None:
    answer = _call(guarded, address, x_remote_user="ana")
    assert answer.status == 401
    assert "wants to know who calls" in Fault(answer.body).text
    assert _call(guarded, address, user="ben", x_remote_user="supervisor").status == 200


def test_a_forwarded_address_does_not_make_a_stranger_a_proxy(guarded: Soap) -> None:
    assert _call(guarded, STRANGER, x_remote_user="ana", x_forwarded_for=PROXY).status == 401


def test_a_proxys_word_and_other_credentials_are_not_taken_together(guarded: Soap) -> None:
    for options in ({"user": "ben"}, {"token": username_token("ben", PASSWORD)}, {"authorization": "Bearer a.b.c"}):
        answer = _call(guarded, PROXY, x_remote_user="ana", **options)  # type: ignore[arg-type]
        assert "beside it" in Fault(answer.body).text


@pytest.mark.parametrize("name", ["nobody", "ana,ben", "carl", "GUID-of-ana"])
def test_a_proxy_vouches_only_for_who_may_sign_in(guarded: Soap, name: str) -> None:
    guarded.database.write(lambda tx: people.set_enabled(tx, "carl", False)).result(10)
    assert _call(guarded, PROXY, x_remote_user=name).status == 401


def test_an_empty_word_is_none(guarded: Soap) -> None:
    assert _call(guarded, PROXY, user="ana", x_remote_user=" ").status == 200


def test_two_words_are_refused(guarded: Soap) -> None:
    asked = _from_proxy(("x-remote-user", "ana"), ("x-remote-user", "ben"))
    trusting = Proxies(networks_of("10.0.0.0/8"), "X-Remote-User")
    with pytest.raises(NotAuthenticated):
        trusting.vouched_name(asked)
    assert Proxies(networks_of("10.0.0.0/8")).vouched_name(asked) is None
    assert Proxies((), "X-Remote-User").vouched_name(asked) is None


@pytest.mark.parametrize(
    "options",
    [{"proxy_addresses": "10.0.0.1/8"}, {"proxy_addresses": "proxy.example.org"},
     {"proxy_identity_header": "Authorization"}, {"proxy_identity_header": "X User"}],
)  # fmt: skip
def test_settings_of_proxies_that_cannot_be_meant_are_refused(options: dict[str, str]) -> None:
    with pytest.raises(InvalidSettings):
        load(options, {})
