"""How many may be open at once of one address or user: those here, and those at the other gateways."""

import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from services.chassis.clock import Clock

_RANDOM_BITS = 20


class Closable(Protocol):
    """A connection."""

    @property
    def is_open(self) -> bool:
        """Whether it still works."""

    def close(self, code: int, reason: str) -> None:
        """End it, and say why."""


@dataclass(frozen=True, slots=True)
class PlaceRule:
    """How many there may be of each, and who goes when there are more."""

    name: str
    """Of what is limited."""
    limit_count: int
    close_code: int
    """For those who have to go."""
    close_reason: str
    newest_stay: bool = False
    """Whether the oldest goes for one too many; if not, the newest."""


class Place:
    """One connection."""

    __slots__ = ("socket", "stamp", "who")

    def __init__(self, who: str, stamp: int, socket: Closable | None) -> None:
        self.who = who
        self.stamp = stamp
        """When it was opened: milliseconds since 1970, and random bits to tell those apart that came at once."""
        self.socket = socket
        """None as long as it cannot be closed: its handshake is under way."""


class Places:
    """Counts what is open of each key, and closes what is too much. Of those elsewhere it knows what it is told.

    All gateways put all connections of a key in the order of their stamps, so each closes its own part of what is too
    much, without asking.

    Args:
        rule: How many there may be.
        clock: For the stamps.
        is_shared: Whether other gateways hear of it. Only then it is kept what they have not heard yet.
    """

    def __init__(self, rule: PlaceRule, clock: Clock, *, is_shared: bool = False) -> None:
        self.rule = rule
        self._clock = clock
        self._is_shared = is_shared
        self._last_stamp = 0
        self._here: dict[str, dict[int, Place]] = {}
        self._elsewhere: Mapping[str, Sequence[int]] = {}
        self._untold: set[str] = set()

    def is_full(self, who: str) -> bool:
        """Return whether one more would be too many."""
        return self._count(who) >= self.rule.limit_count

    def take(self, who: str, socket: Closable | None = None) -> Place:
        """Count one more, whether or not there is room."""
        moment = (self._clock.time_ms() << _RANDOM_BITS) + random.getrandbits(_RANDOM_BITS)
        self._last_stamp = max(self._last_stamp + 1, moment)
        place = Place(who, self._last_stamp, socket)
        self._here.setdefault(who, {})[place.stamp] = place
        self._note(who)
        return place

    def leave(self, place: Place) -> None:
        """Count one less. A second time changes nothing."""
        here = self._here.get(place.who)
        if here is None or here.pop(place.stamp, None) is None:
            return
        if not here:
            del self._here[place.who]
        self._note(place.who)

    def make_room(self, who: str) -> None:
        """Close those here who are too many."""
        if self._count(who) <= self.rule.limit_count:
            return
        here = self._open_places(who)
        stamps = sorted((*here, *self._elsewhere.get(who, ())), reverse=self.rule.newest_stay)
        for stamp in stamps[self.rule.limit_count :]:
            place = here.get(stamp)
            if place is not None and place.socket is not None:
                place.socket.close(self.rule.close_code, self.rule.close_reason)
                self._note(who)

    def tell_all(self) -> None:
        """Have everything told: the others know nothing."""
        self._untold.update(self._here)

    def take_untold(self) -> Mapping[str, Sequence[int]]:
        """Return the stamps of each key of which something changed, and take them for told."""
        untold, self._untold = self._untold, set()
        return {who: sorted(self._open_places(who)) for who in untold}

    def hear(self, elsewhere: Mapping[str, Sequence[int]]) -> None:
        """Take in what is open at the other gateways: the stamps of each key of which there may be too many."""
        self._elsewhere = elsewhere
        for who in elsewhere:
            if who in self._here:
                self.make_room(who)

    def _count(self, who: str) -> int:
        return len(self._here.get(who, ())) + len(self._elsewhere.get(who, ()))

    def _open_places(self, who: str) -> dict[int, Place]:
        here = self._here.get(who, {})
        return {stamp: place for stamp, place in here.items() if place.socket is None or place.socket.is_open}

    def _note(self, who: str) -> None:
        if self._is_shared:
            self._untold.add(who)
