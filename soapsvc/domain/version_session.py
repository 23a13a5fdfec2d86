"""The version session: what is answered while an item is open, and the two operations that end it in the background."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from types import MappingProxyType

from soapsvc.domain.answers import Answers
from soapsvc.domain.errors import WorkItemServiceError
from soapsvc.domain.organisation import Entity


class SessionState(StrEnum):
    """Where a version session stands; the names are those that clients read as its status."""

    IN_PROGRESS = "In Progress"
    SAVING = "Saving"
    SAVED = "Saved"
    SAVE_FAILED = "SaveFailed"
    COMPLETING = "Completing"
    POST_PROCESSING = "Post Processing"
    COMPLETED = "Completed"
    COMPLETE_FAILED = "CompleteFailed"
    POST_PROCESSING_FAILED = "PostProcessingFailed"
    ABANDONED = "Abandoned"


class OperationKind(StrEnum):
    """What ends a session and is done in the background."""

    SAVE_AND_CLOSE = "SaveAndClose"
    COMPLETE = "Complete"


_S = SessionState
RUNNING = frozenset({_S.SAVING, _S.COMPLETING, _S.POST_PROCESSING})
"""An operation is at work: nothing else may write the item."""

OPEN = frozenset({_S.IN_PROGRESS, _S.SAVE_FAILED, _S.COMPLETE_FAILED, _S.POST_PROCESSING_FAILED})
"""The item is open in this session, and an operation may begin."""

ANSWERABLE = frozenset({_S.IN_PROGRESS, _S.POST_PROCESSING_FAILED, _S.SAVED, _S.COMPLETED})
"""The answers may be changed: of the session while the item is open in it, of the item once it is not."""

STARTED = MappingProxyType({OperationKind.SAVE_AND_CLOSE: _S.SAVING, OperationKind.COMPLETE: _S.COMPLETING})
SUCCEEDED = MappingProxyType({OperationKind.SAVE_AND_CLOSE: _S.SAVED, OperationKind.COMPLETE: _S.COMPLETED})
FAILED = MappingProxyType({OperationKind.SAVE_AND_CLOSE: _S.SAVE_FAILED, OperationKind.COMPLETE: _S.COMPLETE_FAILED})

_FROM_OPEN = frozenset({_S.IN_PROGRESS, _S.SAVING, _S.COMPLETING, _S.SAVED, _S.COMPLETED, _S.ABANDONED})
TRANSITIONS: Mapping[SessionState, frozenset[SessionState]] = MappingProxyType(
    {
        _S.IN_PROGRESS: _FROM_OPEN - {_S.IN_PROGRESS},
        _S.SAVING: frozenset({_S.SAVED, _S.SAVE_FAILED}),
        _S.SAVED: frozenset({_S.IN_PROGRESS}),
        _S.SAVE_FAILED: _FROM_OPEN,
        _S.COMPLETING: frozenset({_S.POST_PROCESSING, _S.COMPLETED, _S.COMPLETE_FAILED}),
        _S.POST_PROCESSING: frozenset({_S.COMPLETED, _S.POST_PROCESSING_FAILED}),
        _S.COMPLETED: frozenset(),
        _S.COMPLETE_FAILED: _FROM_OPEN,
        _S.POST_PROCESSING_FAILED: _FROM_OPEN,
        _S.ABANDONED: frozenset(),
    }
)
"""Where each state may lead; closing or completing over SOAP leads from an open state to its end at once."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Callback:
    """Where the end of an operation is told. The secret is sealed: only what sends it can open it.

    `fingerprint` tells one callback from another without giving away either.
    """

    url: str
    sealed_secret: str | None
    fingerprint: str


@dataclass(frozen=True, kw_only=True, slots=True)
class OperationError:
    """Why an operation failed: a code for programs, a text for people; for a template also its name and line."""

    code: str
    message: str
    template: str | None = None
    line: int | None = None

    @classmethod
    def of(cls, error: WorkItemServiceError) -> "OperationError":
        """Tell an error that a caller may know of."""
        template, line = getattr(error, "template", None), getattr(error, "line", None)
        return cls(code=error.code, message=str(error), template=template, line=line)


@dataclass(frozen=True, kw_only=True, slots=True)
class OperationRequest:
    """What is asked for. `id` is the operation's, if it comes to be; a repeat is told the id of the first."""

    id: str
    kind: OperationKind
    callback: Callback | None = None
    run_assembly: bool = True


@dataclass(frozen=True, kw_only=True, slots=True)
class VersionOperation:
    """An operation as accepted, for whom and at which version of the item; and what it came to, once it did.

    `item_version` is the item's version at its end.
    """

    id: str
    kind: OperationKind
    session: str
    item_id: int
    accepted_version: int
    accepted_at: datetime
    by: Entity
    run_assembly: bool
    callback: Callback | None
    finished_at: datetime | None = None
    item_version: int | None = None
    error: OperationError | None = None

    def is_repeated_by(self, request: OperationRequest) -> bool:
        """Say whether a request asks for this very operation: who names no callback is content with the first's."""
        if request.kind is not self.kind or request.run_assembly != self.run_assembly:
            return False
        if request.callback is None:
            return True
        return self.callback is not None and self.callback.fingerprint == request.callback.fingerprint


@dataclass(frozen=True, kw_only=True, slots=True)
class VersionSession:
    """A version of an item as clients name it by its GUID: open, or as it ended.

    `answers` are those that are not saved yet. `operation` is the id of the one that runs or ran last.
    """

    guid: str
    item_id: int
    state: SessionState
    by: Entity
    opened_at: datetime
    opened_version: int
    ended_version: int | None
    answers: Answers | None
    operation: str | None
    error: OperationError | None


@dataclass(frozen=True, kw_only=True, slots=True)
class FinishedOperation:
    """What is told of the end of an operation, in the very transaction that ends it."""

    id: str
    kind: OperationKind
    item_id: int
    item_guid: str
    item_version: int
    session: str
    status: SessionState
    finished_at: datetime
    callback: Callback
    error: OperationError | None
