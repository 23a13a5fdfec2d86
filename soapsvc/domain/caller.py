"""Who asks, and the system actions that may be granted to him."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum

from soapsvc.domain.credentials import Scope
from soapsvc.domain.organisation import Entity


class SystemAction(StrEnum):
    """What a person may be granted beyond his own work; the names are those of the contract.

    READ_AUDIT_LOG is our own.
    """

    WORK_ITEM_ALLOCATION = "workItemAllocation"
    SKIP_WORK_ITEM = "skipWorkItem"
    REALLOCATE_TO_OFFER_SET = "reallocateToOfferSet"
    REALLOCATE_TO_WORLD = "reallocateWorkItemToWorld"
    OPEN_OTHER_RESOURCES_ITEMS = "openOtherResourcesItems"
    CLOSE_OTHER_RESOURCES_ITEMS = "closeOtherResourcesItems"
    VIEW_WORK_LIST = "viewWorkList"
    VIEW_GLOBAL_WORK_LIST = "viewGlobalWorkList"
    CHANGE_ANY_WORK_ITEM_PRIORITY = "changeAnyWorkItemPriority"
    CHANGE_ALLOCATED_WORK_ITEM_PRIORITY = "changeAllocatedWorkItemPriority"
    SET_RESOURCE_ORDER_FILTER_CRITERIA = "setResourceOrderFilterCriteria"
    PEND_WORK_ITEM = "pendWorkItem"
    AUTO_OPEN_NEXT_WORK_ITEM = "autoOpenNextWorkItem"
    SCHEDULE_WORK_ITEM = "scheduleWorkItem"
    CANCEL_WORK_ITEM = "cancelWorkItem"
    SUSPEND_WORK_ITEM = "suspendWorkItem"
    RESCHEDULE_WORK_ITEM = "rescheduleWorkItem"
    ENABLE_WORK_ITEM = "enableWorkItem"
    READ_AUDIT_LOG = "readAuditLog"


ALLOWED_TO_ALL = frozenset(
    {
        SystemAction.PEND_WORK_ITEM,
        SystemAction.CHANGE_ALLOCATED_WORK_ITEM_PRIORITY,
        SystemAction.AUTO_OPEN_NEXT_WORK_ITEM,
    }
)
"""System actions that need no grant, unless a tenancy denies them; every other one is denied unless granted."""


@dataclass(frozen=True, slots=True)
class Standing:
    """Where somebody stands in the organisation, by the ids of entities.

    `entities` are himself, all that contain him, directly or not, and what he and they hold. `scopes` says for each
    action that he may do the units below which he may; None stands for everywhere.
    """

    entities: frozenset[int]
    scopes: Mapping[SystemAction, frozenset[int | None]]

    def may_everywhere(self, action: SystemAction) -> bool:
        """Say whether he may do this whatever it is done to."""
        return None in self.scopes.get(action, ())

    def may_in(self, action: SystemAction, units: Iterable[int]) -> bool:
        """Say whether he may do this to what lies in these units."""
        return not self.scopes.get(action, frozenset()).isdisjoint({None, *units})

    def is_scoped(self, action: SystemAction) -> bool:
        """Say whether he may do this, but not everywhere."""
        return action in self.scopes and not self.may_everywhere(action)


@dataclass(frozen=True, kw_only=True, slots=True)
class Caller:
    """A person of a tenancy who has proven who he is.

    `tenancy` is its id, `must_supply_version` its rule for what he changes. `scope` is how far the credentials reach
    that he showed.
    """

    person: Entity
    tenancy: int
    must_supply_version: bool = False
    scope: Scope = Scope.COMMAND
