"""Moments for people: in this machine's time zone, or as long ago as they are."""

from datetime import UTC, datetime

from cli.words import duration

_DAY_S = 86_400


def local(moment: str) -> str:
    """Return a moment of the API with its date and its zone."""
    return f"{datetime.fromisoformat(moment).astimezone():%Y-%m-%d %H:%M:%S %Z}"


def clock(moment: str) -> str:
    """Return a moment of the API as this machine's clock shows it."""
    return f"{datetime.fromisoformat(moment).astimezone():%H:%M:%S}"


def sortable(moment: str) -> str:
    """Return a moment of the API as programs read it, with the distance from UTC."""
    return datetime.fromisoformat(moment).astimezone().isoformat(timespec="seconds")


def ago(moment: str, now: datetime | None = None) -> str:
    """Return how long ago a moment of the API was; this machine's clock may be behind that of the gateway."""
    past_s = ((now or datetime.now(UTC)) - datetime.fromisoformat(moment)).total_seconds()
    if past_s < 1:
        return "just now"
    if past_s < 2 * 3600:
        return f"{duration(past_s)} ago"
    return f"{past_s / 3600:.0f} h ago" if past_s < 2 * _DAY_S else f"{past_s / _DAY_S:.0f} days ago"
