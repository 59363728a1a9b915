"""Headers that a request may hold once: of two, each reader on the way might believe another one."""

from starlette.datastructures import Headers

from services.chassis.errors import ClipferryError, Reason


def single(headers: Headers, name: str, reason: Reason = Reason.REQUEST_UNREADABLE) -> str | None:
    """Return the value of a header; None when it is not there.

    Args:
        headers: Of the request.
        name: Of the header.
        reason: Of the error.

    Raises:
        ClipferryError: `reason`, when there are two or more.
    """
    values = headers.getlist(name)
    if len(values) > 1:
        raise ClipferryError(reason, f"A request may have one {name.title()} header; this one has {len(values)}.")
    return values[0] if values else None
