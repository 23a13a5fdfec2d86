"""Tenancies: those who share one service, and of whose people, items and rules no other learns anything."""

import re
from dataclasses import dataclass

from soapsvc.domain.errors import InvalidRequest

DEFAULT_MONIKER = "default"
"""The tenancy that every database has."""

NAME_MAX_LENGTH = 100
_MONIKER = re.compile(r"(?=.*[a-z])[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?")


@dataclass(frozen=True, kw_only=True, slots=True)
class Tenancy:
    """One tenancy; `version_required` is its own rule for changes without a version, None for the service's."""

    id: int
    moniker: str
    name: str
    version_required: bool | None = None


def checked_moniker(text: str) -> str:
    """Give a moniker in lower case. Raises InvalidRequest for what could not be the first label of a host's name.

    It holds a letter, so that no numeric address of a host is taken for one.
    """
    moniker = text.casefold()
    if not text.isascii() or not _MONIKER.fullmatch(moniker):
        raise InvalidRequest("A moniker has 1 to 63 letters, digits and inner hyphens, and at least one letter")
    return moniker
