"""The dashboard where somebody looks for something: a job that is there already, a row out of sight, a processor."""

import re
from pathlib import Path

from playwright.async_api import Browser

from tests.browser.dashboard_browser import IN_A_BROWSER, OVER, UNDER_WAY, browsed, sign_in
from tests.browser.dashboard_prober import probing
from tests.browser.dashboard_scene import scene
from tests.fakes.gateway_client import UNLIMITED, queue_and_gateway

pytestmark = IN_A_BROWSER

PHONE = {"width": 390, "height": 844}
IS_WHOLE = "node => { const box = node.getBoundingClientRect(); return box.left >= 0 && box.right <= innerWidth; }"


async def test_what_is_under_way_already_is_pointed_at(chromium: Browser, tmp_path: Path) -> None:
    """Whatever is filtered; what is new is not called so, and comes into sight as well."""
    async with scene(tmp_path) as stage, browsed(chromium) as page:
        await sign_in(page, stage.url)
        await page.click(".tab[data-status=failed]")
        await page.wait_for_selector("#empty")
        await page.fill("#url", "video.test/1")
        await page.click("#send")
        await page.wait_for_selector(f"{UNDER_WAY} .title:text-is('video.test/1')")
        new = await page.inner_text("#submit-note")
        await page.click(".tab[data-status=completed]")
        await page.wait_for_selector("#no-match:visible")
        await page.fill("#url", "video.test/1")
        await page.click("#send")
        await page.wait_for_selector(f"{UNDER_WAY}.pointed-at .title:text-is('video.test/1')")
        note = await page.inner_text("#submit-note")
        await page.click("#submit-note a")
        await page.wait_for_selector("#detail[open] #detail-title:text-is('video.test/1')")
        count = len((await stage.admin.get("/api/jobs"))["jobs"])

    assert (new, count) == ("", 1)
    assert note == "Already under way, and not sent a second time: video.test/1"


async def test_its_title_is_shown_while_it_runs(chromium: Browser, tmp_path: Path) -> None:
    """Until then its site and the end of its address. A click anywhere in the row opens it."""
    async with scene(tmp_path) as stage, browsed(chromium) as page:
        await sign_in(page, stage.url)
        run = await stage.run("watch/of/gulls?v=1")
        await page.wait_for_selector(f"{UNDER_WAY} .title:text-is('video.test/…/gulls')")
        await stage.progress(run, "downloading", 12, title="Gulls at dawn")
        await page.wait_for_selector(f"{UNDER_WAY} .title:text-is('Gulls at dawn')")
        source = await page.inner_text(f"{UNDER_WAY} .source")
        told = (await stage.admin.get("/api/jobs"))["jobs"][0]["title"]
        await page.click(f"{UNDER_WAY} .when")
        await page.wait_for_selector("#detail[open] #detail-title:text-is('Gulls at dawn')")

    assert (source, told) == ("video.test/watch/of/gulls?v=1", "Gulls at dawn")


async def test_a_retry_does_not_rewrite_the_attempts_before(chromium: Browser, tmp_path: Path) -> None:
    """Each attempt says of how many it was then."""
    async with scene(tmp_path) as stage, browsed(chromium) as page:
        await stage.fail_unknown(await stage.run("1"))
        await sign_in(page, stage.url)
        await page.click(f"{OVER} .title")
        await page.wait_for_selector("#timeline li:has-text('Attempt 1 of 3 began')")
        await page.click("#detail-retry")
        await page.click("dialog.box button:has-text('even if it then arrives twice')")
        await stage.run()
        await page.wait_for_selector("#timeline li:has-text('Attempt 2 of')")
        begun = re.findall(r"Attempt \d of \d began", await page.inner_text("#timeline"))

    assert begun == ["Attempt 1 of 3 began", "Attempt 2 of 4 began"]


async def test_on_a_phone_the_chosen_tab_is_in_sight(chromium: Browser, tmp_path: Path) -> None:
    async with scene(tmp_path) as stage, browsed(chromium, viewport=PHONE) as page:
        await sign_in(page, stage.url)
        tab = page.locator(".tab[data-status=cancelled]")
        before = await tab.evaluate(IS_WHOLE)
        await tab.evaluate("tab => tab.click()")
        after = await tab.evaluate(IS_WHOLE)

    assert (before, after) == (False, True)


async def test_processors_one_by_one_and_codes_that_are_taken_back(chromium: Browser, tmp_path: Path) -> None:
    """An admin sees what each does and holds; a code that was taken back lets nobody in."""
    async with scene(tmp_path) as stage, browsed(chromium) as page:
        await stage.run("1")
        await stage.admin.request("POST", "/api/admin/users", json={"user": "ann"})
        code = (await stage.admin.request("POST", "/api/auth/pair", json={"user": "ann"})).json()["pairingCode"]
        await sign_in(page, stage.url)
        await page.click("#workers")
        await page.wait_for_selector("#processors tr:has-text('worker-1')")
        cells = await page.locator("#processors tr > *").all_inner_texts()
        await page.click("#codes tr:has-text('ann') button:has-text('Take back')")
        await page.wait_for_selector("#no-codes:visible")
        refused = await stage.admin.request("POST", "/api/auth/token", json={"pairingCode": code})

    assert cells == [
        "worker-1",
        "Works",
        "1 of 3 taken, 2 free",
        "100.7 MB of 209.7 MB, 172 MB at most so far",
        "not told",
    ]
    assert refused.status_code == 401


async def test_who_is_no_admin_reads_words_for_people(chromium: Browser, tmp_path: Path) -> None:
    """Numbers say that they are the own; a forbidden chat names who can help; an address is called an address."""
    async with (
        probing() as processor,
        queue_and_gateway(tmp_path, processor_target=processor, **UNLIMITED) as (_, admin),
        browsed(chromium) as page,
    ):
        await admin.request("POST", "/api/admin/users", json={"user": "ann", "chats": ["default", "@ferry_news"]})
        link = (await admin.request("POST", "/api/auth/pair", json={"user": "ann"})).json()["link"]
        for number in range(2):
            await admin.submit(f"https://video.test/ferry/{number}")
        await page.goto(f"http://127.0.0.1:{admin.port}{link}")
        await page.wait_for_selector("#connection[data-state=live]")
        await page.wait_for_selector('#throughput:text-is("0 a minute")')
        await page.wait_for_selector("#memory-max:has-text('for yours')")
        numbers = await page.locator("#numbers .number p:not(:empty)").all_inner_texts()
        whose, is_linked = await page.inner_text("#chart-title"), await page.get_attribute("#workers", "href")
        await page.fill("#url", "video.test/1")
        await page.click("#submit summary")
        await page.wait_for_selector("#chats option", state="attached")
        offered = await page.locator("#chats option").evaluate_all("options => options.map(({ value }) => value)")
        await page.fill("#chat", "@other_news")
        await page.click("#send")
        await page.wait_for_selector("#submit-error:has-text('ask an admin')")
        forbidden = await page.inner_text("#submit-error")
        await page.fill("#chat", "")
        await page.fill("#url", "ftp://x")
        await page.click("#preview-button")
        await page.wait_for_selector("#submit-error:has-text('ftp://x')")
        address = await page.inner_text("#submit-error")

    assert numbers[:3] == ["0 of yours", "None of yours waits", "0 of yours"]
    assert "0 MB for yours, of 0 MB" in numbers
    assert (whose, is_linked, offered) == ("Yours, last 30 minutes", None, ["@ferry_news"])
    assert "/api/" not in forbidden
    assert address.startswith("The address must ")


async def test_what_a_failure_asks_for(chromium: Browser, tmp_path: Path) -> None:
    """A live video can be recorded from its row, what a retry cannot mend offers none, and sizes are for people."""
    async with scene(tmp_path) as stage, browsed(chromium) as page:
        await stage.fail(
            await stage.run("live", caption="Sea"), "LIVE", "The video is live; say allow_live to record it."
        )
        too_large = "The video has 60000000 bytes; the limit is 50000000 bytes."
        await stage.fail(await stage.run("large"), "VIDEO_TOO_LARGE", too_large)
        await sign_in(page, stage.url)
        live, large = (page.locator(f"{OVER}:has-text('{name}')") for name in ("video.test/live", "video.test/large"))
        told = [await row.locator(".problem").inner_text() for row in (live, large)]
        retries = [await row.locator(".retry").is_visible() for row in (live, large)]
        is_recordable = await large.locator(".record").is_visible()
        await live.locator(".record").click()
        await page.wait_for_selector(f"{UNDER_WAY} .title:has-text('video.test/live')")
        sent = (await stage.admin.get("/api/jobs"))["jobs"][0]["videoData"]

    assert [text.strip() for text in told] == [
        "The video is live. It can be recorded.",
        "VIDEO_TOO_LARGE The video has 60 MB; the limit is 50 MB.",
    ]
    assert (retries, is_recordable) == ([False, False], False)
    assert (sent["allowLive"], sent["caption"]) == (True, "Sea")


async def test_a_job_that_waits_to_be_retried_keeps_its_title(chromium: Browser, tmp_path: Path) -> None:
    async with scene(tmp_path, queue_settings={"retry_backoff_s": 60}) as stage, browsed(chromium) as page:
        await sign_in(page, stage.url)
        run = await stage.run("watch/of/gulls")
        await stage.progress(run, "downloading", 10, done_mb=1, of_mb=9, title="Gulls at dawn")
        await page.wait_for_selector(f"{UNDER_WAY} .title:text-is('Gulls at dawn')")
        await stage.fail(run, "STALLED", "No bytes arrived for 30 s.", retryable=True)
        await page.wait_for_selector(f"{UNDER_WAY} .state:text-is('Waiting to retry')")
        title = await page.inner_text(f"{UNDER_WAY} .title")

    assert title == "Gulls at dawn"
