"""The dashboard and the API page: a few files, held in memory, from nowhere else."""

from collections.abc import Mapping
from pathlib import Path

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

_WEB = Path(__file__).parent.parent / "web"

_PAGES: Mapping[str, str] = {"/": "index.html", "/docs": "docs.html", "/favicon.ico": "icon.svg"}
_MEDIA_TYPES: Mapping[str, str] = {
    ".html": "text/html",
    ".css": "text/css",
    ".js": "text/javascript",
    ".svg": "image/svg+xml",
}


def page_routes() -> list[Route]:
    """Return a route for each page, and for each style and script below ``/web``."""
    parts = [path for path in sorted(_WEB.rglob("*")) if path.suffix in (".css", ".js")]
    files = {path: _WEB / name for path, name in _PAGES.items()}
    files |= {f"/web/{part.relative_to(_WEB).as_posix()}": part for part in parts}
    return [_route(path, file.read_bytes(), _MEDIA_TYPES[file.suffix]) for path, file in files.items()]


def _route(path: str, content: bytes, media_type: str) -> Route:
    async def page(_request: Request) -> Response:
        return Response(content, headers={"Cache-Control": "no-cache"}, media_type=media_type)

    return Route(path, page, name=path, include_in_schema=False)
