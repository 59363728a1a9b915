"""A small video site on 127.0.0.1: every way in which media is served, and a count of what was really sent."""

import asyncio
import html
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from aiohttp import web


class VideoSite:
    """The running site."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.port = 0
        self.asked: list[str] = []
        """Paths that were asked for, in order."""
        self.sent_bytes = 0
        """Bytes of endless bodies that went out."""
        self.is_sending = asyncio.Event()
        """Set once an endless body is under way."""
        self.cut = asyncio.Event()
        """Set once a client hung up on an endless body."""
        self.released_bytes = 0
        """Beginning of gated bodies that may be sent."""
        self._released = asyncio.Condition()

    @property
    def address(self) -> tuple[str, int]:
        """For an allow list."""
        return "127.0.0.1", self.port

    def url(self, path: str) -> str:
        """Return the full address of `path`."""
        return f"http://127.0.0.1:{self.port}{path}"

    async def release(self, size_bytes: int) -> None:
        """Let gated bodies send up to `size_bytes`."""
        async with self._released:
            self.released_bytes = size_bytes
            self._released.notify_all()

    async def _released_beyond(self, size_bytes: int) -> int:
        async with self._released:
            await self._released.wait_for(lambda: self.released_bytes > size_bytes)
            return self.released_bytes

    async def page(self, request: web.Request) -> web.Response:
        """``/page/{kind}``: HTML around ``?src=``, one or more."""
        sources = [html.escape(source) for source in request.query.getall("src", [])]
        body = {
            "video": "".join(f'<video src="{source}"></video>' for source in sources),
            "og": "".join(f'<meta property="og:video" content="{source}">' for source in sources),
            "empty": "<p>Nothing to see.</p>",
        }[request.match_info["kind"]]
        text = f"<html><head><title>A page</title></head><body>{body}</body></html>"
        return web.Response(text=text, content_type="text/html")

    async def feed(self, request: web.Request) -> web.Response:
        """An RSS feed of three items."""
        items = "".join(
            f'<item><title>Item {n}</title><enclosure url="{self.url("/media/clip.mp4")}?n={n}"/></item>' for n in "123"
        )
        return web.Response(
            text=f'<?xml version="1.0"?><rss version="2.0"><channel><title>Feed</title>{items}</channel></rss>',
            content_type="application/rss+xml",
        )

    async def media(self, request: web.Request) -> web.StreamResponse:
        """``/media/{path}``: the file, with ranges."""
        return web.FileResponse(self.folder / request.match_info["path"])

    async def chunked(self, request: web.Request) -> web.StreamResponse:
        """``/chunked/{path}``: the file without its length."""
        response = web.StreamResponse(headers={"Content-Type": "video/mp4"})
        response.enable_chunked_encoding()
        await response.prepare(request)
        data = (self.folder / request.match_info["path"]).read_bytes()
        for at in range(0, len(data), 16_384):
            await response.write(data[at : at + 16_384])
        return response

    async def endless(self, request: web.Request) -> web.StreamResponse:
        """``/endless.mp4?announced=``: an mp4's beginning, then zeros for as long as somebody reads."""
        headers = {"Content-Type": "video/mp4"}
        if "announced" in request.query:
            headers["Content-Length"] = request.query["announced"]
        response = web.StreamResponse(headers=headers)
        await response.prepare(request)
        await response.write((self.folder / "clip.mp4").read_bytes()[:65_536])
        self.is_sending.set()
        try:
            while True:
                await response.write(bytes(65_536))
                self.sent_bytes += 65_536
        except (ConnectionError, asyncio.CancelledError):
            self.cut.set()
            raise

    async def gated(self, request: web.Request) -> web.StreamResponse:
        """``/gated.mp4?announced=``: a body of that length, as far as it is released."""
        size_bytes = int(request.query["announced"])
        headers = {"Content-Type": "video/mp4", "Content-Length": str(size_bytes)}
        response = web.StreamResponse(headers=headers)
        await response.prepare(request)
        body = (self.folder / "clip.mp4").read_bytes()[:4_096].ljust(size_bytes, b"\0")
        sent_bytes = 0
        while sent_bytes < size_bytes:
            until_bytes = await self._released_beyond(sent_bytes)
            await response.write(body[sent_bytes:until_bytes])
            sent_bytes = until_bytes
        return response

    async def silent(self, request: web.Request) -> web.StreamResponse:
        """``/silent.mp4``: the beginning, then nothing, with the connection open."""
        response = web.StreamResponse(headers={"Content-Type": "video/mp4", "Content-Length": "1000000"})
        await response.prepare(request)
        await response.write((self.folder / "clip.mp4").read_bytes()[:65_536])
        self.is_sending.set()
        try:
            await asyncio.Event().wait()
        finally:
            self.cut.set()
        return response

    async def status(self, request: web.Request) -> web.Response:
        """``/status/{code}``: that answer, with a body that nobody must see again."""
        return web.Response(
            status=int(request.match_info["code"]), text="UPSTREAM-SECRET", headers={"Retry-After": "17"}
        )

    async def redirect(self, request: web.Request) -> web.Response:
        """``/redirect?to=``."""
        return web.Response(status=302, headers={"Location": request.query["to"]})

    async def playlist(self, request: web.Request) -> web.Response:
        """``/playlist.m3u8?segment=``: an HLS playlist with these segments."""
        segments = "".join(f"#EXTINF:1.0,\n{segment}\n" for segment in request.query.getall("segment"))
        text = f"#EXTM3U\n#EXT-X-VERSION:3\n#EXT-X-TARGETDURATION:1\n{segments}#EXT-X-ENDLIST\n"
        return web.Response(text=text, content_type="application/vnd.apple.mpegurl")

    @web.middleware
    async def note(self, request: web.Request, handler: object) -> web.StreamResponse:
        """Remember what was asked for."""
        self.asked.append(request.path)
        assert callable(handler)
        response = await handler(request)
        assert isinstance(response, web.StreamResponse)
        return response


@asynccontextmanager
async def video_site(folder: Path) -> AsyncIterator[VideoSite]:
    """Serve the media in `folder` on a free port for the length of the block."""
    site = VideoSite(folder)
    app = web.Application(middlewares=[site.note])
    app.add_routes(
        [
            web.get("/page/{kind}", site.page),
            web.get("/feed", site.feed),
            web.get("/media/{path:.+}", site.media),
            web.get("/chunked/{path:.+}", site.chunked),
            web.get("/endless.mp4", site.endless),
            web.get("/gated.mp4", site.gated),
            web.get("/silent.mp4", site.silent),
            web.get("/status/{code}", site.status),
            web.get("/redirect", site.redirect),
            web.get("/playlist.m3u8", site.playlist),
        ]
    )
    runner = web.AppRunner(app, handler_cancellation=True, shutdown_timeout=0.1)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    site.port = runner.addresses[0][1]
    try:
        yield site
    finally:
        await runner.cleanup()
