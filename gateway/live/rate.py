"""How often a client may speak."""

_BURST = 100


class CommandRate:
    """GCRA: a burst of 100 commands, then `per_minute`."""

    __slots__ = ("_due_at_s", "_spacing_s")

    def __init__(self, per_minute: int) -> None:
        self._spacing_s = 60.0 / per_minute
        self._due_at_s = 0.0

    def admits(self, now_s: float) -> bool:
        """Return whether one more command is within the rate."""
        due_at_s = max(self._due_at_s, now_s) + self._spacing_s
        if due_at_s - now_s > _BURST * self._spacing_s:
            return False
        self._due_at_s = due_at_s
        return True
