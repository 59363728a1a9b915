"""Pictures of the dashboard, and what axe has to say of each: kept in tests/artifacts/dashboard."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from playwright.async_api import Browser, Page

from tests.browser.dashboard_browser import IN_A_BROWSER, OVER, UNDER_WAY, browsed, sign_in
from tests.browser.dashboard_prober import probing
from tests.browser.dashboard_scene import HALF_HOUR_MIN, Scene, busy, scene
from tests.browser.looks import picture, violations
from tests.browser.node_tools import node_tools

pytestmark = IN_A_BROWSER

PHONE = {"width": 390, "height": 844}
DESK = {"width": 1240, "height": 860}
ALIKE = """() => {
  const rest = "#operations section:nth-child(n + 6), #shapes section:nth-child(n + 6)";
  document.querySelectorAll(rest).forEach((section) => section.remove());
}"""
"""Takes away what is made as the first calls and shapes are: axe needs half a minute for all of it."""


class Critic:
    """Takes pictures of a page, and lets axe look at it."""

    def __init__(self, page: Page) -> None:
        self._page = page
        self._axe = (node_tools() / "axe-core" / "axe.min.js").read_text()
        self._found: dict[str, list[str]] = {}

    async def look(self, name: str, size: Any = DESK, *, is_long: bool = False) -> None:
        """Look at the page as it is now."""
        await self._page.set_viewport_size(size)
        await picture(self._page, f"dashboard/{name}", is_long=is_long)
        self._found[name] = await violations(self._page, self._axe)
        if await self._page.evaluate("document.documentElement.scrollWidth > innerWidth"):
            self._found[name].append("It is wider than the screen.")

    def check(self) -> None:
        """Check that nothing is wrong."""
        assert {name: found for name, found in self._found.items() if found} == {}


@asynccontextmanager
async def judged(chromium: Browser, stage: Scene) -> AsyncIterator[tuple[Page, Critic]]:
    """Sign in, and look with a critic's eyes for the length of the block."""
    async with browsed(chromium) as page:
        critic = Critic(page)
        await sign_in(page, stage.url)
        yield page, critic
        critic.check()


async def test_the_jobs_are_for_everybody(chromium: Browser, tmp_path: Path) -> None:
    """Empty, busy, filtered, one job, on a phone, paused."""
    async with scene(tmp_path, behind_min=HALF_HOUR_MIN) as stage, judged(chromium, stage) as (page, critic):
        await page.click("#account")
        await page.click("dialog.box button:text-is('Sign out')")
        await page.wait_for_selector("#secret:focus")
        await critic.look("sign-in")
        await sign_in(page, stage.url)
        await page.wait_for_selector("#workers:text-is('1 processor')")
        await critic.look("empty")
        await busy(stage)
        await page.wait_for_selector(f"{UNDER_WAY} .percent:text-is('88 %')")
        await page.wait_for_selector(f"{OVER} >> nth=13")
        await page.click("#submit summary")
        await critic.look("busy")
        await critic.look("busy-phone", PHONE)
        await page.click(f"{UNDER_WAY} .title")
        await critic.look("job-phone", PHONE)
        await page.keyboard.press("Escape")
        await page.click("#pause")
        await page.click(".tab[data-status=failed]")
        await critic.look("failed-paused")
        await page.click(f"{OVER} .title")
        await critic.look("failed-job")


async def test_the_preview_is_for_everybody(chromium: Browser, tmp_path: Path) -> None:
    """With a picture and without one, a list, on a phone."""
    async with (
        probing() as processor,
        scene(tmp_path, processor_target=processor) as stage,
        judged(chromium, stage) as (page, critic),
    ):
        for path, name in (("gulls", "preview"), ("plain", "preview-plain"), ("list", "preview-list")):
            await page.fill("#url", f"video.test/{path}")
            await page.click("#preview-button")
            await page.wait_for_selector("#preview-facts:has-text('generic')")
            await critic.look(name)
            await critic.look(f"{name}-phone", PHONE)


async def test_the_reference_is_for_everybody(chromium: Browser, tmp_path: Path) -> None:
    """Beside its contents; on a phone below them, which are shut there until they are wanted."""
    async with scene(tmp_path) as stage, judged(chromium, stage) as (page, critic):
        await page.goto(f"{stage.url}docs")
        await page.click("#contents a:has-text('/jobs/{job_id}/history')")
        await page.wait_for_function("document.querySelector(':target').getBoundingClientRect().top < 40")
        await page.evaluate(ALIKE)
        await critic.look("docs", is_long=True)
        await page.set_viewport_size({"width": PHONE["width"], "height": PHONE["height"]})
        await page.reload()
        await page.wait_for_selector("#contents:not([open]) summary")
        await page.evaluate(ALIKE)
        await critic.look("docs-phone", PHONE, is_long=True)


async def test_the_admin_is_for_everybody(chromium: Browser, tmp_path: Path) -> None:
    """The tables, on a phone too, and each dialog."""
    async with scene(tmp_path) as stage, judged(chromium, stage) as (page, critic):
        for body in ({"user": "ann", "chats": ["default", "@ferry_news"]}, {"user": "ben"}):
            await stage.admin.request("POST", "/api/admin/users", json=body)
        await stage.admin.request("PATCH", "/api/admin/users/ben", json={"enabled": False})
        await stage.admin.request("POST", "/api/auth/pair", json={"user": "ann"})
        key = {"user": "ann", "label": "backup script", "scopes": ["jobs:read"], "expiresInS": 2_592_000}
        await stage.admin.request("POST", "/api/auth/keys", json=key)
        await page.click("#admin-link")
        await page.wait_for_selector("#keys tr:has-text('backup script')")
        await critic.look("admin")
        await critic.look("admin-phone", PHONE)
        for name, button in (
            ("invite", "#users tr:has-text('ann') button:text-is('Invite')"),
            ("change", "#users tr:has-text('ann') button:text-is('Change')"),
            ("new-user", "#add-user"),
            ("new-key", "#add-key"),
            ("sign-ins", "#account"),
        ):
            await page.click(button)
            await page.wait_for_selector("dialog.box")
            await critic.look(name)
            await page.keyboard.press("Escape")
            await page.wait_for_selector("dialog.box", state="detached")
