"""How often a client may speak."""

from gateway.limits.gcra import Rate, due_after

_BURST = 100


class CommandRate:
    """A burst of 100 commands, then `per_minute`."""

    __slots__ = ("_due_us", "_rate")

    def __init__(self, per_minute: int) -> None:
        self._rate = Rate("commands", per_minute, _BURST)
        self._due_us = 0

    def admits(self, now_s: float) -> bool:
        """Return whether one more command is within the rate."""
        due_us = due_after(self._due_us, round(now_s * 1_000_000), self._rate)
        if due_us is None:
            return False
        self._due_us = due_us
        return True
