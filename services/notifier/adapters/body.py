"""The body of one Bot API request: fields, small files, and the streamed file last."""

import secrets
from collections.abc import AsyncGenerator, Mapping
from contextlib import aclosing

from telegram.request import RequestData

from services.notifier.adapters.early_answer import EarlyAnswer
from services.notifier.core.upload import Upload


class Body:
    """Bytes to send, with their exact length known before the first.

    Args:
        head: What goes first.
        upload: The streamed file. None: there is only `head`.
        tail: What closes the body.
        answer: Cuts the wait for the file's next part once the server has spoken.
    """

    def __init__(
        self, content_type: str, head: bytes, upload: Upload | None, tail: bytes, *, answer: EarlyAnswer
    ) -> None:
        self.content_type = content_type
        self.file_bytes = upload.size_bytes if upload else 0
        self.length_bytes = len(head) + self.file_bytes + len(tail)
        self.is_whole = False
        """True from the moment the last bytes are handed over: from then on the server may have acted."""
        self._head = head
        self._upload = upload
        self._tail = tail
        self._answer = answer

    @property
    def taken_file_bytes(self) -> int:
        """Bytes of the file that the socket took."""
        return self._upload.taken_bytes if self._upload else 0

    async def chunks(self) -> AsyncGenerator[bytes, None]:
        """Yield the body once, in order. What the upload raises passes through and leaves the body cut."""
        self.is_whole = not self._tail
        yield self._head
        if self._upload is not None:
            async with aclosing(self._upload.chunks(self._answer.cuts)) as chunks:
                async for chunk in chunks:
                    yield chunk
        if self._tail:
            self.is_whole = True
            yield self._tail


def body_of(data: RequestData | None, answer: EarlyAnswer) -> Body:
    """Return the body for what python-telegram-bot wants to send."""
    if data is None or not data.contains_files:
        fields = data.url_encoded_parameters() if data else ""
        return Body("application/x-www-form-urlencoded", fields.encode(), None, b"", answer=answer)
    boundary = secrets.token_hex(16)
    head, upload = _multipart(boundary, data)
    return Body(
        f"multipart/form-data; boundary={boundary}", head, upload, f"\r\n--{boundary}--\r\n".encode(), answer=answer
    )


def _multipart(boundary: str, data: RequestData) -> tuple[bytes, Upload | None]:
    pieces = _fields(boundary, data.json_parameters)
    upload: Upload | None = None
    upload_head = b""
    for name, (file_name, content, mime_type) in data.multipart_data.items():
        head = _file_head(boundary, name, file_name, mime_type)
        if isinstance(content, Upload):
            upload, upload_head = content, head
        else:
            pieces += [head, content if isinstance(content, bytes) else content.read(), b"\r\n"]
    joined = b"".join(pieces)
    # The boundary's own line break belongs to the delimiter, and the tail starts with one.
    return (joined + upload_head, upload) if upload else (joined.removesuffix(b"\r\n"), None)


def _fields(boundary: str, fields: Mapping[str, str]) -> list[bytes]:
    return [
        f'--{boundary}\r\nContent-Disposition: form-data; name="{name}"\r\n\r\n{value}\r\n'.encode()
        for name, value in fields.items()
    ]


def _file_head(boundary: str, name: str, file_name: str, mime_type: str) -> bytes:
    # Servers disagree on how a quote inside a quoted name is written; a person sees little difference.
    plain_name = file_name.replace('"', "'")
    return (
        f'--{boundary}\r\nContent-Disposition: form-data; name="{name}"; filename="{plain_name}"\r\n'
        f"Content-Type: {mime_type}\r\n\r\n"
    ).encode()
