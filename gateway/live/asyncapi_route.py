"""GET /asyncapi.json: how /ws is spoken, for programs."""

from typing import Any

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from gateway.api.body import answer
from gateway.api.fields import field
from gateway.live.asyncapi import asyncapi_document, servers


def asyncapi_route() -> Route:
    """Return the route; the document is made when it is first asked for, and names the server that was asked."""
    made: list[dict[str, Any]] = []

    async def asyncapi(request: Request) -> Response:
        if not made:
            made.append(asyncapi_document())
        scope = request.scope
        host = field(scope, b"host") or ":".join(str(part) for part in scope["server"] or ())
        return answer(made[0] | {"servers": servers(host, scope["scheme"], scope["root_path"])})

    return Route("/asyncapi.json", asyncapi, include_in_schema=False)
