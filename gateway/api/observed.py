"""What each HTTP request leaves behind: numbers, and a span that everything it leads to belongs to."""

import time
from contextlib import AbstractContextManager, nullcontext

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from gateway.api.fields import field
from gateway.metrics import REQUEST_SECONDS, REQUESTS
from services.chassis import tracing

ROUTE = "clipferry.route"
"""Key of an ASGI scope under which a hot route leaves its path, with the names of its parameters in their places."""

_NOT_TRACED = ("/health", "/livez", "/readyz")
"""Asked every few seconds by machines."""
_METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})
_OTHER = "other"
"""For addresses and methods that there are not: anybody may make up any number of them."""
_TRACEPARENT = tracing.TRACEPARENT.encode()


class Observed:
    """Counts, times and traces requests; stands around whatever may refuse them.

    Args:
        app: What answers.
    """

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        status = 499  # as proxies call it when the client goes before it is answered

        async def send_and_note(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
            await send(message)

        method: str = scope["method"] if scope["method"] in _METHODS else _OTHER
        began_at_s = time.perf_counter()
        with _span(scope, method) as span:
            try:
                await self._app(scope, receive, send_and_note)
            finally:
                route = scope.get(ROUTE) or _route(scope)
                REQUEST_SECONDS.observe(time.perf_counter() - began_at_s, method, route)
                REQUESTS.add(method, route, str(status))
                span.rename(f"{method} {route}")
                span.note({"http.request.method": method, "http.route": route, "http.response.status_code": status})
                if status >= 500:
                    span.fail(str(status))


def _span(scope: Scope, method: str) -> AbstractContextManager[tracing.Span]:
    if not tracing.is_on() or scope["path"].endswith(_NOT_TRACED):
        return nullcontext(tracing.NO_SPAN)
    return tracing.span(method, "server", parent=field(scope, _TRACEPARENT) or "")


def _route(scope: Scope) -> str:
    """Return the path with the names of its parameters in their places: the route is not in every scope."""
    if "endpoint" not in scope:
        return _OTHER
    path: str = scope["path"]
    parts = path.removeprefix(scope["root_path"]).split("/")
    for name, value in scope["path_params"].items():
        last = max((index for index, part in enumerate(parts) if part == str(value)), default=0)
        parts[last] = f"{{{name}}}"
    return "/".join(parts)
