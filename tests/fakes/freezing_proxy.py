"""A gRPC proxy that can hold every call but the streams it is told to let through."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import Any

import grpc


class FreezingProxy(grpc.GenericRpcHandler):
    """Passes calls on as raw bytes, whatever they are.

    Args:
        channel: To the server behind.
        let_through: Methods that are never held, such as ``/clipferry.queue.v1.QueueService/WatchJobs``.
    """

    def __init__(self, channel: grpc.aio.Channel, let_through: Sequence[str]) -> None:
        self._channel = channel
        self._let_through = frozenset(let_through)
        self._open = asyncio.Event()
        self._open.set()
        self.held_count = 0
        """Calls that came while frozen."""
        self.port = 0
        """Where it listens on 127.0.0.1."""

    def freeze(self) -> None:
        """Hold every call that comes from now on, until its caller gives up."""
        self._open.clear()

    def thaw(self) -> None:
        """Let go of the calls that are held, and hold no more."""
        self._open.set()

    def service(self, handler_call_details: grpc.HandlerCallDetails) -> grpc.RpcMethodHandler:
        """Return what passes one call on."""
        method = handler_call_details.method

        async def passed_on(requests: AsyncIterator[bytes], context: grpc.aio.ServicerContext) -> AsyncIterator[bytes]:
            if method not in self._let_through and not self._open.is_set():
                self.held_count += 1
                await self._open.wait()
            call = self._channel.stream_stream(method)(requests, metadata=_passed_metadata(context))
            try:
                async for response in call:
                    yield response
            except grpc.aio.AioRpcError as error:
                await context.abort(error.code(), error.details(), tuple(error.trailing_metadata() or ()))

        return grpc.stream_stream_rpc_method_handler(passed_on)


def _passed_metadata(context: grpc.aio.ServicerContext) -> tuple[tuple[str, Any], ...]:
    return tuple((key, value) for key, value in context.invocation_metadata() or () if key != "user-agent")


@asynccontextmanager
async def freezing_proxy(target: str, *, let_through: Sequence[str]) -> AsyncIterator[FreezingProxy]:
    """Run a proxy in front of `target` for the length of the block."""
    async with grpc.aio.insecure_channel(target) as channel:
        proxy = FreezingProxy(channel, let_through)
        server = grpc.aio.server(handlers=[proxy])
        proxy.port = server.add_insecure_port("127.0.0.1:0")
        await server.start()
        try:
            yield proxy
        finally:
            await server.stop(None)
