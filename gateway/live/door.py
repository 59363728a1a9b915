"""How many may be inside: all together, from one address, and from one address without having said who they are.

One address is a /64 of IPv6, as everywhere.
"""

import random
from collections import Counter

from gateway.limits.addresses import network_of
from gateway.live.terms import LiveTerms
from services.chassis.errors import ClipferryError, Reason

_RETRY_AFTER_S = (5, 30)
"""It differs from client to client, so that they do not all come back at once."""


class Door:
    """Lets sockets in and counts them."""

    def __init__(self, terms: LiveTerms) -> None:
        self._terms = terms
        self._inside: Counter[str] = Counter()
        self._waiting: Counter[str] = Counter()
        self._count = 0

    def enter(self, address: str) -> "Visit":
        """Let a socket in; its visit must be ended.

        Raises:
            ClipferryError: UNAVAILABLE, with a time to come back, when there are too many.
        """
        terms, network = self._terms, network_of(address)
        for what, count, limit in (
            ("live connections", self._count, terms.connection_count),
            ("live connections from one address", self._inside[network], terms.connections_per_address),
            ("connections from one address without a hello", self._waiting[network], terms.waiting_per_address),
        ):
            if count >= limit:
                raise ClipferryError(
                    Reason.UNAVAILABLE,
                    f"There may be {limit} {what}, and there are; come back later.",
                    retry_after_s=random.randint(*_RETRY_AFTER_S),
                    limit_count=limit,
                )
        self._count += 1
        self._inside[network] += 1
        self._waiting[network] += 1
        return Visit(self, address)

    def greeted(self, address: str) -> None:
        """One of an address has said hello, or has gone without."""
        _less(self._waiting, network_of(address))

    def left(self, address: str) -> None:
        """One of an address has gone."""
        self._count -= 1
        _less(self._inside, network_of(address))


class Visit:
    """One socket that was let in."""

    __slots__ = ("_door", "_is_greeted", "address")

    def __init__(self, door: Door, address: str) -> None:
        self._door = door
        self.address = address
        """Of the client."""
        self._is_greeted = False

    def greeted(self) -> None:
        """It has said hello."""
        if not self._is_greeted:
            self._is_greeted = True
            self._door.greeted(self.address)

    def end(self) -> None:
        """It has gone."""
        self.greeted()
        self._door.left(self.address)


def _less(counter: Counter[str], address: str) -> None:
    counter[address] -= 1
    if not counter[address]:
        del counter[address]
