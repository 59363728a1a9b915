"""What each answer carries, whatever gave it: one plain ASGI middleware for all of it."""

from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from gateway.api.problems import problem
from gateway.api.request_id import HEADER, begin_request
from gateway.limits.addresses import AddressLimit
from gateway.limits.callers import VERDICT
from gateway.limits.gcra import Verdict, limit_header, policy_header
from gateway.limits.limiter import too_many

_SECURITY_HEADERS = {
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=()",
    "Content-Security-Policy": (
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self';"
        " base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    ),
}
_LIMITED = "/api/"


class Answered:
    """Adds to each answer the request's id, what browsers heed, and what is left of a limit; heeds that of addresses.

    Args:
        app: What answers.
        addresses: Absent: addresses have no limit. Only the API and handshakes have one: pages and health are cheap.
    """

    def __init__(self, app: ASGIApp, addresses: AddressLimit | None) -> None:
        self._app = app
        self._addresses = addresses

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        name = begin_request(Headers(scope=scope).get(HEADER)) if scope["type"] in ("http", "websocket") else ""
        if scope["type"] == "lifespan":
            await self._app(scope, receive, send)
            return

        async def send_with_headers(message: Message) -> None:
            if message["type"] in ("http.response.start", "websocket.http.response.start"):
                headers = MutableHeaders(scope=message)
                headers[HEADER] = name
                for field, value in _SECURITY_HEADERS.items():
                    headers[field] = value
                said: Verdict | None = scope.get(VERDICT)
                if said is not None:
                    headers["RateLimit-Policy"] = policy_header(said.rate)
                    headers["RateLimit"] = limit_header(said)
            await send(message)

        refused = self._refusal(scope)
        if refused is None:
            await self._app(scope, receive, send_with_headers)
        else:
            scope[VERDICT] = refused
            error = too_many(refused, f"The address {scope['client'][0]}")
            await problem(error, scope["path"])(scope, receive, send_with_headers)

    def _refusal(self, scope: Scope) -> Verdict | None:
        if self._addresses is None or scope["client"] is None or not _is_limited(scope):
            return None
        said = self._addresses.take(scope["client"][0])
        return None if said.is_admitted else said


def _is_limited(scope: Scope) -> bool:
    path: str = scope["path"]
    if scope["type"] == "websocket":
        return True
    return path.removeprefix(scope["root_path"]).startswith(_LIMITED)
