"""Where the Bot API is, and how long it may take."""

from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True, kw_only=True)
class BotApi:
    """One bot at one Bot API server."""

    base_url: str
    """Without a slash at the end and without the ``/bot…`` part."""
    token: str = field(repr=False)
    connect_timeout_s: float
    write_timeout_s: float
    """For one write to the socket, not for the whole body."""
    read_timeout_s: float
    """From the end of the request to its answer."""
