"""What an operator does about service principals: programs that get tokens, each to act as a person."""

from collections.abc import Sequence

from soapsvc.domain.audit import AuditKind
from soapsvc.domain.credentials import Scope
from soapsvc.domain.errors import InvalidRequest, UnknownEntity
from soapsvc.domain.organisation import NAME_MAX_LENGTH
from soapsvc.storage import principals
from soapsvc.storage.principals import Principal
from soapsvc.storage.transaction import Transaction
from soapsvc.usecases import audit, people
from soapsvc.usecases.token_keys import LONGEST_LIFETIME

_FORBIDDEN = frozenset("/:,\\")


def add(
    tx: Transaction,
    *,
    client: str,
    name: str,
    person: str | None,
    scope: Scope,
    secret_hash: str,
    lifetime: int | None,
) -> str:
    """Add a principal that acts as a person, the one of its own name unless another is named; give its client id.

    Raises InvalidRequest, UnknownEntity where there is no such person, NameTaken.
    """
    for what, text in (("client", client), ("principal's name", name)):
        if not text.strip() or text != text.strip() or len(text) > NAME_MAX_LENGTH or not text.isprintable():
            raise InvalidRequest(f"A {what} has 1 to {NAME_MAX_LENGTH} printable characters, no blanks at its ends")
        if _FORBIDDEN & set(text):
            raise InvalidRequest(f"A {what} has no slash, no backslash, no colon and no comma")
    if lifetime is not None and not 1 <= lifetime <= LONGEST_LIFETIME.total_seconds():
        raise InvalidRequest(f"A token lives from 1 to {LONGEST_LIFETIME.total_seconds():.0f} seconds")
    acts_as = people.find_person(tx, person or name)
    principals.add(
        tx, client=client, name=name, person=acts_as, scope=scope, secret_hash=secret_hash, lifetime=lifetime
    )
    told = f"added with the scope {scope}, acts as {acts_as.name}"
    audit.record(tx, AuditKind.PRINCIPAL_CHANGED, subject=client_id(client, name), detail=told)
    return client_id(client, name)


def list_all(tx: Transaction) -> Sequence[Principal]:
    """Give all principals, by client and name."""
    return principals.every(tx)


def disable(tx: Transaction, client: str, name: str) -> None:
    """Let a principal get tokens no longer, nor use those that it has. Raises UnknownEntity."""
    if not principals.disable(tx, client, name):
        raise UnknownEntity(client_id(client, name))
    audit.record(tx, AuditKind.PRINCIPAL_CHANGED, subject=client_id(client, name), detail="disabled")


def client_id(client: str, name: str) -> str:
    """Give the name by which OAuth knows a principal."""
    return f"{client}/{name}"
