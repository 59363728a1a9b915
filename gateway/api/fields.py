"""Fields of a request's head, read where the server put them: a look-up makes nothing but the value."""

from collections.abc import Mapping
from typing import Any

from services.chassis.errors import ClipferryError, Reason


def field(scope: Mapping[str, Any], name: bytes) -> str | None:
    """Return the first value of a header; None when it is not there.

    Args:
        scope: ASGI scope of the request.
        name: Of the header, in small letters.
    """
    for each, value in scope["headers"]:
        if each == name:
            shown: str = value.decode("latin-1")
            return shown
    return None


def single(scope: Mapping[str, Any], name: bytes, reason: Reason = Reason.REQUEST_UNREADABLE) -> str | None:
    """Return the value of a header that a request may hold once: of two, each reader might believe another one.

    Args:
        scope: ASGI scope of the request.
        name: Of the header, in small letters.
        reason: Of the error.

    Raises:
        ClipferryError: `reason`, when there are two or more.
    """
    values = [value for each, value in scope["headers"] if each == name]
    if len(values) > 1:
        said = f"A request may have one {name.decode().title()} header; this one has {len(values)}."
        raise ClipferryError(reason, said)
    return values[0].decode("latin-1") if values else None
