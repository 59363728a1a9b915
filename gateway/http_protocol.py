"""uvicorn's HTTP protocol, with a limit on the head of a request, and a problem for what it cannot read.

It leans on names inside uvicorn (`send_400_response`, `on_url`, `on_header`), which is why uvicorn is pinned and a test
speaks to it over a socket.
"""

import contextvars
from http import HTTPStatus

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from gateway.api.problems import problem
from gateway.api.request_id import HEADER, begin_request
from services.chassis.errors import ClipferryError, Reason

HEAD_LIMIT_BYTES = 64 * 1024


class _HeadTooLargeError(Exception):
    """Ends the parser; nobody sees it."""


class HttpProtocol(HttpToolsProtocol):
    """One connection of a client."""

    _head_bytes = 0
    """Of the present request: what has been read of its address and headers."""
    _pending_bytes = 0
    """What has come of a head that is not complete."""
    _is_in_head = False

    def data_received(self, data: bytes) -> None:
        was_in_head = self._is_in_head
        super().data_received(data)
        # The parser keeps an endless line to itself, without asking. What begins within `data` may follow a body.
        self._pending_bytes = self._pending_bytes + len(data) if was_in_head and self._is_in_head else 0
        if self._pending_bytes > HEAD_LIMIT_BYTES and not self.transport.is_closing():
            self.send_400_response("")

    def on_message_begin(self) -> None:
        super().on_message_begin()
        self._is_in_head, self._head_bytes = True, 0

    def on_url(self, url: bytes) -> None:
        self._count(len(url))
        super().on_url(url)

    def on_header(self, name: bytes, value: bytes) -> None:
        self._count(len(name) + len(value))
        super().on_header(name, value)

    def on_headers_complete(self) -> None:
        self._is_in_head = False
        super().on_headers_complete()

    def _count(self, size_bytes: int) -> None:
        self._head_bytes += size_bytes
        if self._head_bytes > HEAD_LIMIT_BYTES:
            raise _HeadTooLargeError

    def send_400_response(self, msg: str) -> None:
        """Answer what cannot be read, and close. `msg`, uvicorn's words, is not passed on."""
        # In a context of its own: the request has no task, and its name must not stay with the connection.
        contextvars.copy_context().run(self._refuse)

    def _refuse(self) -> None:
        name = begin_request(None)
        if max(self._head_bytes, self._pending_bytes) > HEAD_LIMIT_BYTES:
            said = f"The address and the headers of a request may have {HEAD_LIMIT_BYTES} bytes together."
            error = ClipferryError(Reason.HEAD_TOO_LARGE, said, limit_bytes=HEAD_LIMIT_BYTES)
        else:
            error = ClipferryError(Reason.REQUEST_UNREADABLE)
        answer = problem(error, "", {HEADER: name, "Connection": "close"})
        status = HTTPStatus(answer.status_code)
        lines = [f"HTTP/1.1 {status.value} {status.phrase}".encode()]
        lines += [header + b": " + value for header, value in answer.raw_headers]
        self.transport.write(b"\r\n".join([*lines, b"", bytes(answer.body)]))
        self.transport.close()
