"""Lists over SOAP: what a page says, what a screen that waits is told, through zeep and by hand."""

import threading
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import pytest
import requests
import zeep

from soapsvc.domain.work_item import NewWorkItem
from soapsvc.testing.in_process import InProcessAdapter
from soapsvc.usecases import scheduling
from tests.conftest import FIELDS, PASSWORD, Soap
from tests.support.soap import content_of, envelope, request

MINE = "<resourcesRequired>MINE</resourcesRequired>"
ATTRIBUTES = {"attribute1": 7, "attribute14": "x", "attribute15": 15, "attribute20": datetime(2026, 1, 1, tzinfo=UTC)}


@pytest.fixture
def worker(new_person) -> Any:
    """Somebody whose list holds only what the test puts there."""
    return new_person()


@pytest.fixture
def page(ask, worker):
    def read(criteria: str = "", **attributes: str) -> Any:
        given = f"<orderFilterCriteria>{criteria}</orderFilterCriteria>" if criteria else ""
        return ask("getWorkListItems", MINE + given, user=worker.name, **({"numberOfItems": "10"} | attributes))

    return read


def test_a_row_is_an_item_with_its_version_and_the_answer_says_where_it_stands(page, item_for, worker):
    item = item_for(worker.name, priority=3)
    item_for(worker.name, priority=9)
    answer = page("<order>priority ASC</order>", numberOfItems="1")
    assert [answer.findtext(name) for name in ("startPosition", "endPosition", "totalItems")] == ["0", "0", "2"]
    (row,) = answer.findall("workItems")
    assert dict(row.find("id").attrib) == {"id": str(item.id), "version": "0"}
    assert (row.findtext("state"), row.findtext("visible"), row.find("body")) == ("OFFERED", "true", None)
    following = page("<order>priority ASC</order>", numberOfItems="1", cursor=answer.get("nextCursor"))
    assert [int(one.get("id")) for one in following.iterfind("workItems/id")] == [item.id + 1]
    assert following.get("nextCursor") is None


def test_only_the_first_fourteen_attributes_are_shown_unless_all_are_asked_for(page, item_for, worker):
    item_for(worker.name, attributes=ATTRIBUTES)
    plain = page().find("workItems/attributes")
    assert set(plain.attrib) == {"attribute1", "attribute14"}
    assert set(page(getEnhancedAttributes="true").find("workItems/attributes").attrib) == set(ATTRIBUTES)


def test_a_list_that_is_read_after_a_write_shows_it_always(ask, page, item_for, worker):
    for n in range(1, 11):
        item = item_for(worker.name)
        assert page().findtext("totalItems") == str(n)
        taken = f'<workItemID id="{item.id}" version="0"/><resource>{worker.name}</resource>'
        ask("allocateAndOpenWorkItem", taken, user=worker.name)
        rows = {
            row.find("id").get("id"): row.findtext("state") for row in page(numberOfItems="20").findall("workItems")
        }
        assert rows[str(item.id)] == "OPENED"


@pytest.mark.parametrize(
    ("criteria", "fault"),
    [
        ("<filter>priority = 'x'</filter>", "WorkItemFilterFault"),
        ("<filter>nothing = 1</filter>", "WorkItemFilterFault"),
        ("<filter>name='*" + "*" * 5000 + "</filter>", "WorkItemFilterFault"),
        ("<filter>" + "(" * 200 + "</filter>", "WorkItemFilterFault"),
        ("<filter>'; DROP TABLE work_item; --</filter>", "WorkItemFilterFault"),
        ("<order>priority SIDEWAYS</order>", "WorkItemOrderFault"),
    ],
)
def test_an_expression_that_cannot_be_read_is_its_own_fault(criteria, fault, refused, worker):
    content = f"{MINE}<orderFilterCriteria>{criteria}</orderFilterCriteria>"
    assert refused("getWorkListItems", content, user=worker.name, numberOfItems="1").name == fault


@pytest.mark.parametrize(
    "attributes",
    [
        {"startPosition": "-1"},
        {"numberOfItems": "-1"},
        {"startPosition": "x"},
        {"numberOfItems": "9" * 30},
        {"cursor": "x"},
    ],
)
def test_a_page_that_cannot_be_is_an_invalid_request(attributes, refused, worker):
    given = {"numberOfItems": "1"} | attributes
    assert refused("getWorkListItems", MINE, user=worker.name, **given).name == "InvalidRequestFault"


def test_views_are_made_locked_edited_used_and_deleted(ask, refused, worker, item_for, page):
    item_for(worker.name, priority=5)
    made = ask("createWorkListView", "<orderFilterCriteria><filter>priority=5</filter></orderFilterCriteria>",
               user=worker.name, name="Urgent", public="true")  # fmt: skip
    view = made.get("workListViewID")
    named = {"workListViewID": view, "user": worker.name}
    fault = refused("editWorkListView", "", name="Other", **named)
    assert (fault.name, fault.error_code) == ("InvalidWorkViewFault", "BRM_VIEW_LOCKED")
    assert ask("getWorkListViewDetails", "", lockView="1", **named).get("locker") == worker.guid
    ask("editWorkListView", "", name="Other", **named)
    shown = ask("getWorkListViewDetails", "", apiVersion="2", **named)
    assert (shown.get("name"), shown.get("locker"), shown.findtext("resourcesRequired")) == ("Other", "", "MINE")
    assert ask("getWorkListItemsForView", "", numberOfItems="5", **named).findtext("totalItems") == "1"
    assert ask("getWorkListItemsForView", "", numberOfItems="5", workListViewID=view, user="ana").findtext(
        "totalItems") is not None  # fmt: skip
    ask("addCurrentResourceToView", "", workListViewID=view, user="ana")
    used = ask("getViewsForResource", "", numberOfItems="100", user="ana").findall("workListViews")
    assert view in [one.get("workViewID") for one in used]
    ask("deleteWorkListView", "", **named)
    assert refused("getWorkListItemsForView", "", **named).name == "InvalidWorkViewFault"


# Waiting


def test_who_waits_is_told_when_his_list_changes_and_not_before(ask, page, item_for, worker, soap: Soap):
    mark = page().get("changeMark")
    told: list[Any] = []

    def wait(timeout: int) -> None:
        told.append(ask("awaitWorkListChange", f"<changeMark>{mark}</changeMark><timeout>{timeout}</timeout>",
                        user=worker.name))  # fmt: skip

    wait(0)
    assert told.pop().findtext("changed") == "false"
    item_for("ben")
    wait(0)
    assert told.pop().findtext("changed") == "false"
    thread = threading.Thread(target=wait, args=[30])
    thread.start()
    item = item_for(worker.name)
    thread.join(10)
    (answer,) = told
    assert answer.findtext("changed") == "true"
    mark = answer.findtext("changeMark")
    told.clear()
    wait(0)
    assert told.pop().findtext("changed") == "false"
    ask("allocateWorkItem", f'<workItemID id="{item.id}"/>', user=worker.name)
    wait(30)
    assert told.pop().findtext("changed") == "true"


@pytest.mark.parametrize("mark", ["", "<changeMark/>", "<changeMark>older</changeMark>"])
def test_without_a_mark_of_this_service_the_answer_comes_at_once(mark, ask, worker):
    assert ask("awaitWorkListChange", f"{mark}<timeout>60</timeout>", user=worker.name).findtext("changed") == "true"


@pytest.mark.parametrize("seconds", ["-1", "61", "2147483647"])
def test_nobody_waits_for_longer_than_is_allowed(seconds, refused, worker):
    assert (
        refused("awaitWorkListChange", f"<timeout>{seconds}</timeout>", user=worker.name).name == "InvalidRequestFault"
    )


def test_more_than_may_wait_are_told_that_the_service_cannot_and_it_is_logged_as_a_refusal(start, caplog):
    with start(list_waiters=0) as soap:
        mark = content_of(soap.ask("getWorkListItems", MINE).body).get("changeMark")
        wait = request("awaitWorkListChange", f"<changeMark>{mark}</changeMark><timeout>1</timeout>")
        answer = soap.post("WorkListChangeService", envelope(wait))
        assert b"BRM_LIST_TOO_MANY_WAITING" in answer.body
        assert content_of(answer.body).findtext("faultcode") == "soap:Server"
    told = [record for record in caplog.records if "Too many wait" in record.getMessage()]
    assert [(record.levelname, record.exc_info) for record in told] == [("WARNING", None)]


def test_who_waits_when_the_service_stops_is_answered(start):
    with start() as soap:
        page = soap.ask("getWorkListItems", MINE)
        mark = content_of(page.body).get("changeMark")
        told: list[Any] = []
        waiting = threading.Thread(target=lambda: told.append(
            soap.ask("awaitWorkListChange", f"<changeMark>{mark}</changeMark><timeout>60</timeout>")))  # fmt: skip
        waiting.start()
        changes = soap.database.read(lambda tx: tx.memory.memories.lists).result(10)
        while not changes.waiting:
            waiting.join(0.001)
        changes.close()
        waiting.join(10)
        assert told[0].status == 200


# Through zeep


@pytest.fixture(scope="module")
def lists(standing_soap: Soap) -> Iterator[Any]:
    with requests.Session() as session:
        session.mount("http://", InProcessAdapter(standing_soap.calls))
        session.auth = ("supervisor", PASSWORD)
        address = "http://localhost:8080/amxbpm/WorkListService?wsdl"
        yield zeep.Client(address, transport=zeep.Transport(session=session)).service


def test_zeep_reads_pages_columns_and_views(lists, database, worker):
    def make(tx: Any) -> list[int]:
        new = [NewWorkItem(name=f"n{n}", priority=n + 1) for n in range(5)]
        return [scheduling.create_item(tx, one, FIELDS, [worker.name]).id for one in new]

    made = database.write(make).result(10)
    entity = {"entity-type": "RESOURCE", "guid": worker.guid}
    seen, cursor = [], None
    while True:
        answer = lists.getWorkListItems(
            entityID=entity, orderFilterCriteria={"order": "priority DESC"}, numberOfItems=2, cursor=cursor
        )
        seen += [row.id.id for row in answer.workItems]
        assert answer.totalItems == 5
        cursor = answer.nextCursor
        if cursor is None:
            break
    assert seen == made[::-1]
    assert [column.name for column in lists.getWorkItemOrderFilter(limitColumns=2)] == ["id", "name"]
    view = lists.createWorkListView(name="all", entityID=entity, users=[entity])
    details = lists.getWorkListViewDetails(workListViewID=view)
    assert (details.name, details.users[0].guid) == ("all", worker.guid)
    assert len(lists.getWorkListItemsForView(workListViewID=view, numberOfItems=9).workItems) == 5
    assert lists.getAllocatedWorkListItems(entityID=entity, numberOfItems=9).workItems == []
