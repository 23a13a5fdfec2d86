"""Between the contract's types and the domain's: one function each way, no decisions."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any

from soapsvc.domain.attributes import ATTRIBUTES, AttributeValue
from soapsvc.domain.audit import AuditEntry
from soapsvc.domain.data import COMPLEX_TYPES, DataModel, Direction, Field, FieldType, NamedValues
from soapsvc.domain.organisation import Entity
from soapsvc.domain.schedule import Duration, Period, Schedule, planned
from soapsvc.domain.work_item import DEFAULT_PRIORITY, Distribution, ItemContext, NewWorkItem, WorkItem
from soapsvc.domain.work_type import NO_WORK_TYPE, WorkType
from soapsvc.soap import own_types, types
from soapsvc.storage.history import HistoryEntry
from soapsvc.usecases.access import ItemReference
from soapsvc.usecases.allocation import Allocation, Reallocation
from soapsvc.usecases.items import Close, Pend, PriorityChange
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
    """Read one item of a request that gives items to resources."""
    resource = None if group.resource is None else group.resource.strip()
    return Allocation(item=item_reference(group.workItemID), resource=resource)


def reallocation(group: Any) -> Reallocation:
    """Read one item of a reallocateWorkItem request."""
    return Reallocation(
        item=item_reference(group.workItemID),
        resource=(group.resource or "").strip(),
        revert_data=group.revertData,
    )


def data_reallocation(group: Any) -> Reallocation:
    """Read one item of a reallocateWorkItemData request."""
    return Reallocation(
        item=item_reference(group.workItemID),
        resource=(group.resource or "").strip(),
        payload=fields(group.workItemPayload),
    )


def pend_request(group: Any) -> Pend:
    """Read one item of a pendWorkItem request."""
    return Pend(item=item_reference(group.workItemID), hidden=period(group.hiddenPeriod))


def priority_change(entry: Any) -> PriorityChange:
    """Read one item of a setWorkItemPriority request."""
    priority = entry.workItemPriority
    return PriorityChange(
        item=item_reference(entry.workItemID), absolute=priority.absPriority, offset=priority.offsetPriority or 0
    )


def fields(body: Any) -> tuple[Field, ...]:
    """Read the fields of a WorkItemBody, if there is one."""
    if body is None or body.dataModel is None:
        return ()
    return tuple(
        _field(direction, field) for direction in Direction for field in getattr(body.dataModel, direction) or ()
    )


def item_body(body: Any) -> tuple[Field | NamedValues, ...]:
    """Read the data of an ItemBody in either form, if there is one."""
    if body is None or not body.parameter:
        return fields(body)
    return tuple(
        NamedValues(
            name=parameter.Name,
            values=tuple(value or "" for value in (parameter.Value or parameter.ComplexValue or ())),
            complex_values=bool(parameter.ComplexValue),
        )
        for parameter in body.parameter
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
        context=_context(itemContext),
        schedule=schedule(itemSchedule, now),
        is_enabled=item.enabled is not False,
    )


def new_modelled_item(
    model_id: str,
    group_id: int | None,
    itemSchedule: Any,  # noqa: N803
    itemContext: Any,  # noqa: N803
    now: datetime,
) -> NewWorkItem:
    """Read what scheduleWorkItemWithWorkModel says of a new item; the model gives the rest."""
    return NewWorkItem(
        name=model_id,
        group_id=group_id,
        work_type_id=model_id,
        context=_context(itemContext),
        schedule=schedule(itemSchedule, now),
    )


def _context(context: Any) -> ItemContext:
    return ItemContext(
        activity_id=context.activityID or "",
        activity_name=context.activityName or "",
        app_instance=context.appInstance or "",
        app_name=context.appName or "",
        app_id=context.appID or "",
        app_instance_description=context.appInstanceDescription,
    )


def offer_set(entities: Any) -> list[str]:
    """Read the GUIDs of an offer set, if there is one."""
    return [entity.guid.strip() for entity in entities.entityID] if entities is not None else []


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


def work_item(
    item: WorkItem,
    work_type: WorkType,
    now: datetime,
    *,
    attributes: Mapping[str, AttributeValue],
    with_body: bool = False,
) -> Any:
    """Write an item, with these of its attributes; with its body for who opened it."""
    return types.WorkItem(
        id=managed_object_id(item),
        header=work_item_header(item, now),
        attributes=types.WorkItemAttributes(**attributes) if attributes else None,
        body=work_item_body(item) if with_body else None,
        workType=_work_type_spec(work_type),
        state=str(item.state),
        visible=item.visible,
    )


def _work_type_spec(work_type: WorkType) -> Any:
    if work_type is NO_WORK_TYPE:
        return None
    return types.WorkTypeSpec(
        workTypeID=work_type.id, workTypeDescription=work_type.description, version=work_type.version
    )


def work_item_preview(preview: Preview, *, with_work_type: bool) -> Any:
    """Write an item's version and some of its fields."""
    return types.WorkItemPreview(
        id=preview.item.id,
        version=preview.item.version,
        FieldPreview=field_types(preview.fields) or None,
        workType=_work_type_spec(preview.work_type) if with_work_type else None,
    )


def entity_id(entity: Entity) -> Any:
    """Write an entity's identity."""
    return types.XmlModelEntityId(**{"model-version": -1, "entity-type": str(entity.type), "guid": entity.guid})


def entity_detail(person: Entity) -> Any:
    """Write what is known of a person."""
    return types.EntityDetail(
        **{
            "model-version": -1,
            "entity-type": str(person.type),
            "guid": person.guid,
            "name": person.name,
            "resource-type": "HUMAN",
        }
    )


def history_entry(entry: HistoryEntry, *, with_data: bool) -> Any:
    """Write how an item came to a version; the data are those that it had then."""
    return types.HistoryEntry(
        version=entry.version,
        operation=str(entry.action),
        at=entry.at,
        by=entry.actor_guid,
        byName=entry.actor,
        stateBefore=str(entry.state_before) if entry.state_before else None,
        stateAfter=str(entry.state_after),
        changed=list(entry.changed) or None,
        dataModel=data_model(entry.fields) if with_data else None,
    )


def audit_entry(entry: AuditEntry) -> Any:
    """Write an entry of the audit log."""
    return own_types.AuditEntry(
        id=entry.id,
        at=entry.at,
        kind=entry.kind,
        by=entry.actor_guid,
        byName=entry.actor,
        address=entry.address,
        subject=entry.subject,
        detail=entry.detail,
        hash=entry.hash,
    )


def scheduled_object_id(item: WorkItem) -> Any:
    """Write a new item's identities."""
    return types.ScheduledObjectID(id=item.id, guid=item.guid)
