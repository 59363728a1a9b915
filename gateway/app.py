"""The ASGI application, put together from its parts."""

from collections.abc import Sequence
from typing import Any

from fastapi import APIRouter, Depends, FastAPI
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route, WebSocketRoute
from starlette.types import ASGIApp

from gateway.api.admission import Admission
from gateway.api.answered import Answered
from gateway.api.body import answer
from gateway.api.body_limit import BodyLimit
from gateway.api.cors import Cors
from gateway.api.head import HeadAsGet
from gateway.api.hot_routes import HotRoutes
from gateway.api.observed import Observed
from gateway.api.openapi import Operation, document
from gateway.api.pages import page_routes
from gateway.api.problems import add_problem_handlers
from gateway.api.proxies import Proxies
from gateway.api.queries import only_known_query
from gateway.limits.addresses import AddressLimit
from gateway.live.asyncapi_route import asyncapi_route
from gateway.live.endpoint import WebSocketEndpoint, no_endpoint

_BODY_LIMIT_BYTES = 64 * 1024
_DESCRIPTION = (
    "Sends the video of a web page to a Telegram chat. Get a token at `POST /api/auth/token`, submit a page at"
    " `POST /api/jobs`, and watch it over the WebSocket at `/ws` (subprotocol `clipferry.v1`): say a `Command`,"
    ' `{"type": "hello", "token": "…"}` first and then `{"type": "subscribe", "channel": "jobs"}` (or `job:<id>`,'
    " `queue`, `memory`); hear `Welcome`, `Subscribed` and what happens: `JobChange`, `JobProgress`, `JobFinished`,"
    " `QueueStats`, `MemoryStats`, `Beat`, `Refused`, `GoAway`. It is closed with one of the"
    " [close codes](docs#close-codes). An error is a `ProblemView`, whose `code` is one of the [reasons](docs#reasons)."
)


def make_app(
    *,
    admission: Admission,
    addresses: AddressLimit | None,
    operations: Sequence[Operation],
    routers: Sequence[APIRouter],
    websocket: WebSocketEndpoint,
    allowed_origins: frozenset[str],
    trusted_proxies: frozenset[str],
    root_path: str,
) -> ASGIApp:
    """Return the application."""
    app = FastAPI(
        title="clipferry",
        version="0.1.0",
        description=_DESCRIPTION,
        openapi_url=None,
        docs_url=None,
        redoc_url=None,
        strict_content_type=False,
        redirect_slashes=False,
    )
    app.state.admission = admission
    routes: list[BaseRoute] = [
        WebSocketRoute("/ws", websocket),
        WebSocketRoute("/{path:path}", no_endpoint),
        asyncapi_route(),
        *page_routes(),
    ]
    app.router.routes[:0] = routes
    for router in routers:
        app.include_router(router, dependencies=[Depends(only_known_query)])
    app.router.routes.append(_openapi_route(app, operations))
    add_problem_handlers(app)
    # Around FastAPI, not within: so its answer to a fault of ours gets the headers as well.
    around: ASGIApp = BodyLimit(HotRoutes(operations, app), limit_bytes=_BODY_LIMIT_BYTES)
    if allowed_origins:
        around = Cors(around, allowed_origins)
    return HeadAsGet(Proxies(Observed(Answered(around, addresses)), trusted=trusted_proxies, root_path=root_path))


def _openapi_route(app: FastAPI, operations: Sequence[Operation]) -> Route:
    made: list[dict[str, Any]] = []

    async def openapi(request: Request) -> Response:
        if not made:
            made.append(document(app, operations))
        return answer(made[0] | {"servers": [{"url": request.scope["root_path"] or "/"}]})

    return Route("/openapi.json", openapi, include_in_schema=False)
