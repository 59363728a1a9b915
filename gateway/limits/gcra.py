"""GCRA, the whole of it: one number for each key, exact, and no double burst at the edge of a window."""

from dataclasses import dataclass

_US_PER_S = 1_000_000


@dataclass(frozen=True, slots=True)
class Rate:
    """How often something may happen: `burst` times at once, and in the long run `per_min` times a minute."""

    name: str
    """Of the policy, as `RateLimit-Policy` has it: letters and hyphens."""
    per_min: int
    """At least 1."""
    burst: int
    """At least 1."""

    @property
    def interval_us(self) -> int:
        """Microseconds in which one more is earned."""
        return max(60 * _US_PER_S // self.per_min, 1)

    @property
    def window_us(self) -> int:
        """Microseconds in which a whole burst is earned."""
        return self.interval_us * self.burst


@dataclass(frozen=True, slots=True)
class Verdict:
    """What became of one request."""

    rate: Rate
    is_admitted: bool
    remaining: int
    """How many more are admitted at once."""
    next_s: float
    """Seconds until one more than `remaining` is admitted; for a refused one, until it is worth trying again."""


def due_after(due_us: int, now_us: int, rate: Rate) -> int | None:
    """Return what to keep for a key after one more request, or None when it is one too many.

    Args:
        due_us: What was kept: when the key's requests so far are worked off. 0 for a new key.
        now_us: On the same clock.
        rate: How often it may happen.
    """
    after_us = max(due_us, now_us) + rate.interval_us
    return after_us if after_us - now_us <= rate.window_us else None


def verdict(due_us: int, now_us: int, rate: Rate, *, is_admitted: bool) -> Verdict:
    """Return what to tell of a request.

    Args:
        due_us: What is kept for the key, this request counted if it was admitted.
        now_us: On the same clock.
        rate: How often it may happen.
        is_admitted: What `due_after` said.
    """
    free_us = rate.window_us - (max(due_us, now_us) - now_us)
    remaining = free_us // rate.interval_us if free_us > 0 else 0
    next_us = (remaining + 1) * rate.interval_us - free_us
    return Verdict(rate, is_admitted, remaining, next_us / _US_PER_S)
