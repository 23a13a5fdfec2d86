"""What every operation of the contract needs: the one table that the checks go by, and the door serves nothing else."""

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

from soapsvc.domain.caller import SystemAction

Alternatives = tuple[SystemAction, ...]
"""System actions of which any one is enough."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Permission:
    """What an operation needs of its caller; of a list all must be met, each by one of its alternatives.

    `always` is needed in any case. `own` is needed besides for one's own: what one holds or takes oneself, one's own
    list. `others` is needed for anybody else's; `offered` in its place for who stands in the item's offer set, where
    the two differ. Where an item is named, a tie to it is needed too: one's own, or any one of `ties`.
    """

    always: tuple[Alternatives, ...] = ()
    own: tuple[Alternatives, ...] = ()
    others: tuple[Alternatives, ...] = ()
    offered: tuple[Alternatives, ...] = ()
    ties: Alternatives = ()


_A = SystemAction
_READ = (_A.VIEW_WORK_LIST, _A.VIEW_GLOBAL_WORK_LIST)
_GIVE_OPEN = ((_A.WORK_ITEM_ALLOCATION,), (_A.OPEN_OTHER_RESOURCES_ITEMS,))
_ANYWHERE = (_A.REALLOCATE_TO_WORLD,)
_WITHIN_OFFER = (_A.REALLOCATE_TO_OFFER_SET, _A.REALLOCATE_TO_WORLD)
_LOOK = Permission(ties=_READ)
_LISTS = Permission(others=(_READ,))
WHOLE_LIST: tuple[Alternatives, ...] = ((_A.VIEW_GLOBAL_WORK_LIST,),)
"""What it needs to see the list of all."""


def _for_others(action: SystemAction, *, always: tuple[Alternatives, ...] = ()) -> Permission:
    """One's own items need nothing more; those of others the action, which is a tie to them."""
    return Permission(others=((action,),), ties=(action,), always=always)


def _only(action: SystemAction) -> Permission:
    """Nobody may without the action, which is a tie to every item that it reaches."""
    return Permission(always=((action,),), ties=(action,))


_REALLOCATE = Permission(others=(_ANYWHERE,), offered=(_WITHIN_OFFER,), ties=_WITHIN_OFFER)

PERMISSIONS: Mapping[str, Permission] = MappingProxyType(
    {
        "getWorkItemHeader": _LOOK,
        "getOfferSet": _LOOK,
        "getWorkItemHistory": _LOOK,
        "previewWorkItemFromList": Permission(others=(_READ,), ties=_READ),
        "getWorkListItems": _LISTS,
        "getAllocatedWorkListItems": _LISTS,
        "getWorkListItemsForView": _LISTS,
        "awaitWorkListChange": _LISTS,
        "createWorkListView": _LISTS,
        "editWorkListView": _LISTS,
        "deleteWorkListView": Permission(),
        "getWorkListViewDetails": Permission(),
        "unlockWorkListView": Permission(),
        "getEditableWorkListViews": Permission(),
        "getPublicWorkListViews": Permission(),
        "getViewsForResource": Permission(),
        "addCurrentResourceToView": Permission(),
        "deleteCurrentResourceFromView": Permission(),
        "getWorkItemOrderFilter": Permission(),
        "getResourceOrderFilterCriteria": _LISTS,
        "setResourceOrderFilterCriteria": Permission(always=((_A.SET_RESOURCE_ORDER_FILTER_CRITERIA,),)),
        "lookupUser": Permission(),
        "openWorkItem": _for_others(_A.OPEN_OTHER_RESOURCES_ITEMS),
        "saveOpenWorkItem": _for_others(_A.CLOSE_OTHER_RESOURCES_ITEMS),
        "closeWorkItem": _for_others(_A.CLOSE_OTHER_RESOURCES_ITEMS),
        "completeWorkItem": _for_others(_A.CLOSE_OTHER_RESOURCES_ITEMS),
        "pendWorkItem": _for_others(_A.CLOSE_OTHER_RESOURCES_ITEMS, always=((_A.PEND_WORK_ITEM,),)),
        "skipWorkItem": _only(_A.SKIP_WORK_ITEM),
        "setWorkItemPriority": Permission(
            own=((_A.CHANGE_ALLOCATED_WORK_ITEM_PRIORITY,),),
            others=((_A.CHANGE_ANY_WORK_ITEM_PRIORITY,),),
            ties=(_A.CHANGE_ANY_WORK_ITEM_PRIORITY,),
        ),
        "allocateWorkItem": _for_others(_A.WORK_ITEM_ALLOCATION),
        "allocateAndOpenWorkItem": Permission(
            others=_GIVE_OPEN, ties=(_A.WORK_ITEM_ALLOCATION, _A.OPEN_OTHER_RESOURCES_ITEMS)
        ),
        "allocateAndOpenNextWorkItem": Permission(others=_GIVE_OPEN, always=((_A.AUTO_OPEN_NEXT_WORK_ITEM,),)),
        "unallocateWorkItem": _for_others(_A.WORK_ITEM_ALLOCATION),
        "reallocateWorkItem": _REALLOCATE,
        "reallocateWorkItemData": _REALLOCATE,
        "scheduleWorkItem": _only(_A.SCHEDULE_WORK_ITEM),
        "scheduleWorkItemWithWorkModel": _only(_A.SCHEDULE_WORK_ITEM),
        "enableWorkItem": _only(_A.ENABLE_WORK_ITEM),
        "rescheduleWorkItem": _only(_A.RESCHEDULE_WORK_ITEM),
        "cancelWorkItem": _only(_A.CANCEL_WORK_ITEM),
        "suspendWorkItem": _only(_A.SUSPEND_WORK_ITEM),
        "resumeWorkItem": _only(_A.SUSPEND_WORK_ITEM),
        "getAuditEntries": Permission(always=((_A.READ_AUDIT_LOG,),)),
    }
)
"""By the names of the operations. One that is not here cannot be declared: see soap/operations.py."""
