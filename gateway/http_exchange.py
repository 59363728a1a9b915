"""uvicorn's request and response, whose answer goes out in one write.

uvicorn writes head and body one by one and looks through each field of the head by itself: a quarter of what an answer
of the gateway cost.
"""

from collections.abc import Iterable
from typing import Any

from uvicorn.protocols.http.httptools_impl import STATUS_LINE, RequestResponseCycle

_NOT_CONTROLS = bytes(byte for byte in range(256) if byte == 0x09 or (byte >= 0x20 and byte != 0x7F))
"""All that a field may hold (RFC 9110, section 5.5)."""
_LINE_END = b"\r\n"
_WITHOUT_BODY = (204, 304)


class Exchange(RequestResponseCycle):
    """One request and its answer. Nothing of the answer is written before there is something of its body."""

    _head: bytes = b""
    """What is to be written before the next part of the body."""

    async def send(self, message: Any) -> None:
        """Take a message of ASGI.

        Raises:
            RuntimeError: If the answer is none: out of order, longer or shorter than it says, or with a field that
                would end its line.
        """
        if self.flow.write_paused and not self.disconnected:
            await self.flow.drain()
        if self.disconnected:
            return
        if not self.response_started:
            _expect("http.response.start", message)
            self.response_started, self.waiting_for_100_continue = True, False
            self._head = self._begun(message["status"], [*self.default_headers, *message.get("headers", ())])
        elif not self.response_complete:
            _expect("http.response.body", message)
            self._go_on(message.get("body", b""), is_last=not message.get("more_body", False))
        else:
            raise RuntimeError(f"The answer is complete, and then there is {message['type']!r}.")

    def _begun(self, status: int, fields: Iterable[tuple[bytes, bytes]]) -> bytes:
        pieces, ends_count, says_close = [STATUS_LINE[status]], 1, False
        for name, value in fields:
            match name:
                case b"content-length" if self.chunked_encoding is None:
                    self.expected_content_length, self.chunked_encoding = int(value), False
                case b"transfer-encoding" if value.lower() == b"chunked":
                    self.expected_content_length, self.chunked_encoding = 0, True
                case b"connection" if b"close" in value.lower():
                    self.keep_alive, says_close = False, True
            pieces += (name, b": ", value, _LINE_END)
            ends_count += 1
        if not self.keep_alive and not says_close:
            pieces.append(b"connection: close\r\n")
            ends_count += 1
        if self.chunked_encoding is None and self.scope["method"] != "HEAD" and status not in _WITHOUT_BODY:
            self.chunked_encoding = True
            pieces.append(b"transfer-encoding: chunked\r\n")
            ends_count += 1
        head = b"".join(pieces)
        if head.translate(None, _NOT_CONTROLS) != _LINE_END * ends_count:
            raise RuntimeError("A field of the answer holds a control character.")
        return head + _LINE_END

    def _go_on(self, part: bytes, *, is_last: bool) -> None:
        if self.scope["method"] == "HEAD":
            self.expected_content_length, part = 0, b""
        elif self.chunked_encoding:
            part = b"%x\r\n%b\r\n" % (len(part), part) if part else b""
            part += b"0\r\n\r\n" if is_last else b""
        else:
            self.expected_content_length -= len(part)
            if self.expected_content_length < 0 or (is_last and self.expected_content_length):
                raise RuntimeError("The answer has not the length that it says.")
        self.transport.write(self._head + part)
        self._head = b""
        if is_last:
            self.response_complete = True
            self.message_event.set()
            if not self.keep_alive:
                self.transport.close()
            self.on_response()


def _expect(kind: str, message: Any) -> None:
    if message["type"] != kind:
        raise RuntimeError(f"This is the time for {kind!r}, not for {message['type']!r}.")
