"""What each gRPC call to a service leaves behind: numbers, a span, and its name in the log lines it leads to."""

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from typing import Any

import grpc
import structlog

from services.chassis import tracing
from services.chassis.handlers import surrounded
from services.chassis.metrics import Counter, Histogram, Level

CALLS = Counter(
    "clipferry_grpc_calls_total", "gRPC calls that ended, by how they ended.", ("grpc_service", "grpc_method", "code")
)
SECONDS = Histogram("clipferry_grpc_call_seconds", "How long gRPC calls took.", ("grpc_service", "grpc_method"))
OPEN = Level("clipferry_grpc_open_calls", "gRPC calls that are open now.", ("grpc_service", "grpc_method"))

_NOT_COUNTED = ("/grpc.health.", "/grpc.reflection.")
"""Probes and people who look around."""
_CODES = {code.value[0]: code.name for code in grpc.StatusCode}
_REQUEST_ID_LENGTH = 64


class CallInterceptor(grpc.aio.ServerInterceptor):
    """Stands around all others, so that it sees what they refuse."""

    async def intercept_service(
        self,
        continuation: Callable[[grpc.HandlerCallDetails], Awaitable[grpc.RpcMethodHandler]],
        handler_call_details: grpc.HandlerCallDetails,
    ) -> grpc.RpcMethodHandler:
        handler = await continuation(handler_call_details)
        method: str = handler_call_details.method
        if handler is None or method.startswith(_NOT_COUNTED):
            return handler
        metadata = dict(handler_call_details.invocation_metadata or ())
        return surrounded(handler, lambda context: _observing(method, metadata, context))


@asynccontextmanager
async def _observing(method: str, metadata: dict[str, Any], context: grpc.aio.ServicerContext) -> AsyncIterator[None]:
    labels = method[1:].split("/")
    request_id = metadata.get(tracing.REQUEST_ID)
    if isinstance(request_id, str):
        structlog.contextvars.bind_contextvars(request_id=request_id[:_REQUEST_ID_LENGTH])
    began_at_s = time.perf_counter()
    cancelled = False
    with OPEN.one_more(*labels), _span(method[1:], metadata) as span:
        try:
            yield
        except (asyncio.CancelledError, GeneratorExit):
            cancelled = True
            raise
        finally:
            code = _cut_short(context) if cancelled else _CODES.get(_number(context.code()), "UNKNOWN")
            SECONDS.observe(time.perf_counter() - began_at_s, *labels)
            CALLS.add(*labels, code)
            if code != "OK":
                span.fail(code)


@contextmanager
def _span(name: str, metadata: dict[str, Any]) -> Iterator[tracing.Span]:
    """Cover a call that belongs to a trace. Others, such as the streams that are always open, would only be noise."""
    parent = metadata.get(tracing.TRACEPARENT)
    if not tracing.is_on() or not isinstance(parent, str):
        yield tracing.NO_SPAN
        return
    with tracing.span(name, "server", parent=parent) as span:
        yield span


def _number(code: Any) -> int:
    """Return a status as its number: grpc.aio says 0 or a number where nothing, or a servicer, has set it."""
    return int(code.value[0]) if isinstance(code, grpc.StatusCode) else int(code or 0)


def _cut_short(context: grpc.aio.ServicerContext) -> str:
    """Return which end a call came to that was cut short: grpc cancels a handler for both."""
    left_s = context.time_remaining()
    return "DEADLINE_EXCEEDED" if left_s is not None and left_s <= 0 else "CANCELLED"
