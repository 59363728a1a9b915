"""Makes docs/pictures/dashboard.png, the picture of the README: ``python -m tests.browser.dashboard_picture``."""

import asyncio
import tempfile
from pathlib import Path

from playwright.async_api import async_playwright

from tests.browser.dashboard_browser import BROWSER, OVER, UNDER_WAY, browsed, sign_in
from tests.browser.dashboard_scene import HALF_HOUR_MIN, busy, scene

PICTURE = Path(__file__).parent.parent.parent / "docs" / "pictures" / "dashboard.png"
SIZE = {"width": 1240, "height": 860}


async def _make() -> None:
    with tempfile.TemporaryDirectory() as folder:
        async with async_playwright() as playwright, scene(Path(folder), behind_min=HALF_HOUR_MIN) as stage:
            chromium = await playwright.chromium.launch(executable_path=BROWSER, args=["--no-sandbox"])
            async with browsed(chromium, viewport=SIZE, color_scheme="light") as page:
                await sign_in(page, stage.url)
                await busy(stage)
                await page.wait_for_selector(f"{UNDER_WAY} .detail:has-text('27.5 MB')")
                await page.wait_for_selector(f"{OVER} >> nth=13")
                # The numbers were told while the scene's clock still moved.
                for _ in ("pause", "resume"):
                    await page.click("#pause")
                await page.wait_for_selector("#oldest:text-is('The oldest for 1 min')")
                await page.wait_for_selector("#connection[data-state=live]")
                await page.mouse.move(0, 0)
                await page.evaluate("document.activeElement.blur()")
                PICTURE.parent.mkdir(exist_ok=True)
                await page.screenshot(path=PICTURE)
            await chromium.close()


if __name__ == "__main__":
    asyncio.run(_make())
