"""Which addresses and ports of the outside world may be reached."""

import ipaddress
from typing import TypeAlias

Address: TypeAlias = ipaddress.IPv4Address | ipaddress.IPv6Address
AllowList: TypeAlias = frozenset[tuple[str, int]]
"""Hosts, as they are written in a URL, with ports."""

_NAT64 = ipaddress.IPv6Network("64:ff9b::/96")
"""The translator's prefix (RFC 6052): the last 32 bits are the IPv4 address that is really reached."""

_V6_UNICAST = ipaddress.IPv6Network("2000::/3")
_V6_REFUSED = tuple(
    ipaddress.IPv6Network(net)
    for net in (
        "2001::/23",  # IETF protocol assignments, with Teredo (2001::/32), which hides an IPv4 address
        "2001:db8::/32",  # documentation
        "2002::/16",  # 6to4, which hides an IPv4 address
        "3fff::/20",  # documentation
    )
)
_V4_REFUSED = tuple(
    ipaddress.IPv4Network(net)
    for net in (
        "100.64.0.0/10",  # carrier-grade NAT
        "192.0.0.0/24",  # IETF protocol assignments
        "192.88.99.0/24",  # 6to4 relays
    )
)

_INTERNAL_ENDS = frozenset({"corp", "home", "internal", "intranet", "lan", "local", "localhost", "private"})
"""Last labels that the public DNS does not have and private networks use."""

_PORTS_REFUSED = frozenset(
    {
        # Above 1023 on the WHATWG's list of bad ports (https://fetch.spec.whatwg.org/#port-blocking) …
        *(1719, 1720, 1723, 2049, 3659, 4045, 4190, 5060, 5061, 6000, 6566, 6679, 6697, 10080),
        *range(6665, 6670),
        # … and services that obey whoever reaches them: databases, caches, container and cluster control.
        *(2375, 2376, 2379, 2380, 3306, 5432, 5984, 6379, 6443, 8500, 9042, 9200, 9300, 10250, 11211, 27017),
    }
)


def is_public(address: Address) -> bool:
    """Return whether `address` is one unicast address of the public internet, also when it is wrapped in another."""
    if isinstance(address, ipaddress.IPv6Address):
        return _is_public_v6(address)
    refused = address.is_multicast or address.is_reserved or any(address in net for net in _V4_REFUSED)
    return address.is_global and not refused


def _is_public_v6(address: ipaddress.IPv6Address) -> bool:
    if address.ipv4_mapped is not None:
        return is_public(address.ipv4_mapped)
    if address in _NAT64:
        return is_public(ipaddress.IPv4Address(int(address) & 0xFFFF_FFFF))
    if address.scope_id or address not in _V6_UNICAST:
        return False
    return address.is_global and not any(address in net for net in _V6_REFUSED)


def is_internal_name(host: str) -> bool:
    """Return whether only a private network can know `host`, or it is a number in disguise. None is told of."""
    labels = host.rstrip(".").lower().split(".")
    is_number = labels[-1].isdigit() or labels[-1].startswith("0x") or "%" in host
    return is_number or len(labels) == 1 or labels[-1] in _INTERNAL_ENDS or labels[-2:] == ["home", "arpa"]


def is_allowed_port(port: int) -> bool:
    """Return whether a web server may be expected at `port`."""
    return port in {80, 443} or (1024 <= port <= 65535 and port not in _PORTS_REFUSED)


def parse_allow_list(text: str) -> AllowList:
    """Return the pairs of a list such as ``127.0.0.1:8082,[::1]:8082``.

    Raises:
        ValueError: Naming the entry that is not ``host:port``.
    """
    pairs = set()
    for entry in filter(None, (part.strip() for part in text.split(","))):
        host, _, port = entry.rpartition(":")
        if not host or not port.isdigit() or not 1 <= int(port) <= 65535:
            raise ValueError(f"{entry!r} is not host:port")
        pairs.add((host.strip("[]").lower(), int(port)))
    return frozenset(pairs)
