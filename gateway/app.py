"""The ASGI application, put together from its parts."""

from collections.abc import Sequence
from typing import Any

from fastapi import APIRouter, FastAPI
from starlette.middleware.cors import CORSMiddleware
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route, WebSocketRoute

from gateway.api.body import answer
from gateway.api.middleware import BodyLimit, SecurityHeaders
from gateway.api.openapi import Operation, document, hot_routes
from gateway.api.pages import page_routes
from gateway.api.problems import add_problem_handlers
from gateway.auth.gate import Gate
from gateway.live.endpoint import WebSocketEndpoint

_BODY_LIMIT_BYTES = 64 * 1024
_DESCRIPTION = (
    "Sends the video of a web page to a Telegram chat. Get a token at `POST /api/auth/token`, submit a page at"
    " `POST /api/jobs`, and watch it over the WebSocket at `/ws` (subprotocol `clipferry.v1`): say a `Command`,"
    ' `{"type": "hello", "token": "…"}` first and then `{"type": "subscribe", "channel": "jobs"}` (or `job:<id>`,'
    " `queue`, `memory`); hear `Welcome`, `Subscribed` and what happens: `JobChange`, `JobProgress`, `JobFinished`,"
    " `QueueStats`, `MemoryStats`, `Beat`, `Refused`, `GoAway`. Channels, order and close codes: `docs/websocket.md`."
    " An error is a `ProblemView`; what its `code` means: `docs/reasons.md`."
)


def make_app(
    *,
    gate: Gate,
    operations: Sequence[Operation],
    routers: Sequence[APIRouter],
    websocket: WebSocketEndpoint,
    allowed_origins: frozenset[str],
) -> FastAPI:
    """Return the application."""
    app = FastAPI(
        title="clipferry",
        version="0.1.0",
        description=_DESCRIPTION,
        openapi_url=None,
        docs_url=None,
        redoc_url=None,
        strict_content_type=False,
    )
    app.state.gate = gate
    # The hot routes come first: they are found at once.
    routes: list[BaseRoute] = [*hot_routes(operations), WebSocketRoute("/ws", websocket), *page_routes()]
    app.router.routes[:0] = routes
    for router in routers:
        app.include_router(router)
    app.router.routes.append(_openapi_route(app, operations))
    add_problem_handlers(app)
    app.add_middleware(BodyLimit, limit_bytes=_BODY_LIMIT_BYTES)
    if allowed_origins:
        app.add_middleware(
            CORSMiddleware,
            allow_origins=sorted(allowed_origins),
            allow_methods=["GET", "POST", "DELETE"],
            allow_headers=["Authorization", "Content-Type", "Idempotency-Key"],
            expose_headers=["Location", "Retry-After"],
        )
    app.add_middleware(SecurityHeaders)
    return app


def _openapi_route(app: FastAPI, operations: Sequence[Operation]) -> Route:
    made: list[dict[str, Any]] = []

    async def openapi(_request: Request) -> Response:
        if not made:
            made.append(document(app, operations))
        return answer(made[0])

    return Route("/openapi.json", openapi, include_in_schema=False)
