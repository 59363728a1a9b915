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
    """Without a byte that the socket takes, not for the whole body."""
    read_timeout_s: float
    """From the end of the request to the end of its answer, beside what the size of its file adds."""
    min_bytes_per_s: int
    """Slowest work on a file after it has arrived."""

    def answer_timeout_s(self, file_bytes: int) -> float:
        """Return how long the answer to a request may take, by the size of its file."""
        return self.read_timeout_s + file_bytes / self.min_bytes_per_s

    @property
    def address(self) -> str:
        """``host:port``, for people: without the token, and without credentials that the URL may hold."""
        url = urlsplit(self.base_url)
        return f"{url.hostname}:{url.port or (443 if url.scheme == 'https' else 80)}"
