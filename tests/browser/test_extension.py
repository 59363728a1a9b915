"""The extension in a real Chromium, in front of all of clipferry: from a click on a page to the message in Telegram."""

import re
from collections.abc import AsyncIterator, Iterator

import pytest
import pytest_asyncio
from playwright.async_api import Page

from sandbox.run.gateway import Gateway
from tests.browser.extension_browser import BROWSER, ExtensionBrowser, extension_browser
from tests.browser.looks import picture, violations
from tests.browser.node_tools import node_tools
from tests.fakes.eventually import eventually
from tests.processes.stack import Stack, running_stack

pytestmark = [
    pytest.mark.skipif(BROWSER is None, reason="chromium is not installed"),
    pytest.mark.asyncio(loop_scope="module"),
]

FIRST = "#jobs li:first-child"


@pytest.fixture(scope="module")
def stack() -> Iterator[Stack]:
    with running_stack(MAX_QUEUE_SIZE="50") as stack:
        yield stack


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def gateway(stack: Stack) -> AsyncIterator[Gateway]:
    async with stack.gateway() as gateway:
        yield gateway


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def browser(stack: Stack, gateway: Gateway) -> AsyncIterator[ExtensionBrowser]:
    """A browser that was paired by code, on the options page."""
    async with extension_browser() as browser:
        options = await browser.pair(stack.settings.gateway_url, await gateway.pairing_code())
        await options.wait_for_selector("#checks li:nth-child(4)[data-code=OK]")
        assert await options.locator("#checks li[data-good=true]").count() == 4
        await options.close()
        await browser.grant(stack.settings.site_url)
        yield browser
        assert browser.complaints == []


async def test_the_menu_is_on_pages_links_and_videos(browser: ExtensionBrowser) -> None:
    assert await browser.menus() == {"page": ["page", "frame"], "link": ["link"], "video": ["video"]}


async def percent_of(popup: Page) -> float:
    return float(await popup.eval_on_selector(f"{FIRST} progress", "bar => bar.value"))


async def delivered(gateway: Gateway, url: str) -> None:
    """Wait until the newest job is that of an address, and is over."""

    async def is_delivered() -> bool:
        newest = (await gateway.get("/api/jobs?limit=1"))["jobs"]
        return any(job["videoData"]["pageUrl"] == url and job["status"] == "completed" for job in newest)

    await eventually(is_delivered, within_s=30, what=f"{url} is delivered")


async def test_a_right_click_on_a_video_delivers_it(browser: ExtensionBrowser, stack: Stack) -> None:
    """Popup and badge move with it, and a notification tells of the end."""
    site = await browser.context.new_page()
    await site.goto(stack.page("/watch"))
    video = await site.eval_on_selector("video", "video => video.currentSrc || video.src")
    popup = await browser.popup()
    seen: set[float] = set()
    badges: set[str] = set()

    async def is_delivered() -> bool:
        badges.add(await browser.badge())
        if await popup.is_visible(f"{FIRST}[data-status=processing]"):
            seen.add(await percent_of(popup))
        return await popup.is_visible(f"{FIRST}[data-status=completed]")

    await browser.choose("video", srcUrl=video, pageUrl=site.url, mediaType="video")
    await eventually(is_delivered, within_s=40, what="the video is delivered")

    told = await popup.inner_text(FIRST)
    assert len(seen) > 3, seen
    assert len({badge for badge in badges if re.fullmatch(r"\d{1,3}%", badge)}) > 2, badges
    assert re.search(r"in \d+ s · 640 × 360 · \d\.\d MB", told), told
    assert await popup.inner_text("#connection") == "Live"
    assert len(await stack.messages()) == 1
    notes = await eventually(browser.notifications, what="a notification")
    assert [note[:4] for note in notes] == ["job:"]

    async def is_settled() -> bool:
        return (await browser.badge(), await browser.stored("awaited")) == ("", [])

    await eventually(is_settled, what="nothing is awaited any more, and the badge is empty")
    await site.close()
    await popup.close()


async def test_the_site_learns_which_page_a_video_or_link_is_from(
    browser: ExtensionBrowser, stack: Stack, gateway: Gateway
) -> None:
    """It gives the file to nobody else."""
    for place, (menu, field) in enumerate((("video", "srcUrl"), ("link", "linkUrl"))):
        url = stack.page(f"/referred/clip.mp4?{place}")
        await browser.choose(menu, pageUrl=stack.page("/pages/video"), **{field: url})
        await delivered(gateway, url)


async def test_a_worker_that_was_killed_wakes_to_the_truth(
    browser: ExtensionBrowser, stack: Stack, gateway: Gateway
) -> None:
    """An open popup says that it has lost touch and finds the job again; a closed one learns of the end it missed."""
    popup = await browser.popup()
    await browser.choose("link", linkUrl=stack.page("/gated/killed/clip.mp4"), pageUrl=stack.page("/"))
    await popup.wait_for_selector(f"{FIRST}[data-stage=Downloading]")
    (job_id,) = await eventually(lambda: browser.stored("awaited"), what="the job is awaited")
    before = await browser.notifications()
    await popup.evaluate(
        "() => { globalThis.said = []; new MutationObserver(() => said.push(document.getElementById('connection')"
        ".dataset.state)).observe(document.getElementById('connection'), { childList: true }); }"
    )
    await browser.kill_worker()

    async def is_back() -> bool:
        said = await popup.evaluate("said")
        return "lost" in said and said[-1] == "live"

    await eventually(is_back, what="the popup has a worker again")
    assert await percent_of(popup) > 0

    await popup.close()
    await browser.kill_worker()
    await browser.worker_is_gone()
    stale = await browser.badge()
    assert (await browser.control.evaluate("chrome.alarms.get('look')"))["periodInMinutes"] == 0.5
    await stack.open_gate("killed")

    async def is_over() -> bool:
        return bool((await gateway.get(f"/api/jobs/{job_id}"))["status"] == "completed")

    await eventually(is_over, within_s=20, what="the job ends while the worker is dead")
    assert stale.endswith("%")

    async def is_settled() -> bool:
        is_told = f"job:{job_id}" in await browser.notifications()
        return is_told and not await browser.stored("awaited") and await browser.badge() == ""

    await browser.ask("account")
    await eventually(is_settled, what="the end is told, whatever woke the worker")
    popup = await browser.popup()
    await popup.wait_for_selector(f"{FIRST}[data-status=completed]")

    async def is_still() -> bool:
        return bool(await browser.control.evaluate("chrome.alarms.getAll()") == [])

    await eventually(is_still, what="no alarm is set")
    assert f"job:{job_id}" not in before
    await popup.close()


async def test_one_medium_is_sent_as_its_page_and_of_several_one_is_chosen(
    browser: ExtensionBrowser, stack: Stack, gateway: Gateway
) -> None:
    site = await browser.context.new_page()
    await site.goto(stack.page("/pages/video"))
    popup = await browser.popup(site)
    await popup.wait_for_selector("#send-page:focus")
    await popup.keyboard.press("Enter")
    await delivered(gateway, stack.page("/pages/video"))
    await popup.close()
    await site.goto(stack.page("/pages/several"))
    await site.evaluate(
        "async () => { await fetch('/media/hls/index.m3u8'); document.body.insertAdjacentHTML('beforeend',"
        " '<iframe src=\"http://localhost:9/embed/7\" width=400 height=300 allowfullscreen></iframe>'); }"
    )
    popup = await browser.popup(site)
    choices = popup.locator("#choice-list li")
    await choices.nth(4).wait_for()
    kinds = [(await choices.nth(place).inner_text()).split("\n")[0] for place in range(5)]
    is_page_offered = await popup.is_visible("#send-page")
    await choices.nth(1).locator("button").click()
    await delivered(gateway, stack.page("/media/rotated.mp4"))

    assert (kinds, is_page_offered) == (["Video", "Video", "Stream", "Player", "Page"], False)
    await site.close()
    await popup.close()


async def test_the_shortcut_sends_what_the_tab_plays(browser: ExtensionBrowser, stack: Stack, gateway: Gateway) -> None:
    """Without a question where there is nothing to choose; else with one."""
    site = await browser.context.new_page()
    await site.goto(stack.page("/pages/og-video"))
    await browser.press_shortcut(site)
    await delivered(gateway, site.url)
    await site.goto(stack.page("/pages/several"))
    await site.bring_to_front()
    await browser.press_shortcut(site)

    async def is_asked() -> bool:
        script = "chrome.extension.getViews({ type: 'popup' })[0]?.document.querySelectorAll('#choice-list li').length"
        return bool(await browser.control.evaluate(script) == 3)

    await eventually(is_asked, what="the popup opens by itself, with a choice")
    await browser.control.evaluate("chrome.extension.getViews({ type: 'popup' })[0].close()")
    await site.close()


async def test_a_failure_says_why_and_what_can_be_done(browser: ExtensionBrowser, stack: Stack) -> None:
    """The badge calls for a look, and a look ends the call. What runs can be cancelled, and that retried."""
    await browser.choose("page", pageUrl=stack.page("/pages/no-video"))

    async def calls() -> bool:
        return await browser.badge() == "!"

    await eventually(calls, within_s=20, what="the badge calls")
    await browser.context.grant_permissions(["clipboard-read", "clipboard-write"])
    popup = await browser.popup()
    await popup.wait_for_selector(f"{FIRST} .problem:has-text('NO_VIDEO')")
    await popup.click(f"{FIRST} .copy")
    await popup.wait_for_selector(f"{FIRST} .copy:has-text('Copied')")
    copied = await popup.evaluate("navigator.clipboard.readText()")
    is_retry_offered = await popup.is_visible(f"{FIRST} .retry")
    await browser.choose("link", linkUrl=stack.page("/gated/never/clip.mp4"), pageUrl=stack.page("/"))
    await popup.wait_for_selector(f"{FIRST}[data-stage=Downloading]")
    await popup.click(f"{FIRST} .cancel")
    await popup.wait_for_selector(f"{FIRST}[data-status=cancelled]")
    await popup.click(f"{FIRST} .retry")
    await popup.wait_for_selector(f"{FIRST}[data-stage=Downloading] .detail:has-text('attempt 2')")
    await popup.click(f"{FIRST} .cancel")
    await popup.wait_for_selector(f"{FIRST}[data-status=cancelled]")

    assert not is_retry_offered, "a retry cannot mend that"
    assert "NO_VIDEO: " in copied
    assert f"page: {stack.page('/pages/no-video')}" in copied
    await popup.close()


async def test_pages_are_for_everybody_in_light_and_dark(browser: ExtensionBrowser, stack: Stack) -> None:
    """Axe finds nothing in the popup, with a choice, a running, a failed and a delivered job, nor in the options."""
    axe = (node_tools() / "axe-core" / "axe.min.js").read_text()
    site = await browser.context.new_page()
    await site.goto(stack.page("/pages/several"))
    popup, options = await browser.popup(site), await browser.open("options/options.html")
    await options.set_viewport_size({"width": 900, "height": 900})
    await options.wait_for_selector("#sessions li")
    await options.click("#test")
    await options.wait_for_selector("#checks li:nth-child(4)")
    await browser.choose("link", linkUrl=stack.page("/gated/pictured/clip.mp4"), pageUrl=stack.page("/"))
    await popup.wait_for_selector(f"{FIRST}[data-stage=Downloading] .detail:has-text('MB of')")
    await picture(popup, "extension/popup")
    await picture(options, "extension/options")
    found = await violations(popup, axe) + await violations(options, axe)
    await stack.open_gate("pictured")
    await popup.wait_for_selector(f"{FIRST}[data-status=completed]")

    assert found == []
    for page in (site, popup, options):
        await page.close()
