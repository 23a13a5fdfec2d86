"""The description of this door in OpenAPI 3.1, made of the table of operations that it answers by."""

from collections import defaultdict
from collections.abc import Iterable, Mapping
from typing import Any

import msgspec

from soapsvc import __version__
from soapsvc.rest import payloads, problems
from soapsvc.rest.interface import OPERATIONS
from soapsvc.rest.media import JSON, PROBLEM, TEXT_XML, XML
from soapsvc.rest.operations import Operation
from soapsvc.rest.problems import TYPE, Kind
from soapsvc.rest.services import Urls

Json = dict[str, Any]

_REF = "#/components/schemas/{name}"
_PLAIN = "[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}"
_GUID = {"type": "string", "pattern": f"^({_PLAIN}|\\{{{_PLAIN}\\}})$"}
_PATH_PARAMETERS: Mapping[str, Json] = {
    "workItemId": {"description": "The GUID of a work item, bare or in braces.", "schema": _GUID},
    "versionId": {"description": "The GUID of a version, bare or in braces.", "schema": _GUID},
    "documentId": {"description": "The GUID of a document, bare or in braces.", "schema": _GUID},
    "workGroupId": {
        "description": "The GUID or name of an entity of the organisation.",
        "schema": {"type": "string", "minLength": 1, "maxLength": 255},
    },
    "deliveryId": {
        "description": "The id of a delivery.",
        "schema": {"type": "integer", "minimum": 1, "maximum": 10**18 - 1},
    },
}
_GUIDS = [name for name, described in _PATH_PARAMETERS.items() if described["schema"] is _GUID]
_IF_MATCH = ("If-Match", "The entity tag that the client has seen, or `*`.", r'^(\*|"[0-9]{1,18}")$')
_IF_NONE_MATCH = ("If-None-Match", "The entity tag that the client has already.", r'^(\*|"[0-9]{1,18}")$')
_PREFER = ("Prefer", "`respond-async`, `wait=` and seconds, or both; others are passed over.", None)
_KEY = ("Idempotency-Key", "Names a request: sent again, it is answered again and done once.", r"^[!-~]{1,255}$")
_NAME = ("Content-Disposition", "`attachment; filename=` and the name of the document.", None)
_FILE: Json = {"*/*": {"schema": {"type": "string", "format": "binary"}}}
_ETAG = {"ETag": {"description": "The item's version, in quotes.", "schema": {"type": "string"}}}
_LOCATION = {"Location": {"description": "Where it is.", "schema": {"type": "string"}}}
_ALWAYS = (
    problems.BAD_REQUEST,
    problems.NOT_AUTHENTICATED,
    problems.NOT_FOUND,
    problems.NOT_ACCEPTABLE,
    problems.TOO_MANY_REQUESTS,
    problems.INTERNAL,
    problems.UNAVAILABLE,
)
_OF_WRITES = (
    problems.NOT_ALLOWED,
    problems.IDEMPOTENCY_KEY_IN_USE,
    problems.TOO_LARGE,
    problems.UNSUPPORTED_MEDIA_TYPE,
    problems.INVALID,
    problems.IDEMPOTENCY_KEY_REUSED,
    problems.OUTCOME_UNKNOWN,
)
_OF_VERSIONED_WRITES = (problems.VERSION_REQUIRED, problems.STALE_VERSION)
_DESCRIPTION = (
    "Work items and their versions. The same items as those of the SOAP services, with the same versions. "
    "What is wrong is told as a problem (RFC 9457)."
)


def document(urls: Urls) -> Json:
    """Describe the door at this address."""
    schemas = _schemas()
    paths: defaultdict[str, Json] = defaultdict(dict)
    for operation in OPERATIONS:
        paths[operation.path][operation.method.lower()] = _operation(operation)
    token_url = f"{urls.address}/oauth/token"
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "soapsvc",
            "version": __version__,
            "description": _DESCRIPTION,
            "license": {"name": "Apache License 2.0", "identifier": "Apache-2.0"},
        },
        "servers": [{"url": urls.base()}],
        "security": [{"password": []}, {"token": []}, {"client": []}],
        "paths": dict(paths),
        "webhooks": {"operationEnded": {"post": _callback()}},
        "components": {
            "schemas": schemas,
            "securitySchemes": {
                "password": {"type": "http", "scheme": "basic"},
                "token": {"type": "http", "scheme": "bearer"},
                "client": {
                    "type": "oauth2",
                    "flows": {
                        "clientCredentials": {
                            "tokenUrl": token_url,
                            "scopes": {"query": "reads", "command": "reads and writes", "root": "all"},
                        }
                    },
                },
            },
        },
    }


def _operation(operation: Operation) -> Json:
    described: Json = {
        "operationId": operation.name,
        "summary": operation.summary,
        "description": _text(operation),
        "tags": [_tag(operation)],
        "parameters": [*_path_parameters(operation), *_query_parameters(operation), *_header_parameters(operation)],
        "responses": _responses(operation),
    }
    if operation.body:
        schema = _schema_of(operation.body_type)
        content: Json = {name: {"schema": schema if name == JSON else _XML_ANSWERS} for name in operation.body}
        described["requestBody"] = {"required": operation.needs_body, "content": content}
    if operation.takes_file:
        described["requestBody"] = {"required": operation.needs_body, "content": _FILE}
    if operation.tells_callback:
        described["callbacks"] = {"operationEnded": {"{$request.body#/callbackUrl}": {"post": _callback()}}}
    return described


_XML_ANSWERS: Json = {
    "type": "object",
    "xml": {"name": "AnswerSet"},
    "description": "A HotDocs AnswerSet.",
    "properties": {
        "Answer": {
            "type": "array",
            "xml": {"wrapped": False, "name": "Answer"},
            "items": {
                "type": "object",
                "properties": {"name": {"type": "string", "xml": {"attribute": True}}, "TextValue": {"type": "string"}},
                "required": ["name", "TextValue"],
            },
        }
    },
}


def _text(operation: Operation) -> str:
    doing = operation.unit or operation.work
    own = (getattr(doing, "__doc__", None) or "").strip()
    scope = "`command` or `root`" if operation.writes else "`query`, `command` or `root`"
    return f"{own} A token needs the scope {scope}."


def _tag(operation: Operation) -> str:
    for part, tag in (("Deliveries", "Deliveries"), ("Documents", "Documents"), ("AnswerSet", "Answers")):
        if part in operation.path:
            return tag
    return "Versions" if "Versions" in operation.path else "Work items"


def _path_parameters(operation: Operation) -> list[Json]:
    return [
        {"name": name, "in": "path", "required": True, **described}
        for name, described in _PATH_PARAMETERS.items()
        if f"{{{name}}}" in operation.path
    ]


def _query_parameters(operation: Operation) -> list[Json]:
    if operation.query is None:
        return []
    _, components = msgspec.json.schema_components([operation.query], ref_template=_REF)
    (schema,) = components.values()
    parameters = []
    for name, given in schema["properties"].items():
        one = given["anyOf"][0] if "anyOf" in given else given
        description = one.pop("description", "")
        shown = {"name": name, "in": "query", "required": False, "description": description, "schema": one}
        parameters.append(shown)
    return parameters


def _header_parameters(operation: Operation) -> list[Json]:
    wanted = [
        (_IF_MATCH, operation.versioned),
        (_IF_NONE_MATCH, operation.none_match),
        (_PREFER, operation.waits),
        (_KEY, operation.writes),
        (_NAME, operation.takes_file),
    ]
    return [
        {
            "name": name,
            "in": "header",
            "description": text,
            "schema": {"type": "string", **({"pattern": pattern} if pattern else {})},
        }
        for (name, text, pattern), is_wanted in wanted
        if is_wanted
    ]


def _responses(operation: Operation) -> Json:
    responses: Json = {}
    for status, kind in operation.answers.items():
        responses[str(status)] = {"description": _MEANINGS[status], "headers": _headers(operation, status)}
        if kind is not None:
            responses[str(status)]["content"] = _content(operation, kind)
    of_writes = _OF_WRITES if operation.writes else ()
    of_path = (problems.BAD_GUID,) if any(f"{{{name}}}" in operation.path for name in _GUIDS) else ()
    of_versioned = _OF_VERSIONED_WRITES if operation.writes and operation.versioned else ()
    by_status: defaultdict[int, dict[str, Kind]] = defaultdict(dict)
    for kind in (*_ALWAYS, *of_path, *of_writes, *of_versioned, *operation.problems):
        by_status[kind.status][kind.name] = kind
    for status, kinds in sorted(by_status.items()):
        responses[str(status)] = _problem_response(kinds.values())
    return responses


_MEANINGS = {
    200: "Done, or here it is",
    201: "Created",
    202: "Accepted: it goes on",
    204: "Nothing has changed within the time",
    304: "The client has it already",
}


def _headers(operation: Operation, status: int) -> Json:
    is_of_item = operation.versioned or operation.path.endswith("{workItemId}")
    return {
        **(_ETAG if is_of_item or status == 201 else {}),
        **(_LOCATION if status in {201, 202} and not operation.name.startswith("replay") else {}),
    }


def _content(operation: Operation, kind: Any) -> Json:
    if kind is bytes:
        return _FILE
    schema = _schema_of(kind)
    return {name: {"schema": _XML_ANSWERS if name in {XML, TEXT_XML} else schema} for name in operation.media_types}


def _problem_response(kinds: Iterable[Kind]) -> Json:
    shown = sorted(kinds, key=lambda kind: kind.name)
    text = "; ".join(f"`{kind.name}`: {kind.title}" for kind in shown)
    types = [f"{TYPE}{kind.name}" for kind in shown]
    schema = {"allOf": [{"$ref": _REF.format(name="Problem")}, {"properties": {"type": {"enum": types}}}]}
    return {"description": text, "content": {PROBLEM: {"schema": schema}}}


def _callback() -> Json:
    headers = [
        ("webhook-id", "The same over all tries of an event.", True),
        ("webhook-timestamp", "When this try was made, in seconds since 1970.", True),
        ("webhook-signature", "`v1,` and the HMAC-SHA256 in base64, if there is a secret.", False),
    ]
    return {
        "summary": "The end of an operation is told",
        "description": "Sent at least once for each operation that was given a callbackUrl; see Standard Webhooks 1.0.",
        "security": [],
        "parameters": [
            {"name": name, "in": "header", "required": required, "description": text, "schema": {"type": "string"}}
            for name, text, required in headers
        ],
        "requestBody": {"required": True, "content": {JSON: {"schema": _schema_of(payloads.Event)}}},
        "responses": {"2XX": {"description": "It was received"}, "410": {"description": "Nothing shall be told again"}},
    }


def _schemas() -> Json:
    kinds = {operation.body_type for operation in OPERATIONS if _is_structure(operation.body_type)}
    kinds |= {kind for operation in OPERATIONS for kind in operation.answers.values() if _is_structure(kind)}
    _, components = msgspec.json.schema_components(
        sorted({*kinds, payloads.Event, payloads.Problem}, key=_name), ref_template=_REF
    )
    return dict(sorted(components.items()))


def _schema_of(kind: Any) -> Json:
    if _is_structure(kind):
        return {"$ref": _REF.format(name=_name(kind))}
    schema: Json = msgspec.json.schema(kind, ref_template=_REF)
    return schema


def _is_structure(kind: Any) -> bool:
    return isinstance(kind, type) and issubclass(kind, msgspec.Struct)


def _name(kind: type) -> str:
    return kind.__name__
