"""uvicorn's WebSocket protocol, opened up so that a frame built once goes to every transport.

It leans on names inside uvicorn (`transport`, `writable`, `conn`, `close_sent`, `queue` and more), which is why uvicorn
is pinned and a contract test holds them.
"""

import asyncio
import socket
import struct
from asyncio.transports import BaseTransport
from collections.abc import Callable, Hashable, Sequence
from typing import Any, ClassVar, cast

from uvicorn.protocols.websockets.websockets_sansio_impl import WebSocketsSansIOProtocol
from websockets.frames import Frame

from gateway.live.bundle import PIECE_BYTES, Bundle, Keyed, Piece
from gateway.live.closing import NOT_TEXT, SLOW_CLIENT, TOO_BIG
from gateway.live.handshake import Handshake
from gateway.live.inbox import Inbox
from gateway.live.outbox import Outbox
from gateway.live.terms import WriteTerms
from gateway.live.ticker import Ticker

EXTENSION = "clipferry.socket"
"""Key of the scope's extensions under which the application finds the protocol object."""

_FRAGMENT_COUNT = 1_024
"""Frames of one message. The limit of its bytes does not hold back empty ones."""
_UNANSWERED_MS = 10_000
"""How long the kernel waits for a dead peer's acknowledgement, or for one whose window stays shut."""
_AT_ONCE = struct.pack("ii", 1, 0)
_PONG = "pong"


class SharedFrameProtocol(WebSocketsSansIOProtocol):
    """A client's socket. `push` never waits: what the client does not read yet waits in an outbox with limits.

    What it is told within a tick leaves in one write.
    """

    terms: ClassVar[WriteTerms] = WriteTerms()
    ticker: ClassVar[Ticker]

    tick = -1
    """The tick in which it was last written to."""

    was_dropped = False
    """Whether it was closed because the client did not read."""
    was_heard = False
    """Whether anything has come since somebody set this to False."""

    is_free = False
    """Whether a frame can be written right now; looked at for every frame, so it is kept rather than worked out."""
    bundle: Bundle | None = None
    """What it has been told since it was written to; None: nothing. It may be shared with others."""
    _outbox: Outbox | None = None
    """None while nothing waits, which is the rule."""
    _stall_timer: asyncio.TimerHandle | None = None

    when_answered: Callable[[], None] | None = None
    """Is called once, when the handshake is accepted, or else when the connection is over."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.conn = Handshake(max_size=self.config.ws_max_size, logger=self.logger)
        self.queue = Inbox()  # type: ignore[assignment] # all that uvicorn asks of it

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
        # Its scope knows it, and it the scope: a circle, which only the garbage collector could undo.
        del extensions[EXTENSION]
        self.is_free = False

    async def send(self, message: Any) -> None:
        await super().send(message)
        if message["type"] == "websocket.accept":
            self._note_answered()
            del self.request, self.response  # heads that nobody reads again, 3 KB
        self.is_free = self.handshake_complete and self.is_open and self.writable.is_set() and self._outbox is None
        if self.close_sent:
            # A refusal that was answered whole: without this it would be logged as a fault of ours.
            self.handshake_complete = True

    @property
    def is_open(self) -> bool:
        """Whether frames still go out."""
        return not (self.disconnected or self.close_sent or self.transport.is_closing())

    def push(self, frame: bytes, key: Hashable = None) -> None:
        """Send `frame` within a tick, or when the client reads again.

        Args:
            frame: A whole frame.
            key: None: it must arrive. Otherwise it takes the place of an older one of its key that has not left; of a
                client that is behind it goes out after those that must arrive.
        """
        bundle = self.bundle
        if bundle is None:
            if not self.is_free:
                self._hold((frame, key))
                return
            bundle = self.ticker.join(self)
        self.bundle = bundle.then(frame, key)

    def forget(self, key: Hashable) -> None:
        """Drop the frame of `key` that waits, if any."""
        if self.bundle is not None:
            self.bundle = self.bundle.without(key)
        if self._outbox is not None:
            self._outbox.forget(key)

    def flush(self) -> None:
        """Write what it was told in this tick; what does not fit waits in the outbox."""
        bundle = self.bundle
        if bundle is not None and bundle.data is not None and self.is_free:
            self.bundle = None
            self.transport.write(bundle.data)
            return
        for piece in self._write_bundle():
            for keyed in piece.frames:
                self._hold(keyed)

    def _write_bundle(self) -> Sequence[Piece]:
        """Write as much of the bundle as the client takes; returns the rest."""
        bundle = self.bundle
        if bundle is None:
            return ()
        self.bundle = None
        pieces = bundle.pieces()
        for number, piece in enumerate(pieces):
            if not self.is_free or len(piece.data) > PIECE_BYTES:
                return pieces[number:]
            self.transport.write(piece.data)
        return ()

    def _hold(self, keyed: Keyed) -> None:
        """Have a frame wait in the outbox, from which it leaves as soon as the client takes it."""
        if not self.is_open:
            return
        if self._outbox is None:
            self._outbox, self.is_free = Outbox(), False
        frame, key = keyed
        if key is not None:
            self._outbox.put(frame, key)
        else:
            self._outbox.owe(frame)
        self._send_waiting()
        self._check_outbox()

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
        self.is_free = False
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
        self.is_free = False
        if self._stall_timer is None:
            self._stall_timer = self.loop.call_later(self.terms.deadline_s, self._drop)

    def resume_writing(self) -> None:
        super().resume_writing()
        self._stop_stall_timer()
        self._send_waiting()

    def connection_lost(self, exc: Exception | None) -> None:
        self.is_free = False
        self._stop_stall_timer()
        self.bundle = self._outbox = None
        self._note_answered()
        super().connection_lost(exc)
        self.conn.parser.close()  # a generator of the object that holds it

    def _note_answered(self) -> None:
        if self.when_answered is not None:
            self.when_answered()
            self.when_answered = None

    def _send_waiting(self) -> None:
        while self._outbox is not None and self.writable.is_set() and self.is_open:
            piece = self._outbox.take(PIECE_BYTES)
            if not self._outbox:
                self._outbox = None
            self.transport.write(piece)
        self.is_free = self._outbox is None and self.writable.is_set() and self.is_open

    def _check_outbox(self) -> None:
        outbox, terms = self._outbox, self.terms
        if outbox and (outbox.owed_count > terms.outbox_count or outbox.owed_bytes > terms.outbox_bytes):
            self._drop()

    def _finish_frame(self) -> None:
        """Let out what the client takes at once and the end of a frame that has begun to leave; forget all others.

        A close frame can follow.
        """
        self._write_bundle()
        self.is_free = False
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
    """Return the protocol of a server with these terms, on the running loop."""
    ticker = Ticker(asyncio.get_running_loop(), tick_s=terms.tick_s)
    return type("SharedFrameProtocol", (SharedFrameProtocol,), {"terms": terms, "ticker": ticker})


def _is_text(data: bytes) -> bool:
    try:
        data.decode()
    except UnicodeDecodeError:
        return False
    return True
