"""The id of a request: in its answer, in its problem, and in each log line that it leads to."""

import random
import re

import structlog

HEADER = b"x-request-id"
_ids = random.Random()
"""Begun by the kernel, once; a generator of its own, which nobody can set back."""
_GIVEN = re.compile(r"[A-Za-z0-9._-]{1,64}")


def new_id() -> str:
    """Return 32 hexadecimal digits that nobody had before. No secret: the kernel is not asked for each."""
    return f"{_ids.getrandbits(128):032x}"


def begin_request(given: str | None) -> str:
    """Name the request that this task answers; returns the name.

    Args:
        given: What a proxy or the client calls it; taken over when it is 1 to 64 letters, digits, dots, hyphens and
            underscores.
    """
    name = given if given is not None and _GIVEN.fullmatch(given) else new_id()
    structlog.contextvars.bind_contextvars(request_id=name)
    return name


def request_id() -> str:
    """Return the name of the request that this task answers; empty outside of one."""
    return str(structlog.contextvars.get_contextvars().get("request_id", ""))
