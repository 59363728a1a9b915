"""Moments as JavaScript writes them."""

from datetime import UTC, datetime


def iso(moment_ms: int) -> str:
    """Return milliseconds since 1970 as ``2024-01-01T00:01:30.000Z``."""
    moment = datetime.fromtimestamp(moment_ms / 1000, UTC)
    return moment.strftime("%Y-%m-%dT%H:%M:%S.") + f"{moment_ms % 1000:03d}Z"
