"""WorkItemManagementService: open, allocate, close and read work items."""

from typing import Any

from spyne.service import Service

from soapsvc.soap import conversions as convert
from soapsvc.soap import faults, types
from soapsvc.soap.operations import Call, operation
from soapsvc.usecases import items


class WorkItemManagementService(Service):
    """Work on items."""

    @operation(
        types.several(types.ManagedObjectID),
        result=("workItemHeader", types.several(types.WorkItemHeader)),
        faults=(
            faults.InvalidWorkItemFault,
            faults.InvalidVersionFault,
            faults.InternalServiceFault,
            faults.SecurityFault,
        ),
        writes=False,
    )
    def getWorkItemHeader(call: Call, workItemID: Any) -> Any:
        """Read headers."""
        found = items.get_headers(call.tx, call.caller, convert.item_references(workItemID))
        return [convert.work_item_header(item, call.tx.now()) for item in found]

    @operation(
        types.several(types.ManagedObjectID),
        result=("workItemBody", types.several(types.WorkItemBody)),
        faults=(
            faults.InvalidVersionFault,
            faults.WorkItemFault,
            faults.InvalidWorkItemFault,
            faults.InternalServiceFault,
            faults.OpenWorkItemLimitFault,
            faults.SecurityFault,
        ),
    )
    def openWorkItem(call: Call, workItemID: Any) -> Any:
        """Open what is allocated or pended."""
        opened = items.open_items(call.tx, call.caller, convert.item_references(workItemID))
        return [convert.work_item_body(item) for item in opened]

    @operation(
        types.several(types.CloseGroup),
        result=("workItemID", types.several(types.ManagedObjectID)),
        faults=(
            faults.InvalidVersionFault,
            faults.WorkItemFault,
            faults.InvalidWorkItemFault,
            faults.InternalServiceFault,
            faults.SecurityFault,
            faults.WorkItemRescheduledFault,
        ),
    )
    def closeWorkItem(call: Call, group: Any) -> Any:
        """Close what is open, with new data."""
        closed = items.close_items(call.tx, call.caller, [convert.close_request(one) for one in group])
        return [convert.managed_object_id(item) for item in closed]

    @operation(
        types.several(types.AllocationGroup),
        result=("workItem", types.several(types.WorkItem)),
        faults=(
            faults.InvalidVersionFault,
            faults.WorkItemFault,
            faults.InvalidWorkItemFault,
            faults.InvalidEntityFault,
            faults.InternalServiceFault,
            faults.OpenWorkItemLimitFault,
            faults.SecurityFault,
        ),
    )
    def allocateAndOpenWorkItem(call: Call, group: Any) -> Any:
        """Take offered items for a resource, open."""
        batch = [convert.allocation(one) for one in group]
        opened = items.allocate_and_open_items(call.tx, call.caller, batch)
        return [convert.opened_work_item(item, call.tx.now()) for item in opened]
