"""The extension where somebody says how a page is sent, or sends one that is under way already."""

from collections.abc import AsyncIterator
from typing import Any

import pytest
import pytest_asyncio

from sandbox.site import sample_site
from tests.browser.extension_browser import BROWSER
from tests.browser.extension_line import FIRST, Line, extension_line, rows_are
from tests.browser.looks import picture, violations
from tests.browser.node_tools import node_tools
from tests.fakes.eventually import eventually

pytestmark = [
    pytest.mark.skipif(BROWSER is None, reason="chromium is not installed"),
    pytest.mark.asyncio(loop_scope="module"),
]


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def line(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Line]:
    async with extension_line(tmp_path_factory.mktemp("gateway")) as line:
        yield line


async def test_what_is_under_way_already_is_pointed_at(line: Line) -> None:
    """In the list and by a notification; and below it what is newer stays where it is."""
    popup = await line.popup()
    for path in ("long", "newer", "long"):
        await line.browser.choose("page", pageUrl=f"https://video.test/{path}")
        await popup.wait_for_selector(f"#jobs li[data-stage=Waiting] strong:text-is('video.test/{path}')")
    row = popup.locator("#jobs li:has(.there:visible)")
    await row.wait_for()
    name = await row.locator("strong").inner_text()
    (job,) = await line.jobs("https://video.test/long")

    async def is_told() -> bool:
        return f"job:{job['id']}" in await line.browser.notifications()

    await eventually(is_told, what="a notification says so")
    assert name == "video.test/long"
    await rows_are(popup, 2)
    await popup.close()


async def test_chat_sound_and_caption(line: Line) -> None:
    """Chosen in the popup among the chats that are allowed; chat and sound hold for the menu and in the settings."""
    axe = (node_tools() / "axe-core" / "axe.min.js").read_text()
    async with sample_site() as site:
        await line.browser.grant(site.url)
        page = await line.browser.context.new_page()
        await page.goto(f"{site.url}/pages/no-video")
        popup = await line.browser.popup(page)
        await popup.click("#how summary")
        await popup.wait_for_selector("#chats option", state="attached")
        offered = await popup.locator("#chats option").evaluate_all("options => options.map(({ value }) => value)")
        await popup.fill("#chat", "@ferry_news")
        await popup.check("#sound")
        await popup.fill("#caption", "For the way home")
        await popup.wait_for_selector("#how-now:text-is(': to @ferry_news, sound only')")
        await picture(popup, "extension/popup-options")
        found = await violations(popup, axe)
        await popup.click("#send-page")
        await popup.wait_for_selector(f"{FIRST}[data-stage=Waiting] .source:has-text('/pages/no-video')")
        await popup.wait_for_selector("#caption:placeholder-shown")
        (sent,) = await line.jobs(page.url)
        await line.browser.choose("page", pageUrl="https://video.test/by-menu")
        await popup.wait_for_selector(f"{FIRST}[data-stage=Waiting] strong:text-is('video.test/by-menu')")
        (by_menu,) = await line.jobs("https://video.test/by-menu")
        options = await line.browser.open("options/options.html")
        await options.wait_for_selector("#usual:visible")
        await options.wait_for_function("document.getElementById('chat').value === '@ferry_news'")
        is_sound = await options.is_checked("#sound")
        await options.uncheck("#sound")
        await line.browser.choose("page", pageUrl="https://video.test/with-picture")
        await popup.wait_for_selector(f"{FIRST}[data-stage=Waiting] strong:text-is('video.test/with-picture')")
        (with_picture,) = await line.jobs("https://video.test/with-picture")

    def how(job: Any) -> list[Any]:
        return [job["videoData"][name] for name in ("destination", "kind", "caption")]

    assert (found, offered, is_sound) == ([], ["@ferry_news"], True)
    assert how(sent) == ["@ferry_news", "audio", "For the way home"]
    assert how(by_menu) == ["@ferry_news", "audio", None]
    assert how(with_picture) == ["@ferry_news", "video", None]
    for each in (page, popup, options):
        await each.close()
