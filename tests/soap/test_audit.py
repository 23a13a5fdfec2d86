"""What requests leave in the audit log, and the operation that reads it."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from shutil import copy
from typing import Any
from urllib.parse import urlencode

import pytest
from lxml import etree

from soapsvc import origin, serving
from soapsvc.domain.audit import AuditFilter
from soapsvc.domain.caller import SystemAction
from soapsvc.domain.credentials import Scope
from soapsvc.domain.values import parse_moment
from soapsvc.domain.work_item import NewWorkItem
from soapsvc.exchange import HeaderFields, Request, Response
from soapsvc.origin import ClearTextAlarm, Origin, Proxies
from soapsvc.settings import Settings
from soapsvc.storage import audit as stored
from soapsvc.storage.database import InTenancy
from soapsvc.testing.in_process import InProcess
from soapsvc.usecases import people, principals, scheduling, tenancies, token_keys
from soapsvc.usecases.sign_in import hash_password
from tests.conftest import PASSWORD, Soap
from tests.soap.conftest import Ask, Refused
from tests.support.soap import content_of, envelope, username_token
from tests.support.tokens import CHEAP, FORM, token_of

WHERE = "203.0.113.9"
Told = tuple[str, str | None, str | None, str | None, str | None]


class Recording:
    """A service whose callers come from an address, and the entries that are in its log once it has ended."""

    def __init__(self, soap: Soap) -> None:
        self.soap = soap
        self.entries: list[Told] = []


@pytest.fixture
def recording(template: Path, tmp_path: Path) -> Callable[..., Any]:
    @contextmanager
    def start(client: str = WHERE, scheme: str = "http", **options: Any) -> Iterator[Recording]:
        path = copy(template, tmp_path / "soapsvc.db")
        with serving.opened_service(Settings(database=f"sqlite:///{path}", **options)) as service:
            before = service.default_tenancy.read(stored.highest_id).result(10)

            async def from_there(request: Request) -> Response:
                return await service.application(replace(request, address=client, is_secure=scheme == "https"))

            with InProcess(from_there) as calls:
                result = Recording(Soap(calls, service.default_tenancy))
                yield result
            url = service.database.path
        result.entries = _entries(url, before)

    return start


def _entries(path: Path, before: int, moniker: str | None = None) -> list[Told]:
    from soapsvc.wiring import opened_tenancy

    with opened_tenancy(Settings(database=f"sqlite:///{path}"), moniker) as database:
        read = partial(stored.after, wanted=AuditFilter(), after=before, most=1000)
        found = database.read(read).result(10)
    return [(one.kind, one.actor, one.address, one.subject, one.detail) for one in found]


def _item(database: InTenancy) -> int:
    new = NewWorkItem(name="Review")
    return database.write(lambda tx: scheduling.create_item(tx, new, (), ["ana"])).result(10).id


# What requests leave


def test_who_signs_in_is_recorded_once_with_his_address(recording: Callable[..., Any]) -> None:
    with recording() as log:
        for _ in range(3):
            assert log.soap.ask("lookupUser", "").status == 200
    assert log.entries == [("sign-in", "ana", "203.0.113.9", None, None)]


def test_refused_sign_ins_are_counted_whatever_was_wrong(recording: Callable[..., Any]) -> None:
    with recording() as log:
        for user, password in (("ana", "wrong password"), ("ana", "another one"), ("nobody", "wrong password")):
            assert log.soap.ask("lookupUser", "", user=user, password=password).status == 401
        token = username_token("ben", "wrong password")
        body = '<own:lookupUser xmlns:own="http://resolver.api.de.n2.tibco.com"/>'
        log.soap.post("EntityResolverService", envelope(body, token), user=None)
    assert sorted(log.entries, key=str) == [
        ("sign-in-refused", None, "203.0.113.9", "an unknown name", None),
        ("sign-in-refused", None, "203.0.113.9", "ana", "1 more"),
        ("sign-in-refused", None, "203.0.113.9", "ana", None),
        ("sign-in-refused", None, "203.0.113.9", "ben", None),
    ]


def test_who_only_waits_to_be_asked_for_credentials_is_not_recorded(recording: Callable[..., Any]) -> None:
    with recording() as log:
        assert log.soap.ask("lookupUser", "", user=None).status == 401
    assert log.entries == []


def test_an_operation_that_is_not_allowed_is_recorded_with_its_items(recording: Callable[..., Any]) -> None:
    with recording() as log:
        item = _item(log.soap.database)
        log.soap.ask("openWorkItem", f'<workItemID id=" +{item}"/>', user="ben")
        log.soap.ask("skipWorkItem", f'<workItemID id="{item}"/>')
        log.soap.ask("getWorkItemHeader", f'<workItemID id="{item}"/>')
        log.soap.ask("getWorkItemHeader", '<workItemID id="99999"/>')
        log.soap.ask("getAuditEntries", "")
    where = "203.0.113.9"
    assert [one for one in log.entries if one[0] != "sign-in"] == [
        ("refusal", "ben", where, f"openWorkItem: work item {item}", None),
        ("refusal", "ana", where, f"skipWorkItem: work item {item}", None),
        ("refusal", "ana", where, "getAuditEntries", None),
    ]


def test_what_is_changed_about_credentials_is_recorded(recording: Callable[..., Any]) -> None:
    with recording() as log:
        write = log.soap.database.write
        kids = []

        def change(tx: Any) -> None:
            people.set_enabled(tx, "ben", False)
            people.set_enabled(tx, "ben", True)
            people.set_password(tx, "ben", "a hash")
            people.set_password(tx, "ben", "a hash", "what is sealed")
            principals.add(
                tx, client="crm", name="robot", person="ben", scope=Scope.QUERY, secret_hash="a hash", lifetime=None
            )
            principals.disable(tx, "crm", "robot")
            kids.append(token_keys.rotate(tx, None))

        write(change).result(10)
    assert log.entries == [
        ("person-disabled", None, None, "ben", None),
        ("person-enabled", None, None, "ben", None),
        ("password-changed", None, None, "ben", None),
        ("password-changed", None, None, "ben", "recoverable"),
        ("principal-changed", None, None, "crm/robot", "added with the scope query, acts as ben"),
        ("principal-changed", None, None, "crm/robot", "disabled"),
        ("key-changed", None, None, kids[0], "signs tokens from now on"),
    ]


def test_programs_that_get_tokens_and_those_that_do_not_are_recorded(recording: Callable[..., Any]) -> None:
    with recording() as log:
        secret_hash = CHEAP.hash(PASSWORD)
        log.soap.database.write(
            lambda tx: principals.add(
                tx, client="crm", name="robot", person="ben", scope=Scope.QUERY, secret_hash=secret_hash, lifetime=None
            )
        ).result(10)
        token = token_of(log.soap.calls, "crm/robot", PASSWORD)
        for client, secret in (("crm/robot", "wrong secret"), ("crm/nobody", PASSWORD), ("x", PASSWORD)):
            form = urlencode({"grant_type": "client_credentials", "client_id": client, "client_secret": secret})
            log.soap.calls.call("POST", "/oauth/token", form.encode(), FORM)
        log.soap.ask("lookupUser", "", user=None, authorization=f"Bearer {token}")
        log.soap.database.write(lambda tx: principals.disable(tx, "crm", "robot")).result(10)
        log.soap.ask("lookupUser", "", user=None, authorization=f"Bearer {token}")
        log.soap.ask("lookupUser", "", user=None, authorization="Bearer of.no.token")
    where = "203.0.113.9"
    assert sorted((one for one in log.entries if one[0].startswith("sign-in")), key=str) == [
        ("sign-in", "ben", where, None, None),
        ("sign-in-refused", None, where, "an unknown name", None),
        ("sign-in-refused", None, where, "an unknown name", None),
        ("sign-in-refused", None, where, "crm/robot", "1 more"),
        ("sign-in-refused", None, where, "crm/robot", None),
    ]


def test_a_message_that_was_sent_before_is_recorded_with_the_address_behind_a_trusted_proxy(
    recording: Callable[..., Any],
) -> None:
    token = username_token("ana", PASSWORD).replace(
        "</wsse:UsernameToken>", "<wsse:Nonce>bm9uY2U=</wsse:Nonce></wsse:UsernameToken>"
    )
    message = envelope('<own:lookupUser xmlns:own="http://resolver.api.de.n2.tibco.com"/>', token)
    with recording(proxy_addresses="203.0.113.0/24") as log:
        for address in ("198.51.100.1", "198.51.100.2"):
            log.soap.post("EntityResolverService", message, user=None, x_forwarded_for=address)
    assert log.entries == [
        ("sign-in", "ana", "198.51.100.1", None, None),
        ("sign-in-refused", None, "198.51.100.2", "ana", None),
    ]


def test_no_password_and_no_hash_is_ever_in_the_log(recording: Callable[..., Any]) -> None:
    with recording() as log:
        log.soap.ask("lookupUser", "", user=PASSWORD, password="ana")
        log.soap.ask("lookupUser", "", user="ana", password=PASSWORD)
        log.soap.ask("lookupUser", "", user="ana", password="wrong password")
    everything = str(_entries(log.soap.database.database.path, 0))
    assert PASSWORD not in everything
    assert "wrong password" not in everything
    assert "argon2" not in everything


# Reading it


def test_an_entry_is_told_whole(ask: Ask) -> None:
    before = datetime.now(UTC)
    answer = ask("getAuditEntries", "<kind>person-added</kind><most>1</most>", user="supervisor")
    (entry,) = answer
    assert (entry.tag, entry.get("kind"), entry.get("subject")) == ("entry", "person-added", "ana")
    assert (entry.get("detail"), entry.get("by"), entry.get("address")) == ("GUID GUID-of-ana", None, None)
    assert len(entry.get("hash")) == 64
    assert parse_moment(entry.get("at")) < before


def test_a_client_goes_on_where_the_page_before_ended(ask: Ask) -> None:
    def page(after: str) -> list[etree._Element]:
        return list(ask("getAuditEntries", f"<most>3</most><after>{after}</after>", user="supervisor"))

    first = page("0")
    second = page(first[-1].get("id"))
    ids = [int(entry.get("id")) for entry in first + second]
    assert ids == sorted(set(ids))
    assert len(ids) == 6


def test_there_may_be_nothing_to_tell(ask: Ask) -> None:
    assert len(ask("getAuditEntries", "<since> 2999-01-01T00:00:00Z </since>", user="supervisor")) == 0
    assert len(ask("getAuditEntries", "<until>1999-01-01T00:00:00+01:00</until>", user="supervisor")) == 0


def test_nobody_reads_it_without_the_grant(refused: Refused) -> None:
    fault = refused("getAuditEntries", "")
    assert (fault.name, fault.error_code) == ("SecurityFault", "BRM_SECURITY_NOT_ALLOWED")


@pytest.mark.parametrize(
    "content", ["<kind>gossip</kind>", "<most>0</most>", "<most>1001</most>", "<since>today</since>", "<who/>"]
)
def test_what_cannot_be_wanted_is_an_invalid_request(refused: Refused, content: str) -> None:
    assert refused("getAuditEntries", content, user="supervisor").name == "InvalidRequestFault"


def test_a_name_that_nobody_signs_in_with_any_more_can_still_be_written_as_xml(ask: Ask, soap: Soap) -> None:
    answer = soap.ask("getAuditEntries", "<most>1000</most>", user="supervisor")
    assert content_of(answer.body).tag == "{urn:soapsvc:v1}getAuditEntriesResponse"


# Credentials in the clear


@pytest.mark.parametrize(
    ("client", "scheme", "warned"),
    [
        (WHERE, "http", True),
        (WHERE, "https", False),
        ("2001:db8::1", "http", True),
        ("127.0.0.1", "http", False),
        ("127.8.9.1", "http", False),
        ("::1", "http", False),
        ("::ffff:127.0.0.1", "http", False),
        ("::ffff:203.0.113.9", "http", True),
    ],
)
def test_credentials_in_the_clear_from_another_host_are_warned_of_once(
    recording: Callable[..., Any], caplog: pytest.LogCaptureFixture, client: Any, scheme: str, warned: bool
) -> None:
    with recording(client, scheme) as log:
        log.soap.ask("lookupUser", "")
        log.soap.ask("lookupUser", "", password="wrong password")
    warnings = [record.getMessage() for record in caplog.records if "in the clear" in record.getMessage()]
    assert len(warnings) == int(warned)
    assert PASSWORD not in caplog.text
    assert all(client[0] in warning for warning in warnings)


def test_a_request_without_credentials_is_not_warned_of(
    recording: Callable[..., Any], caplog: pytest.LogCaptureFixture
) -> None:
    with recording() as log:
        log.soap.ask("lookupUser", "", user=None)
    assert "in the clear" not in caplog.text


def test_a_warning_comes_again_after_an_hour_and_never_more_than_a_thousand_in_one(
    caplog: pytest.LogCaptureFixture,
) -> None:
    now = 0.0
    alarm = ClearTextAlarm(clock=lambda: now)
    for number in range(origin.MOST_ADDRESSES + 10):
        alarm.note(Origin(f"address {number}", is_private=False))
    assert len(caplog.records) == origin.MOST_ADDRESSES
    now = origin.SECONDS_BETWEEN_ALARMS - 1
    alarm.note(Origin("address 0", is_private=False))
    assert len(caplog.records) == origin.MOST_ADDRESSES
    now += 1
    alarm.note(Origin("address 0", is_private=False))
    alarm.note(Origin("another", is_private=False))
    assert len(caplog.records) == origin.MOST_ADDRESSES + 2


@pytest.mark.parametrize("address", [None, "", "a socket in a folder"])
def test_an_origin_that_is_no_address_is_on_this_machine(address: str | None) -> None:
    async def nothing() -> None: ...

    assert Proxies().origin_of(Request("GET", "/", "", HeaderFields(), nothing, address)).is_private


# Tenancies


def test_each_tenancy_has_a_log_of_its_own(recording: Callable[..., Any]) -> None:
    with recording(credential_seconds=0) as log:
        whole = log.soap.database.database
        acme = InTenancy(whole, whole.write(partial(tenancies.add_tenancy, moniker="acme")).result(10).id)
        password_hash = hash_password(PASSWORD)
        acme.write(partial(people.add_person, name="eve", guid="GUID-of-eve", password_hash=password_hash)).result(10)
        acme.write(partial(people.grant, name="eve", action=SystemAction.READ_AUDIT_LOG)).result(10)
        theirs = log.soap.ask("getAuditEntries", "", user="eve", host="acme.test")
        ours = log.soap.ask("getAuditEntries", "<most>1000</most>", user="supervisor")
        assert log.soap.ask("lookupUser", "", user="acme\\eve", password="wrong password").status == 401
        assert log.soap.ask("lookupUser", "", user="eve").status == 401
    assert [one.get("kind") for one in content_of(theirs.body)] == ["tenancy-changed", "person-added", "grant"]
    assert b"GUID-of-eve" not in ours.body
    assert b"GUID-of-ana" in ours.body
    assert [one[:4] for one in _entries(whole.path, 0, "acme")][3:] == [
        ("sign-in", "eve", WHERE, None),
        ("sign-in-refused", None, WHERE, "eve"),
    ]
    assert [one[:4] for one in log.entries] == [
        ("sign-in", "supervisor", WHERE, None),
        ("sign-in-refused", None, WHERE, "an unknown name"),
    ]
