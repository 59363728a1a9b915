"""The pages that the gateway serves. What they do: tests/browser."""

import re
import shutil
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from urllib.parse import urljoin

import pytest
from playwright.async_api import Page, async_playwright

from gateway.live.closing import MEANINGS
from services.chassis.errors import Reason
from tests.fakes.gateway_client import gateway_at_hand

BROWSER = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
MEDIA_TYPES = {"": "text/html", ".js": "text/javascript", ".css": "text/css", ".ico": "image/svg+xml"}
NAMED = re.compile(r'(?:(?:src|href)="|from "|import\(")((?:web/|\.\.?/|favicon)[^"#]*\.(?:js|css|ico))"')


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


@pytest.mark.skipif(BROWSER is None, reason="chromium is not installed")
async def test_the_page_of_the_api(tmp_path: Path) -> None:
    """Each field has its text and its limits, and each shape that is named can be looked up."""
    async with (
        gateway_at_hand(tmp_path) as admin,
        opened(f"http://127.0.0.1:{admin.port}/docs") as (page, complaints),
    ):
        await page.wait_for_selector("#JobProgress")
        shown = await page.inner_text("#JobRequest")
        links = await page.eval_on_selector_all("main a[href*='#']", "all => all.map((one) => one.hash.slice(1))")
        reasons = await page.inner_text("#reasons")
        closing = await page.inner_text("#close-codes")
        described = await page.inner_html("#description")
        named = await page.eval_on_selector_all("header a", "all => all.map((one) => one.getAttribute('href'))")
        anchors = await page.eval_on_selector_all("main section[id]", "all => all.map((one) => one.id)")

    assert "audio or video; default video" in shown
    assert "integer, at least -10, at most 10; default 0" in shown
    assert "http(s) URL of the page or media." in shown
    assert all(reason.name in reasons and reason.text in reasons for reason in Reason)
    assert all(str(code) in closing and meaning.come_back in closing for code, meaning in MEANINGS.items())
    assert '<a href="docs#reasons">reasons</a>' in described
    assert {"openapi.json", "asyncapi.json"} <= set(named)
    assert ".md" not in described
    assert {"reasons", "close-codes"} <= set(links) <= set(anchors)
    assert complaints == []


async def test_every_part_of_a_page_is_there(tmp_path: Path) -> None:
    """What pages and scripts name is served, as what it is, and lies below the page's own address."""
    async with gateway_at_hand(tmp_path) as admin:
        pending, seen = ["/", "/docs"], set[str]()
        while pending:
            address = pending.pop()
            answer = await admin.http.get(address)
            assert answer.status_code == 200, address
            assert answer.headers["content-type"].startswith(MEDIA_TYPES[Path(address).suffix]), address
            seen.add(address)
            named = [urljoin(address, name) for name in NAMED.findall(answer.text)]
            pending += [name for name in named if name not in seen]

    assert {"/web/app.js", "/web/theme.css", "/favicon.ico"} <= seen
    assert len(seen) > 20
