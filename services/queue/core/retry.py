"""How long to wait before another run, and whether there is one."""

import random
from collections.abc import Callable
from dataclasses import dataclass


@dataclass(frozen=True)
class RetryPolicy:
    """Waits that grow fourfold: a person is waiting, so they start short.

    Args:
        backoff_s: Wait before the second run.
        cap_s: Longest wait, before `retry_after_s` is looked at.
        jitter: Waits vary by this share, so that jobs that failed together do not come back together.
        chance: Source of numbers from 0 to 1.
    """

    backoff_s: float = 15.0
    cap_s: float = 900.0
    jitter: float = 0.2
    chance: Callable[[], float] = random.random

    def delay_s(self, attempt: int, retry_after_s: float | None = None) -> float:
        """Return the wait after run number `attempt`, in seconds; never below `retry_after_s`."""
        delay_s: float = min(self.backoff_s * 4.0 ** (attempt - 1), self.cap_s)
        delay_s *= 1 + self.jitter * (2 * self.chance() - 1)
        if retry_after_s is None:
            return delay_s
        return max(delay_s, retry_after_s * (1 + self.jitter * self.chance()))
