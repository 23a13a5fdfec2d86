"""What clients in the field send though they should not, and what they may send though few do."""

from collections.abc import Callable
from typing import Any

import pytest
from lxml import etree

from soapsvc.domain.data import Direction, Field, FieldType
from soapsvc.domain.states import State
from soapsvc.domain.work_item import WorkItem
from tests.conftest import Soap
from tests.support.soap import SERVICE_OF, Fault, content_of, envelope, request

Stored = Callable[[int], WorkItem]
SERVICE = "WorkItemManagementService"
API = "http://api.brm.n2.tibco.com"
ENVELOPE = "http://schemas.xmlsoap.org/soap/envelope/"
CLAIM = (Field(name="Claim", direction=Direction.INOUT, type=FieldType.COMPLEX, optional=True),)


def _close(item: WorkItem, notes: str) -> str:
    return (
        f'<workItemID id="{item.id}"/><workItemPayload><dataModel><inouts name="Notes" type="String">'
        f"<simpleSpec><value>{notes}</value></simpleSpec></inouts></dataModel></workItemPayload>"
    )


@pytest.mark.parametrize(
    "content",
    [
        '<api:workItemID id="{}" version="1"/>',
        '<api:workItemID id="{}"/><api:workItemPayload><api:dataModel><api:inouts name="Notes" type="String">'
        "<api:simpleSpec><api:value>x</api:value></api:simpleSpec></api:inouts></api:dataModel></api:workItemPayload>",
        '<api:workItemID id="{}"/><workItemPayload><dataModel><api:inouts name="Notes" type="String">'
        "<simpleSpec><api:value>x</api:value></simpleSpec></api:inouts></dataModel></workItemPayload>",
        '<workItemID id="{}"/><api:hiddenPeriod><api:hiddenDuration days="1"/></api:hiddenPeriod>',
        '<workItemID id="{}"/><api:hiddenPeriod><api:visibleDate>2999-01-01T00:00:00Z</api:visibleDate>'
        "</api:hiddenPeriod>",
    ],
)
def test_children_in_the_roots_namespace_are_taken_for_unqualified_ones(
    soap: Soap, opened: WorkItem, stored: Stored, content: str
) -> None:
    answer = soap.ask("closeWorkItem", content.format(opened.id))
    assert answer.status == 200, answer.body
    item = stored(opened.id)
    assert item.version == 2
    assert item.state is (State.PENDHIDDEN if "hiddenPeriod" in content else State.PENDED)
    if "Notes" in content:
        assert ("x",) in [field.values for field in item.fields]


def test_a_message_in_one_default_namespace_is_understood_and_its_answer_is_in_the_published_form(
    soap: Soap, offered: WorkItem
) -> None:
    message = (
        f'<Envelope xmlns="{ENVELOPE}"><Body><allocateAndOpenWorkItem xmlns="{API}">'
        f'<workItemID id="{offered.id}" version="0"/><resource>ana</resource></allocateAndOpenWorkItem></Body>'
        "</Envelope>"
    )
    answer = soap.post(SERVICE, message.encode())
    assert answer.status == 200, answer.body
    content_of(answer.body)


@pytest.mark.parametrize(
    "spec",
    [
        "<api:complexSpec><api:value><api:part/></api:value></api:complexSpec>",
        "<complexSpec><api:value><api:part/></api:value></complexSpec>",
        "<api:complexSpec><value><api:part/></value></api:complexSpec>",
        "<complexSpec><value><api:part/></value></complexSpec>",
    ],
)
def test_within_a_complex_value_qualified_names_are_data_and_stay(
    soap: Soap, new_item: Any, stored: Stored, spec: str
) -> None:
    item = new_item(CLAIM)
    assert soap.ask("allocateAndOpenWorkItem", f'<workItemID id="{item.id}"/><resource>ana</resource>').status == 200
    field = f'<inouts name="Claim" type="Complex">{spec}</inouts>'
    content = f'<workItemID id="{item.id}"/><workItemPayload><dataModel>{field}</dataModel></workItemPayload>'
    answer = soap.ask("closeWorkItem", content)
    assert answer.status == 200, answer.body
    (field_stored,) = stored(item.id).fields
    (value,) = (etree.fromstring(text) for text in field_stored.values)
    assert (value.tag, [part.tag for part in value]) == ("value", [f"{{{API}}}part"])


@pytest.mark.parametrize("content", ['<workItemID id="{}" version=""/>', '<api:workItemID version="" id="{}"/>'])
def test_an_empty_version_is_none_as_the_vendors_own_example_has_it(
    soap: Soap, opened: WorkItem, stored: Stored, content: str
) -> None:
    assert soap.ask("closeWorkItem", content.format(opened.id)).status == 200
    assert stored(opened.id).version == 2


def test_an_empty_version_is_none_below_a_group_too(soap: Soap, offered: WorkItem, stored: Stored) -> None:
    content = (
        f'<workItemIDandPriority><workItemID id="{offered.id}" version=""/><workItemPriority><absPriority>7'
        "</absPriority></workItemPriority></workItemIDandPriority>"
    )
    answer = soap.ask("setWorkItemPriority", content, user="supervisor")
    assert answer.status == 200, answer.body
    assert (stored(offered.id).priority, stored(offered.id).version) == (7, 1)


@pytest.mark.parametrize("operation", ["lookupUser", "getWorkItemHistory"])
def test_children_in_the_roots_namespace_are_fine_in_other_namespaces_too(
    soap: Soap, offered: WorkItem, operation: str
) -> None:
    child = f'<own:workItemID id="{offered.id}"/>' if operation == "getWorkItemHistory" else ""
    assert soap.ask(operation, child).status == 200


def test_children_in_another_namespace_are_refused(soap: Soap, opened: WorkItem, unchanged: Any) -> None:
    with unchanged(opened):
        answer = soap.ask("closeWorkItem", f'<o:workItemID xmlns:o="urn:other" id="{opened.id}"/>')
    assert Fault(answer.body).name == "InvalidRequestFault"


@pytest.mark.parametrize("number", [" {} ", "\t{}\n", "+{}", "000{}", " +0{} "])
def test_padded_and_signed_numbers_are_numbers(soap: Soap, opened: WorkItem, number: str) -> None:
    content = f'<workItemID id="{number.format(opened.id)}" version="{number.format(1)}"/>'
    answer = soap.ask("closeWorkItem", content)
    assert answer.status == 200, answer.body
    (identity,) = content_of(answer.body)
    assert (identity.get("id"), identity.get("version")) == (str(opened.id), "2")


@pytest.mark.parametrize(
    ("text", "many"), [(" true ", True), ("1", True), (" 1\n", True), (" false ", False), ("0", False), (" 0 ", False)]
)
def test_padded_booleans_keep_their_meaning(soap: Soap, stored: Stored, text: str, many: bool) -> None:
    content = (
        '<item><name>n</name><entityQuery><entityID entity-type="RESOURCE" guid="GUID-of-ana"/></entityQuery></item>'
        "<itemContext><activityID/><activityName/><appInstance/><appName/><appID/></itemContext><itemBody><dataModel>"
        f'<inouts name="f" type="String" array="{text}" optional="{text}"/></dataModel></itemBody>'
    )
    answer = soap.ask("scheduleWorkItem", content, user="supervisor")
    assert answer.status == 200, answer.body
    (identity,) = content_of(answer.body)
    (field,) = stored(int(identity.get("id"))).fields
    assert (field.array, field.optional) == (many, many)


@pytest.mark.parametrize("date", [" 2999-01-01T00:00:00Z ", "\n2999-01-01T00:00:00\n", "2998-12-31T24:00:00Z",
                                  "2999-01-01T00:00:00.0000000009Z", "2999-01-01T01:00:00+01:00"])  # fmt: skip
def test_every_way_to_write_a_moment_is_understood(soap: Soap, opened: WorkItem, stored: Stored, date: str) -> None:
    period = f"<hiddenPeriod><visibleDate>{date}</visibleDate></hiddenPeriod>"
    assert soap.ask("closeWorkItem", f'<workItemID id="{opened.id}"/>{period}').status == 200
    hidden_until = stored(opened.id).hidden_until
    assert hidden_until is not None
    assert hidden_until.isoformat() == "2999-01-01T00:00:00+00:00"


def test_a_fraction_finer_than_a_microsecond_is_cut(soap: Soap, opened: WorkItem, stored: Stored) -> None:
    period = "<hiddenPeriod><visibleDate>2999-01-01T00:00:00.123456789Z</visibleDate></hiddenPeriod>"
    assert soap.ask("closeWorkItem", f'<workItemID id="{opened.id}"/>{period}').status == 200
    assert stored(opened.id).hidden_until.isoformat() == "2999-01-01T00:00:00.123456+00:00"  # type: ignore[union-attr]


@pytest.mark.parametrize(
    "action", [None, "", '""', "{}", '"{}"', ' "{}" ', "http://api.brm.n2.tibco.com/{}", '"urn:x#{}"']
)
@pytest.mark.parametrize("operation", ["getWorkItemHeader", "previewWorkItemFromList"])
def test_an_absent_an_empty_and_a_quoted_soap_action_are_fine(
    soap: Soap, offered: WorkItem, operation: str, action: str | None
) -> None:
    headers = {} if action is None else {"soapaction": action.format(operation)}
    entity = '<entityID entity-type="RESOURCE" guid="GUID-of-ana"/>' if operation.startswith("preview") else ""
    answer = soap.ask(operation, f'{entity}<workItemID id="{offered.id}"/>', **headers)
    assert answer.status == 200, answer.body


@pytest.mark.parametrize(
    "content_type",
    ["text/xml", "TEXT/XML", 'text/xml; charset="utf-8"', "text/xml;charset=UTF-8", "text/xml; action=x", " text/xml "],
)
def test_the_content_type_may_be_written_in_any_way(soap: Soap, offered: WorkItem, content_type: str) -> None:
    answer = soap.ask("getWorkItemHeader", f'<workItemID id="{offered.id}"/>', content_type=content_type)
    assert answer.status == 200


@pytest.mark.parametrize(
    ("encoding", "declared", "http"),
    [
        ("utf-8", "UTF-8", None),
        ("utf-8", None, None),
        ("utf-8-sig", None, "utf-8"),
        ("utf-8-sig", "utf-8", None),
        ("utf-16", "UTF-16", None),
        ("utf-16", "UTF-16", "utf-16"),
        ("utf-16", None, "utf-16"),
        ("utf-16", None, None),
        ("iso-8859-1", "ISO-8859-1", None),
        ("iso-8859-1", "ISO-8859-1", "ISO-8859-1"),
        ("iso-8859-1", "UTF-8", "ISO-8859-1"),
        ("us-ascii", "US-ASCII", "us-ascii"),
    ],
)
def test_a_message_may_be_written_in_each_of_the_four_charsets(
    soap: Soap, opened: WorkItem, stored: Stored, encoding: str, declared: str | None, http: str | None
) -> None:
    text = "ascii" if encoding == "us-ascii" else "Größe"
    message = envelope(request("closeWorkItem", _close(opened, text))).decode()
    if declared:
        message = f'<?xml version="1.0" encoding="{declared}"?>{message}'
    content_type = "text/xml" + (f"; charset={http}" if http else "")
    answer = soap.post(SERVICE, message.encode(encoding), content_type=content_type)
    assert answer.status == 200, answer.body
    assert (text,) in [field.values for field in stored(opened.id).fields]


def test_comments_and_instructions_and_blanks_do_not_matter(soap: Soap, opened: WorkItem) -> None:
    message = (
        f'<?xml version="1.0"?><!-- before --><?pi?><s:Envelope xmlns:s="{ENVELOPE}"> <!-- x -->\n<s:Header/>\n'
        f'<s:Body><!-- y --> <c:closeWorkItem xmlns:c="{API}"><!-- z -->\n<workItemID id="{opened.id}"><!-- a -->'
        f"</workItemID><?pi again?>\n</c:closeWorkItem><!-- b --></s:Body></s:Envelope><!-- after -->\n"
    )
    assert soap.post(SERVICE, message.encode()).status == 200


def test_a_comment_within_a_value_is_no_part_of_it(soap: Soap, opened: WorkItem, stored: Stored) -> None:
    assert soap.ask("closeWorkItem", _close(opened, "be<!-- not me -->fore")).status == 200
    assert ("before",) in [field.values for field in stored(opened.id).fields]


@pytest.mark.parametrize(
    "header",
    [
        '<x xmlns="urn:other"/>',
        '<x xmlns="urn:other" soap:mustUnderstand="0"/>',
        '<x xmlns="urn:other" soap:mustUnderstand="1" soap:actor="urn:somebody-else"/>',
        '<a:MessageID xmlns:a="http://www.w3.org/2005/08/addressing">urn:1</a:MessageID>',
    ],
)
def test_header_blocks_that_demand_nothing_of_us_are_passed_over(soap: Soap, offered: WorkItem, header: str) -> None:
    message = envelope(request("getWorkItemHeader", f'<workItemID id="{offered.id}"/>'), header)
    assert soap.post(SERVICE, message).status == 200


def test_a_type_named_in_the_message_must_be_the_declared_one(soap: Soap, offered: WorkItem) -> None:
    xsi = 'xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance" xsi:type="api:{}"'
    for name, status in (("ManagedObjectID", 200), ("ObjectID", 500), ("Nothing", 500), ("WorkItemBody", 500)):
        content = f'<workItemID {xsi.format(name)} id="{offered.id}"/>'
        assert soap.ask("getWorkItemHeader", content).status == status, name


def test_a_hint_where_schemas_lie_is_not_followed(soap: Soap, offered: WorkItem) -> None:
    hint = (
        'xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance" '
        'xsi:schemaLocation="urn:other file:///dev/zero" xsi:noNamespaceSchemaLocation="file:///dev/zero"'
    )
    answer = soap.ask("getWorkItemHeader", f'<workItemID {hint} id="{offered.id}"/>')
    assert answer.status == 200


def test_every_service_answers_its_own_operations_and_no_others(soap: Soap, offered: WorkItem) -> None:
    for operation, own in SERVICE_OF.items():
        for service in sorted(set(SERVICE_OF.values())):
            message = envelope(request(operation, "<more/>"))
            fault = Fault(soap.post(service, message).body)
            assert fault.name == "InvalidRequestFault"
            assert ("no operation" in fault.text) == (service != own)
