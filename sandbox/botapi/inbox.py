"""Messages that were accepted, newest kept, in memory."""

from collections import OrderedDict
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any


@dataclass(kw_only=True)
class StoredFile:
    """The file of a message."""

    file_id: str
    name: str
    mime_type: str
    data: bytes = field(repr=False)
    sha256: str
    decoded: bool
    """True when ffmpeg decoded it to its end; False when it was not asked to."""
    moov_before_mdat: bool | None
    """Whether an mp4 starts to play before it is loaded. None for other files."""
    thumbnail: bytes = field(default=b"", repr=False)
    thumbnail_width: int = 0
    thumbnail_height: int = 0


@dataclass(kw_only=True)
class StoredMessage:
    """One accepted message."""

    number: int
    """Counts all accepted messages, from 1."""
    method: str
    chat_id: int
    message_id: int
    fields: dict[str, str]
    """As they were sent."""
    received_at_ms: int
    file: StoredFile | None = None

    def as_json(self) -> dict[str, Any]:
        """Return what tests and the page see."""
        shown: dict[str, Any] = {
            "number": self.number,
            "method": self.method,
            "chat_id": self.chat_id,
            "message_id": self.message_id,
            "fields": self.fields,
            "received_at_ms": self.received_at_ms,
            "file": None,
        }
        if self.file is not None:
            shown["file"] = {
                "file_id": self.file.file_id,
                "name": self.file.name,
                "mime_type": self.file.mime_type,
                "size_bytes": len(self.file.data),
                "sha256": self.file.sha256,
                "decoded": self.file.decoded,
                "moov_before_mdat": self.file.moov_before_mdat,
                "thumbnail_bytes": len(self.file.thumbnail),
                "thumbnail_width": self.file.thumbnail_width,
                "thumbnail_height": self.file.thumbnail_height,
                "url": f"/media/{self.number}",
            }
        return shown


class Inbox:
    """Accepted messages, oldest first.

    Args:
        keep_count: Most messages kept.
        keep_bytes: Most bytes of files kept; the newest message stays whatever its size.
    """

    def __init__(self, *, keep_count: int = 200, keep_bytes: int = 512_000_000) -> None:
        self._keep_count = keep_count
        self._keep_bytes = keep_bytes
        self._messages: OrderedDict[int, StoredMessage] = OrderedDict()
        self._last_message_ids: dict[int, int] = {}
        self._last_number = 0

    def __iter__(self) -> Iterator[StoredMessage]:
        return iter(list(self._messages.values()))

    def __len__(self) -> int:
        return len(self._messages)

    def __getitem__(self, place: int) -> StoredMessage:
        return list(self._messages.values())[place]

    def add(
        self, *, method: str, chat_id: int, fields: dict[str, str], file: StoredFile | None, received_at_ms: int
    ) -> StoredMessage:
        """Keep a message and return it with its ids."""
        self._last_number += 1
        message_id = self._last_message_ids.get(chat_id, 0) + 1
        self._last_message_ids[chat_id] = message_id
        message = StoredMessage(
            number=self._last_number,
            method=method,
            chat_id=chat_id,
            message_id=message_id,
            fields=fields,
            received_at_ms=received_at_ms,
            file=file,
        )
        self._messages[message.number] = message
        self._drop_old()
        return message

    def numbered(self, number: int) -> StoredMessage | None:
        """Return the message with this number, if it is still kept."""
        return self._messages.get(number)

    def in_chat(self, chat_id: int, message_id: int) -> StoredMessage | None:
        """Return one message of a chat, if it is still kept."""
        return next((m for m in self if (m.chat_id, m.message_id) == (chat_id, message_id)), None)

    def with_file(self, file_id: str) -> StoredFile | None:
        """Return a file that was sent before, if it is still kept."""
        return next((m.file for m in self if m.file is not None and m.file.file_id == file_id), None)

    def clear(self) -> None:
        """Forget every message. Numbers and message ids go on rising."""
        self._messages.clear()

    def _drop_old(self) -> None:
        total_bytes = sum(len(message.file.data) for message in self if message.file)
        while len(self._messages) > 1 and (len(self) > self._keep_count or total_bytes > self._keep_bytes):
            _, dropped = self._messages.popitem(last=False)
            total_bytes -= len(dropped.file.data) if dropped.file else 0
