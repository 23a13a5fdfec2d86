"""Where a request comes from, and an alarm where it carries credentials that others could read."""

import logging
import time
from collections import OrderedDict
from collections.abc import Callable, MutableMapping
from dataclasses import dataclass
from functools import lru_cache
from ipaddress import ip_address
from typing import Any

SECONDS_BETWEEN_ALARMS = 3600.0
MOST_ADDRESSES = 1_000

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Origin:
    """The address of who called, None where it is not known, and whether nobody between could read the request."""

    address: str | None
    is_private: bool


def origin_of(scope: MutableMapping[str, Any]) -> Origin:
    """Give the origin of a request: who is at the other end of its connection."""
    client = scope.get("client")
    if not client:
        return Origin(None, is_private=True)
    address = str(client[0])
    return Origin(address, is_private=scope.get("scheme") == "https" or _is_this_machine(address))


@lru_cache(MOST_ADDRESSES)
def _is_this_machine(address: str) -> bool:
    try:
        parsed = ip_address(address)
    except ValueError:  # no address at all, but the name of a socket in the file system
        return True
    mapped = getattr(parsed, "ipv4_mapped", None)
    return (mapped or parsed).is_loopback


class ClearTextAlarm:
    """Warns of credentials that came in the clear, of each address once an hour."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._raised: OrderedDict[str, float] = OrderedDict()

    def note(self, origin: Origin) -> None:
        """Look at where credentials came from; at most 1,000 warnings are written in an hour."""
        if origin.is_private or origin.address is None:
            return
        now = self._clock()
        raised = self._raised.get(origin.address)
        if raised is not None and now - raised < SECONDS_BETWEEN_ALARMS:
            return
        self._forget_before(now - SECONDS_BETWEEN_ALARMS)
        if len(self._raised) >= MOST_ADDRESSES:
            return  # whoever has that many addresses shall not fill the log
        self._raised[origin.address] = now
        _log.warning(
            "credentials came in the clear from %s: others on the way can read them; use TLS, here or in a proxy",
            origin.address,
        )

    def _forget_before(self, moment: float) -> None:
        while self._raised and next(iter(self._raised.values())) <= moment:
            self._raised.popitem(last=False)
