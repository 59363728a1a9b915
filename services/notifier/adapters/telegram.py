"""Messages through python-telegram-bot."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import IO, Any, cast

from telegram import Bot, InputFile, Message
from telegram.error import TelegramError

from services.chassis.errors import ClipferryError
from services.notifier.adapters.bot_api import BotApi
from services.notifier.adapters.refusals import unreadable
from services.notifier.adapters.request import StreamingRequest
from services.notifier.core.message import Delivered, MediaMessage, TextMessage
from services.notifier.core.upload import Upload


class TelegramMessenger:
    """The `Messenger` of the Bot API."""

    def __init__(self, api: BotApi) -> None:
        request = StreamingRequest(api)
        self._bot = Bot(api.token, base_url=f"{api.base_url}/bot", request=request, get_updates_request=request)

    async def send_media(self, message: MediaMessage, upload: Upload) -> Delivered:
        send = self._send_audio if message.is_audio else self._send_video
        with _outcome():
            sent = await send(message, _streamed(message, upload))
        return Delivered(
            chat_id=sent.chat_id, message_id=sent.message_id, file_id=_file_id(sent), size_bytes=message.size_bytes
        )

    async def send_text(self, message: TextMessage) -> Delivered:
        with _outcome():
            sent = await self._bot.send_message(
                _chat(message.destination), message.text, message_thread_id=message.thread_id or None
            )
        return Delivered(chat_id=sent.chat_id, message_id=sent.message_id)

    async def _send_video(self, message: MediaMessage, file: InputFile) -> Message:
        return await self._bot.send_video(
            _chat(message.destination),
            file,
            duration=message.duration_s or None,
            caption=message.caption or None,
            width=message.width or None,
            height=message.height or None,
            supports_streaming=True,
            message_thread_id=message.thread_id or None,
            thumbnail=_picture(message.thumbnail),
        )

    async def _send_audio(self, message: MediaMessage, file: InputFile) -> Message:
        return await self._bot.send_audio(
            _chat(message.destination),
            file,
            duration=message.duration_s or None,
            performer=message.performer or None,
            title=message.title or None,
            caption=message.caption or None,
            message_thread_id=message.thread_id or None,
            thumbnail=_picture(message.thumbnail),
        )


@contextmanager
def _outcome() -> Iterator[None]:
    try:
        yield
    except TelegramError as error:
        # The library wraps whatever its request raises.
        if isinstance(error.__cause__, ClipferryError):
            raise error.__cause__ from None
        raise unreadable() from error


def _chat(destination: str) -> int | str:
    return destination if destination.startswith("@") else int(destination)


def _streamed(message: MediaMessage, upload: Upload) -> InputFile:
    # The library hands an unread file on to the request as it is; ours reads it as an Upload.
    file = InputFile(cast("IO[bytes]", upload), filename=message.file_name, read_file_handle=False)
    file.mimetype = message.mime_type
    return file


def _picture(jpeg: bytes) -> InputFile | None:
    return InputFile(jpeg, filename="thumbnail.jpg", attach=True) if jpeg else None


def _file_id(message: Message) -> str:
    # A video without sound comes back as an animation, an unknown audio format as a document.
    attachment: Any = message.effective_attachment
    return str(getattr(attachment, "file_id", ""))
