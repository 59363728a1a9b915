"""A limit on bodies, before anything reads them."""

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from gateway.api.fields import field
from gateway.api.problems import problem
from services.chassis.errors import ClipferryError, Reason

_DISCARDED_BYTES = 1024 * 1024


class BodyLimit:
    """Refuses bodies of more than `limit_bytes` before anything reads them."""

    def __init__(self, app: ASGIApp, limit_bytes: int) -> None:
        self._app = app
        self._limit_bytes = limit_bytes

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or scope["method"] in ("GET", "HEAD", "OPTIONS"):
            await self._app(scope, receive, send)
            return
        size_text = field(scope, b"content-length")
        if size_text is not None:  # the HTTP parser holds the client to it
            if int(size_text) > self._limit_bytes:
                await _discard(receive)
                await self._refuse(f"{size_text} bytes", int(size_text), scope, receive, send)
                return
        elif field(scope, b"transfer-encoding") is not None:
            body, is_whole = await self._read(receive)
            if len(body) > self._limit_bytes:
                size_bytes = len(body) + (0 if is_whole else await _discard(receive))
                await self._refuse(f"{size_bytes} bytes or more", size_bytes, scope, receive, send)
                return
            receive = _replay(body, receive)
        await self._app(scope, receive, send)

    async def _read(self, receive: Receive) -> tuple[bytes, bool]:
        """Return the body, and whether that is all of it: one that is too large is not read to its end."""
        body = bytearray()
        while True:
            message = await receive()
            if message["type"] != "http.request":
                return b"", True
            body += message.get("body", b"")
            has_more = message.get("more_body", False)
            if not has_more or len(body) > self._limit_bytes:
                return bytes(body), not has_more

    async def _refuse(self, size: str, size_bytes: int, scope: Scope, receive: Receive, send: Send) -> None:
        error = ClipferryError(
            Reason.BODY_TOO_LARGE,
            f"The body has {size}; at most {self._limit_bytes} are accepted.",
            size_bytes=size_bytes,
            limit_bytes=self._limit_bytes,
        )
        await problem(error, scope["path"], {"Connection": "close"})(scope, receive, send)


async def _discard(receive: Receive) -> int:
    """Read on for a while: a client that is still sending would miss the answer if the connection closed on it.

    Returns:
        Bytes that were read.
    """
    size_bytes = 0
    while size_bytes < _DISCARDED_BYTES:
        message = await receive()
        if message["type"] != "http.request":
            break
        size_bytes += len(message.get("body", b""))
        if not message.get("more_body", False):
            break
    return size_bytes


def _replay(body: bytes, receive: Receive) -> Receive:
    given = False

    async def receive_again() -> Message:
        nonlocal given
        if given:
            return await receive()
        given = True
        return {"type": "http.request", "body": body, "more_body": False}

    return receive_again
