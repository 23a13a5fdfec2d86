"""WorkItemManagementService: take, open, save, close, complete, give back and read work items."""

from typing import Any

from spyne.model.primitive import Boolean, Integer32, Integer64, Unicode
from spyne.service import Service

from soapsvc.domain.work_item import WorkItem
from soapsvc.soap import conversions as convert
from soapsvc.soap import faults, types
from soapsvc.soap.operations import Call, operation
from soapsvc.usecases import allocation, completion, items

_V, _W, _I, _E = (
    faults.InvalidVersionFault,
    faults.WorkItemFault,
    faults.InvalidWorkItemFault,
    faults.InvalidEntityFault,
)
_S, _L, _X = faults.InternalServiceFault, faults.OpenWorkItemLimitFault, faults.SecurityFault
_R, _N, _Q = faults.WorkItemRescheduledFault, faults.NoMoreWorkItemsFault, faults.InvalidWorkViewFault

_IDS = types.several(types.ManagedObjectID)
_ID = types.one(types.ManagedObjectID)
_BODY = types.one(types.WorkItemBody)
_ITEMS = ("workItem", types.several(types.WorkItem))
_VERSIONS = ("workItemID", _IDS)


def _whole(call: Call, found: list[WorkItem], *, with_body: bool = False) -> list[Any]:
    now = call.tx.now()
    return [
        convert.work_item(one, items.work_type_of(call.tx, one), now, attributes=one.attributes, with_body=with_body)
        for one in found
    ]


class WorkItemManagementService(Service):
    """Work on items."""

    @operation(
        _IDS,
        result=("workItemHeader", types.several(types.WorkItemHeader)),
        faults=(_I, _V, _S, _X),
        writes=False,
    )
    def getWorkItemHeader(call: Call, workItemID: Any) -> Any:
        """Read headers."""
        found = items.get_headers(call.tx, call.caller, convert.item_references(workItemID))
        return [convert.work_item_header(item, call.tx.now()) for item in found]

    @operation(_IDS, result=("workItemBody", types.several(types.WorkItemBody)), faults=(_V, _W, _I, _S, _L, _X))
    def openWorkItem(call: Call, workItemID: Any) -> Any:
        """Open what is allocated or pended."""
        opened = items.open_items(call.tx, call.caller, convert.item_references(workItemID))
        return [convert.work_item_body(item) for item in opened]

    @operation(types.several(types.CloseGroup), result=_VERSIONS, faults=(_V, _W, _I, _S, _X, _R))
    def closeWorkItem(call: Call, group: Any) -> Any:
        """Close what is open, with new data."""
        closed = items.close_items(call.tx, call.caller, [convert.close_request(one) for one in group])
        return [convert.managed_object_id(item) for item in closed]

    @operation(types.several(types.OptionalAllocationGroup), result=_ITEMS, faults=(_V, _I, _E, _S, _X))
    def allocateWorkItem(call: Call, group: Any) -> Any:
        """Take offered items for a resource."""
        batch = [convert.allocation(one) for one in group]
        return _whole(call, allocation.allocate_items(call.tx, call.caller, batch))

    @operation(types.several(types.AllocationGroup), result=_ITEMS, faults=(_V, _W, _I, _E, _S, _L, _X))
    def allocateAndOpenWorkItem(call: Call, group: Any) -> Any:
        """Take offered items for a resource, open."""
        batch = [convert.allocation(one) for one in group]
        return _whole(call, allocation.allocate_and_open_items(call.tx, call.caller, batch), with_body=True)

    @operation(
        types.one(Unicode),
        types.optional(Integer64),
        result=("workItem", types.one(types.WorkItem)),
        faults=(_W, _N, _E, _S, _L, _X, _Q),
        is_long=True,
    )
    def allocateAndOpenNextWorkItem(call: Call, resource: Any, workListViewID: Any) -> Any:
        """Take what a resource should do next, open."""
        name = (resource or "").strip()
        opened = allocation.allocate_and_open_next_item(call.tx, call.caller, name, workListViewID, limits=call.limits)
        return _whole(call, [opened], with_body=True)[0]

    @operation(_IDS, result=_ITEMS, faults=(_E, _V, _I, _S, _X))
    def unallocateWorkItem(call: Call, workItemID: Any) -> Any:
        """Give items back to their offer sets."""
        references = convert.item_references(workItemID)
        return _whole(call, allocation.unallocate_items(call.tx, call.caller, references))

    @operation(
        _ID,
        _BODY,
        types.optional(Boolean),
        result=(
            ("groupID", types.optional(Integer64)),
            ("nextWorkItem", types.optional(types.ManagedObjectID)),
        ),
        faults=(_V, _W, _I, _S, _X, _R),
    )
    def completeWorkItem(call: Call, workItemID: Any, workItemPayload: Any, getNextPiledItem: Any) -> Any:
        """Complete what is open, with its last data; say what comes next."""
        reference, payload = convert.item_reference(workItemID), convert.fields(workItemPayload)
        done = completion.complete_item(
            call.tx, call.caller, reference, payload, next_piled=bool(getNextPiledItem), limits=call.limits
        )
        following = convert.managed_object_id(done.next_piled) if done.next_piled else None
        return done.item.group_id, following

    @operation(_IDS, result=("success", types.one(Boolean)), faults=(_V, _W, _I, _S, _X))
    def skipWorkItem(call: Call, workItemID: Any) -> Any:
        """Complete allocated items without opening them."""
        completion.skip_items(call.tx, call.caller, convert.item_references(workItemID))
        return True

    @operation(types.several(types.ReallocationGroup), result=_ITEMS, faults=(_V, _W, _I, _E, _S, _X))
    def reallocateWorkItem(call: Call, group: Any) -> Any:
        """Give items to somebody else, perhaps with their data as scheduled."""
        batch = [convert.reallocation(one) for one in group]
        return _whole(call, allocation.reallocate_items(call.tx, call.caller, batch))

    @operation(types.several(types.DataReallocationGroup), result=_ITEMS, faults=(_V, _W, _I, _E, _S, _X))
    def reallocateWorkItemData(call: Call, group: Any) -> Any:
        """Give items to somebody else with new data."""
        batch = [convert.data_reallocation(one) for one in group]
        return _whole(call, allocation.reallocate_items(call.tx, call.caller, batch))

    @operation(
        _ID,
        types.optional(Integer32),
        result=(
            ("entityGuid", types.many(Unicode)),
            ("entityId", types.many(types.XmlModelEntityId)),
        ),
        faults=(_I, _V, _S, _X),
        writes=False,
        is_long=True,
    )
    def getOfferSet(call: Call, workItemID: Any, apiVersion: Any) -> Any:
        """Read whom an item was offered to: GUIDs, or entities from the second version of this operation on."""
        entities = allocation.get_offer_set(call.tx, call.caller, convert.item_reference(workItemID))
        if (apiVersion or 1) > 1:
            return None, [convert.entity_id(entity) for entity in entities]
        return [entity.guid for entity in entities], None

    @operation(_ID, _BODY, result=("workItemID", _ID), faults=(_W, _I, _V, _S, _X, _R))
    def saveOpenWorkItem(call: Call, workItemID: Any, workItemPayload: Any) -> Any:
        """Keep new data of an item that stays open."""
        reference, payload = convert.item_reference(workItemID), convert.fields(workItemPayload)
        return convert.managed_object_id(items.save_item(call.tx, call.caller, reference, payload))

    @operation(types.several(types.PendGroup), result=_VERSIONS, faults=(_V, _W, _I, _S, _X))
    def pendWorkItem(call: Call, group: Any) -> Any:
        """Hide items for a while, or bring them back."""
        pended = items.pend_items(call.tx, call.caller, [convert.pend_request(one) for one in group])
        return [convert.managed_object_id(item) for item in pended]

    @operation(types.several(types.WorkItemIDandPriority), result=_VERSIONS, faults=(_V, _W, _S, _I, _X))
    def setWorkItemPriority(call: Call, workItemIDandPriority: Any) -> Any:
        """Change priorities."""
        batch = [convert.priority_change(one) for one in workItemIDandPriority]
        return [convert.managed_object_id(item) for item in items.set_priorities(call.tx, call.caller, batch)]
