"""Chats that Telegram has asked to leave alone, as far as a run of this process has heard of it."""

import math
from dataclasses import dataclass, field

from services.chassis.errors import ClipferryError, Reason

_WORTH_S = 60.0
"""A shorter wait goes by while the video is fetched, or at the notifier, which waits for so long itself."""


@dataclass
class FloodedChats:
    """When chats may get messages again. A run for one of them would fetch its video for nothing."""

    _until_s: dict[str, float] = field(default_factory=dict)

    def note(self, destination: str, error: ClipferryError, *, now_s: float) -> None:
        """Remember what a run to `destination` ended with, if it tells of a wait."""
        if error.reason is not Reason.TELEGRAM_FLOOD or error.retry_after_s is None:
            return
        self._until_s = {chat: until_s for chat, until_s in self._until_s.items() if until_s > now_s}
        self._until_s[destination.lower()] = now_s + error.retry_after_s

    def check(self, destination: str, *, now_s: float) -> None:
        """Refuse a run whose video could not be sent.

        Raises:
            ClipferryError: TELEGRAM_FLOOD with the wait that is left.
        """
        left_s = math.ceil(self._until_s.get(destination.lower(), now_s) - now_s)
        if left_s > _WORTH_S:
            raise ClipferryError(
                Reason.TELEGRAM_FLOOD,
                f"The next message to this chat may go in {left_s} s, by Telegram's limits; nothing was fetched.",
                retry_after_s=left_s,
                retry_after=left_s,
            )
