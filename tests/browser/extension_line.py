"""A browser with the extension, a gateway, a queue, and what may freeze or break between each two of them."""

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from playwright.async_api import Page

from services.queue.service import queue_service
from tests.browser.door import Door, door
from tests.browser.extension_browser import ExtensionBrowser, extension_browser
from tests.fakes.freezing_proxy import FreezingProxy, freezing_proxy
from tests.fakes.gateway_client import GatewayClient, gateway_at_hand
from tests.fakes.queue_client import settings_for

FIRST = "#jobs li:first-child"
_WATCH = "/clipferry.queue.v1.QueueService/WatchJobs"
_HEARTBEAT: Mapping[str, Any] = {"websocket_ping_interval": 1_000, "websocket_ping_timeout_s": 1}


@dataclass
class Line:
    """A browser, and all that lies between it and a queue."""

    browser: ExtensionBrowser
    way: Door
    admin: GatewayClient
    queue: FreezingProxy

    async def popup(self) -> Page:
        """Open the popup and wait until it is live."""
        popup = await self.browser.popup()
        await popup.wait_for_selector("#connection[data-state=live]")
        return popup

    async def jobs(self, url: str) -> list[Any]:
        """Return the jobs that there are for a page, newest first."""
        jobs = (await self.admin.get("/api/jobs?limit=200"))["jobs"]
        return [job for job in jobs if job["videoData"]["pageUrl"] == url]


async def rows_are(popup: Page, count: int) -> None:
    """Wait until the popup shows so many: for a moment a job may stand beside what it was before it was sent."""
    await popup.wait_for_function("count => document.querySelectorAll('#jobs li').length === count", arg=count)


@asynccontextmanager
async def extension_line(folder: Path) -> AsyncIterator[Line]:
    """Start all of it for the length of the block; the browser is paired as ann, who may send to @ferry_news as well.

    Args:
        folder: Where queue and gateway keep their data.
    """
    async with (
        queue_service(settings_for(folder, drain_s=0.2)) as port,
        freezing_proxy(f"127.0.0.1:{port}", let_through=[_WATCH]) as queue,
        gateway_at_hand(folder, queue.port, **_HEARTBEAT) as admin,
        door(admin.port) as way,
        extension_browser() as browser,
    ):
        await admin.request("POST", "/api/admin/users", json={"user": "ann", "chats": ["default", "@ferry_news"]})
        code = (await admin.request("POST", "/api/auth/pair", json={"user": "ann"})).json()["pairingCode"]
        await (await browser.pair(way.url, code)).close()
        yield Line(browser, way, admin, queue)
        assert browser.complaints == []
