"""Hears a server that answers before it has read the whole request, and notices one that has ceased to read.

HTTP/1.1 libraries write the whole body first and read the answer after. A Bot API that refuses an upload at once (429,
413) would be heard only 50 MB later, or never when it stops reading. Here the connection is read while it is written.
"""

import asyncio
import ssl
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import Any

import anyio
import httpcore

from services.notifier.adapters.stall_watch import StallWatch

_READ_BYTES = 64 * 1024


class EarlyAnswer:
    """Whether the server has spoken yet, and what to cut when it does."""

    def __init__(self) -> None:
        self._has_spoken = False
        self._has_stalled = False
        self._scope: anyio.CancelScope | None = None

    def speak(self) -> None:
        """Note that the server answered, or closed the connection."""
        self._has_spoken = True
        self._cut()

    def stall(self) -> None:
        """Note that the server has ceased to read."""
        self._has_stalled = True
        self._cut()

    @contextmanager
    def cuts(self) -> Iterator[None]:
        """Leave the block as soon as the server speaks, or has stalled.

        Raises:
            httpcore.WriteError: If it spoke. httpcore then stops writing and reads the answer.
            httpcore.WriteTimeout: If it stalled.
        """
        if not self._has_spoken:
            with anyio.CancelScope() as self._scope:
                yield
            cut, self._scope = self._scope.cancelled_caught, None
            if not cut:
                return
        if self._has_stalled and not self._has_spoken:
            raise httpcore.WriteTimeout("The server has ceased to read.")
        raise httpcore.WriteError("The server spoke before the end of the request.")

    def _cut(self) -> None:
        if self._scope is not None:
            self._scope.cancel()


class ListeningStream(httpcore.AsyncNetworkStream):
    """A connection that is listened to from its first write on."""

    def __init__(self, stream: httpcore.AsyncNetworkStream, answer: EarlyAnswer) -> None:
        self._stream = stream
        self._answer = answer
        self._first: asyncio.Task[bytes] | None = None
        self._watch: StallWatch | None = None
        self._answer_by_s: float | None = None

    async def write(self, buffer: bytes, timeout: float | None = None) -> None:
        """Write all of `buffer`, however long it takes; `timeout` is the longest time without a byte that gets away."""
        if self._first is None:
            self._first = asyncio.create_task(self._stream.read(_READ_BYTES), name="bot-api-answer")
            self._first.add_done_callback(self._on_first)
        if self._watch is None and timeout is not None:
            self._watch = StallWatch(self.get_extra_info("socket"), timeout, self._answer.stall)
        with self._answer.cuts():
            if self._watch is None:
                await self._stream.write(buffer)
            else:
                with self._watch.watching():
                    await self._stream.write(buffer)

    async def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
        """Read what comes next; `timeout` is for all reads together: an answer may not come drop by drop."""
        if timeout is not None:
            self._answer_by_s = self._answer_by_s or time.monotonic() + timeout
            timeout = max(0.0, self._answer_by_s - time.monotonic())
        first, self._first = self._first, None
        if first is None:
            return await self._stream.read(max_bytes, timeout)
        try:
            async with asyncio.timeout(timeout):
                return await first
        except TimeoutError as error:
            raise httpcore.ReadTimeout("The server did not answer.") from error

    async def aclose(self) -> None:
        if self._watch is not None:
            self._watch.close()
        # Closed before anything is waited for: a cancel that arrives meanwhile must not leave the connection open.
        if self._first is not None:
            self._first.cancel()
        await self._stream.aclose()
        if self._first is not None:
            await asyncio.wait([self._first])

    def _on_first(self, first: asyncio.Task[bytes]) -> None:
        if not first.cancelled():
            # A connection that broke is told by the write or the read that fails; here it counts as seen.
            first.exception()
        self._answer.speak()

    async def start_tls(
        self, ssl_context: ssl.SSLContext, server_hostname: str | None = None, timeout: float | None = None
    ) -> httpcore.AsyncNetworkStream:
        return ListeningStream(await self._stream.start_tls(ssl_context, server_hostname, timeout), self._answer)

    def get_extra_info(self, info: str) -> Any:
        return self._stream.get_extra_info(info)


class ListeningBackend(httpcore.AnyIOBackend):
    """Opens connections that are listened to.

    Args:
        answer: Told when the server speaks; one for each request.
    """

    def __init__(self, answer: EarlyAnswer) -> None:
        self._answer = answer

    async def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Iterable[Any] | None = None,
    ) -> httpcore.AsyncNetworkStream:
        stream = await super().connect_tcp(host, port, timeout, local_address, socket_options)
        return ListeningStream(stream, self._answer)
