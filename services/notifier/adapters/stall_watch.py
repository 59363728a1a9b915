"""Tells a slow connection from a stalled one by what the other side has acknowledged."""

import asyncio
import socket
import struct
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

_LOOKS_COUNT = 4
"""Looks in one time limit: a stall is seen a quarter of it late at most."""

_BYTES_ACKED = struct.Struct("=120xQ")
"""``tcpi_bytes_acked`` of Linux's ``struct tcp_info``."""


class StallWatch:
    """Watches one connection while it is written to. Costs nothing while the writes are quick.

    A limit on each write would cut a slow line that needs longer for one part, although bytes arrive all the time.

    Args:
        connection: The TCP socket under it.
        limit_s: Longest time in which the other side acknowledges nothing.
        on_stall: Called once, when it is over.
    """

    def __init__(self, connection: socket.socket, limit_s: float, on_stall: Callable[[], None]) -> None:
        self._connection = connection
        self._limit_s = limit_s
        self._on_stall = on_stall
        self._acked_bytes = -1
        self._moved_at_s = 0.0
        self._is_writing = False
        self._loop = asyncio.get_running_loop()
        self._next_look = self._loop.call_later(limit_s / _LOOKS_COUNT, self._look)

    @contextmanager
    def watching(self) -> Iterator[None]:
        """Watch for the length of a write."""
        self._is_writing, self._moved_at_s = True, time.monotonic()
        try:
            yield
        finally:
            self._is_writing = False

    def close(self) -> None:
        """Watch no more."""
        self._next_look.cancel()

    def _look(self) -> None:
        acked_bytes = _acked_bytes(self._connection)
        if acked_bytes != self._acked_bytes:
            self._acked_bytes, self._moved_at_s = acked_bytes, time.monotonic()
        if self._is_writing and time.monotonic() - self._moved_at_s >= self._limit_s:
            self._on_stall()
        else:
            self._next_look = self._loop.call_later(self._limit_s / _LOOKS_COUNT, self._look)


def _acked_bytes(connection: socket.socket) -> int:
    try:
        acked: int
        (acked,) = _BYTES_ACKED.unpack(connection.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, _BYTES_ACKED.size))
    except OSError:
        # It broke just now; the write that is under way is told.
        return -1
    return acked
