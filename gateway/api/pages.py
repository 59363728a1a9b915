"""The live page and the API page: a few files, held in memory, from nowhere else."""

from collections.abc import Mapping
from pathlib import Path

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

_WEB = Path(__file__).parent.parent / "web"

_PATHS: Mapping[str, tuple[str, str]] = {
    "/": ("index.html", "text/html"),
    "/docs": ("docs.html", "text/html"),
    "/web/style.css": ("style.css", "text/css"),
    "/web/app.js": ("app.js", "text/javascript"),
    "/web/session.js": ("session.js", "text/javascript"),
    "/web/live.js": ("live.js", "text/javascript"),
    "/web/jobs.js": ("jobs.js", "text/javascript"),
    "/web/docs.js": ("docs.js", "text/javascript"),
    "/favicon.ico": ("icon.svg", "image/svg+xml"),
}


def page_routes() -> list[Route]:
    """Return a route for each file."""
    return [_route(path, (_WEB / name).read_bytes(), media_type) for path, (name, media_type) in _PATHS.items()]


def _route(path: str, content: bytes, media_type: str) -> Route:
    async def page(_request: Request) -> Response:
        return Response(content, headers={"Cache-Control": "no-cache"}, media_type=media_type)

    return Route(path, page, name=path, include_in_schema=False)
