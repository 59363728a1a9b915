"""When a chat may get its next message: Telegram's limits are kept before it refuses, and its refusals are obeyed."""

import math
from collections.abc import Awaitable, Callable

import structlog

from services.chassis.clock import Clock
from services.chassis.errors import ClipferryError, Reason
from services.notifier.core.ports import Pace, Turns

logger = structlog.get_logger(__name__)

TOLD_FROM_S = 0.5
"""Shorter waits are not worth a word."""


class FloodGate:
    """Lets messages pass, each chat at its own pace.

    Args:
        turns: Telegram's limits, and who comes first here.
        pace: What other notifiers do. Asked once a message has its turn here.
        wait_s: Longest wait here. A longer one is left to the queue, where a job that waits holds no memory.
    """

    def __init__(self, turns: Turns, pace: Pace, clock: Clock, *, wait_s: float) -> None:
        self._turns = turns
        self._pace = pace
        self._clock = clock
        self._wait_s = wait_s
        self._held_until_s: dict[str, float] = {}

    async def hold(self, chat: str, for_s: float) -> None:
        """Let nothing pass to `chat` for a time: Telegram has asked for it."""
        self._note(chat, for_s)
        await self._pace.hold(chat, for_s)

    def _note(self, chat: str, for_s: float) -> None:
        now_s = self._clock.monotonic_s()
        self._held_until_s = {held: until_s for held, until_s in self._held_until_s.items() if until_s > now_s}
        self._held_until_s[chat] = max(now_s + for_s, self._held_until_s.get(chat, 0.0))

    async def enter(self, chat: str, *, on_wait: Callable[[float], Awaitable[None]]) -> None:
        """Return when a message may go to `chat`. Cancelling it gives up the place in the line.

        Args:
            on_wait: Told before each wait about how many seconds it may take.

        Raises:
            ClipferryError: TELEGRAM_FLOOD with the wait that is left, at once, when it is longer than may be waited
                here.
        """
        give_up_at_s = self._clock.monotonic_s() + self._wait_s
        while True:
            held_s = self._held_s(chat)
            wait_s = max(held_s, self._turns.wait_s(chat))
            if wait_s > 0:
                self._check(chat, wait_s, give_up_at_s)
                await self._tell(chat, wait_s, on_wait)
            if held_s > 0:
                await self._clock.sleep(held_s)
                continue
            await self._turns.take(chat)
            # A message that was on its way meanwhile may have been refused.
            if self._held_s(chat) > 0:
                continue
            elsewhere_s = await self._pace.claim(chat)
            if elsewhere_s <= 0:
                return
            self._note(chat, elsewhere_s)

    def _held_s(self, chat: str) -> float:
        until_s = self._held_until_s.get(chat)
        return 0.0 if until_s is None else max(0.0, until_s - self._clock.monotonic_s())

    async def _tell(self, chat: str, wait_s: float, on_wait: Callable[[float], Awaitable[None]]) -> None:
        if wait_s >= TOLD_FROM_S:
            logger.info("A message waits for its turn.", action="flood_wait", chat=chat, wait_s=round(wait_s, 1))
            await on_wait(wait_s)

    def _check(self, chat: str, wait_s: float, give_up_at_s: float) -> None:
        if self._clock.monotonic_s() + wait_s <= give_up_at_s:
            return
        retry_after_s = math.ceil(wait_s)
        raise ClipferryError(
            Reason.TELEGRAM_FLOOD,
            f"The next message to chat {chat} may go in {retry_after_s} s, by Telegram's limits; nothing was sent.",
            retry_after_s=retry_after_s,
            retry_after=retry_after_s,
        )
