"""The work item: a value that never changes, and the transitions that give the next one."""

from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, field, fields
from datetime import datetime
from enum import StrEnum
from typing import Any, Self

from soapsvc.domain import data, states
from soapsvc.domain.attributes import AttributeValue, check_attributes
from soapsvc.domain.data import DataModel, Field, NamedValues
from soapsvc.domain.errors import InvalidField, InvalidWorkItem, StaleVersion, WrongState
from soapsvc.domain.organisation import Entity
from soapsvc.domain.schedule import Schedule
from soapsvc.domain.states import Action, State
from soapsvc.domain.values import is_xml_text
from soapsvc.domain.version_errors import OperationOvertaken
from soapsvc.domain.version_session import SessionState

LATEST = -1
"""A supplied version that means "whatever is stored", as an absent one does."""

NAME_MAX_LENGTH = 255
_NEEDS_SESSION = {Action.CLOSE, Action.SAVE, Action.COMPLETE}
DESCRIPTION_MAX_LENGTH = 4096
PRIORITIES = range(1, 101)
DEFAULT_PRIORITY = 50


class Distribution(StrEnum):
    """How an item came to people when it was scheduled; an allocation does not change it."""

    OFFER = "OFFER"
    ALLOCATE = "ALLOCATE"


@dataclass(frozen=True, kw_only=True, slots=True)
class ItemContext:
    """Which activity of which application an item belongs to; free text of the scheduler."""

    activity_id: str = ""
    activity_name: str = ""
    app_instance: str = ""
    app_name: str = ""
    app_id: str = ""
    app_instance_description: str | None = None


@dataclass(frozen=True, slots=True)
class Running:
    """The operation that is at work on an item in the background, and the state of the version session meanwhile."""

    operation: str
    state: SessionState


@dataclass(frozen=True, kw_only=True, slots=True)
class NewWorkItem:
    """What a scheduler says of an item that does not exist yet. Raises InvalidWorkItem on construction.

    One that is not enabled waits, created, until it is.
    """

    name: str
    description: str | None = None
    priority: int = DEFAULT_PRIORITY
    distribution: Distribution = Distribution.OFFER
    group_id: int | None = None
    work_type_id: str | None = None
    attributes: Mapping[str, AttributeValue] = field(default_factory=dict)
    context: ItemContext = ItemContext()
    schedule: Schedule = Schedule()
    is_enabled: bool = True
    template_package_id: str | None = None

    def __post_init__(self) -> None:
        if not self.name.strip() or len(self.name) > NAME_MAX_LENGTH:
            raise InvalidWorkItem("name", f"it must have 1 to {NAME_MAX_LENGTH} characters")
        if self.description is not None and len(self.description) > DESCRIPTION_MAX_LENGTH:
            raise InvalidWorkItem("description", f"it has more than {DESCRIPTION_MAX_LENGTH} characters")
        for what, text in {"name": self.name, "description": self.description, **asdict(self.context)}.items():
            if text is not None and not is_xml_text(text):
                raise InvalidWorkItem(what.replace("_", " "), "it has characters that XML cannot hold")
        check_priority(self.priority)
        check_attributes(self.attributes)


@dataclass(frozen=True, kw_only=True)  # without slots: `of` sets all of its values at once
class WorkItem:
    """A work item as stored at one version.

    `owner` is who holds it (nobody while it is offered). `session` is the GUID of the version session that its
    opening started, while it is open. `offered_when_opened` decides whether closing may offer it anew;
    `state_before_hiding` and `hidden_until` are set while it is hidden, `state_before_suspension` while suspended.
    `data_rescheduled` says that its scheduler changed its data since it was opened; `history_hash` is the end of the
    chain that binds its history together. `running`, while an operation is at work on it, is no part of any version.
    """

    id: int
    guid: str
    version: int
    state: State
    name: str
    description: str | None
    priority: int
    distribution: Distribution
    group_id: int | None
    work_type_id: str | None
    attributes: Mapping[str, AttributeValue]
    context: ItemContext
    schedule: Schedule
    fields: DataModel
    owner: Entity | None = None
    session: str | None = None
    offered_when_opened: bool = False
    state_before_hiding: State | None = None
    hidden_until: datetime | None = None
    state_before_suspension: State | None = None
    data_rescheduled: bool = False
    template_package_id: str | None = None
    running: Running | None = None
    history_hash: str = ""

    @classmethod
    def of(cls, values: dict[str, Any]) -> Self:
        """Make one of all its values: the constructor of a frozen class sets one by one, at six times the cost."""
        item = object.__new__(cls)
        object.__setattr__(item, "__dict__", values)
        return item

    @property
    def visible(self) -> bool:
        """Whether the item is to be seen among work to do."""
        return self.state not in states.INVISIBLE

    @property
    def stands_in_lists(self) -> bool:
        """Whether it stands in lists of work: in its owner's, or without one in those of whom it was offered to.

        One that is not enabled yet stands in none, and neither does one that is done. A cancelled one stands there
        until who has it open puts it away.
        """
        if self.state is State.CANCELLED:
            return self.session is not None
        state = self.state_before_suspension if self.state is State.SUSPENDED else self.state
        return state not in {State.CREATED, State.COMPLETED}

    def check_version(self, supplied: int | None) -> None:
        """Raise StaleVersion unless `supplied` is the stored version, LATEST, or absent."""
        if supplied in {None, LATEST, self.version}:
            return
        owner = self.owner.guid if self.owner else None
        raise StaleVersion(self.id, stored=self.version, supplied=supplied, state=self.state, owner=owner)

    def check_state(self, action: Action) -> None:
        """Raise WrongState unless `action` is legal now. While an operation is at work on it, nothing is."""
        if self.running is not None:
            raise WrongState(self.id, state=self.running.state, operation=action)
        closed_already = action in _NEEDS_SESSION and self.session is None  # suspended or cancelled when not open
        if closed_already or not states.is_legal(action, self.state):
            raise WrongState(self.id, state=self.state, operation=action)

    def finishing(self, operation: str, accepted_version: int) -> Self:
        """Give it as the operation that is at work on it may change it. Raises OperationOvertaken for any other."""
        if self.running is None or self.running.operation != operation or self.version != accepted_version:
            raise OperationOvertaken(self.id)
        return self.with_changes(running=None)

    def is_due(self, now: datetime) -> bool:
        """Whether the item is hidden and its time to come back has come."""
        return self.state is State.PENDHIDDEN and self.hidden_until is not None and self.hidden_until <= now

    def enabled(self, *, fields: DataModel) -> Self:
        """Offer, or give to who is to have it, an item that was only created. Raises WrongState."""
        target = State.ALLOCATED if self.owner else State.OFFERED
        return self._moved(Action.ENABLE, target, fields=fields)

    def allocated(self, *, to: Entity) -> Self:
        """Give it to someone out of the offer. Raises WrongState."""
        return self._moved(Action.ALLOCATE, State.ALLOCATED, owner=to)

    def allocated_and_opened(self, *, to: Entity, session: str, action: Action = Action.ALLOCATE_AND_OPEN) -> Self:
        """Give it to someone out of the offer, open, in a version session of this GUID. Raises WrongState."""
        return self._moved(
            action,
            State.OPENED,
            owner=to,
            session=session,
            offered_when_opened=True,
            data_rescheduled=False,
        )

    def opened(self, *, session: str) -> Self:
        """Open it for who holds it, in a version session of this GUID. Raises WrongState."""
        return self._moved(
            Action.OPEN, State.OPENED, session=session, offered_when_opened=False, data_rescheduled=False
        )

    def reopened(self, *, session: str) -> Self:
        """Open a completed one again for who held it, in a new version session. Raises WrongState."""
        return self._moved(
            Action.REOPEN, State.OPENED, session=session, offered_when_opened=False, data_rescheduled=False
        )

    def restarted(self, *, session: str) -> Self:
        """Leave its version session, with what is not saved in it, for a new one. Raises WrongState."""
        return self._moved(Action.RESTART, State.OPENED, session=session, data_rescheduled=False)

    def with_answers(self, *, payload: Iterable[Field]) -> Self:
        """Correct its data while it is not open. Raises WrongState, InvalidField."""
        self.check_state(Action.CHANGE_ANSWERS)
        return self._moved(Action.CHANGE_ANSWERS, self.state, fields=data.merged(self.fields, payload))

    def saved(self, *, payload: Iterable[Field]) -> Self:
        """Take new data of an item that stays open. Raises WrongState, InvalidField."""
        self.check_state(Action.SAVE)
        return self._moved(Action.SAVE, self.state, fields=data.merged(self.fields, payload))

    def closed(self, *, payload: Iterable[Field], hidden_until: datetime | None, reoffer: bool = False) -> Self:
        """Close it with new data: hidden until then, else offered anew if its work type says so, else pended.

        A suspended item stays suspended, and gets there when it is resumed; a cancelled one is only put away, without
        data. Raises WrongState, InvalidField.
        """
        self.check_state(Action.CLOSE)
        payload = tuple(payload)
        if self.state is State.CANCELLED:
            return self._put_away(payload)
        changes: dict[str, Any] = {"fields": data.merged(self.fields, payload), "session": None}
        target = State.PENDED
        if hidden_until is not None:
            target = State.PENDHIDDEN
            changes |= {"hidden_until": hidden_until, "state_before_hiding": State.PENDED}
        elif reoffer and self.offered_when_opened:
            target = State.OFFERED
            changes |= {"owner": None}
        if self.state is State.SUSPENDED:
            return self._moved(Action.CLOSE, State.SUSPENDED, state_before_suspension=target, **changes)
        return self._moved(Action.CLOSE, target, **changes)

    def _put_away(self, payload: DataModel) -> Self:
        if payload:
            raise InvalidField(payload[0].name, "a cancelled work item is closed without data")
        return self._moved(Action.CLOSE, State.CANCELLED, session=None)

    def completed(self, *, payload: Iterable[Field]) -> Self:
        """Finish it with its last data. Raises WrongState, InvalidField."""
        self.check_state(Action.COMPLETE)
        fields = data.merged(self.fields, payload)
        return self._moved(Action.COMPLETE, State.COMPLETED, fields=fields, session=None, state_before_suspension=None)

    def skipped(self) -> Self:
        """Finish it without opening it. Raises WrongState, and InvalidField for a required field without a value."""
        self.check_state(Action.SKIP)
        data.check_required(self.fields)
        return self._moved(Action.SKIP, State.COMPLETED)

    def unallocated(self) -> Self:
        """Give it back to its original offer set, with its data. Raises WrongState."""
        return self._moved(Action.UNALLOCATE, State.OFFERED, owner=None)

    def reallocated(self, *, to: Entity, fields: DataModel, action: Action = Action.REALLOCATE) -> Self:
        """Give it to someone, from whoever has it, with these data. Raises WrongState."""
        return self._moved(action, State.ALLOCATED, owner=to, fields=fields, session=None)

    def pended(self, *, hidden_until: datetime | None) -> Self:
        """Hide it until then; without a time, let it be seen again. Raises WrongState."""
        self.check_state(Action.PEND)
        before = self.state_before_hiding or self.state
        if hidden_until is None:
            return self._moved(Action.PEND, before, hidden_until=None, state_before_hiding=None)
        return self._moved(Action.PEND, State.PENDHIDDEN, hidden_until=hidden_until, state_before_hiding=before)

    def reappeared(self) -> Self:
        """Let a hidden item be seen again, in the state that it was hidden in. Raises WrongState."""
        target = self.state_before_hiding or State.PENDED
        return self._moved(Action.REAPPEAR, target, hidden_until=None, state_before_hiding=None)

    def suspended(self) -> Self:
        """Stop all work on it; who has it open may still close, save or complete it. Raises WrongState."""
        return self._moved(Action.SUSPEND, State.SUSPENDED, state_before_suspension=self.state)

    def resumed(self) -> Self:
        """Let work go on in the state that it was suspended in. Raises WrongState."""
        self.check_state(Action.RESUME)
        target = self.state_before_suspension or State.OFFERED
        return self._moved(Action.RESUME, target, state_before_suspension=None)

    def cancelled(self) -> Self:
        """End it without a result; if it is open, who has it open may put it away. Raises WrongState."""
        return self._moved(
            Action.CANCEL,
            State.CANCELLED,
            hidden_until=None,
            state_before_hiding=None,
            state_before_suspension=None,
        )

    def with_priority(self, priority: int) -> Self:
        """Change its priority. Raises WrongState, InvalidWorkItem."""
        self.check_state(Action.SET_PRIORITY)
        check_priority(priority)
        return self._moved(Action.SET_PRIORITY, self.state, priority=priority)

    def rescheduled(
        self, *, schedule: Schedule, payload: Iterable[Field | NamedValues], ignore_while_open: bool
    ) -> Self:
        """Change its dates and, as its scheduler, any of its data. Raises WrongState, InvalidField.

        Data that come while it is open are ignored if its work type says so; else who has it open is told before he can
        overwrite them.
        """
        self.check_state(Action.RESCHEDULE)
        fields = data.overlaid(self.fields, payload)
        changes: dict[str, Any] = {"schedule": schedule}
        if self.session is None:
            changes |= {"fields": fields}
        elif not ignore_while_open and fields != self.fields:
            changes |= {"fields": fields, "data_rescheduled": True}
        return self._moved(Action.RESCHEDULE, self.state, **changes)

    def _moved(self, action: Action, state: State, **changes: Any) -> Self:
        self.check_state(action)
        if state not in states.TRANSITIONS[action][self.state]:
            raise AssertionError(f"{action} does not lead from {self.state} to {state}")
        return self.with_changes(state=state, **changes)

    def with_changes(self, **changes: Any) -> Self:
        """Give it with other values."""
        if not changes.keys() <= _NAMES:
            raise TypeError(f"a work item has no {changes.keys() - _NAMES}")
        return self.of({**vars(self), **changes})


_NAMES = frozenset(field.name for field in fields(WorkItem))


def check_priority(priority: int) -> None:
    """Raise InvalidWorkItem for a priority out of bounds."""
    if priority not in PRIORITIES:
        raise InvalidWorkItem("priority", f"it must be from {PRIORITIES[0]} to {PRIORITIES[-1]}")
