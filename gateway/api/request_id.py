"""The id of a request: in its answer, in its problem, and in each log line that it leads to."""

import re
import uuid

import structlog

HEADER = "x-request-id"
_GIVEN = re.compile(r"[A-Za-z0-9._-]{1,64}")


def begin_request(given: str | None) -> str:
    """Name the request that this task answers; returns the name.

    Args:
        given: What a proxy or the client calls it; taken over when it is 1 to 64 letters, digits, dots, hyphens and
            underscores.
    """
    name = given if given is not None and _GIVEN.fullmatch(given) else uuid.uuid4().hex
    structlog.contextvars.bind_contextvars(request_id=name)
    return name


def request_id() -> str:
    """Return the name of the request that this task answers; empty outside of one."""
    return str(structlog.contextvars.get_contextvars().get("request_id", ""))
