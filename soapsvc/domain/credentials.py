"""What a request shows to prove who sends it, and how far a token reaches."""

from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum


class Scope(StrEnum):
    """How far a caller's credentials reach. A scope only narrows: it never allows what system actions do not."""

    QUERY = "query"
    COMMAND = "command"
    ROOT = "root"

    @property
    def may_write(self) -> bool:
        """Say whether changes are within it."""
        return self is not Scope.QUERY

    def includes(self, other: "Scope") -> bool:
        """Say whether another scope reaches no further than this one."""
        return _REACH.index(other) <= _REACH.index(self)


_REACH = (Scope.QUERY, Scope.COMMAND, Scope.ROOT)


@dataclass(frozen=True, slots=True)
class SingleUse:
    """What lets a token be used only once: a nonce, when it was made, or both."""

    nonce: bytes
    created: datetime | None = None
    created_text: str = ""
    """The moment as it was written, which is what digests are made of."""


@dataclass(frozen=True, slots=True)
class Credentials:
    """A name and a password as they came, with what makes them of single use where they have that."""

    name: str
    password: str = field(repr=False)
    single_use: SingleUse | None = None


@dataclass(frozen=True, slots=True)
class PasswordDigest:
    """A name, and a hash over nonce, moment and password in place of the password."""

    name: str
    digest: bytes = field(repr=False)
    single_use: SingleUse


@dataclass(frozen=True, slots=True)
class BearerToken:
    """A token that this service gave out."""

    text: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class VouchedName:
    """A name that a reverse proxy vouches for, which the service was told to trust."""

    name: str


Shown = Credentials | PasswordDigest | BearerToken | VouchedName
"""Whatever a request may show."""


@dataclass(frozen=True, slots=True)
class Lifetime:
    """From when to when a message is meant to be read, as far as it says so."""

    created: datetime | None
    expires: datetime | None
