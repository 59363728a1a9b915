"""Writing to a stream that the other side may end at any moment.

`call.write()` of grpc.aio puts INTERNAL in place of the status that the server gave when a call ends under it
(https://github.com/grpc/grpc/issues/36066): a stream that ended well looks broken, and what was said of it is gone.
These do not: whoever reads the call learns how it ended. One that is cancelled leaves the call as it is.
"""

from collections.abc import Awaitable, Callable
from functools import partial

import grpc
from google.protobuf.message import Message
from grpc._cython import cygrpc


async def write(call: grpc.aio.StreamStreamCall, message: Message) -> bool:
    """Write `message`; returns whether the call still took it."""
    return await _do(call, partial(call._cython_call.send_serialized_message, message.SerializeToString()))


async def write_end(call: grpc.aio.StreamStreamCall) -> bool:
    """Say that nothing more will be written; returns whether the call still took it."""
    return await _do(call, call._cython_call.send_receive_close)


async def _do(call: grpc.aio.StreamStreamCall, operation: Callable[[], Awaitable[None]]) -> bool:
    if call.done():
        return False
    try:
        await call.wait_for_connection()
        await operation()
    except (grpc.aio.AioRpcError, cygrpc.InternalError):
        return False
    return True
