"""What can be sent, and what is known once it was."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class MediaMessage:
    """One file with the way it is shown. Zero and empty mean: not told."""

    destination: str
    """Numeric chat id or @channel. Empty: the default chat."""
    file_name: str
    mime_type: str
    size_bytes: int
    is_audio: bool = False
    caption: str = ""
    duration_s: int = 0
    width: int = 0
    """Display width in pixels."""
    height: int = 0
    """Display height in pixels."""
    thumbnail: bytes = b""
    """JPEG."""
    title: str = ""
    """For audio."""
    performer: str = ""
    """For audio."""
    thread_id: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class TextMessage:
    """A text, sent without a parse mode."""

    destination: str
    """Numeric chat id or @channel. Empty: the default chat."""
    text: str
    thread_id: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Delivered:
    """Where a message is."""

    chat_id: int
    message_id: int
    file_id: str = ""
    """Telegram's reusable id of the file. Empty for a text."""
    size_bytes: int = 0
    """Bytes of the file. 0 for a text."""
