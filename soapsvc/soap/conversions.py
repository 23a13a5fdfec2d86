"""Between the contract's types and the domain's: one function each way, no decisions."""

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any

from soapsvc.domain.attributes import ATTRIBUTES
from soapsvc.domain.data import COMPLEX_TYPES, DataModel, Direction, Field, FieldType
from soapsvc.domain.schedule import Duration, Period, Schedule, planned
from soapsvc.domain.work_item import DEFAULT_PRIORITY, Distribution, ItemContext, NewWorkItem, WorkItem
from soapsvc.soap import types
from soapsvc.usecases.items import Allocation, Close, ItemReference
from soapsvc.usecases.lists import Preview

# From the wire


def item_reference(identity: Any) -> ItemReference:
    """Read a ManagedObjectID."""
    return ItemReference(id=identity.id, version=identity.version)


def item_references(identities: Iterable[Any] | None) -> list[ItemReference]:
    """Read ManagedObjectIDs."""
    return [item_reference(identity) for identity in identities or ()]


def close_request(group: Any) -> Close:
    """Read one item of a closeWorkItem request."""
    return Close(
        item=item_reference(group.workItemID), payload=fields(group.workItemPayload), hidden=period(group.hiddenPeriod)
    )


def allocation(group: Any) -> Allocation:
    """Read one item of an allocateAndOpenWorkItem request."""
    return Allocation(item=item_reference(group.workItemID), resource=(group.resource or "").strip())


def fields(body: Any) -> tuple[Field, ...]:
    """Read the fields of a WorkItemBody, if there is one."""
    if body is None or body.dataModel is None:
        return ()
    return tuple(
        _field(direction, field) for direction in Direction for field in getattr(body.dataModel, direction) or ()
    )


def _field(direction: Direction, field: Any) -> Field:
    simple, complex_ = field.simpleSpec, field.complexSpec
    return Field(
        name=field.name,
        direction=direction,
        type=FieldType(field.type.strip()),
        optional=bool(field.optional),
        array=bool(field.array),
        length=simple.length if simple else None,
        decimals=simple.decimal if simple else None,
        class_name=complex_.className if complex_ else None,
        go_ref_id=complex_.goRefId if complex_ else None,
        complex_values=complex_ is not None,
        values=tuple(value or "" for value in (getattr(simple or complex_, "value", None) or ())),
    )


def duration(length: Any) -> Duration | None:
    """Read an ItemDuration, if there is one."""
    if length is None:
        return None
    return Duration(
        years=length.years or 0,
        months=length.months or 0,
        weeks=length.weeks or 0,
        days=length.days or 0,
        hours=length.hours or 0,
        minutes=length.minutes or 0,
    )


def period(hidden: Any) -> Period:
    """Read a HiddenPeriod, if there is one."""
    if hidden is None:
        return Period()
    return Period(duration=duration(hidden.hiddenDuration), until=hidden.visibleDate)


def schedule(requested: Any, now: datetime) -> Schedule:
    """Read an ItemSchedule, if there is one."""
    if requested is None:
        return Schedule()
    return planned(
        start=requested.startDate, duration=duration(requested.maxDuration), target=requested.targetDate, now=now
    )


def new_work_item(item: Any, itemSchedule: Any, itemContext: Any, now: datetime) -> NewWorkItem:  # noqa: N803
    """Read what scheduleWorkItem says of a new item."""
    return NewWorkItem(
        name=item.name or "",
        description=item.description,
        priority=DEFAULT_PRIORITY if item.priority is None else item.priority,
        distribution=Distribution(item.distributionStrategy or Distribution.OFFER),
        group_id=item.groupID,
        work_type_id=item.workTypeID,
        attributes={name: value for name in ATTRIBUTES if (value := getattr(item.attributes, name, None)) is not None},
        context=ItemContext(
            activity_id=itemContext.activityID or "",
            activity_name=itemContext.activityName or "",
            app_instance=itemContext.appInstance or "",
            app_name=itemContext.appName or "",
            app_id=itemContext.appID or "",
            app_instance_description=itemContext.appInstanceDescription,
        ),
        schedule=schedule(itemSchedule, now),
    )


def offer_set(item: Any) -> list[str]:
    """Read the GUIDs of a new item's offer set."""
    return [entity.guid.strip() for entity in item.entityQuery.entityID]


# To the wire


def managed_object_id(item: WorkItem) -> Any:
    """Write an item's id and version."""
    return types.ManagedObjectID(id=item.id, version=item.version)


def work_item_header(item: WorkItem, now: datetime) -> Any:
    """Write an item's header; what depends on the time is computed for `now`."""
    return types.WorkItemHeader(
        name=item.name,
        description=item.description,
        flags=types.WorkItemFlags(scheduleStatus=str(item.schedule.status(now))),
        itemContext=_item_context(item.context),
        distributionStrategy=str(item.distribution),
        priority=item.priority,
        groupID=item.group_id,
        startDate=item.schedule.start,
        endDate=item.schedule.end,
        id=item.id,
        version=item.version,
        state=str(item.state),
        guid=item.guid,
    )


def _item_context(context: ItemContext) -> Any:
    return types.ItemContext(
        activityID=context.activity_id,
        activityName=context.activity_name,
        appInstance=context.app_instance,
        appName=context.app_name,
        appID=context.app_id,
        appInstanceDescription=context.app_instance_description,
    )


def work_item_body(item: WorkItem) -> Any:
    """Write an open item's data, with its id, version and version session."""
    return types.WorkItemBody(
        dataModel=data_model(item.fields), id=item.id, version=item.version, versionGuid=item.session
    )


def data_model(model: DataModel) -> Any:
    """Write fields by the way that they flow."""
    return types.DataModel(
        **{
            direction.value: field_types([field for field in model if field.direction is direction]) or None
            for direction in Direction
        }
    )


def field_types(model: Sequence[Field]) -> list[Any]:
    """Write fields."""
    return [_field_type(field) for field in model]


def _field_type(field: Field) -> Any:
    values = list(field.values) or None
    spec: dict[str, Any]
    if field.type in COMPLEX_TYPES:
        spec = {"complexSpec": types.ComplexSpec(value=values, className=field.class_name, goRefId=field.go_ref_id)}
    else:
        spec = {"simpleSpec": types.SimpleSpec(value=values, length=field.length, decimal=field.decimals)}
    # optional and array are written though they have defaults: some clients read an absent one as the text "false".
    return types.FieldType(name=field.name, type=str(field.type), optional=field.optional, array=field.array, **spec)


def opened_work_item(item: WorkItem, now: datetime) -> Any:
    """Write an item whole, with the data that its opener works on."""
    return types.WorkItem(
        id=managed_object_id(item),
        header=work_item_header(item, now),
        attributes=types.WorkItemAttributes(**item.attributes) if item.attributes else None,
        body=work_item_body(item),
        state=str(item.state),
        visible=item.visible,
    )


def work_item_preview(preview: Preview) -> Any:
    """Write an item's version and some of its fields."""
    return types.WorkItemPreview(
        id=preview.item.id, version=preview.item.version, FieldPreview=field_types(preview.fields) or None
    )


def scheduled_object_id(item: WorkItem) -> Any:
    """Write a new item's identities."""
    return types.ScheduledObjectID(id=item.id, guid=item.guid)
