"""A gRPC relay between two services that lets a watcher hold or lose a message at a named step of a send."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any, Protocol

import grpc
from grpc._cython import cygrpc

from services.chassis.channel import CHANNEL_OPTIONS
from services.chassis.server import SERVER_OPTIONS
from tests.processes.chaos_steps import Passing, Reader, Step, reader_for

_ENDS_WITHIN_S = 1.0
"""How long calls whose client has gone get to notice it."""

_Forward = Callable[[bytes], Awaitable[None]]


class CutError(Exception):
    """A watcher cuts the call: what it was asked about is lost on the way."""


class Watcher(Protocol):
    """Is asked at each step of each job."""

    async def at(self, job_name: str, step: Step) -> None:
        """Return when the message may go on; the others of its call do not wait for it.

        Raises:
            CutError: To end the call as a broken connection does.
        """


class Relay(grpc.GenericRpcHandler):
    """Passes every call on, and of each call one message at a time in each direction beside those that are held.

    It outlives both sides: a call ends with either of them, and the next one connects anew.
    """

    def __init__(self, channel: grpc.aio.Channel, watcher: Watcher) -> None:
        self._channel = channel
        self._watcher = watcher

    def service(self, handler_call_details: grpc.HandlerCallDetails) -> grpc.RpcMethodHandler:
        """Return what passes one call on."""
        method = handler_call_details.method

        async def relayed(_requests: Any, context: grpc.aio.ServicerContext) -> None:
            metadata = [pair for pair in context.invocation_metadata() or () if pair[0] != "user-agent"]
            call = self._channel.stream_stream(method)(metadata=metadata)
            try:
                await _Call(call, context, reader_for(method), self._watcher).run()
            except grpc.aio.AioRpcError as error:
                await context.abort(error.code(), error.details() or "", tuple(error.trailing_metadata() or ()))
            except CutError:
                await context.abort(grpc.StatusCode.UNAVAILABLE, "The connection was cut.")
            finally:
                call.cancel()

        return grpc.stream_stream_rpc_method_handler(relayed)


class _OverError(Exception):
    """The call is over: ends what still goes up."""


class _Call:
    """One call that is passed on, as raw bytes whatever its kind."""

    def __init__(
        self, call: grpc.aio.StreamStreamCall, context: grpc.aio.ServicerContext, reader: Reader, watcher: Watcher
    ) -> None:
        self._call = call
        self._context = context
        self._reader = reader
        self._watcher = watcher
        self._up = asyncio.Lock()
        self._down = asyncio.Lock()

    async def run(self) -> None:
        """Pass everything on until the server ends the call; what it said before that is told first.

        Raises:
            grpc.aio.AioRpcError: As the server ended it.
            CutError: As the watcher wants it.
        """
        failure: Exception | None = None
        try:
            async with asyncio.TaskGroup() as ups:
                ups.create_task(self._pump_up(), name="relay-up")
                async with asyncio.TaskGroup() as downs:
                    await self._pump_down(downs)
                raise _OverError
        except* _OverError:
            pass
        except* (grpc.aio.AioRpcError, CutError) as failures:
            failure = next(iter(_leaves(failures)))
        if failure is not None:
            raise failure

    async def _pump_up(self) -> None:
        # The end of the stream does not overtake what is held.
        async with asyncio.TaskGroup() as held:
            while (data := await self._context.read()) is not grpc.aio.EOF:
                for passing in self._reader.up(data):
                    await self._pass(passing, self._send_up, held)
        await self._call.done_writing()

    async def _pump_down(self, group: asyncio.TaskGroup) -> None:
        while (data := await self._call.read()) is not grpc.aio.EOF:
            for passing in self._reader.down(data):
                await self._pass(passing, self._send_down, group)

    async def _pass(self, passing: Passing, forward: _Forward, group: asyncio.TaskGroup) -> None:
        if passing.before is None:
            await forward(passing.data)
        else:
            group.create_task(self._stop_by(passing, passing.before, forward), name="relay-step")

    async def _stop_by(self, passing: Passing, before: Step, forward: _Forward) -> None:
        await self._watcher.at(passing.job_name, before)
        await forward(passing.data)
        if passing.after is not None:
            await self._watcher.at(passing.job_name, passing.after)

    async def _send_up(self, data: bytes) -> None:
        # call.write() puts INTERNAL over the server's status when the call ends under it (grpc/grpc issue 36066).
        async with self._up:
            try:
                await self._call.wait_for_connection()
                await self._call._cython_call.send_serialized_message(data)
            except (grpc.aio.AioRpcError, cygrpc.InternalError, asyncio.InvalidStateError):
                return  # The call is over, and whoever reads it learns why.

    async def _send_down(self, data: bytes) -> None:
        async with self._down:
            await self._context.write(data)


def _leaves(group: BaseExceptionGroup[Any]) -> list[Exception]:
    found: list[Exception] = []
    for error in group.exceptions:
        found += _leaves(error) if isinstance(error, BaseExceptionGroup) else [error]
    return found


@asynccontextmanager
async def relay(target: str, watcher: Watcher) -> AsyncIterator[str]:
    """Stand in front of `target` for the length of the block; yields where, as ``host:port``."""
    async with grpc.aio.insecure_channel(target, options=CHANNEL_OPTIONS) as channel:
        server = grpc.aio.server(handlers=[Relay(channel, watcher)], options=SERVER_OPTIONS)
        port = server.add_insecure_port("127.0.0.1:0")
        await server.start()
        try:
            yield f"127.0.0.1:{port}"
        finally:
            await server.stop(_ENDS_WITHIN_S)
