"""Where a sign-in ends: here, elsewhere, by hand or by the gateway."""

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio

from tests.browser.extension_browser import BROWSER
from tests.browser.extension_line import FIRST, Line, extension_line
from tests.fakes.eventually import eventually

pytestmark = [
    pytest.mark.skipif(BROWSER is None, reason="chromium is not installed"),
    pytest.mark.asyncio(loop_scope="module"),
]


@pytest_asyncio.fixture(loop_scope="module")
async def line(tmp_path: Path) -> AsyncIterator[Line]:
    async with extension_line(tmp_path) as line:
        yield line


async def sessions_of(line: Line) -> list[Any]:
    """Return the sign-ins of ann that the gateway knows."""
    return list((await line.admin.get("/api/auth/sessions?user=ann"))["sessions"])


async def test_sign_ins_are_ended_at_the_gateway(line: Line) -> None:
    """*End* ends the other one, and *Sign out here* this one."""
    code = (await line.admin.request("POST", "/api/auth/pair", json={"user": "ann"})).json()["pairingCode"]
    await line.admin.request("POST", "/api/auth/token", json={"pairingCode": code})
    both = await sessions_of(line)
    options = await line.browser.open("options/options.html")
    await options.click("#sessions button:visible")
    await options.wait_for_selector("#sessions li:only-child .who:text-is('This browser')")
    left = await sessions_of(line)
    await options.click("#sign-out")
    await options.wait_for_selector("#signed-in:text-is('Not signed in')")

    async def is_ended() -> bool:
        return await sessions_of(line) == []

    await eventually(is_ended, what="the gateway knows no sign-in of hers")
    account = await line.browser.stored("account")
    assert (len(both), len(left)) == (2, 1)
    assert account["refreshToken"] is None


async def test_the_badge_shows_no_percent_of_who_is_signed_out(line: Line) -> None:
    """It calls: what was under way is not known any more."""
    await line.browser.choose("page", pageUrl="https://video.test/long")
    popup = await line.popup()
    await popup.wait_for_selector(f"{FIRST}[data-stage=Waiting]")

    async def is_percent() -> bool:
        return await line.browser.badge() == "0%"

    await eventually(is_percent, what="the badge shows a percent")
    await line.admin.request("DELETE", "/api/auth/sessions?user=ann")
    await popup.wait_for_selector("#connection[data-state=signed-out]")

    async def is_mark() -> bool:
        return await line.browser.badge() == "!"

    await eventually(is_mark, what="the badge calls")
