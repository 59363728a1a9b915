"""Errors as application/problem+json (RFC 9457), for every route and for what no route takes."""

import math
from collections.abc import Mapping
from http import HTTPStatus

import msgspec
import structlog
from fastapi import FastAPI
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

from gateway.api.allowed import either
from gateway.views.job import number
from services.chassis.errors import ClipferryError, Kind, Reason

logger = structlog.get_logger(__name__)

MEDIA_TYPE = "application/problem+json"
_CHALLENGE = 'Bearer realm="clipferry"'

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
        **{key: number(value) for key, value in error.metadata.items() if key != "grpc_code"},
        "type": f"urn:clipferry:problem:{error.reason.name.lower().replace('_', '-')}",
        "title": status.phrase,
        "status": status.value,
        "detail": error.message,
        "instance": instance,
        "code": error.reason.name,
    }
    return Response(msgspec.json.encode(body), status, {**_headers(error), **(headers or {})}, MEDIA_TYPE)


def _headers(error: ClipferryError) -> dict[str, str]:
    headers = {"Cache-Control": "no-store"}
    if error.reason.kind is Kind.UNAUTHENTICATED:
        headers["WWW-Authenticate"] = f'{_CHALLENGE}, error="invalid_token"'
    if error.retry_after_s is not None:
        headers["Retry-After"] = str(math.ceil(error.retry_after_s))
    return headers


def add_problem_handlers(app: FastAPI) -> None:
    """Let every error of `app` be answered as a problem."""
    app.exception_handler(ClipferryError)(_on_ours)
    app.exception_handler(HTTPException)(_on_http)
    app.exception_handler(Exception)(_on_fault)


async def _on_ours(request: Request, error: ClipferryError) -> Response:
    # RFC 6750, section 3.1: whoever showed nothing is told how to sign in, and of no error.
    is_unsigned = error.reason.kind is Kind.UNAUTHENTICATED and "authorization" not in request.headers
    return problem(error, request.url.path, {"WWW-Authenticate": _CHALLENGE} if is_unsigned else None)


async def _on_http(request: Request, error: HTTPException) -> Response:
    reason = _REASON_BY_HTTP.get(error.status_code, Reason.INTERNAL)
    said = ClipferryError(reason)
    if reason is Reason.ROUTE_NOT_FOUND:
        said = ClipferryError(reason, f"There is nothing at {request.url.path[:200]}.")
    elif reason is Reason.METHOD_NOT_ALLOWED:
        taken = sorted((error.headers or {}).get("Allow", "").split(", "))
        said = ClipferryError(reason, f"{request.url.path[:200]} takes {either(taken)}, not {request.method}.")
    return problem(said, request.url.path, error.headers)


async def _on_fault(request: Request, error: Exception) -> Response:
    logger.error("A request failed by a fault of ours.", action="request_failed", path=request.url.path, exc_info=error)
    return problem(ClipferryError(Reason.INTERNAL), request.url.path)
