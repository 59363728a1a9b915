"""Handlers of gRPC methods, put into others: whatever kind they are, and however they stream."""

import inspect
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager
from typing import Any

import grpc

Around = Callable[[grpc.aio.ServicerContext], AbstractAsyncContextManager[None]]
"""Makes what a call happens in. What it raises before, the call ends with."""


def surrounded(handler: grpc.RpcMethodHandler, around: Around) -> grpc.RpcMethodHandler:
    """Return a handler that does what `handler` does, each call inside of a block of its own."""
    make, behaviour = maker_and_behaviour(handler)
    if inspect.isasyncgenfunction(behaviour):

        async def surrounded_stream(request: Any, context: grpc.aio.ServicerContext) -> AsyncIterator[Any]:
            async with around(context):
                async for response in behaviour(request, context):
                    yield response

        inside: Any = surrounded_stream
    else:

        async def surrounded_call(request: Any, context: grpc.aio.ServicerContext) -> Any:
            async with around(context):
                return await behaviour(request, context)

        inside = surrounded_call
    return make(
        inside,
        request_deserializer=handler.request_deserializer,
        response_serializer=handler.response_serializer,
    )


def maker_and_behaviour(handler: grpc.RpcMethodHandler) -> tuple[Callable[..., Any], Callable[..., Any]]:
    """Return what makes a handler of the same kind, and what `handler` does."""
    if handler.request_streaming and handler.response_streaming:
        return grpc.stream_stream_rpc_method_handler, handler.stream_stream
    if handler.request_streaming:
        return grpc.stream_unary_rpc_method_handler, handler.stream_unary
    if handler.response_streaming:
        return grpc.unary_stream_rpc_method_handler, handler.unary_stream
    return grpc.unary_unary_rpc_method_handler, handler.unary_unary
