"""Which addresses may be contacted."""

from __future__ import annotations

from ipaddress import IPv4Address, IPv6Address, ip_network

import pytest
from hypothesis import given
from hypothesis import strategies as st

from backend.pages.addresses import is_allowed

PRIVATE = ip_network("10.0.0.0/8"), ip_network("172.16.0.0/12"), ip_network("192.168.0.0/16"), ip_network("127.0.0.0/8")


@pytest.mark.parametrize(
    "address", ["93.184.216.34", "8.8.8.8", "2606:2800:220:1:248:1893:25c8:1946", "::ffff:8.8.8.8"]
)
def test_public_servers_are_allowed(address: str) -> None:
    assert is_allowed(address, private=False)


@pytest.mark.parametrize(
    "address",
    [
        "0.0.0.0",
        "10.1.2.3",
        "100.64.0.1",
        "127.0.0.1",
        "169.254.1.1",
        "172.31.255.255",
        "192.0.0.8",
        "192.88.99.1",
        "192.168.1.1",
        "198.18.0.1",
        "203.0.113.7",
        "224.0.0.1",
        "240.0.0.1",
        "255.255.255.255",
        "::",
        "::1",
        "::127.0.0.1",
        "::ffff:127.0.0.1",
        "::ffff:10.0.0.1",
        "64:ff9b::7f00:1",
        "64:ff9b:1::a00:1",
        "2001:0:4136:e378::1",
        "2001:db8::1",
        "2002:7f00:1::",
        "3fff::1",
        "fc00::1",
        "fe80::1",
        "fe80::1%eth0",
        "fec0::1",
        "ff02::1",
    ],
)
def test_UR07_addresses_that_are_nobodys_public_server_need_permission(address: str) -> None:
    assert not is_allowed(address, private=False)
    assert is_allowed(address, private=True)


@pytest.mark.parametrize(
    "address",
    [
        "169.254.169.254",
        "169.254.170.2",
        "fd00:ec2::254",
        "100.100.100.200",
        "192.0.0.192",
        "168.63.129.16",
        "::ffff:169.254.169.254",
    ],
)
def test_UR06_metadata_services_are_refused_even_where_private_addresses_are_allowed(address: str) -> None:
    assert not is_allowed(address, private=True)
    assert not is_allowed(address, private=False)


@given(st.ip_addresses(v=4))
def test_an_ipv4_address_is_judged_alike_when_mapped_into_ipv6(address: IPv4Address) -> None:
    assert is_allowed(str(address), private=False) == is_allowed(f"::ffff:{address}", private=False)


@given(st.sampled_from(PRIVATE).flatmap(lambda network: st.ip_addresses(network=str(network))))
def test_no_private_address_is_public(address: IPv4Address | IPv6Address) -> None:
    assert not is_allowed(str(address), private=False)
