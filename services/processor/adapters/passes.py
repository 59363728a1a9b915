"""The right of one job to go out to the web, and how much it may take in."""

import asyncio
import hmac
import secrets
from typing import Protocol


class Joined(Protocol):
    """A connection to a site, and the one it is for."""

    def flow(self) -> None:
        """Read on, or stop reading, as the pass allows now."""

    def cut(self) -> None:
        """Hang up on both."""


class Pass:
    """The right of one job to use the proxy, and what it did with it."""

    def __init__(self, port: int) -> None:
        self._secret = secrets.token_urlsafe(24)
        self.proxy_url = f"http://job:{self._secret}@127.0.0.1:{port}"
        """For yt-dlp's ``proxy`` and ffmpeg's ``http_proxy``; holds the secret."""
        self.received_bytes = 0
        """Bytes that came from the web."""
        self.refused_count = 0
        """Targets that were refused."""
        self.clients: set[asyncio.Transport] = set()
        """Those that wait for a connection to their site."""
        self.relays: set[Joined] = set()
        self._limit_bytes: int | None = None

    @property
    def is_full(self) -> bool:
        """Whether nothing more is read from the web until `allow` is called."""
        return self._limit_bytes is not None and self.received_bytes >= self._limit_bytes

    def share_of(self, wanted_bytes: int) -> int:
        """Return how much of that may be read from the web now."""
        if self._limit_bytes is None:
            return wanted_bytes
        return max(0, min(wanted_bytes, self._limit_bytes - self.received_bytes))

    def allow(self, more_bytes: int | None) -> None:
        """Read so much more from the web; None: without an end."""
        self._limit_bytes = None if more_bytes is None else self.received_bytes + more_bytes
        for relay in self.relays:
            relay.flow()

    def close(self) -> None:
        """Cut every connection."""
        for client in tuple(self.clients):
            client.abort()
        for relay in tuple(self.relays):
            relay.cut()

    def fits(self, credentials: str) -> bool:
        """Return whether ``user:password`` is this pass."""
        return hmac.compare_digest(credentials.encode(), f"job:{self._secret}".encode())
