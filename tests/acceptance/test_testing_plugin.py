"""The pytest plugin as a team that writes a client would use it, and how quickly it gives a service."""

from datetime import UTC, datetime, timedelta
from urllib.request import urlopen

import pytest

from soapsvc.client import InvalidWorkItemFault, SecurityFault, StaleVersion, retry_on_conflict
from soapsvc.testing import ServiceUnderTest

NOON = datetime(2030, 1, 1, 12, tzinfo=UTC)


@pytest.fixture(params=["soapsvc_service", "soapsvc_server"], ids=["in process", "over a socket"])
def service(request: pytest.FixtureRequest) -> ServiceUnderTest:
    service: ServiceUnderTest = request.getfixturevalue(request.param)
    return service


def test_a_client_takes_changes_and_closes_an_item(service: ServiceUnderTest) -> None:
    ana = service.person("ana")
    item = service.item(ana, name="Review", fields={"Notes": None})
    client = service.client(ana)
    taken = client.take(item, ana.guid, version=0)
    taken["Notes"] = "looked at"
    taken.save()
    taken.close()
    assert service.stored(item).version == taken.version == 3
    with client.opened(item, version=3) as again:
        assert again["Notes"] == ["looked at"]


def test_a_forced_conflict_is_met_and_mended(service: ServiceUnderTest) -> None:
    ana = service.person("ana")
    item = service.item(ana)
    client = service.client(ana)
    seen = client.version_of(item)
    assert service.force_conflict(item) == 1
    met: list[StaleVersion] = []

    def take(conflict: StaleVersion | None) -> int:
        if conflict is not None:
            met.append(conflict)
        return client.take(item, ana.guid, version=conflict.stored if conflict else seen).version

    assert retry_on_conflict(take) == 2
    (conflict,) = met
    assert (conflict.item_id, conflict.stored, conflict.supplied) == (item, 1, 0)
    assert (conflict.state, conflict.owner) == ("OFFERED", None)


def test_a_hidden_item_comes_back_when_the_clock_says_so(service: ServiceUnderTest) -> None:
    service.clock.freeze(NOON)
    ana = service.person("ana")
    item = service.item(ana)
    client = service.client(ana)
    client.take(item, ana.guid)
    group = {"workItemID": {"id": item}, "hiddenPeriod": {"hiddenDuration": {"hours": 2}}}
    client.management.closeWorkItem(_value_1=[group])
    assert service.run_timers() == 0
    service.clock.advance(timedelta(hours=2))
    assert service.run_timers() == 1
    assert service.stored(item).state == "PENDED"
    (*_, last) = client.history.getWorkItemHistory(workItemID={"id": item})
    assert (last.operation, last.at) == ("reappear", NOON + timedelta(hours=2))


def test_grants_limits_and_refusals_are_as_in_the_service(service: ServiceUnderTest) -> None:
    ana, supervisor, stranger = service.person("ana"), service.supervisor(), service.person("carl")
    item = service.item(ana)
    with pytest.raises(SecurityFault):
        service.client(stranger).take(item, ana.guid)
    assert service.client(supervisor).take(item, ana.guid).version == 1
    with pytest.raises(InvalidWorkItemFault):
        service.client(ana).open(item)


def test_a_block_that_fails_leaves_no_item_open(service: ServiceUnderTest) -> None:
    ana = service.person("ana")
    item = service.item(ana, fields={"Notes": "before"})
    client = service.client(ana)
    client.take(item, ana.guid).close()

    def fail_half_way() -> None:
        with client.opened(item) as opened:
            opened["Notes"] = "half done"
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        fail_half_way()
    assert service.stored(item).state == "PENDED"
    assert service.stored(item).fields[0].values == ("before",)


def test_a_service_over_a_socket_answers_anybody(soapsvc_server: ServiceUnderTest) -> None:
    with urlopen(f"{soapsvc_server.address}/amxbpm/WorkListService?wsdl", timeout=10) as answer:
        assert b"wsdl:definitions" in answer.read()


def test_each_test_has_a_database_of_its_own(soapsvc_service: ServiceUnderTest) -> None:
    ana = soapsvc_service.person("ana")
    assert soapsvc_service.item(ana) == 1
