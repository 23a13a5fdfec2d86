"""What requests and answers hold, as JSON has it; the document that describes the interface is made of these."""

from typing import Annotated, Any

import msgspec
from msgspec import UNSET, Meta, UnsetType

from soapsvc.domain.document import NAME_MAX_LENGTH as PACKAGE_ID_MAX_LENGTH
from soapsvc.domain.work_item import DESCRIPTION_MAX_LENGTH, NAME_MAX_LENGTH

_GUID_PATTERN = r"^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$"
# Of what XML can hold and a database takes, as clients can write it in JSON.
_XML_TEXT = r"^[^\u0000-\u0008\u000b\u000c\u000e-\u001f\ud800-\udfff\ufffe\uffff]*$"

Guid = Annotated[str, Meta(pattern=_GUID_PATTERN, examples=["2d9f3d10-6fdb-494f-9929-955515c6f114"])]
Version = Annotated[int, Meta(ge=0, lt=10**18, description="The item's version that the request is based on.")]
Answers = Annotated[
    dict[str, Any],
    Meta(
        description="Answers by their names: texts, numbers, truth values, null, or lists of these. A date is a text.",
        extra_json_schema={
            "additionalProperties": {
                "anyOf": [
                    {"type": ["string", "number", "boolean", "null"]},
                    {"type": "array", "items": {"type": ["string", "number", "boolean", "null"]}},
                ]
            }
        },
    ),
]


class Request(msgspec.Struct, kw_only=True, forbid_unknown_fields=True, rename="camel"):
    """What a client sends: a member that is not known is refused, for it would be ignored in silence."""


class Reply(msgspec.Struct, kw_only=True, rename="camel"):
    """What a client is answered: it may get more members some day."""


class NewWorkItem(Request):
    """A work item that is to be created."""

    name: Annotated[str, Meta(min_length=1, max_length=NAME_MAX_LENGTH, pattern=_XML_TEXT)]
    description: Annotated[str, Meta(max_length=DESCRIPTION_MAX_LENGTH, pattern=_XML_TEXT)] | None = None
    work_group_id: (
        Annotated[str, Meta(description="The GUID or name of whom it is offered to; without one it is the caller's.")]
        | None
    ) = None
    template_package_id: Annotated[str, Meta(max_length=PACKAGE_ID_MAX_LENGTH)] | None = None
    work_type_id: str | None = None
    answers: Answers | None = None


class BeginVersion(Request):
    """How a version is begun, or gone on with."""

    answers: Answers | None = None
    force_create: Annotated[bool, Meta(description="Leave the version in progress, and what is unsaved in it.")] = False
    version: Version | None = None


class Callback(Request):
    """Where the end of an operation is to be told."""

    callback_url: (
        Annotated[str, Meta(description="Where the final status is posted; then nothing is waited for.")] | None
    ) = None
    callback_secret: (
        Annotated[str, Meta(description="What the callback is signed with; `whsec_` and base64, or any text.")] | None
    ) = None


class SaveAndClose(Callback):
    """How a version is saved and closed."""

    version: Version | None = None


class Complete(Callback):
    """How a version is completed."""

    run_assembly: Annotated[bool, Meta(description="Whether documents are made.")] = True
    version: Version | None = None


class CreateAndAssemble(Complete):
    """How a version is begun and completed, both at once."""

    answers: Answers | None = None


class Replay(Request):
    """How a delivery that has ended is tried again."""

    callback_secret: Annotated[str, Meta(description="The secret, if it was signed: it is not kept.")] | None = None


class Person(Reply):
    """Who holds or opened something."""

    guid: str
    name: str
    type: str


class WorkItem(Reply):
    """A work item at its present version."""

    id: int
    guid: Guid
    version: int
    session_version_id: Annotated[Guid | None, Meta(description="The version that it is open in.")]
    state: str
    name: str
    description: str | None
    priority: int
    owner: Person | None
    work_type_id: str | None
    template_package_id: str | None
    url: str


class WorkItems(Reply):
    """A page of work items."""

    items: list[WorkItem]
    next_cursor: Annotated[str | None, Meta(description="Leads to the next page, if there is one.")]


class OperationError(Reply):
    """Why an operation failed; of a template also its name and line."""

    code: str
    message: str
    template: str | UnsetType = UNSET
    line: int | UnsetType = UNSET


class Status(Reply):
    """Where a version stands, and where to ask again."""

    status: str
    status_url: str
    error: OperationError | UnsetType = UNSET


class ItemVersion(Reply):
    """A version of a work item: `version` is the item's counter, `versionId` the version's own GUID."""

    id: int
    guid: Guid
    version: int
    session_version_id: Guid | None
    version_id: Guid
    status: str
    status_url: str
    opened_by: Person
    opened_at: str
    opened_version: int
    ended_version: int | None
    error: OperationError | UnsetType = UNSET


class ItemVersions(Reply):
    """All versions of a work item, the oldest first."""

    versions: list[ItemVersion]


class Document(Reply):
    """A document of a version; `digest` is the SHA-256 of its content in hexadecimal digits, `size` is in bytes."""

    document_id: str
    name: str
    media_type: str
    size: int
    digest: str
    order: int
    content_url: str


class Documents(Reply):
    """The documents of a version, in their order."""

    documents: list[Document]


class Attempt(Reply):
    """A try of a delivery."""

    number: int
    at: str
    milliseconds: int
    outcome: str
    status: int | None
    detail: str
    answer: str


class Delivery(Reply):
    """An event on its way to a callback; the URL is shown without its query."""

    id: int
    webhook_id: str
    url: str
    is_signed: bool
    state: str
    created_at: str
    due_at: str | None
    attempts: list[Attempt]


class Deliveries(Reply):
    """The deliveries of a version, the oldest first."""

    deliveries: list[Delivery]


class EventData(Reply):
    """What happened."""

    work_item_id: Guid
    version_id: Guid
    status: str
    status_url: str
    version: int


class Event(Reply):
    """What a callback is told when an operation has ended."""

    type: str
    timestamp: str
    data: EventData
    status: str
    status_url: str


class Problem(Reply):
    """What is wrong (RFC 9457); `code` and `parameters` are those of the SOAP services' faults, where there is one."""

    type: Annotated[str, Meta(description="Which kind of problem: stable, for programs.")]
    title: str
    status: int
    detail: str
    code: str | UnsetType = UNSET
    parameters: list[str] | UnsetType = UNSET
    errors: Annotated[list[dict[str, str]], Meta(description="What is wrong where in the body.")] | UnsetType = UNSET
    supplied_version: int | UnsetType | None = UNSET
    current_version: int | UnsetType = UNSET
    state: str | UnsetType = UNSET
    owner: str | UnsetType | None = UNSET
