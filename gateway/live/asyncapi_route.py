"""GET /asyncapi.json: how /ws is spoken, for programs."""

from typing import Any

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from gateway.api.body import answer
from gateway.live.asyncapi import asyncapi_document


def asyncapi_route() -> Route:
    """Return the route; the document is made when it is first asked for."""
    made: list[dict[str, Any]] = []

    async def asyncapi(_request: Request) -> Response:
        if not made:
            made.append(asyncapi_document())
        return answer(made[0])

    return Route("/asyncapi.json", asyncapi, include_in_schema=False)
