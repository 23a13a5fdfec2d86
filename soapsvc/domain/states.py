"""The states of a work item and the one table of what is legal in each, and where it leads."""

from collections.abc import Mapping
from enum import StrEnum
from types import MappingProxyType


class State(StrEnum):
    """Where a work item stands in its life; the names are those of the wire contract."""

    CREATED = "CREATED"
    OFFERED = "OFFERED"
    ALLOCATED = "ALLOCATED"
    OPENED = "OPENED"
    PENDED = "PENDED"
    PENDHIDDEN = "PENDHIDDEN"
    SUSPENDED = "SUSPENDED"
    COMPLETED = "COMPLETED"
    CANCELLED = "CANCELLED"


class Action(StrEnum):
    """What changes a work item: an operation of the contract, the timer that brings a hidden item back, or what only
    version sessions can do.
    """

    SCHEDULE = "scheduleWorkItem"
    ENABLE = "enableWorkItem"
    ALLOCATE = "allocateWorkItem"
    ALLOCATE_AND_OPEN = "allocateAndOpenWorkItem"
    ALLOCATE_AND_OPEN_NEXT = "allocateAndOpenNextWorkItem"
    OPEN = "openWorkItem"
    CLOSE = "closeWorkItem"
    SAVE = "saveOpenWorkItem"
    COMPLETE = "completeWorkItem"
    SKIP = "skipWorkItem"
    UNALLOCATE = "unallocateWorkItem"
    REALLOCATE = "reallocateWorkItem"
    REALLOCATE_WITH_DATA = "reallocateWorkItemData"
    PEND = "pendWorkItem"
    REAPPEAR = "reappear"
    SUSPEND = "suspendWorkItem"
    RESUME = "resumeWorkItem"
    CANCEL = "cancelWorkItem"
    SET_PRIORITY = "setWorkItemPriority"
    RESCHEDULE = "rescheduleWorkItem"
    RESTART = "restartVersion"
    REOPEN = "reopenWorkItem"
    CHANGE_ANSWERS = "changeAnswers"


_S = State
_LIVE = frozenset(State) - {_S.COMPLETED, _S.CANCELLED}
_SUSPENDABLE = _LIVE - {_S.SUSPENDED}
_Targets = Mapping[State, frozenset[State]]


def _to(*targets: State) -> frozenset[State]:
    return frozenset(targets)


def _unchanged(states: frozenset[State]) -> _Targets:
    return {state: _to(state) for state in states}


_REALLOCATION: _Targets = {state: _to(_S.ALLOCATED) for state in (_S.OFFERED, _S.ALLOCATED, _S.OPENED, _S.PENDED)}

TRANSITIONS: Mapping[Action, _Targets] = MappingProxyType(
    {
        Action.ENABLE: {_S.CREATED: _to(_S.OFFERED, _S.ALLOCATED)},
        Action.ALLOCATE: {_S.OFFERED: _to(_S.ALLOCATED)},
        Action.ALLOCATE_AND_OPEN: {_S.OFFERED: _to(_S.OPENED)},
        Action.ALLOCATE_AND_OPEN_NEXT: {_S.OFFERED: _to(_S.OPENED)},
        Action.OPEN: {_S.ALLOCATED: _to(_S.OPENED), _S.PENDED: _to(_S.OPENED)},
        # A suspended item that was open may still be closed, saved or completed by who has it open;
        # a cancelled one that was open is closed without data and leaves the lists.
        Action.CLOSE: {
            _S.OPENED: _to(_S.PENDED, _S.OFFERED, _S.PENDHIDDEN),
            _S.SUSPENDED: _to(_S.SUSPENDED),
            _S.CANCELLED: _to(_S.CANCELLED),
        },
        Action.SAVE: {_S.OPENED: _to(_S.OPENED), _S.SUSPENDED: _to(_S.SUSPENDED)},
        Action.COMPLETE: {_S.OPENED: _to(_S.COMPLETED), _S.SUSPENDED: _to(_S.COMPLETED)},
        Action.SKIP: {_S.ALLOCATED: _to(_S.COMPLETED)},
        Action.UNALLOCATE: {_S.ALLOCATED: _to(_S.OFFERED), _S.PENDED: _to(_S.OFFERED)},
        Action.REALLOCATE: _REALLOCATION,
        Action.REALLOCATE_WITH_DATA: _REALLOCATION,
        # A period that is zero, negative or past un-hides: what is not hidden then stays as it is.
        Action.PEND: {
            _S.ALLOCATED: _to(_S.PENDHIDDEN, _S.ALLOCATED),
            _S.PENDED: _to(_S.PENDHIDDEN, _S.PENDED),
            _S.PENDHIDDEN: _to(_S.PENDHIDDEN, _S.ALLOCATED, _S.PENDED),
        },
        Action.REAPPEAR: {_S.PENDHIDDEN: _to(_S.ALLOCATED, _S.PENDED)},
        Action.SUSPEND: {state: _to(_S.SUSPENDED) for state in _SUSPENDABLE},
        Action.RESUME: {_S.SUSPENDED: _SUSPENDABLE},
        Action.CANCEL: {state: _to(_S.CANCELLED) for state in _LIVE},
        Action.SET_PRIORITY: _unchanged(frozenset(State) - {_S.OPENED, _S.COMPLETED}),
        Action.RESCHEDULE: _unchanged(frozenset(State) - {_S.COMPLETED}),
        # What version sessions can do and SOAP cannot: begin another while one is in progress, and go on with what
        # was completed; answers of a version that is at its end may be corrected.
        Action.RESTART: {_S.OPENED: _to(_S.OPENED)},
        Action.REOPEN: {_S.COMPLETED: _to(_S.OPENED)},
        Action.CHANGE_ANSWERS: _unchanged(
            frozenset({_S.OFFERED, _S.ALLOCATED, _S.PENDED, _S.PENDHIDDEN, _S.COMPLETED})
        ),
    }
)
"""For each action, the states it is legal in and the states it may lead to; what is absent is illegal."""

FIRST_STATES = frozenset({_S.CREATED, _S.OFFERED, _S.ALLOCATED})
"""Where a newly scheduled item may stand."""

INVISIBLE = frozenset({_S.CREATED, _S.PENDHIDDEN, _S.SUSPENDED, _S.CANCELLED})
"""States in which an item is not to be seen in a list of work to do."""


def is_legal(action: Action, state: State) -> bool:
    """Say whether `action` may be applied to an item in `state`."""
    return state in TRANSITIONS.get(action, ())
