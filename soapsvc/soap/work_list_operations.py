"""WorkListService: what people see of their work lists, and the views that they look through."""

from typing import Any

from spyne.model.primitive import Boolean, Integer16, Integer32, Integer64, Unicode
from spyne.service import Service

from soapsvc.soap import conversions as convert
from soapsvc.soap import faults, list_types, types
from soapsvc.soap import list_conversions as convert_list
from soapsvc.soap.operations import Call, operation
from soapsvc.storage.list_views import Which
from soapsvc.usecases import list_views, lists, work_lists

_OF_LISTS = (
    faults.InvalidEntityFault,
    faults.InternalServiceFault,
    faults.WorkItemOrderFault,
    faults.WorkItemFilterFault,
    faults.SecurityFault,
)
_OF_VIEWS = (faults.InvalidWorkViewFault, faults.InternalServiceFault, faults.SecurityFault)
_OF_VIEW_PAGES = (faults.InternalServiceFault, faults.SecurityFault)
_VIEW_ID = types.required_attribute(Integer64)
_VIEW_REFERENCE = ("workListViewID", _VIEW_ID)
_VIEW_PAGE = ("workListViews", types.many(list_types.WorkListViewPageItem))
_SAID_OF_VIEW = (*list_types.SHOWN, *list_types.SHARED, *list_types.SAID)
_TYPES_OF_VIEW = tuple(type_ for _, type_ in _SAID_OF_VIEW)

_LISTED = (types.optional(list_types.OrderFilterCriteria), *list_types.ITEM_PAGING)
_LISTING: dict[str, Any] = {"result": list_types.ITEM_PAGE, "is_long": True, "faults": _OF_LISTS, "writes": False}
"""What the operations that read lists have in common: what is asked of the list, and what comes of it."""


class WorkListService(Service):
    """Lists of work."""

    @operation(
        types.optional(list_types.ResourcesRequired),
        types.optional(types.XmlModelEntityId),
        *_LISTED,
        **_LISTING,
    )
    def getWorkListItems(
        call: Call,
        resourcesRequired: Any,
        entityID: Any,
        orderFilterCriteria: Any,
        startPosition: Any,
        numberOfItems: Any,
        getTotalCount: Any,
        getEnhancedAttributes: Any,
        cursor: Any,
    ) -> Any:
        """Give a page of a list."""
        return _items(call, locals(), convert_list.whose(entityID, resourcesRequired))

    @operation(types.one(types.XmlModelEntityId), *_LISTED, **_LISTING, answer="getWorkListItemsResponse")
    def getAllocatedWorkListItems(
        call: Call,
        entityID: Any,
        orderFilterCriteria: Any,
        startPosition: Any,
        numberOfItems: Any,
        getTotalCount: Any,
        getEnhancedAttributes: Any,
        cursor: Any,
    ) -> Any:
        """Give a page of the items that are held."""
        whose = convert_list.whose(entityID, None, allocated=True)
        return _items(call, locals(), whose, operation="getAllocatedWorkListItems")

    @operation(
        types.one(types.XmlModelEntityId),
        types.several(types.ManagedObjectID),
        types.many(Unicode),
        types.optional(Boolean),
        result=("workItemPreview", types.several(types.WorkItemPreview)),
        faults=(
            faults.InvalidVersionFault,
            faults.InvalidWorkItemFault,
            faults.InvalidEntityFault,
            faults.InternalServiceFault,
            faults.SecurityFault,
        ),
        writes=False,
    )
    def previewWorkItemFromList(
        call: Call,
        entityID: Any,
        workItemID: Any,
        requiredField: Any,
        requireWorkType: Any,
    ) -> Any:
        """Look at items without opening them."""
        names = [name or "" for name in requiredField or ()]
        previews = lists.preview_items(
            call.tx, call.caller, entityID.guid.strip(), convert.item_references(workItemID), names
        )
        return [convert.work_item_preview(preview, with_work_type=bool(requireWorkType)) for preview in previews]

    @operation(
        types.one(Integer16),
        types.attribute(Integer32),
        result=("columnData", types.many(list_types.ColumnDefinition)),
        faults=(faults.InternalServiceFault,),
        writes=False,
    )
    def getWorkItemOrderFilter(call: Call, limitColumns: Any, apiVersion: Any) -> Any:  # noqa: ARG002
        """Tell which columns lists can be ordered and filtered by."""
        return [convert_list.column(column) for column in work_lists.columns(limitColumns or 0)]

    @operation(
        types.one(Unicode),
        result=("orderFilterCriteria", types.one(list_types.OrderFilterCriteria)),
        faults=(faults.InvalidEntityFault, faults.InternalServiceFault, faults.SecurityFault),
        writes=False,
    )
    def getResourceOrderFilterCriteria(call: Call, resourceID: Any) -> Any:
        """Tell by what somebody's next item is chosen."""
        criteria = work_lists.criteria_of(call.tx, call.caller, (resourceID or "").strip())
        return convert_list.order_filter_criteria(criteria)

    @operation(
        types.one(list_types.OrderFilterCriteria),
        types.attribute(Unicode),
        result=("success", types.one(Boolean)),
        faults=_OF_LISTS,
    )
    def setResourceOrderFilterCriteria(call: Call, orderFilterCriteria: Any, resourceID: Any) -> Any:
        """Set by what somebody's next item is chosen."""
        resource = None if resourceID is None else resourceID.strip()
        work_lists.set_criteria(call.tx, call.caller, resource, convert_list.criteria(orderFilterCriteria))
        return True

    @operation(*_TYPES_OF_VIEW, result=_VIEW_REFERENCE, faults=_OF_LISTS)
    def createWorkListView(  # noqa: PLR0913, PLR0917 - the contract has so many members
        call: Call,
        entityID: Any,
        resourcesRequired: Any,
        orderFilterCriteria: Any,
        authors: Any,
        users: Any,
        customData: Any,
        name: Any,
        description: Any,
        owner: Any,
        public: Any,
        getAllocatedItems: Any,
    ) -> Any:
        """Make a view of a list."""
        return list_views.create_view(call.tx, call.caller, convert_list.view_request(locals()))

    @operation(*_TYPES_OF_VIEW, _VIEW_ID, result=_VIEW_REFERENCE, faults=(faults.InvalidWorkViewFault, *_OF_LISTS))
    def editWorkListView(  # noqa: PLR0913, PLR0917
        call: Call,
        entityID: Any,
        resourcesRequired: Any,
        orderFilterCriteria: Any,
        authors: Any,
        users: Any,
        customData: Any,
        name: Any,
        description: Any,
        owner: Any,
        public: Any,
        getAllocatedItems: Any,
        workListViewID: Any,
    ) -> Any:
        """Change a view that the caller has locked."""
        list_views.edit_view(call.tx, call.caller, workListViewID, convert_list.view_request(locals()))
        return workListViewID

    @operation(_VIEW_ID, result=_VIEW_REFERENCE, faults=_OF_VIEWS)
    def deleteWorkListView(call: Call, workListViewID: Any) -> Any:
        """Delete a view."""
        list_views.delete_view(call.tx, call.caller, workListViewID)
        return workListViewID

    @operation(
        _VIEW_ID,
        types.attribute(Boolean),
        types.attribute(Integer32),
        result=list_types.VIEW,
        faults=_OF_VIEWS,
    )
    def getWorkListViewDetails(call: Call, workListViewID: Any, lockView: Any, apiVersion: Any) -> Any:
        """Show a view, and lock it on demand."""
        view = list_views.view_details(call.tx, call.caller, workListViewID, lock=bool(lockView))
        return convert_list.view_members(view, apiVersion)

    @operation(_VIEW_ID, result=_VIEW_REFERENCE, faults=_OF_VIEWS)
    def unlockWorkListView(call: Call, workListViewID: Any) -> Any:
        """Give a view's lock back."""
        list_views.unlock_view(call.tx, call.caller, workListViewID)
        return workListViewID

    @operation(*list_types.PAGING, types.attribute(Integer32), result=_VIEW_PAGE, faults=_OF_VIEW_PAGES, writes=False)
    def getEditableWorkListViews(call: Call, startPosition: Any, numberOfItems: Any, apiVersion: Any) -> Any:
        """List the views that the caller may edit."""
        return _views(call, Which.EDITABLE, startPosition, numberOfItems, apiVersion)

    @operation(*list_types.PAGING, types.attribute(Integer32), result=_VIEW_PAGE, faults=_OF_VIEW_PAGES, writes=False)
    def getPublicWorkListViews(call: Call, startPosition: Any, numberOfItems: Any, apiVersion: Any) -> Any:
        """List the views that everybody may use."""
        return _views(call, Which.PUBLIC, startPosition, numberOfItems, apiVersion)

    @operation(*list_types.PAGING, types.attribute(Integer32), result=_VIEW_PAGE, faults=_OF_VIEW_PAGES, writes=False)
    def getViewsForResource(call: Call, startPosition: Any, numberOfItems: Any, apiVersion: Any) -> Any:
        """List the views that the caller uses."""
        return _views(call, Which.USED, startPosition, numberOfItems, apiVersion)

    @operation(_VIEW_ID, result=_VIEW_REFERENCE, faults=_OF_VIEWS)
    def addCurrentResourceToView(call: Call, workListViewID: Any) -> Any:
        """Take a view up."""
        list_views.take_up_view(call.tx, call.caller, workListViewID)
        return workListViewID

    @operation(_VIEW_ID, result=_VIEW_REFERENCE, faults=_OF_VIEWS)
    def deleteCurrentResourceFromView(call: Call, workListViewID: Any) -> Any:
        """Drop a view."""
        list_views.drop_view(call.tx, call.caller, workListViewID)
        return workListViewID

    @operation(
        _VIEW_ID,
        *list_types.ITEM_PAGING,
        types.attribute(Boolean),
        result=list_types.ITEM_PAGE,
        is_long=True,
        faults=(faults.InvalidWorkViewFault, *_OF_LISTS),
        writes=False,
    )
    def getWorkListItemsForView(
        call: Call,
        workListViewID: Any,
        startPosition: Any,
        numberOfItems: Any,
        getTotalCount: Any,
        getEnhancedAttributes: Any,
        cursor: Any,
        getAllocatedItems: Any,
    ) -> Any:
        """Give a page of what a view shows."""
        page = list_views.list_items_of_view(
            call.tx,
            call.caller,
            workListViewID,
            convert_list.paging(startPosition, numberOfItems, getTotalCount, cursor),
            allocated=getAllocatedItems,
            limits=call.limits,
        )
        return convert_list.item_page(call, page, enhanced=getEnhancedAttributes)


def _items(call: Call, members: dict[str, Any], whose: work_lists.Whose, **options: str) -> tuple[Any, ...]:
    """Read and write the page that a request's members ask for."""
    order_filter, paging = convert_list.asked_of_list(members)
    page = work_lists.list_items(call.tx, call.caller, whose, order_filter, paging, limits=call.limits, **options)
    return convert_list.item_page(call, page, enhanced=members["getEnhancedAttributes"])


def _views(call: Call, which: Which, start: Any, most: Any, api_version: Any) -> list[Any]:
    found = list_views.find_views(call.tx, call.caller, which, start=start or 0, most=most or 0, limits=call.limits)
    return [convert_list.view_page_item(view, api_version) for view in found]
