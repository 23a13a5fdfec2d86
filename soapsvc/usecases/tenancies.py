"""What an operator does about tenancies, and which of them a request means."""

import time
from collections.abc import Callable, Sequence
from dataclasses import replace

from soapsvc.domain.audit import AuditKind
from soapsvc.domain.errors import InvalidRequest, UnknownTenancy
from soapsvc.domain.tenancy import NAME_MAX_LENGTH, Tenancy, checked_moniker
from soapsvc.storage import tenancies
from soapsvc.storage.database import Database
from soapsvc.storage.transaction import Transaction
from soapsvc.usecases import audit


def add_tenancy(tx: Transaction, moniker: str, name: str | None = None) -> Tenancy:
    """Add a tenancy; its name is its moniker if none is given. Raises InvalidRequest, NameTaken."""
    moniker = checked_moniker(moniker)
    name = moniker if name is None else name
    if not name.strip() or len(name) > NAME_MAX_LENGTH or not name.isprintable():
        raise InvalidRequest(f"A tenancy's name has 1 to {NAME_MAX_LENGTH} printable characters")
    added = tenancies.add(tx, moniker=moniker, name=name)
    _record(tx, added, "added")
    return added


def list_tenancies(tx: Transaction) -> Sequence[Tenancy]:
    """Give all tenancies, by moniker."""
    return tenancies.every(tx)


def find_tenancy(tx: Transaction, moniker: str) -> Tenancy:
    """Give the tenancy of this moniker. Raises UnknownTenancy."""
    found = tenancies.find(tx, moniker)
    if found is None:
        raise UnknownTenancy(moniker)
    return found


def require_versions(tx: Transaction, moniker: str, is_required: bool | None) -> None:
    """Set whether a tenancy refuses changes without a version; None leaves it to the service. Raises UnknownTenancy."""
    found = find_tenancy(tx, moniker)
    tenancies.set_version_required(tx, found, is_required)
    rule = {None: "as the setting says", True: "yes", False: "no"}[is_required]
    _record(tx, found, f"a change must say its version: {rule}")


def _record(tx: Transaction, changed: Tenancy, detail: str) -> None:
    """Record a change in the log of the tenancy that it is about, whatever the unit's own is."""
    own, tx.tenancy = tx.tenancy, changed.id
    audit.record(tx, AuditKind.TENANCY_CHANGED, subject=changed.moniker, detail=detail)
    tx.tenancy = own


class Directory:
    """The tenancies that there are, as a door needs them: their `version_required` is decided."""

    def __init__(self, every: Sequence[Tenancy], default: str, *, version_required: bool) -> None:
        decided = [
            replace(one, version_required=version_required) if one.version_required is None else one for one in every
        ]
        self._by_moniker = {one.moniker: one for one in decided}
        self._requiring = frozenset(one.id for one in decided if one.version_required)
        self._by_label = {one.moniker.encode(): one for one in decided}
        if default.casefold() not in self._by_moniker:
            raise UnknownTenancy(default)
        self.default = self._by_moniker[default.casefold()]

    def meant(self, host: bytes, name: str) -> tuple[Tenancy, str]:
        r"""Say which tenancy a request means by its Host header and its caller's name, and his name there.

        A caller's name may begin with a moniker, as in `acme\ana`. It must then not contradict the host's. What is no
        moniker, or contradicts, stays part of a name that nobody has: he is refused as an unknown caller is.
        """
        of_host = self._of_host(host)
        moniker, divider, name_there = name.partition("\\")
        named = self._by_moniker.get(moniker.casefold()) if divider else None
        if named is None or (of_host is not None and named is not of_host):
            return of_host or self.default, name
        return named, name_there

    def bearer_of(self, host: bytes, moniker: str) -> Tenancy | None:
        """Give the tenancy that a token names; None where there is none, or the Host header names another."""
        named, of_host = self._by_moniker.get(moniker), self._of_host(host)
        return named if of_host is None or named is of_host else None

    def version_required(self, tenancy: int) -> bool:
        """Say whether a tenancy refuses changes without a version."""
        return tenancy in self._requiring

    def _of_host(self, host: bytes) -> Tenancy | None:
        label = host.partition(b":")[0].partition(b".")[0]
        return self._by_label.get(label) or self._by_label.get(label.lower())


class KnownTenancies:
    """The directory of a running service; read anew when something was changed, or it is older than so many seconds."""

    def __init__(
        self,
        database: Database,
        *,
        default: str,
        version_required: bool = False,
        seconds: float,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._database = database
        self._default = default
        self._version_required = version_required
        self._seconds = seconds
        self._clock = clock
        self._fresh_until = clock() + seconds
        self._changes = database.changes()
        self._directory = self._made_of(database.read(tenancies.every).result())

    async def directory(self) -> Directory:
        """Give what is known, or look again. Raises UnknownTenancy where the default one is gone."""
        if self._clock() >= self._fresh_until or self._changes != self._database.changes():
            self._fresh_until = self._clock() + self._seconds
            self._changes = self._database.changes()
            self._directory = self._made_of(await self._database.seen(tenancies.every))
        return self._directory

    def default(self) -> Tenancy:
        """Give the tenancy of who names none."""
        return self._directory.default

    def _made_of(self, every: Sequence[Tenancy]) -> Directory:
        return Directory(every, self._default, version_required=self._version_required)
