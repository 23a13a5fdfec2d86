"""The errors about versions of work items, their operations and documents; the rest stand in errors.py."""

from soapsvc.domain.errors import WorkItemServiceError


class WorkItemExists(WorkItemServiceError):
    """A work item of this GUID exists already. Parameters: the GUID."""

    code = "BRM_WORKITEM_EXISTS"

    def __init__(self, guid: str) -> None:
        super().__init__(f"There is a work item with the GUID {guid} already", guid)


class UnknownVersion(WorkItemServiceError):
    """No version of the item has this GUID. Parameters: the GUID."""

    code = "BRM_VERSION_UNKNOWN"

    def __init__(self, guid: str) -> None:
        super().__init__(f"The work item has no version with the GUID {guid}", guid)


class VersionExists(WorkItemServiceError):
    """A version of this GUID exists already, of another item or at its end. Parameters: the GUID."""

    code = "BRM_VERSION_EXISTS"

    def __init__(self, guid: str) -> None:
        super().__init__(f"There is a version with the GUID {guid} already, which cannot be begun again", guid)


class SessionInProgress(WorkItemServiceError):
    """The item is open in another version session, which only force abandons. Parameters: item's id, its GUID."""

    code = "BRM_VERSION_IN_PROGRESS"

    def __init__(self, item_id: int, session: str) -> None:
        super().__init__(
            f"The work item with id = {item_id} is open already, in the version {session}", item_id, session
        )


class OperationConflict(WorkItemServiceError):
    """The version's operation is another one, or tells its end elsewhere. Parameters: version's GUID, its state."""

    code = "BRM_VERSION_OPERATION_CONFLICT"

    def __init__(self, session: str, state: str) -> None:
        super().__init__(
            f"The version {session} is {state} by another request, with which this one does not agree", session, state
        )


class OperationOvertaken(WorkItemServiceError):
    """The item moved while an operation was at work, which only a fault can bring about. Parameters: item's id."""

    code = "BRM_VERSION_OPERATION_OVERTAKEN"

    def __init__(self, item_id: int) -> None:
        super().__init__(f"The work item with id = {item_id} was changed while the operation was at work", item_id)


class OperationGivenUp(WorkItemServiceError):
    """An operation was tried as often as may be, and failed every time for reasons of the service's own."""

    code = "BRM_VERSION_OPERATION_GIVEN_UP"

    def __init__(self) -> None:
        super().__init__("The service could not do it, and has given it up; the version is as it was before")


class UnknownTemplatePackage(WorkItemServiceError):
    """No template package has this id. Parameters: the id."""

    code = "BRM_TEMPLATE_PACKAGE_UNKNOWN"

    def __init__(self, package_id: str) -> None:
        super().__init__(f"There is no template package '{package_id}'", package_id)


class InvalidTemplatePackage(WorkItemServiceError):
    """A template package cannot be used. Parameters: id, reason."""

    code = "BRM_TEMPLATE_PACKAGE_INVALID"

    def __init__(self, package_id: str, reason: str) -> None:
        super().__init__(f"The template package '{package_id}' cannot be used: {reason}", package_id, reason)


class AssemblyFailed(WorkItemServiceError):
    """A template could not be made into a document. Parameters: template's name, line if it is known, reason."""

    code = "BRM_ASSEMBLY_FAILED"

    def __init__(self, template: str, reason: str, line: int | None = None) -> None:
        where = template if line is None else f"{template}, line {line}"
        super().__init__(f"The template {where} could not be assembled: {reason}", template, line, reason)
        self.template = template
        self.line = line


class UnknownDocument(WorkItemServiceError):
    """The version has no document of this id. Parameters: the id."""

    code = "BRM_DOCUMENT_UNKNOWN"

    def __init__(self, document: str) -> None:
        super().__init__(f"The version has no document '{document}'", document)


class DocumentLimitReached(WorkItemServiceError):
    """The documents of a version would be too many, or too large together. Parameters: the most, of what."""

    code = "BRM_DOCUMENT_LIMIT_REACHED"

    def __init__(self, most: int, of: str) -> None:
        super().__init__(f"The documents of a version have at most {most} {of}", most, of)


class IdempotencyKeyReused(WorkItemServiceError):
    """The key was used for another request within a day."""

    code = "BRM_IDEMPOTENCY_KEY_REUSED"

    def __init__(self) -> None:
        super().__init__("This Idempotency-Key was used for another request within a day")


class IdempotencyKeyInUse(WorkItemServiceError):
    """The first request of this key is not answered yet."""

    code = "BRM_IDEMPOTENCY_KEY_IN_USE"

    def __init__(self) -> None:
        super().__init__("A request with this Idempotency-Key is being answered")


class InvalidAnswers(WorkItemServiceError):
    """Answers are not written as their format wants it. Parameters: reason."""

    code = "BRM_ANSWERS_INVALID"

    def __init__(self, reason: str) -> None:
        super().__init__(f"The answers cannot be read: {reason}", reason)
