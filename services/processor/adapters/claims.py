"""Numbers that a site or a file claims: what cannot be true counts as not said."""

import math

MOST_PIXELS = 40_000_000
"""Of one picture: beyond the 33 million of 8K. Decoding a larger one takes more memory than all of a job."""

_LONGEST_S = 366 * 86_400
_MOST_SIDE_PIXELS = 65_535
"""A side that no mp4 can name."""
_MOST_BYTES = 2**53
"""Nine petabytes; beyond it a number is not exact in JSON."""


def seconds(value: object) -> float | None:
    """Return a duration; None for what is none, or is longer than a year."""
    if not isinstance(value, int | float) or not math.isfinite(value) or not 0 < value <= _LONGEST_S:
        return None
    return float(value)


def side(value: object) -> int:
    """Return a width or a height in pixels; 0 for what is none."""
    if not isinstance(value, int | float) or not math.isfinite(value) or not 1 <= value <= _MOST_SIDE_PIXELS:
        return 0
    return int(value)


def size(value: object) -> int:
    """Return a size in bytes; 0 for what is none. More than there can be is as much as there can be: too large."""
    if not isinstance(value, int | float) or math.isnan(value) or value < 1:
        return 0
    return int(min(value, _MOST_BYTES))
