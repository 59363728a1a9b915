"""What each answer carries, whatever gave it: one plain ASGI middleware for all of it."""

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from gateway.api.fields import field
from gateway.api.problems import problem
from gateway.api.request_id import HEADER, begin_request
from gateway.limits.addresses import AddressLimit
from gateway.limits.fields import LIMIT_FIELDS, rate_fields
from gateway.limits.gcra import Verdict
from gateway.limits.limiter import too_many

_SECURITY_FIELDS = (
    (b"x-content-type-options", b"nosniff"),
    (b"referrer-policy", b"no-referrer"),
    (b"cross-origin-resource-policy", b"same-origin"),
    (b"permissions-policy", b"camera=(), geolocation=(), microphone=()"),
    (
        b"content-security-policy",
        b"default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self';"
        b" base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
    ),
)
_LIMITED = "/api/"
_ANSWERED = ("http", "websocket")
_STARTS = ("http.response.start", "websocket.http.response.start")


class Answered:
    """Adds to each answer the request's id, what browsers heed, and what is left of a limit; heeds that of addresses.

    Args:
        app: What answers; it names none of these fields itself.
        addresses: Absent: addresses have no limit. Only the API and handshakes have one: pages and health are cheap.
    """

    def __init__(self, app: ASGIApp, addresses: AddressLimit | None) -> None:
        self._app = app
        self._addresses = addresses

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] not in _ANSWERED:
            await self._app(scope, receive, send)
            return
        name = begin_request(field(scope, HEADER)).encode()

        async def send_with_fields(message: Message) -> None:
            if message["type"] in _STARTS:
                fields = [*message.get("headers", ()), (HEADER, name), *_SECURITY_FIELDS]
                message["headers"] = [*fields, *scope.get(LIMIT_FIELDS, ())]
            await send(message)

        refused = self._refusal(scope)
        if refused is None:
            await self._app(scope, receive, send_with_fields)
        else:
            scope[LIMIT_FIELDS] = rate_fields(refused)
            error = too_many(refused, f"The address {scope['client'][0]}")
            await problem(error, scope["path"])(scope, receive, send_with_fields)

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
