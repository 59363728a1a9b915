"""Asks the Bot API, once at start, whether it knows the bot."""

import asyncio
import http.client
from urllib.parse import urlsplit

import structlog

from services.chassis.lifecycle import StartError
from services.notifier.adapters.bot_api import BotApi

logger = structlog.get_logger(__name__)

CHECK_TIMEOUT_S = 3.0
"""A Telegram that is away must not keep the service from starting: jobs wait for it anyway."""


async def check_token(api: BotApi) -> None:
    """Return when the token is good, or when Telegram cannot say so now.

    Raises:
        StartError: If Telegram does not accept the token.
    """
    try:
        # Of the standard library, in a thread: it loads ten times faster than what sends the videos.
        status = await asyncio.to_thread(_get_me_status, api)
    except (OSError, http.client.HTTPException) as error:
        logger.warning(
            "Telegram cannot be reached now; going on, and jobs will wait for it.",
            action="telegram_unreachable",
            address=api.address,
            # Not the whole text: that of http.client may quote the address with the token.
            cause=getattr(error, "strerror", None) or type(error).__name__,
        )
        return
    if status in {401, 404}:
        raise StartError(f"Telegram does not accept TELEGRAM_BOT_TOKEN (asked at {api.address}).")
    if status != 200:
        logger.warning(
            "Telegram did not answer about the bot's token.",
            action="token_unchecked",
            address=api.address,
            status=status,
        )


def _get_me_status(api: BotApi) -> int:
    url = urlsplit(api.base_url)
    kind = http.client.HTTPSConnection if url.scheme == "https" else http.client.HTTPConnection
    connection = kind(url.netloc, timeout=CHECK_TIMEOUT_S)
    try:
        connection.request("GET", f"{url.path}/bot{api.token}/getMe")
        return connection.getresponse().status
    finally:
        connection.close()
