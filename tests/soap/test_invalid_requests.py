"""Requests that the contract does not allow: a Client fault that says where, never what was sent; nothing changed."""

from typing import Any

import pytest
from hypothesis import HealthCheck, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from soapsvc.domain.work_item import WorkItem
from tests.conftest import Soap
from tests.support.soap import Fault, envelope, request

MARK = "s3cr3t-value"
XSI = 'xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance"'
SERVICE = "WorkItemManagementService"


def _check(answer: Any, place: str = "") -> Fault:
    fault = Fault(answer.body)
    assert (answer.status, fault.code, fault.actor) == (500, "Client", "PROVIDER"), answer.body
    assert (fault.namespace, fault.name) == ("urn:soapsvc:v1", "InvalidRequestFault")
    assert fault.error_code == "BRM_REQUEST_INVALID"
    assert place in fault.text, fault.text
    assert MARK.encode() not in answer.body
    return fault


def _payload(field: str) -> str:
    return f'<workItemID id="{{id}}"/><workItemPayload><dataModel>{field}</dataModel></workItemPayload>'


def _hidden(date: str) -> str:
    return f'<workItemID id="{{id}}"/><hiddenPeriod><visibleDate>{date}</visibleDate></hiddenPeriod>'


# What is wrong, and the element that the fault points to.
SCHEMA_VIOLATIONS = {
    "no item": ("", "closeWorkItem"),
    "an unknown element": (f'<workItemID id="{{id}}"/><more>{MARK}</more>', "more"),
    "an unknown element first": (f'<more>{MARK}</more><workItemID id="{{id}}"/>', "more"),
    "no id": ("<workItemID/>", "workItemID"),
    "an empty id": ('<workItemID id=""/>', "workItemID"),
    "an id that is no number": (f'<workItemID id="{MARK}"/>', "id"),
    "an id with a fraction": ('<workItemID id="1.5"/>', "id"),
    "an id beyond 64 bits": ('<workItemID id="9223372036854775808"/>', "id"),
    "an id far beyond 64 bits": (f'<workItemID id="{"9" * 60}"/>', "id"),
    "a negative id beyond 64 bits": ('<workItemID id="-9223372036854775809"/>', "id"),
    "a version that is no number": (f'<workItemID id="{{id}}" version="{MARK}"/>', "version"),
    "a version beyond 64 bits": ('<workItemID id="{id}" version="9223372036854775808"/>', "version"),
    "a version of blanks": ('<workItemID id="{id}" version=" "/>', "version"),
    "an unknown attribute": (f'<workItemID id="{{id}}" more="{MARK}"/>', "more"),
    "a qualified attribute": (f'<workItemID xmlns:a="urn:a" id="{{id}}" a:version="{MARK}"/>', "version"),
    "text among the elements": (f'{MARK}<workItemID id="{{id}}"/>', "closeWorkItem"),
    "text in an empty element": (f'<workItemID id="{{id}}">{MARK}</workItemID>', "workItemID"),
    "an element in an empty element": ('<workItemID id="{id}"><x/></workItemID>', "workItemID"),
    "nil": (f'<workItemID {XSI} xsi:nil="true" id="{{id}}"/>', "workItemID"),
    "an unknown type": (f'<workItemID {XSI} xsi:type="{MARK}" id="{{id}}"/>', "workItemID"),
    "another type": (f'<workItemID {XSI} xsi:type="api:WorkItemBody" id="{{id}}"/>', "workItemID"),
    "two payloads": (
        '<workItemID id="{id}"/><workItemPayload><dataModel/></workItemPayload>'
        "<workItemPayload><dataModel/></workItemPayload>",
        "workItemPayload",
    ),
    "the period before the payload": (
        '<workItemID id="{id}"/><hiddenPeriod/><workItemPayload><dataModel/></workItemPayload>',
        "workItemPayload",
    ),
    "both kinds of period": (
        '<workItemID id="{id}"/><hiddenPeriod><hiddenDuration/><visibleDate>2999-01-01T00:00:00Z</visibleDate>'
        "</hiddenPeriod>",
        "visibleDate",
    ),
    "a duration that is no number": (
        f'<workItemID id="{{id}}"/><hiddenPeriod><hiddenDuration days="{MARK}"/></hiddenPeriod>',
        "days",
    ),
    "a duration beyond 32 bits": (
        '<workItemID id="{id}"/><hiddenPeriod><hiddenDuration days="2147483648"/></hiddenPeriod>',
        "days",
    ),
    "a payload without data": ('<workItemID id="{id}"/><workItemPayload/>', "workItemPayload"),
    "an unknown kind of field": (_payload('<both name="Notes" type="String"/>'), "both"),
    "fields out of order": (
        _payload('<inouts name="Notes" type="String"/><outputs name="Amount" type="Decimal Number"/>'),
        "outputs",
    ),
    "a field without a name": (_payload('<inouts type="String"/>'), "inouts"),
    "a field without a type": (_payload('<inouts name="Notes"/>'), "inouts"),
    "an unknown field type": (_payload(f'<inouts name="Notes" type="{MARK}"/>'), "type"),
    "a padded field type": (_payload('<inouts name="Notes" type=" String "/>'), "type"),
    "a boolean that is none": (_payload(f'<inouts name="Notes" type="String" array="{MARK}"/>'), "array"),
    "a boolean in capitals": (_payload('<inouts name="Notes" type="String" array="TRUE"/>'), "array"),
    "both specs": (_payload('<inouts name="Notes" type="String"><simpleSpec/><complexSpec/></inouts>'), "complexSpec"),
    "an element in a simple value": (
        _payload(f'<inouts name="Notes" type="String"><simpleSpec><value><x>{MARK}</x></value></simpleSpec></inouts>'),
        "value",
    ),
    "a date that is none": (_hidden(MARK), "visibleDate"),
    "a date without a time": (_hidden("2026-11-21"), "visibleDate"),
    "an empty date": (_hidden(""), "visibleDate"),
    "the 30th of February": (_hidden("2026-02-30T00:00:00Z"), "visibleDate"),
    "month 13": (_hidden("2026-13-01T00:00:00Z"), "visibleDate"),
    "hour 25": (_hidden("2026-01-01T25:00:00Z"), "visibleDate"),
    "a second past 24:00:00": (_hidden("2026-01-01T24:00:01Z"), "visibleDate"),
    "NaN": (_hidden("NaN"), "visibleDate"),
    "a zone of 15 hours": (_hidden("2026-01-01T00:00:00+15:00"), "visibleDate"),
}


@pytest.mark.parametrize(("content", "place"), SCHEMA_VIOLATIONS.values(), ids=SCHEMA_VIOLATIONS)
def test_what_breaks_the_schema_is_refused_with_the_place_and_without_the_value(
    soap: Soap, opened: WorkItem, unchanged: Any, content: str, place: str
) -> None:
    with unchanged(opened):
        answer = soap.ask("closeWorkItem", content.format(id=opened.id))
    _check(answer, place)


@pytest.mark.parametrize(
    "date",
    ["10000-01-01T00:00:00Z", "-0001-01-01T00:00:00Z", "9999-12-31T24:00:00Z", "9999-12-31T23:00:00-14:00",
     "0001-01-01T00:00:00+14:00", f"{'9' * 500}-01-01T00:00:00Z"],
)  # fmt: skip
def test_a_date_that_xml_schema_knows_and_no_calendar_here_is_refused_cleanly(
    soap: Soap, opened: WorkItem, unchanged: Any, date: str
) -> None:
    with unchanged(opened):
        answer = soap.ask("closeWorkItem", _hidden(date).format(id=opened.id))
    _check(answer)
    assert date.encode() not in answer.body


@pytest.mark.parametrize("number", ["NaN", "INF", "1E5", "1,5", MARK, ""])
def test_a_decimal_attribute_that_is_no_number_is_refused(soap: Soap, number: str) -> None:
    content = (
        f'<item><name>n</name><attributes attribute5="{number}"/><entityQuery><entityID entity-type="RESOURCE" '
        'guid="GUID-of-ana"/></entityQuery></item><itemContext><activityID/><activityName/><appInstance/><appName/>'
        "<appID/></itemContext><itemBody><dataModel/></itemBody>"
    )
    _check(soap.ask("scheduleWorkItem", content, user="supervisor"), "attribute5")


@pytest.mark.parametrize("number", range(1, 41))
def test_an_attribute_that_is_too_long_or_of_another_type_is_refused(soap: Soap, number: int) -> None:
    is_text = number not in {1, 5, 6, 7, 15, 16, 17, 18, 19, 20}
    longest = 255 if number >= 39 else 64 if number in {2, 3, 4} or number >= 27 else 20
    value = MARK + "x" * (longest + 1 - len(MARK)) if is_text else MARK
    content = (
        f'<item><name>n</name><attributes attribute{number}="{value}"/><entityQuery><entityID entity-type="RESOURCE" '
        'guid="GUID-of-ana"/></entityQuery></item><itemContext><activityID/><activityName/><appInstance/><appName/>'
        "<appID/></itemContext><itemBody><dataModel/></itemBody>"
    )
    fault = _check(soap.ask("scheduleWorkItem", content, user="supervisor"), f"attribute{number}")
    assert ("too long" in fault.text) == is_text


@pytest.mark.parametrize("kind", [MARK, "resource", "", " RESOURCE "])
def test_an_unknown_kind_of_entity_is_refused(soap: Soap, offered: WorkItem, kind: str) -> None:
    content = f'<entityID entity-type="{kind}" guid="GUID-of-ana"/><workItemID id="{offered.id}"/>'
    _check(soap.ask("previewWorkItemFromList", content), "entity-type")


@pytest.mark.parametrize(
    ("content", "place"),
    [
        ('<workItemID id="{id}"/>', "workItemID"),
        ('<entityID entity-type="RESOURCE" guid="GUID-of-ana"/>', "previewWorkItemFromList"),
        ('<entityID entity-type="RESOURCE"/><workItemID id="{id}"/>', "entityID"),
        ('<workItemID id="{id}"/><entityID entity-type="RESOURCE" guid="GUID-of-ana"/>', "workItemID"),
        (
            '<entityID entity-type="RESOURCE" guid="GUID-of-ana"/><workItemID id="{id}"/>'
            f"<requireWorkType>{MARK}</requireWorkType>",
            "requireWorkType",
        ),
        (
            f'<entityID entity-type="RESOURCE" guid="GUID-of-ana" model-version="{MARK}"/><workItemID id="{{id}}"/>',
            "model-version",
        ),
    ],
)
def test_a_preview_that_breaks_the_schema_is_refused(soap: Soap, offered: WorkItem, content: str, place: str) -> None:
    _check(soap.ask("previewWorkItemFromList", content.format(id=offered.id)), place)


GROUPS = {
    "getWorkItemHeader": "{}",
    "openWorkItem": "{}",
    "closeWorkItem": "{}",
    "allocateAndOpenWorkItem": "{}<resource>ana</resource>",
}


@pytest.mark.parametrize("second", ['<workItemID id="{id}"/>', '<workItemID id=" +0{id} " version="99"/>'])
@pytest.mark.parametrize("operation", [*GROUPS, "previewWorkItemFromList"])
def test_the_same_item_twice_in_one_batch_is_refused(
    soap: Soap, offered: WorkItem, unchanged: Any, operation: str, second: str
) -> None:
    group = GROUPS.get(operation, "{}")
    first = group.format(f'<workItemID id="{offered.id}"/>')
    content = first + group.format(second.format(id=offered.id))
    if operation not in GROUPS:
        content = f'<entityID entity-type="RESOURCE" guid="GUID-of-ana"/>{content}'
    with unchanged(offered):
        fault = _check(soap.ask(operation, content), "twice")
    assert str(offered.id) in fault.text


@pytest.mark.parametrize("operation", GROUPS)
def test_an_empty_batch_is_refused(soap: Soap, operation: str) -> None:
    for content in ("", " \n ", "<!-- nothing -->"):
        _check(soap.ask(operation, content))


@pytest.mark.parametrize(
    "content",
    ['<workItemID id="{id}"/>', '<resource>ana</resource><workItemID id="{id}"/>', "<resource>ana</resource>",
     '<workItemID id="{id}"/><workItemID id="1"/><resource>ana</resource><resource>ben</resource>',
     f'<workItemID id="{{id}}"/><resource {XSI} xsi:nil="true"/>'],
)  # fmt: skip
def test_an_allocation_that_is_not_in_pairs_is_refused(
    soap: Soap, offered: WorkItem, unchanged: Any, content: str
) -> None:
    with unchanged(offered):
        _check(soap.ask("allocateAndOpenWorkItem", content.format(id=offered.id)))


@pytest.mark.parametrize("resource", ["<resource/>", "<resource></resource>", "<resource>  \n</resource>"])
@pytest.mark.parametrize("user", ["ana", "supervisor"])
def test_an_empty_resource_is_a_clear_fault_and_changes_nothing(
    soap: Soap, offered: WorkItem, unchanged: Any, resource: str, user: str
) -> None:
    with unchanged(offered):
        answer = soap.ask("allocateAndOpenWorkItem", f'<workItemID id="{offered.id}"/>{resource}', user=user)
    fault = Fault(answer.body)
    assert (answer.status, fault.code) == (500, "Client")
    assert fault.name == ("InvalidEntityFault" if user == "supervisor" else "SecurityFault")


@pytest.mark.parametrize(
    "namespace", ["urn:it's", 'urn:"double"', "urn:{brace}", "x" * 200, f"urn:'{MARK}'", "urn:a b", "%", "'", "}"]
)
@pytest.mark.parametrize("form", ["<x xmlns='{}'/>", "<workItemID id='1' xmlns:n='{}' n:a='1'/>"])
def test_a_name_in_any_namespace_that_is_not_ours_is_refused_as_the_callers_mistake(
    soap: Soap, namespace: str, form: str
) -> None:
    escaped = namespace.replace("&", "&amp;").replace("'", "&apos;")
    _check(soap.ask("getWorkItemHeader", form.format(escaped)))


@pytest.mark.parametrize("name", ["x" * 99, "x" * 101, "x" * 60_000, "Element", "é", "a.b-c_d"])
def test_an_unknown_element_of_any_name_is_refused(soap: Soap, name: str) -> None:
    _check(soap.ask("getWorkItemHeader", f"<{name}/>"))
    _check(soap.ask("getWorkItemHeader", f'<workItemID id="1" {name}="{MARK}"/>'))


_VALUES = st.text(st.characters(codec="utf-8", exclude_categories=["Cs", "Cc"]), min_size=6).filter(
    lambda text: "\ufffe" not in text and "\uffff" not in text and not text.strip().lstrip("+-").isdigit()
)


@hypothesis_settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(value=_VALUES, place=st.sampled_from(["id", "version", "text", "date", "type"]))
def test_no_value_that_breaks_the_schema_is_ever_repeated(soap: Soap, opened: WorkItem, value: str, place: str) -> None:
    text = f"«{value}»".replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
    quoted = text.replace('"', "&quot;")
    content = {
        "id": f'<workItemID id="{quoted}"/>',
        "version": f'<workItemID id="1" version="{quoted}"/>',
        "text": f'<workItemID id="1"/>{text}',
        "date": _hidden("@").format(id=1).replace("@", text),
        "type": _payload('<inouts name="Notes" type="@"/>').format(id=1).replace("@", quoted),
    }[place]
    answer = soap.ask("closeWorkItem", content)
    assert Fault(answer.body).name == "InvalidRequestFault"
    assert "«" not in answer.body.decode()


def test_a_request_without_any_content_names_its_own_element(soap: Soap) -> None:
    fault = _check(soap.post(SERVICE, envelope(request("closeWorkItem", ""))))
    assert "<closeWorkItem>" in fault.text
