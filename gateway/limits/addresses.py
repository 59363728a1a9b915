"""The limit of an address, before anything is known of who asks."""

import ipaddress

from gateway.limits.gcra import Rate, Verdict
from gateway.limits.memory import MemoryLimiter

_IPV6_PREFIX_LENGTH = 64
"""What one customer of a provider has at least."""


class AddressLimit:
    """Each address' pace at this process: it protects the process itself, and costs no round trip."""

    def __init__(self, limiter: MemoryLimiter, rate: Rate) -> None:
        self._limiter = limiter
        self._rate = rate

    def take(self, address: str) -> Verdict:
        """Count one request."""
        return self._limiter.take_now(network_of(address), self._rate)


def network_of(address: str) -> str:
    """Return what is counted as one: an IPv4 address, or the /64 of an IPv6 address."""
    if ":" not in address:
        return address
    try:
        found = ipaddress.IPv6Address(address.partition("%")[0])
    except ValueError:
        return address
    if found.ipv4_mapped:
        return str(found.ipv4_mapped)
    return str(ipaddress.IPv6Network((found.packed, _IPV6_PREFIX_LENGTH), strict=False))
