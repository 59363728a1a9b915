"""A rate limit with a leading edge: the first thing after a pause goes at once."""


class Pace:
    """When the next thing may go out.

    Args:
        interval_s: Least seconds between two.
    """

    def __init__(self, interval_s: float) -> None:
        self._interval_s = interval_s
        self._next_at_s = float("-inf")

    def wait_s(self, now_s: float) -> float:
        """Return how long from `now_s` until it may; 0 when it may now."""
        return max(0.0, self._next_at_s - now_s)

    def went(self, now_s: float) -> None:
        """Note that one went out at `now_s`."""
        self._next_at_s = now_s + self._interval_s
