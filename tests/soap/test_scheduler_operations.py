"""The scheduler's side, as raw XML: items by a model, enabled, rescheduled, cancelled, suspended and resumed."""

from collections.abc import Callable
from typing import Any

import pytest
from lxml import etree

from soapsvc.domain.data import Direction, Field, FieldType
from soapsvc.domain.states import State
from soapsvc.domain.work_item import WorkItem
from soapsvc.domain.work_type import WorkModel, WorkType
from tests.soap.conftest import Ask, Refused
from tests.support.operations import WRITES, content
from tests.support.requests import identity as _identity
from tests.support.requests import values as _values

Stored = Callable[[int], WorkItem]
NewItem = Callable[..., WorkItem]
NewType = Callable[..., WorkType]
CONTEXT = (
    "<itemContext><activityID>pvm:1</activityID><activityName>Review</activityName><appInstance>i</appInstance>"
    "<appName>Claims</appName><appID>c</appID></itemContext>"
)
SCHEDULER = ("enableWorkItem", "rescheduleWorkItem", "cancelWorkItem", "suspendWorkItem", "resumeWorkItem")


def _text(name: str, value: str, kind: str = "inouts", type_: str = "String") -> str:
    return f'<{kind} name="{name}" type="{type_}"><simpleSpec><value>{value}</value></simpleSpec></{kind}>'


def _body(fields: str = "") -> str:
    return f"<itemBody><dataModel>{fields}</dataModel></itemBody>"


def _succeeds(ask: Ask, operation: str, content_: str) -> None:
    (success,) = ask(operation, content_, user="supervisor")
    assert (success.tag, success.text) == ("success", "true")


@pytest.mark.parametrize("operation", [*SCHEDULER, "scheduleWorkItem", "scheduleWorkItemWithWorkModel"])
def test_nobody_schedules_without_a_grant_not_even_for_what_he_holds(
    refused: Refused, opened: WorkItem, unchanged: Any, operation: str
) -> None:
    attributes = {}
    if operation == "scheduleWorkItemWithWorkModel":
        message, attributes = CONTEXT, {"workModelUID": "any"}
    elif operation == "scheduleWorkItem":
        offer = '<entityQuery><entityID entity-type="RESOURCE" guid="GUID-of-ana"/></entityQuery>'
        message = f"<item><name>n</name>{offer}</item>{CONTEXT}{_body()}"
    else:
        message = content(operation, (opened.id, 1))
    with unchanged(opened):
        fault = refused(operation, message, **attributes)
    assert (fault.name, fault.error_code) == ("SecurityFault", "BRM_SECURITY_NOT_ALLOWED")


# scheduleWorkItemWithWorkModel


def _model(**properties: Any) -> WorkModel:
    return WorkModel(**({"name": "Review a claim", "offer_to": ("ana", "GUID-of-ben")} | properties))


def test_a_model_gives_name_description_priority_and_offer(ask: Ask, new_type: NewType, stored: Stored) -> None:
    kind = new_type(model=_model(description="Look twice", priority=7))
    (identity,) = ask(
        "scheduleWorkItemWithWorkModel",
        CONTEXT,
        user="supervisor",
        workModelUID=kind.id,
        workModelVersion="[1.0,2.0)",
        groupID=str(2**40),
    )
    item = stored(int(identity.get("id")))
    assert (identity.tag, sorted(identity.attrib), identity.get("guid")) == ("workItemID", ["guid", "id"], item.guid)
    assert (item.name, item.description, item.priority) == ("Review a claim", "Look twice", 7)
    assert (item.state, item.version, item.group_id, item.work_type_id) == (State.OFFERED, 0, 2**40, kind.id)
    assert (item.context.activity_id, item.context.app_name) == ("pvm:1", "Claims")
    assert [part.text for part in ask("getOfferSet", _identity(item))] == ["GUID-of-ana", "GUID-of-ben"]
    assert _values(item, "Customer") == ("Adler",)


def test_a_body_a_schedule_and_entities_of_the_request_replace_the_models(
    ask: Ask, new_type: NewType, stored: Stored
) -> None:
    kind = new_type(model=_model())
    message = (
        "<itemSchedule><startDate>2030-01-01T00:00:00Z</startDate><maxDuration days='2'/></itemSchedule>"
        f"{CONTEXT}{_body(_text('Customer', 'Bianchi', 'inputs'))}"
        '<dynamicEntities><entityID entity-type="RESOURCE" guid="GUID-of-carl"/></dynamicEntities>'
    )
    (identity,) = ask("scheduleWorkItemWithWorkModel", message, user="supervisor", workModelUID=kind.id)
    item = stored(int(identity.get("id")))
    assert _values(item, "Customer") == ("Bianchi",)
    assert item.schedule.end.isoformat() == "2030-01-03T00:00:00+00:00"  # type: ignore[union-attr]
    assert [part.text for part in ask("getOfferSet", _identity(item), user="carl")] == ["GUID-of-carl"]


@pytest.mark.parametrize(
    ("properties", "rest", "name", "code"),
    [
        (None, "", "WorkItemFault", "BRM_WORKTYPE_UNKNOWN"),
        ({"model": None}, "", "WorkItemFault", "BRM_WORKITEM_INVALID"),
        ({"model": _model(offer_to=())}, "", "WorkItemFault", "BRM_WORKITEM_INVALID"),
        ({"model": _model(offer_to=("nobody",))}, "", "InvalidEntityFault", "BRM_ENTITY_UNKNOWN"),
        ({"model": _model()}, _body(_text("Unknown", "x")), "WorkItemFault", "BRM_WORKITEM_FIELD_INVALID"),
    ],
)
def test_what_a_model_cannot_make_is_a_fault(
    refused: Refused, new_type: NewType, properties: dict[str, Any] | None, rest: str, name: str, code: str
) -> None:
    uid = "no-such-model" if properties is None else new_type(**properties).id
    fault = refused("scheduleWorkItemWithWorkModel", CONTEXT + rest, user="supervisor", workModelUID=uid)
    assert (fault.name, fault.error_code) == (name, code)


@pytest.mark.parametrize("attributes", [{}, {"workModelUID": "x", "groupID": "x"}, {"workModelUID": "x", "more": "x"}])
def test_the_models_attributes_are_held_against_the_schema(refused: Refused, attributes: dict[str, str]) -> None:
    fault = refused("scheduleWorkItemWithWorkModel", CONTEXT, user="supervisor", **attributes)
    assert fault.name == "InvalidRequestFault"


# enableWorkItem


@pytest.mark.parametrize(("distribution", "state"), [("OFFER", "OFFERED"), ("ALLOCATE", "ALLOCATED")])
def test_an_item_that_is_not_enabled_is_only_created_until_it_is(
    ask: Ask, refused: Refused, stored: Stored, distribution: str, state: str
) -> None:
    offer = '<entityQuery><entityID entity-type="RESOURCE" guid="GUID-of-ana"/></entityQuery>'
    item_ = f'<item distributionStrategy="{distribution}" enabled="false"><name>n</name>{offer}</item>'
    data = _body(_text("Customer", "Adler", "inputs") + _text("Notes", "first"))
    (identity,) = ask("scheduleWorkItem", item_ + CONTEXT + data, user="supervisor")
    item = stored(int(identity.get("id")))
    assert (item.state, item.version, item.visible) == (State.CREATED, 0, False)
    fault = refused("allocateWorkItem", _identity(item))
    assert (fault.name, fault.parameters[1]) == ("InvalidWorkItemFault", "CREATED")
    changes = _body(_text("Customer", "Bianchi", "inputs"))
    _succeeds(ask, "enableWorkItem", _identity(item, 0) + changes)
    enabled = stored(item.id)
    assert (enabled.state, enabled.version) == (state, 1)
    assert (_values(enabled, "Customer"), _values(enabled, "Notes")) == (("Bianchi",), ("first",))


def test_an_item_is_enabled_only_once_and_with_data_that_fit(
    ask: Ask, refused: Refused, new_item: NewItem, unchanged: Any
) -> None:
    item = new_item(is_enabled=False)
    with unchanged(item):
        fault = refused("enableWorkItem", _identity(item) + _body(_text("Unknown", "x")), user="supervisor")
    assert (fault.name, fault.parameters[0]) == ("WorkItemFault", "Unknown")
    _succeeds(ask, "enableWorkItem", _identity(item) + _body())
    fault = refused("enableWorkItem", _identity(item) + _body(), user="supervisor")
    assert (fault.name, fault.parameters) == ("InvalidWorkItemFault", [str(item.id), "OFFERED", "enableWorkItem"])


# rescheduleWorkItem


def test_a_reschedule_replaces_the_dates_and_overlays_any_data(ask: Ask, pended: WorkItem, stored: Stored) -> None:
    message = (
        f"{_identity(pended, 2)}<itemSchedule><targetDate>2999-01-01T00:00:00Z</targetDate></itemSchedule>"
        f"{_body(_text('Customer', 'Bianchi', 'inputs') + _text('Notes', 'new'))}"
    )
    _succeeds(ask, "rescheduleWorkItem", message)
    item = stored(pended.id)
    assert (item.state, item.version) == (State.PENDED, 3)
    assert item.schedule.end.isoformat() == "2999-01-01T00:00:00+00:00"  # type: ignore[union-attr]
    assert (_values(item, "Customer"), _values(item, "Notes")) == (("Bianchi",), ("new",))


def test_a_half_that_is_absent_from_a_reschedule_stays_and_nothing_can_be_emptied(
    ask: Ask, offered: WorkItem, stored: Stored
) -> None:
    dates = "<itemSchedule><targetDate>2999-01-01T00:00:00Z</targetDate></itemSchedule>"
    _succeeds(ask, "rescheduleWorkItem", _identity(offered) + dates)
    assert stored(offered.id).fields == offered.fields
    _succeeds(ask, "rescheduleWorkItem", _identity(offered) + _body('<inputs name="Customer" type="String"/>'))
    item = stored(offered.id)
    assert (item.fields, item.version) == (offered.fields, 2)
    assert item.schedule.end is not None
    _succeeds(ask, "rescheduleWorkItem", f"{_identity(offered)}<itemSchedule/>")
    assert (stored(offered.id).schedule.start, stored(offered.id).schedule.end) == (None, None)


def test_data_for_an_open_item_are_ignored_without_a_word_where_nothing_says_otherwise(
    ask: Ask, opened: WorkItem, stored: Stored
) -> None:
    _succeeds(ask, "rescheduleWorkItem", _identity(opened) + _body(_text("Notes", "new")))
    assert (stored(opened.id).fields, stored(opened.id).version) == (opened.fields, 2)
    ask("closeWorkItem", _identity(opened))


CLAIM = '<value><c:claim xmlns:c="urn:claims" no="7">text<c:line/></c:claim></value>'
CLAIMS = (
    Field(name="Customer", direction=Direction.INPUT, type=FieldType.STRING, values=("Adler",)),
    Field(name="Claim", direction=Direction.INOUT, type=FieldType.COMPLEX, optional=True, array=True,
          complex_values=True, class_name="claims.Claim"),
)  # fmt: skip


@pytest.fixture
def rescheduled(ask: Ask, new_item: NewItem, new_type: NewType, stored: Stored) -> WorkItem:
    """An item at version 2 whose data its scheduler changed while ana had it open, complex values among them."""
    kind = new_type(fields=CLAIMS, ignore_incoming_data=False)
    item = new_item((), work_type_id=kind.id)
    ask("allocateAndOpenWorkItem", f"{_identity(item)}<resource>ana</resource>")
    claims = f'<inouts name="Claim" type="Complex" array="true"><complexSpec>{CLAIM}{CLAIM}</complexSpec></inouts>'
    data = _body(_text("Customer", "Bianchi", "inputs") + claims)
    _succeeds(ask, "rescheduleWorkItem", _identity(item, 1) + data)
    return stored(item.id)


@pytest.mark.parametrize("version", ["", ' version="-1"', ' version=""'])
@pytest.mark.parametrize("operation", ["closeWorkItem", "completeWorkItem"])
def test_who_cannot_know_that_his_data_were_changed_is_told_before_he_overwrites_them(
    soap: Any, rescheduled: WorkItem, unchanged: Any, operation: str, version: str
) -> None:
    message = WRITES[operation].format(f'<workItemID id="{rescheduled.id}"{version}/>')
    with unchanged(rescheduled):
        answer = soap.ask(operation, message)
    assert answer.status == 500
    (typed,) = etree.fromstring(answer.body).iter("{http://exception.api.brm.n2.tibco.com}WorkItemRescheduledFault")
    assert [part.tag for part in typed] == ["error", "managedObjectId", "dataModel"]
    error, identity, model = typed
    assert error.get("code") == "BRM_WORKITEM_RESCHEDULED"
    assert [part.text for part in error] == [str(rescheduled.id), "2"]
    assert dict(identity.attrib) == {"id": str(rescheduled.id), "version": "2"}
    assert [(field.tag, field.get("name")) for field in model] == [("inputs", "Customer"), ("inouts", "Claim")]
    assert model.findtext("inputs/simpleSpec/value") == "Bianchi"
    spec = model.find("inouts/complexSpec")
    assert spec.get("className") == "claims.Claim"
    values = spec.findall("value/{urn:claims}claim")
    assert [(value.get("no"), value.text, value[0].tag) for value in values] == [("7", "text", "{urn:claims}line")] * 2


@pytest.mark.parametrize("operation", ["closeWorkItem", "completeWorkItem", "saveOpenWorkItem"])
def test_the_rescheduled_fault_is_valid_and_typed(refused: Refused, rescheduled: WorkItem, operation: str) -> None:
    fault = refused(operation, content(operation, (rescheduled.id, None)))
    assert (fault.namespace, fault.name) == ("http://exception.api.brm.n2.tibco.com", "WorkItemRescheduledFault")
    assert str(rescheduled.version) in fault.text


@pytest.mark.parametrize("operation", ["closeWorkItem", "completeWorkItem", "saveOpenWorkItem"])
def test_with_the_version_that_the_fault_named_the_work_goes_on(
    ask: Ask, refused: Refused, rescheduled: WorkItem, stored: Stored, operation: str
) -> None:
    fault = refused(operation, content(operation, (rescheduled.id, 1)))
    assert fault.name == "InvalidVersionFault"
    ask(operation, content(operation, (rescheduled.id, 2)))
    assert stored(rescheduled.id).version == 3


def test_one_rescheduled_item_undoes_the_batch_that_it_stands_in(
    refused: Refused, rescheduled: WorkItem, opened: WorkItem, unchanged: Any
) -> None:
    with unchanged(opened, rescheduled):
        fault = refused("closeWorkItem", _identity(opened) + _identity(rescheduled))
    assert (fault.name, fault.parameters[0]) == ("WorkItemRescheduledFault", str(rescheduled.id))


def test_opening_anew_ends_the_warning(ask: Ask, rescheduled: WorkItem) -> None:
    ask("closeWorkItem", _identity(rescheduled, 2))
    (body,) = ask("openWorkItem", _identity(rescheduled, 3))
    assert body.findtext("dataModel/inputs/simpleSpec/value") == "Bianchi"
    ask("closeWorkItem", _identity(rescheduled))


# The vendor's form of data: parameters by name


def _parameter(name: str, *values: str, tag: str = "Value") -> str:
    inner = "".join(f"<{tag}>{value}</{tag}>" for value in values)
    return f'<parameter Name="{name}" Array="false">{inner}</parameter>'


def test_data_may_come_as_parameters_wherever_a_scheduler_sends_some(
    ask: Ask, new_type: NewType, stored: Stored
) -> None:
    kind = new_type(model=_model(), fields=CLAIMS)
    claim = CLAIM.removeprefix("<value>").removesuffix("</value>")
    data = _parameter("Customer", "Bianchi") + _parameter("Claim", claim, claim, tag="ComplexValue")
    message = f"{CONTEXT}<itemBody>{data}</itemBody>"
    (identity,) = ask("scheduleWorkItemWithWorkModel", message, user="supervisor", workModelUID=kind.id)
    item = stored(int(identity.get("id")))
    assert _values(item, "Customer") == ("Bianchi",)
    assert [etree.fromstring(value)[0].tag for value in _values(item, "Claim")] == ["{urn:claims}claim"] * 2
    changes = f"<itemBody>{_parameter('Customer', 'Conti')}</itemBody>"
    _succeeds(ask, "rescheduleWorkItem", _identity(item, 0) + changes)
    assert _values(stored(item.id), "Customer") == ("Conti",)
    (taken,) = ask("allocateAndOpenWorkItem", f"{_identity(item)}<resource>ana</resource>")
    values = taken.findall("body/dataModel/inouts/complexSpec/value/{urn:claims}claim")
    assert [value.get("no") for value in values] == ["7", "7"]


def test_an_item_is_enabled_with_parameters_too(ask: Ask, new_item: NewItem, stored: Stored) -> None:
    item = new_item(is_enabled=False)
    _succeeds(ask, "enableWorkItem", f"{_identity(item)}<itemBody>{_parameter('Notes', 'seen')}</itemBody>")
    assert _values(stored(item.id), "Notes") == ("seen",)


@pytest.mark.parametrize(
    ("body", "name", "place"),
    [
        (_parameter("Unknown", "x"), "WorkItemFault", "Unknown"),
        (_parameter("Notes", "x" * 21), "WorkItemFault", "Notes"),
        (_parameter("Notes", "a", "b"), "WorkItemFault", "Notes"),
        (_parameter("Amount", "much"), "WorkItemFault", "Amount"),
        (_parameter("Notes", "<x/>", tag="ComplexValue"), "WorkItemFault", "Notes"),
        (_parameter("Notes", "a") * 2, "WorkItemFault", "Notes"),
        ("<parameter/>", "InvalidRequestFault", "parameter"),
        (_parameter("Notes", "a") + "<dataModel/>", "InvalidRequestFault", "dataModel"),
    ],
)
def test_unusable_parameters_are_a_fault_that_names_them(
    refused: Refused, offered: WorkItem, unchanged: Any, body: str, name: str, place: str
) -> None:
    with unchanged(offered):
        message = f"{_identity(offered)}<itemBody>{body}</itemBody>"
        fault = refused("rescheduleWorkItem", message, user="supervisor")
    assert fault.name == name
    assert place in fault.text


# cancelWorkItem, suspendWorkItem, resumeWorkItem


def test_a_cancelled_item_that_was_not_open_is_gone_from_work(
    ask: Ask, refused: Refused, pended: WorkItem, stored: Stored
) -> None:
    _succeeds(ask, "cancelWorkItem", _identity(pended, 2))
    item = stored(pended.id)
    assert (item.state, item.version, item.visible) == (State.CANCELLED, 3, False)
    for operation in ("openWorkItem", "closeWorkItem", "saveOpenWorkItem"):
        fault = refused(operation, content(operation, (item.id, 3)))
        assert (fault.name, fault.parameters) == ("InvalidWorkItemFault", [str(item.id), "CANCELLED", operation])


def test_an_open_item_that_is_cancelled_is_put_away_by_who_has_it_open_but_only_without_data(
    ask: Ask, refused: Refused, opened: WorkItem, stored: Stored
) -> None:
    _succeeds(ask, "cancelWorkItem", _identity(opened, 1))
    payload = f"<workItemPayload><dataModel>{_text('Notes', 'late')}</dataModel></workItemPayload>"
    fault = refused("closeWorkItem", _identity(opened, 2) + payload)
    assert (fault.name, fault.error_code) == ("WorkItemFault", "BRM_WORKITEM_FIELD_INVALID")
    ask("closeWorkItem", _identity(opened, 2))
    assert (stored(opened.id).state, stored(opened.id).session) == (State.CANCELLED, None)


@pytest.mark.parametrize("force", ["", "<forceSuspend>true</forceSuspend>", "<forceSuspend>0</forceSuspend>"])
@pytest.mark.parametrize("before", ["OFFERED", "ALLOCATED", "OPENED"])
def test_a_suspended_item_comes_back_to_where_it_was(
    ask: Ask, refused: Refused, new_item: NewItem, stored: Stored, before: str, force: str
) -> None:
    item = new_item()
    step = {"ALLOCATED": "allocateWorkItem", "OPENED": "allocateAndOpenWorkItem"}.get(before)
    if step:
        ask(step, f"{_identity(item)}<resource>ana</resource>")
    version = stored(item.id).version
    _succeeds(ask, "suspendWorkItem", _identity(item, version) + force)
    assert (stored(item.id).state, stored(item.id).visible) == (State.SUSPENDED, False)
    fault = refused("openWorkItem", _identity(item))
    assert fault.parameters == [str(item.id), "SUSPENDED", "openWorkItem"]
    _succeeds(ask, "resumeWorkItem", _identity(item, version + 1))
    assert (stored(item.id).state, stored(item.id).version) == (before, version + 2)


def test_what_is_closed_while_suspended_is_where_closing_leads_when_it_is_resumed(
    ask: Ask, opened: WorkItem, stored: Stored
) -> None:
    _succeeds(ask, "suspendWorkItem", _identity(opened))
    ask("closeWorkItem", _identity(opened))
    assert stored(opened.id).state is State.SUSPENDED
    _succeeds(ask, "resumeWorkItem", _identity(opened))
    assert stored(opened.id).state is State.PENDED
