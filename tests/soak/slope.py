"""How fast a number rises, told so that single outliers do not matter: Theil and Sen's slope, with its confidence."""

import math
import statistics
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

_BLOCK_COUNT = 24
_Z = 2.576
"""Of 99 % confidence."""


@dataclass(frozen=True, kw_only=True)
class Slope:
    """A number over time, in its own unit per hour."""

    first: float
    """Median of the first tenth."""
    last: float
    """Median of the last tenth."""
    per_h: float
    low_per_h: float
    """It rises at least so fast, with 99.5 % confidence."""
    high_per_h: float
    hours: float
    """How long it was looked at."""

    @property
    def sure_rise(self) -> float:
        """By how much it has risen at least, with the same confidence."""
        return self.low_per_h * self.hours


def slope(times_s: Sequence[float], values: Sequence[float]) -> Slope:
    """Return the slope of `values`.

    Looks that follow each other within seconds resemble each other and would feign confidence; so it is taken of the
    medians of up to 24 blocks.

    Args:
        times_s: Rising.
        values: As many, at least three.
    """
    assert len(times_s) == len(values) >= 3
    blocks = list(_blocks(times_s, values))
    slopes_per_s = sorted(
        (later - earlier) / (end_s - begin_s)
        for at, (begin_s, earlier) in enumerate(blocks)
        for end_s, later in blocks[at + 1 :]
    )
    count = len(blocks)
    # Kendall's score is about normal with this variance when nothing rises.
    apart = _Z * math.sqrt(count * (count - 1) * (2 * count + 5) / 18)
    low = max(math.floor((len(slopes_per_s) - apart) / 2), 0)
    high = min(math.ceil((len(slopes_per_s) + apart) / 2), len(slopes_per_s) - 1)
    tenth = max(len(values) // 10, 1)
    return Slope(
        first=statistics.median(values[:tenth]),
        last=statistics.median(values[-tenth:]),
        per_h=statistics.median(slopes_per_s) * 3600,
        low_per_h=slopes_per_s[low] * 3600,
        high_per_h=slopes_per_s[high] * 3600,
        hours=(times_s[-1] - times_s[0]) / 3600,
    )


def _blocks(times_s: Sequence[float], values: Sequence[float]) -> Iterator[tuple[float, float]]:
    count = min(_BLOCK_COUNT, len(values))
    for number in range(count):
        part = slice(number * len(values) // count, (number + 1) * len(values) // count)
        yield statistics.median(times_s[part]), statistics.median(values[part])
