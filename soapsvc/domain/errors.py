"""Every error that a caller can meet, named for the situation; anything else that escapes is a bug."""

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

if TYPE_CHECKING:
    from soapsvc.domain.data import Field


class WorkItemServiceError(Exception):
    """What all errors share: a stable `code`, a message for people, and `parameters` for programs."""

    code: ClassVar[str]

    def __init__(self, message: str, *parameters: object) -> None:
        super().__init__(message)
        self.parameters: tuple[str, ...] = tuple("" if value is None else str(value) for value in parameters)


class InvalidRequest(WorkItemServiceError):
    """The message is not one that the contract allows; nothing was tried."""

    code = "BRM_REQUEST_INVALID"


@dataclass(frozen=True, kw_only=True, slots=True)
class Claim:
    """Whom somebody claims to be: a name, in the tenancy of this id."""

    tenancy: int
    name: str


class NotAuthenticated(WorkItemServiceError):
    """Nobody we know: no credentials, or wrong ones. The message never says which part was wrong.

    `claimed` is whom wrong credentials named, for the audit log alone; None where there were none to judge.
    `retry_after`, where set, says in how many seconds another attempt will be looked at.
    """

    code = "BRM_SECURITY_NOT_AUTHENTICATED"

    def __init__(self, message: str, *, claimed: Claim | None = None, retry_after: int | None = None) -> None:
        super().__init__(message)
        self.claimed = claimed
        self.retry_after = retry_after


class NotAllowed(WorkItemServiceError):
    """The caller is known, but may not do this. The message tells nothing about the item."""

    code = "BRM_SECURITY_NOT_ALLOWED"


class UnknownWorkItem(WorkItemServiceError):
    """No work item has this id, or GUID. Parameters: it."""

    code = "BRM_WORKITEM_UNKNOWN"

    def __init__(self, item_id: int | str) -> None:
        super().__init__(f"There is no work item with id = {item_id}", item_id)


class StaleVersion(WorkItemServiceError):
    """The supplied version is not the stored one. Parameters: id, stored, supplied, state, owner's GUID.

    The text is the vendor's, to the letter: clients match it.
    """

    code = "BRM_WORKITEM_VERSION_MISMATCH"

    def __init__(self, item_id: int, *, stored: int, supplied: int, state: str, owner: str | None) -> None:
        super().__init__(
            f"The work item with id = {item_id} is currently at version {stored}, not at version {supplied}",
            item_id,
            stored,
            supplied,
            state,
            owner,
        )


class WrongState(WorkItemServiceError):
    """The item's state does not allow this operation. Parameters: id, state, operation."""

    code = "BRM_WORKITEM_WRONG_STATE"

    def __init__(self, item_id: int, *, state: str, operation: str) -> None:
        super().__init__(
            f"The work item with id = {item_id} is {state}, and {operation} is not possible in this state",
            item_id,
            state,
            operation,
        )


class InvalidField(WorkItemServiceError):
    """A field of the data cannot be used. Parameters: field's name, reason."""

    code = "BRM_WORKITEM_FIELD_INVALID"

    def __init__(self, name: str, reason: str) -> None:
        super().__init__(f"The field '{name}' cannot be used: {reason}", name, reason)


class InvalidSchedule(WorkItemServiceError):
    """A date or a period that no calendar can hold, or an end before its start. Parameters: reason."""

    code = "BRM_WORKITEM_SCHEDULE_INVALID"

    def __init__(self, reason: str) -> None:
        super().__init__(f"The schedule cannot be used: {reason}", reason)


class InvalidWorkItem(WorkItemServiceError):
    """A property of a new work item cannot be used. Parameters: property, reason."""

    code = "BRM_WORKITEM_INVALID"

    def __init__(self, name: str, reason: str) -> None:
        super().__init__(f"The work item's {name} cannot be used: {reason}", name, reason)


class UnknownEntity(WorkItemServiceError):
    """No resource or other organisational entity has this GUID or name. Parameters: the GUID or name."""

    code = "BRM_ENTITY_UNKNOWN"

    def __init__(self, reference: str) -> None:
        super().__init__(f"There is no organisational entity '{reference}'", reference)


class EntityNotEligible(WorkItemServiceError):
    """The entity exists, but may not have this item. Parameters: the GUID or name, item's id."""

    code = "BRM_ENTITY_NOT_ELIGIBLE"

    def __init__(self, reference: str, item_id: int) -> None:
        super().__init__(
            f"The work item with id = {item_id} does not stand in the list of '{reference}'", reference, item_id
        )


class OpenLimitReached(WorkItemServiceError):
    """One more open item would exceed the resource's limit. Parameters: resource's GUID, limit."""

    code = "BRM_RESOURCE_OPEN_LIMIT"

    def __init__(self, guid: str, limit: int) -> None:
        super().__init__(f"The resource '{guid}' already has {limit} open work items, which is its limit", guid, limit)


class NoMoreWorkItems(WorkItemServiceError):
    """Nothing is left that a resource could take. Parameters: resource's GUID."""

    code = "BRM_RESOURCE_NO_MORE_ITEMS"

    def __init__(self, guid: str) -> None:
        super().__init__(f"There are no more work items offered to the resource '{guid}'", guid)


class TooManyWaiting(WorkItemServiceError):
    """As many as may wait for a change of their lists do so already."""

    code = "BRM_LIST_TOO_MANY_WAITING"

    def __init__(self) -> None:
        super().__init__("Too many wait for a change of their work lists")


class UnknownWorkListView(WorkItemServiceError):
    """No work list view has this id. Parameters: id."""

    code = "BRM_VIEW_UNKNOWN"

    def __init__(self, view_id: int) -> None:
        super().__init__(f"There is no work list view with id = {view_id}", view_id)


class InvalidFilter(WorkItemServiceError):
    """A filter of a work list cannot be used. Parameters: position (from 1), what stands there, what is expected."""

    code = "BRM_LIST_FILTER_INVALID"

    def __init__(self, position: int, found: str, expected: str) -> None:
        super().__init__(_misplaced("filter", position, found, expected), position, found, expected)


class ListTookTooLong(WorkItemServiceError):
    """A work list could not be read in the time that there is for it. Parameters: that many seconds."""

    code = "BRM_LIST_TOOK_TOO_LONG"

    def __init__(self, seconds: float) -> None:
        super().__init__(
            f"The list could not be read within {seconds:g} seconds: a filter with fewer wildcards takes less",
            f"{seconds:g}",
        )


class InvalidOrder(WorkItemServiceError):
    """An order of a work list cannot be used. Parameters: position (from 1), what stands there, what is expected."""

    code = "BRM_LIST_ORDER_INVALID"

    def __init__(self, position: int, found: str, expected: str) -> None:
        super().__init__(_misplaced("order", position, found, expected), position, found, expected)


def _misplaced(what: str, position: int, found: str, expected: str) -> str:
    return f"The {what} cannot be used: at position {position} stands {found}, expected is {expected}"


class ViewLocked(WorkItemServiceError):
    """A view is locked by somebody else, or not by who wants to edit it. Parameters: id, the locker's GUID if any."""

    code = "BRM_VIEW_LOCKED"

    def __init__(self, view_id: int, locker: str | None) -> None:
        how = "locked by somebody else" if locker else "not locked: lock it, to edit it"
        super().__init__(f"The work list view with id = {view_id} is {how}", view_id, locker)


class UnknownWorkType(WorkItemServiceError):
    """No work type has this id. Parameters: id."""

    code = "BRM_WORKTYPE_UNKNOWN"

    def __init__(self, type_id: str) -> None:
        super().__init__(f"There is no work type '{type_id}'", type_id)


class Rescheduled(WorkItemServiceError):
    """The item's data were changed by its scheduler since the caller opened them. Parameters: id, version.

    Carries the data as they are now, so that the caller can decide and try again with that version.
    """

    code = "BRM_WORKITEM_RESCHEDULED"

    def __init__(self, item_id: int, version: int, fields: tuple["Field", ...]) -> None:
        super().__init__(
            f"The data of the work item with id = {item_id} were changed by a reschedule since it was opened; "
            f"it is at version {version} now",
            item_id,
            version,
        )
        self.item_id = item_id
        self.version = version
        self.fields = fields


class NameTaken(WorkItemServiceError):
    """A person of this name, or an entity of this GUID, exists already. Parameters: the name or GUID."""

    code = "BRM_ENTITY_EXISTS"

    def __init__(self, reference: str) -> None:
        super().__init__(f"'{reference}' exists already", reference)


class UnknownTenancy(WorkItemServiceError):
    """No tenancy has this moniker. Only the operator is told: a caller is refused as an unknown one is.

    Parameters: the moniker.
    """

    code = "BRM_TENANCY_UNKNOWN"

    def __init__(self, moniker: str) -> None:
        super().__init__(f"There is no tenancy '{moniker}'", moniker)


class OrganisationCycle(WorkItemServiceError):
    """Entities contain each other in a circle. Parameters: the name of one of them."""

    code = "BRM_ORGANISATION_CYCLE"

    def __init__(self, name: str) -> None:
        super().__init__(f"'{name}' contains itself, directly or not", name)


class UnknownReference(WorkItemServiceError):
    """An organisation names what it does not have. Parameters: kind, name."""

    code = "BRM_ORGANISATION_REFERENCE"

    def __init__(self, kind: str, name: str) -> None:
        super().__init__(f"The organisation has no {kind} '{name}'", kind, name)


class DuplicateEntity(WorkItemServiceError):
    """Two entities of an organisation have one GUID, or are of one kind and have one name. Parameters: it."""

    code = "BRM_ORGANISATION_DUPLICATE"

    def __init__(self, reference: str) -> None:
        super().__init__(f"'{reference}' stands in the organisation twice", reference)


class MisplacedEntity(WorkItemServiceError):
    """An entity stands where its kind cannot, or in two places, or in none. Parameters: kind, name, reason."""

    code = "BRM_ORGANISATION_PLACE"

    def __init__(self, kind: str, name: str, reason: str) -> None:
        super().__init__(f"The {kind} '{name}' cannot stand there: {reason}", kind, name, reason)


class InvalidCallback(WorkItemServiceError):
    """A client cannot be told there: its URL or its secret cannot be used. Parameters: which of the two, reason.

    Neither the URL nor the secret is repeated: both may let somebody in.
    """

    code = "BRM_CALLBACK_INVALID"

    def __init__(self, what: str, reason: str) -> None:
        super().__init__(f"The callback's {what} cannot be used: {reason}", what, reason)


class UnknownDelivery(WorkItemServiceError):
    """No delivery of this version has this id. Parameters: id."""

    code = "BRM_DELIVERY_UNKNOWN"

    def __init__(self, delivery_id: int) -> None:
        super().__init__(f"There is no delivery with id = {delivery_id}", delivery_id)


class DeliveryPending(WorkItemServiceError):
    """The delivery has tries left, and cannot be replayed before the last. Parameters: id."""

    code = "BRM_DELIVERY_PENDING"

    def __init__(self, delivery_id: int) -> None:
        super().__init__(f"The delivery with id = {delivery_id} is still being tried", delivery_id)


class StorageUnavailable(WorkItemServiceError):
    """The database cannot do it now: locked, full, read-only or gone. Nothing was changed, unless it is OutcomeUnknown.

    The message is for the operator; callers are told no more than that the service failed.
    """

    code = "BRM_INTERNAL_STORAGE"

    def __init__(self, message: str) -> None:
        super().__init__(message)


class OutcomeUnknown(StorageUnavailable):
    """The connection was lost while a change was being committed: it may be stored, or not.

    The message is for the operator; callers are told no more than that nobody knows.
    """

    code = "BRM_INTERNAL_UNKNOWN"


class LostRace(Exception):
    """A guarded write found that its row had moved: the unit is rolled back and run again, callers never see it."""


class LeaseLost(Exception):
    """A job was taken over by another worker: what this one did is rolled back, and nobody is told."""
