"""Problems, as RFC 9457 has them: the one table that says which error becomes which, and those of HTTP itself."""

import logging
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import msgspec

from soapsvc.authorization import CHALLENGES
from soapsvc.domain import errors, version_errors
from soapsvc.exchange import Response
from soapsvc.rest.media import PROBLEM

TYPE = "urn:soapsvc:problem:"
"""What all types of problems begin with; docs/rest.md says what each of them means."""

_AGAIN_SECONDS = 5
_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Kind:
    """A kind of problem: the status that it is answered with, the end of its type, and its title."""

    status: int
    name: str
    title: str


BAD_REQUEST = Kind(400, "bad-request", "The request cannot be understood")
BAD_GUID = Kind(400, "bad-guid", "What stands in the place of a GUID is none")
NOT_AUTHENTICATED = Kind(401, "not-authenticated", "Nobody known asks")
NOT_ALLOWED = Kind(403, "not-allowed", "The caller may not do this")
NOT_FOUND = Kind(404, "not-found", "There is nothing here")
WORK_ITEM_UNKNOWN = Kind(404, "work-item-unknown", "There is no such work item")
VERSION_UNKNOWN = Kind(404, "version-unknown", "The work item has no such version")
DOCUMENT_UNKNOWN = Kind(404, "document-unknown", "The version has no such document")
DELIVERY_UNKNOWN = Kind(404, "delivery-unknown", "The version has no such delivery")
METHOD_NOT_ALLOWED = Kind(405, "method-not-allowed", "The resource does not know this method")
NOT_ACCEPTABLE = Kind(406, "not-acceptable", "There is no representation that the client accepts")
TIMEOUT = Kind(408, "request-timeout", "The request took too long to arrive")
STALE_VERSION = Kind(409, "version-conflict", "The work item is at another version")
WRONG_STATE = Kind(409, "wrong-state", "The state does not allow this")
EXISTS = Kind(409, "already-exists", "It exists already")
IN_PROGRESS = Kind(409, "version-in-progress", "The work item is open in another version")
OPERATION_CONFLICT = Kind(409, "operation-conflict", "The version is at work on another request")
RESCHEDULED = Kind(409, "rescheduled", "The scheduler changed the data meanwhile")
NOT_ELIGIBLE = Kind(409, "not-eligible", "The entity may not have this work item")
LIMIT_REACHED = Kind(409, "limit-reached", "A limit is reached")
IDEMPOTENCY_KEY_IN_USE = Kind(409, "idempotency-key-in-use", "The first request of this key is being answered")
PRECONDITION_FAILED = Kind(412, "precondition-failed", "A condition of the request does not hold")
VERSION_MISMATCH = Kind(412, "version-mismatch", "The work item is not at the version of If-Match")
TOO_LARGE = Kind(413, "too-large", "The body of the request is too large")
UNSUPPORTED_MEDIA_TYPE = Kind(415, "unsupported-media-type", "The body is of a type that is not read here")
INVALID = Kind(422, "invalid", "The request can be read, but not be done as it says")
IDEMPOTENCY_KEY_REUSED = Kind(422, "idempotency-key-reused", "The key was used for another request")
VERSION_REQUIRED = Kind(428, "version-required", "A change must say the version that it is based on")
TOO_MANY_REQUESTS = Kind(429, "too-many-requests", "Too many sign-ins have failed")
INTERNAL = Kind(500, "internal", "The service failed; nothing was changed")
UNAVAILABLE = Kind(503, "unavailable", "The service cannot do it now; nothing was changed")
OUTCOME_UNKNOWN = Kind(503, "outcome-unknown", "It is not known whether the change was stored")

KINDS: Mapping[str, Kind] = {kind.name: kind for kind in list(globals().values()) if isinstance(kind, Kind)}
"""All kinds of problems, by the ends of their types."""

PROBLEMS: Mapping[type[errors.WorkItemServiceError], Kind] = {
    errors.InvalidRequest: BAD_REQUEST,
    errors.NotAuthenticated: NOT_AUTHENTICATED,
    errors.NotAllowed: NOT_ALLOWED,
    errors.UnknownWorkItem: WORK_ITEM_UNKNOWN,
    errors.WrongState: WRONG_STATE,
    errors.StaleVersion: STALE_VERSION,
    errors.InvalidField: INVALID,
    errors.InvalidSchedule: INVALID,
    errors.InvalidWorkItem: INVALID,
    errors.UnknownEntity: INVALID,
    errors.EntityNotEligible: NOT_ELIGIBLE,
    errors.UnknownWorkType: INVALID,
    errors.Rescheduled: RESCHEDULED,
    errors.NoMoreWorkItems: NOT_FOUND,
    errors.UnknownWorkListView: NOT_FOUND,
    errors.ViewLocked: WRONG_STATE,
    errors.TooManyWaiting: UNAVAILABLE,
    errors.InvalidOrder: BAD_REQUEST,
    errors.InvalidFilter: BAD_REQUEST,
    errors.ListTookTooLong: INVALID,
    errors.NameTaken: EXISTS,
    errors.UnknownTenancy: INVALID,
    errors.OrganisationCycle: INVALID,
    errors.UnknownReference: INVALID,
    errors.DuplicateEntity: INVALID,
    errors.MisplacedEntity: INVALID,
    errors.OpenLimitReached: LIMIT_REACHED,
    errors.InvalidCallback: BAD_REQUEST,
    errors.UnknownDelivery: DELIVERY_UNKNOWN,
    errors.DeliveryPending: WRONG_STATE,
    version_errors.WorkItemExists: EXISTS,
    version_errors.UnknownVersion: VERSION_UNKNOWN,
    version_errors.VersionExists: EXISTS,
    version_errors.SessionInProgress: IN_PROGRESS,
    version_errors.OperationConflict: OPERATION_CONFLICT,
    version_errors.OperationOvertaken: OPERATION_CONFLICT,
    version_errors.OperationGivenUp: UNAVAILABLE,
    version_errors.UnknownTemplatePackage: INVALID,
    version_errors.InvalidTemplatePackage: INVALID,
    version_errors.AssemblyFailed: INVALID,
    version_errors.UnknownDocument: DOCUMENT_UNKNOWN,
    version_errors.DocumentLimitReached: LIMIT_REACHED,
    version_errors.IdempotencyKeyReused: IDEMPOTENCY_KEY_REUSED,
    version_errors.IdempotencyKeyInUse: IDEMPOTENCY_KEY_IN_USE,
    version_errors.InvalidAnswers: BAD_REQUEST,
    errors.StorageUnavailable: UNAVAILABLE,
    errors.OutcomeUnknown: OUTCOME_UNKNOWN,
}
"""The kind of problem that says so, for every error that a caller can meet."""

_HIDDEN = {INTERNAL, UNAVAILABLE, OUTCOME_UNKNOWN}
"""Kinds of which a caller is told no more than their titles."""


class HttpProblem(Exception):
    """What is wrong with a request before it means anything; `members` are told beside what all problems have."""

    def __init__(self, kind: Kind, detail: str, *headers: tuple[str, str], **members: Any) -> None:
        super().__init__(detail)
        self.kind = kind
        self.headers = headers
        self.members = members


@dataclass(frozen=True, slots=True)
class _Told:
    kind: Kind
    detail: str
    headers: tuple[tuple[str, str], ...] = ()
    members: Mapping[str, Any] = field(default_factory=dict)


def problem_for(error: Exception, *, has_if_match: bool = False) -> Response:
    """Give the answer that an error becomes. What nobody foresaw is logged, and its text is never sent."""
    told = _told(error, has_if_match=has_if_match)
    kind = told.kind
    body = {"type": f"{TYPE}{kind.name}", "title": kind.title, "status": kind.status, "detail": told.detail}
    return Response(kind.status, msgspec.json.encode({**body, **told.members}), PROBLEM, told.headers)


def _told(error: Exception, *, has_if_match: bool) -> _Told:
    if isinstance(error, HttpProblem):
        return _Told(error.kind, str(error), error.headers, error.members)
    if not isinstance(error, errors.WorkItemServiceError):
        _log.error("a request could not be answered", exc_info=error)
        return _Told(INTERNAL, f"{INTERNAL.title}.")
    kind = PROBLEMS[type(error)]
    members = {"code": error.code, "parameters": error.parameters}
    if isinstance(error, errors.NotAuthenticated):
        return _refused(error, members)
    if kind in _HIDDEN:
        _log.error("%s", error, exc_info=error.__cause__)
        return _Told(kind, f"{kind.title}.", (("retry-after", str(_AGAIN_SECONDS)),), {"code": error.code})
    if isinstance(error, errors.StaleVersion):
        return _Told(VERSION_MISMATCH if has_if_match else kind, str(error), (), {**members, **_versions(error)})
    return _Told(kind, str(error), (), members)


def _refused(error: errors.NotAuthenticated, members: Mapping[str, Any]) -> _Told:
    """Ask who calls; who tried too often is told when he may try again."""
    if error.retry_after is None:
        return _Told(NOT_AUTHENTICATED, str(error), CHALLENGES, members)
    return _Told(TOO_MANY_REQUESTS, str(error), (("retry-after", str(error.retry_after)),), members)


def _versions(error: errors.StaleVersion) -> dict[str, Any]:
    """Say what was supplied and what is stored, so that a client may decide what to do now."""
    _, stored, supplied, state, owner = error.parameters
    shown = int(supplied) if int(supplied) >= 0 else None
    return {"suppliedVersion": shown, "currentVersion": int(stored), "state": state, "owner": owner or None}
