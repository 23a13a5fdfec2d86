"""WorkItemSchedulerService: how work items come into being, change from outside, stop and end."""

from typing import Any

from spyne.model.complex import XmlAttribute
from spyne.model.primitive import Boolean, Integer64, Unicode
from spyne.service import Service

from soapsvc.soap import conversions as convert
from soapsvc.soap import faults, types
from soapsvc.soap.operations import Call, operation
from soapsvc.usecases import scheduling

_V, _W, _I, _E = (
    faults.InvalidVersionFault,
    faults.WorkItemFault,
    faults.InvalidWorkItemFault,
    faults.InvalidEntityFault,
)
_S, _X = faults.InternalServiceFault, faults.SecurityFault

_ID = types.one(types.ManagedObjectID)
_BODY = types.one(types.ItemBody)
_SUCCESS = ("success", types.one(Boolean))
_NEW_ID = ("workItemID", types.one(types.ScheduledObjectID))


class WorkItemSchedulerService(Service):
    """The scheduler's side of work items."""

    @operation(
        types.one(types.ScheduledItem),
        types.optional(types.ItemSchedule),
        types.one(types.ItemContext),
        _BODY,
        result=_NEW_ID,
        faults=(_W, _I, _E, _S, _X),
    )
    def scheduleWorkItem(call: Call, item: Any, itemSchedule: Any, itemContext: Any, itemBody: Any) -> Any:
        """Create an item and offer it."""
        new = convert.new_work_item(item, itemSchedule, itemContext, call.tx.now())
        offer_to = convert.offer_set(item.entityQuery)
        scheduled = scheduling.schedule_item(call.tx, call.caller, new, convert.item_body(itemBody), offer_to)
        return convert.scheduled_object_id(scheduled)

    @operation(
        XmlAttribute(Unicode, use="required"),
        XmlAttribute(Unicode),
        XmlAttribute(Integer64),
        types.optional(types.ItemSchedule),
        types.one(types.ItemContext),
        types.optional(types.ItemBody),
        types.optional(types.EntityQuery),
        result=_NEW_ID,
        faults=(_W, _I, _E, _S, _X),
        element="scheduleWorkItemWithModel",
    )
    def scheduleWorkItemWithWorkModel(
        call: Call,
        workModelUID: Any,
        workModelVersion: Any,  # noqa: ARG002 - a model has one version here
        groupID: Any,
        itemSchedule: Any,
        itemContext: Any,
        itemBody: Any,
        dynamicEntities: Any,
    ) -> Any:
        """Create an item as the model of a work type says."""
        new = convert.new_modelled_item(workModelUID, groupID, itemSchedule, itemContext, call.tx.now())
        offer_to = convert.offer_set(dynamicEntities)
        scheduled = scheduling.schedule_item_by_model(call.tx, call.caller, new, convert.item_body(itemBody), offer_to)
        return convert.scheduled_object_id(scheduled)

    @operation(_ID, _BODY, result=_SUCCESS, faults=(_V, _W, _I, _S, _X))
    def enableWorkItem(call: Call, workItemID: Any, itemBody: Any) -> Any:
        """Let an item that was only created be worked on."""
        scheduling.enable_item(call.tx, call.caller, convert.item_reference(workItemID), convert.item_body(itemBody))
        return True

    @operation(
        _ID,
        types.optional(types.ItemSchedule),
        types.optional(types.ItemBody),
        result=_SUCCESS,
        faults=(_V, _W, _I, _S, _X),
    )
    def rescheduleWorkItem(call: Call, workItemID: Any, itemSchedule: Any, itemBody: Any) -> Any:
        """Change an item's dates and data."""
        dates = convert.schedule(itemSchedule, call.tx.now()) if itemSchedule is not None else None
        scheduling.reschedule_item(
            call.tx, call.caller, convert.item_reference(workItemID), dates, convert.item_body(itemBody)
        )
        return True

    @operation(_ID, result=_SUCCESS, faults=(_V, _I, _S, _X))
    def cancelWorkItem(call: Call, workItemID: Any) -> Any:
        """End an item without a result."""
        scheduling.cancel_item(call.tx, call.caller, convert.item_reference(workItemID))
        return True

    @operation(_ID, types.optional(Boolean), result=_SUCCESS, faults=(_V, _I, _S, _X))
    def suspendWorkItem(call: Call, workItemID: Any, forceSuspend: Any) -> Any:  # noqa: ARG002
        """Stop all work on an item; force makes no difference, for nothing prevents it."""
        scheduling.suspend_item(call.tx, call.caller, convert.item_reference(workItemID))
        return True

    @operation(_ID, result=_SUCCESS, faults=(_V, _I, _S, _X))
    def resumeWorkItem(call: Call, workItemID: Any) -> Any:
        """Let work on an item go on."""
        scheduling.resume_item(call.tx, call.caller, convert.item_reference(workItemID))
        return True
