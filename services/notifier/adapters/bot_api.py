"""Where the Bot API is, and how long it may take."""

from dataclasses import dataclass, field
from urllib.parse import urlsplit


@dataclass(frozen=True, slots=True, kw_only=True)
class BotApi:
    """One bot at one Bot API server."""

    base_url: str
    """Without a slash at the end and without the ``/bot…`` part."""
    token: str = field(repr=False)
    limit_bytes: int
    """Largest file that it is expected to take."""
    connect_timeout_s: float
    write_timeout_s: float
    """For one write to the socket, not for the whole body."""
    read_timeout_s: float
    """From the end of the request to its answer."""

    @property
    def address(self) -> str:
        """``host:port``, for people: without the token, and without credentials that the URL may hold."""
        url = urlsplit(self.base_url)
        return f"{url.hostname}:{url.port or (443 if url.scheme == 'https' else 80)}"
