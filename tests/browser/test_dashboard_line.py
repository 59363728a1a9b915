"""The dashboard when the line is bad, is not wanted, or has much to tell."""

import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from playwright.async_api import Browser, Route

from services.queue.service import queue_service
from tests.browser.dashboard_browser import IN_A_BROWSER, OVER, UNDER_WAY, browsed, sign_in
from tests.browser.dashboard_scene import scene
from tests.browser.door import door
from tests.fakes.eventually import eventually
from tests.fakes.freezing_proxy import freezing_proxy
from tests.fakes.gateway_client import gateway_at_hand
from tests.fakes.queue_client import settings_for

pytestmark = IN_A_BROWSER

LOOK_MS = 5_000
HANGING_MS = 40_000
HEARTBEAT: Mapping[str, Any] = {"websocket_ping_interval": 1_000, "websocket_ping_timeout_s": 3}
WATCH = "/clipferry.queue.v1.QueueService/WatchJobs"
STATES = """() => {
  const [states, badge] = [[], document.getElementById("connection")];
  const note = () => states.push([badge.dataset.state, document.body.dataset.stale]);
  new MutationObserver(note).observe(badge, { childList: true });
  return states;
}"""
"""Collects the states of the connection, each with whether what is shown is marked as old."""
TOUCHED = """() => {
  const touched = new Set();
  const note = ({ target }) => touched.add(target.closest("tr")?.querySelector(".title").textContent);
  const observer = new MutationObserver((changes) => changes.forEach(note));
  observer.observe(document.getElementById("jobs"), { childList: true, subtree: true, attributes: true });
  return touched;
}"""
"""Collects the titles of the rows in which anything is set."""
SIFTING_MS = """() => {
  const [search, took] = [document.getElementById("search"), []];
  for (const wanted of ["test/1", "test/2", "test/3", "test/4", "test/49"]) {
    const begin = performance.now();
    search.value = wanted;
    search.dispatchEvent(new Event("input"));
    document.body.getBoundingClientRect();
    took.push(performance.now() - begin);
  }
  return Math.min(...took);
}"""
"""Filters the list a few times, and returns how long that took at best: the machine may be busy with others."""


async def test_where_the_socket_is_blocked_the_page_asks_instead(chromium: Browser, tmp_path: Path) -> None:
    """It says so, progress, bytes and speed are seen all the same, and once the socket gets through it is used."""
    async with scene(tmp_path) as stage, door(stage.admin.port) as way, browsed(chromium) as page:
        way.passes_sockets = False
        await page.clock.install()
        await sign_in(page, way.url, until="polling")
        said = await page.inner_text("#banner")
        run = await stage.run("1")
        await stage.progress(run, "downloading", 37, done_mb=4.2, of_mb=9)
        await page.clock.fast_forward(LOOK_MS)
        await page.wait_for_selector(f"{UNDER_WAY} .percent:text-is('37 %')")
        numbers = await page.inner_text(f"{UNDER_WAY} .detail")
        await page.wait_for_selector("#busy:text-is('1')")
        await stage.progress(run, "downloading", 58)
        await page.clock.fast_forward(LOOK_MS)
        await page.wait_for_selector(f"{UNDER_WAY} .percent:text-is('58 %')")
        way.passes_sockets = True
        await page.clock.fast_forward(30_000)
        await page.wait_for_selector("#connection[data-state=live]")
        after = await page.inner_text("#banner")

    assert said == "Live updates do not get through: the page asks every 5 s instead."
    assert numbers == "4.2 MB of 9 MB · 3.4 MB/s · 2 s left"
    assert after == ""


async def test_with_the_server_down_it_says_what_is_wrong_and_comes_back(chromium: Browser, tmp_path: Path) -> None:
    """What is shown is marked as old; what was sent in vain says so; pressing again, even twice, sends it once."""
    async with scene(tmp_path) as stage, door(stage.admin.port) as way, browsed(chromium) as page:
        await page.clock.install()
        await sign_in(page, way.url)
        way.shut()
        await page.wait_for_selector("#connection[data-state=offline]")
        said, is_old = await page.inner_text("#banner"), await page.get_attribute("body", "data-stale")
        await page.fill("#url", "video.test/1")
        await page.click("#send")
        await page.wait_for_selector("#submit-error:has-text('The gateway cannot be reached.')")
        await page.click("#account")
        await page.wait_for_selector("#list-error:has-text('The gateway cannot be reached.')")
        way.is_shut = False
        await page.clock.fast_forward(30_000)
        await page.wait_for_selector("#connection[data-state=live]")
        left = await page.inner_text("#submit-error")
        await page.evaluate("for (const _ of [1, 2]) document.getElementById('submit').requestSubmit()")
        await page.wait_for_selector(f"{UNDER_WAY} .title:text-is('video.test/1')")
        count = len((await stage.admin.get("/api/jobs"))["jobs"])

    assert left == ""
    assert said == "The gateway cannot be reached. It is tried again by itself."
    assert (is_old, count) == ("true", 1)


async def test_a_gateway_that_hangs_is_not_shown_as_live(chromium: Browser, tmp_path: Path) -> None:
    """What is shown is marked as old before anything else; then it is offline; once it answers, all is as it is."""
    async with scene(tmp_path, **HEARTBEAT) as stage, door(stage.admin.port) as way, browsed(chromium) as page:
        await sign_in(page, way.url)
        run = await stage.run("1")
        await page.wait_for_selector(f"{UNDER_WAY} .state:text-is('Looking at the page')")
        states = await page.evaluate_handle(STATES)
        way.freeze()
        await page.wait_for_selector("#connection[data-state=offline]", timeout=HANGING_MS)
        said, is_old = await page.inner_text("#banner"), await page.get_attribute("body", "data-stale")
        seen = await states.json_value()
        await page.fill("#url", "video.test/2")
        await page.click("#send")
        await stage.deliver(run, "Gulls")
        way.thaw()
        await page.wait_for_selector("#connection[data-state=live]", timeout=HANGING_MS)
        await page.wait_for_selector(f"{OVER} .title:text-is('Gulls')")
        await page.wait_for_selector(f"{UNDER_WAY} .title:text-is('video.test/2')")
        count = len((await stage.admin.get("/api/jobs"))["jobs"])

    assert seen == [["reconnecting", "true"], ["offline", "true"]]
    assert said == "The gateway does not answer. It is tried again by itself."
    assert (is_old, count) == ("true", 2)


async def test_a_press_whose_answer_was_lost_is_pressed_again(chromium: Browser, tmp_path: Path) -> None:
    """While the first is still being answered the second waits for it, and both are one job."""
    async with (
        queue_service(settings_for(tmp_path, drain_s=0.2)) as port,
        freezing_proxy(f"127.0.0.1:{port}", let_through=[WATCH]) as queue,
        gateway_at_hand(tmp_path, queue.port) as admin,
        door(admin.port) as way,
        browsed(chromium) as page,
    ):
        await sign_in(page, way.url)
        queue.freeze()
        await page.fill("#url", "video.test/1")
        await page.click("#send")

        async def is_held() -> bool:
            return queue.held_count > 0

        await eventually(is_held, within_s=20, what="the queue has the page, and does not answer")
        way.shut()
        await page.wait_for_selector("#submit-error:has-text('The gateway cannot be reached.')")
        way.is_shut = False
        async with page.expect_response(lambda response: response.status == 409):
            await page.click("#send")
        errors = await page.inner_text("#submit-error")
        queue.thaw()
        await page.wait_for_selector(f"{UNDER_WAY} .title:text-is('video.test/1')")
        await page.wait_for_selector("#url:placeholder-shown")
        jobs, note = (await admin.get("/api/jobs"))["jobs"], await page.inner_text("#submit-note")

    assert (len(jobs), errors, note) == (1, "", "")


async def test_without_a_queue_it_says_so(chromium: Browser, tmp_path: Path) -> None:
    """The line to the gateway is good, and what is shown is not the present all the same."""
    async with gateway_at_hand(tmp_path) as admin, browsed(chromium) as page:
        await sign_in(page, f"http://127.0.0.1:{admin.port}/", until="stale")
        said, is_old = await page.inner_text("#banner"), await page.get_attribute("body", "data-stale")

    assert said == "The queue cannot be reached: what you see is how it was."
    assert is_old == "true"


async def test_a_part_that_did_not_arrive_is_fetched_again(chromium: Browser, tmp_path: Path) -> None:
    """A page whose scripts were cut off in mid-load is not dead."""
    cut: list[str] = []

    async def cut_once(route: Route) -> None:
        cut.append(route.request.url)
        await (route.abort("connectionreset") if len(cut) == 1 else route.continue_())

    async with scene(tmp_path) as stage, browsed(chromium) as page:
        await page.route("**/web/jobs/words.js", cut_once)
        await sign_in(page, stage.url)
        said = await page.is_visible("#loading")

    assert len(cut) == 2
    assert not said


async def test_a_pause_is_a_pause(chromium: Browser, tmp_path: Path) -> None:
    """Nothing is heard and nothing is asked, not even when the window is looked at again; then all is as it is."""
    async with scene(tmp_path) as stage, door(stage.admin.port) as way, browsed(chromium) as page:
        await page.clock.install()
        await sign_in(page, way.url)
        run = await stage.run("1")
        await page.wait_for_selector(f"{UNDER_WAY} .state:text-is('Looking at the page')")
        await page.click("#pause")
        asked = len(way.asked)
        await stage.deliver(run, "Gulls")
        await stage.submit("2")
        await page.evaluate("document.dispatchEvent(new Event('visibilitychange')); dispatchEvent(new Event('online'))")
        await page.clock.fast_forward(600_000)
        paused = await page.inner_text("#under-way"), len(way.asked) - asked, await page.inner_text("#connection")
        await page.click("#pause")
        await page.wait_for_selector(f"{OVER} .title:text-is('Gulls')")
        await page.wait_for_selector(f"{UNDER_WAY} .title:text-is('video.test/2')")

    assert "Looking at the page" in paused[0]
    assert paused[1:] == (0, "Paused")


async def test_jobs_that_the_queue_forgot_leave(chromium: Browser, tmp_path: Path) -> None:
    """Nobody tells when a job's time is over: the page looks now and then, also while it hears everything."""
    async with (
        scene(tmp_path, queue_settings={"job_retention_ms": 1_000, "auto_cleanup_interval_ms": 1_000}) as stage,
        browsed(chromium) as page,
    ):
        await page.clock.install()
        await sign_in(page, stage.url)
        await stage.deliver(await stage.run("1"), "Gulls")
        await page.wait_for_selector(f"{OVER} .title:text-is('Gulls')")
        deadline = time.monotonic() + 30
        while (await stage.admin.get("/api/jobs"))["jobs"]:
            assert time.monotonic() < deadline
        await page.clock.fast_forward(300_000)
        await page.wait_for_selector("#empty:visible")


async def test_five_hundred_jobs(chromium: Browser, tmp_path: Path) -> None:
    """What runs is there at once, however old; news of one job touch its row alone; a filter answers in a moment."""
    async with scene(tmp_path, queue_settings={"max_queue_size": 1_000}) as stage, browsed(chromium) as page:
        run = await stage.run("first")
        for number in range(499):
            await stage.queue.submit(f"https://video.test/{number}", owner="admin", request_id=f"job-{number}")
        await sign_in(page, stage.url)
        for shown in (201, 401, 500):
            await page.wait_for_function("count => document.querySelectorAll('tr.job').length === count", arg=shown)
            if shown < 500:
                await page.click("#older")
        is_all = await page.is_hidden("#older")
        touched = await page.evaluate_handle(TOUCHED)
        await stage.progress(run, "downloading", 12)
        await page.wait_for_selector(f"{UNDER_WAY} .percent:text-is('12 %')")
        seen = await page.evaluate("touched => [...touched]", touched)
        sifting_ms = await page.evaluate(SIFTING_MS)
        found = await page.locator("tr.job:visible").count()

    assert is_all
    assert seen == ["video.test/first"]
    assert found == 10
    assert sifting_ms < 500
