"""What the notifier's core needs of the world."""

from typing import Protocol

from services.notifier.core.message import Delivered, MediaMessage, TextMessage
from services.notifier.core.upload import Upload


class Turns(Protocol):
    """How often messages may go to chats."""

    def wait_s(self, chat: str) -> float:
        """Return how long a message to `chat` would wait at most; 0 when it is its turn."""

    async def take(self, chat: str) -> None:
        """Return when it is a message's turn, first come, first served. Cancelling it leaves the line."""


class Pace(Protocol):
    """What all notifiers of a bot know together of when chats may get messages."""

    async def claim(self, chat: str) -> float:
        """Take a message's turn; returns 0, or the seconds until there may be one: then none was taken."""

    async def hold(self, chat: str, for_s: float) -> None:
        """Let nothing pass to `chat` for so many seconds, from any of them."""


class Messenger(Protocol):
    """Sends messages to chats. Each send has one of three outcomes.

    *Sent*: it returns. *Not sent*: TELEGRAM_UNREACHABLE, TELEGRAM_FLOOD (with ``retry_after_s``), TELEGRAM_REJECTED,
    CHAT_UNAVAILABLE (with ``migrate_to_chat_id`` where the chat has moved), VIDEO_TOO_LARGE, STALLED, or what the
    upload itself raised. *Unknown*: DELIVERY_UNKNOWN, when the whole
    request was handed over and no definite answer came back.
    """

    async def send_media(self, message: MediaMessage, upload: Upload) -> Delivered:
        """Send a file while it arrives. Cancelling it, or a failing `upload`, cuts the request: nothing is sent."""

    async def send_text(self, message: TextMessage) -> Delivered:
        """Send a text."""
