"""Moments as JavaScript writes them."""

from datetime import UTC, datetime
from functools import lru_cache


def iso(moment_ms: int) -> str:
    """Return milliseconds since 1970 as ``2024-01-01T00:01:30.000Z``."""
    return f"{_second(moment_ms // 1000)}{moment_ms % 1000:03d}Z"


@lru_cache(maxsize=256)  # what is shown at once is mostly of the same few seconds
def _second(moment_s: int) -> str:
    return datetime.fromtimestamp(moment_s, UTC).strftime("%Y-%m-%dT%H:%M:%S.")
