"""The Bot API's methods: check as Telegram does, keep, answer as Telegram does."""

import hashlib
import time
import uuid
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any

from sandbox.botapi.errors import bad_request
from sandbox.botapi.form import Form, FormFile
from sandbox.botapi.inbox import Inbox, StoredFile, StoredMessage
from sandbox.botapi.markup import check_markup
from sandbox.botapi.media import check_decodes, check_thumbnail, moov_before_mdat

CAPTION_LIMIT_UNITS = 1024
TEXT_LIMIT_UNITS = 4096

BOT = {"id": 123456789, "is_bot": True, "first_name": "Sandbox", "username": "clipferry_sandbox_bot"}


class Methods:
    """Answers each method with its ``result``.

    Args:
        chats: Chats that exist, as numeric ids or @channels.
    """

    def __init__(self, inbox: Inbox, chats: Sequence[str]) -> None:
        self._inbox = inbox
        self._chats = {name: _chat(name) for name in chats}
        self.by_name: Mapping[str, Callable[[Form], Awaitable[Any]]] = {
            "getMe": self._get_me,
            "sendMessage": self._send_message,
            "editMessageText": self._edit_message_text,
            "sendVideo": lambda form: self._send_file(form, "sendVideo", "video"),
            "sendAudio": lambda form: self._send_file(form, "sendAudio", "audio"),
            "sendDocument": lambda form: self._send_file(form, "sendDocument", "document"),
        }

    async def _get_me(self, _form: Form) -> Any:
        return {**BOT, "can_join_groups": True, "can_read_all_group_messages": False, "supports_inline_queries": False}

    async def _send_message(self, form: Form) -> Any:
        chat = self._chat_of(form)
        text = form.fields.get("text", "")
        _check_text(text, form.fields.get("parse_mode", ""))
        return _answer(self._keep("sendMessage", chat, form, None), chat, {"text": text})

    async def _edit_message_text(self, form: Form) -> Any:
        chat = self._chat_of(form)
        message_id = form.fields.get("message_id", "")
        message = self._inbox.in_chat(chat["id"], int(message_id) if message_id.isdigit() else 0)
        if message is None or "text" not in message.fields:
            raise bad_request("message to edit not found")
        text = form.fields.get("text", "")
        _check_text(text, form.fields.get("parse_mode", ""))
        if text == message.fields["text"]:
            raise bad_request("message is not modified")
        message.fields["text"] = text
        return _answer(message, chat, {"text": text, "edit_date": int(time.time())})

    async def _send_file(self, form: Form, method: str, kind: str) -> Any:
        chat = self._chat_of(form)
        caption = form.fields.get("caption", "")
        if _utf16_units(caption) > CAPTION_LIMIT_UNITS:
            raise bad_request("message caption is too long")
        check_markup(caption, form.fields.get("parse_mode", ""))
        file = await self._file(form, kind)
        shown = {kind: _media(file, form.fields, kind)} | ({"caption": caption} if caption else {})
        return _answer(self._keep(method, chat, form, file), chat, shown)

    async def _file(self, form: Form, kind: str) -> StoredFile:
        sent = form.files.get(kind)
        if sent is None:
            known = self._inbox.with_file(form.fields.get(kind, ""))
            if known is None:
                raise bad_request(f"there is no {kind} in the request")
            return known
        if not sent.data:
            raise bad_request("file must be non-empty")
        thumbnail = _attached(form, "thumbnail")
        size = check_thumbnail(thumbnail.data) if thumbnail else None
        if kind != "document":
            await check_decodes(sent.data)
        return StoredFile(
            file_id=f"sandbox-{uuid.uuid4().hex}",
            name=sent.name,
            mime_type=sent.mime_type,
            data=sent.data,
            sha256=hashlib.sha256(sent.data).hexdigest(),
            decoded=kind != "document",
            moov_before_mdat=moov_before_mdat(sent.data),
            thumbnail=thumbnail.data if thumbnail else b"",
            thumbnail_width=size.width if size else 0,
            thumbnail_height=size.height if size else 0,
        )

    def _chat_of(self, form: Form) -> dict[str, Any]:
        name = form.fields.get("chat_id", "")
        if not name:
            raise bad_request("chat_id is empty")
        if name not in self._chats:
            raise bad_request("chat not found")
        return self._chats[name]

    def _keep(self, method: str, chat: dict[str, Any], form: Form, file: StoredFile | None) -> StoredMessage:
        return self._inbox.add(
            method=method,
            chat_id=chat["id"],
            fields=dict(form.fields),
            file=file,
            received_at_ms=time.time_ns() // 1_000_000,
        )


def _chat(name: str) -> dict[str, Any]:
    if name.startswith("@"):
        number = int.from_bytes(hashlib.sha256(name.encode()).digest()[:4], "big")
        return {"id": -1_000_000_000_000 - number, "type": "channel", "title": name[1:], "username": name[1:]}
    chat_id = int(name)
    if chat_id < 0:
        return {"id": chat_id, "type": "supergroup", "title": "Sandbox group"}
    return {"id": chat_id, "type": "private", "first_name": "Sandbox"}


def _answer(message: StoredMessage, chat: dict[str, Any], shown: dict[str, Any]) -> dict[str, Any]:
    thread_id = int(message.fields.get("message_thread_id", "0"))
    thread = {"message_thread_id": thread_id, "is_topic_message": True} if thread_id else {}
    date = message.received_at_ms // 1000
    return {"message_id": message.message_id, "from": BOT, "chat": chat, "date": date, **thread, **shown}


def _media(file: StoredFile, fields: dict[str, str], kind: str) -> dict[str, Any]:
    shown: dict[str, Any] = {
        "file_id": file.file_id,
        "file_unique_id": file.sha256[:16],
        "file_size": len(file.data),
        "file_name": file.name,
        "mime_type": file.mime_type,
    }
    numbers = {"video": ("width", "height", "duration"), "audio": ("duration",), "document": ()}[kind]
    shown |= {name: int(fields.get(name, "0")) for name in numbers}
    if kind == "audio":
        shown |= {name: fields[name] for name in ("title", "performer") if name in fields}
    if file.thumbnail:
        shown["thumbnail"] = {
            "file_id": f"{file.file_id}-thumbnail",
            "file_unique_id": f"{file.sha256[:15]}t",
            "width": file.thumbnail_width,
            "height": file.thumbnail_height,
            "file_size": len(file.thumbnail),
        }
    return shown


def _attached(form: Form, field: str) -> FormFile | None:
    reference = form.fields.get(field, "")
    return form.files.get(reference.removeprefix("attach://")) or form.files.get(field)


def _check_text(text: str, parse_mode: str) -> None:
    if not text.strip():
        raise bad_request("message text is empty")
    if _utf16_units(text) > TEXT_LIMIT_UNITS:
        raise bad_request("message is too long")
    check_markup(text, parse_mode)


def _utf16_units(text: str) -> int:
    return len(text.encode("utf-16-le")) // 2
