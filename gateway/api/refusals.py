"""With which statuses an operation refuses, for the OpenAPI document: all of them, so that a test finds any other."""

from collections.abc import Mapping
from typing import Any

_DESCRIPTIONS: Mapping[int, str] = {
    400: "The request cannot be read, or has a parameter or a header that it may not have.",
    401: "The credentials are missing, not valid or too old.",
    403: "The caller may not do this.",
    404: "There is no such thing, or it is not the caller's.",
    409: "Not while things are as they are.",
    413: "The body is too large.",
    415: "The body is no JSON, or is compressed.",
    422: "A field holds what it may not; `detail` names it, and what it may hold.",
    429: "Over a limit or a quota of the day: `Retry-After` says when it is not any more.",
    503: "What this needs is away: `Retry-After` says when it is worth asking again.",
}
_SIGN_IN = ("/api/auth/token", "/api/auth/refresh")
_WITH_STATES = ("/api/jobs", "/api/probe")
_SIGN_OUT = "/api/auth/logout"


def refusals(method: str, path: str, operation: Mapping[str, Any]) -> dict[str, Mapping[str, Any]]:
    """Return the responses of an operation that are problems, by status."""
    parameters = {each["in"] for each in operation.get("parameters", ())}
    security = operation.get("security")
    is_open = security is not None and (not security or {} in security)
    statuses = {400, 503}
    if path.startswith("/api/"):
        statuses.add(429)
    if not is_open:
        statuses |= {401, 403}
    if path in _SIGN_IN:
        statuses.add(401)
    if "path" in parameters:
        statuses.add(404)
    if method != "get":
        statuses.add(413)
        if path.startswith(_WITH_STATES):
            statuses.add(409)
    if "requestBody" in operation:
        statuses |= {415, 422}
    if "query" in parameters or path == _SIGN_OUT:
        statuses.add(422)
    return {str(status): _problem(status) for status in sorted(statuses)}


def header(description: str, **schema: Any) -> Mapping[str, Any]:
    """Return the OpenAPI object of a response's header."""
    return {"description": description, "schema": {"type": "string", **schema}}


def _problem(status: int) -> Mapping[str, Any]:
    return {
        "description": _DESCRIPTIONS[status],
        "headers": {
            "Retry-After": header("Seconds until it is worth asking again, where that is known.", pattern="^[0-9]+$")
        },
        "content": {"application/problem+json": {"schema": {"$ref": "#/components/schemas/ProblemView"}}},
    }
