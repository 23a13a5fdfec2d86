"""Where a request comes from: an address, what a trusted proxy says of it, and whether others could read along."""

import ipaddress
import logging
import time
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache

from soapsvc.domain.errors import NotAuthenticated
from soapsvc.exchange import Request

Network = ipaddress.IPv4Network | ipaddress.IPv6Network

SECONDS_BETWEEN_ALARMS = 3600.0
MOST_ADDRESSES = 1_000

_FORWARDED_FOR = "x-forwarded-for"
_MOST_REMEMBERED = 10_000
_LONGEST_FORWARDED = 2_000
_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Origin:
    """Who called: an address, None where it is not known, and whether nobody on the way to here could read along.

    `through` is the trusted proxy that passed the request on, if one did.
    """

    address: str | None
    is_private: bool
    through: str | None = None


class Proxies:
    """The reverse proxies to trust; what anybody else says in their headers is not even looked at."""

    def __init__(self, networks: tuple[Network, ...] = (), identity_header: str | None = None) -> None:
        self._networks = networks
        self._identity_header = identity_header.lower() if identity_header else None
        self._is_trusted = lru_cache(_MOST_REMEMBERED)(self._is_in_a_network)

    def origin_of(self, request: Request) -> Origin:
        """Give the origin of a request: behind trusted proxies, the last address that is none of them."""
        peer = request.address
        if not peer:
            return Origin(None, is_private=True)
        is_private = request.is_secure or _is_this_machine(peer)
        if not self._is_proxy(peer):
            return Origin(peer, is_private)
        return Origin(self._forwarded_for(request, peer), is_private, through=peer)

    def vouched_name(self, request: Request) -> str | None:
        """Give the name that a trusted proxy vouches for, if there is one; from elsewhere the header is no header.

        Raises NotAuthenticated where there are several, of which a stranger may have sent one.
        """
        if self._identity_header is None or not self._is_proxy(request.address):
            return None
        values = request.headers.get_all(self._identity_header)
        if len(values) > 1:
            raise NotAuthenticated("The proxy's word on who calls cannot be read")
        return (values[0].strip() or None) if values else None

    def _forwarded_for(self, request: Request, proxy: str) -> str:
        forwarded = ",".join(request.headers.get_all(_FORWARDED_FOR))
        for one in reversed(forwarded[-_LONGEST_FORWARDED:].split(",")):
            address = _canonical(one.strip())
            if address is None:
                return proxy
            if not self._is_trusted(address):
                return address
            proxy = address
        return proxy

    def _is_proxy(self, peer: str | None) -> bool:
        return bool(self._networks) and peer is not None and self._is_trusted(peer)

    def _is_in_a_network(self, address: str) -> bool:
        canonical = _canonical(address)
        return canonical is not None and any(ipaddress.ip_address(canonical) in network for network in self._networks)


def networks_of(text: str | None) -> tuple[Network, ...]:
    """Read addresses and networks that are divided by commas. Raises ValueError."""
    return tuple(ipaddress.ip_network(one.strip()) for one in (text or "").split(",") if one.strip())


@lru_cache(MOST_ADDRESSES)
def _is_this_machine(address: str) -> bool:
    canonical = _canonical(address)
    # What is no address is the name of a socket in the file system.
    return canonical is None or ipaddress.ip_address(canonical).is_loopback


def _canonical(text: str) -> str | None:
    """Give an address in its one form, that of IPv4 also where IPv6 wraps it; None for what is none."""
    try:
        address = ipaddress.ip_address(text)
    except ValueError:
        return None
    mapped = getattr(address, "ipv4_mapped", None)
    return str(mapped or address)


class ClearTextAlarm:
    """Warns of credentials that came in the clear, of each address once an hour."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._raised: OrderedDict[str, float] = OrderedDict()

    def note(self, origin: Origin) -> None:
        """Look at where credentials came from; at most 1,000 warnings are written in an hour."""
        sender = origin.through or origin.address
        if origin.is_private or sender is None:
            return
        now = self._clock()
        raised = self._raised.get(sender)
        if raised is not None and now - raised < SECONDS_BETWEEN_ALARMS:
            return
        self._forget_before(now - SECONDS_BETWEEN_ALARMS)
        if len(self._raised) >= MOST_ADDRESSES:
            return  # whoever has that many addresses shall not fill the log
        self._raised[sender] = now
        _log.warning(
            "credentials came in the clear from %s: others on the way can read them; use TLS, here or in a proxy",
            sender,
        )

    def _forget_before(self, moment: float) -> None:
        while self._raised and next(iter(self._raised.values())) <= moment:
            self._raised.popitem(last=False)
