"""The Bot API's messenger, loaded with the first message: it takes half a second and 20 MB."""

import asyncio
import importlib

from services.notifier.adapters.bot_api import BotApi
from services.notifier.core.message import Delivered, MediaMessage, TextMessage
from services.notifier.core.ports import Messenger
from services.notifier.core.upload import Upload


class LateMessenger:
    """A `Messenger` that becomes a `TelegramMessenger` when it is needed."""

    def __init__(self, api: BotApi) -> None:
        self._api = api
        self._loaded: Messenger | None = None
        self._loading = asyncio.Lock()

    async def send_media(self, message: MediaMessage, upload: Upload) -> Delivered:
        return await (await self._messenger()).send_media(message, upload)

    async def send_text(self, message: TextMessage) -> Delivered:
        return await (await self._messenger()).send_text(message)

    async def _messenger(self) -> Messenger:
        async with self._loading:
            if self._loaded is None:
                # In a thread, so that health checks and other calls go on meanwhile.
                module = await asyncio.to_thread(importlib.import_module, "services.notifier.adapters.telegram")
                self._loaded = module.TelegramMessenger(self._api)
            return self._loaded
