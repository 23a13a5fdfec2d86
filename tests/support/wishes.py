"""What the machine of test_against_a_model.py asks for, and how that is written in a request."""

import random
from datetime import UTC, datetime, timedelta
from typing import Any

from soapsvc.domain.data import Direction, Field, FieldType

FIELDS = (
    Field(name="Notes", direction=Direction.INOUT, type=FieldType.STRING, optional=True),
    Field(name="Amount", direction=Direction.OUTPUT, type=FieldType.INTEGER_NUMBER),
)
DECLARED = {  # as above, on the wire; nobody knows the third
    "Notes": "name='Notes' type='String' optional='true'",
    "Amount": "name='Amount' type='Integer Number'",
    "Unknown": "name='Unknown' type='String'",
}
WAY = {"Notes": "inouts", "Amount": "outputs", "Unknown": "inouts"}
END_OF_ALL = datetime(2040, 1, 1, tzinfo=UTC)


def guid(name: str | None) -> str:
    return f"GUID-of-{name}" if name else ""


def data_xml(data: dict[str, str], *, every: bool = False) -> str:
    parts = {"inputs": "", "outputs": "", "inouts": ""}
    for name in DECLARED if every else data:
        if name not in data and name == "Unknown":
            continue
        value = f"<value>{data[name]}</value>" if name in data else ""
        way = WAY[name]
        parts[way] += f"<{way} {DECLARED[name]}><simpleSpec>{value}</simpleSpec></{way}>"
    return f"<dataModel>{''.join(parts.values())}</dataModel>"


def dates_xml(end: int | None) -> str:
    if end is None:
        return ""
    return (
        f"<itemSchedule><targetDate>{(END_OF_ALL + timedelta(days=end)):%Y-%m-%dT%H:%M:%SZ}</targetDate></itemSchedule>"
    )


def content_for(operation: str, item_id: int, version: int | None, wish: dict[str, Any]) -> str:
    """Write, of a request, what is about one item: what the model is asked for too."""
    given = "" if version is None else f" version='{version}'"
    hidden = f"<hiddenPeriod><hiddenDuration hours='{wish['hours']}'/></hiddenPeriod>"
    payload = f"<workItemPayload>{data_xml(wish['data'])}</workItemPayload>"
    resource = f"<resource>{wish['to']}</resource>"
    body = f"<itemBody>{data_xml(wish['data'])}</itemBody>"
    kind, number = ("offset", wish["offset"]) if wish["absolute"] is None else ("abs", wish["absolute"])
    rest = {
        "closeWorkItem": payload + hidden,
        "saveOpenWorkItem": payload,
        "completeWorkItem": f"{payload}<getNextPiledItem>{str(wish['next']).lower()}</getNextPiledItem>",
        "allocateWorkItem": resource,
        "allocateAndOpenWorkItem": resource,
        "reallocateWorkItem": f"{resource}<revertData>{str(wish['revert']).lower()}</revertData>",
        "reallocateWorkItemData": resource + payload,
        "pendWorkItem": hidden,
        "setWorkItemPriority": f"<workItemPriority><{kind}Priority>{number}</{kind}Priority></workItemPriority>",
        "enableWorkItem": body,
        "rescheduleWorkItem": dates_xml(wish["end"]) + body,
    }.get(operation, "")
    whole = f"<workItemID id='{item_id}'{given}/>{rest}"
    if operation == "setWorkItemPriority":
        return f"<workItemIDandPriority>{whole}</workItemIDandPriority>"
    return whole


LIKELY = {
    "CREATED": "enable enable cancel suspend",
    "OFFERED": "allocate allocateAndOpen allocateAndOpen reallocate suspend setWorkItemPriority",
    "ALLOCATED": "open open unallocate skip pend reallocate suspend setWorkItemPriority reallocateWorkItemData",
    "OPENED": "close close saveOpen complete complete reallocate suspend reschedule cancel reallocateWorkItemData",
    "PENDED": "open open unallocate pend reallocate suspend",
    "PENDHIDDEN": "pend suspend cancel reschedule",
    "SUSPENDED": "resume resume close saveOpen complete cancel",
    "COMPLETED": "close reschedule cancel",
    "CANCELLED": "close close complete reschedule",
}


def wish_of(seed: int) -> dict[str, Any]:
    """Give whatever an operation could be asked for; from one number, for hypothesis draws few things faster."""
    luck = random.Random(seed)
    names = luck.sample(["Notes", "Amount"], luck.choice([0, 1, 2])) + luck.choice([[]] * 9 + [["Unknown"]])
    return {
        "to": luck.choice(["ana", "ana", "ben", "carl", "nobody"]),
        "data": {name: luck.choice("12") for name in names},
        "hours": luck.choice([-1, 0, 0, 2, 5]),
        "revert": luck.random() < 0.5,
        "next": luck.random() < 0.8,
        "absolute": luck.choice([None, None, 0, 1, 100, 101]),
        "offset": luck.choice([-60, -1, 1, 60]),
        "end": luck.choice([None, 1, 2, 3]),
    }
