"""The operations of the proof: what is sent, what an answer says, and in which states each is possible."""

from collections.abc import Collection, Sequence
from datetime import UTC, datetime, timedelta

from lxml import etree

from tests.proof.connections import Answer
from tests.proof.record import Seen, Told
from tests.support.soap import envelope, request

USERS = ("ana", "ben", "carl", "dora")
NEXT = "allocateAndOpenNextWorkItem"
SCHEDULE = "scheduleWorkItem"
REAPPEAR = "reappear"
"""What the history calls a version that no client made: a hidden item's time had come."""

_NOT_FINAL = {"OFFERED", "ALLOCATED", "PENDED", "PENDHIDDEN"}
POSSIBLE_IN: dict[str, set[str]] = {
    "allocateWorkItem": {"OFFERED"},
    "allocateAndOpenWorkItem": {"OFFERED"},
    "openWorkItem": {"ALLOCATED", "PENDED"},
    "closeWorkItem": {"OPENED"},
    "saveOpenWorkItem": {"OPENED"},
    "completeWorkItem": {"OPENED"},
    "unallocateWorkItem": {"ALLOCATED", "PENDED"},
    "pendWorkItem": {"ALLOCATED", "PENDED", "PENDHIDDEN"},
    "setWorkItemPriority": _NOT_FINAL,
}
"""The changes of an item that clients ask for, and the states in which the contract allows them."""

BEGIN = "beginVersion"
BEGINNINGS: dict[str, set[str]] = {
    "openWorkItem": POSSIBLE_IN["openWorkItem"],
    "allocateAndOpenWorkItem": {"OFFERED"},
    "reopenWorkItem": {"COMPLETED"},
    "restartVersion": {"OPENED"},
}
"""What the history calls the beginning of a version over REST, and the states in which it can be that."""

SAVE_AND_CLOSE, COMPLETE = "SaveAndClose", "Complete"
ENDS = {SAVE_AND_CLOSE: "closeWorkItem", COMPLETE: "completeWorkItem"}
"""What ends a version in the background, and what the history calls the end."""
STARTED = {SAVE_AND_CLOSE: "Saving", COMPLETE: "Completing"}
SUCCEEDED = {SAVE_AND_CLOSE: "Saved", COMPLETE: "Completed"}
FAILED = {SAVE_AND_CLOSE: "SaveFailed", COMPLETE: "CompleteFailed"}
FINAL = {*SUCCEEDED.values(), "Abandoned"}
"""Of the statuses of versions those of which nothing leads on, as the clients of the proof never begin one again."""

ALLOWED_IN = POSSIBLE_IN | BEGINNINGS | {NEXT: {"OFFERED"}, REAPPEAR: {"PENDHIDDEN"}}
"""The same for all that a history can have after its first row."""

LOOK, STATUS = "getWorkItem", "getStatus"
OVER_REST = (BEGIN, SAVE_AND_CLOSE, COMPLETE, LOOK, STATUS)
READS = ("getWorkItemHeader", "previewWorkItemFromList")
WITH_DATA = {"closeWorkItem", "saveOpenWorkItem", "completeWorkItem", SCHEDULE}
ALONE = {"saveOpenWorkItem", "completeWorkItem"}
"""Operations that name one item only."""

_CHANGE_NOTHING = {*READS, LOOK, STATUS, *ENDS}
_SOON = timedelta(milliseconds=300)
_CONTEXT = "".join(f"<{name}/>" for name in ("activityID", "activityName", "appInstance", "appName", "appID"))
_OFFER = "".join(f'<entityID entity-type="RESOURCE" guid="GUID-of-{name}"/>' for name in USERS)


def changes(operation: str) -> bool:
    """Say whether an answer to an operation tells of a version that it made; the end of a version is no answer's."""
    return operation not in _CHANGE_NOTHING


def actions(operation: str) -> Collection[str]:
    """Give what the history may call an operation."""
    return BEGINNINGS if operation == BEGIN else (operation,)


def session_token(session: str) -> str:
    """Give the text that is answered in a version over REST: it comes to the item's data by what ends that version."""
    return f"answered-{session}"


def message(
    operation: str,
    items: Sequence[tuple[int, int | None]],
    *,
    user: str,
    token: str | None = None,
    request_id: str | None = None,
    number: int = 0,
) -> bytes:
    """Write a request. `number` decides what else it may say, such as a priority."""
    header = f'<own:RequestID xmlns:own="urn:soapsvc:v1">{request_id}</own:RequestID>' if request_id else ""
    return envelope(request(operation, _content(operation, items, user, token or "", number)), header)


def _content(operation: str, items: Sequence[tuple[int, int | None]], user: str, token: str, number: int) -> str:
    if operation == SCHEDULE:
        new = f"<item><name>Proof</name><entityQuery>{_OFFER}</entityQuery></item>"
        return f"{new}<itemContext>{_CONTEXT}</itemContext><itemBody>{_data(token)}</itemBody>"
    if operation == NEXT:
        return f"<resource>{user}</resource>"
    groups = "".join(_group(operation, item, version, user, token, number) for item, version in items)
    if operation == "previewWorkItemFromList":
        entity = f'<entityID model-version="-1" entity-type="RESOURCE" guid="GUID-of-{user}"/>'
        return f"{entity}{groups}<requiredField>Notes</requiredField>"
    return groups


def _group(operation: str, item: int, version: int | None, user: str, token: str, number: int) -> str:
    named = f'<workItemID id="{item}"' + ("" if version is None else f' version="{version}"') + "/>"
    if operation in {"allocateWorkItem", "allocateAndOpenWorkItem"}:
        return f"{named}<resource>{user}</resource>"
    if operation in WITH_DATA:
        hidden = _hidden() if operation == "closeWorkItem" and number % 5 == 0 else ""
        return f"{named}<workItemPayload>{_data(token)}</workItemPayload>{hidden}"
    if operation == "pendWorkItem":
        return named + _hidden()
    if operation == "setWorkItemPriority":
        priority = f"<workItemPriority><absPriority>{1 + number % 100}</absPriority></workItemPriority>"
        return f"<workItemIDandPriority>{named}{priority}</workItemIDandPriority>"
    return named


def _data(token: str) -> str:
    return (
        f'<dataModel><inouts name="Notes" type="String" optional="true"><simpleSpec><value>{token}</value>'
        f"</simpleSpec></inouts></dataModel>"
    )


def _hidden() -> str:
    until = (datetime.now(UTC) + _SOON).isoformat(timespec="milliseconds")
    return f"<hiddenPeriod><visibleDate>{until}</visibleDate></hiddenPeriod>"


def seen_in(operation: str, answer: bytes) -> list[Seen]:
    """Read what a successful answer says of items; a new item is at version 0."""
    (body,) = etree.fromstring(answer)
    found = []
    for part in body[0]:
        named = part if part.get("id") else part.find("id")
        if named is None or operation == "completeWorkItem":
            continue
        version = 0 if operation == SCHEDULE else int(named.get("version"))
        state = part.get("state") or part.findtext("state")
        found.append(Seen(int(named.get("id")), version, state, _token_in(part)))
    return found


def _token_in(part: etree._Element) -> str | None:
    for field in part.iter("inouts", "FieldPreview"):
        if field.get("name") == "Notes":
            return field.findtext("simpleSpec/value")
    return None


def told_by(operation: str, answer: Answer) -> Told:
    """Read an answer."""
    if answer.status == 200:
        return Told("ok", seen_in(operation, answer.body))
    name, _, parameters = fault_in(answer.body)
    return Told("unknown" if name == "InternalServiceFault" else "fail", fault=name, parameters=parameters)


def fault_in(answer: bytes) -> tuple[str, str, list[str]]:
    """Read a fault's name, its error code, and the parameters."""
    (body,) = etree.fromstring(answer)
    detail = body[0].find("detail")
    if detail is None or not len(detail):
        return body[0].findtext("faultcode") or "Fault", "", []
    error = detail[0][0]
    return etree.QName(detail[0]).localname, error.get("code", ""), [one.text or "" for one in error]
