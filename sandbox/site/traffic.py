"""Counts what the site was asked for and what it really sent, and holds the gates that tests open."""

import asyncio
from collections import defaultdict
from collections.abc import Iterator
from contextlib import contextmanager


class Traffic:
    """The site's counters by path, and its gates by name."""

    def __init__(self) -> None:
        self.requests: defaultdict[str, int] = defaultdict(int)
        """Requests begun."""
        self.bytes_sent: defaultdict[str, int] = defaultdict(int)
        """Bytes of bodies that the socket took."""
        self.open: defaultdict[str, int] = defaultdict(int)
        """Answers that are not over."""
        self._gates: defaultdict[str, asyncio.Event] = defaultdict(asyncio.Event)

    @contextmanager
    def request(self, path: str) -> Iterator[None]:
        """Count one request for the length of the block."""
        self.requests[path] += 1
        self.open[path] += 1
        try:
            yield
        finally:
            self.open[path] -= 1

    def gate(self, name: str) -> asyncio.Event:
        """Return the gate called `name`; it is made closed."""
        return self._gates[name]

    def as_json(self) -> dict[str, dict[str, int]]:
        """Return every counter, by path."""
        return {
            path: {"requests": count, "bytesSent": self.bytes_sent[path], "open": self.open[path]}
            for path, count in self.requests.items()
        }
