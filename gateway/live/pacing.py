"""Progress at a pace people can see: the first at once, then at most ten a second for each job, the latest winning."""

import asyncio
from collections.abc import Callable

MAX_PER_SECOND = 10
_INTERVAL_S = 1 / MAX_PER_SECOND


class Pacer:
    """Passes on the newest item of each key, at most `MAX_PER_SECOND` times a second."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        self._waiting: dict[str, Callable[[], None]] = {}
        self._timers: dict[str, asyncio.TimerHandle] = {}

    def offer(self, key: str, send: Callable[[], None]) -> None:
        """Call `send` now, or soon unless a newer one comes first."""
        if key in self._timers:
            self._waiting[key] = send
            return
        send()
        self._timers[key] = self._loop.call_later(_INTERVAL_S, self._due, key)

    def drop(self, key: str) -> None:
        """Forget what waits for `key`: something newer has been said."""
        self._waiting.pop(key, None)

    def close(self) -> None:
        """Forget everything."""
        for timer in self._timers.values():
            timer.cancel()
        self._timers.clear()
        self._waiting.clear()

    def _due(self, key: str) -> None:
        del self._timers[key]
        send = self._waiting.pop(key, None)
        if send is not None:
            self.offer(key, send)
