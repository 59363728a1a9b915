"""The site's addresses, and the site as a block."""

import dataclasses
import hashlib
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

import structlog
from aiohttp import web
from pydantic import Field

from sandbox.site import bodies, pages
from sandbox.site.media import Media, content_type, make_media
from sandbox.site.samples import SAMPLES, WATCH
from sandbox.site.traffic import Traffic
from services.chassis.lifecycle import StartError
from services.chassis.settings import Settings

logger = structlog.get_logger(__name__)

_HUGE_BYTES = 60_000_000
_WATCH_BYTES_PER_S = 700_000


class SiteSettings(Settings):
    """What the sample site can be told."""

    port: int = Field(8082, validation_alias="SANDBOX_SITE_PORT", ge=0, le=65_535)
    """Port on 127.0.0.1 that the sample video site listens on; 0 picks a free one. Default 8082."""


@dataclass(frozen=True)
class SampleSite:
    """A running site."""

    url: str
    """Without a slash at the end."""
    media: Media
    traffic: Traffic


@asynccontextmanager
async def site_service(settings: SiteSettings) -> AsyncIterator[SampleSite]:
    """Serve the site for the length of the block."""
    async with sample_site(port=settings.port) as site:
        yield site


@asynccontextmanager
async def sample_site(port: int = 0, media: Media | None = None) -> AsyncIterator[SampleSite]:
    """Make the media and serve the site on 127.0.0.1 for the length of the block.

    Args:
        port: 0 picks a free one.
        media: Media made before. Default: made now, in about two seconds.

    Raises:
        StartError: If the port is taken.
    """
    media = media or await make_media()
    traffic = Traffic()
    # A client that goes away ends its answer at once, also one that waits.
    runner = web.AppRunner(_application(media, traffic), handler_cancellation=True, access_log=None, shutdown_timeout=1)
    await runner.setup()
    try:
        site = web.TCPSite(runner, "127.0.0.1", port)
        try:
            await site.start()
        except OSError as error:
            raise StartError(f"port {port} (SANDBOX_SITE_PORT) cannot be used: {error.strerror}.") from error
        url = f"http://127.0.0.1:{runner.addresses[0][1]}"
        logger.info("The sample site is ready.", action="site_ready", address=url)
        yield SampleSite(url, media, traffic)
    finally:
        await runner.cleanup()


def _application(media: Media, traffic: Traffic) -> web.Application:
    site = _Routes(media, traffic)
    application = web.Application(middlewares=[_counting(traffic)])
    application.add_routes(
        [
            web.get("/", site.index),
            web.get("/favicon.ico", site.icon),
            web.get("/samples.json", site.samples),
            web.get("/traffic.json", site.traffic),
            web.post("/gates/{gate}", site.open_gate),
            web.get(WATCH, site.watch),
            web.get("/pages/{name}", site.page),
            web.get("/media/{file:.+}", site.ranged),
            web.get("/chunked/{file:.+}", site.chunked),
            web.get("/throttled/{kilobytes_per_s:[1-9][0-9]{0,5}}/{file:.+}", site.throttled),
            web.get("/gated/{gate}/{file:.+}", site.gated),
            web.get("/referred/{file:.+}", site.referred),
            web.get("/redirect/{count:[0-9]{1,2}}/{target:.+}", site.redirect),
            web.get("/huge.mp4", site.huge),
            web.get("/huge-chunked.mp4", site.huge_chunked),
            web.get("/endless.mp4", site.endless),
            web.get("/stalled.mp4", site.stalled),
        ]
    )
    return application


def _counting(traffic: Traffic) -> Any:
    @web.middleware
    async def count(request: web.Request, handler: Any) -> web.StreamResponse:
        with traffic.request(request.path):
            response: web.StreamResponse = await handler(request)
            return response

    return count


class _Routes:
    def __init__(self, media: Media, traffic: Traffic) -> None:
        self._media = media
        self._traffic = traffic

    async def index(self, _request: web.Request) -> web.Response:
        return _html(pages.index())

    async def icon(self, _request: web.Request) -> web.Response:
        return web.Response(text=pages.ICON, content_type="image/svg+xml")

    async def samples(self, request: web.Request) -> web.Response:
        clip = self._media.clip
        return web.json_response(
            {
                "samples": [{**dataclasses.asdict(one), "url": f"{_origin(request)}{one.path}"} for one in SAMPLES],
                "clip_size_bytes": len(clip),
                "clip_sha256": hashlib.sha256(clip).hexdigest(),
                "frames_sha256": self._media.frames_sha256,
                "mdat_sha256": self._media.mdat_sha256,
            }
        )

    async def traffic(self, _request: web.Request) -> web.Response:
        return web.json_response(self._traffic.as_json())

    async def open_gate(self, request: web.Request) -> web.Response:
        self._traffic.gate(request.match_info["gate"]).set()
        return web.Response(status=204)

    async def watch(self, request: web.Request) -> web.Response:
        source = f"/throttled/{_WATCH_BYTES_PER_S // 1000}/clip.mp4"
        return _html(pages.with_video("Drifting colours", source, picture=f"{_origin(request)}/media/poster.jpg"))

    async def page(self, request: web.Request) -> web.Response:
        clip = "/media/clip.mp4"
        match request.match_info["name"]:
            case "video":
                return _html(pages.with_video("A page with a video", clip))
            case "og-video":
                return _html(pages.with_og_video("A page with a hidden video", f"{_origin(request)}{clip}"))
            case "several":
                return _html(pages.with_video("A page with several videos", clip, "/media/rotated.mp4"))
            case "no-video":
                return _html(pages.without_video("A page without a video"))
        raise web.HTTPNotFound

    async def ranged(self, request: web.Request) -> web.StreamResponse:
        return await bodies.send_ranged(request, *self._file(request), self._traffic)

    async def chunked(self, request: web.Request) -> web.StreamResponse:
        return await bodies.send_chunked(request, *self._file(request), self._traffic)

    async def throttled(self, request: web.Request) -> web.StreamResponse:
        bytes_per_s = int(request.match_info["kilobytes_per_s"]) * 1000
        return await bodies.send_throttled(request, *self._file(request), self._traffic, bytes_per_s=bytes_per_s)

    async def gated(self, request: web.Request) -> web.StreamResponse:
        gate = self._traffic.gate(request.match_info["gate"])
        return await bodies.send_gated(request, *self._file(request), self._traffic, gate=gate)

    async def referred(self, request: web.Request) -> web.StreamResponse:
        """Only who says that one of these pages has sent him gets the file."""
        if not request.headers.get("Referer", "").startswith(f"{_origin(request)}/"):
            raise web.HTTPForbidden
        return await self.ranged(request)

    async def redirect(self, request: web.Request) -> web.Response:
        count, target = int(request.match_info["count"]), request.match_info["target"]
        raise web.HTTPFound(f"/redirect/{count - 1}/{target}" if count > 1 else f"/{target}")

    async def huge(self, request: web.Request) -> web.StreamResponse:
        return await bodies.send_huge(request, self._traffic, size_bytes=_HUGE_BYTES, announced=True)

    async def huge_chunked(self, request: web.Request) -> web.StreamResponse:
        return await bodies.send_huge(request, self._traffic, size_bytes=_HUGE_BYTES, announced=False)

    async def endless(self, request: web.Request) -> web.StreamResponse:
        return await bodies.send_endless(request, self._traffic)

    async def stalled(self, request: web.Request) -> web.StreamResponse:
        return await bodies.send_stalled(request, self._traffic)

    def _file(self, request: web.Request) -> tuple[bytes, str]:
        name = request.match_info["file"]
        if name not in self._media.files:
            raise web.HTTPNotFound
        return self._media.files[name], content_type(name)


def _html(page: str) -> web.Response:
    return web.Response(text=page, content_type="text/html")


def _origin(request: web.Request) -> str:
    return f"http://{request.host}"
