"""The door at /ws: who may come in, and in which language."""

from collections.abc import Sequence

from starlette.datastructures import Headers
from starlette.types import Receive, Scope, Send
from starlette.websockets import WebSocket

from gateway.api.fields import single
from gateway.api.problems import problem
from gateway.live.closing import WRONG_PROTOCOL
from gateway.live.connection import Connection, Live
from gateway.live.door import Visit
from gateway.live.messages import PROTOCOL
from gateway.live.socket import EXTENSION, SharedFrameProtocol
from services.chassis.errors import ClipferryError, Reason


class WebSocketEndpoint:
    """An ASGI application for one path.

    Args:
        live: Absent when live updates are switched off.
        allowed_origins: Origins besides the gateway's own.
    """

    def __init__(self, live: Live | None, allowed_origins: frozenset[str]) -> None:
        self._live = live
        self._allowed_origins = allowed_origins

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        headers = Headers(scope=scope)
        if self._live is None:
            off = "Live updates are switched off here (WEBSOCKET_ENABLED=false): ask GET /api/jobs again and again."
            await _deny(ClipferryError(Reason.UNAVAILABLE, off), scope, receive, send)
            return
        if not self._is_welcome(headers.get("origin"), headers.get("host")):
            denied = f"Pages of {headers['origin'][:200]!r} may not use this gateway; see ALLOWED_ORIGINS."
            await _deny(ClipferryError(Reason.PERMISSION_DENIED, denied), scope, receive, send)
            return
        client = scope["client"]
        try:
            single(scope, b"authorization")
            visit = self._live.door.enter(client[0] if client else "")
        except ClipferryError as error:
            await _deny(error, scope, receive, send)
            return
        try:
            await _talk(self._live, visit, scope, receive, send)
        finally:
            visit.end()

    def _is_welcome(self, origin: str | None, host: str | None) -> bool:
        """Programs send no Origin; a page's must be ours or allowed, letter by letter."""
        if origin is None or origin in self._allowed_origins:
            return True
        return origin.partition("://")[2] == host


async def no_endpoint(websocket: WebSocket) -> None:
    """Say that there is no WebSocket at this path."""
    said = f"There is no WebSocket at {websocket.url.path[:200]}; the live updates are at /ws."
    error = ClipferryError(Reason.ROUTE_NOT_FOUND, said)
    await _deny(error, websocket.scope, websocket.receive, websocket.send)


async def _talk(live: Live, visit: Visit, scope: Scope, receive: Receive, send: Send) -> None:
    offered: Sequence[str] = scope["subprotocols"]
    await send({"type": "websocket.accept", "subprotocol": PROTOCOL if PROTOCOL in offered else None})
    socket: SharedFrameProtocol = scope["extensions"][EXTENSION]
    if offered and PROTOCOL not in offered:
        # A browser learns the code only of a connection that was accepted.
        socket.close(WRONG_PROTOCOL, f"this gateway speaks {PROTOCOL}")
        return
    visit.accepted(socket)
    await Connection(live, socket).run(receive, Headers(scope=scope).get("authorization"), visit)


async def _deny(error: ClipferryError, scope: Scope, receive: Receive, send: Send) -> None:
    """Answer the handshake with a problem, which programs can read."""
    await problem(error, scope["path"])(scope, receive, send)
