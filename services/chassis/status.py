"""Errors on the wire: `ClipferryError` to google.rpc.Status and back, once, for every service."""

import inspect
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any, NoReturn

import grpc
import structlog
from google.protobuf.any_pb2 import Any as AnyMessage
from google.protobuf.duration_pb2 import Duration
from google.rpc import code_pb2, error_details_pb2, status_pb2

from services.chassis.errors import ClipferryError, Kind, Reason
from services.chassis.handlers import maker_and_behaviour

logger = structlog.get_logger(__name__)

DOMAIN = "clipferry"
_DETAILS_KEY = "grpc-status-details-bin"
_OURS = ("/clipferry.", "/externalscaler.")

STATUS_BY_KIND: Mapping[Kind, grpc.StatusCode] = {
    Kind.INVALID: grpc.StatusCode.INVALID_ARGUMENT,
    Kind.UNAUTHENTICATED: grpc.StatusCode.UNAUTHENTICATED,
    Kind.DENIED: grpc.StatusCode.PERMISSION_DENIED,
    Kind.NOT_FOUND: grpc.StatusCode.NOT_FOUND,
    Kind.WRONG_STATE: grpc.StatusCode.FAILED_PRECONDITION,
    Kind.LOST: grpc.StatusCode.ABORTED,
    Kind.TOO_OLD: grpc.StatusCode.OUT_OF_RANGE,
    Kind.EXHAUSTED: grpc.StatusCode.RESOURCE_EXHAUSTED,
    Kind.UNAVAILABLE: grpc.StatusCode.UNAVAILABLE,
    Kind.DAMAGED: grpc.StatusCode.DATA_LOSS,
    Kind.UNKNOWN: grpc.StatusCode.UNKNOWN,
    Kind.UNIMPLEMENTED: grpc.StatusCode.UNIMPLEMENTED,
    Kind.INTERNAL: grpc.StatusCode.INTERNAL,
}
"""The one table from what a caller can do to what gRPC calls it."""

_REASON_BY_CODE: Mapping[grpc.StatusCode, Reason] = {
    grpc.StatusCode.UNAVAILABLE: Reason.UNAVAILABLE,
    grpc.StatusCode.DEADLINE_EXCEEDED: Reason.UNAVAILABLE,
    grpc.StatusCode.UNAUTHENTICATED: Reason.UNAUTHENTICATED,
    grpc.StatusCode.PERMISSION_DENIED: Reason.PERMISSION_DENIED,
    grpc.StatusCode.UNIMPLEMENTED: Reason.UNIMPLEMENTED,
}
"""For answers without details: those that gRPC itself gives. A callee that is late is away, not our bug."""


def to_status(error: ClipferryError) -> status_pb2.Status:
    """Return `error` as google.rpc.Status with one ErrorInfo, and RetryInfo or BadRequest where they apply."""
    status = status_pb2.Status(code=STATUS_BY_KIND[error.reason.kind].value[0], message=error.message)
    info = error_details_pb2.ErrorInfo(reason=error.reason.name, domain=DOMAIN, metadata=error.metadata)
    _attach(status, info)
    if error.retry_after_s is not None:
        delay = Duration()
        delay.FromMicroseconds(round(error.retry_after_s * 1_000_000))
        _attach(status, error_details_pb2.RetryInfo(retry_delay=delay))
    if error.reason is Reason.FIELD_INVALID:
        violation = error_details_pb2.BadRequest.FieldViolation(
            field=error.metadata.get("field", ""), description=error.message
        )
        _attach(status, error_details_pb2.BadRequest(field_violations=[violation]))
    return status


def _attach(status: status_pb2.Status, detail: Any) -> None:
    packed = AnyMessage()
    packed.Pack(detail)
    status.details.append(packed)


def from_status(status: status_pb2.Status) -> ClipferryError:
    """Return the error that `status` carries; INTERNAL when it carries none of ours."""
    reason = Reason.INTERNAL
    metadata: dict[str, str] = {}
    retry_after_s: float | None = None
    for detail in status.details:
        info, retry = error_details_pb2.ErrorInfo(), error_details_pb2.RetryInfo()
        if detail.Unpack(info) and info.domain == DOMAIN and info.reason in Reason.__members__:
            reason = Reason[info.reason]
            metadata = dict(info.metadata)
        elif detail.Unpack(retry):
            retry_after_s = retry.retry_delay.ToMicroseconds() / 1_000_000
    if reason is Reason.INTERNAL:
        return ClipferryError(Reason.INTERNAL, grpc_code=code_pb2.Code.Name(status.code))
    return ClipferryError(reason, status.message, retry_after_s=retry_after_s, **metadata)


def from_rpc_error(error: grpc.aio.AioRpcError) -> ClipferryError:
    """Return what a failed call means to us. Details that are not ours are never passed on."""
    for key, value in error.trailing_metadata() or ():
        if key == _DETAILS_KEY and isinstance(value, bytes):
            status = status_pb2.Status()
            status.ParseFromString(value)
            return from_status(status)
    reason = _REASON_BY_CODE.get(error.code(), Reason.INTERNAL)
    return ClipferryError(reason, grpc_code=error.code().name)


@contextmanager
def remote_errors() -> Iterator[None]:
    """Turn every failed call of the block into a `ClipferryError`."""
    try:
        yield
    except grpc.aio.AioRpcError as error:
        raise from_rpc_error(error) from error


class ErrorInterceptor(grpc.aio.ServerInterceptor):
    """Answers with the status of the error that a servicer raised, so that servicers contain no ``try``.

    Health and reflection are left alone: they stream by ``context.write`` and have their own statuses.
    """

    async def intercept_service(
        self,
        continuation: Callable[[grpc.HandlerCallDetails], Awaitable[grpc.RpcMethodHandler]],
        handler_call_details: grpc.HandlerCallDetails,
    ) -> grpc.RpcMethodHandler:
        handler = await continuation(handler_call_details)
        if handler is None or not handler_call_details.method.startswith(_OURS):
            return handler
        return _guarded(handler, handler_call_details.method)


def _guarded(handler: grpc.RpcMethodHandler, method: str) -> grpc.RpcMethodHandler:
    make, behaviour = maker_and_behaviour(handler)
    if inspect.isasyncgenfunction(behaviour):

        async def guarded_stream(request: Any, context: grpc.aio.ServicerContext) -> AsyncIterator[Any]:
            try:
                async for response in behaviour(request, context):
                    yield response
            except Exception as error:  # noqa: BLE001 - the edge: whatever was raised is answered, never lost
                await abort(context, error, method)

        wrapped: Any = guarded_stream
    else:

        async def guarded_call(request: Any, context: grpc.aio.ServicerContext) -> Any:
            try:
                return await behaviour(request, context)
            except Exception as error:  # noqa: BLE001 - the edge: whatever was raised is answered, never lost
                await abort(context, error, method)

        wrapped = guarded_call
    return make(
        wrapped,
        request_deserializer=handler.request_deserializer,
        response_serializer=handler.response_serializer,
    )


async def abort(context: grpc.aio.ServicerContext, error: Exception, method: str) -> NoReturn:
    """End the call with what `error` means to the caller.

    Raises:
        grpc.aio.AbortError: Always; this is how grpc ends a call.
    """
    if isinstance(error, grpc.aio.AbortError):
        raise error
    if isinstance(error, NotImplementedError):
        error = ClipferryError(Reason.UNIMPLEMENTED, method=method)
    if not isinstance(error, ClipferryError):
        logger.error("A call failed by a fault of ours.", action="call_failed", method=method, exc_info=error)
        error = ClipferryError(Reason.INTERNAL)
    status = to_status(error)
    await context.abort(
        STATUS_BY_KIND[error.reason.kind],
        status.message,
        trailing_metadata=((_DETAILS_KEY, status.SerializeToString()),),
    )
    raise AssertionError("abort returned")
