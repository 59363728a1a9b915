"""The extension where the gateway, or what is behind it, hangs: nothing is cut, and nothing answers."""

from collections.abc import AsyncIterator

import pytest
import pytest_asyncio

from tests.browser.extension_browser import BROWSER
from tests.browser.extension_line import FIRST, Line, extension_line, rows_are
from tests.fakes.eventually import eventually

pytestmark = [
    pytest.mark.skipif(BROWSER is None, reason="chromium is not installed"),
    pytest.mark.asyncio(loop_scope="module"),
]

HANGING_MS = 40_000
STATES = """() => {
  const [states, badge] = [[], document.getElementById("connection")];
  const note = () => {
    const state = [badge.dataset.state, document.querySelector("main").hasAttribute("data-stale")];
    if (String(state) !== String(states.at(-1))) states.push(state);
  };
  note();
  new MutationObserver(note).observe(badge, { childList: true });
  return states;
}"""
"""Collects the states of the connection, each with whether the list was grey before it."""


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def line(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Line]:
    async with extension_line(tmp_path_factory.mktemp("gateway")) as line:
        yield line


async def test_a_gateway_that_hangs_is_not_shown_as_live(line: Line) -> None:
    """It is reconnecting, then offline and never said to be blocked; what was sent meanwhile becomes one job."""
    popup = await line.popup()
    await line.browser.choose("page", pageUrl="https://video.test/before")
    await popup.wait_for_selector(f"{FIRST} strong:text-is('video.test/before')")
    await popup.wait_for_selector(f"{FIRST}[data-stage=Waiting]")
    states = await popup.evaluate_handle(STATES)
    line.way.freeze()
    await popup.wait_for_selector("#connection[data-state=offline]", timeout=HANGING_MS)
    seen, why = await states.json_value(), await popup.inner_text("#why")
    is_old = await popup.get_attribute("main", "data-stale")
    await line.browser.choose("page", pageUrl="https://video.test/meanwhile")
    await popup.wait_for_selector(f"{FIRST}[data-stage='On its way'] strong:text-is('video.test/meanwhile')")
    line.way.thaw()
    await popup.wait_for_selector("#connection[data-state=live]", timeout=HANGING_MS)
    await popup.wait_for_selector(f"{FIRST}[data-stage=Waiting] strong:text-is('video.test/meanwhile')")
    fresh = await popup.get_attribute("main", "data-stale")

    assert [state for state, _ in seen] == ["live", "connecting", "offline"]
    assert why == f"The gateway at 127.0.0.1:{line.way.port} did not answer within 5 s."
    assert (is_old, fresh) == ("", None)
    assert len(await line.jobs("https://video.test/meanwhile")) == 1
    await rows_are(popup, 2)
    await popup.close()


async def test_a_page_whose_answer_is_late_is_its_job_and_nothing_else(line: Line) -> None:
    """The gateway says that it is still answering the first request: no reason is shown, and it is asked again soon."""
    popup = await line.popup()
    rows = await popup.locator("#jobs li").count()
    said = await popup.evaluate_handle(
        "() => { const said = []; new MutationObserver(() => said.push(document.getElementById('jobs').innerText))"
        ".observe(document.getElementById('jobs'), { childList: true, subtree: true }); return said; }"
    )
    held = line.queue.held_count
    line.queue.freeze()
    await line.browser.choose("page", pageUrl="https://video.test/late")

    async def is_held() -> bool:
        return line.queue.held_count > held and "POST /api/jobs" in line.way.asked

    await eventually(is_held, within_s=20, what="the queue has it, and does not answer")
    asked = line.way.asked.count("POST /api/jobs")
    line.way.shut()
    await popup.wait_for_selector(f"{FIRST}[data-stage='Not sent yet']")
    line.way.is_shut = False
    await line.browser.ring_alarm()

    async def is_asked_again() -> bool:
        return line.way.asked.count("POST /api/jobs") >= asked + 2

    await eventually(is_asked_again, within_s=20, what="it is asked again, without an alarm")
    await popup.wait_for_selector(f"{FIRST}[data-stage='On its way']")
    line.queue.thaw()
    await popup.wait_for_selector(f"{FIRST}[data-stage=Waiting] strong:text-is('video.test/late')")

    async def is_forgotten() -> bool:
        return bool(await line.browser.stored("outbox") == [])

    await eventually(is_forgotten, within_s=20, what="the outbox is empty")
    await rows_are(popup, rows + 1)
    assert len(await line.jobs("https://video.test/late")) == 1
    assert not any("REQUEST_IN_FLIGHT" in text or "Idempotency" in text for text in await said.json_value())
    await popup.close()


async def test_the_ticks_of_a_test_before_do_not_stay(line: Line) -> None:
    """A test that begins shows that it runs, and nothing of the last one."""
    options = await line.browser.open("options/options.html")
    await options.click("#test")
    await options.wait_for_selector("#checks li:nth-child(4)[data-code=OK]")
    line.way.freeze()
    await options.click("#test")
    await options.wait_for_selector("#testing:visible")
    ticks = await options.locator("#checks li").count()
    await options.wait_for_selector("#checks li[data-code=UNREACHABLE]", timeout=HANGING_MS)
    line.way.thaw()
    told = await options.inner_text("#checks li .message")

    assert ticks == 0
    assert "it did not answer within 10 s" in told
    await options.close()


async def test_what_a_test_found_goes_while_the_browser_asks(line: Line) -> None:
    """Whether the extension may reach the address is another question, and the last result no answer to it."""
    options = await line.browser.open("options/options.html")
    await options.click("#test")
    await options.wait_for_selector("#checks li:nth-child(4)[data-code=OK]")
    await options.evaluate("() => { chrome.permissions.request = () => new Promise(() => {}); }")
    await options.click("#test")
    await options.wait_for_selector("#test:disabled")
    ticks = await options.locator("#checks li").count()
    await options.close()

    assert ticks == 0


async def test_an_address_with_a_path_too_many_is_told_so(line: Line) -> None:
    """Both where it is tested and where a code is given."""
    origin = line.way.url
    tested = (await line.browser.ask("diagnose", server=f"{origin}/api/"))["value"][-1]
    paired = (await line.browser.ask("pair", server=f"{origin}/api/", code="ABCDE-FGHJK"))["problem"]

    assert tested["code"] == "NO_GATEWAY"
    assert tested["message"].endswith(f" Try it without the path: {origin}.")
    assert paired["message"].endswith(f" Try it without the path: {origin}.")
