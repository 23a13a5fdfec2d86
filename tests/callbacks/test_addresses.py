"""Where callbacks may go: only to public addresses, and to what the operator opens, but never to link-local ones."""

import asyncio
from ipaddress import IPv4Address, IPv6Address

import pytest
from hypothesis import given
from hypothesis import strategies as st

from soapsvc.callbacks.addresses import AddressGuard
from soapsvc.callbacks.resolver import SystemResolver
from soapsvc.callbacks.sender import Sender, SendingLimits
from soapsvc.domain.errors import InvalidCallback
from soapsvc.origin import networks_of

PUBLIC = ["1.1.1.1", "93.184.216.34", "2606:2800:220:1::1", "2a00:1450:4001::1", "::ffff:1.1.1.1", "100.63.255.255"]
DENIED = {
    "this host": ["0.0.0.0", "0.1.2.3"],  # noqa: S104
    "loopback": ["127.0.0.1", "127.255.255.254", "::1"],
    "private": ["10.0.0.1", "172.16.0.1", "172.31.255.255", "192.168.0.1", "fc00::1", "fd12:3456::1"],
    "shared": ["100.64.0.1", "100.127.255.255"],
    "link-local": ["169.254.0.1", "169.254.169.254", "fe80::1", "febf::1", "fe80::1%eth0", "2a00:1450::1%eth0"],
    "site-local": ["fec0::1", "feff::1"],
    "multicast": ["224.0.0.1", "239.255.255.255", "ff02::1", "ff0e::1"],
    "reserved": ["240.0.0.1", "255.255.255.255"],
    "protocols and tests": ["192.0.0.1", "192.0.2.1", "198.18.0.1", "198.51.100.1", "203.0.113.1"],
    "relays of 6to4": ["192.88.99.0", "192.88.99.1", "192.88.99.255"],
    "NAT64": ["64:ff9b::1.1.1.1", "64:ff9b::a9fe:a9fe", "64:ff9b::7f00:1"],
    "NAT64 of a site": ["64:ff9b:1::1", "64:ff9b:1:7f00:0:100::"],
    "6to4": ["2002::1", "2002:7f00:1::1", "2002:101:101::1"],
    "Teredo": ["2001::1", "2001:0:7f00:1::1"],
    "IPv4-compatible": ["::", "::127.0.0.1", "::1.1.1.1", "::7f00:1"],
    "mapped": ["::ffff:127.0.0.1", "::ffff:10.0.0.1", "::ffff:169.254.169.254", "::ffff:0.0.0.0", "::ffff:224.0.0.1"],
    "documentation": ["2001:db8::1", "3fff::1", "3fff:fff:ffff::1"],
    "segment routing": ["5f00::1", "5f00:ffff::1"],
    "discard": ["100::1"],
    "no address": ["", "example.com", "1.1.1", "0x1010101", "1.1.1.1/32", "::1%", "16843009"],
}
DENIED_ADDRESSES = [address for row in DENIED.values() for address in row]
EVERYTHING = networks_of("0.0.0.0/0, ::/0")
NEVER = [
    "169.254.169.254",
    "fe80::1",
    "fe80::1%eth0",
    "::ffff:169.254.169.254",
    "::169.254.169.254",
    "64:ff9b::169.254.169.254",
    "2002:a9fe:a9fe::1",
    "2001:0:a9fe:a9fe::1",  # the Teredo server
    "2001:0:101:101::5601:5601",  # the Teredo client, its bits inverted
    "64:ff9b:1:a9fe:1:100::",  # RFC 6052, a prefix of 48 bits: a9fe, then 0101 behind the gap
    "64:ff9b:1:a9:fe:a9fe::",  # 56 bits: a9, then fea9fe behind the gap
    "64:ff9b:1:0:a9:fea9:fe00:0",  # 64 bits
    "64:ff9b:1::169.254.169.254",  # 96 bits
    "2a00:1450::5efe:169.254.169.254",  # ISATAP
    "2a00:1450::200:5efe:169.254.169.254",
]


@pytest.mark.parametrize("address", PUBLIC)
def test_a_public_address_is_allowed(address):
    assert AddressGuard().allows(address)


@pytest.mark.parametrize("address", DENIED_ADDRESSES)
def test_an_address_that_is_not_public_is_denied(address):
    assert not AddressGuard().allows(address)


@pytest.mark.parametrize("address", NEVER)
def test_a_link_local_address_is_denied_in_every_disguise_even_if_everything_is_opened(address):
    assert not AddressGuard(EVERYTHING).allows(address)
    assert not AddressGuard(networks_of("169.254.0.0/16,fe80::/10,64:ff9b::/96")).allows(address)


@pytest.mark.parametrize(
    ("networks", "opened", "denied"),
    [
        ("10.0.0.0/8", ["10.0.0.1", "10.255.255.255", "::ffff:10.0.0.1"], ["172.16.0.1", "192.168.0.1", "127.0.0.1"]),
        ("127.0.0.1/32", ["127.0.0.1"], ["127.0.0.2", "::1"]),
        ("::1/128", ["::1"], ["127.0.0.1", "::2"]),
        ("fd00::/8, 192.168.0.0/24", ["fd00::1", "192.168.0.9"], ["fc00::1", "192.168.1.9"]),
        ("64:ff9b::/96", ["64:ff9b::10.0.0.1"], ["64:ff9b:1::1", "10.0.0.1"]),
        ("", [], ["10.0.0.1"]),
    ],
)
def test_the_operator_opens_networks_and_nothing_beside_them(networks, opened, denied):
    guard = AddressGuard(networks_of(networks))
    assert [address for address in opened if not guard.allows(address)] == []
    assert [address for address in denied if guard.allows(address)] == []
    assert all(guard.allows(address) for address in PUBLIC)


@given(st.integers(0, 2**32 - 1).map(IPv4Address))
def test_a_mapped_address_is_judged_as_the_one_that_it_stands_for(address):
    for guard in (AddressGuard(), AddressGuard(networks_of("10.0.0.0/8"))):
        assert guard.allows(f"::ffff:{address}") == guard.allows(str(address))


@given(st.integers(0, 2**16 - 1), st.integers(0, 2**64 - 1))
def test_nothing_of_the_link_local_networks_is_ever_allowed(low, interface):
    guard = AddressGuard(EVERYTHING)
    assert not guard.allows(str(IPv4Address(0xA9FE0000 | low)))
    assert not guard.allows(str(IPv6Address(0xFE80 << 112 | interface)))


@pytest.mark.parametrize("text", ["10.0.0.1/8", "10.0.0.0/33", "example.com", "10.0.0.0/8;::1"])
def test_what_is_no_network_is_refused(text):
    with pytest.raises(ValueError, match=r"does not appear|has host bits"):
        networks_of(text)


@pytest.mark.parametrize(
    "host",
    [
        "127.0.0.1",
        "2130706433",
        "0x7f000001",
        "0177.0.0.1",
        "127.1",
        "0",
        "localhost",
        "[::1]",
        "[::ffff:127.0.0.1]",
        "[::ffff:7f00:1]",
        "169.254.169.254",
        "0xa9fea9fe",
        "10.0.0.1",
        "[64:ff9b::7f00:1]",
        "[2002:7f00:1::]",
        "224.0.0.1",
    ],
)
def test_a_host_is_refused_by_what_the_system_makes_of_it_however_it_is_written(host):
    resolver = SystemResolver(1)
    sender = Sender(AddressGuard(), resolver, SendingLimits(), user_agent="test")
    with pytest.raises(InvalidCallback, match="address that callbacks may not go to"):
        asyncio.run(sender.check(f"https://{host}/x"))
    resolver.close()
