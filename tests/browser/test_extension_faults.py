"""The extension where something is in the way: no socket, no gateway, a lost answer, a sign-in that has ended."""

import asyncio
import json
import ssl
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio
from playwright.async_api import Page

from clipferry.queue.v1 import job_pb2
from tests.browser.door import Door, door
from tests.browser.extension_browser import BROWSER, ExtensionBrowser, extension_browser
from tests.browser.looks import picture
from tests.fakes.certificates import write_certificate
from tests.fakes.eventually import eventually
from tests.fakes.gateway_client import GatewayClient, queue_and_gateway
from tests.fakes.queue_client import QueueClient
from tests.processes.ports import free_ports

pytestmark = [
    pytest.mark.skipif(BROWSER is None, reason="chromium is not installed"),
    pytest.mark.asyncio(loop_scope="module"),
]

FIRST = "#jobs li:first-child"
DOWNLOADING = job_pb2.Progress(
    stage=job_pb2.STAGE_DOWNLOADING, percent=40, done_bytes=4_200_000, total_bytes=9_000_000, bytes_per_second=3_000_000
)


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def both(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[tuple[QueueClient, GatewayClient]]:
    async with queue_and_gateway(tmp_path_factory.mktemp("gateway")) as started:
        yield started


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def browser() -> AsyncIterator[ExtensionBrowser]:
    async with extension_browser() as browser:
        yield browser
        assert browser.complaints == []


@pytest_asyncio.fixture(loop_scope="module")
async def way(both: tuple[QueueClient, GatewayClient], browser: ExtensionBrowser) -> AsyncIterator[Door]:
    """The way to the gateway, over which the browser was paired as a user of its own."""
    _, admin = both
    async with door(admin.port) as way:
        await admin.request("POST", "/api/admin/users", json={"user": f"user-{way.port}"})
        answer = await admin.request("POST", "/api/auth/pair", json={"user": f"user-{way.port}"})
        await (await browser.pair(way.url, answer.json()["pairingCode"])).close()
        yield way
        await browser.ask("sign-out")


async def state_is(popup: Page, state: str, within_s: float = 30) -> str:
    """Wait until the popup shows a state of the connection; returns the reason that it gives."""
    await popup.wait_for_selector(f"#connection[data-state={state}]", timeout=within_s * 1000)
    return await popup.inner_text("#why") if await popup.is_visible("#why") else ""


async def test_without_a_socket_progress_comes_by_asking(
    both: tuple[QueueClient, GatewayClient], browser: ExtensionBrowser, way: Door
) -> None:
    queue, _ = both
    way.passes_sockets = False
    async with queue.worker("polled") as worker:
        popup = await browser.popup()
        await browser.choose("page", pageUrl="https://video.test/polled")
        why = await state_is(popup, "polling")
        await worker.ready()
        lease = (await worker.run()).lease
        await worker.say(beats=[{"lease": lease, "progress": DOWNLOADING}])
        await popup.wait_for_selector(f"{FIRST} .stage:has-text('40 %')")
        numbers = await popup.inner_text(f"{FIRST} .detail")
        checks = await browser.ask("diagnose", server=way.url)
        another = await browser.popup()
        await another.wait_for_selector(f"{FIRST} .stage:has-text('40 %')")

    await picture(popup, "extension/popup-polling")
    assert "blocked" in why
    assert numbers == "4.2 MB of 9.0 MB · 3.0 MB/s · 2 s left"
    assert way.unchanged_count > 0, "the whole list came, though nothing had changed"
    assert [check["code"] for check in checks["value"]] == ["OK", "OK", "OK", "SOCKET_BLOCKED"]
    await popup.click(f"{FIRST} .cancel")
    await popup.close()
    await another.close()


async def test_a_live_video_is_recorded_once_somebody_says_so(
    both: tuple[QueueClient, GatewayClient], browser: ExtensionBrowser, way: Door
) -> None:
    """From its row, which says so in words; what it was sent with stays."""
    queue, admin = both
    error = {"reason": "LIVE", "message": "The video is live; say allow_live to record it."}
    async with queue.worker("live") as worker:
        popup = await browser.popup()
        await browser.choose("page", pageUrl="https://video.test/live")
        await worker.ready(1)
        lease = (await worker.run()).lease
        await worker.move(1, fail_job={"lease": lease, "error": error})
        await popup.wait_for_selector(f"{FIRST}[data-status=failed]")
        told = await popup.inner_text(f"{FIRST} .problem")
        is_retry_offered = await popup.is_visible(f"{FIRST} .retry")
        await popup.click(f"{FIRST} .record")
        await popup.wait_for_selector(f"{FIRST}[data-stage=Waiting]")
        newest = (await admin.get("/api/jobs"))["jobs"][0]["videoData"]
        await popup.click(f"{FIRST} .cancel")
        await popup.wait_for_selector(f"{FIRST}[data-status=cancelled]")
    await popup.close()

    assert (told, is_retry_offered) == ("The video is live. It can be recorded.", False)
    assert (newest["pageUrl"], newest["allowLive"]) == ("https://video.test/live", True)


async def test_a_gateway_that_is_away_is_named_and_what_was_sent_waits_for_it(
    both: tuple[QueueClient, GatewayClient], browser: ExtensionBrowser, way: Door
) -> None:
    """And when the answer is lost as well, the page still becomes one job."""
    _, admin = both
    popup = await browser.popup()
    await state_is(popup, "live")
    way.shut()
    await browser.choose("page", pageUrl="https://video.test/waits")
    why = await state_is(popup, "offline")
    await popup.wait_for_selector(f"{FIRST}[data-stage='Not sent yet'] .problem:has-text('UNREACHABLE')")
    await picture(popup, "extension/popup-offline")

    async def is_doubtful() -> bool:
        return await browser.badge() == "?"

    await eventually(is_doubtful, what="the badge says that nothing is known")
    alarm = await browser.control.evaluate("chrome.alarms.get('look')")
    await popup.close()
    await browser.kill_worker()
    # Of a connection that was used before, Chromium repeats a lost request by itself, with the same key.
    way.is_shut, way.answers_to_lose = False, 3
    popup = await browser.popup()

    async def is_sent() -> bool:
        # The live line may tell of the job before any answer to the request has come through.
        await browser.ring_alarm()
        return await popup.is_visible(f"{FIRST}[data-stage=Waiting]") and await browser.stored("outbox") == []

    await eventually(is_sent, within_s=60, what="what waited is sent")
    jobs = (await admin.get("/api/jobs?limit=200"))["jobs"]

    assert f"127.0.0.1:{way.port} cannot be reached" in why
    assert alarm["periodInMinutes"] == 0.5
    assert (way.answers_to_lose, len(set(way.keys))) == (0, 1)
    assert [job["videoData"]["pageUrl"] for job in jobs].count("https://video.test/waits") == 1
    await popup.click(f"{FIRST} .cancel")
    await popup.close()


async def test_many_who_need_a_token_make_one_refresh(browser: ExtensionBrowser, way: Door) -> None:
    way.asked.clear()
    tokens = await browser.control.evaluate(
        "async () => { const { accessToken } = await import('/gateway/session.js');"
        " return Promise.all(Array.from({ length: 8 }, () => accessToken(true))); }"
    )

    assert len(set(tokens)) == 1
    assert way.asked.count("POST /api/auth/refresh") == 1


async def test_a_session_that_was_ended_asks_for_a_new_code(
    both: tuple[QueueClient, GatewayClient], browser: ExtensionBrowser, way: Door
) -> None:
    """At once, also in an open popup; a page that is sent meanwhile waits for the sign-in."""
    _, admin = both
    popup = await browser.popup()
    await state_is(popup, "live")
    await admin.request("DELETE", f"/api/auth/sessions?user=user-{way.port}")
    await state_is(popup, "signed-out")
    await popup.wait_for_selector(f"#set-up-why:text-is('Your sign-in at 127.0.0.1:{way.port} has ended.')")
    await picture(popup, "extension/popup-signed-out")
    checks = (await browser.ask("diagnose", server=way.url))["value"]
    async with browser.context.expect_page() as opened:
        await browser.choose("page", pageUrl="https://video.test/later")
    options = await opened.value
    waiting = await eventually(lambda: browser.stored("outbox"), what="the page waits to be sent")

    assert [(check["step"], check["code"]) for check in checks][-1] == ("sign-in", "SIGNED_OUT")
    assert options.url.endswith("/options/options.html")
    assert [entry["url"] for entry in waiting] == ["https://video.test/later"]
    await browser.ask("discard", key=waiting[0]["key"])
    await options.close()
    await popup.close()


@asynccontextmanager
async def answering(body: Any, context: ssl.SSLContext | None = None) -> AsyncIterator[str]:
    """Serve one answer to every request on a free port for the length of the block; yields its ``host:port``."""
    text = body if isinstance(body, str) else json.dumps(body)

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(f"HTTP/1.1 200 OK\r\nContent-Length: {len(text)}\r\nConnection: close\r\n\r\n{text}".encode())
        await writer.drain()
        writer.close()

    server = await asyncio.start_server(answer, "127.0.0.1", 0, ssl=context)
    async with server:
        yield f"127.0.0.1:{server.sockets[0].getsockname()[1]}"


HEALTH = {"services": {}, "status": "ok", "realTimeUpdates": True}
NEWER = {"info": {"version": "7.1.0"}}


async def test_each_cause_has_its_name(browser: ExtensionBrowser, tmp_path: Path) -> None:
    """Unreachable, TLS, another server, another version, a queue that is away, an origin that is not allowed."""
    _, context = write_certificate(tmp_path)
    nobody = f"127.0.0.1:{free_ports(['PORT'])['PORT']}"
    async with AsyncExitStack() as servers:
        places = {
            "UNREACHABLE": f"http://{nobody}",
            "TLS": f"https://{await servers.enter_async_context(answering(HEALTH, context))}",
            "NO_GATEWAY": f"http://{await servers.enter_async_context(answering('<h1>Sign in</h1>'))}",
            "VERSION": f"http://{await servers.enter_async_context(answering(HEALTH | NEWER))}",
            "QUEUE_AWAY": f"http://{await servers.enter_async_context(answering(HEALTH | {'status': 'unavailable'}))}",
        }
        found = {}
        await browser.allow(*places.values())
        page = await browser.open("options/options.html")
        await page.fill("#server", "foo bar")
        await page.click("#test")
        await page.wait_for_selector("#problem:has-text('URL_INVALID: “foo bar” is not an address')")
        for name, place in places.items():
            await page.fill("#server", place)
            await page.click("#test")
            await page.wait_for_selector(f"#checks li[data-code={name}]")
            await picture(page, f"extension/options-{name.lower()}")
            found[name] = await page.inner_text("#checks li:last-child .message")
        await page.close()
        stranger = f"http://{await servers.enter_async_context(answering(HEALTH))}"
        checks = (await browser.ask("diagnose", server=stranger))["value"]

    assert "nothing listens there (ERR_CONNECTION_REFUSED)" in found["UNREACHABLE"]
    assert "ERR_CERT_AUTHORITY_INVALID" in found["TLS"]
    assert "7.1.0" in found["VERSION"]
    assert [check["code"] for check in checks] == ["CORS"]
    assert "EXTENSION_IDS" in checks[0]["message"]


FED = "videos: [{src: 'blob:https://a.test/1', isPlaying: true}]"
FRAMED = "pageUrl: 'https://a.test/', frameUrl: 'https://b.test/e'"

WORDS: list[tuple[str, str, Any]] = [
    ("gateway/address.js", "serverAddress('clipferry.example/ferry')", "https://clipferry.example/ferry/"),
    ("gateway/address.js", "serverAddress(' 192.168.1.5:3000 ')", "http://192.168.1.5:3000/"),
    ("gateway/address.js", "serverAddress('nas:3000')", "http://nas:3000/"),
    ("gateway/address.js", "serverAddress('HTTP://Host.example/?a#b')", "http://host.example/"),
    ("gateway/address.js", "socketAddress('https://a.test/b/').href", "wss://a.test/b/ws"),
    ("gateway/address.js", "originPattern('https://a.test:8443/b/')", "https://a.test:8443/*"),
    ("jobs/wording.js", "sizeText(2_600_000)", "2.6 MB"),
    ("jobs/wording.js", "timeText(3_700)", "1 h 2 min"),
    ("jobs/wording.js", "nameOf('https://www.a.test/watch?v=1')", "a.test/watch?v=1"),
    ("jobs/wording.js", "nameOf('https://www.a.test/films/watch/?v=1')", "a.test/…/watch"),
    ("jobs/wording.js", "titleOf({title: 'Gulls', videoData: {pageUrl: 'https://a.test/'}})", "Gulls"),
    ("jobs/telegram.js", "messageAddress({videoData: {destination: '@films'}, result: {telegramMessageId: 7}})",
     "https://t.me/films/7"),
    ("jobs/telegram.js", "messageAddress({videoData: {}, result: {telegramChatId: -1001234, telegramMessageId: 7}})",
     "https://t.me/c/1234/7"),
    ("jobs/telegram.js", "messageAddress({videoData: {}, result: {telegramChatId: 1234, telegramMessageId: 7}})", None),
    ("options/sessions.js", "nameOf('Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko)"
     " Chrome/140.0.0.0 Safari/537.36')", "Chrome on Linux"),
    ("options/sessions.js", "nameOf('curl/8.7.1')", "curl/8.7.1"),
    ("jobs/board.js", "Board.prototype.shown.call({all: () => [{id: 'over', addedAt: '3', result: {}}, {id: 'old',"
     " addedAt: '1', status: 'processing', result: null}, {id: 'new', addedAt: '2', result: null}]}).map(({id}) => id)"
     ".join()", "old,new,over"),
    ("jobs/badge.js", "badgeOf({unfinished: [{progress: 20}, {progress: 65}], unsentCount: 0, failureCount: 0,"
     " isSignedOut: false, isKnown: true}).text", "42%"),
    ("jobs/badge.js", "badgeOf({unfinished: [{progress: 20}], unsentCount: 0, failureCount: 0, isSignedOut: true,"
     " isKnown: true}).text", "!"),
    ("jobs/badge.js", "badgeOf({unfinished: [], unsentCount: 0, failureCount: 0, isSignedOut: true,"
     " isKnown: true}).text", ""),
    ("jobs/board.js", "Board && [{version: 1, title: 'Gulls'}, {version: 2, title: null}].reduce((board, view) =>"
     " (board.put({id: '1', ...view}), board), new it.Board()).all()[0].title", "Gulls"),
    ("jobs/wording.js", "sentence({code: 'VIDEO_TOO_LARGE', message: 'It has 60000000 bytes; the limit is 50000000"
     " bytes.'})", "VIDEO_TOO_LARGE: It has 60 MB; the limit is 50 MB."),
    ("jobs/wording.js", "sentence({code: 'FIELD_INVALID', message: 'url must be one.'})", "url must be one."),
    ("gateway/address.js", "pathHint('https://a.test/api/')", " Try it without the path: https://a.test."),
    ("gateway/address.js", "pathHint('https://a.test/')", ""),
    ("jobs/board.js", "isOlder({version: 2, attempt: 1, progress: 5}, {version: 2, attempt: 1, progress: 9})", True),
    ("jobs/board.js", "isOlder({version: 3, attempt: 2, progress: 0}, {version: 2, attempt: 1, progress: 9})", False),
    ("media/candidates.js", "candidatesOf('chrome://extensions', []).length", 0),
    ("media/candidates.js", "candidatesOf('https://a.test/', [{frameUrl: 'https://a.test/', players: [], manifests: [],"
     " videos: [{src: 'blob:https://a.test/1'}, {src: 'https://a.test/1.mp4'}]}]).map(one => one.kind).join()", "page"),
    ("media/candidates.js", f"candidatesOf('https://a.test/', [{{frameUrl: 'https://a.test/', {FED}, manifests:"
     " ['https://c.test/m.m3u8'], players: []}]).map(one => `${one.kind} ${one.referer}`).join()",
     "stream https://a.test/,page null"),
    ("media/candidates.js", f"candidatesOf('https://a.test/', [{{frameUrl: 'https://b.test/e', {FED}, manifests:"
     " ['https://c.test/m.m3u8', 'https://c.test/low.m3u8'], players: []}]).map(one => `${one.url} ${one.referer}`)[0]",
     "https://c.test/m.m3u8 https://b.test/e"),
    ("media/candidates.js", "candidatesOf('https://a.test/', [{frameUrl: 'https://a.test/', videos: [], manifests:"
     " ['https://c.test/m.m3u8'], players: []}]).map(one => one.kind).join()", "page,stream"),
    ("media/candidates.js", "candidatesOf('https://a.test/', [{frameUrl: 'https://a.test/', videos: [], manifests: [],"
     " players: ['https://b.test/e']}]).map(one => one.kind).join()", "page,player"),
    ("worker/menus.js", "clicked({menuItemId: 'video', srcUrl: 'blob:https://a.test/1', pageUrl: 'https://a.test/'}).url",
     "https://a.test/"),
    ("worker/menus.js", f"clicked({{menuItemId: 'video', srcUrl: 'blob:https://b.test/1', {FRAMED}}}).url",
     "https://b.test/e"),
    ("worker/menus.js", f"clicked({{menuItemId: 'video', srcUrl: 'blob:https://b.test/1', {FRAMED}}}).referer",
     "https://a.test/"),
    ("worker/menus.js", f"clicked({{menuItemId: 'page', {FRAMED}}}).url", "https://b.test/e"),
    ("worker/menus.js", "clicked({menuItemId: 'page', pageUrl: 'https://a.test/', frameUrl: 'https://a.test/part'}).url",
     "https://a.test/"),
]  # fmt: skip


@pytest.mark.parametrize(("module", "expression", "expected"), WORDS)
async def test_words_and_addresses(browser: ExtensionBrowser, module: str, expression: str, expected: object) -> None:
    script = f"async () => {{ const it = await import('/{module}'); return it.{expression}; }}"
    assert await browser.control.evaluate(script) == expected
