"""What was sent lately, so that a repeated request is answered and not sent again."""

from collections import OrderedDict

from services.chassis.clock import Clock
from services.notifier.core.message import Delivered

KEEP_S = 3600.0
"""How long a delivery is remembered."""

KEEP_COUNT = 10_000
"""How many deliveries are remembered; the oldest is forgotten first."""


class Ledger:
    """Deliveries by idempotency key, in memory. An empty key is never remembered."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._entries: OrderedDict[str, tuple[float, Delivered]] = OrderedDict()

    def find(self, key: str) -> Delivered | None:
        """Return what was sent under `key` within the last hour."""
        self._forget_old()
        entry = self._entries.get(key)
        return entry[1] if entry else None

    def record(self, key: str, delivered: Delivered) -> None:
        """Remember that `delivered` was sent under `key`."""
        if not key:
            return
        self._entries[key] = (self._clock.monotonic_s(), delivered)
        self._entries.move_to_end(key)
        if len(self._entries) > KEEP_COUNT:
            self._entries.popitem(last=False)

    def _forget_old(self) -> None:
        oldest_kept_at_s = self._clock.monotonic_s() - KEEP_S
        while self._entries:
            key, (recorded_at_s, _) = next(iter(self._entries.items()))
            if recorded_at_s > oldest_kept_at_s:
                return
            del self._entries[key]
