"""What the Bot API takes, checked before anything is sent: it would say so only after a whole upload."""

import re
from dataclasses import replace

from services.chassis.errors import ClipferryError, Reason, field_invalid
from services.notifier.core.message import MediaMessage, TextMessage

CAPTION_LIMIT_UNITS = 1024
TEXT_LIMIT_UNITS = 4096
THUMBNAIL_LIMIT_BYTES = 200_000
FILE_NAME_LIMIT_BYTES = 255
KEY_LIMIT_CHARS = 128
_JPEG_START = b"\xff\xd8\xff"
_DESTINATION = re.compile(r"-?\d{1,19}|@[A-Za-z0-9_]{4,32}")
_TOKEN = re.compile(r"\d{3,20}:[A-Za-z0-9_-]{20,100}")
_MIME_TYPE = re.compile(r"[a-z]+/[A-Za-z0-9.+-]{1,100}")
_PATH_OR_CONTROL = re.compile(r"[/\\\x00-\x1f\x7f]")


def token_problem(token: str) -> str:
    """Return what is wrong with the shape of a bot token; empty when nothing is. The token itself is not shown."""
    return "" if _TOKEN.fullmatch(token) else "must be digits, a colon and the key, as BotFather gave it"


def destination_problem(destination: str) -> str:
    """Return what is wrong with the shape of a chat's name; empty when nothing is."""
    return "" if _DESTINATION.fullmatch(destination) else "must be a numeric chat id or an @channel"


def utf16_units(text: str) -> int:
    """Return the length of `text` as Telegram counts it: characters beyond U+FFFF count twice."""
    return len(text) + sum(character > "\uffff" for character in text)


def checked_media(message: MediaMessage, *, default_chat: str, limit_bytes: int) -> MediaMessage:
    """Return `message` with its chat filled in.

    Raises:
        ClipferryError: FIELD_INVALID for the first field that the Bot API would not take; VIDEO_TOO_LARGE when the
            file has more than `limit_bytes` bytes.
    """
    destination = _destination(message.destination, default_chat)
    _check_file(message, limit_bytes)
    _check_thumbnail(message.thumbnail)
    _check_units("caption", message.caption, CAPTION_LIMIT_UNITS)
    for field in ("duration_s", "width", "height", "thread_id"):
        _check_not_negative(field, getattr(message, field))
    return replace(message, destination=destination)


def checked_text(message: TextMessage, *, default_chat: str) -> TextMessage:
    """Return `message` with its chat filled in.

    Raises:
        ClipferryError: FIELD_INVALID for the first field that the Bot API would not take.
    """
    destination = _destination(message.destination, default_chat)
    if not message.text.strip():
        raise field_invalid("text", "must not be empty")
    _check_units("text", message.text, TEXT_LIMIT_UNITS)
    _check_not_negative("thread_id", message.thread_id)
    return replace(message, destination=destination)


def check_key(key: str) -> None:
    """Raise FIELD_INVALID when an idempotency key is too long to be remembered."""
    if len(key) > KEY_LIMIT_CHARS:
        raise field_invalid("idempotency_key", f"must have at most {KEY_LIMIT_CHARS} characters", key)


def _destination(destination: str, default_chat: str) -> str:
    if not destination and not default_chat:
        raise field_invalid("destination", "must be given: TELEGRAM_CHAT_ID names no default chat")
    chosen = destination or default_chat
    if problem := destination_problem(chosen):
        raise field_invalid("destination", problem, chosen)
    return chosen


def _check_file(message: MediaMessage, limit_bytes: int) -> None:
    name_bytes = len(message.file_name.encode())
    if not 1 <= name_bytes <= FILE_NAME_LIMIT_BYTES:
        raise field_invalid("file_name", f"must have 1 to {FILE_NAME_LIMIT_BYTES} bytes", message.file_name)
    if _PATH_OR_CONTROL.search(message.file_name) or message.file_name in {".", ".."}:
        raise field_invalid("file_name", "must not hold path or control characters", message.file_name)
    if not _MIME_TYPE.fullmatch(message.mime_type):
        raise field_invalid("mime_type", "must be a media type such as video/mp4", message.mime_type)
    if message.size_bytes < 1:
        raise field_invalid("size_bytes", "must be at least 1", message.size_bytes)
    if message.size_bytes > limit_bytes:
        raise ClipferryError(
            Reason.VIDEO_TOO_LARGE,
            f"The file has {message.size_bytes} bytes; Telegram takes at most {limit_bytes}.",
            size_bytes=message.size_bytes,
            limit_bytes=limit_bytes,
        )


def _check_thumbnail(thumbnail: bytes) -> None:
    if not thumbnail:
        return
    if len(thumbnail) >= THUMBNAIL_LIMIT_BYTES:
        raise field_invalid("thumbnail", f"must have under {THUMBNAIL_LIMIT_BYTES} bytes, it has {len(thumbnail)}")
    if not thumbnail.startswith(_JPEG_START):
        raise field_invalid("thumbnail", "must be a JPEG")


def _check_units(field: str, text: str, limit: int) -> None:
    units = utf16_units(text)
    if units > limit:
        raise field_invalid(field, f"must have at most {limit} UTF-16 units, it has {units}", limit_units=limit)


def _check_not_negative(field: str, value: int) -> None:
    if value < 0:
        raise field_invalid(field, "must not be negative", value)
