"""``python -m sandbox.botapi``."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from sandbox.botapi.config import BotApiSettings
from sandbox.botapi.server import RunningBotApi, bot_api
from services.chassis.lifecycle import main


@asynccontextmanager
async def bot_api_service(settings: BotApiSettings) -> AsyncIterator[RunningBotApi]:
    """Run the stand-in for the length of the block."""
    chats = [chat.strip() for chat in settings.telegram_chat_id.split(",") if chat.strip()]
    async with bot_api(
        port=settings.port,
        token=settings.telegram_bot_token.get_secret_value(),
        chats=chats,
        limit_bytes=settings.telegram_limit_bytes,
    ) as running:
        yield running


if __name__ == "__main__":
    main("sandbox-botapi", BotApiSettings, bot_api_service)
