"""What an operator does about people: add them, list them, grant them system actions."""

import uuid
from collections.abc import Sequence

from soapsvc.domain.audit import AuditKind
from soapsvc.domain.caller import SystemAction
from soapsvc.domain.errors import InvalidRequest, UnknownEntity
from soapsvc.domain.organisation import GUID_MAX_LENGTH, NAME_MAX_LENGTH, Entity, EntityType, may_be_guid, may_be_named
from soapsvc.storage import people, recoverable_secrets
from soapsvc.storage.transaction import Transaction
from soapsvc.usecases import audit, organisation


def add_person(
    tx: Transaction,
    *,
    name: str,
    guid: str | None,
    password_hash: str,
    max_open_items: int | None = None,
    sealed: str | None = None,
) -> Entity:
    """Let a resource sign in: the one of this name that the organisation has, or a new one.

    A new one gets a new GUID if none is given. `sealed` is the password once more, for who signs in by digest.
    Raises NameTaken, InvalidRequest.
    """
    known = people.find_resource_by_name(tx, name)
    if known is not None and guid is None and max_open_items is None and not people.has_account(tx, known):
        people.add_account(tx, known, password_hash)
        recoverable_secrets.replace(tx, known, sealed)
        audit.record(tx, AuditKind.PERSON_ADDED, subject=name, detail=f"GUID {known.guid}")
        return known
    guid = str(uuid.uuid4()).upper() if guid is None else guid
    rule = "printable characters, no commas, no blanks at its ends"
    if "\\" in name:
        raise InvalidRequest("A name has no backslash: it divides the moniker of a tenancy from a name")
    if not may_be_named(EntityType.RESOURCE, name):
        raise InvalidRequest(f"A name has 1 to {NAME_MAX_LENGTH} {rule}, and no colon: HTTP Basic could not carry it")
    if not may_be_guid(guid):
        raise InvalidRequest(f"A GUID has 1 to {GUID_MAX_LENGTH} {rule}")
    if max_open_items is not None and max_open_items < 0:
        raise InvalidRequest("The most items that a person may have open is not negative")
    person = people.add_person(tx, name=name, guid=guid, password_hash=password_hash, max_open_items=max_open_items)
    recoverable_secrets.replace(tx, person, sealed)
    audit.record(tx, AuditKind.PERSON_ADDED, subject=name, detail=f"GUID {guid}")
    return person


def list_people(tx: Transaction) -> Sequence[Entity]:
    """Give everyone who may sign in, by name."""
    return people.everyone(tx)


def look_up(tx: Transaction, name: str | None) -> list[Entity]:
    """Give who has exactly this name, or all resources where no name is given: any caller may know who there is."""
    if name is None:
        return list(people.resources(tx))
    found = people.find_resource_by_name(tx, name)
    return [] if found is None else [found]


def find_person(tx: Transaction, name: str) -> Entity:
    """Give the person of this name. Raises UnknownEntity."""
    person = people.find_resource_by_name(tx, name)
    if person is None:
        raise UnknownEntity(name)
    return person


def set_password(tx: Transaction, name: str, password_hash: str, sealed: str | None = None) -> None:
    """Replace a person's password, and with it what was kept of the old one for digests. Raises UnknownEntity."""
    person = find_person(tx, name)
    people.set_password_hash(tx, person, password_hash)
    recoverable_secrets.replace(tx, person, sealed)
    audit.record(tx, AuditKind.PASSWORD_CHANGED, subject=name, detail="recoverable" if sealed else "")


def set_enabled(tx: Transaction, name: str, enabled: bool) -> None:
    """Let a person sign in, or no longer. Raises UnknownEntity, also for who has no account."""
    person = find_person(tx, name)
    if not people.has_account(tx, person):
        raise UnknownEntity(name)
    people.set_enabled(tx, person, enabled)
    audit.record(tx, AuditKind.PERSON_ENABLED if enabled else AuditKind.PERSON_DISABLED, subject=name)


def grant(tx: Transaction, name: str, action: SystemAction, scope: str | None = None) -> bool:
    """Grant a person a system action, everywhere or below a unit; say whether that was new. Raises UnknownEntity."""
    unit = None if scope is None else organisation.find_unit(tx, scope)
    is_new = people.grant(tx, find_person(tx, name), action, unit)
    if is_new:
        audit.record(tx, AuditKind.GRANT, subject=name, detail=audit.grant_told(action, unit.name if unit else None))
    return is_new


def revoke(tx: Transaction, name: str, action: SystemAction, scope: str | None = None) -> bool:
    """Take back a person's own grants of a system action, or the one of a unit; say whether there were any.

    What a privilege allows him stays. Raises UnknownEntity.
    """
    person = find_person(tx, name)
    if scope is None:
        was_there = people.revoke_all(tx, person, action)
        detail = f"{action}, wherever it was granted"
    else:
        unit = organisation.find_unit(tx, scope)
        was_there = people.revoke(tx, person, action, unit)
        detail = audit.grant_told(action, unit.name)
    if was_there:
        audit.record(tx, AuditKind.REVOKE, subject=name, detail=detail)
    return was_there


def grants_of(tx: Transaction, name: str) -> Sequence[tuple[SystemAction, str | None]]:
    """Give what was granted to a person, each with its unit's name, or None for everywhere. Raises UnknownEntity."""
    return people.grants_of(tx, find_person(tx, name))
