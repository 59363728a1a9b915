"""How many may be inside: all together, from one address, and from one address without having said who they are.

One address is a /64 of IPv6, as everywhere.
"""

import random

from gateway.limits.addresses import network_of
from gateway.limits.places import Closable, Place
from gateway.live.places import LivePlaces
from gateway.live.terms import LiveTerms
from services.chassis.errors import ClipferryError, Reason

_RETRY_AFTER_S = (5, 30)
"""It differs from client to client, so that they do not all come back at once."""


class Door:
    """Lets sockets in and counts them.

    Args:
        terms: How many there may be here.
        places: How many there may be of each address.
    """

    def __init__(self, terms: LiveTerms, places: LivePlaces) -> None:
        self._limit_count = terms.connection_count
        self._places = places
        self._count = 0

    def enter(self, address: str) -> "Visit":
        """Let a socket in; its visit must be ended.

        Raises:
            ClipferryError: UNAVAILABLE, with a time to come back, when there are too many.
        """
        network, addresses, waiting = network_of(address), self._places.addresses, self._places.waiting
        if self._count >= self._limit_count:
            raise _full("live connections", self._limit_count)
        if addresses.is_full(network):
            raise _full("live connections from one address", addresses.rule.limit_count)
        if waiting.is_full(network):
            raise _full("connections from one address without a hello", waiting.rule.limit_count)
        self._count += 1
        return Visit(self, address, addresses.take(network), waiting.take(network))

    def greeted(self, place: Place) -> None:
        """One of an address has said hello, or has gone without."""
        self._places.waiting.leave(place)

    def left(self, place: Place) -> None:
        """One of an address has gone."""
        self._count -= 1
        self._places.addresses.leave(place)


class Visit:
    """One socket that was let in."""

    __slots__ = ("_door", "_inside", "_waiting", "address")

    def __init__(self, door: Door, address: str, inside: Place, waiting: Place) -> None:
        self._door = door
        self._inside = inside
        self._waiting = waiting
        self.address = address
        """Of the client."""

    def accepted(self, socket: Closable) -> None:
        """It can be closed from now on."""
        self._inside.socket = self._waiting.socket = socket

    def greeted(self) -> None:
        """It has said hello. A second time changes nothing."""
        self._door.greeted(self._waiting)

    def end(self) -> None:
        """It has gone."""
        self.greeted()
        self._door.left(self._inside)


def _full(what: str, limit: int) -> ClipferryError:
    return ClipferryError(
        Reason.UNAVAILABLE,
        f"There may be {limit} {what}, and there are; come back later.",
        retry_after_s=random.randint(*_RETRY_AFTER_S),
        limit_count=limit,
    )
