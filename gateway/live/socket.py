"""uvicorn's WebSocket protocol, opened up so that a frame built once goes to every transport.

It leans on names inside uvicorn (`transport`, `writable`, `conn`, `close_sent`, `disconnected`, `queue`), which is why
uvicorn is pinned and a contract test holds them.
"""

import asyncio
import socket
from asyncio.transports import BaseTransport
from collections.abc import Hashable
from typing import Any, cast

from uvicorn.protocols.websockets.websockets_sansio_impl import WebSocketsSansIOProtocol

EXTENSION = "clipferry.socket"
"""Key of the scope's extensions under which the application finds the protocol object."""

SLOW_CLIENT = 4001

_KERNEL_BUFFER_BYTES = 64 * 1024
"""The kernel's own choice would hide 3 MB per stalled client."""
_HIGH_WATER_BYTES = 64 * 1024
_LOW_WATER_BYTES = 16 * 1024
_STALL_S = 5.0
"""How long a client may take nothing before it is dropped."""
_FAREWELL_S = 2.0
"""Between the close frame and the abort."""
_UNANSWERED_MS = 10_000
"""How long the kernel waits for a dead peer's acknowledgement."""


class SharedFrameProtocol(WebSocketsSansIOProtocol):
    """A client's socket. `push` never waits: while the client does not read, the newest frame of each key waits."""

    dropped_count = 0
    """Clients of this process that were dropped because they did not read."""

    _stall_timer: asyncio.TimerHandle | None = None

    def connection_made(self, transport: BaseTransport) -> None:
        super().connection_made(transport)
        self._waiting: dict[Hashable, bytes] = {}
        peer = transport.get_extra_info("socket")
        if peer is not None and peer.family in (socket.AF_INET, socket.AF_INET6):
            peer.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, _KERNEL_BUFFER_BYTES)
            peer.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, _UNANSWERED_MS)
        self.transport.set_write_buffer_limits(high=_HIGH_WATER_BYTES, low=_LOW_WATER_BYTES)

    async def run_asgi(self) -> None:
        extensions = cast("dict[str, Any]", self.scope["extensions"])
        extensions[EXTENSION] = self
        await super().run_asgi()

    async def send(self, message: Any) -> None:
        await super().send(message)
        if self.close_sent:
            # A refusal that was answered whole: without this it would be logged as a fault of ours.
            self.handshake_complete = True

    @property
    def is_open(self) -> bool:
        """Whether frames still go out."""
        return not (self.disconnected or self.close_sent or self.transport.is_closing())

    def push(self, frame: bytes, key: Hashable) -> None:
        """Send `frame` now, or when the client reads again: then only the newest of each `key` goes out."""
        if not self.is_open:
            return
        if self.writable.is_set():
            self.transport.write(frame)
        else:
            self._waiting.pop(key, None)  # the newest also comes last
            self._waiting[key] = frame

    def forget(self, key: Hashable) -> None:
        """Drop the frame of `key` that waits, if any."""
        self._waiting.pop(key, None)

    def close(self, code: int, reason: str = "") -> None:
        """Close without waiting for the client; the connection is gone within seconds, whatever it does."""
        if not self.is_open:
            return
        self._waiting.clear()
        self.conn.send_close(code, reason)
        self.transport.write(b"".join(self.conn.data_to_send()))
        self.close_sent = True
        self.queue.put_nowait({"type": "websocket.disconnect", "code": code, "reason": reason})
        if self.read_paused:
            self.read_paused = False
            self.transport.resume_reading()
        self.close_timer = self.loop.call_later(_FAREWELL_S, self.transport.abort)

    def pause_writing(self) -> None:
        super().pause_writing()
        if self._stall_timer is None:
            self._stall_timer = self.loop.call_later(_STALL_S, self._drop)

    def resume_writing(self) -> None:
        super().resume_writing()
        self._stop_stall_timer()
        if self._waiting and self.is_open:
            frames, self._waiting = self._waiting, {}
            self.transport.write(b"".join(frames.values()))

    def connection_lost(self, exc: Exception | None) -> None:
        self._stop_stall_timer()
        self._waiting.clear()
        super().connection_lost(exc)

    def _stop_stall_timer(self) -> None:
        if self._stall_timer is not None:
            self._stall_timer.cancel()
            self._stall_timer = None

    def _drop(self) -> None:
        self._stall_timer = None
        SharedFrameProtocol.dropped_count += 1
        self.close(SLOW_CLIENT, "slow consumer")
