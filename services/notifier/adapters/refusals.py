"""What an answer or a silence of the Bot API means: the one place where it is translated.

An error before the end of the body means that nothing was sent. A definite answer of 3xx or 4xx means the same.
Anything else after the whole body may have been a success that got lost.
"""

import json
from typing import Any

import httpcore

from services.chassis.errors import ClipferryError, Reason
from services.chassis.logs import redacted

NEVER_CONNECTED = (httpcore.ConnectError, httpcore.ConnectTimeout, httpcore.PoolTimeout, httpcore.UnsupportedProtocol)
TRANSPORT_ERRORS = (
    httpcore.NetworkError,
    httpcore.ProtocolError,
    httpcore.TimeoutException,
    httpcore.UnsupportedProtocol,
)
"""Everything that httpcore raises about a request."""

DEFAULT_RETRY_AFTER_S = 5
_DESCRIPTION_LIMIT_CHARS = 200
_CHAT_WORDS = (
    "chat not found",
    "chat_write_forbidden",
    "chat_restricted",
    "group chat was",
    "have no rights",
    "message thread not found",
    "need administrator rights",
    "not enough rights",
    "peer_id_invalid",
    "topic_closed",
    "topic_deleted",
)
"""What the Bot API writes into a 400 that is about the chat and not about the message."""


def transport_failure(error: Exception, *, is_whole: bool) -> ClipferryError:
    """Return what a broken or silent connection means, given whether the whole request had been handed over."""
    if is_whole and not isinstance(error, NEVER_CONNECTED):
        return _unknown("Telegram did not answer after the whole request")
    return _unreachable(f"the connection failed with {type(error).__name__}")


def refusal(status: int, payload: bytes, *, is_whole: bool) -> ClipferryError | None:
    """Return what an HTTP answer means; None when it is a success."""
    answer = _parsed(payload)
    if 200 <= status < 300 and answer.get("ok") is True:
        return None
    if status == 429:
        return _flood(answer)
    if 300 <= status < 500 and status != 408:
        return _refused(status, answer)
    problem = f"Telegram answered with HTTP status {status}"
    return _unknown(f"{problem} after the whole request", status) if is_whole else _unreachable(problem, status)


def unreadable() -> ClipferryError:
    """Return what a success without a message that can be read means."""
    return _unknown("Telegram's answer to the whole request cannot be read")


def _parsed(payload: bytes) -> dict[str, Any]:
    try:
        answer = json.loads(payload)
    except ValueError:
        # A proxy in front of the Bot API answers in HTML; its status says enough.
        return {}
    return answer if isinstance(answer, dict) else {}


def _flood(answer: dict[str, Any]) -> ClipferryError:
    retry_after_s = _parameters(answer).get("retry_after", DEFAULT_RETRY_AFTER_S)
    if not isinstance(retry_after_s, int):
        retry_after_s = DEFAULT_RETRY_AFTER_S
    return ClipferryError(
        Reason.TELEGRAM_FLOOD,
        f"Telegram asks to wait {retry_after_s} s before the next message to this chat.",
        retry_after_s=retry_after_s,
    )


def _refused(status: int, answer: dict[str, Any]) -> ClipferryError:
    description = redacted(str(answer.get("description", "")))[:_DESCRIPTION_LIMIT_CHARS]
    said = f": {description}" if description else f" (HTTP status {status})"
    new_chat_id = _parameters(answer).get("migrate_to_chat_id")
    if isinstance(new_chat_id, int):
        return ClipferryError(
            Reason.CHAT_UNAVAILABLE, f"The chat has moved to {new_chat_id}.", migrate_to_chat_id=new_chat_id
        )
    if status == 413:
        return ClipferryError(Reason.VIDEO_TOO_LARGE, f"Telegram does not take a file of this size{said}.")
    if answer and (status == 403 or any(words in description.lower() for words in _CHAT_WORDS)):
        return ClipferryError(Reason.CHAT_UNAVAILABLE, f"The bot cannot write to this chat{said}.", status=status)
    if status in {401, 404}:
        return ClipferryError(
            Reason.TELEGRAM_REJECTED, f"Telegram does not accept the bot's token{said}.", status=status
        )
    return ClipferryError(Reason.TELEGRAM_REJECTED, f"Telegram refused the message{said}.", status=status)


def _parameters(answer: dict[str, Any]) -> dict[str, Any]:
    parameters = answer.get("parameters")
    return parameters if isinstance(parameters, dict) else {}


def _unknown(problem: str, status: int | None = None) -> ClipferryError:
    numbers = {} if status is None else {"status": status}
    return ClipferryError(
        Reason.DELIVERY_UNKNOWN,
        f"{problem}: the message may have been sent; check the chat before sending again.",
        **numbers,
    )


def _unreachable(problem: str, status: int | None = None) -> ClipferryError:
    numbers = {} if status is None else {"status": status}
    return ClipferryError(
        Reason.TELEGRAM_UNREACHABLE, f"Telegram cannot be reached, {problem}; nothing was sent.", **numbers
    )
