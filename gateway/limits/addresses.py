"""The limit of an address, before anything is known of who asks."""

import heapq
import ipaddress
from collections.abc import Sequence
from typing import NamedTuple

from gateway.limits.gcra import Rate, Verdict
from gateway.limits.memory import MemoryLimiter

_IPV6_PREFIX_LENGTH = 64
"""What one customer of a provider has at least."""


class Taken(NamedTuple):
    """What came here, and of which other gateways have not heard."""

    who: str
    request_count: int
    """Of those that were let in; 0 if all were refused."""
    since_us: int
    """When the first of them came."""


class AddressLimit:
    """Each address' pace. It costs no round trip: other gateways are told afterwards.

    Args:
        limiter: Counts what comes here, and learns what comes to others.
        rate: How often an address may ask.
        is_shared: Whether other gateways are told. Only then it is kept what they have not heard yet.
    """

    def __init__(self, limiter: MemoryLimiter, rate: Rate, *, is_shared: bool = False) -> None:
        self.rate = rate
        self._limiter = limiter
        self._is_shared = is_shared
        self._untold: dict[str, Taken] = {}

    def take(self, address: str) -> Verdict:
        """Count one request."""
        network = network_of(address)
        said = self._limiter.take_now(network, self.rate)
        if self._is_shared:
            _, count, since_us = self._untold.get(network) or (network, 0, self._limiter.now_us())
            self._untold[network] = Taken(network, count + said.is_admitted, since_us)
        return said

    def take_untold(self, limit_count: int) -> Sequence[Taken]:
        """Return what came of the busiest addresses, and take everything for told.

        Args:
            limit_count: Most addresses to return. What came of the others is not told to anybody.
        """
        untold, self._untold = self._untold, {}
        return heapq.nlargest(limit_count, untold.values(), key=lambda taken: taken.request_count)

    def learn(self, network: str, due_us: int) -> None:
        """Take in what all gateways together have let in, as far as it was told."""
        taken = self._untold.get(network)
        untold_us = taken.request_count * self.rate.interval_us if taken else 0
        self._limiter.learn(network, self.rate, due_us + untold_us)


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
