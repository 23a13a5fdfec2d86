"""Failed sign-ins are counted, and further ones refused for a time that doubles; nobody waits for it inside.

They are counted for each account at each address, and for each address. So a stranger slows himself down: from another
address the account's owner signs in as ever, and from the same one too, where he has signed in before. An account is
one of one tenancy; an address is the same one to all tenancies.
"""

import hashlib
import ipaddress
import math
import time
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass

from soapsvc.domain.errors import Claim, NotAuthenticated

NOT_AUTHENTICATED = "The user name or the password is wrong"
"""The one text of every sign-in that failed, also of one that was not even looked at."""

PERSON, PRINCIPAL = "person", "principal"
"""The kinds of accounts: a principal may be named like a person, and proves nothing of him."""

MOST_TALLIES = 10_000
_LONGEST_DOUBLING = 30
_IPV6_NETWORK = 64


@dataclass(slots=True)
class _Tally:
    failures: int
    free_from: float
    """When the next attempt will be looked at."""


class _Tallies:
    """Counts failures by key, of at most so many keys: those that failed last."""

    def __init__(self, free: int, seconds_most: float) -> None:
        self._free = free
        self._seconds_most = seconds_most
        self._tallies: OrderedDict[bytes, _Tally] = OrderedDict()

    def seconds_to_wait(self, key: bytes, now: float) -> float:
        """Give how long no attempt is looked at; a clock that went back keeps nobody out for longer than ever."""
        tally = self._tallies.get(key)
        return 0 if tally is None else min(tally.free_from - now, self._seconds_most)

    def count(self, key: bytes, now: float) -> None:
        """Count a failure: the first ones are free, then each doubles the time. After a quiet time it begins anew."""
        tally = self._tallies.get(key)
        failures = 1 if tally is None or now > tally.free_from + self._seconds_most else tally.failures + 1
        excess = min(failures - self._free, _LONGEST_DOUBLING)
        wait = min(2.0 ** (excess - 1), self._seconds_most) if excess > 0 else 0
        self._tallies[key] = _Tally(failures, now + wait)
        self._tallies.move_to_end(key)
        while len(self._tallies) > MOST_TALLIES:
            self._tallies.popitem(last=False)

    def forget(self, key: bytes) -> None:
        """Begin anew."""
        self._tallies.pop(key, None)


class Throttle:
    """Says whether an attempt to sign in is looked at now; one for a whole process."""

    def __init__(
        self,
        *,
        account_failures: int = 5,
        address_failures: int = 50,
        seconds_most: float = 900,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._pairs = _Tallies(account_failures, seconds_most)
        self._addresses = _Tallies(address_failures, seconds_most)
        self._known: OrderedDict[bytes, None] = OrderedDict()
        """Where which account has signed in before."""
        self._clock = clock

    def begin(self, account: Claim, address: str, *, text: str = NOT_AUTHENTICATED, kind: str = PERSON) -> None:
        """Let an attempt pass, or raise NotAuthenticated at once, with the seconds after which to try again.

        It counts against the account until it turns out well, so that many at the same moment gain nothing. `text` is
        that of every refusal of its kind.
        """
        now, place = self._clock(), _place(address)
        pair = _pair(kind, account, place)
        wait = self._pairs.seconds_to_wait(pair, now)
        if pair not in self._known:
            wait = max(wait, self._addresses.seconds_to_wait(_key(place), now))
        if wait > 0:
            raise NotAuthenticated(text, claimed=account, retry_after=math.ceil(wait))
        self._pairs.count(pair, now)

    def failed(self, address: str) -> None:
        """Count a failure against its address as well."""
        self._addresses.count(_key(_place(address)), self._clock())

    def succeeded(self, account: Claim, address: str, *, kind: str = PERSON) -> None:
        """Remember that this account signs in from there."""
        pair = _pair(kind, account, _place(address))
        self._pairs.forget(pair)
        self._known[pair] = None
        self._known.move_to_end(pair)
        while len(self._known) > MOST_TALLIES:
            self._known.popitem(last=False)


def _pair(kind: str, account: Claim, place: str) -> bytes:
    return _key(kind, str(account.tenancy), account.name, place)


def _key(*parts: str) -> bytes:
    """Give a short key for texts of any length."""
    return hashlib.blake2b("\0".join(parts).encode("utf-8", "replace"), digest_size=16).digest()


def _place(address: str) -> str:
    """Give what counts as one place: an address, or of IPv6 the network, of which one machine has all addresses."""
    if ":" not in address:
        return address
    try:
        return str(ipaddress.ip_network((address, _IPV6_NETWORK), strict=False))
    except ValueError:
        return address
