"""A channel that is opened anew when the files of TLS change: the credentials of one never do."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

import grpc

from services.chassis.lifecycle import background
from services.chassis.tls import Tls, TlsFiles, channel_credentials

_OPEN_CALLS_S = 300.0
"""How long calls of the channel before may go on: streams end by themselves before that."""

OpenChannel = Callable[[grpc.ChannelCredentials], grpc.aio.Channel]


@asynccontextmanager
async def renewed_channel(tls: Tls, open_channel: OpenChannel) -> AsyncIterator["RenewedChannel"]:
    """Open a channel for the length of the block, and another whenever the files change.

    Raises:
        StartError: If the files cannot be used.
    """
    files = TlsFiles(tls)
    channel = RenewedChannel(open_channel, open_channel(channel_credentials(files.pems)))
    try:
        async with background(channel.follow(files), name="tls-files"):
            yield channel
    finally:
        await channel.close()


class RenewedChannel:
    """What stubs need of a channel. Each call goes out on the newest; those that are open stay where they are."""

    def __init__(self, open_channel: OpenChannel, first: grpc.aio.Channel) -> None:
        self._open_channel = open_channel
        self._channel = first
        self._before: dict[grpc.aio.Channel, asyncio.Task[None]] = {}
        """Those that still have open calls, and what waits for their ends."""

    def unary_unary(self, *args: Any, **options: Any) -> Callable[..., Any]:
        """See grpc.aio.Channel."""
        return self._newest("unary_unary", args, options)

    def unary_stream(self, *args: Any, **options: Any) -> Callable[..., Any]:
        """See grpc.aio.Channel."""
        return self._newest("unary_stream", args, options)

    def stream_unary(self, *args: Any, **options: Any) -> Callable[..., Any]:
        """See grpc.aio.Channel."""
        return self._newest("stream_unary", args, options)

    def stream_stream(self, *args: Any, **options: Any) -> Callable[..., Any]:
        """See grpc.aio.Channel."""
        return self._newest("stream_stream", args, options)

    def _newest(self, kind: str, args: Any, options: Any) -> Callable[..., Any]:
        made_by, method = self._channel, getattr(self._channel, kind)(*args, **options)

        def call(*request: Any, **how: Any) -> Any:
            nonlocal made_by, method
            if made_by is not self._channel:
                made_by, method = self._channel, getattr(self._channel, kind)(*args, **options)
            return method(*request, **how)

        return call

    async def follow(self, files: TlsFiles) -> None:
        """Change over whenever the files have changed, until cancelled."""
        while True:
            await asyncio.sleep(files.poll_s)
            pems = await asyncio.to_thread(files.renewed)
            if pems is not None:
                before, self._channel = self._channel, self._open_channel(channel_credentials(pems))
                self._before[before] = asyncio.create_task(self._run_out(before), name="channel-run-out")

    async def _run_out(self, channel: grpc.aio.Channel) -> None:
        await channel.close(_OPEN_CALLS_S)
        del self._before[channel]

    async def close(self) -> None:
        """Close all of them, with what is still open on them."""
        before = dict(self._before)
        for running_out in before.values():
            running_out.cancel()
        await asyncio.gather(*before.values(), return_exceptions=True)
        for channel in (*before, self._channel):
            await channel.close()
