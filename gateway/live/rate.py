"""How often a client may speak."""

_PER_SECOND = 10.0
_BURST = 100


class CommandRate:
    """GCRA: a burst of 100, then 10 a second."""

    def __init__(self) -> None:
        self._due_at_s = 0.0

    def admits(self, now_s: float) -> bool:
        """Return whether one more command is within the rate."""
        due_at_s = max(self._due_at_s, now_s) + 1 / _PER_SECOND
        if due_at_s - now_s > _BURST / _PER_SECOND:
            return False
        self._due_at_s = due_at_s
        return True
