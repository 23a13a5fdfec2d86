"""What an operation of this door is: declared once, and then answered, and described, by its declaration."""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import msgspec

from soapsvc.domain.caller import Caller
from soapsvc.domain.guid import canonical_guid
from soapsvc.rest.conditions import Condition, Tags, entity_tag
from soapsvc.rest.media import JSON
from soapsvc.rest.preferences import Preferences
from soapsvc.rest.problems import BAD_GUID, HttpProblem, Kind
from soapsvc.rest.services import Services
from soapsvc.storage.transaction import Transaction
from soapsvc.usecases import versions
from soapsvc.usecases.versions import Target

_encode = msgspec.json.Encoder(decimal_format="number").encode


@dataclass(frozen=True, kw_only=True, slots=True)
class Answer:
    """What a request is answered: a status, header fields, and a body of a media type."""

    status: int = 200
    body: bytes = b""
    media_type: str = JSON
    headers: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True, slots=True)
class Call:
    """A request, read: by whom, of what, with which body, and on which conditions.

    `path` has the parts of the path that differ, `query` and `body` are what the operation declares, `accepted` is the
    media type that the client likes best of those that the operation answers with.
    """

    caller: Caller
    services: Services
    path: Mapping[str, str]
    query: Any
    body: Any
    accepted: str
    condition: Condition
    none_match: Tags | None
    preferences: Preferences
    begin_once: Callable[[Transaction], None] = lambda _: None
    """To be called first in the transaction that an operation of several begins with."""

    def guid(self, name: str) -> str:
        """Give a GUID of the path in its one form. Raises HttpProblem for what is none."""
        found = canonical_guid(self.path[name])
        if found is None:
            raise HttpProblem(BAD_GUID, f"The {name} of the path is no GUID, bare or in braces")
        return found

    def entity(self, name: str) -> str:
        """Give the GUID or name of an entity in the path; a GUID may be in braces."""
        text = self.path[name]
        return canonical_guid(text) or text

    @property
    def item(self) -> str:
        """The GUID of the work item that the path names."""
        return self.guid("workItemId")

    @property
    def session(self) -> str:
        """The GUID of the version that the path names."""
        return self.guid("versionId")

    def version(self, tx: Transaction) -> int | None:
        """Give the version that the item must be at, None for any. Raises UnknownWorkItem."""
        return self.condition.version(lambda: versions.current(tx, self.item))

    def target(self, tx: Transaction) -> Target:
        """Give the version of the item that is meant, and the version that the item must be at."""
        return Target(item=self.item, session=self.session, version=self.version(tx))


Unit = Callable[[Transaction, Call], Answer]
"""What is done in one transaction."""

Work = Callable[[Call], Awaitable[Answer]]
"""What is more than one transaction."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Operation:
    """An operation: where it is, what it reads and writes, and what it does, by `unit` or by `work`.

    `is_long` says that it may take longer than others should wait for the event loop, `waits` that it waits for
    something to happen. `body` says by media types how a body is read; `needs_body` whether there must be one;
    `takes_file` that it is a file of whatever media type.
    `answers` has by statuses what is answered, in JSON; `media_types` are those that a client may choose from.
    `versioned` says that it is subject to If-Match, `none_match` to If-None-Match; `problems` which kinds it may be
    answered with besides those of all.
    """

    name: str
    method: str
    path: str
    summary: str
    answers: Mapping[int, Any]
    problems: Sequence[Kind]
    unit: Unit | None = None
    work: Work | None = None
    writes: bool = False
    versioned: bool = False
    waits: bool = False
    is_long: bool = False
    body: Mapping[str, Callable[[bytes], Any]] = field(default_factory=dict)
    body_type: Any = None
    needs_body: bool = False
    takes_file: bool = False
    query: Any = None
    media_types: Sequence[str] = (JSON,)
    none_match: bool = False
    tells_callback: bool = False


def answer(what: Any, *, status: int = 200, version: int | None = None, **headers: str) -> Answer:
    """Answer with a structure in JSON, about an item at a version; an underline in a field's name is a hyphen."""
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    if version is not None:
        named["etag"] = entity_tag(version)
    return Answer(status=status, body=_encode(what), headers=named)


def with_headers(given: Answer, **headers: str) -> Answer:
    """Give an answer with more header fields."""
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return replace(given, headers={**given.headers, **named})
