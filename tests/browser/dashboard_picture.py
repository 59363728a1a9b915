"""Makes docs/pictures/dashboard.png, the picture of the README: the running services, with jobs that were sent."""

import asyncio
from pathlib import Path

from playwright.async_api import async_playwright

from sandbox.run.gateway import Gateway
from tests.browser.dashboard_browser import BROWSER, OVER, UNDER_WAY, browsed
from tests.fakes.eventually import eventually
from tests.processes.stack import Stack, prepared_stack

SIZE = {"width": 1240, "height": 860}
_ENDING = (
    "/pages/video",
    "/media/hls/index.m3u8",
    "/pages/no-video",
    "/watch",
    "/huge.mp4",
    "/pages/og-video",
    "/pages/several",
)
_UNDER_WAY = (
    "/throttled/30/clip.mp4",
    "/throttled/50/clip.mp4",
    "/throttled/70/clip.mp4",
    "/media/vp9.webm",
    "/media/rotated.mp4",
)
"""Three take half a minute and more; two find no place free."""
_PAUSE_S = 12.0
"""Between two pages: a person sends one after the other, and `make pictures` has time."""


async def make_dashboard(picture: Path) -> None:
    """Write the picture of some minutes with the sample site, in about two minutes."""
    with prepared_stack(MAX_QUEUE_SIZE="50") as stack:
        for name in stack.programs:
            stack.start(name)
        await stack.until_ready()
        async with stack.gateway() as gateway, async_playwright() as playwright:
            for path in _ENDING:
                await _see_to_the_end(stack, gateway, path)
                await asyncio.sleep(_PAUSE_S)
            for path in _UNDER_WAY:
                await gateway.submit(stack.page(path))
            chromium = await playwright.chromium.launch(executable_path=BROWSER, args=["--no-sandbox"])
            async with browsed(chromium, viewport=SIZE, color_scheme="light") as page:
                await page.goto(stack.settings.gateway_url)
                await page.fill("#secret", stack.api_key)
                await page.click("#sign-in button")
                await page.wait_for_selector("#connection[data-state=live]")
                await page.wait_for_selector(f"{OVER} >> nth={len(_ENDING) - 1}")
                await page.wait_for_selector(f"{UNDER_WAY} >> nth={len(_UNDER_WAY) - 1}")
                await page.wait_for_selector(f"{UNDER_WAY} .detail:has-text('1.5 MB of')", timeout=40_000)
                await page.mouse.move(0, 0)
                await page.evaluate("document.activeElement.blur()")
                await page.screenshot(path=picture)
            await chromium.close()


async def _see_to_the_end(stack: Stack, gateway: Gateway, path: str) -> None:
    job = await gateway.submit(stack.page(path))

    async def is_over() -> bool:
        return (await gateway.get(f"/api/jobs/{job['id']}"))["result"] is not None

    await eventually(is_over, within_s=90, what=f"the job of {path} ends")
