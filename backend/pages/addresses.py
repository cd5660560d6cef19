"""Which network addresses may be contacted."""

from __future__ import annotations

from ipaddress import IPv4Address, IPv6Address, ip_address, ip_network

Address = IPv4Address | IPv6Address

# Answer with credentials of the machine to whoever asks from inside: never, also where private addresses are allowed.
_METADATA = frozenset(
    ip_address(text)
    for text in ("169.254.169.254", "169.254.170.2", "fd00:ec2::254", "100.100.100.200", "192.0.0.192", "168.63.129.16")
)
# "Global" for Python, yet not somebody's public server: protocol assignments, 6to4 relays.
_NOT_PUBLIC_V4 = (ip_network("192.0.0.0/24"), ip_network("192.88.99.0/24"))
# The only range of IPv6 in public use; NAT64 and other forms that hold an IPv4 address lie outside of it, except
# Teredo and 6to4.
_PUBLIC_V6 = ip_network("2000::/3")
_NOT_PUBLIC_V6 = (ip_network("2001::/32"), ip_network("2002::/16"), ip_network("3fff::/20"))


def is_allowed(text: str, *, private: bool) -> bool:
    """Whether an address, as a resolver gives it, may be connected to.

    Args:
        text: numeric IPv4 or IPv6 address.
        private: the host is Label Studio's or on the operator's list, so that its address need not be public.
    """
    address = _parsed(text)
    if address in _METADATA:
        return False
    return private or _is_public(address)


def _parsed(text: str) -> Address:
    address = ip_address(text.partition("%")[0])
    if isinstance(address, IPv6Address) and address.ipv4_mapped is not None:
        return address.ipv4_mapped
    return address


def _is_public(address: Address) -> bool:
    if not address.is_global or address.is_multicast or address.is_reserved:
        return False
    if isinstance(address, IPv4Address):
        return not any(address in network for network in _NOT_PUBLIC_V4)
    return address in _PUBLIC_V6 and not any(address in network for network in _NOT_PUBLIC_V6)
