"""scheduleWorkItem end to end: what is stored, what has its default, and what is refused."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest

from soapsvc.domain.data import Direction, Field, FieldType
from soapsvc.domain.schedule import Schedule
from soapsvc.domain.states import State
from soapsvc.domain.work_item import Distribution, ItemContext, WorkItem
from tests.conftest import Soap
from tests.support.requests import answered, text_field
from tests.support.soap import Fault

Stored = Callable[[int], WorkItem]
NewItem = Callable[..., WorkItem]


ATTRIBUTES: dict[int, tuple[str, Any]] = {
    **dict.fromkeys((1, 15), ("-9223372036854775808", -(2**63))),
    **{n: ("-12.340", Decimal("-12.340")) for n in (5, 16, 17, 18)},
    **{n: ("2026-11-21T14:30:00.25+01:00", datetime(2026, 11, 21, 13, 30, 0, 250000, UTC)) for n in (6, 7, 19, 20)},
    **dict.fromkeys((2, 3, 4, *range(27, 39)), ("ä" * 64, "ä" * 64)),
    **dict.fromkeys((*range(8, 15), *range(21, 27)), ("x" * 20, "x" * 20)),
    **dict.fromkeys((39, 40), ("y" * 255, "y" * 255)),
}
CONTEXT = (
    "<itemContext><activityID>a1</activityID><activityName>Review</activityName><appInstance>i1</appInstance>"
    "<appName>Claims</appName><appID>claims</appID>{description}</itemContext>"
)


def _schedule(
    item: str = "",
    *,
    attributes: str = "",
    name: str = "Review",
    offer: str = '<entityID entity-type="RESOURCE" guid="GUID-of-ana"/>',
    schedule: str = "",
    context: str = CONTEXT.format(description=""),
    fields: str = "",
    more: str = "",
) -> str:
    return (
        f"<item {item}><name>{name}</name>{more}{attributes}<entityQuery>{offer}</entityQuery></item>{schedule}"
        f"{context}<itemBody><dataModel>{fields}</dataModel></itemBody>"
    )


def _scheduled(soap: Soap, stored: Stored, content: str) -> WorkItem:
    (identity,) = answered(soap, "scheduleWorkItem", content, user="supervisor")
    item = stored(int(identity.get("id")))
    assert dict(identity.attrib) == {"id": str(item.id), "guid": item.guid}
    return item


def test_all_that_a_scheduler_says_is_stored(soap: Soap, stored: Stored) -> None:
    assert sorted(ATTRIBUTES) == list(range(1, 41))
    attributes = " ".join(f'attribute{n}="{text}"' for n, (text, _) in ATTRIBUTES.items())
    item = _scheduled(
        soap,
        stored,
        _schedule(
            'priority=" 80 " distributionStrategy="OFFER" groupID="-7"',
            more="<description>Every &amp; all</description>",
            attributes=f"<attributes {attributes}/>",
            offer='<entityID entity-type="RESOURCE" guid="guid-of-ANA" model-version="-1" qualifier="q"/>'
            '<entityID entity-type="RESOURCE" guid=" GUID-of-ben "/>',
            schedule="<itemSchedule><startDate>2026-01-01T00:00:00Z</startDate>"
            "<targetDate>2026-02-01T12:00:00-05:00</targetDate></itemSchedule>",
            context=CONTEXT.format(description="<appInstanceDescription>Claim 1</appInstanceDescription>"),
            fields='<inputs name="Customer" type="String"><simpleSpec length="64"><value>Adler</value></simpleSpec>'
            '</inputs><outputs name="Amount" type="Decimal Number" optional="1"><simpleSpec length="8" decimal="2"/>'
            '</outputs><inouts name="Claim" type="Complex" array=" true "><complexSpec className="c" goRefId="g">'
            "<value><a/></value><value/></complexSpec></inouts>"
            '<inouts name="Seen" type="Boolean"/>',
        ),
    )
    assert (item.version, item.state, item.owner) == (0, State.OFFERED, None)
    assert (item.name, item.description, item.priority) == ("Review", "Every & all", 80)
    assert (item.distribution, item.group_id, item.work_type_id) == (Distribution.OFFER, -7, None)
    assert item.attributes == {f"attribute{n}": value for n, (_, value) in ATTRIBUTES.items()}
    assert item.context == ItemContext(
        activity_id="a1",
        activity_name="Review",
        app_instance="i1",
        app_name="Claims",
        app_id="claims",
        app_instance_description="Claim 1",
    )
    assert item.schedule == Schedule(start=datetime(2026, 1, 1, tzinfo=UTC), end=datetime(2026, 2, 1, 17, tzinfo=UTC))
    customer, amount, claim, seen = item.fields
    assert customer == Field(
        name="Customer", direction=Direction.INPUT, type=FieldType.STRING, length=64, values=("Adler",)
    )
    assert (amount.optional, amount.length, amount.decimals, amount.values) == (True, 8, 2, ())
    assert (claim.array, claim.class_name, claim.go_ref_id, len(claim.values)) == (True, "c", "g", 2)
    assert (seen.type, seen.values) == (FieldType.BOOLEAN, ())
    for user in ("ana", "ben"):
        answered(soap, "getWorkItemHeader", f'<workItemID id="{item.id}" version="0"/>', user=user)


def test_attributes_come_back_in_their_types(soap: Soap, stored: Stored) -> None:
    attributes = " ".join(f'attribute{n}="{text}"' for n, (text, _) in ATTRIBUTES.items())
    item = _scheduled(soap, stored, _schedule(attributes=f"<attributes {attributes}/>"))
    content = f'<workItemID id="{item.id}"/><resource>ana</resource>'
    (answer,) = answered(soap, "allocateAndOpenWorkItem", content)
    shown = {int(name.removeprefix("attribute")): value for name, value in answer.find("attributes").attrib.items()}
    expected = {n: text for n, (text, _) in ATTRIBUTES.items()}
    assert shown == expected | dict.fromkeys((6, 7, 19, 20), "2026-11-21T13:30:00.25Z")


def test_what_a_scheduler_leaves_out_has_its_default(soap: Soap, stored: Stored) -> None:
    item = _scheduled(soap, stored, _schedule())
    assert (item.priority, item.distribution, item.group_id, item.description) == (50, Distribution.OFFER, None, None)
    assert (item.attributes, item.schedule, item.fields) == ({}, Schedule(), ())


def test_an_item_scheduled_with_allocate_starts_with_its_resource(soap: Soap, stored: Stored) -> None:
    item = _scheduled(soap, stored, _schedule('distributionStrategy="ALLOCATE"'))
    assert (item.state, item.version, item.owner and item.owner.name) == (State.ALLOCATED, 0, "ana")


@pytest.mark.parametrize(
    ("schedule", "start", "end"),
    [
        ("<itemSchedule/>", None, None),
        ("<itemSchedule><startDate>2030-01-31T00:00:00Z</startDate></itemSchedule>", datetime(2030, 1, 31), None),
        ("<itemSchedule><targetDate>2030-01-31T00:00:00Z</targetDate></itemSchedule>", None, datetime(2030, 1, 31)),
        (
            '<itemSchedule><startDate>2030-01-31T00:00:00Z</startDate><maxDuration months="1" hours="6"/>'
            "</itemSchedule>",
            datetime(2030, 1, 31),
            datetime(2030, 2, 28, 6),
        ),
        (
            '<itemSchedule><startDate>2028-02-29T00:00:00Z</startDate><maxDuration years="1" weeks="1" days="1" '
            'minutes="30"/></itemSchedule>',
            datetime(2028, 2, 29),
            datetime(2029, 3, 8, 0, 30),
        ),
    ],
)
def test_a_schedule_ends_at_its_target_or_after_its_duration(
    soap: Soap, stored: Stored, schedule: str, start: datetime | None, end: datetime | None
) -> None:
    item = _scheduled(soap, stored, _schedule(schedule=schedule))
    assert item.schedule == Schedule(start=start and start.replace(tzinfo=UTC), end=end and end.replace(tzinfo=UTC))


def test_a_duration_without_a_start_counts_from_now(soap: Soap, stored: Stored) -> None:
    item = _scheduled(soap, stored, _schedule(schedule='<itemSchedule><maxDuration days="2"/></itemSchedule>'))
    assert item.schedule.start is None
    assert item.schedule.end is not None
    assert abs(item.schedule.end - datetime.now(UTC) - timedelta(days=2)) < timedelta(minutes=1)


@pytest.mark.parametrize(
    ("content", "name"),
    [
        (_schedule('priority="0"'), "WorkItemFault"),
        (_schedule('priority="101"'), "WorkItemFault"),
        (_schedule(name=""), "WorkItemFault"),
        (_schedule(name="x" * 256), "WorkItemFault"),
        (_schedule(more="<workTypeID>none</workTypeID>"), "WorkItemFault"),
        (_schedule(offer='<entityID entity-type="RESOURCE" guid="nobody"/>'), "InvalidEntityFault"),
        (
            _schedule(
                'distributionStrategy="ALLOCATE"',
                offer='<entityID entity-type="RESOURCE" guid="GUID-of-ana"/>'
                '<entityID entity-type="RESOURCE" guid="GUID-of-ben"/>',
            ),
            "WorkItemFault",
        ),
        (
            _schedule(
                schedule="<itemSchedule><startDate>2030-01-02T00:00:00Z</startDate>"
                "<targetDate>2030-01-01T00:00:00Z</targetDate></itemSchedule>"
            ),
            "WorkItemFault",
        ),
        (_schedule(schedule='<itemSchedule><maxDuration years="2147483647"/></itemSchedule>'), "WorkItemFault"),
        (_schedule(fields=text_field("A", "1") + text_field("A", "2")), "WorkItemFault"),
        (_schedule(fields=text_field("A", "x", type_="Date")), "WorkItemFault"),
        (_schedule(fields=text_field("A", "2026-02-30", type_="Date")), "WorkItemFault"),
        (_schedule(attributes=f'<attributes attribute5="1{"0" * 40}1"/>'), "WorkItemFault"),
    ],
)
def test_what_cannot_be_scheduled_is_a_fault_of_its_kind_and_makes_no_item(
    soap: Soap, database: Any, content: str, name: str
) -> None:
    def count() -> int:
        return database.read(
            lambda tx: tx.connection.exec_driver_sql("SELECT count(*) FROM work_item").scalar_one()
        ).result(10)

    before = count()
    answer = soap.ask("scheduleWorkItem", content, user="supervisor")
    fault = Fault(answer.body)
    assert (answer.status, fault.code, fault.name, fault.actor) == (500, "Client", name, "PROVIDER")
    assert count() == before


def test_scheduling_needs_a_grant(soap: Soap) -> None:
    fault = Fault(soap.ask("scheduleWorkItem", _schedule(), user="ana").body)
    assert (fault.code, fault.name, fault.error_code) == ("Client", "SecurityFault", "BRM_SECURITY_NOT_ALLOWED")
