"""The live page in a real browser, in front of a real queue. Skips where there is no browser."""

import shutil
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from playwright.async_api import Dialog, Page, async_playwright

from clipferry.queue.v1 import job_pb2
from tests.fakes.gateway_client import ADMIN_KEY, GatewayClient, queue_and_gateway
from tests.fakes.queue_client import QueueClient

BROWSER = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
FIRST = "#jobs li:first-child"
MEDIA = job_pb2.Media(title="A film", width=640, height=360)
UNKNOWN = job_pb2.JobError(reason="DELIVERY_UNKNOWN", message="It may have been sent.")

pytestmark = pytest.mark.skipif(BROWSER is None, reason="chromium is not installed")


@asynccontextmanager
async def opened(address: str) -> AsyncIterator[tuple[Page, list[str]]]:
    """Open a page in a browser for the length of the block; yields it, and what its scripts complain of."""
    complaints: list[str] = []
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=BROWSER, args=["--no-sandbox"])
        try:
            page = await browser.new_page()
            page.set_default_timeout(10_000)
            page.on("pageerror", lambda error: complaints.append(str(error)))
            await page.goto(address)
            yield page, complaints
        finally:
            await browser.close()


@pytest.fixture
async def both(tmp_path: Path) -> AsyncIterator[tuple[QueueClient, GatewayClient]]:
    async with queue_and_gateway(tmp_path) as started:
        yield started


async def test_the_live_page(both: tuple[QueueClient, GatewayClient]) -> None:
    """An address as people type it; a row that says where it is from; a second message only after a clear yes."""
    queue, admin = both
    answers: list[bool] = []

    async def answer(dialog: Dialog) -> None:
        assert "twice" in dialog.message
        await (dialog.accept() if answers.pop(0) else dialog.dismiss())

    async with opened(f"http://127.0.0.1:{admin.port}/") as (page, complaints), queue.worker() as worker:
        page.on("dialog", answer)
        await page.fill("#secret", ADMIN_KEY)
        await page.click("#sign-in button")
        for typed in ("ftp://a.test/x", "not an address"):
            await page.fill("#url", typed)
            await page.click("#submit button")
            await page.wait_for_selector(f"#submit-error:has-text('{typed}')")
        await page.fill("#url", "video.test/1")
        await page.click("#submit button")
        await page.wait_for_selector(f"{FIRST} strong:has-text('https://video.test/1')")
        await worker.ready()
        lease = (await worker.run()).lease
        await worker.move(1, begin_send={"lease": lease, "media": MEDIA})
        await worker.move(2, commit_send={"lease": lease})
        await worker.move(3, fail_job={"lease": lease, "error": UNKNOWN})
        await page.wait_for_selector(f"{FIRST} .error:has-text('DELIVERY_UNKNOWN')")
        title, source = await page.inner_text(f"{FIRST} strong"), await page.inner_text(f"{FIRST} .source")
        answers.append(False)
        await page.click(f"{FIRST} .retry")
        after_no = (await admin.get("/api/jobs"))["jobs"][0]["status"]
        answers.append(True)
        await page.click(f"{FIRST} .retry")
        again = await worker.run()

    assert (title, source) == ("A film", "video.test/1")
    assert (after_no, again.job.attempt) == ("failed", 2)
    assert complaints == []


async def test_the_page_of_the_api(both: tuple[QueueClient, GatewayClient]) -> None:
    """Each field has its text and its limits, and each shape that is named can be looked up."""
    _, admin = both
    async with opened(f"http://127.0.0.1:{admin.port}/docs") as (page, complaints):
        await page.wait_for_selector("#JobProgress")
        shown = await page.inner_text("#JobRequest")
        links = await page.eval_on_selector_all("main a[href^='#']", "all => all.map((one) => one.hash.slice(1))")
        anchors = await page.eval_on_selector_all("main section[id]", "all => all.map((one) => one.id)")

    assert "audio or video; default video" in shown
    assert "integer, at least -10, at most 10; default 0" in shown
    assert "http(s) URL of the page or media." in shown
    assert set(links) <= set(anchors)
    assert complaints == []


async def test_where_live_updates_are_switched_off_the_page_looks_by_itself(tmp_path: Path) -> None:
    async with queue_and_gateway(tmp_path, websocket_enabled=False) as (_, admin):
        await admin.submit("https://video.test/polled")
        async with opened(f"http://127.0.0.1:{admin.port}/") as (page, complaints):
            await page.fill("#secret", ADMIN_KEY)
            await page.click("#sign-in button")
            await page.wait_for_selector(FIRST)
            await page.wait_for_selector("#connection[data-state=away]")
            row = await page.text_content(FIRST)
        health = (await admin.http.get("/health")).json()

    assert "video.test" in (row or "")
    assert health["realTimeUpdates"] is False
    assert complaints == []
