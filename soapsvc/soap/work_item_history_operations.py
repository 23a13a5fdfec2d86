"""WorkItemHistoryService, our own: how an item came to where it is."""

from typing import Any

from spyne.model.primitive import Boolean
from spyne.service import Service

from soapsvc.soap import conversions as convert
from soapsvc.soap import faults, namespaces, types
from soapsvc.soap.operations import Call, operation
from soapsvc.usecases import history


class WorkItemHistoryService(Service):
    """The past of items."""

    namespace = namespaces.SERVICE

    @operation(
        types.one(types.ManagedObjectID),
        types.optional(Boolean),
        result=("entry", types.several(types.HistoryEntry)),
        faults=(
            faults.InvalidVersionFault,
            faults.InvalidWorkItemFault,
            faults.InternalServiceFault,
            faults.SecurityFault,
        ),
        writes=False,
        is_long=True,
    )
    def getWorkItemHistory(call: Call, workItemID: Any, includeData: Any) -> Any:
        """Read every version of an item, oldest first, with its data as they were if asked for."""
        entries = history.read_history(call.tx, call.caller, convert.item_reference(workItemID))
        return [convert.history_entry(entry, with_data=bool(includeData)) for entry in entries]
