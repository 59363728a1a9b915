"""What the notifier's core needs of the world."""

from typing import Protocol

from services.notifier.core.message import Delivered, MediaMessage, TextMessage
from services.notifier.core.upload import Upload


class Messenger(Protocol):
    """Sends messages to chats. Each send has one of three outcomes.

    *Sent*: it returns. *Not sent*: TELEGRAM_UNREACHABLE, TELEGRAM_FLOOD (with ``retry_after_s``), TELEGRAM_REJECTED,
    CHAT_UNAVAILABLE, VIDEO_TOO_LARGE, or what the upload itself raised. *Unknown*: DELIVERY_UNKNOWN, when the whole
    request was handed over and no definite answer came back.
    """

    async def send_media(self, message: MediaMessage, upload: Upload) -> Delivered:
        """Send a file while it arrives. Cancelling it, or a failing `upload`, cuts the request: nothing is sent."""

    async def send_text(self, message: TextMessage) -> Delivered:
        """Send a text."""
