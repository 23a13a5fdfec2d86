"""Who there is, and what became of an item, as raw XML: lookupUser and getWorkItemHistory."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import HealthCheck, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from soapsvc.domain.values import parse_moment
from soapsvc.domain.work_item import NewWorkItem, WorkItem
from soapsvc.usecases import scheduling
from tests.conftest import Soap
from tests.soap.conftest import Ask, Refused, Start
from tests.support.requests import notes as _notes
from tests.support.soap import Fault, content_of, envelope, request

NewItem = Callable[..., WorkItem]
DETAIL = {
    "model-version": "-1",
    "entity-type": "RESOURCE",
    "guid": "GUID-of-ana",
    "name": "ana",
    "resource-type": "HUMAN",
}


# lookupUser


def test_the_answer_of_a_lookup_has_the_published_bytes(soap: Soap) -> None:
    message = envelope(request("lookupUser", "", name="ana", get_detail="true"))
    answer = soap.post("EntityResolverService", message)
    attributes = " ".join(f'{name}="{value}"' for name, value in DETAIL.items())
    assert (
        '<lookupUserResponse xmlns="http://resolver.api.de.n2.tibco.com" user-count="1">'
        f'<detail xmlns="" {attributes}/></lookupUserResponse>'
    ).encode() in answer.body


@pytest.mark.parametrize("detail", [{}, {"get_detail": "false"}, {"get_detail": "0"}])
def test_without_details_only_the_number_is_told(ask: Ask, detail: dict[str, str]) -> None:
    answer = ask("lookupUser", "", name="ana", **detail)
    assert (dict(answer.attrib), len(answer)) == ({"user-count": "1"}, 0)


@pytest.mark.parametrize("detail", ["true", "1", " true "])
def test_with_details_a_name_leads_to_its_guid(ask: Ask, detail: str) -> None:
    answer = ask("lookupUser", "", user="carl", name="ana", get_detail=detail, model_version="3")
    assert dict(answer.attrib) == {"user-count": "1"}
    assert [(part.tag, dict(part.attrib), len(part)) for part in answer] == [("detail", DETAIL, 0)]


@pytest.mark.parametrize(
    "attributes",
    [
        {"name": "nobody"},
        {"name": "an"},
        {"name": "an?"},
        {"name": "*"},
        {"name": "GUID-of-ana"},
        {"name": ""},
        {"ldap_alias": "easyAs"},
        {"ldap_dn": "cn=ana"},
        {"name": "ana", "ldap_dn": "cn=ana"},
    ],
)
def test_who_is_not_found_is_counted_as_none(ask: Ask, attributes: dict[str, str]) -> None:
    answer = ask("lookupUser", "", get_detail="true", **attributes)
    assert (dict(answer.attrib), len(answer)) == ({"user-count": "0"}, 0)


def test_without_a_name_everybody_is_found(ask: Ask) -> None:
    answer = ask("lookupUser", "", get_detail="true")
    assert int(answer.get("user-count")) == len(answer)
    assert {"ana", "ben", "carl", "supervisor"} <= {part.get("name") for part in answer}


@hypothesis_settings(max_examples=30, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(name=st.text(st.characters(codec="utf-8", exclude_categories=["Cs", "Cc", "Zs"], exclude_characters='"&<>')))
def test_only_whole_names_are_found(ask: Ask, name: str) -> None:
    if name in {"ana", "ben", "carl", "supervisor"} or "\ufffe" in name or "\uffff" in name:
        return
    assert ask("lookupUser", "", name=name).get("user-count") == "0"


@pytest.mark.parametrize(
    ("content", "attributes"),
    [
        ("", {"get_detail": "maybe"}),
        ("", {"user": "ana"}),
        ("<detail/>", {}),
        ("text", {}),
        ("", {"model_version": "x"}),
    ],
)
def test_a_lookup_is_held_against_the_schema(soap: Soap, content: str, attributes: dict[str, str]) -> None:
    answer = soap.post("EntityResolverService", envelope(request("lookupUser", content, **attributes)))
    assert answer.status == 500
    assert b"InvalidRequestFault" in answer.body


def test_nobody_is_told_who_there_is_without_signing_in(soap: Soap) -> None:
    answer = soap.post("EntityResolverService", envelope(request("lookupUser", "")), user=None)
    assert answer.status == 401
    assert b"SecurityFault" in answer.body


# getWorkItemHistory


@pytest.fixture
def lived(ask: Ask, offered: WorkItem) -> int:
    """An item at version 5 that two people and the scheduler have changed."""
    identity = f'<workItemID id="{offered.id}"/>'
    ask("allocateAndOpenWorkItem", f"{identity}<resource>ana</resource>")
    ask("saveOpenWorkItem", identity + _notes("first"))
    ask("closeWorkItem", identity + _notes("second"))
    ask("setWorkItemPriority", f"<workItemIDandPriority>{identity}<workItemPriority><absPriority>1</absPriority>"
        "</workItemPriority></workItemIDandPriority>", user="supervisor")  # fmt: skip
    ask("reallocateWorkItem", f"{identity}<resource>ben</resource><revertData>true</revertData>", user="supervisor")
    return offered.id


def test_every_version_has_its_entry_oldest_first(ask: Ask, lived: int) -> None:
    before = datetime.now(UTC) - timedelta(minutes=1)
    answer = ask("getWorkItemHistory", f'<workItemID id="{lived}" version="5"/>')
    told = [
        tuple(entry.get(name) for name in ("version", "operation", "byName", "by", "stateBefore", "stateAfter"))
        for entry in answer
    ]
    ana, boss = ("ana", "GUID-of-ana"), ("supervisor", "GUID-of-supervisor")
    assert told == [
        ("0", "scheduleWorkItem", None, None, None, "OFFERED"),
        ("1", "allocateAndOpenWorkItem", *ana, "OFFERED", "OPENED"),
        ("2", "saveOpenWorkItem", *ana, "OPENED", "OPENED"),
        ("3", "closeWorkItem", *ana, "OPENED", "PENDED"),
        ("4", "setWorkItemPriority", *boss, "PENDED", "PENDED"),
        ("5", "reallocateWorkItem", *boss, "PENDED", "ALLOCATED"),
    ]
    moments = [parse_moment(entry.get("at")) for entry in answer]
    assert moments == sorted(moments)
    assert moments[0] > before
    assert answer.findall("entry/dataModel") == []


def test_an_entry_names_the_properties_that_were_changed(ask: Ask, lived: int) -> None:
    answer = ask("getWorkItemHistory", f'<workItemID id="{lived}"/>')
    changed = [{part.text for part in entry.findall("changed")} for entry in answer]
    assert [{"fields", "priority", "owner"} & names for names in changed] == [
        set(), {"owner"}, {"fields"}, {"fields"}, {"priority"}, {"fields", "owner"},
    ]  # fmt: skip


@pytest.mark.parametrize("wanted", ["true", "1"])
def test_the_data_of_an_entry_are_those_of_its_version(ask: Ask, lived: int, wanted: str) -> None:
    answer = ask("getWorkItemHistory", f'<workItemID id="{lived}"/><includeData>{wanted}</includeData>')
    notes = [entry.findtext("dataModel/inouts/simpleSpec/value") for entry in answer]
    assert notes == [None, None, "first", "second", "second", None]
    assert [entry.findtext("dataModel/inputs/simpleSpec/value") for entry in answer] == ["Adler"] * 6
    assert {len(entry.find("dataModel")) for entry in answer} == {3}


@pytest.mark.parametrize("user", ["ana", "ben", "supervisor"])
def test_everybody_with_a_tie_may_read_the_history_and_reading_changes_nothing(
    ask: Ask, offered: WorkItem, unchanged: Any, user: str
) -> None:
    with unchanged(offered):
        assert len(ask("getWorkItemHistory", f'<workItemID id="{offered.id}"/>', user=user)) == 1


def test_a_history_takes_no_batch(refused: Refused, new_item: NewItem) -> None:
    content = "".join(f'<workItemID id="{new_item().id}"/>' for _ in range(2))
    assert refused("getWorkItemHistory", content).name == "InvalidRequestFault"


def test_a_timer_is_in_the_history_without_a_person_and_stands_though_the_write_it_came_before_fails(
    start: Start,
) -> None:
    ahead = timedelta()
    with start(ahead=lambda: ahead) as soap:
        new = NewWorkItem(name="Review")
        item = soap.database.write(lambda tx: scheduling.create_item(tx, new, (), ["ana"])).result(10)
        identity = f'<workItemID id="{item.id}"/>'
        soap.ask("allocateWorkItem", identity)
        soap.ask("pendWorkItem", f'{identity}<hiddenPeriod><hiddenDuration hours="1"/></hiddenPeriod>')
        ahead = timedelta(hours=2)
        stale = soap.ask("openWorkItem", f'<workItemID id="{item.id}" version="2"/>')
        history = content_of(soap.ask("getWorkItemHistory", identity).body)
    assert Fault(stale.body).parameters[:4] == [str(item.id), "3", "2", "ALLOCATED"]
    last = history[-1]
    assert (last.get("version"), last.get("operation"), last.get("by"), last.get("byName")) == (
        "3", "reappear", None, None,
    )  # fmt: skip
    assert (last.get("stateBefore"), last.get("stateAfter")) == ("PENDHIDDEN", "ALLOCATED")
