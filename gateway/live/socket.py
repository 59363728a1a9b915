"""uvicorn's WebSocket protocol, opened up so that a frame built once goes to every transport.

It leans on names inside uvicorn (`transport`, `writable`, `conn`, `close_sent`, `queue` and more), which is why uvicorn
is pinned and a contract test holds them.
"""

import asyncio
import socket
import struct
from asyncio.transports import BaseTransport
from collections.abc import Hashable
from typing import Any, ClassVar, cast

from uvicorn.protocols.websockets.websockets_sansio_impl import WebSocketsSansIOProtocol
from websockets.frames import Frame

from gateway.live.closing import NOT_TEXT, SLOW_CLIENT, TOO_BIG
from gateway.live.outbox import Outbox
from gateway.live.terms import WriteTerms

EXTENSION = "clipferry.socket"
"""Key of the scope's extensions under which the application finds the protocol object."""

_PIECE_BYTES = 4 * 1024
"""Most that is written at once when a client is behind, or for a long frame."""
_FRAGMENT_COUNT = 1_024
"""Frames of one message. The limit of its bytes does not hold back empty ones."""
_UNANSWERED_MS = 10_000
"""How long the kernel waits for a dead peer's acknowledgement, or for one whose window stays shut."""
_AT_ONCE = struct.pack("ii", 1, 0)
_PONG = "pong"


class SharedFrameProtocol(WebSocketsSansIOProtocol):
    """A client's socket. `push` never waits: what the client does not read yet waits in an outbox with limits."""

    terms: ClassVar[WriteTerms] = WriteTerms()

    was_dropped = False
    """Whether it was closed because the client did not read."""
    was_heard = False
    """Whether anything has come since somebody set this to False."""

    _is_free = False
    """Whether a frame can be written right now; looked at for every frame, so it is kept rather than worked out."""
    _outbox: Outbox | None = None
    """None while nothing waits, which is the rule."""
    _stall_timer: asyncio.TimerHandle | None = None

    def connection_made(self, transport: BaseTransport) -> None:
        super().connection_made(transport)
        peer = transport.get_extra_info("socket")
        if peer is not None and peer.family in (socket.AF_INET, socket.AF_INET6):
            peer.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, self.terms.kernel_buffer_bytes)
            peer.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, _UNANSWERED_MS)
        self.transport.set_write_buffer_limits(high=self.terms.high_water_bytes, low=self.terms.low_water_bytes)

    async def run_asgi(self) -> None:
        extensions = cast("dict[str, Any]", self.scope["extensions"])
        extensions[EXTENSION] = self
        await super().run_asgi()
        self._is_free = False

    async def send(self, message: Any) -> None:
        await super().send(message)
        self._is_free = self.handshake_complete and self.is_open and self.writable.is_set() and self._outbox is None
        if self.close_sent:
            # A refusal that was answered whole: without this it would be logged as a fault of ours.
            self.handshake_complete = True

    @property
    def is_open(self) -> bool:
        """Whether frames still go out."""
        return not (self.disconnected or self.close_sent or self.transport.is_closing())

    def push(self, frame: bytes, key: Hashable = None) -> None:
        """Send `frame` now, or when the client reads again.

        Args:
            frame: A whole frame.
            key: None: it must arrive. Otherwise only the newest of each key goes out, after those that must arrive.
        """
        if self._is_free and len(frame) <= _PIECE_BYTES:
            self.transport.write(frame)
            return
        if not self.is_open:
            return
        if self._outbox is None:
            self._outbox, self._is_free = Outbox(), False
        if key is not None:
            self._outbox.put(frame, key)
        else:
            self._outbox.owe(frame)
        self._send_waiting()
        self._check_outbox()

    def forget(self, key: Hashable) -> None:
        """Drop the frame of `key` that waits, if any."""
        if self._outbox is not None:
            self._outbox.forget(key)

    def close(self, code: int, reason: str = "") -> None:
        """Close without waiting for the client; the connection is gone within seconds, whatever it does."""
        if not self.is_open:
            return
        self._finish_frame()
        self.conn.send_close(code, reason)
        self.transport.write(b"".join(self.conn.data_to_send()))
        self.close_sent = True
        self.queue.put_nowait({"type": "websocket.disconnect", "code": code, "reason": reason})
        if self.read_paused:
            self.read_paused = False
            self.transport.resume_reading()
        self.close_timer = self.loop.call_later(self.terms.farewell_s, self._abort)

    def _abort(self) -> None:
        """End the socket now, with what the kernel still holds for it."""
        self._is_free = False
        peer = self.transport.get_extra_info("socket")
        if peer is not None and peer.family in (socket.AF_INET, socket.AF_INET6):
            peer.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _AT_ONCE)
        self.transport.abort()

    def data_received(self, data: bytes) -> None:
        self.was_heard = True
        super().data_received(data)

    def handle_ping(self) -> None:
        # Pongs wait like everything else, and only the newest: a client that pings and does not read costs nothing.
        self.push(b"".join(self.conn.data_to_send()), _PONG)

    def handle_cont(self, event: Frame) -> None:
        if len(self.frames) >= _FRAGMENT_COUNT:
            self.frames = []
            self.close(TOO_BIG, f"a message of more than {_FRAGMENT_COUNT} frames")
        elif not self.close_sent:
            super().handle_cont(event)

    def send_receive_event_to_app(self) -> None:
        if self.curr_msg_data_type == "text" and not self.close_sent and not _is_text(b"".join(self.frames)):
            # uvicorn would log it as a fault of ours.
            self.frames = []
            self.close(NOT_TEXT, "text that is not UTF-8")
            return
        super().send_receive_event_to_app()

    def handle_close(self, event: Frame) -> None:
        self._finish_frame()
        super().handle_close(event)

    def handle_parser_exception(self) -> None:
        self._finish_frame()
        super().handle_parser_exception()

    def shutdown(self) -> None:
        self._finish_frame()
        super().shutdown()

    def pause_writing(self) -> None:
        super().pause_writing()
        self._is_free = False
        if self._stall_timer is None:
            self._stall_timer = self.loop.call_later(self.terms.deadline_s, self._drop)

    def resume_writing(self) -> None:
        super().resume_writing()
        self._stop_stall_timer()
        self._send_waiting()

    def connection_lost(self, exc: Exception | None) -> None:
        self._is_free = False
        self._stop_stall_timer()
        self._outbox = None
        super().connection_lost(exc)

    def _send_waiting(self) -> None:
        while self._outbox is not None and self.writable.is_set() and self.is_open:
            piece = self._outbox.take(_PIECE_BYTES)
            if not self._outbox:
                self._outbox = None
            self.transport.write(piece)
        self._is_free = self._outbox is None and self.writable.is_set() and self.is_open

    def _check_outbox(self) -> None:
        outbox, terms = self._outbox, self.terms
        if outbox and (outbox.owed_count > terms.outbox_count or outbox.owed_bytes > terms.outbox_bytes):
            self._drop()

    def _finish_frame(self) -> None:
        """Let the frame that has begun to leave end, so that a close frame can follow; forget all others."""
        self._is_free = False
        if self._outbox is not None:
            rest, self._outbox = self._outbox.take_begun(), None
            if rest and not self.transport.is_closing():
                self.transport.write(rest)

    def _stop_stall_timer(self) -> None:
        if self._stall_timer is not None:
            self._stall_timer.cancel()
            self._stall_timer = None

    def _drop(self) -> None:
        self._stop_stall_timer()
        if not self.is_open:
            self._abort()  # it said goodbye and does not read ours
            return
        self.was_dropped = True
        self.close(SLOW_CLIENT, "slow consumer")


def protocol_with(terms: WriteTerms) -> type[SharedFrameProtocol]:
    """Return the protocol of a server with these terms."""
    return type("SharedFrameProtocol", (SharedFrameProtocol,), {"terms": terms})


def _is_text(data: bytes) -> bool:
    try:
        data.decode()
    except UnicodeDecodeError:
        return False
    return True
