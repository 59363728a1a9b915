"""Entity tags: whoever asks again for what has not changed gets 304 and no body."""

import hashlib
from collections.abc import Iterable

from google.protobuf.message import Message
from starlette.requests import Request
from starlette.responses import Response

_TAG_BYTES = 12

# A browser may keep it for the one who is signed in, and asks each time whether it still holds.
CACHING = {"Cache-Control": "private, no-cache", "Vary": "Authorization"}


def tag_of(parts: Iterable[Message], *more: str) -> str:
    """Return the tag of an answer made from `parts`: weak, as the bytes of the answer are not looked at.

    Args:
        parts: What the queue said.
        more: What else the answer depends on.
    """
    digest = hashlib.blake2b("\n".join(more).encode(), digest_size=_TAG_BYTES)
    for part in parts:
        whole = part.SerializeToString(deterministic=True)
        digest.update(len(whole).to_bytes(4, "big") + whole)
    return f'W/"{digest.hexdigest()}"'


def not_modified(request: Request, tag: str) -> Response | None:
    """Return the 304 if the client has the answer with `tag` already."""
    known = request.headers.get("if-none-match")
    if known is None or not _matches(known, tag):
        return None
    return Response(status_code=304, headers={**CACHING, "ETag": tag})


def _matches(known: str, tag: str) -> bool:
    """Compare weakly, as RFC 9110 (13.1.2) wants it for If-None-Match."""
    wanted = tag.removeprefix("W/")
    return known.strip() == "*" or any(each.strip().removeprefix("W/") == wanted for each in known.split(","))
