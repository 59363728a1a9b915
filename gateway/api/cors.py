"""Which pages of other origins may use the API: those that are named, letter by letter."""

from starlette.datastructures import Headers
from starlette.middleware.cors import CORSMiddleware
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from gateway.api.fields import field
from gateway.api.problems import problem
from services.chassis.errors import ClipferryError, Reason

_EXPOSED = (
    "ETag",
    "Idempotency-Replayed",
    "Location",
    "RateLimit",
    "RateLimit-Policy",
    "Retry-After",
    "WWW-Authenticate",
    "X-Request-Id",
)


class Cors(CORSMiddleware):
    """Starlette's, which refuses a preflight with a problem."""

    def __init__(self, app: ASGIApp, allowed_origins: frozenset[str]) -> None:
        super().__init__(
            app,
            allow_origins=sorted(allowed_origins),
            allow_methods=["GET", "POST", "PUT", "PATCH", "DELETE"],
            allow_headers=["Authorization", "Content-Type", "Idempotency-Key", "If-None-Match", "X-Request-Id"],
            expose_headers=_EXPOSED,
            # A browser asks before a page of the internet may reach an address at home; these pages may.
            allow_private_network=True,
        )

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http" and field(scope, b"origin") is None:
            await self.app(scope, receive, _varying(send))
        elif scope["type"] == "http" and scope["method"] == "OPTIONS" and _asks_first(scope):
            await self._answer_to_asking(scope)(scope, receive, send)
        else:
            await super().__call__(scope, receive, send)

    def _answer_to_asking(self, scope: Scope) -> Response:
        request_headers = Headers(scope=scope)
        answer = self.preflight_response(request_headers)
        if answer.status_code < 400:
            return answer
        origin = request_headers["origin"]
        if self.is_allowed_origin(origin):
            detail = "The page asks for a method or a header that this gateway does not take from other origins."
        else:
            detail = f"Pages of {origin[:200]!r} may not use this gateway; see ALLOWED_ORIGINS and EXTENSION_IDS."
        kept = {name: value for name, value in answer.headers.items() if name == "vary" or name.startswith("access-")}
        return problem(ClipferryError(Reason.PERMISSION_DENIED, detail), scope["path"], kept)


def _asks_first(scope: Scope) -> bool:
    return field(scope, b"access-control-request-method") is not None


def _varying(send: Send) -> Send:
    """Return `send` for the request of a program, which names no origin: a cache must not give its answer to a page."""

    async def send_and_vary(message: Message) -> None:
        if message["type"] == "http.response.start":
            before = [value for name, value in message["headers"] if name == b"vary"]
            others = [field for field in message["headers"] if field[0] != b"vary"] if before else message["headers"]
            message["headers"] = [*others, (b"vary", b", ".join([*before, b"Origin"]))]
        await send(message)

    return send_and_vary
