"""The limits of live connections that hold for one address or user, at all gateways together."""

from collections.abc import Iterator
from dataclasses import dataclass

from gateway.limits.places import PlaceRule, Places
from gateway.live.closing import REPLACED, TOO_MANY
from gateway.live.terms import LiveTerms
from services.chassis.clock import Clock


@dataclass(frozen=True)
class LivePlaces:
    """Who has which."""

    addresses: Places
    """By address: all of its connections."""
    waiting: Places
    """By address: those that have not said hello."""
    users: Places

    def __iter__(self) -> Iterator[Places]:
        return iter((self.addresses, self.waiting, self.users))


def live_places(terms: LiveTerms, clock: Clock, *, is_shared: bool = False) -> LivePlaces:
    """Return the limits of `terms`.

    Args:
        terms: How many there may be.
        clock: Tells which connection is the oldest.
        is_shared: Whether there may be other gateways.
    """
    too_many = "too many connections from one address"
    rules = (
        PlaceRule("address", terms.connections_per_address, TOO_MANY, too_many),
        PlaceRule("waiting", terms.waiting_per_address, TOO_MANY, too_many),
        PlaceRule("user", terms.connections_per_user, REPLACED, "replaced by a newer connection", newest_stay=True),
    )
    return LivePlaces(*(Places(rule, clock, is_shared=is_shared) for rule in rules))
