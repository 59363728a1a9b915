"""Reads a call's requests so that giving up on one read, or on the call, harms nobody."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import grpc

from services.chassis.errors import ClipferryError

QUIET_S = 0.1
"""A writer that was silent for this long is not in the middle of a write."""


class RequestReader:
    """The requests of one streaming call, one at a time, and one ahead: it arrives while the last one is sent on.

    A read that is given up stays open and is met again by the next one: grpc.aio cannot read anew after a cancelled
    read.
    """

    def __init__(self, context: grpc.aio.ServicerContext) -> None:
        self._context = context
        self._pending: asyncio.Task[Any] | None = None
        self._has_ended = False

    async def next(self) -> Any | None:
        """Return the next request; None when the caller has half-closed."""
        if self._has_ended:
            return None
        reading = self._read()
        # A shield costs two turns of the loop.
        request = reading.result() if reading.done() else await asyncio.shield(reading)
        return self._taken(request)

    async def drain(self) -> None:
        """Discard requests until the caller has half-closed or falls silent.

        A grpc.aio client that is in the middle of a write when the call ends loses the call's status and sees INTERNAL
        instead. So a call that ends early lets its caller finish writing before.
        """
        while not self._has_ended:
            await asyncio.wait([self._read()], timeout=QUIET_S)
            if not self._read().done():
                return
            self._taken(self._read().result())

    async def aclose(self) -> None:
        """Give up the read that is still open."""
        if self._pending is not None:
            self._pending.cancel()
            await asyncio.gather(self._pending, return_exceptions=True)

    def _read(self) -> asyncio.Task[Any]:
        if self._pending is None:
            self._pending = asyncio.create_task(self._context.read(), name="request-reader")
        return self._pending

    def _taken(self, request: Any) -> Any | None:
        self._pending = None
        self._has_ended = request is grpc.aio.EOF
        if self._has_ended:
            return None
        self._read()
        return request


@asynccontextmanager
async def reading(context: grpc.aio.ServicerContext) -> AsyncIterator[RequestReader]:
    """Read a call's requests for the length of the block, which may end before they do."""
    reader = RequestReader(context)
    try:
        try:
            yield reader
        except ClipferryError:
            await reader.drain()
            raise
        await reader.drain()
    finally:
        await reader.aclose()
