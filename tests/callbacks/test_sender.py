"""Sending, over real sockets to a real receiver on this machine, which the tests open by an allow list."""

import asyncio
import ssl
import time

import pytest

from soapsvc.callbacks.addresses import AddressGuard
from soapsvc.callbacks.sender import Sender, SendingLimits
from soapsvc.domain.delivery import MOST_ANSWER_BYTES, Outcome
from soapsvc.domain.errors import InvalidCallback
from soapsvc.origin import networks_of
from tests.support.certificates import Authority
from tests.support.receivers import Names, answering, dripping, never_resolving, receiving, silent, writing

NAME = "receiver.example"
BODY = b'{"type":"workitem.version.saved"}'
HEADERS = {"webhook-id": "msg_1", "webhook-timestamp": "7"}
HERE = networks_of("127.0.0.0/8")
DEADLINE = 10


@pytest.fixture(scope="module")
def authority(tmp_path_factory) -> Authority:
    return Authority(tmp_path_factory.mktemp("authority"))


@pytest.fixture(scope="module")
def trusting(authority) -> ssl.SSLContext:
    return ssl.create_default_context(cafile=authority.certificate)


@pytest.fixture
def with_certificate_for(authority):
    def make(*hosts: str, days: int = 1) -> ssl.SSLContext:
        pair = authority.pair("-".join(hosts).replace("*", "any"), hosts=hosts, days=days)
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(pair.certificate, pair.key)
        return context

    return make


@pytest.fixture
def sender_for(trusting):
    def make(resolver, *, networks=HERE, seconds=5.0, http_allowed=True) -> Sender:
        limits = SendingLimits(http_allowed=http_allowed, seconds=seconds)
        return Sender(AddressGuard(networks), resolver, limits, user_agent="soapsvc/test", tls=trusting)

    return make


def run(coroutine):
    async def within_deadline():
        async with asyncio.timeout(DEADLINE):
            return await coroutine

    return asyncio.run(within_deadline())


def exchange(sender, respond, *, tls=None, url="{scheme}://receiver.example:{port}/hook?x=1", host="127.0.0.1"):
    """Send one callback to a receiver that responds like this; give what it came to, and the receiver."""

    async def play():
        async with receiving(respond, tls=tls, host=host) as receiver:
            where = url.format(port=receiver.port, scheme="https" if tls else "http")
            return await sender.send(where, BODY, HEADERS), receiver

    return run(play())


# What is sent


def test_a_callback_is_posted_to_the_checked_address_under_its_name(sender_for, with_certificate_for):
    names = Names(["127.0.0.1"])
    attempt, receiver = exchange(sender_for(names), answering(200, b"thanks"), tls=with_certificate_for(NAME))
    (request,) = receiver.requests

    assert (attempt.outcome, attempt.status, attempt.answer) == (Outcome.DELIVERED, 200, "thanks")
    assert request.line == "POST /hook?x=1 HTTP/1.1"
    assert request.body == BODY
    assert request.headers == {
        "host": f"{NAME}:{receiver.port}",
        "content-type": "application/json",
        "content-length": str(len(BODY)),
        "user-agent": "soapsvc/test",
        "accept-encoding": "identity",
        "connection": "close",
        **HEADERS,
    }
    assert receiver.names == [NAME]
    assert names.asked == [(NAME, receiver.port)]


def test_the_next_address_is_dialled_where_one_cannot_be_reached(sender_for):
    attempt, receiver = exchange(sender_for(Names(["127.0.0.2", "127.0.0.1"])), answering(204))
    assert attempt.outcome is Outcome.DELIVERED
    assert receiver.connections == 1


def test_a_receiver_with_the_address_of_version_6_is_reached(sender_for):
    sender = sender_for(Names(["::1"]), networks=networks_of("::1/128"))
    attempt, receiver = exchange(sender, answering(200), host="::1", url="http://[::1]:{port}/")
    assert attempt.outcome is Outcome.DELIVERED
    assert receiver.requests[0].headers["host"] == f"[::1]:{receiver.port}"


def test_no_proxy_of_the_environment_is_used(sender_for, monkeypatch):
    async def play():
        async with receiving(answering(200)) as proxy, receiving(answering(200)) as receiver:
            for name in ("http_proxy", "HTTP_PROXY", "https_proxy", "HTTPS_PROXY", "all_proxy", "ALL_PROXY"):
                monkeypatch.setenv(name, f"http://127.0.0.1:{proxy.port}")
            await sender_for(Names(["127.0.0.1"])).send(f"http://{NAME}:{receiver.port}/", BODY, HEADERS)
            return proxy, receiver

    proxy, receiver = run(play())
    assert proxy.connections == 0
    assert len(receiver.requests) == 1


# TLS


@pytest.mark.parametrize("hosts", [["other.example"], ["127.0.0.1"], ["localhost"]])
def test_a_certificate_of_another_name_is_not_accepted(sender_for, with_certificate_for, hosts):
    attempt, receiver = exchange(sender_for(Names(["127.0.0.1"])), answering(200), tls=with_certificate_for(*hosts))
    assert attempt.outcome is Outcome.UNREACHABLE
    assert "certificate" in attempt.detail
    assert receiver.requests == []


def test_a_certificate_that_has_run_out_is_not_accepted(sender_for, with_certificate_for):
    tls = with_certificate_for(NAME, days=-1)
    attempt, receiver = exchange(sender_for(Names(["127.0.0.1"])), answering(200), tls=tls)
    assert attempt.outcome is Outcome.UNREACHABLE
    assert receiver.requests == []


def test_a_certificate_of_an_unknown_authority_is_not_accepted(with_certificate_for):
    sender = Sender(AddressGuard(HERE), Names(["127.0.0.1"]), SendingLimits(), user_agent="test")
    attempt, receiver = exchange(sender, answering(200), tls=with_certificate_for(NAME))
    assert attempt.outcome is Outcome.UNREACHABLE
    assert receiver.requests == []


def test_old_tls_is_not_spoken(sender_for, with_certificate_for):
    tls = with_certificate_for(NAME)
    with pytest.warns(DeprecationWarning, match="TLSv1"):
        tls.minimum_version, tls.maximum_version = ssl.TLSVersion.TLSv1, ssl.TLSVersion.TLSv1_1
    tls.set_ciphers("ALL:@SECLEVEL=0")
    attempt, receiver = exchange(sender_for(Names(["127.0.0.1"])), answering(200), tls=tls)
    assert attempt.outcome is Outcome.UNREACHABLE
    assert receiver.requests == []


# Where it may go


@pytest.mark.parametrize(
    "addresses", [["127.0.0.1"], ["1.1.1.1", "127.0.0.1"], ["127.0.0.1", "1.1.1.1"], ["::ffff:127.0.0.1"]]
)
def test_one_forbidden_address_among_those_of_a_name_is_enough_to_send_nothing(sender_for, addresses):
    sender = sender_for(Names(addresses), networks=())
    attempt, receiver = exchange(sender, answering(200))
    assert attempt.outcome is Outcome.BLOCKED
    assert receiver.connections == 0
    assert "127.0.0.1" not in attempt.detail
    with pytest.raises(InvalidCallback):
        run(sender.check(f"https://{NAME}/"))


def test_a_name_that_leads_elsewhere_after_it_was_accepted_is_blocked(sender_for):
    sender = sender_for(Names(["1.1.1.1"], ["127.0.0.1"]), networks=())
    run(sender.check(f"https://{NAME}/"))
    attempt, receiver = exchange(sender, answering(200))
    assert attempt.outcome is Outcome.BLOCKED
    assert receiver.connections == 0


def test_a_name_is_looked_up_once_a_try_and_what_was_checked_is_dialled(sender_for):
    names = Names(["127.0.0.1"], ["169.254.169.254"])
    attempt, receiver = exchange(sender_for(names), answering(200))
    assert attempt.outcome is Outcome.DELIVERED
    assert len(names.asked) == 1
    assert receiver.connections == 1


def test_an_address_in_the_url_is_judged_like_any_other(sender_for):
    async def as_it_stands(host, _):
        return [host]

    attempt, receiver = exchange(sender_for(as_it_stands, networks=()), answering(200), url="http://127.0.0.1:{port}/")
    assert attempt.outcome is Outcome.BLOCKED
    assert receiver.connections == 0


@pytest.mark.parametrize(
    "url", ["http://receiver.example/", "https://a:b@receiver.example/", "ftp://receiver.example/"]
)
def test_a_url_that_is_not_allowed_any_more_is_blocked_and_looked_up_by_nobody(sender_for, url):
    names = Names(["127.0.0.1"])
    attempt = run(sender_for(names, http_allowed=False).send(url, BODY, HEADERS))
    assert attempt.outcome is Outcome.BLOCKED
    assert names.asked == []


def test_a_name_that_cannot_be_looked_up_now_may_be_asked_for(sender_for):
    run(sender_for(Names(OSError("no such name"))).check(f"https://{NAME}/"))


def test_a_name_without_an_address_is_not_reached(sender_for):
    for answer in ([], OSError("no such name")):
        attempt = run(sender_for(Names(answer)).send(f"https://{NAME}/", BODY, HEADERS))
        assert attempt.outcome is Outcome.UNREACHABLE


# What comes back


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_a_redirect_is_a_failure_and_is_not_followed(sender_for, status):
    async def play():
        async with receiving(answering(200)) as other:
            redirect = answering(status, location=f"http://{NAME}:{other.port}/")
            async with receiving(redirect) as receiver:
                url = f"http://{NAME}:{receiver.port}/"
                return await sender_for(Names(["127.0.0.1"])).send(url, BODY, HEADERS), other

    attempt, other = run(play())
    assert (attempt.outcome, attempt.status) == (Outcome.REFUSED, status)
    assert other.connections == 0


@pytest.mark.parametrize(
    ("status", "outcome"),
    [
        (200, Outcome.DELIVERED),
        (202, Outcome.DELIVERED),
        (299, Outcome.DELIVERED),
        (400, Outcome.REFUSED),
        (404, Outcome.REFUSED),
        (410, Outcome.GONE),
        (429, Outcome.BUSY),
        (500, Outcome.REFUSED),
        (503, Outcome.BUSY),
    ],
)
def test_an_answer_is_judged_by_its_status(sender_for, status, outcome):
    attempt, _ = exchange(sender_for(Names(["127.0.0.1"])), answering(status, b"why", retry_after="7"))
    assert (attempt.outcome, attempt.status, attempt.answer, attempt.retry_after) == (outcome, status, "why", "7")


@pytest.mark.parametrize(
    "respond",
    [
        answering(200, b"x" * 10_000_000),
        dripping(b"x" * 1_000, b"HTTP/1.1 200 OK\r\n\r\n"),
        dripping(b"400\r\n" + b"x" * 0x400 + b"\r\n", b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"),
    ],
    ids=["long", "endless", "endless in chunks"],
)
def test_of_a_long_answer_only_the_beginning_is_read_and_kept(sender_for, respond):
    attempt, _ = exchange(sender_for(Names(["127.0.0.1"])), respond)
    assert attempt.outcome is Outcome.DELIVERED
    assert attempt.answer == "x" * MOST_ANSWER_BYTES
    assert attempt.milliseconds < 1_000  # nothing waited for the rest of the body


def test_an_answer_that_breaks_off_counts_by_its_status(sender_for):
    short = writing(b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nsome")
    attempt, _ = exchange(sender_for(Names(["127.0.0.1"])), short)
    assert (attempt.outcome, attempt.answer) == (Outcome.DELIVERED, "some")


def test_an_answer_whose_body_comes_too_slowly_counts_by_its_status(sender_for):
    slow = dripping(b"x", b"HTTP/1.1 500 Oops\r\nContent-Length: 100000\r\n\r\n")
    attempt, _ = exchange(sender_for(Names(["127.0.0.1"])), slow)
    assert (attempt.outcome, attempt.status) == (Outcome.REFUSED, 500)
    assert attempt.answer.startswith("xx")


@pytest.mark.parametrize(
    "respond",
    [writing(), writing(b"nonsense\r\n\r\n"), writing(b"HTTP/1.1 200 OK\r\n"), dripping(b"x: " + b"y" * 50_000)],
    ids=["nothing", "no HTTP", "half a head", "an endless head"],
)
def test_what_is_no_answer_is_a_failure(sender_for, respond):
    attempt, _ = exchange(sender_for(Names(["127.0.0.1"])), respond)
    assert (attempt.outcome, attempt.status) == (Outcome.UNREACHABLE, None)
    assert attempt.detail


def test_a_receiver_that_does_not_listen_is_not_reached(sender_for):
    async def play():
        async with receiving(answering(200)) as receiver:
            port = receiver.port
        return await sender_for(Names(["127.0.0.1"])).send(f"http://{NAME}:{port}/", BODY, HEADERS)

    assert run(play()).outcome is Outcome.UNREACHABLE


# The deadline


@pytest.mark.parametrize(
    "respond",
    [silent, dripping(b"x"), dripping(b"HTTP/1.1 100 Continue\r\n\r\n")],
    ids=["silence", "a head in drops", "interim answers for ever"],
)
def test_a_slow_receiver_is_given_up_at_the_deadline(sender_for, respond):
    began = time.monotonic()
    attempt, receiver = exchange(sender_for(Names(["127.0.0.1"]), seconds=0.3), respond)
    assert attempt.outcome is Outcome.TIMED_OUT
    assert len(receiver.requests) == 1
    assert 0.25 < time.monotonic() - began < 2
    assert 250 < attempt.milliseconds < 2_000


def test_a_handshake_that_is_not_answered_is_given_up_at_the_deadline(sender_for):
    async def play():
        async with receiving(silent) as receiver:  # it takes the greeting of TLS for a request that goes on
            url = f"https://{NAME}:{receiver.port}/"
            return await sender_for(Names(["127.0.0.1"]), seconds=0.3).send(url, BODY, HEADERS)

    assert run(play()).outcome is Outcome.TIMED_OUT


def test_a_look_up_that_is_not_answered_is_given_up_at_the_deadline(sender_for):
    attempt = run(sender_for(never_resolving, seconds=0.3).send(f"https://{NAME}/", BODY, HEADERS))
    assert attempt.outcome is Outcome.TIMED_OUT
    assert attempt.milliseconds < 2_000
