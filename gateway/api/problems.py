"""Errors as application/problem+json (RFC 9457), for every route and for what no route takes."""

import math
from collections.abc import Mapping
from http import HTTPStatus

import msgspec
import structlog
from fastapi import FastAPI
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response

from gateway.api.allowed import either
from gateway.api.request_id import request_id
from gateway.views.facts import facts
from services.chassis.errors import ClipferryError, Kind, Reason, field_invalid

logger = structlog.get_logger(__name__)

MEDIA_TYPE = "application/problem+json"
_CHALLENGE = 'Bearer realm="clipferry"'
_UNAVAILABLE_RETRY_AFTER_S = 5.0
"""For what is away and does not say for how long."""

HTTP_BY_KIND: Mapping[Kind, HTTPStatus] = {
    Kind.INVALID: HTTPStatus.UNPROCESSABLE_ENTITY,
    Kind.UNAUTHENTICATED: HTTPStatus.UNAUTHORIZED,
    Kind.DENIED: HTTPStatus.FORBIDDEN,
    Kind.NOT_FOUND: HTTPStatus.NOT_FOUND,
    Kind.WRONG_STATE: HTTPStatus.CONFLICT,
    Kind.LOST: HTTPStatus.CONFLICT,
    Kind.TOO_OLD: HTTPStatus.GONE,
    Kind.EXHAUSTED: HTTPStatus.TOO_MANY_REQUESTS,
    Kind.UNAVAILABLE: HTTPStatus.SERVICE_UNAVAILABLE,
    Kind.DAMAGED: HTTPStatus.BAD_GATEWAY,
    Kind.UNKNOWN: HTTPStatus.BAD_GATEWAY,
    Kind.UNIMPLEMENTED: HTTPStatus.NOT_IMPLEMENTED,
    Kind.INTERNAL: HTTPStatus.INTERNAL_SERVER_ERROR,
}
"""The one table from what a caller can do to what HTTP calls it."""

_HTTP_BY_REASON: Mapping[Reason, HTTPStatus] = {
    Reason.BODY_INVALID: HTTPStatus.BAD_REQUEST,
    Reason.REQUEST_UNREADABLE: HTTPStatus.BAD_REQUEST,
    Reason.HEAD_TOO_LARGE: HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE,
    Reason.PARAMETER_UNKNOWN: HTTPStatus.BAD_REQUEST,
    Reason.IDEMPOTENCY_KEY_INVALID: HTTPStatus.BAD_REQUEST,
    Reason.MEDIA_TYPE_UNSUPPORTED: HTTPStatus.UNSUPPORTED_MEDIA_TYPE,
    Reason.BODY_TOO_LARGE: HTTPStatus.REQUEST_ENTITY_TOO_LARGE,
    Reason.METHOD_NOT_ALLOWED: HTTPStatus.METHOD_NOT_ALLOWED,
}

_REASON_BY_HTTP: Mapping[int, Reason] = {
    400: Reason.BODY_INVALID,
    404: Reason.ROUTE_NOT_FOUND,
    405: Reason.METHOD_NOT_ALLOWED,
}


def status_of(reason: Reason) -> HTTPStatus:
    """Return the HTTP status of `reason`."""
    return _HTTP_BY_REASON.get(reason) or HTTP_BY_KIND[reason.kind]


def problem(error: ClipferryError, instance: str, headers: Mapping[str, str] | None = None) -> Response:
    """Return `error` as a response.

    Args:
        instance: Path of the request.
        headers: More headers, such as Allow.
    """
    status = status_of(error.reason)
    body = {
        **facts({key: value for key, value in error.metadata.items() if key != "grpc_code"}),
        "type": f"urn:clipferry:problem:{error.reason.name.lower().replace('_', '-')}",
        "title": status.phrase,
        "status": status.value,
        "detail": error.message,
        "instance": instance,
        "code": error.reason.name,
        "requestId": request_id(),
    }
    return Response(msgspec.json.encode(body), status, {**_headers(error), **(headers or {})}, MEDIA_TYPE)


def _headers(error: ClipferryError) -> dict[str, str]:
    headers = {"Cache-Control": "no-store"}
    if error.reason.kind is Kind.UNAUTHENTICATED:
        headers["WWW-Authenticate"] = f'{_CHALLENGE}, error="invalid_token"'
    retry_after_s = error.retry_after_s
    if retry_after_s is None and error.reason.kind is Kind.UNAVAILABLE:
        retry_after_s = _UNAVAILABLE_RETRY_AFTER_S
    if retry_after_s is not None:
        headers["Retry-After"] = str(math.ceil(retry_after_s))
    return headers


def add_problem_handlers(app: FastAPI) -> None:
    """Let every error of `app` be answered as a problem."""
    for kind in (ClipferryError, HTTPException, RequestValidationError, ClientDisconnect, Exception):
        app.exception_handler(kind)(_answered)


async def _answered(request: Request, error: Exception) -> Response:
    return problem_of(request, error)


def problem_of(request: Request, error: Exception) -> Response:
    """Return what was raised while `request` was being answered as a response; a fault of ours is logged."""
    match error:
        case ClipferryError():
            return _of_ours(request, error)
        case HTTPException():
            return _of_http(request, error)
        case RequestValidationError():
            return _of_misfit(request, error)
        case ClientDisconnect():
            # Nobody reads this; without it, a client that hangs up in mid-body would look like a fault of ours.
            return problem(ClipferryError(Reason.BODY_INVALID, "The body ended before its end."), request.url.path)
    logger.error("A request failed by a fault of ours.", action="request_failed", path=request.url.path, exc_info=error)
    return problem(ClipferryError(Reason.INTERNAL), request.url.path)


def _of_ours(request: Request, error: ClipferryError) -> Response:
    # RFC 6750, section 3.1: whoever showed nothing is told how to sign in, and of no error.
    is_unsigned = error.reason.kind is Kind.UNAUTHENTICATED and "authorization" not in request.headers
    return problem(error, request.url.path, {"WWW-Authenticate": _CHALLENGE} if is_unsigned else None)


def _of_http(request: Request, error: HTTPException) -> Response:
    reason = _REASON_BY_HTTP.get(error.status_code, Reason.INTERNAL)
    said = ClipferryError(reason)
    if reason is Reason.ROUTE_NOT_FOUND:
        said = ClipferryError(reason, f"There is nothing at {request.url.path[:200]}.")
    elif reason is Reason.METHOD_NOT_ALLOWED:
        taken = sorted((error.headers or {}).get("Allow", "").split(", "))
        said = ClipferryError(reason, f"{request.url.path[:200]} takes {either(taken)}, not {request.method}.")
    return problem(said, request.url.path, error.headers)


def _of_misfit(request: Request, error: RequestValidationError) -> Response:
    first = error.errors()[0]
    place = ".".join(str(part) for part in first["loc"][1:]) or str(first["loc"][0])
    said = str(first["msg"])
    return problem(field_invalid(place, f"is not accepted: {said[:1].lower()}{said[1:]}"), request.url.path)
