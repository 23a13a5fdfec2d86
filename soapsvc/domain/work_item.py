"""The work item: a value that never changes, and the transitions that give the next one."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from enum import StrEnum
from typing import Any, Self

from soapsvc.domain import data, states
from soapsvc.domain.attributes import AttributeValue, check_attributes
from soapsvc.domain.data import DataModel, Field
from soapsvc.domain.errors import InvalidField, InvalidWorkItem, StaleVersion, WrongState
from soapsvc.domain.organisation import Entity
from soapsvc.domain.schedule import Schedule
from soapsvc.domain.states import Action, State

LATEST = -1
"""A supplied version that means "whatever is stored", as an absent one does."""

NAME_MAX_LENGTH = 255
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


@dataclass(frozen=True, kw_only=True, slots=True)
class NewWorkItem:
    """What a scheduler says of an item that does not exist yet. Raises InvalidWorkItem on construction."""

    name: str
    description: str | None = None
    priority: int = DEFAULT_PRIORITY
    distribution: Distribution = Distribution.OFFER
    group_id: int | None = None
    work_type_id: str | None = None
    attributes: Mapping[str, AttributeValue] = field(default_factory=dict)
    context: ItemContext = ItemContext()
    schedule: Schedule = Schedule()

    def __post_init__(self) -> None:
        if not self.name.strip() or len(self.name) > NAME_MAX_LENGTH:
            raise InvalidWorkItem("name", f"it must have 1 to {NAME_MAX_LENGTH} characters")
        if self.description is not None and len(self.description) > DESCRIPTION_MAX_LENGTH:
            raise InvalidWorkItem("description", f"it has more than {DESCRIPTION_MAX_LENGTH} characters")
        if self.priority not in PRIORITIES:
            raise InvalidWorkItem("priority", f"it must be from {PRIORITIES[0]} to {PRIORITIES[-1]}")
        check_attributes(self.attributes)


@dataclass(frozen=True, kw_only=True, slots=True)
class WorkItem:
    """A work item as stored at one version.

    `owner` is who holds it (nobody while it is offered). `session` is the GUID of the version session that its
    opening started, while it is open. `offered_when_opened` decides whether closing may offer it anew;
    `state_before_hiding` and `hidden_until` are set while it is hidden.
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

    @property
    def visible(self) -> bool:
        """Whether the item is to be seen among work to do."""
        return self.state not in states.INVISIBLE

    def check_version(self, supplied: int | None) -> None:
        """Raise StaleVersion unless `supplied` is the stored version, LATEST, or absent."""
        if supplied in {None, LATEST, self.version}:
            return
        owner = self.owner.guid if self.owner else None
        raise StaleVersion(self.id, stored=self.version, supplied=supplied, state=self.state, owner=owner)

    def check_state(self, action: Action) -> None:
        """Raise WrongState unless `action` is legal now."""
        if not states.is_legal(action, self.state) or (action is Action.CLOSE and self.session is None):
            raise WrongState(self.id, state=self.state, operation=action)

    def allocated_and_opened(self, *, to: Entity, session: str) -> Self:
        """Give it to someone out of the offer, open, in a version session of this GUID. Raises WrongState."""
        return self._moved(Action.ALLOCATE_AND_OPEN, State.OPENED, owner=to, session=session, offered_when_opened=True)

    def opened(self, *, session: str) -> Self:
        """Open it for who holds it, in a version session of this GUID. Raises WrongState."""
        return self._moved(Action.OPEN, State.OPENED, session=session, offered_when_opened=False)

    def closed(self, *, payload: Iterable[Field], hidden_until: datetime | None, reoffer: bool = False) -> Self:
        """Close it with new data: hidden until then, else offered anew if its work type says so, else pended.

        A suspended item stays suspended; a cancelled one is only put away, without data.
        Raises WrongState, InvalidField.
        """
        self.check_state(Action.CLOSE)
        payload = tuple(payload)
        if self.state is State.CANCELLED:
            return self._put_away(payload)
        fields = data.merged(self.fields, payload)
        if self.state is State.SUSPENDED:
            return self._moved(Action.CLOSE, State.SUSPENDED, fields=fields, session=None)
        if hidden_until is not None:
            return self._moved(
                Action.CLOSE,
                State.PENDHIDDEN,
                fields=fields,
                session=None,
                hidden_until=hidden_until,
                state_before_hiding=State.PENDED,
            )
        if reoffer and self.offered_when_opened:
            return self._moved(Action.CLOSE, State.OFFERED, fields=fields, session=None, owner=None)
        return self._moved(Action.CLOSE, State.PENDED, fields=fields, session=None)

    def _put_away(self, payload: DataModel) -> Self:
        if payload:
            raise InvalidField(payload[0].name, "a cancelled work item is closed without data")
        return self._moved(Action.CLOSE, State.CANCELLED, session=None)

    def _moved(self, action: Action, state: State, **changes: Any) -> Self:
        self.check_state(action)
        if state not in states.TRANSITIONS[action][self.state]:
            raise AssertionError(f"{action} does not lead from {self.state} to {state}")
        return replace(self, state=state, **changes)
