"""WorkItemSchedulerService: how work items come into being."""

from typing import Any

from spyne.service import Service

from soapsvc.soap import conversions as convert
from soapsvc.soap import faults, types
from soapsvc.soap.operations import Call, operation
from soapsvc.usecases import scheduling


class WorkItemSchedulerService(Service):
    """The scheduler's side of work items."""

    @operation(
        types.one(types.ScheduledItem),
        types.optional(types.ItemSchedule),
        types.one(types.ItemContext),
        types.one(types.WorkItemBody),
        result=("workItemID", types.one(types.ScheduledObjectID)),
        faults=(
            faults.WorkItemFault,
            faults.InvalidWorkItemFault,
            faults.InvalidEntityFault,
            faults.InternalServiceFault,
            faults.SecurityFault,
        ),
    )
    def scheduleWorkItem(call: Call, item: Any, itemSchedule: Any, itemContext: Any, itemBody: Any) -> Any:
        """Create an item and offer it."""
        new = convert.new_work_item(item, itemSchedule, itemContext, call.tx.now())
        scheduled = scheduling.schedule_item(
            call.tx, call.caller, new, convert.fields(itemBody), convert.offer_set(item)
        )
        return convert.scheduled_object_id(scheduled)
