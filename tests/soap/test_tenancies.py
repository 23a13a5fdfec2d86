"""Which tenancy a request means, and that nothing of another can be told from what does not exist."""

import re
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

import pytest

from soapsvc.domain.caller import Caller, SystemAction
from soapsvc.domain.organisation import Entity
from soapsvc.domain.work_item import NewWorkItem, WorkItem
from soapsvc.domain.work_type import WorkModel, WorkType
from soapsvc.storage import work_items
from soapsvc.storage.database import InTenancy
from soapsvc.storage.history import of as history_of
from soapsvc.testing.in_process import Answer
from soapsvc.usecases import allocation, people, scheduling, tenancies, work_types
from soapsvc.usecases.access import ItemReference
from soapsvc.usecases.sign_in import hash_password
from tests.conftest import PASSWORD, Soap
from tests.soap.conftest import running
from tests.support.operations import NEEDED_STATE, VERSIONED, WRITES, content
from tests.support.soap import SERVICE_OF, Fault, content_of, envelope, request, username_token

GONE = 999_999
CONTEXT = "<itemContext><activityID/><activityName/><appInstance/><appName/><appID/></itemContext>"
ENTITY = '<entityID entity-type="RESOURCE" guid="{}"/>'
BODY = "<itemBody><dataModel/></itemBody>"
REFUSED = "The user name or the password is wrong"


@pytest.fixture(scope="module")
def soap(template: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Soap]:
    """A service with the tenancies default, acme and strict; the latter refuses changes without a version."""
    with running(template, tmp_path_factory.mktemp("tenancies"), credential_seconds=0) as soap:
        whole = soap.database.database
        for moniker in ("acme", "strict"):
            whole.write(partial(tenancies.add_tenancy, moniker=moniker)).result(10)
        whole.write(lambda tx: tenancies.require_versions(tx, "strict", True)).result(10)
        yield soap


@pytest.fixture
def database(soap: Soap) -> InTenancy:
    """Where the fixtures make items."""
    return soap.database


@pytest.fixture(scope="module")
def acme(soap: Soap, password_hash: str) -> InTenancy:
    """Another tenancy than the default one; it has an ana and a supervisor of the same GUIDs, and eve, all its own."""
    whole = soap.database.database
    side = InTenancy(whole, whole.read(lambda tx: tenancies.find_tenancy(tx, "acme")).result(10).id)
    if not side.read(people.list_people).result(10):
        for name in ("ana", "supervisor", "eve"):
            add = partial(people.add_person, name=name, guid=f"GUID-of-{name}", password_hash=password_hash)
            side.write(add).result(10)
        for action in SystemAction:
            side.write(partial(people.grant, name="supervisor", action=action)).result(10)
        kind = WorkType(id="of-acme", description="", model=WorkModel(name="Model", offer_to=("ana",)))
        side.write(lambda tx: work_types.load(tx, [kind])).result(10)
    return side


@pytest.fixture
def theirs(acme: InTenancy) -> Callable[[str], WorkItem]:
    """Make an item of the other tenancy on which an operation would succeed there."""

    def make(operation: str) -> WorkItem:
        needed = NEEDED_STATE.get(operation)
        new = NewWorkItem(name="Review", is_enabled=needed != "CREATED")
        item = acme.write(lambda tx: scheduling.create_item(tx, new, (), ["ana"])).result(10)
        if needed in {"ALLOCATED", "OPENED"}:
            ana = acme.read(lambda tx: people.find_person(tx, "ana")).result(10)
            take = allocation.allocate_items if needed == "ALLOCATED" else allocation.allocate_and_open_items
            caller = partial(_caller, ana, acme.tenancy)
            wish = allocation.Allocation(item=ItemReference(id=item.id))
            acme.write(lambda tx: take(tx, caller(), [wish])).result(10)
        return acme.read(lambda tx: work_items.get(tx, item.id)).result(10)

    return make


def _caller(person: Entity, tenancy: int) -> Caller:
    return Caller(person=person, tenancy=tenancy)


def _told(answer: Answer, number: object) -> tuple[int, bytes]:
    return answer.status, re.sub(rb'(?<=[ >"\'])%s(?=["\'<])' % re.escape(str(number)).encode(), b"THAT", answer.body)


# Ids of another tenancy


@pytest.mark.parametrize("user", ["supervisor", "ana", "carl"])
@pytest.mark.parametrize("operation", VERSIONED)
def test_an_item_of_another_tenancy_is_as_one_that_does_not_exist(
    soap: Soap, acme: InTenancy, theirs: Callable[[str], WorkItem], operation: str, user: str
) -> None:
    item = theirs(operation)
    before = acme.read(lambda tx: (work_items.get(tx, item.id), history_of(tx, item.id))).result(10)
    for version in (None, item.version, 99):
        foreign = soap.ask(operation, content(operation, (item.id, version)), user=user)
        missing = soap.ask(operation, content(operation, (GONE, version)), user=user)
        assert Fault(foreign.body).error_code == "BRM_WORKITEM_UNKNOWN"
        assert _told(foreign, item.id) == _told(missing, GONE)
    assert acme.read(lambda tx: (work_items.get(tx, item.id), history_of(tx, item.id))).result(10) == before


@pytest.mark.parametrize("operation", sorted(WRITES))
def test_the_same_request_succeeds_in_the_items_own_tenancy(
    soap: Soap, theirs: Callable[[str], WorkItem], operation: str
) -> None:
    """Else the comparison above would prove nothing."""
    if operation == "resumeWorkItem":
        item = theirs("suspendWorkItem")
        soap.ask("suspendWorkItem", content("suspendWorkItem", (item.id, 0)), user="supervisor", host="acme.test")
        item = item.with_changes(version=1)
    else:
        item = theirs(operation)
    wish = content(operation, (item.id, item.version))
    answer = soap.ask(operation, wish, user="supervisor", host="acme.test")
    assert answer.status == 200, answer.body


@pytest.mark.parametrize(
    ("operation", "wish"),
    [
        ("lookupUser", '@name="{}"'),
        ("allocateAndOpenNextWorkItem", "<resource>{}</resource>"),
        ("scheduleWorkItem", f"<item><name>n</name><entityQuery>{ENTITY}</entityQuery></item>{CONTEXT}{BODY}"),
        ("scheduleWorkItem", "<item><name>n</name><entityQuery>" + ENTITY.format("GUID-of-ana") + "</entityQuery>"
         f"<workTypeID>{{}}</workTypeID></item>{CONTEXT}{BODY}"),
        ("previewWorkItemFromList", f'{ENTITY}<workItemID id="@own"/>'),
        ("reallocateWorkItem", '<workItemID id="@own"/><resource>{}</resource><revertData>false</revertData>'),
        ("allocateWorkItem", '<workItemID id="@own"/><resource>{}</resource>'),
    ],
)  # fmt: skip
@pytest.mark.parametrize("user", ["supervisor", "ana"])
def test_a_name_or_guid_or_work_type_of_another_tenancy_is_as_one_that_does_not_exist(
    soap: Soap, acme: InTenancy, offered: WorkItem, operation: str, wish: str, user: str
) -> None:
    told = []
    for key in (("eve", "nobody"), ("GUID-of-eve", "GUID-of-nobody"), ("of-acme", "of-nobody")):
        answers = []
        for one in key:
            filled = wish.replace("@own", str(offered.id)).format(one)
            if filled.startswith("@name"):
                answer = soap.post(
                    SERVICE_OF[operation], envelope(request(operation, "", name=one, get_detail="true")), user=user
                )
            else:
                answer = soap.ask(operation, filled, user=user)
            answers.append(_told(answer, one))
        assert answers[0] == answers[1]
        told.append(answers[0])
    assert all(b"eve" not in body for _, body in told)


def test_nobody_is_told_who_there_is_elsewhere(soap: Soap, acme: InTenancy) -> None:
    message = envelope(request("lookupUser", "", get_detail="true"))
    here = soap.post(SERVICE_OF["lookupUser"], message).body
    there = soap.post(SERVICE_OF["lookupUser"], message, host="acme.test").body
    assert (b'"eve"' in here, b'"ben"' in here) == (False, True)
    assert (b'"eve"' in there, b'"ben"' in there) == (True, False)


def test_a_request_id_is_one_tenancys_own(soap: Soap, acme: InTenancy, offered: WorkItem) -> None:
    theirs = acme.write(lambda tx: scheduling.create_item(tx, NewWorkItem(name="x"), (), ["ana"])).result(10)
    header = '<own:RequestID xmlns:own="urn:soapsvc:v1">the same</own:RequestID>'
    for item, host in ((offered, "default.test"), (theirs, "acme.test")):
        wish = request("allocateWorkItem", content("allocateWorkItem", (item.id, 0)))
        answer = soap.post(SERVICE_OF["allocateWorkItem"], envelope(wish, header), host=host)
        assert answer.status == 200, answer.body


# Which tenancy a request means


def _sees(soap: Soap, user: str, password: str = PASSWORD, **headers: str) -> str:
    """Say whose people a caller is shown, or how he is refused."""
    answer = soap.post(
        SERVICE_OF["lookupUser"],
        envelope(request("lookupUser", "", get_detail="true")),
        user=user,
        password=password,
        **headers,
    )
    if answer.status != 200:
        assert answer.status == 401
        return Fault(answer.body).text
    names = {one.get("name") for one in content_of(answer.body)}
    return "acme" if "eve" in names else "default"


@pytest.mark.parametrize(
    ("host", "user", "seen"),
    [
        (None, "ana", "default"),
        ("acme.example.org", "ana", "acme"),
        ("acme.example.org:8080", "ana", "acme"),
        ("acme:8080", "ana", "acme"),
        ("acme", "ana", "acme"),
        ("ACME.Example.org", "ana", "acme"),
        ("acmes.example.org", "ana", "default"),
        ("www.acme.org", "ana", "default"),
        ("127.0.0.1:8080", "ana", "default"),
        ("[::1]:8080", "ana", "default"),
        ("", "ana", "default"),
        ("default.example.org", "ana", "default"),
        (None, "acme\\ana", "acme"),
        ("www.example.org", "acme\\ana", "acme"),
        ("www.example.org", "ACME\\ana", "acme"),
        ("acme.example.org", "acme\\ana", "acme"),
        ("acme.example.org", "default\\ana", REFUSED),
        ("default.example.org", "acme\\ana", REFUSED),
        (None, "nowhere\\ana", REFUSED),
        (None, "\\ana", REFUSED),
        (None, "acme\\", REFUSED),
        (None, "acme\\acme\\ana", REFUSED),
        (None, "eve", REFUSED),
        ("acme.example.org", "ben", REFUSED),
        (None, "acme\\ben", REFUSED),
    ],
)
def test_the_host_or_the_callers_name_says_which_tenancy_is_meant(
    soap: Soap, acme: InTenancy, host: str | None, user: str, seen: str
) -> None:
    headers = {} if host is None else {"host": host}
    assert _sees(soap, user, **headers) == seen


def test_a_username_token_may_name_the_tenancy_too(soap: Soap, acme: InTenancy) -> None:
    message = envelope(request("lookupUser", "", get_detail="true"), username_token("acme\\ana", PASSWORD))
    answer = soap.post(SERVICE_OF["lookupUser"], message, user=None)
    assert b'"eve"' in answer.body


def test_a_password_of_one_tenancy_is_none_of_another(soap: Soap, acme: InTenancy, password_hash: str) -> None:
    other = hash_password("another password")
    add = partial(people.add_person, name="twin", guid="GUID-of-twin")
    soap.database.write(partial(add, password_hash=password_hash)).result(10)
    acme.write(partial(add, password_hash=other)).result(10)
    for _ in range(2):  # a proof that is remembered is one tenancy's own
        assert _sees(soap, "twin") == "default"
        assert _sees(soap, "acme\\twin", "another password") == "acme"
        assert _sees(soap, "acme\\twin") == REFUSED
        assert _sees(soap, "twin", "another password") == REFUSED


# Rules of a tenancy


def test_a_tenancy_may_demand_versions_where_the_service_does_not(soap: Soap, password_hash: str) -> None:
    whole = soap.database.database
    strict = InTenancy(whole, whole.read(lambda tx: tenancies.find_tenancy(tx, "strict")).result(10).id)
    strict.write(partial(people.add_person, name="ana", guid="A", password_hash=password_hash)).result(10)
    item = strict.write(lambda tx: scheduling.create_item(tx, NewWorkItem(name="x"), (), ["ana"])).result(10)
    without, with_one = (content("allocateWorkItem", (item.id, version)) for version in (None, 0))
    fault = Fault(soap.ask("allocateWorkItem", without, host="strict.test").body)
    assert (fault.name, fault.parameters) == ("InvalidRequestFault", [str(item.id)])
    assert soap.ask("allocateWorkItem", with_one, host="strict.test").status == 200


def test_a_tenancy_may_be_lenient_where_the_service_is_not(template: Path, tmp_path: Path) -> None:
    with running(template, tmp_path, version_required=True, credential_seconds=0) as soap:
        item = soap.database.write(lambda tx: scheduling.create_item(tx, NewWorkItem(name="x"), (), ["ana"])).result(10)
        wish = content("allocateWorkItem", (item.id, None))
        for is_required in (True, None):
            change = partial(tenancies.require_versions, moniker="default", is_required=is_required)
            soap.database.database.write(change).result(10)
            assert Fault(soap.ask("allocateWorkItem", wish).body).name == "InvalidRequestFault"
        soap.database.database.write(partial(change, is_required=False)).result(10)
        assert soap.ask("allocateWorkItem", wish).status == 200
