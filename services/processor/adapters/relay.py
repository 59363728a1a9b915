"""Joins a site to whoever asked for it: what the site sends goes through a pipe of the kernel, not through Python."""

import asyncio
import contextlib
import fcntl
import os
import socket
import struct

from services.processor.adapters.passes import Pass

_PIPE_BYTES = 1024 * 1024
"""Most that is under way of one connection, beside what its two sockets hold."""
_ASKED_BYTES = 64 * 1024
"""Most of one read of what goes to the site: requests."""
_AT_ONCE = os.SPLICE_F_NONBLOCK | os.SPLICE_F_MOVE
_WITH_RESET = struct.pack("ii", 1, 0)


class Relay:
    """Two connected sockets that do not block, joined until one of them ends. It owns them and closes them.

    Args:
        client: Of yt-dlp or ffmpeg.
        opened: Counts what the site sends, and says how much it may be.
        asked: What goes to the site first.
    """

    def __init__(self, client: socket.socket, site: socket.socket, opened: Pass, asked: bytes) -> None:
        self._client = client
        self._site = site
        self._pass = opened
        self._asked = bytearray(asked)
        self._loop = asyncio.get_running_loop()
        self._out_fd, self._in_fd = os.pipe2(os.O_NONBLOCK | os.O_CLOEXEC)
        with contextlib.suppress(OSError):  # there is a limit for all pipes of a user: a small one does as well
            fcntl.fcntl(self._in_fd, fcntl.F_SETPIPE_SZ, _PIPE_BYTES)
        self._held_bytes = 0
        """In the pipe."""
        self._is_reading = False
        self._is_over = False
        opened.relays.add(self)
        self._send_asked()
        self.flow()

    def flow(self) -> None:
        """Read on from the site, unless the client does not, or the job may have no more now."""
        wanted = not (self._is_over or self._held_bytes or self._pass.is_full)
        if wanted == self._is_reading:
            return
        self._is_reading = wanted
        if wanted:
            self._loop.add_reader(self._site, self._take)
        else:
            self._loop.remove_reader(self._site)

    def cut(self) -> None:
        """Hang up on both at once. It does not look like an end to them."""
        if not self._is_over:
            for one in (self._client, self._site):
                one.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _WITH_RESET)
            self._end()

    def _end(self) -> None:
        self._is_over, self._is_reading = True, False
        self._pass.relays.discard(self)
        for one in (self._client, self._site):
            self._loop.remove_reader(one)
            self._loop.remove_writer(one)
            one.close()
        os.close(self._out_fd)
        os.close(self._in_fd)

    def _take(self) -> None:
        if self._pass.is_full:  # another connection of the job has just taken the rest
            self.flow()
            return
        try:
            taken_bytes = os.splice(self._site.fileno(), self._in_fd, self._pass.share_of(_PIPE_BYTES), flags=_AT_ONCE)
        except BlockingIOError:
            return
        except OSError:
            self.cut()
            return
        if not taken_bytes:
            # The pipe is empty whenever the site is read, so the client's socket has everything.
            self._end()
            return
        self._pass.received_bytes += taken_bytes
        self._held_bytes = taken_bytes
        self._give()

    def _give(self) -> None:
        try:
            while self._held_bytes:
                self._held_bytes -= os.splice(self._out_fd, self._client.fileno(), self._held_bytes, flags=_AT_ONCE)
        except BlockingIOError:
            self._loop.add_writer(self._client, self._give)
        except OSError:
            self.cut()
        else:
            self._loop.remove_writer(self._client)
        self.flow()

    def _hear(self) -> None:
        try:
            self._asked += (heard := self._client.recv(_ASKED_BYTES))
        except BlockingIOError:
            return
        except OSError:
            heard = b""
        if heard:
            self._send_asked()
        else:
            # Whoever asked is gone: the site must not send another byte.
            self.cut()

    def _send_asked(self) -> None:
        try:
            del self._asked[: self._site.send(self._asked) if self._asked else 0]
        except BlockingIOError:
            pass
        except OSError:
            self.cut()
            return
        if self._asked:
            self._loop.remove_reader(self._client)
            self._loop.add_writer(self._site, self._send_asked)
        else:
            self._loop.remove_writer(self._site)
            self._loop.add_reader(self._client, self._hear)
