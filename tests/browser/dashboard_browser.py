"""Chromium with the dashboard in it."""

import shutil
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest
from playwright.async_api import Browser, ConsoleMessage, Page

from tests.fakes.gateway_client import ADMIN_KEY

BROWSER = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
UNDER_WAY = "#under-way tr.job:not([hidden])"
OVER = "#over tr.job:not([hidden])"


IN_A_BROWSER = [
    pytest.mark.skipif(BROWSER is None, reason="chromium is not installed"),
    pytest.mark.asyncio(loop_scope="module"),
]
"""Marks of a module whose tests share a browser."""


@asynccontextmanager
async def browsed(chromium: Browser, **options: Any) -> AsyncIterator[Page]:
    """Open an empty page for the length of the block.

    Args:
        chromium: Where.
        options: Of the browser's context.

    Raises:
        AssertionError: At the end, if a script failed or the page's policy forbade something.
    """
    complaints: list[str] = []

    def note(message: ConsoleMessage) -> None:
        if "Content Security Policy" in message.text:
            complaints.append(message.text)

    def watch(page: Page) -> None:
        page.on("pageerror", lambda error: complaints.append(str(error)))
        page.on("console", note)

    context = await chromium.new_context(
        **{"viewport": {"width": 1240, "height": 860}, "reduced_motion": "reduce", **options}
    )
    context.set_default_timeout(30_000)
    context.on("page", watch)
    try:
        yield await context.new_page()
    finally:
        await context.close()
    assert complaints == []


async def sign_in(page: Page, url: str, *, until: str = "live") -> None:
    """Sign in as the admin, as a person does, and wait for a state of the connection."""
    await page.goto(url)
    await page.fill("#secret", ADMIN_KEY)
    await page.click("#sign-in button")
    await page.wait_for_selector(f"#connection[data-state={until}]")
