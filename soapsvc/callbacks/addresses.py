"""Which addresses a callback may be sent to: public ones, and what the operator opens, but never link-local ones."""

from collections.abc import Iterator, Sequence
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network

Address = IPv4Address | IPv6Address
Network = IPv4Network | IPv6Network

# What Python's is_global takes for public, in one of its releases or in all, and what is not, or leads elsewhere:
# https://www.iana.org/assignments/iana-ipv4-special-registry and iana-ipv6-special-registry.
_NOT_PUBLIC: Sequence[Network] = tuple(
    ip_network(text)
    for text in (
        "224.0.0.0/4",  # multicast
        "192.88.99.0/24",  # the former relays of 6to4
        "ff00::/8",  # multicast
        "64:ff9b::/96",  # NAT64
        "64:ff9b:1::/48",  # NAT64 of a site
        "2002::/16",  # 6to4
        "::/96",  # IPv4-compatible, with the unspecified address and loopback among them
        "fec0::/10",  # site-local
        "3fff::/20",  # documentation
        "5f00::/16",  # segment routing
    )
)
_NEVER: Sequence[Network] = (ip_network("169.254.0.0/16"), ip_network("fe80::/10"))
"""Where clouds keep what their machines may know: no operator can open it."""

_TEREDO = ip_network("2001::/32")
_NAT64_OF_A_SITE = ip_network("64:ff9b:1::/48")
_LAST_32_BITS = tuple(ip_network(text) for text in ("::/96", "64:ff9b::/96", "64:ff9b:1::/48"))


class AddressGuard:
    """Judges addresses; `opened` are the networks that the operator allows although they are not public."""

    def __init__(self, opened: Sequence[Network] = ()) -> None:
        self._opened = opened

    def allows(self, text: str) -> bool:
        """Say whether a callback may be sent to an address, as the look-up gave it; never to what is none."""
        try:
            address = ip_address(text)
        except ValueError:
            return False
        if isinstance(address, IPv6Address):
            if address.scope_id is not None:
                return False  # meant for one link
            address = address.ipv4_mapped or address
        if any(_is_in(one, _NEVER) for one in (address, *_embedded(address))):
            return False
        return _is_in(address, self._opened) or is_public(address)


def is_public(address: Address) -> bool:
    """Say whether an address is one of the public Internet, and not one that stands for another."""
    return address.is_global and not _is_in(address, _NOT_PUBLIC)


def _embedded(address: Address) -> Iterator[IPv4Address]:
    """Give the IPv4 addresses for which a gateway could take an IPv6 address."""
    if not isinstance(address, IPv6Address):
        return
    number = int(address)
    if address.sixtofour is not None:
        yield address.sixtofour
    if address in _TEREDO:
        yield IPv4Address(number >> 64 & 0xFFFFFFFF)  # the server
        yield IPv4Address(~number & 0xFFFFFFFF)  # the client
    if address in _NAT64_OF_A_SITE:
        without_gap = number >> 64 << 56 | number & (1 << 56) - 1  # RFC 6052, 2.2: the bits 64 to 71 hold nothing
        yield from (IPv4Address(without_gap >> 88 - length & 0xFFFFFFFF) for length in (48, 56, 64))
    if _is_in(address, _LAST_32_BITS) or number >> 32 & 0xFCFFFFFF == 0x5EFE:  # the latter is ISATAP
        yield IPv4Address(number & 0xFFFFFFFF)


def _is_in(address: Address, networks: Sequence[Network]) -> bool:
    return any(address in network for network in networks)
