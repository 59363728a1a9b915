"""What an answer tells of a limit: the fields RateLimit-Policy and RateLimit of the IETF draft."""

import math
from collections.abc import Sequence

from gateway.limits.gcra import Verdict

LIMIT_FIELDS = "clipferry.limit"
"""Key of an ASGI scope under which the fields stand that the answer has."""

Fields = Sequence[tuple[bytes, bytes]]

_US_PER_S = 1_000_000
_DAY_S = 86_400


def rate_fields(said: Verdict) -> Fields:
    """Return the burst, the seconds in which it is earned, how many more now, and the seconds until it is one more."""
    rate = said.rate
    return _fields(rate.name, rate.burst, rate.window_us / _US_PER_S, said.remaining, said.next_s)


def used_up_fields(name: str, quota_count: int, resets_in_s: float) -> Fields:
    """Return what is told of a quota of the day of which nothing is left."""
    return _fields(name, quota_count, _DAY_S, 0, resets_in_s)


def _fields(name: str, quota_count: int, window_s: float, remaining: int, next_s: float) -> Fields:
    return (
        (b"ratelimit-policy", f'"{name}";q={quota_count};w={math.ceil(window_s)}'.encode()),
        (b"ratelimit", f'"{name}";r={remaining};t={math.ceil(next_s)}'.encode()),
    )
