"""Each resource, as a client meets it."""

import uuid

import pytest

from soapsvc.domain.document import Template, TemplatePackage
from soapsvc.domain.work_item import NewWorkItem, WorkItem
from soapsvc.settings import Settings
from soapsvc.storage.database import InTenancy
from soapsvc.storage.transaction import Transaction
from soapsvc.usecases import people, scheduling, template_packages, tenancies
from tests.conftest import KINDS
from tests.rest.conftest import BASE, PUBLIC, Rest, Version, opened
from tests.support.soap import content_of

LETTER = TemplatePackage(
    id="letters",
    templates=[Template(name="letter.txt", media_type="text/plain; charset=utf-8", content=b"Dear {{ Customer }}")],
)


def test_an_item_is_created_with_a_guid_of_the_clients_or_of_the_services(rest: Rest) -> None:
    guid = str(uuid.uuid4())
    for answer in (
        rest.put(f"/WorkItems/{guid}", {"name": "Lease"}, user="supervisor"),
        rest.post("/WorkItems", {"name": "Lease"}, user="supervisor"),
    ):
        shown = answer.json
        assert (answer.status, shown["version"], shown["state"]) == (201, 0, "ALLOCATED")
        assert shown["owner"]["name"] == "supervisor"
        assert answer.headers["location"] == shown["url"] == f"{PUBLIC}{BASE}/WorkItems/{shown['guid']}"
        assert answer.headers["etag"] == '"0"'
        assert rest.get(f"/WorkItems/{shown['guid']}", user="supervisor").json == shown


def test_an_item_with_a_work_group_is_offered_to_it(rest: Rest) -> None:
    new = {"name": "Lease", "description": "of a flat", "workGroupId": "GUID-of-ben", "answers": {"Rooms": 3}}
    created = rest.post("/WorkItems", new, user="supervisor").json
    assert (created["state"], created["owner"], created["description"]) == ("OFFERED", None, "of a flat")
    listed = rest.get("/WorkGroups/GUID-of-ben/WorkItems", user="ben").json["items"]
    assert created in listed
    assert rest.get(f"/WorkItems/{created['guid']}/AnswerSet/Content", user="ben").json == {"Rooms": 3}


def test_an_item_that_exists_is_not_created_again(rest: Rest) -> None:
    item = rest.item()
    again = rest.put(f"/WorkItems/{item.guid}", {"name": "Another"}, user="supervisor")
    assert again.problem == (409, "already-exists")
    assert rest.stored(item.guid) == item


def test_an_item_that_a_soap_client_knows_by_its_id_is_the_same(rest: Rest) -> None:
    item = rest.item()
    header = content_of(rest.soap.ask("getWorkItemHeader", f'<workItemID id="{item.id}"/>').body)
    shown = rest.get(f"/WorkItems/{item.guid}").json
    assert (shown["id"], shown["guid"], shown["version"]) == (item.id, item.guid, 0)
    assert header.find(".//{*}header") is not None or len(header)


@pytest.mark.parametrize("kind", KINDS)
def test_a_list_is_filtered_ordered_and_paged(settings: Settings) -> None:
    with opened(settings) as rest:
        for name in ("a", "b", "c", "d"):
            rest.item(name=name, priority=ord(name) - 50)
        query = "filter=name%20!=%20%27b%27&order=priority%20desc&limit=2"
        first = rest.get(f"/WorkItems?{query}").json
        assert [one["name"] for one in first["items"]] == ["d", "c"]
        rest.item(name="e", priority=100)
        second = rest.get(f"/WorkItems?{query}&cursor={first['nextCursor']}").json
        assert ([one["name"] for one in second["items"]], second["nextCursor"]) == (["a"], None)
        assert rest.get(f"/WorkItems?limit=2&cursor={first['nextCursor']}").problem == (400, "bad-request")
        assert rest.get("/WorkItems", user="ben").json == {"items": [], "nextCursor": None}


@pytest.mark.parametrize(
    "query", ["filter=name", "order=name%20up", "limit=0", "limit=x", "cursor=x", "limit=1&limit=2", "unknown=1", "x"]
)
def test_a_query_that_cannot_be_understood_is_refused(rest: Rest, query: str) -> None:
    assert rest.get(f"/WorkItems?{query}").problem == (400, "bad-request")


def test_the_list_of_a_group_that_there_is_not_is_not_found(rest: Rest) -> None:
    assert rest.get("/WorkGroups/nobody/WorkItems", user="supervisor").problem == (404, "not-found")
    assert rest.get("/WorkGroups/GUID-of-ben/WorkItems").problem == (403, "not-allowed")


def test_a_version_is_begun_gone_on_with_and_left_by_force(rest: Rest) -> None:
    version = Version(rest.item().guid, str(uuid.uuid4()))
    begun = rest.put(version.path, {"answers": {"Customer": "Adler"}})
    assert (begun.status, begun.json["status"], begun.headers["etag"]) == (201, "In Progress", '"1"')
    assert begun.headers["location"] == f"{PUBLIC}{BASE}{version.path}"
    again = rest.put(version.path, {"answers": {"Customer": "Adler"}})
    assert (again.status, again.json) == (200, begun.json)
    other = Version(version.item, str(uuid.uuid4()))
    assert rest.put(other.path).problem == (409, "version-in-progress")
    forced = rest.put(other.path, {"forceCreate": True})
    assert (forced.status, forced.json["sessionVersionId"], forced.headers["etag"]) == (201, other.session, '"2"')
    assert rest.get(version.path).json["status"] == "Abandoned"
    assert rest.put(version.path, {"forceCreate": True}).problem == (409, "already-exists")


def test_a_version_may_have_a_guid_of_the_services(rest: Rest) -> None:
    item = rest.item()
    begun = rest.post(f"/WorkItems/{item.guid}/Versions", {"version": 0})
    version = Version(item.guid, begun.json["versionId"])
    assert (begun.status, begun.headers["location"]) == (201, f"{PUBLIC}{BASE}{version.path}")
    assert rest.get(version.path).json == begun.json


def test_the_versions_of_an_item_are_listed_by_their_statuses(rest: Rest) -> None:
    first = rest.begun()
    rest.put(f"{first.path}/SaveAndClose")
    second = Version(first.item, str(uuid.uuid4()))
    rest.put(second.path)

    def listed(query: str) -> list[str]:
        return [one["versionId"] for one in rest.get(f"{first.at}/Versions{query}").json["versions"]]

    assert listed("") == listed("?filter=Saved,In%20Progress") == [first.session, second.session]
    assert listed("?filter=Saved") == [first.session]
    assert listed("?filter=Completed") == []
    assert rest.get(f"{first.at}/Versions?filter=Done").problem == (400, "bad-request")


def test_a_completed_item_is_opened_again_in_a_new_version(rest: Rest) -> None:
    version = rest.begun()
    completed = rest.put(f"{version.path}/Complete")
    assert (completed.status, completed.json["status"], completed.headers["etag"]) == (200, "Completed", '"2"')
    assert rest.stored(version.item).state == "COMPLETED"
    again = rest.put(Version(version.item, str(uuid.uuid4())).path)
    assert (again.status, again.headers["etag"]) == (201, '"3"')


@pytest.mark.parametrize("kind", KINDS)
def test_completing_makes_the_documents_of_the_template_package(settings: Settings) -> None:
    with opened(settings) as rest:
        rest.database.write(lambda tx: template_packages.put(tx, LETTER)).result(10)
        new = {"name": "Lease", "templatePackageId": "letters", "answers": {"Customer": "Adler"}}
        guid = rest.post("/WorkItems", new, user="supervisor").json["guid"]
        version = Version(guid, str(uuid.uuid4()))
        done = rest.put(f"{version.path}/CreateAndAssemble", {"answers": {"Customer": "Ärger"}}, user="supervisor")
        assert (done.status, done.json["status"]) == (200, "Completed"), done.json
        (document,) = rest.get(f"{version.path}/Documents", user="supervisor").json["documents"]
        content = rest.get(document["contentUrl"].removeprefix(f"{PUBLIC}{BASE}"), user="supervisor")
    assert (document["name"], document["size"]) == ("letter.txt", len("Dear Ärger".encode()))
    assert content.answer.body.decode() == "Dear Ärger"
    assert content.headers["content-type"] == "text/plain; charset=utf-8"
    assert content.headers["content-disposition"] == "attachment; filename*=UTF-8''letter.txt"
    assert content.headers["content-security-policy"].startswith("sandbox")


def test_an_operation_that_fails_says_why_and_leaves_the_item_open(rest: Rest) -> None:
    broken = TemplatePackage(
        id="broken", templates=[Template(name="letter.txt", media_type="text/plain", content=b"\n{{ Nothing.at.all }}")]
    )
    rest.database.write(lambda tx: template_packages.put(tx, broken)).result(10)
    guid = rest.post("/WorkItems", {"name": "Lease", "templatePackageId": "broken"}, user="supervisor").json["guid"]
    version = Version(guid, str(uuid.uuid4()))
    rest.put(version.path, user="supervisor")
    failed = rest.put(f"{version.path}/Complete", user="supervisor")
    assert (failed.status, failed.json["status"]) == (200, "CompleteFailed")
    error = failed.json["error"]
    assert (error["code"], error["template"], error["line"]) == ("BRM_ASSEMBLY_FAILED", "letter.txt", 2)
    assert (rest.stored(guid).state, rest.stored(guid).version) == ("OPENED", 1)
    done = rest.put(f"{version.path}/Complete", {"runAssembly": False}, user="supervisor")
    assert (done.json["status"], rest.stored(guid).version) == ("Completed", 2)


UNKNOWN = "00000000-1111-4222-8333-444444444444"
MISSING = {
    "work-item-unknown": [
        f"/WorkItems/{UNKNOWN}",
        f"/WorkItems/{UNKNOWN}/Versions",
        f"/WorkItems/{UNKNOWN}/AnswerSet/Content",
        f"/WorkItems/{UNKNOWN}/Versions/{UNKNOWN}/Status",
    ],
    "version-unknown": [
        f"/WorkItems/ITEM/Versions/{UNKNOWN}{rest}" for rest in ("", "/Status", "/Documents", "/Deliveries")
    ],
    "document-unknown": [f"/WorkItems/ITEM/Versions/SESSION/Documents/{UNKNOWN}/Content"],
    "not-found": [
        "/Nothing",
        "/WorkItems/",
        "/WorkItems/ITEM/Versions/SESSION/SaveAndClose/x",
        "/WorkGroups//WorkItems",
    ],
}


@pytest.mark.parametrize(("name", "path"), [(name, path) for name, paths in MISSING.items() for path in paths])
def test_what_is_not_there_is_not_found(rest: Rest, name: str, path: str) -> None:
    version = rest.begun()
    path = path.replace("ITEM", version.item).replace("SESSION", version.session)
    assert rest.get(path).problem == (404, name)


@pytest.mark.parametrize("delivery", ["1", "999999999999999999", "9" * 30, "x", "-1", "٣"])
def test_a_delivery_that_is_not_there_is_not_found(rest: Rest, delivery: str) -> None:
    version = rest.begun()
    answer = rest.post(f"{version.path}/Deliveries/{delivery}/Replay", {})
    assert answer.problem == (404, "delivery-unknown")


def test_an_item_of_another_tenancy_is_not_there(rest: Rest) -> None:
    whole = rest.service.database
    other = whole.write(lambda tx: tenancies.add_tenancy(tx, "acme")).result(10)

    def create(tx: Transaction) -> WorkItem:
        people.add_person(tx, name="theirs", guid="GUID-of-theirs", password_hash="")
        return scheduling.create_item(tx, NewWorkItem(name="Theirs"), (), ["theirs"])

    item = InTenancy(whole, other.id).write(create).result(10)
    for user in ("ana", "supervisor"):
        answer = rest.get(f"/WorkItems/{item.guid}", user=user)
        assert answer.problem == (404, "work-item-unknown")
    assert rest.put(f"/WorkItems/{item.guid}/Versions/{UNKNOWN}", user="supervisor").status == 404
