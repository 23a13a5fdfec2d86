"""The demonstration: three people and fifty realistic work items, so that a first client has something to work on."""

import secrets
import uuid
from collections.abc import Iterator
from datetime import datetime, timedelta

from soapsvc.domain.caller import SystemAction
from soapsvc.domain.data import Direction, Field, FieldType
from soapsvc.domain.organisation import Entity
from soapsvc.domain.schedule import Schedule
from soapsvc.domain.work_item import ItemContext, NewWorkItem
from soapsvc.storage.database import InTenancy
from soapsvc.storage.transaction import Transaction
from soapsvc.usecases import people, scheduling
from soapsvc.usecases.sign_in import hash_password

WORKERS = ("ana", "ben")
SUPERVISOR = "supervisor"
ITEMS = 50

_CASES = (
    ("Review claim", "Check a household claim and decide it", "ClaimsHandling", "Decision"),
    ("Approve invoice", "Compare the invoice with its order", "Purchasing", "Approval"),
    ("Verify identity", "Compare the applicant's documents", "AccountOpening", "Result"),
    ("Answer complaint", "Write to the customer within two days", "CustomerCare", "Answer"),
    ("Plan inspection", "Agree a date with the site", "FieldService", "InspectionDate"),
)
_CUSTOMERS = ("Adler", "Bianchi", "Costa", "Dubois", "Eriksen", "Fischer", "Garcia", "Horvat", "Ivanova", "Jansen")


def introduce(database: InTenancy, address: str, password: str | None) -> str:
    """Load the demonstration, and say who its people are, their password, and what to try first.

    Raises NameTaken, InvalidRequest for a password that is too short.
    """
    password = password or secrets.token_urlsafe(12)
    password_hash = hash_password(password)
    loaded = database.write(lambda tx: load(tx, password_hash)).result()
    names = "\n".join(f"  {person.name:<12}{person.guid}" for person in loaded)
    return (
        f"\nDemonstration: {ITEMS} work items, offered to {' and '.join(WORKERS)}; the people and their GUIDs:\n"
        f"{names}\nTheir password: {password}\n\nTo try it, in Python with zeep:\n\n"
        f"{_SNIPPET.format(address=address, password=password, guid=loaded[0].guid)}"
    )


_SNIPPET = """\
import requests, zeep
session = requests.Session()
session.auth = ("ana", "{password}")
client = zeep.Client("{address}/amxbpm/WorkItemManagementService?wsdl",
                     transport=zeep.Transport(session=session))
(item,) = client.service.allocateAndOpenWorkItem(
    _value_1=[{{"workItemID": {{"id": 1, "version": 0}}, "resource": "{guid}"}}])
print(item.header.name, item.state, "version", item.id.version)
print(client.service.closeWorkItem(_value_1=[{{"workItemID": {{"id": 1, "version": 1}}}}]))
client.service.getWorkItemHeader(workItemID=[{{"id": 1, "version": 0}}])  # stale: a fault that says so
"""


def load(tx: Transaction, password_hash: str) -> list[Entity]:
    """Make the people and the items, or keep those of an earlier start; the password is set anew each time.

    Raises NameTaken where somebody else already has the name of one of the people.
    """
    known = {person.name: person for person in people.list_people(tx)}
    if _guid(SUPERVISOR) != getattr(known.get(SUPERVISOR), "guid", None):
        return _make(tx, password_hash)
    for name in (*WORKERS, SUPERVISOR):
        people.set_password(tx, name, password_hash)
    return [known[name] for name in (*WORKERS, SUPERVISOR)]


def _make(tx: Transaction, password_hash: str) -> list[Entity]:
    made = [
        people.add_person(tx, name=name, guid=_guid(name), password_hash=password_hash)
        for name in (*WORKERS, SUPERVISOR)
    ]
    for action in SystemAction:
        people.grant(tx, SUPERVISOR, action)
    for new, fields in _items(tx.now()):
        scheduling.create_item(tx, new, fields, WORKERS)
    return made


def _guid(name: str) -> str:
    """Give a person of the demonstration the same GUID in every database, by which he is known again."""
    return str(uuid.uuid5(uuid.NAMESPACE_URL, f"urn:soapsvc:demo:{name}")).upper()


def _items(now: datetime) -> Iterator[tuple[NewWorkItem, list[Field]]]:
    today = now.replace(hour=8, minute=0, second=0, microsecond=0)
    for number in range(1, ITEMS + 1):
        name, description, application, decision = _CASES[number % len(_CASES)]
        customer = _CUSTOMERS[number % len(_CUSTOMERS)]
        start = today + timedelta(days=number % 7 - 3)
        new = NewWorkItem(
            name=f"{name}: {customer}",
            description=description,
            priority=10 + number % 9 * 10,
            attributes={"attribute1": 1000 + number, "attribute2": customer},
            context=ItemContext(
                activity_id=f"{application}.{number}",
                activity_name=name,
                app_instance=f"{application}-{number:04}",
                app_name=application,
                app_id=application.lower(),
            ),
            schedule=Schedule(start=start, end=start + timedelta(days=5)),
        )
        yield new, _fields(customer, number, decision)


def _fields(customer: str, number: int, decision: str) -> list[Field]:
    return [
        Field(name="Customer", direction=Direction.INPUT, type=FieldType.STRING, length=64, values=(customer,)),
        Field(
            name="Amount",
            direction=Direction.INPUT,
            type=FieldType.DECIMAL_NUMBER,
            length=10,
            decimals=2,
            values=(f"{number * 37.5:.2f}",),
        ),
        Field(name="Notes", direction=Direction.INOUT, type=FieldType.STRING, optional=True, length=500),
        Field(name=decision, direction=Direction.OUTPUT, type=FieldType.STRING, length=100),
    ]
