"""Telegram's published limits as one line per chat and one for all."""

import asyncio
from collections import OrderedDict
from dataclasses import dataclass

from aiolimiter import AsyncLimiter

from services.chassis.clock import Clock

_IDLE_S = 60.0
"""Longer than any distance between two messages: a line that was idle for so long holds nobody back."""


@dataclass(frozen=True, kw_only=True)
class MessageLimits:
    """Telegram's limits. One of n in a time is kept as one message each n-th of it.

    A bucket that lets n pass at once and then refills would let almost 2 n pass in the first such time.
    """

    per_s: int
    """Messages per second in all; 0: no limit."""
    per_chat_s: int
    """Messages per second to one chat; 0: no limit."""
    per_group_min: int
    """Messages per minute to one group or channel; 0: no limit."""

    @property
    def all_s(self) -> float:
        """Least seconds between two messages; 0: none."""
        return 1 / self.per_s if self.per_s else 0.0

    def chat_s(self, chat: str) -> float:
        """Return the least seconds between two messages to `chat`; 0: none."""
        distance_s = 1 / self.per_chat_s if self.per_chat_s else 0.0
        # Telegram counts channels, which alone have an @name here, like groups.
        if self.per_group_min and chat.startswith(("-", "@")):
            return max(60 / self.per_group_min, distance_s)
        return distance_s


class MessageTurns:
    """The `Turns` of the Bot API."""

    def __init__(self, clock: Clock, limits: MessageLimits) -> None:
        self._clock = clock
        self._limits = limits
        self._all = _Line(limits.all_s)
        self._chats: OrderedDict[str, tuple[float, _Line]] = OrderedDict()

    def wait_s(self, chat: str) -> float:
        return max(self._line(chat).wait_s, self._all.wait_s)

    async def take(self, chat: str) -> None:
        # The chat's line first: who waits there must not hold up the line of all.
        await self._line(chat).take()
        await self._all.take()

    def _line(self, chat: str) -> "_Line":
        now_s = self._clock.monotonic_s()
        _, line = self._chats.pop(chat, (now_s, None))
        if line is None:
            self._forget_idle(now_s)
            line = _Line(self._limits.chat_s(chat))
        self._chats[chat] = (now_s, line)
        return line

    def _forget_idle(self, now_s: float) -> None:
        while self._chats:
            chat, (used_at_s, line) = next(iter(self._chats.items()))
            if line.waiting_count or used_at_s > now_s - _IDLE_S:
                return
            del self._chats[chat]


class _Line:
    """Messages that keep their distance. First come, first served: the limiter alone lets a newcomer pass a sleeper.

    Args:
        distance_s: Least seconds between two; 0: none.
    """

    def __init__(self, distance_s: float) -> None:
        self._distance_s = distance_s
        self._limiter = AsyncLimiter(1, distance_s) if distance_s else None
        self._order = asyncio.Lock()
        self.waiting_count = 0

    @property
    def wait_s(self) -> float:
        """Return how long a newcomer would wait at most."""
        if self._limiter is None or (not self.waiting_count and self._limiter.has_capacity()):
            return 0.0
        return (self.waiting_count + 1) * self._distance_s

    async def take(self) -> None:
        if self._limiter is None:
            return
        self.waiting_count += 1
        try:
            async with self._order:
                await self._limiter.acquire()
        finally:
            self.waiting_count -= 1
