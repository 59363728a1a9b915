"""What an answer or a silence of the Bot API means: the one place where it is translated.

An error before the end of the body means that nothing was sent. A definite answer of 3xx or 4xx means the same.
Anything else after the whole body may have been a success that got lost.
"""

import json
from dataclasses import dataclass
from typing import Any

import httpcore

from services.chassis.errors import ClipferryError, Reason
from services.chassis.logs import redacted
from services.notifier.adapters.bot_api import BotApi

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


@dataclass(frozen=True, slots=True, kw_only=True)
class Attempt:
    """A request, and how far it got."""

    api: BotApi
    file_bytes: int
    """Size of the file in it; 0: there is none."""
    is_whole: bool
    """Whether all of it had been handed over."""


def transport_failure(error: Exception, attempt: Attempt) -> ClipferryError:
    """Return what a broken or silent connection means."""
    problem = _problem(error, attempt.api)
    if attempt.is_whole and not isinstance(error, NEVER_CONNECTED):
        return _unknown(problem)
    return _unreachable(problem, attempt.api)


def _problem(error: Exception, api: BotApi) -> str:
    if isinstance(error, httpcore.ConnectTimeout | httpcore.PoolTimeout):
        return f"no connection was made within {api.connect_timeout_s:g} s"
    if isinstance(error, NEVER_CONNECTED):
        return "no connection could be made"
    if isinstance(error, httpcore.WriteTimeout):
        return f"it took no byte for {api.write_timeout_s:g} s"
    if isinstance(error, httpcore.ReadTimeout):
        return f"there was no answer within {api.read_timeout_s:g} s"
    return f"the connection broke ({type(error).__name__})"


def refusal(status: int, payload: bytes, attempt: Attempt) -> ClipferryError | None:
    """Return what an HTTP answer means; None when it is a success."""
    answer = _parsed(payload)
    if 200 <= status < 300 and answer.get("ok") is True:
        return None
    if status == 429:
        return _flood(answer)
    if 300 <= status < 500 and status != 408:
        return _refused(status, answer, attempt)
    problem = f"the answer was HTTP status {status}"
    if attempt.is_whole:
        return _unknown(problem, status=status)
    return _unreachable(problem, attempt.api, status=status)


def unreadable() -> ClipferryError:
    """Return what a success without a message that can be read means."""
    return _unknown("the answer could not be read")


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
        retry_after=retry_after_s,
    )


def _refused(status: int, answer: dict[str, Any], attempt: Attempt) -> ClipferryError:
    description = redacted(str(answer.get("description", "")))[:_DESCRIPTION_LIMIT_CHARS]
    said = f": {description}" if description else f" (HTTP status {status})"
    new_chat_id = _parameters(answer).get("migrate_to_chat_id")
    if isinstance(new_chat_id, int):
        return ClipferryError(
            Reason.CHAT_UNAVAILABLE, f"The chat has moved to {new_chat_id}.", migrate_to_chat_id=new_chat_id
        )
    if status == 413 and attempt.file_bytes:
        return _too_large(said, attempt)
    if answer and (status == 403 or any(words in description.lower() for words in _CHAT_WORDS)):
        return ClipferryError(Reason.CHAT_UNAVAILABLE, f"The bot cannot write to this chat{said}.", status=status)
    if status in {401, 404}:
        return ClipferryError(
            Reason.TELEGRAM_REJECTED, f"Telegram does not accept the bot's token{said}.", status=status
        )
    return ClipferryError(Reason.TELEGRAM_REJECTED, f"Telegram refused the message{said}.", status=status)


def _too_large(said: str, attempt: Attempt) -> ClipferryError:
    # Telegram does not say what its limit is. Ours let the file pass.
    size_bytes, limit_bytes = attempt.file_bytes, attempt.api.limit_bytes
    return ClipferryError(
        Reason.VIDEO_TOO_LARGE,
        f"Telegram does not take a file of {size_bytes} bytes, although TELEGRAM_LIMIT_BYTES is {limit_bytes}{said}.",
        size_bytes=size_bytes,
        limit_bytes=limit_bytes,
    )


def _parameters(answer: dict[str, Any]) -> dict[str, Any]:
    parameters = answer.get("parameters")
    return parameters if isinstance(parameters, dict) else {}


def _unknown(problem: str, **numbers: int) -> ClipferryError:
    return ClipferryError(
        Reason.DELIVERY_UNKNOWN,
        f"The whole message went to Telegram, then {problem}: it may have been sent; "
        "check the chat before sending again.",
        **numbers,
    )


def _unreachable(problem: str, api: BotApi, **numbers: int) -> ClipferryError:
    return ClipferryError(
        Reason.TELEGRAM_UNREACHABLE,
        f"Telegram cannot be reached at {api.address}, {problem}; nothing was sent.",
        address=api.address,
        **numbers,
    )
