"""What an operator does about people: add them, list them, grant them system actions."""

import uuid
from collections.abc import Sequence

from soapsvc.domain.caller import SystemAction
from soapsvc.domain.errors import InvalidRequest, UnknownEntity
from soapsvc.domain.organisation import GUID_MAX_LENGTH, NAME_MAX_LENGTH, Entity
from soapsvc.storage import people
from soapsvc.storage.transaction import Transaction


def add_person(
    tx: Transaction, *, name: str, guid: str | None, password_hash: str, max_open_items: int | None = None
) -> Entity:
    """Add a resource that may sign in, with a new GUID if none is given. Raises NameTaken, InvalidRequest."""
    guid = str(uuid.uuid4()).upper() if guid is None else guid
    for what, text, longest in (("name", name, NAME_MAX_LENGTH), ("GUID", guid, GUID_MAX_LENGTH)):
        if not text.strip() or text != text.strip() or len(text) > longest or not text.isprintable() or "," in text:
            raise InvalidRequest(f"A {what} has 1 to {longest} printable characters, no commas, no blanks at its ends")
    if ":" in name:
        raise InvalidRequest("A name has no colon: HTTP Basic could not carry it")
    if "\\" in name:
        raise InvalidRequest("A name has no backslash: it divides the moniker of a tenancy from a name")
    if max_open_items is not None and max_open_items < 0:
        raise InvalidRequest("The most items that a person may have open is not negative")
    return people.add_person(tx, name=name, guid=guid, password_hash=password_hash, max_open_items=max_open_items)


def list_people(tx: Transaction) -> Sequence[Entity]:
    """Give everyone who may sign in, by name."""
    return people.everyone(tx)


def look_up(tx: Transaction, name: str | None) -> list[Entity]:
    """Give who has exactly this name, or everyone where no name is given: any caller may know who there is."""
    if name is None:
        return list(people.everyone(tx))
    found = people.find_resource_by_name(tx, name)
    return [] if found is None else [found]


def find_person(tx: Transaction, name: str) -> Entity:
    """Give the person of this name. Raises UnknownEntity."""
    person = people.find_resource_by_name(tx, name)
    if person is None:
        raise UnknownEntity(name)
    return person


def set_password(tx: Transaction, name: str, password_hash: str) -> None:
    """Replace a person's password. Raises UnknownEntity."""
    people.set_password_hash(tx, find_person(tx, name), password_hash)


def grant(tx: Transaction, name: str, action: SystemAction) -> bool:
    """Grant a person a system action, everywhere; say whether that was new. Raises UnknownEntity."""
    return people.grant(tx, find_person(tx, name), action)


def grants_of(tx: Transaction, name: str) -> Sequence[SystemAction]:
    """Give what was granted to a person. Raises UnknownEntity."""
    return people.grants_of(tx, find_person(tx, name))
