"""What people and tests look at: the page, its data, the media, and the switchboard for faults."""

from collections.abc import Awaitable, Callable
from pathlib import Path

from aiohttp import web

from sandbox.botapi.faults import Fault, FaultScript
from sandbox.botapi.inbox import Inbox, StoredMessage

_PAGE = Path(__file__).parent / "page"
_HEADERS = {
    "Cache-Control": "no-store",
    "Content-Security-Policy": "default-src 'self'",
    "X-Content-Type-Options": "nosniff",
}


def viewer_routes(inbox: Inbox, faults: FaultScript) -> list[web.RouteDef]:
    """Return the routes beside the Bot API."""
    viewer = _Viewer(inbox, faults)
    return [
        web.get("/", _page("index.html")),
        web.get("/page.css", _page("page.css")),
        web.get("/page.js", _page("page.js")),
        web.get("/icon.svg", _page("icon.svg")),
        web.get("/media/{number:[0-9]+}", viewer.media),
        web.get("/thumbnail/{number:[0-9]+}", viewer.thumbnail),
        web.get("/sandbox/messages", viewer.messages),
        web.delete("/sandbox/messages", viewer.forget),
        web.get("/sandbox/faults", viewer.show_faults),
        web.post("/sandbox/faults", viewer.add_faults),
        web.delete("/sandbox/faults", viewer.clear_faults),
    ]


def _page(name: str) -> Callable[[web.Request], Awaitable[web.StreamResponse]]:
    async def serve(_request: web.Request) -> web.StreamResponse:
        return web.FileResponse(_PAGE / name, headers=_HEADERS)

    return serve


class _Viewer:
    def __init__(self, inbox: Inbox, faults: FaultScript) -> None:
        self._inbox = inbox
        self._faults = faults

    async def messages(self, _request: web.Request) -> web.Response:
        shown = [message.as_json() for message in self._inbox]
        return web.json_response({"messages": shown}, headers=_HEADERS)

    async def forget(self, _request: web.Request) -> web.Response:
        self._inbox.clear()
        return web.Response(status=204)

    async def show_faults(self, _request: web.Request) -> web.Response:
        return web.json_response(self._faults.as_json())

    async def add_faults(self, request: web.Request) -> web.Response:
        try:
            script = await request.json()
            faults = [Fault(**row) for row in (script if isinstance(script, list) else [script])]
        except (ValueError, TypeError) as error:
            return web.json_response({"error": str(error)}, status=400)
        for fault in faults:
            self._faults.add(fault)
        return web.json_response(self._faults.as_json())

    async def clear_faults(self, _request: web.Request) -> web.Response:
        self._faults.clear()
        return web.Response(status=204)

    async def media(self, request: web.Request) -> web.Response:
        file = self._message(request).file
        if file is None:
            raise web.HTTPNotFound
        return _ranged(request, file.data, file.mime_type)

    async def thumbnail(self, request: web.Request) -> web.Response:
        file = self._message(request).file
        if file is None or not file.thumbnail:
            raise web.HTTPNotFound
        return web.Response(body=file.thumbnail, content_type="image/jpeg", headers=_HEADERS)

    def _message(self, request: web.Request) -> StoredMessage:
        message = self._inbox.numbered(int(request.match_info["number"]))
        if message is None:
            raise web.HTTPNotFound
        return message


def _ranged(request: web.Request, data: bytes, mime_type: str) -> web.Response:
    headers = {**_HEADERS, "Accept-Ranges": "bytes", "Content-Type": mime_type}
    if "Range" not in request.headers:
        return web.Response(body=data, headers=headers)
    try:
        start, stop, _ = request.http_range.indices(len(data))
    except ValueError:
        start = stop = 0
    if start >= stop:
        headers["Content-Range"] = f"bytes */{len(data)}"
        return web.Response(status=416, headers=headers)
    headers["Content-Range"] = f"bytes {start}-{stop - 1}/{len(data)}"
    return web.Response(status=206, body=data[start:stop], headers=headers)
