"""The operations of the proof over REST: what is sent, and what an answer says."""

from typing import Any, NamedTuple

import msgspec

from tests.proof.connections import Answer, Message
from tests.proof.operations import BEGIN, ENDS, LOOK, STATUS, session_token
from tests.proof.record import Seen, Told

_ITEMS = "/HdaApi/rest/v2.0/WorkItems"
_JSON = "Content-Type: application/json\r\n"
_AS_FAULTS = {
    "version-mismatch": "InvalidVersionFault",
    "version-conflict": "InvalidVersionFault",
    "wrong-state": "InvalidWorkItemFault",
}
"""Problems that say just what a fault of the SOAP services says, with the same parameters."""
_UNKNOWN = {"internal", "unavailable", "outcome-unknown", "idempotency-key-in-use"}


class Manner(NamedTuple):
    """How something is asked that can be asked in several ways."""

    in_body: bool = False
    """The version stands in the body, and not in If-Match."""
    force: bool = False
    prefer: str = ""
    key: str | None = None


def message(operation: str, item: str, session: str | None, version: int | None, manner: Manner) -> Message:
    """Write a request about an item and perhaps a version of it, both by their GUIDs."""
    path = f"{_ITEMS}/{item}" + ("" if operation == LOOK else f"/Versions/{session}")
    if operation in {LOOK, STATUS}:
        return Message(f"GET {path}{'/Status' if operation == STATUS else ''}", "", b"")
    headers, body = _JSON, dict[str, Any]()
    if version is not None and manner.in_body:
        body["version"] = version
    elif version is not None:
        headers += f'If-Match: "{version}"\r\n'
    if manner.prefer:
        headers += f"Prefer: {manner.prefer}\r\n"
    if manner.key:
        headers += f"Idempotency-Key: {manner.key}\r\n"
    if operation == BEGIN:
        body |= {"answers": {"Notes": session_token(session or "")}, "forceCreate": manner.force}
    return Message(f"PUT {path}{f'/{operation}' if operation in ENDS else ''}", headers, msgspec.json.encode(body))


def search(item: int) -> Message:
    """Ask for the GUID of an item that stands in the caller's list."""
    return Message(f"GET {_ITEMS}?filter=id%3D{item}", "", b"")


def found_in(answer: Answer) -> str | None:
    """Read the GUID of the item that was searched for."""
    items = msgspec.json.decode(answer.body)["items"] if answer.status == 200 else ()
    return items[0]["guid"] if items else None


def told_by(operation: str, item: int, answer: Answer) -> Told:
    """Read an answer about an item."""
    body = msgspec.json.decode(answer.body)
    if answer.status >= 300:
        name = body["type"].rpartition(":")[2]
        fault = _AS_FAULTS.get(name, name)
        parameters = [str(one) for one in body.get("parameters", ())]
        return Told("unknown" if name in _UNKNOWN else "fail", fault=fault, parameters=parameters)
    version = int(answer.header("etag").strip('"'))
    state = body["state"] if operation == LOOK else "OPENED" if operation == BEGIN else None
    return Told("ok", [Seen(item, version, state)], status=body.get("status", ""))
