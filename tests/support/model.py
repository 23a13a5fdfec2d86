"""A second, simple service: what the contract says, in as few words as possible, to compare the real one with.

It knows items with two fields, people and their grants, and a clock in hours. Faults are named by their element.
"""

from collections.abc import Callable, Sequence
from copy import deepcopy
from dataclasses import dataclass, field

REMAINING = {"ALLOCATED", "PENDED"}
FREE = {"pendWorkItem", "changeAllocatedWorkItemPriority", "autoOpenNextWorkItem"}
VIEW = ("viewWorkList", "viewGlobalWorkList")
GIVE, OPEN_OTHERS, CLOSE_OTHERS = "workItemAllocation", "openOtherResourcesItems", "closeOtherResourcesItems"
TO_SET, TO_WORLD, ANY_PRIORITY = "reallocateToOfferSet", "reallocateWorkItemToWorld", "changeAnyWorkItemPriority"

REACH = {
    "openWorkItem": (OPEN_OTHERS,),
    **dict.fromkeys(("closeWorkItem", "saveOpenWorkItem", "completeWorkItem", "pendWorkItem"), (CLOSE_OTHERS,)),
    "allocateWorkItem": (GIVE,),
    "allocateAndOpenWorkItem": (GIVE, OPEN_OTHERS),
    "unallocateWorkItem": (GIVE,),
    "skipWorkItem": ("skipWorkItem",),
    **dict.fromkeys(("reallocateWorkItem", "reallocateWorkItemData"), (TO_SET, TO_WORLD)),
    "setWorkItemPriority": (ANY_PRIORITY,),
    "enableWorkItem": ("enableWorkItem",),
    "rescheduleWorkItem": ("rescheduleWorkItem",),
    "cancelWorkItem": ("cancelWorkItem",),
    "suspendWorkItem": ("suspendWorkItem",),
    "resumeWorkItem": ("suspendWorkItem",),
}
"""The grants that make up for a tie of one's own."""


class Refused(Exception):
    """The fault that the contract names; for a version also the item, the stored and the supplied version."""

    def __init__(self, fault: str, *parameters: object) -> None:
        super().__init__(fault)
        self.answer = (fault, *map(str, parameters))


class _Due(Exception):
    """The timer of an item comes first; the service then brings back all others that are due as well."""


def unless(condition: object, fault: str) -> None:
    if not condition:
        raise Refused(fault)


@dataclass
class Item:
    """An item at its latest version; `data` are its fields, `scheduled` those that its scheduler left."""

    id: int
    offered_to: frozenset[str]
    type: str | None
    state: str
    owner: str | None
    group: int | None
    priority: int
    data: dict[str, str]
    scheduled: dict[str, str]
    end: int | None = None
    version: int = 0
    is_open: bool = False
    from_offer: bool = False
    is_changed: bool = False
    back_to: str | None = None
    back_at: float | None = None
    resume_to: str | None = None
    held_by: set[str] = field(default_factory=set)
    history: list[str] = field(default_factory=lambda: ["scheduleWorkItem"])

    def bump(self, operation: str) -> None:
        self.version += 1
        self.history.append(operation)
        if self.owner:
            self.held_by.add(self.owner)

    def come_back(self) -> None:
        self.state, self.back_to, self.back_at = self.back_to or "", None, None
        self.bump("reappear")


@dataclass
class Model:
    """All items; operations give an answer or raise Refused, and change nothing then but what was due."""

    grants: dict[str, frozenset[str]]
    limits: dict[str, int]
    types: dict[str, frozenset[str]]
    pile_limit: int
    now: float = 0
    items: dict[int, Item] = field(default_factory=dict)
    piles: dict[str, int] = field(default_factory=dict)

    def may(self, who: str, *actions: str) -> bool:
        return any(action in FREE or action in self.grants[who] for action in actions)

    def is_due(self, item: Item) -> bool:
        return item.state == "PENDHIDDEN" and item.back_at is not None and item.back_at <= self.now

    def sweep(self) -> None:
        for item in self.items.values():
            if self.is_due(item):
                item.come_back()

    def change(self, operation: str, who: str, batch: Sequence[tuple[int, int | None]], **more: object) -> list[Item]:
        """Do an operation to items, all or none; what is due comes back first, whatever becomes of the rest."""
        act: Callable[..., None] = getattr(self, f"_{operation}")
        while True:
            kept = deepcopy((self.items, self.piles))
            try:
                for item_id, version in batch:
                    item = self._reached(who, item_id, REACH[operation])
                    if self.is_due(item):
                        raise _Due
                    self._check_version(item, version)
                    act(item, who, version=version, **more)
                    item.bump(operation)
                return [self.items[item_id] for item_id, _ in batch]
            except _Due:
                self.items, self.piles = kept
                self.sweep()
            except Refused:
                self.items, self.piles = kept
                raise

    def read(self, who: str, item_id: int, version: int | None) -> Item:
        item = self._reached(who, item_id, VIEW)
        self._check_version(item, version)
        return item

    def preview(self, who: str, of: str, item_id: int, version: int | None) -> Item:
        item = self.read(who, item_id, version)
        unless(of == who or self.may(who, *VIEW), "SecurityFault")
        stands = item.state != "CANCELLED" and (of == item.owner or of in item.offered_to)
        unless(stands, "InvalidEntityFault")
        return item

    def open_next(self, who: str, resource: str, view: int | None) -> Item:
        unless(resource == who or (self.may(who, GIVE) and self.may(who, OPEN_OTHERS)), "SecurityFault")
        unless(resource in self.grants, "InvalidEntityFault")
        unless(view in {None, 0, -1}, "InvalidWorkViewFault")
        item = self._next(resource)
        if item is None:
            raise Refused("NoMoreWorkItemsFault")
        self._begin(item, resource, from_offer=True)
        item.bump("allocateAndOpenNextWorkItem")
        return item

    def _reached(self, who: str, item_id: int, reach: tuple[str, ...]) -> Item:
        unless(item_id in self.items, "InvalidWorkItemFault")
        item = self.items[item_id]
        tied = who in item.offered_to or who == item.owner or who in item.held_by
        unless(tied or self.may(who, *reach), "SecurityFault")
        return item

    @staticmethod
    def _check_version(item: Item, supplied: int | None) -> None:
        if supplied not in {None, -1, item.version}:
            facts = (item.id, item.version, supplied, item.state, item.owner or "")
            raise Refused("InvalidVersionFault", *facts)

    def _next(self, resource: str, type_: str | None = None) -> Item | None:
        offered = [
            item
            for item in self.items.values()
            if item.state == "OFFERED" and resource in item.offered_to and type_ in {None, item.type}
        ]
        never = float("inf")
        order = lambda item: (never if item.end is None else item.end, item.priority, item.id)  # noqa: E731
        return min(offered, key=order, default=None)

    def _own_or(self, item: Item, who: str, action: str) -> None:
        unless(item.owner in {None, who} or self.may(who, action), "SecurityFault")

    def _begin(self, item: Item, owner: str, *, from_offer: bool) -> None:
        opened = sum(other.owner == owner and other.state == "OPENED" for other in self.items.values())
        unless(opened < self.limits.get(owner, 1_000), "OpenWorkItemLimitFault")
        item.state, item.owner, item.is_open, item.from_offer, item.is_changed = (
            "OPENED",
            owner,
            True,
            from_offer,
            False,
        )

    def _fill(self, item: Item, data: dict[str, str]) -> None:
        unless(set(data) <= {"Notes", "Amount"}, "WorkItemFault")
        item.data |= data

    def _openWorkItem(self, item: Item, who: str, **_: object) -> None:  # noqa: N802
        self._own_or(item, who, OPEN_OTHERS)
        unless(item.state in REMAINING, "InvalidWorkItemFault")
        self._begin(item, item.owner or "", from_offer=False)

    def _takes(self, item: Item, who: str, to: str, *needed: str) -> str:
        unless(to in {"", who} or all(self.may(who, action) for action in needed), "SecurityFault")
        unless(item.state == "OFFERED", "InvalidWorkItemFault")
        unless((to or who) in item.offered_to, "InvalidEntityFault")
        return to or who

    def _allocateWorkItem(self, item: Item, who: str, *, to: str, **_: object) -> None:  # noqa: N802
        item.owner = self._takes(item, who, to, GIVE)
        item.state = "ALLOCATED"

    def _allocateAndOpenWorkItem(self, item: Item, who: str, *, to: str, **_: object) -> None:  # noqa: N802
        self._begin(item, self._takes(item, who, to or who, GIVE, OPEN_OTHERS), from_offer=True)

    def _unallocateWorkItem(self, item: Item, who: str, **_: object) -> None:  # noqa: N802
        self._own_or(item, who, GIVE)
        unless(item.state in REMAINING, "InvalidWorkItemFault")
        item.state, item.owner = "OFFERED", None

    def _reallocate(self, item: Item, who: str, to: str) -> None:
        needed = (TO_SET, TO_WORLD) if to in item.offered_to else (TO_WORLD,)
        unless(self.may(who, *needed), "SecurityFault")
        unless(item.state in REMAINING | {"OFFERED", "OPENED"}, "InvalidWorkItemFault")
        unless(to in self.grants, "InvalidEntityFault")
        item.state, item.owner, item.is_open = "ALLOCATED", to, False

    def _reallocateWorkItem(self, item: Item, who: str, *, to: str, revert: bool, **_: object) -> None:  # noqa: N802
        self._reallocate(item, who, to)
        item.data = dict(item.scheduled) if revert else item.data

    def _reallocateWorkItemData(  # noqa: N802
        self, item: Item, who: str, *, to: str, data: dict[str, str], **_: object
    ) -> None:
        self._reallocate(item, who, to)
        self._fill(item, data)

    def _check_open(self, item: Item, who: str, *states: str) -> None:
        self._own_or(item, who, CLOSE_OTHERS)
        unless(item.is_open and item.state in states, "InvalidWorkItemFault")

    def _check_known(self, item: Item, version: int | None) -> None:
        unless(not item.is_changed or version not in {None, -1}, "WorkItemRescheduledFault")

    def _closeWorkItem(  # noqa: N802
        self, item: Item, who: str, *, version: int | None, data: dict[str, str], hours: int, **_: object
    ) -> None:
        self._check_open(item, who, "OPENED", "SUSPENDED", "CANCELLED")
        self._check_known(item, version)
        unless(item.state != "CANCELLED" or not data, "WorkItemFault")
        self._fill(item, data)
        item.is_open = False
        if item.state == "CANCELLED":
            return
        target = "PENDED"
        if hours > 0:
            target, item.back_to, item.back_at = "PENDHIDDEN", "PENDED", self.now + hours
        elif item.from_offer and "reoffer" in self.types.get(item.type or "", ()):
            target, item.owner = "OFFERED", None
        if item.state == "SUSPENDED":
            item.resume_to = target
        else:
            item.state = target

    def _saveOpenWorkItem(  # noqa: N802
        self, item: Item, who: str, *, version: int | None, data: dict[str, str], **_: object
    ) -> None:
        self._check_open(item, who, "OPENED", "SUSPENDED")
        self._check_known(item, version)
        self._fill(item, data)

    def _completeWorkItem(  # noqa: N802
        self, item: Item, who: str, *, version: int | None, data: dict[str, str], **_: object
    ) -> None:
        self._check_open(item, who, "OPENED", "SUSPENDED")
        self._check_known(item, version)
        self._fill(item, data)
        item.state, item.is_open, item.resume_to = "COMPLETED", False, None

    def after_completion(self, done: Item) -> str:
        """Say what follows an item whose completion asked for the next of its pile."""
        owner = done.owner or ""
        if done.group is not None or "piled" not in self.types.get(done.type or "", ()):
            return ""
        self.piles[owner] = self.piles.get(owner, 0) + 1
        if self.piles[owner] >= self.pile_limit:
            self.piles[owner] = 0
            return ""
        following = self._next(owner, done.type)
        return f"{following.id}@{following.version}" if following else ""

    def _skipWorkItem(self, item: Item, who: str, **_: object) -> None:  # noqa: N802
        unless(self.may(who, "skipWorkItem"), "SecurityFault")
        unless(item.state == "ALLOCATED", "InvalidWorkItemFault")
        unless("Amount" in item.data, "WorkItemFault")
        item.state = "COMPLETED"

    def _pendWorkItem(self, item: Item, who: str, *, hours: int, **_: object) -> None:  # noqa: N802
        self._own_or(item, who, CLOSE_OTHERS)
        unless(item.state in REMAINING | {"PENDHIDDEN"}, "InvalidWorkItemFault")
        before = item.back_to or item.state
        if hours > 0:
            item.state, item.back_to, item.back_at = "PENDHIDDEN", before, self.now + hours
        else:
            item.state, item.back_to, item.back_at = before, None, None

    def _setWorkItemPriority(  # noqa: N802
        self, item: Item, who: str, *, absolute: int | None, offset: int, **_: object
    ) -> None:
        unless(item.owner == who or self.may(who, ANY_PRIORITY), "SecurityFault")
        unless(item.state not in {"OPENED", "COMPLETED"}, "InvalidWorkItemFault")
        priority = item.priority + offset if absolute is None else absolute
        unless(1 <= priority <= 100, "WorkItemFault")
        item.priority = priority

    def _of_scheduler(self, item: Item, who: str, action: str, *illegal: str) -> None:
        unless(self.may(who, action), "SecurityFault")
        unless(item.state not in illegal, "InvalidWorkItemFault")

    def _enableWorkItem(self, item: Item, who: str, *, data: dict[str, str], **_: object) -> None:  # noqa: N802
        unless(self.may(who, "enableWorkItem"), "SecurityFault")
        unless(item.state == "CREATED", "InvalidWorkItemFault")
        self._schedule_data(item, data)
        item.state = "ALLOCATED" if item.owner else "OFFERED"

    def _schedule_data(self, item: Item, data: dict[str, str]) -> None:
        unless(set(data) <= {"Notes", "Amount"}, "WorkItemFault")
        if not data.items() <= item.data.items():
            item.data |= data
            item.scheduled = dict(item.data)

    def _rescheduleWorkItem(  # noqa: N802
        self, item: Item, who: str, *, data: dict[str, str], end: int | None, **_: object
    ) -> None:
        self._of_scheduler(item, who, "rescheduleWorkItem", "COMPLETED")
        unless(set(data) <= {"Notes", "Amount"}, "WorkItemFault")
        item.end = item.end if end is None else end
        before = dict(item.data)
        if not item.is_open or "overwrite" in self.types.get(item.type or "", ()):
            self._schedule_data(item, data)
        item.is_changed = item.is_changed or (item.is_open and item.data != before)

    def _cancelWorkItem(self, item: Item, who: str, **_: object) -> None:  # noqa: N802
        self._of_scheduler(item, who, "cancelWorkItem", "COMPLETED", "CANCELLED")
        item.state, item.back_to, item.back_at, item.resume_to = "CANCELLED", None, None, None

    def _suspendWorkItem(self, item: Item, who: str, **_: object) -> None:  # noqa: N802
        self._of_scheduler(item, who, "suspendWorkItem", "COMPLETED", "CANCELLED", "SUSPENDED")
        item.state, item.resume_to = "SUSPENDED", item.state

    def _resumeWorkItem(self, item: Item, who: str, **_: object) -> None:  # noqa: N802
        unless(self.may(who, "suspendWorkItem"), "SecurityFault")
        unless(item.state == "SUSPENDED", "InvalidWorkItemFault")
        item.state, item.resume_to = item.resume_to or "", None
