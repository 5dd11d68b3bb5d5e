"""Which addresses nothing that a flow or a person names may reach.

`ipaddress.is_global` alone is wrong (tried on 3.11: it passes 192.0.0.192, 168.63.129.16, fec0::1, 64:ff9b::7f00:1,
2002:7f00:1:: and multicast), so the networks stand here.
Sources: https://www.iana.org/assignments/iana-ipv4-special-registry, https://www.iana.org/assignments/iana-ipv6-special-registry
"""

from __future__ import annotations

from ipaddress import IPv4Address, IPv4Network, IPv6Network, ip_address
from typing import Final

_BLOCKED_IPV4: Final[tuple[tuple[IPv4Network, str], ...]] = tuple(
    (IPv4Network(network), kind)
    for network, kind in (
        ("0.0.0.0/8", "this network"),
        ("10.0.0.0/8", "private"),
        ("100.64.0.0/10", "carrier-grade NAT"),
        ("127.0.0.0/8", "loopback"),
        (
            "168.63.129.16/32",
            "cloud metadata",
        ),  # https://learn.microsoft.com/azure/virtual-network/what-is-ip-address-168-63-129-16
        ("169.254.0.0/16", "link-local"),
        ("172.16.0.0/12", "private"),
        ("192.0.0.0/24", "protocol assignments"),  # 192.0.0.192 is a metadata service on Oracle's cloud
        ("192.0.2.0/24", "documentation"),
        ("192.88.99.0/24", "6to4 relay"),
        ("192.168.0.0/16", "private"),
        ("198.18.0.0/15", "benchmarking"),
        ("198.51.100.0/24", "documentation"),
        ("203.0.113.0/24", "documentation"),
        ("224.0.0.0/4", "multicast"),
        ("240.0.0.0/4", "reserved"),
    )
)
_UNICAST_IPV6: Final = IPv6Network(
    "2000::/3"
)  # all that IANA gives out; outside lie ::1, fc00::/7, fe80::/10, fec0::/10, ff00::/8,
# IPv4 inside IPv6 (::ffff:0:0/96, ::/96, 64:ff9b::/96, 64:ff9b:1::/48), 100::/64 and 5f00::/16
_BLOCKED_IPV6: Final[tuple[tuple[IPv6Network, str], ...]] = tuple(
    (IPv6Network(network), kind)
    for network, kind in (
        ("2001::/23", "protocol assignments"),  # Teredo 2001::/32, benchmarking, ORCHID
        ("2001:db8::/32", "documentation"),
        ("2002::/16", "6to4"),
        ("3fff::/20", "documentation"),
    )
)


def blocked_as(address: str) -> str | None:
    """What kind of special address this is, or None where the public network begins. What cannot be read is blocked."""
    try:
        parsed = ip_address(address)
    except ValueError:
        return "unreadable"
    if isinstance(parsed, IPv4Address):
        return next((kind for network, kind in _BLOCKED_IPV4 if parsed in network), None)
    if parsed.scope_id is not None or parsed not in _UNICAST_IPV6:
        return "private or reserved"
    return next((kind for network, kind in _BLOCKED_IPV6 if parsed in network), None)
