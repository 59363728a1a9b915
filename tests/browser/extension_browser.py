"""Chromium with the extension in it, and hands to use it."""

import shutil
import tempfile
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from playwright.async_api import BrowserContext, Page, Worker, async_playwright

from gateway.config import EXTENSION_ID
from tests.fakes.eventually import eventually

BROWSER = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
EXTENSION = Path(__file__).parent.parent.parent / "extension"
ROOT_URL = f"chrome-extension://{EXTENSION_ID}"
MENUS_ANEW = """async () => {
  const [menus, made] = [chrome.contextMenus, []];
  const { create } = menus;
  const isRegistered = ({ id }) => menus.update(id, { enabled: true }).then(() => true, () => false);
  menus.create = (item, ...more) => (made.push(item), create.call(menus, item, ...more));
  chrome.runtime.onInstalled.dispatch({ reason: "update", previousVersion: "0.0.0" });
  const deadline = Date.now() + 30_000;
  while (Date.now() < deadline && (made.length === 0 || !(await isRegistered(made.at(-1))))) {
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
  menus.create = create;
  const registered = await Promise.all(made.map(isRegistered));
  return made.filter((_, place) => registered[place]);
}"""
POPUP_SIZE_PX = {"width": 384, "height": 560}


class ExtensionBrowser:
    """A person's browser.

    Args:
        context: Of Chromium, with the extension loaded.
        worker: The extension's.
        control: A file of the extension, shown in a tab: its state is read from there, and it does nothing itself.
    """

    def __init__(self, context: BrowserContext, worker: Worker, control: Page) -> None:
        self.context = context
        self.control = control
        self._worker = worker
        self.complaints: list[str] = []
        """What scripts complained of."""

    async def allow(self, *urls: str) -> None:
        """Let the browser answer yes, without its question, when the extension asks for the origins of `urls`.

        The question itself is drawn by the browser, out of reach of scripts. What follows is as after a click on Allow.
        """
        settings = await self.context.new_page()
        await settings.goto("chrome://extensions")
        for url in urls:
            await settings.evaluate(
                "([id, origin]) => chrome.developerPrivate.addHostPermission(id, origin)", [EXTENSION_ID, f"{url}/*"]
            )
        await settings.close()

    async def grant(self, url: str) -> None:
        """Let the extension see the pages of `url`, as a click on its icon there would (activeTab)."""
        await self.allow(url)
        asking = await self.open("options/options.html")
        await asking.evaluate(
            "(origin) => { document.body.onclick = async () => { document.title = String("
            " await chrome.permissions.request({ origins: [origin] })); }; }",
            f"{url}/*",
        )
        await asking.click("h1")

        async def is_granted() -> bool:
            return await asking.title() == "true"

        await eventually(is_granted, what="the browser has granted it")
        await asking.close()

    async def open(self, path: str) -> Page:
        """Open a page of the extension in a tab, in the size of a popup."""
        page = await self.context.new_page()
        await page.set_viewport_size(POPUP_SIZE_PX)  # type: ignore[arg-type]
        page.on("pageerror", lambda error: self.complaints.append(str(error)))
        await page.goto(f"{ROOT_URL}/{path}")
        return page

    async def popup(self, about: Page | None = None) -> Page:
        """Open the popup, about a tab if one is given."""
        if about is None:
            return await self.open("popup/popup.html")
        return await self.open(f"popup/popup.html#tab={(await self._tab(about))['id']}")

    async def pair(self, server: str, code: str) -> Page:
        """Pair as a person does, and return the options page."""
        await self.allow(server)
        page = await self.open("options/options.html")
        await page.fill("#server", server)
        await page.fill("#code", code)
        await page.click("#pairing button[type=submit]")
        await page.wait_for_selector("#signed-in[data-state=live]")
        return page

    async def ask(self, command: str, **more: Any) -> Any:
        """Say something to the worker, which wakes for it; returns its answer."""
        return await self.control.evaluate("(said) => chrome.runtime.sendMessage(said)", {"command": command, **more})

    async def choose(self, menu: str, **info: str) -> None:
        """Choose an item of the context menu: the event as Chromium gives it, since the menu itself is the system's."""
        await self.ask("account")
        # Fails where there is no such item.
        await self._worker.evaluate("(id) => chrome.contextMenus.update(id, { enabled: true })", menu)
        event: Mapping[str, Any] = {"menuItemId": menu, "editable": False, **info}
        await self._worker.evaluate("(info) => chrome.contextMenus.onClicked.dispatch(info)", event)

    async def menus(self) -> dict[str, Any]:
        """Return what the context menu shows and on what, as it is made after an update of the extension.

        The browser tells nobody what it holds; what it is given is written down on the way.
        """
        await self.ask("account")
        made: list[dict[str, Any]] = await self._worker.evaluate(MENUS_ANEW)
        return {item["id"]: item["contexts"] for item in made}

    async def press_shortcut(self, page: Page) -> None:
        """Press the shortcut that sends: the event as Chromium gives it, since its own keys are out of reach."""
        tab = await self._tab(page)
        await self.ask("account")
        await self._worker.evaluate("(tab) => chrome.commands.onCommand.dispatch('send', tab)", tab)

    async def ring_alarm(self) -> None:
        """Let the alarm ring, before its 30 seconds are over."""
        await self.ask("account")
        await self._worker.evaluate("chrome.alarms.onAlarm.dispatch({ name: 'look' })")

    async def _tab(self, page: Page) -> Any:
        return (await self.control.evaluate("(url) => chrome.tabs.query({ url: `${url}*` })", page.url))[0]

    async def badge(self) -> str:
        """Return what the icon says."""
        return str(await self.control.evaluate("chrome.action.getBadgeText({})"))

    async def notifications(self) -> list[str]:
        """Return the names of the notifications on the screen."""
        return list(await self.control.evaluate("chrome.notifications.getAll()"))

    async def stored(self, name: str) -> Any:
        """Return what the extension keeps on the disk."""
        return (await self.control.evaluate("(name) => chrome.storage.local.get(name)", name)).get(name)

    async def kill_worker(self) -> None:
        """End the worker as Chromium ends an idle one: ServiceWorker.stopAllWorkers of the DevTools protocol."""
        protocol = await self.context.new_cdp_session(self.control)
        await protocol.send("ServiceWorker.enable")
        await protocol.send("ServiceWorker.stopAllWorkers")
        await protocol.detach()

    async def worker_is_gone(self) -> None:
        """Wait until there is no worker."""

        async def is_gone() -> bool:
            return not await self.control.evaluate("chrome.runtime.getContexts({ contextTypes: ['BACKGROUND'] })")

        await eventually(is_gone, what="the worker is gone")


@asynccontextmanager
async def extension_browser() -> AsyncIterator[ExtensionBrowser]:
    """Start Chromium with the extension for the length of the block."""
    switches = [f"--disable-extensions-except={EXTENSION}", f"--load-extension={EXTENSION}", "--no-sandbox"]
    with tempfile.TemporaryDirectory(prefix="clipferry-browser-", ignore_cleanup_errors=True) as profile:
        async with async_playwright() as playwright:
            context = await playwright.chromium.launch_persistent_context(
                profile, executable_path=BROWSER, headless=True, args=switches, reduced_motion="reduce"
            )
            context.set_default_timeout(30_000)
            try:
                workers = context.service_workers
                worker = workers[0] if workers else await context.wait_for_event("serviceworker")
                assert worker.url == f"{ROOT_URL}/worker.js", "EXTENSION_ID does not belong to the key in manifest.json"
                welcome = await _welcome(context)
                control = await context.new_page()
                await control.goto(f"{ROOT_URL}/manifest.json")
                await welcome.close()
                yield ExtensionBrowser(context, worker, control)
            finally:
                await context.close()


async def _welcome(context: BrowserContext) -> Page:
    """Wait for the settings, which a new extension opens by itself."""

    async def opened() -> Page | None:
        return next((page for page in context.pages if page.url == f"{ROOT_URL}/options/options.html"), None)

    page = await eventually(opened, what="the settings open by themselves")
    assert page is not None
    return page
