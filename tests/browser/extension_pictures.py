"""Makes the pictures of the extension: its list, and its settings after a test of the connection."""

import tempfile
from pathlib import Path

from playwright.async_api import Page

from sandbox.site import sample_site
from tests.browser.dashboard_scene import HALF_HOUR_MIN, busy, scene
from tests.browser.extension_browser import extension_browser

_SETTINGS_SIZE = {"width": 640, "height": 640}


async def make_extension(popup_picture: Path, options_picture: Path) -> None:
    """Write the pictures of a browser that is paired with a busy gateway, on a page with a video."""
    with tempfile.TemporaryDirectory() as folder:
        async with (
            scene(Path(folder), behind_min=HALF_HOUR_MIN, port=0) as stage,
            sample_site() as site,
            extension_browser() as browser,
        ):
            code = (await stage.admin.request("POST", "/api/auth/pair", json={})).json()["pairingCode"]
            options = await browser.pair(stage.url.removesuffix("/"), code)
            await options.set_viewport_size(_SETTINGS_SIZE)  # type: ignore[arg-type] # a TypedDict of playwright
            await options.wait_for_selector("#checks li:nth-child(4)[data-code=OK]")
            await _take(options, options_picture)
            await busy(stage)
            await browser.grant(site.url)
            page = await browser.context.new_page()
            await page.goto(f"{site.url}/watch")
            popup = await browser.popup(page)
            await popup.wait_for_selector("#jobs li:has-text('27.5 MB')")
            await popup.wait_for_selector("#connection[data-state=live]")
            await _take(popup, popup_picture)


async def _take(page: Page, picture: Path) -> None:
    await page.emulate_media(color_scheme="light")
    await page.mouse.move(0, 0)
    await page.evaluate("document.activeElement.blur(); scrollTo(0, 0)")
    await page.screenshot(path=picture)
