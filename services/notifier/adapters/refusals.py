"""What an answer or a silence of the Bot API means: the one place where it is translated.

An error before the end of the body means that nothing was sent. A definite answer of 3xx or 4xx means the same.
Anything else after the whole body may have been a success that got lost.
"""

import json
import math
import ssl
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
_RETRY_AFTER_LIMIT_S = 86_400
_DESCRIPTION_LIMIT_CHARS = 200
_CHAT_WORDS = (
    "channel_invalid",
    "channel_private",
    "chat not found",
    "chat_admin_required",
    "chat_forbidden",
    "chat_restricted",
    "chat_send_",
    "chat_write_forbidden",
    "group chat was",
    "have no rights",
    "message thread not found",
    "need administrator rights",
    "not enough rights",
    "peer_id_invalid",
    "topic_closed",
    "topic_deleted",
    "topic_id_invalid",
    "user is deactivated",
    "user_banned_in_channel",
    "user_deactivated",
    "user_is_blocked",
    "user not found",
)
"""What the Bot API writes into a 400 that is about the chat and not about the message."""

_SIZE_WORDS = ("file is too big", "file too large", "file_too_big", "request entity too large")


@dataclass(frozen=True, slots=True, kw_only=True)
class Attempt:
    """A request, and how far it got."""

    api: BotApi
    file_bytes: int
    """Size of the file in it; 0: there is none."""
    taken_bytes: int
    """Bytes of the file that the socket took."""
    is_whole: bool
    """Whether all of it had been handed over."""


def transport_failure(error: Exception, attempt: Attempt) -> ClipferryError:
    """Return what a broken or silent connection means."""
    problem = _problem(error, attempt)
    if attempt.is_whole and not isinstance(error, NEVER_CONNECTED):
        return _unknown(problem)
    if isinstance(error, httpcore.WriteTimeout):
        return _stalled(attempt)
    return _unreachable(problem, attempt.api)


def _problem(error: Exception, attempt: Attempt) -> str:
    api = attempt.api
    if isinstance(error, httpcore.ConnectError) and (ssl_error := _ssl_error(error)) is not None:
        is_distrust = isinstance(ssl_error, ssl.SSLCertVerificationError)
        return "its certificate could not be verified" if is_distrust else "the secure connection failed"
    if isinstance(error, httpcore.ConnectTimeout | httpcore.PoolTimeout):
        return f"no connection was made within {api.connect_timeout_s:g} s"
    if isinstance(error, NEVER_CONNECTED):
        return "no connection could be made"
    if isinstance(error, httpcore.WriteTimeout):
        return f"it took no byte for {api.write_timeout_s:g} s"
    if isinstance(error, httpcore.ReadTimeout):
        return f"there was no answer within {round(api.answer_timeout_s(attempt.file_bytes), 1):g} s"
    return f"the connection broke ({type(error).__name__})"


def _ssl_error(error: BaseException) -> ssl.SSLError | None:
    cause: BaseException | None = error
    while cause is not None and not isinstance(cause, ssl.SSLError):
        cause = cause.__cause__ or cause.__context__
    return cause


def is_definite(status: int) -> bool:
    """Return whether an HTTP status alone says that nothing was sent. 408: the request was not read in time."""
    return 300 <= status < 500 and status != 408


def refusal(status: int, payload: bytes, attempt: Attempt, *, retry_after: str = "") -> ClipferryError | None:
    """Return what an HTTP answer means; None when it is a success.

    Args:
        retry_after: The header of that name, for a 429 of somebody who does not speak as Telegram does.
    """
    answer = _parsed(payload)
    if 200 <= status < 300 and answer.get("ok") is True:
        return None
    if status == 429:
        return _flood(answer, retry_after)
    if is_definite(status):
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


def _flood(answer: dict[str, Any], header: str) -> ClipferryError:
    retry_after_s = _seconds(_parameters(answer).get("retry_after", header))
    return ClipferryError(
        Reason.TELEGRAM_FLOOD,
        f"Telegram asks to wait {retry_after_s} s before the next message to this chat.",
        retry_after_s=retry_after_s,
        retry_after=retry_after_s,
    )


def _seconds(told: object) -> int:
    """Return a wait in whole seconds, whatever was told."""
    try:
        told_s = float(told) if isinstance(told, int | float | str) else math.nan
    except (ValueError, OverflowError):
        told_s = math.nan
    if math.isnan(told_s):
        return DEFAULT_RETRY_AFTER_S
    return math.ceil(min(max(told_s, 1), _RETRY_AFTER_LIMIT_S))


def _refused(status: int, answer: dict[str, Any], attempt: Attempt) -> ClipferryError:
    description = redacted(str(answer.get("description", "")))[:_DESCRIPTION_LIMIT_CHARS]
    said = f": {description}" if description else f" (HTTP status {status})"
    new_chat_id = _parameters(answer).get("migrate_to_chat_id")
    if isinstance(new_chat_id, int):
        return ClipferryError(
            Reason.CHAT_UNAVAILABLE, f"The chat has moved to {new_chat_id}.", migrate_to_chat_id=new_chat_id
        )
    if attempt.file_bytes and (status == 413 or any(words in description.lower() for words in _SIZE_WORDS)):
        return _too_large(said, attempt)
    if status < 400:
        return _redirected(status, attempt.api)
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


def _redirected(status: int, api: BotApi) -> ClipferryError:
    # Not followed: the token would go along. And not quoted: it may hold the token.
    return ClipferryError(
        Reason.TELEGRAM_REJECTED,
        f"{api.address} sends requests elsewhere (HTTP status {status}); TELEGRAM_API_BASE_URL must name where the "
        "Bot API itself answers. Nothing was sent.",
        status=status,
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


def _stalled(attempt: Attempt) -> ClipferryError:
    limit_s = attempt.api.write_timeout_s
    return ClipferryError(
        Reason.STALLED,
        f"Telegram at {attempt.api.address} took no byte for {limit_s:g} s, after {attempt.taken_bytes} of "
        f"{attempt.file_bytes} bytes; nothing was sent.",
        address=attempt.api.address,
        limit_s=limit_s,
        taken_bytes=attempt.taken_bytes,
        size_bytes=attempt.file_bytes,
    )


def _unreachable(problem: str, api: BotApi, **numbers: int) -> ClipferryError:
    return ClipferryError(
        Reason.TELEGRAM_UNREACHABLE,
        f"Telegram cannot be reached at {api.address}, {problem}; nothing was sent.",
        address=api.address,
        **numbers,
    )
