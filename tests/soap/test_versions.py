"""The version check of every operation that takes a version: exact, first in order, and without any effect."""

from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import HealthCheck, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st
from lxml import etree

from soapsvc.domain.work_item import WorkItem
from tests.conftest import Soap
from tests.support.soap import NAMESPACES, Fault, content_of

LONGS = st.integers(-(2**63), 2**63 - 1)
OPERATIONS = {
    "getWorkItemHeader": "{}",
    "openWorkItem": "{}",
    "closeWorkItem": "{}",
    "allocateAndOpenWorkItem": "{}<resource>ana</resource>",
    "previewWorkItemFromList": '<entityID entity-type="RESOURCE" guid="GUID-of-ana"/>{}',
}
WRITERS = ("openWorkItem", "closeWorkItem", "allocateAndOpenWorkItem")


def _identity(item: WorkItem, version: object) -> str:
    return f'<workItemID id="{item.id}" version="{version}"/>'


def _check(fault: Fault, item: WorkItem, supplied: int) -> None:
    """Check a version fault to the letter."""
    assert fault.code == "Client"
    assert fault.text == (
        f"The work item with id = {item.id} is currently at version {item.version}, not at version {supplied}"
    )
    assert fault.actor == "PROVIDER"
    assert (fault.namespace, fault.name) == ("http://exception.api.brm.n2.tibco.com", "InvalidVersionFault")
    assert fault.error_code == "BRM_WORKITEM_VERSION_MISMATCH"
    owner = item.owner.guid if item.owner else ""
    assert fault.parameters == [str(item.id), str(item.version), str(supplied), item.state.value, owner]


@pytest.mark.parametrize("supplied", [0, 1, 3, 99, 2**63 - 1, -2, -(2**63)])
@pytest.mark.parametrize("operation", OPERATIONS)
def test_another_version_than_the_stored_one_is_refused_and_changes_nothing(
    soap: Soap, pended: WorkItem, unchanged: Any, operation: str, supplied: int
) -> None:
    with unchanged(pended):
        answer = soap.ask(operation, OPERATIONS[operation].format(_identity(pended, supplied)))
    assert answer.status == 500
    _check(Fault(answer.body), pended, supplied)


@pytest.mark.parametrize("operation", OPERATIONS)
def test_the_fault_of_an_item_that_nobody_holds_names_no_owner(soap: Soap, offered: WorkItem, operation: str) -> None:
    fault = Fault(soap.ask(operation, OPERATIONS[operation].format(_identity(offered, 1))).body)
    _check(fault, offered, 1)
    assert fault.parameters[3:] == ["OFFERED", ""]


def test_the_whole_fault_has_the_form_that_clients_know(soap: Soap, opened: WorkItem) -> None:
    answer = soap.ask("closeWorkItem", _identity(opened, 0))
    fault = content_of(answer.body)
    assert [child.tag for child in fault] == ["faultcode", "faultstring", "faultactor", "detail"]
    (detail,) = fault.findall("detail")
    (typed,) = detail
    (error,) = typed
    assert fault.findtext("faultcode") == "soap:Client"
    assert typed.tag == f"{{{NAMESPACES['ex']}}}InvalidVersionFault"
    assert (error.tag, sorted(error.attrib)) == ("error", ["code", "message"])
    assert error.get("message") == fault.findtext("faultstring")
    assert {parameter.tag for parameter in error} == {"parameter"}
    assert not [part for part in fault.iter() if part.get("{http://www.w3.org/XML/1998/namespace}lang")]


@hypothesis_settings(max_examples=30, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(operation=st.sampled_from(sorted(OPERATIONS)), supplied=LONGS)
def test_any_version_but_the_stored_one_and_minus_one_is_refused(
    soap: Soap, opened: WorkItem, stored: Callable[[int], WorkItem], operation: str, supplied: int
) -> None:
    if supplied in {-1, opened.version}:
        return
    fault = Fault(soap.ask(operation, OPERATIONS[operation].format(_identity(opened, supplied))).body)
    _check(fault, opened, supplied)
    assert stored(opened.id) == opened


@pytest.mark.parametrize("version", ['version="-1"', "", 'version="{}"', 'version=" +{} "', 'version="00{}"'])
@pytest.mark.parametrize("operation", OPERATIONS)
def test_minus_one_and_no_version_mean_the_latest_as_its_own_number_does(
    soap: Soap, new_item: Any, opened: WorkItem, pended: WorkItem, operation: str, version: str
) -> None:
    assert opened.id == pended.id
    item = {"openWorkItem": pended, "closeWorkItem": None}.get(operation) or new_item()
    if operation == "closeWorkItem":
        assert soap.ask("openWorkItem", f'<workItemID id="{pended.id}"/>').status == 200
        item = pended
    current = {"openWorkItem": 2, "closeWorkItem": 3}.get(operation, 0)
    identity = f'<workItemID id="{item.id}" {version.format(current)}/>'
    answer = soap.ask(operation, OPERATIONS[operation].format(identity))
    assert answer.status == 200, answer.body


@pytest.mark.parametrize("operation", WRITERS)
def test_a_stale_version_and_a_wrong_state_give_the_version_fault(
    soap: Soap, offered: WorkItem, opened: WorkItem, operation: str
) -> None:
    content = OPERATIONS[operation].format(f'<workItemID id="{opened.id}" version="0"/>')
    if operation == "closeWorkItem":
        assert soap.ask("closeWorkItem", f'<workItemID id="{opened.id}"/>').status == 200
    assert Fault(soap.ask(operation, content).body).name == "InvalidVersionFault"


def test_a_stale_version_comes_before_unusable_data(soap: Soap, opened: WorkItem) -> None:
    payload = '<workItemPayload><dataModel><inouts name="Unknown" type="String"/></dataModel></workItemPayload>'
    fault = Fault(soap.ask("closeWorkItem", _identity(opened, 0) + payload).body)
    assert fault.name == "InvalidVersionFault"


@pytest.mark.parametrize("resource", ["carl", "nobody", ""])
def test_a_stale_version_comes_before_a_resource_that_may_not_have_the_item(
    soap: Soap, offered: WorkItem, resource: str
) -> None:
    content = f"{_identity(offered, 5)}<resource>{resource}</resource>"
    assert Fault(soap.ask("allocateAndOpenWorkItem", content).body).name == "InvalidVersionFault"


def test_a_stale_version_comes_before_an_entity_without_the_item(soap: Soap, offered: WorkItem) -> None:
    content = f'<entityID entity-type="RESOURCE" guid="nobody"/>{_identity(offered, 5)}'
    assert Fault(soap.ask("previewWorkItemFromList", content).body).name == "InvalidVersionFault"


@pytest.mark.parametrize("operation", OPERATIONS)
def test_a_caller_without_a_tie_learns_nothing_even_from_a_stale_version(
    soap: Soap, opened: WorkItem, unchanged: Any, operation: str
) -> None:
    with unchanged(opened):
        answer = soap.ask(operation, OPERATIONS[operation].format(_identity(opened, 0)), user="carl")
    fault = Fault(answer.body)
    assert (answer.status, fault.code, fault.actor) == (500, "Client", "PROVIDER")
    assert (fault.namespace, fault.name) == ("http://exception.api.de.n2.tibco.com", "SecurityFault")
    assert (fault.error_code, fault.parameters) == ("BRM_SECURITY_NOT_ALLOWED", [])
    assert str(opened.id) not in fault.text
    assert not [word for word in (b"ana", b"OPENED", b"currently", opened.guid.encode()) if word in answer.body]


@pytest.mark.parametrize("operation", OPERATIONS)
def test_a_stale_item_within_a_batch_undoes_the_batch_and_is_named(
    soap: Soap, new_item: Any, unchanged: Any, operation: str
) -> None:
    items = [new_item(), new_item()]
    group = OPERATIONS[operation].replace("{}", '<workItemID id="{}" version="{}"/>')
    prefix, _, rest = group.partition("<workItemID")
    one = "<workItemID" + rest
    if operation in {"openWorkItem", "closeWorkItem"}:
        take = "".join(f'<workItemID id="{item.id}"/><resource>ana</resource>' for item in items)
        assert soap.ask("allocateAndOpenWorkItem", take).status == 200
        if operation == "openWorkItem":
            both = "".join(f'<workItemID id="{item.id}"/>' for item in items)
            assert soap.ask("closeWorkItem", both).status == 200
    current = {"openWorkItem": 2, "closeWorkItem": 1}.get(operation, 0)
    with unchanged(*items):
        content = prefix + one.format(items[0].id, current) + one.format(items[1].id, 9)
        fault = Fault(soap.ask(operation, content).body)
    assert (fault.name, fault.parameters[:3]) == ("InvalidVersionFault", [str(items[1].id), str(current), "9"])


def test_each_change_raises_the_version_by_one_and_reads_never_do(soap: Soap, offered: WorkItem) -> None:
    def ask(operation: str, version: int) -> etree._Element:
        answer = soap.ask(operation, OPERATIONS[operation].format(_identity(offered, version)))
        assert answer.status == 200, answer.body
        return content_of(answer.body)[0]

    def read(version: int) -> None:
        assert ask("getWorkItemHeader", version).get("version") == str(version)
        assert ask("previewWorkItemFromList", version).get("version") == str(version)

    read(0)
    assert ask("allocateAndOpenWorkItem", 0).find("id").get("version") == "1"
    read(1)
    assert ask("closeWorkItem", 1).get("version") == "2"
    read(2)
    assert ask("openWorkItem", 2).get("version") == "3"
    read(3)
    assert ask("closeWorkItem", 3).get("version") == "4"
    read(4)


@pytest.mark.parametrize("user", ["ana", "ben"])
def test_the_loser_of_a_race_brings_himself_up_to_date_by_the_header(soap: Soap, opened: WorkItem, user: str) -> None:
    answer = soap.ask("getWorkItemHeader", f'<workItemID id="{opened.id}"/>', user=user)
    (header,) = content_of(answer.body)
    assert (header.get("version"), header.get("state")) == ("1", "OPENED")
