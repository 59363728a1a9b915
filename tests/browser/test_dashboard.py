"""The dashboard in a real Chromium: send, look, cancel, retry, find."""

import re
from pathlib import Path

from playwright.async_api import Browser

from tests.browser.dashboard_browser import IN_A_BROWSER, OVER, UNDER_WAY, browsed, sign_in
from tests.browser.dashboard_prober import probing
from tests.browser.dashboard_scene import HALF_HOUR_MIN, busy, scene
from tests.fakes.gateway_client import ADMIN_KEY

pytestmark = IN_A_BROWSER

ANNOUNCED_MS = 1_000
SAID = """() => {
  const [said, region] = [[], document.getElementById("announcement")];
  new MutationObserver(() => said.push(region.textContent)).observe(region, { childList: true });
  return said;
}"""
"""Collects what a screen reader is told."""


async def test_from_a_typed_address_to_a_second_try(chromium: Browser, tmp_path: Path) -> None:
    """The stages go by, the timeline tells each attempt, and a second message is sent only after a clear yes."""
    async with scene(tmp_path) as stage, browsed(chromium) as page:
        await sign_in(page, stage.url)
        for typed in ("ftp://a.test/x", "not an address"):
            await page.fill("#url", typed)
            await page.click("#send")
            await page.wait_for_selector(f"#submit-error:has-text('{typed}')")
        await page.fill("#url", "video.test/1")
        await page.press("#url", "Enter")
        await page.wait_for_selector(f"{UNDER_WAY} .title:has-text('video.test/1')")
        run = await stage.run()
        await stage.progress(run, "downloading", 41, done_mb=4.2, of_mb=9)
        await page.wait_for_selector(f"{UNDER_WAY} .percent:text-is('41 %')")
        row = await page.inner_text(UNDER_WAY)
        bar = await page.eval_on_selector(f"{UNDER_WAY} progress", "bar => bar.value")
        await page.click(f"{UNDER_WAY} .title")
        await stage.fail(run, "STALLED", "No bytes arrived for 30 s.", retryable=True)
        await page.wait_for_selector("#timeline li:has-text('STALLED')")
        await stage.fail_unknown(await stage.run())
        await page.wait_for_selector("#timeline li:has-text('DELIVERY_UNKNOWN')")
        timeline = await page.inner_text("#timeline")
        await page.click("#detail-retry")
        await page.click("dialog.box button:has-text('Not now')")
        after_no = (await stage.admin.get("/api/jobs"))["jobs"][0]["status"]
        await page.click("#detail-retry")
        await page.click("dialog.box button:has-text('even if it then arrives twice')")
        await stage.deliver(await stage.run(), "Gulls")
        await page.wait_for_selector("#detail[data-status=completed]")
        title, state = await page.inner_text("#detail-title"), await page.inner_text("#detail-state")
        message = await page.get_attribute("#detail-telegram", "href")

    assert "Downloading" in row
    assert "4.2 MB of 9 MB" in row
    assert "3.4 MB/s" in row
    assert bar == 41
    steps = re.sub(r"\d\d:\d\d:\d\d\s+", "", timeline).split("\n")
    assert [step for step in steps if step.startswith(("Accepted", "Attempt", "Failed", "STALLED", "DELIVERY"))] == [
        "Accepted from admin",
        "Attempt 1 of 3 began",
        "Attempt 1 failed",
        "STALLED No bytes arrived for 30 s.",
        "Attempt 2 of 3 began",
        "Failed",
        "DELIVERY_UNKNOWN It may have been sent.",
    ]
    assert (after_no, title, state) == ("failed", "Gulls", "Delivered")
    assert re.fullmatch(r"https://t\.me/c/1234567890/\d+", message or "")


async def test_what_happened_while_nobody_watched(chromium: Browser, tmp_path: Path) -> None:
    """Each attempt, by whom, and how it ended; and where that cannot be told, the page says why."""
    async with scene(tmp_path) as stage, browsed(chromium) as page:
        await stage.fail(await stage.run("unwatched"), "STALLED", "No bytes arrived for 30 s.", retryable=True)
        await stage.deliver(await stage.run(), "Gulls")
        await sign_in(page, stage.url)
        await page.click(f"{OVER} .title:text-is('Gulls')")
        await page.wait_for_selector("#timeline li:has-text('Delivered')")
        timeline = re.sub(r"\d\d:\d\d:\d\d\s+", "", await page.inner_text("#timeline")).split("\n")
        await page.keyboard.press("Escape")
        await stage.submit("another")
        await page.route("**/history", lambda route: route.abort())
        await page.click(f"{UNDER_WAY} .title")
        await page.wait_for_selector("#history-problem:has-text('The gateway cannot be reached.')")
        await page.wait_for_selector("#timeline li:has-text('Waits for a free place')")

    assert timeline == [
        "Accepted from admin",
        *("Attempt 1 of 3 began", "by worker-1"),
        *("Attempt 1 failed", "STALLED No bytes arrived for 30 s."),
        *("Attempt 2 of 3 began", "by worker-1"),
        *("Looked at the page, downloaded and prepared", "When each began was not watched here"),
        "Sending",
        "Delivered",
    ]


async def test_cancel_and_what_a_screen_reader_hears(chromium: Browser, tmp_path: Path) -> None:
    """Each stage and each quarter of the way is said once, not each percent; all without a mouse."""
    async with scene(tmp_path) as stage, browsed(chromium) as page:
        # Before the page: put under a page that runs, the clock sets `performance.now()` back, and what was asked for
        # before then looks newer than what was heard after.
        await page.clock.install()
        await sign_in(page, stage.url)
        await page.keyboard.type("video.test/1")
        await page.keyboard.press("Enter")
        said = await page.evaluate_handle(SAID)
        run = await stage.run()
        await page.wait_for_selector(f"{UNDER_WAY} .state:text-is('Looking at the page')")
        await page.clock.fast_forward(ANNOUNCED_MS)
        for percent in (3, 9, 26):
            await stage.progress(run, "downloading", percent)
            await page.wait_for_selector(f"{UNDER_WAY} .percent:text-is('{percent} %')")
            await page.clock.fast_forward(ANNOUNCED_MS)
        heard = await said.json_value()
        name = await page.get_attribute(f"{UNDER_WAY} progress", "aria-label")
        await page.focus(f"{UNDER_WAY} .title")
        await page.keyboard.press("Enter")
        await page.wait_for_selector("#detail[open]")
        await page.keyboard.press("Escape")
        focused = await page.evaluate("document.activeElement.className")
        await page.keyboard.press("Tab")
        await page.keyboard.press("Enter")
        await page.wait_for_selector(f"{UNDER_WAY} .state:text-is('Cancelling')")
        cancelled = await stage.worker.told("cancels")
        await stage.fail(run, "CANCELLED", "Cancelled.")
        await page.wait_for_selector(f"{OVER} .state:text-is('Cancelled')")
        await page.wait_for_function("said => said.at(-1) === 'video.test/1: Cancelled'", arg=said)

    assert name == "Progress of video.test/1"
    assert focused == "title"
    assert cancelled
    assert heard == [f"video.test/1: {text}" for text in ("Looking at the page", "Downloading", "25 percent")]


async def test_a_look_at_the_page_before_it_is_sent(chromium: Browser, tmp_path: Path) -> None:
    """Picture, title, length, plan; which of a list; nothing is loaded from the site, and no title becomes markup."""
    asked: list[str] = []
    async with probing() as processor, scene(tmp_path, processor_target=processor) as stage, browsed(chromium) as page:
        page.on("request", lambda request: asked.append(request.url))
        await sign_in(page, stage.url)
        await page.fill("#url", "video.test/gulls")
        await page.click("#preview-button")
        await page.wait_for_selector("#preview-facts:has-text('generic')")
        title, facts = await page.inner_text("#preview-title"), await page.inner_text("#preview-facts")
        plan = await page.inner_text("#preview-plan")
        picture = page.get_by_role("img", name="Picture of “<b>Gulls</b>”")
        wide = await picture.evaluate("image => image.decode().then(() => image.naturalWidth)")
        place = await page.locator("#preview-picture").bounding_box()
        await page.fill("#url", "video.test/plain")
        await page.click("#preview-button")
        await page.wait_for_selector("#preview-facts:has-text('generic')")
        is_without, same_place = await picture.count() == 0, await page.locator("#preview-picture").bounding_box()
        await page.fill("#url", "video.test/nothing")
        gone = await page.is_hidden("#preview")
        await page.click("#preview-button")
        await page.wait_for_selector("#submit-error:has-text('NO_VIDEO')")
        await page.fill("#url", "video.test/list")
        await page.click("#preview-button")
        await page.wait_for_selector("#preview-entries:visible")
        await page.click("#send")
        await page.wait_for_selector("#submit-error:text-is('It is a list: choose one of it first.')")
        of_list = await page.inner_text("#preview-plan")
        await page.click("#preview-entries label:has-text('Part 2')")
        await page.wait_for_selector("#preview-title:text-is('Part 2')")
        of_entry, kept = await page.inner_text("#preview-plan"), await page.locator("#preview-entries label").count()
        await page.click("#send")
        await page.wait_for_selector(UNDER_WAY)
        sent = (await stage.admin.get("/api/jobs"))["jobs"][0]["videoData"]

    assert (title, gone) == ("<b>Gulls</b>", True)
    assert (wide, is_without, place) == (320, True, same_place)
    assert facts == "generic · 1:02:05 · about 71 MB"
    assert plan == "It is re-encoded to fit 50 MB. That takes a while."
    assert (of_list, of_entry, kept) == ("", plan, 3)
    assert (sent["pageUrl"], sent["playlistItem"]) == ("https://video.test/list", 2)
    assert all(url.startswith((stage.url, "data:image/jpeg;base64,")) for url in asked), asked


async def test_in_by_an_invitation_out_in_every_tab(chromium: Browser, tmp_path: Path) -> None:
    """The code leaves the address; a reload stays in; what is not one's own is not shown; all tabs leave together."""
    async with scene(tmp_path) as stage, browsed(chromium) as page:
        await stage.submit("of-the-admin")
        await stage.admin.request("POST", "/api/admin/users", json={"user": "ann"})
        link = (await stage.admin.request("POST", "/api/auth/pair", json={"user": "ann"})).json()["link"]
        await page.goto(stage.url + link.removeprefix("/"))
        await page.wait_for_selector("#account:text-is('ann')")
        address = page.url
        await page.reload()
        await page.wait_for_selector("#connection[data-state=live]")
        await page.wait_for_selector("#empty")
        is_admin = await page.is_visible("#admin-link")
        other = await page.context.new_page()
        await other.goto(stage.url)
        await other.wait_for_selector("#connection[data-state=live]")
        await page.click("#account")
        await page.wait_for_selector(".sign-ins li")
        sign_ins = await page.locator(".sign-ins li").count()
        await page.click("dialog.box button:text-is('Sign out')")
        await page.wait_for_selector("#sign-in")
        await other.wait_for_selector("#sign-in")
        kept = await page.evaluate("JSON.stringify({ ...localStorage, ...sessionStorage })")
        await page.fill("#secret", "wrong-key-0123456789")
        await page.click("#sign-in button")
        await page.wait_for_selector("#sign-in-error:has-text('UNAUTHENTICATED')")

    assert "pair" not in address
    assert (is_admin, sign_ins, kept) == (False, 1, "{}")


async def test_find_a_job_by_state_reason_and_words(chromium: Browser, tmp_path: Path) -> None:
    """What is shown, how many there are of each, and the numbers above them."""

    async def titles() -> list[str]:
        return [title.strip() for title in await page.locator("tr.job:visible .title").all_inner_texts()]

    async with scene(tmp_path, behind_min=HALF_HOUR_MIN) as stage, browsed(chromium) as page:
        await busy(stage)
        await sign_in(page, stage.url)
        await page.wait_for_selector(".tab[data-status=all] .count:text-is('19')")
        counts = (await page.inner_text("#tabs")).split()
        everything = await titles()
        for number in (
            "2 of 50 places",
            "The oldest for 1 min",
            "3 of 3 places",
            "100.7 MB of 209.7 MB",
            "52.4 MB a video",
        ):
            await page.wait_for_selector(f"#numbers:has-text('{number}')")
        await page.wait_for_selector("#chart[aria-label='Last 30 minutes: 10 delivered, 3 failed']")
        await page.click(".tab[data-status=failed]")
        failed = await titles()
        await page.click("#reasons button:has-text('NO_VIDEO')")
        for_a_reason = await titles()
        await page.click(".tab[data-status=all]")
        await page.fill("#search", "SEXTANT")
        by_words = await titles()
        await page.fill("#search", "no such thing")
        await page.click("#show-all")
        again = await titles()

    assert counts == ["All", "19", "Waiting", "2", "Running", "3", "Delivered", "10", "Failed", "3", "Cancelled", "1"]
    assert everything[0] == "video.test/…/storm-season"
    assert everything[3:6] == [
        "video.test/…/quay-camera",
        "video.test/…/a-quiet-harbour",
        "video.test/…/sent-by-mistake",
    ]
    assert len(failed) == 3
    assert for_a_reason == ["video.test/…/on-buoys"]
    assert by_words == ["A short history of the sextant"]
    assert again == everything


async def test_users_chats_and_keys(chromium: Browser, tmp_path: Path) -> None:
    """An admin lets somebody in, says where to, gives a key that works, and takes it all back."""
    async with scene(tmp_path) as stage, browsed(chromium) as page:
        await sign_in(page, stage.url)
        await page.click("#admin-link")
        await page.click("#add-user")
        await page.fill("dialog.box [name=user]", "Not A Name")
        await page.click("dialog.box button[type=submit]")
        await page.wait_for_selector("dialog.box .problem:has-text('Not A Name')")
        await page.fill("dialog.box [name=user]", "ann")
        await page.fill("dialog.box [name=chats]", "default\n@ferry_news")
        await page.click("dialog.box button[type=submit]")
        code = await page.inner_text(".secret:has-text('Code') code")
        await page.click("dialog.box button:text-is('Done')")
        ann = await stage.admin.sign_in(pairingCode=code)
        chats = await page.inner_text("#users tr:has-text('ann') [data-label='Sends to']")
        await page.click("#add-key")
        await page.select_option("dialog.box [name=user]", "ann")
        await page.fill("dialog.box [name=label]", "backup script")
        await page.check("dialog.box [value='jobs:read']")
        await page.click("dialog.box button[type=submit]")
        key = await page.inner_text(".secret code")
        await page.click("dialog.box button:text-is('Done')")
        may = await page.inner_text("#keys tr:has-text('backup script') [data-label=May]")
        ann.token = key
        by_key = (await ann.request("GET", "/api/jobs")).status_code
        await page.click("#keys tr:has-text('backup script') button")
        await page.click("dialog.box button.yes")
        await page.wait_for_selector("#keys tr:has-text('backup script')", state="detached")
        removed = (await ann.request("GET", "/api/jobs")).status_code
        await page.click("#users tr:has-text('ann') button:has-text('Change')")
        await page.uncheck("dialog.box [name=enabled]")
        await page.click("dialog.box button[type=submit]")
        await page.wait_for_selector("#users tr[data-enabled=false]:has-text('ann')")
        users = {user["user"]: user for user in (await stage.admin.get("/api/admin/users"))["users"]}

    assert set(chats.split(", ")) == {"the default chat", "@ferry_news"}
    assert (may, by_key, removed) == ("see jobs", 200, 401)
    assert users["ann"]["enabled"] is False


async def test_below_a_path_of_a_proxy(chromium: Browser, tmp_path: Path) -> None:
    """Every address is relative: scripts, API, socket and invitation."""
    async with scene(tmp_path, root_path="/clips") as stage, browsed(chromium) as page:
        await sign_in(page, f"{stage.url}clips/")
        await page.fill("#url", "video.test/1")
        await page.click("#send")
        await page.wait_for_selector(UNDER_WAY)
        await page.click("#admin-link")
        await page.click("#users button:has-text('Invite')")
        link = await page.inner_text(".secret:has-text('Link') code")

    assert link.startswith(f"{stage.url}clips/#pair=")
    assert ADMIN_KEY not in page.url
