"""The Bot API stand-in refuses what Telegram refuses, in its words."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any
from urllib.parse import urlsplit

import httpx
import pytest

from sandbox.botapi.faults import Fault
from sandbox.botapi.inbox import Inbox
from sandbox.botapi.server import RunningBotApi, bot_api
from services.chassis.lifecycle import StartError
from tests.fakes.clips import jpeg, mp4_clip, padded
from tests.fakes.eventually import eventually

TOKEN = "123456789:AAH-a-token-for-tests-and-nothing-else"
LIMIT_BYTES = 200_000


class Client:
    """Calls methods as any HTTP client would."""

    def __init__(self, running: RunningBotApi, http: httpx.AsyncClient) -> None:
        self.running = running
        self.http = http

    async def call(self, method: str, *, token: str = TOKEN, files: Any = None, **fields: Any) -> dict[str, Any]:
        answer = await self.http.post(f"/bot{token}/{method}", data=fields, files=files)
        body: dict[str, Any] = answer.json()
        assert body["ok"] == (answer.status_code == 200)
        assert body["ok"] or body["error_code"] == answer.status_code
        return body


@pytest.fixture
async def client() -> AsyncIterator[Client]:
    async with (
        bot_api(token=TOKEN, chats=["1000", "-1001", "@news"], limit_bytes=LIMIT_BYTES) as running,
        httpx.AsyncClient(base_url=running.url) as http,
    ):
        yield Client(running, http)


def _video(data: bytes | None = None) -> dict[str, Any]:
    return {"video": ("clip.mp4", mp4_clip() if data is None else data, "video/mp4")}


async def test_get_me(client: Client) -> None:
    """The bot knows itself; a wrong token is 401."""
    assert (await client.call("getMe"))["result"]["is_bot"]
    assert (await client.call("getMe", token="1:wrong"))["description"] == "Unauthorized"


async def test_unknown_method(client: Client) -> None:
    """404, as the real one says it."""
    assert await client.call("sendNothing") == {"ok": False, "error_code": 404, "description": "Not Found"}


@pytest.mark.parametrize(
    ("fields", "description"),
    [
        ({"chat_id": "5", "text": "x"}, "Bad Request: chat not found"),
        ({"text": "x"}, "Bad Request: chat_id is empty"),
        ({"chat_id": "1000", "text": " "}, "Bad Request: message text is empty"),
        ({"chat_id": "1000", "text": "🎬" * 2048 + "a"}, "Bad Request: message is too long"),
        ({"chat_id": "1000", "text": "<b>x", "parse_mode": "HTML"}, "Bad Request: can't parse entities"),
        ({"chat_id": "1000", "text": "a < b", "parse_mode": "HTML"}, "Bad Request: can't parse entities"),
        ({"chat_id": "1000", "text": "<video>x</video>", "parse_mode": "HTML"}, "Bad Request: can't parse entities"),
        ({"chat_id": "1000", "text": "a.b", "parse_mode": "MarkdownV2"}, "Bad Request: can't parse entities"),
        ({"chat_id": "1000", "text": "*a", "parse_mode": "Markdown"}, "Bad Request: can't parse entities"),
        ({"chat_id": "1000", "text": "a", "parse_mode": "RTF"}, "Bad Request: unsupported parse_mode"),
    ],
)
async def test_bad_text(client: Client, fields: dict[str, str], description: str) -> None:
    """Each mistake has Telegram's sentence, and nothing is kept."""
    answer = await client.call("sendMessage", **fields)

    assert answer["error_code"] == 400
    assert answer["description"].startswith(description)
    assert len(client.running.messages) == 0


@pytest.mark.parametrize(
    ("text", "parse_mode"),
    [
        ("a < b & *c", ""),
        ('<b>x <i>y</i></b> <a href="http://x">z</a>', "HTML"),
        (r"*a* _b_ a\.b `x.y` [t](http://a.b)", "MarkdownV2"),
    ],
)
async def test_good_text(client: Client, text: str, parse_mode: str) -> None:
    """Well-formed text is accepted; ids rise per chat."""
    first = await client.call("sendMessage", chat_id="1000", text=text, parse_mode=parse_mode)
    second = await client.call("sendMessage", chat_id="1000", text=text, parse_mode=parse_mode)

    assert (first["result"]["message_id"], second["result"]["message_id"]) == (1, 2)
    assert first["result"]["chat"]["id"] == 1000


async def test_edit(client: Client) -> None:
    """A text can be changed, not into itself, and not one that is not there."""
    await client.call("sendMessage", chat_id="1000", text="one")

    edited = await client.call("editMessageText", chat_id="1000", message_id="1", text="two")
    same = await client.call("editMessageText", chat_id="1000", message_id="1", text="two")
    none = await client.call("editMessageText", chat_id="1000", message_id="9", text="two")

    assert edited["result"]["text"] == "two"
    assert same["description"] == "Bad Request: message is not modified"
    assert none["description"] == "Bad Request: message to edit not found"
    assert client.running.messages[0].fields["text"] == "two"


async def test_video_is_answered_as_telegram_does(client: Client) -> None:
    """The answer holds what was told about the video, and ids to use it again."""
    files = {**_video(), "thumbnail": ("t.jpg", jpeg(), "image/jpeg")}
    answer = await client.call("sendVideo", files=files, chat_id="-1001", width=160, height=90, duration=1, caption="c")

    video = answer["result"]["video"]
    assert (video["width"], video["height"], video["duration"]) == (160, 90, 1)
    assert video["file_size"] == len(mp4_clip())
    assert (video["thumbnail"]["width"], video["thumbnail"]["height"]) == (320, 180)
    assert answer["result"]["caption"] == "c"
    again = await client.call("sendVideo", chat_id="1000", video=video["file_id"])
    assert again["ok"]


@pytest.mark.parametrize(
    ("files", "description"),
    [
        ({}, "there is no video in the request"),
        (_video(b""), "file must be non-empty"),
        (_video(bytes(5000)), "wrong file"),
        (_video(mp4_clip()[:-2000]), "wrong file"),
        ({**_video(), "thumbnail": ("t.png", b"\x89PNG\r\n\x1a\n", "image/png")}, "thumbnail is not a JPEG"),
        ({**_video(), "thumbnail": ("t.jpg", jpeg(width=321), "image/jpeg")}, "thumbnail is too large: 321x180"),
        ({**_video(), "thumbnail": ("t.jpg", jpeg() + bytes(200_000), "image/jpeg")}, "thumbnail is too big"),
    ],
)
async def test_bad_video(client: Client, files: Any, description: str) -> None:
    """Media that does not play to its end, or a thumbnail that Telegram would drop, is refused."""
    answer = await client.call("sendVideo", files=files, chat_id="1000")

    assert answer["error_code"] in {400, 413}
    assert description in answer["description"] or answer["error_code"] == 413
    assert len(client.running.messages) == 0


async def test_index_at_the_end_is_seen(client: Client) -> None:
    """A clip that plays only once it is loaded is accepted, and marked."""
    await client.call("sendVideo", files=_video(mp4_clip(is_faststart=False)), chat_id="1000")
    await client.call("sendVideo", files=_video(), chat_id="1000")

    late, early = client.running.messages
    assert (late.as_json()["file"]["moov_before_mdat"], early.as_json()["file"]["moov_before_mdat"]) == (False, True)


async def test_the_limit_is_exact(client: Client) -> None:
    """As many bytes of the file as the limit are accepted, one more is 413; so is a body far above, at once."""
    sizes = (LIMIT_BYTES, LIMIT_BYTES + 1, LIMIT_BYTES + 2_000_000)
    answers = [await client.call("sendVideo", files=_video(padded(mp4_clip(), size)), chat_id="1000") for size in sizes]

    assert [answer.get("error_code", 200) for answer in answers] == [200, 413, 413]
    assert answers[1]["description"] == "Request Entity Too Large"


async def test_caption_limit_counts_utf16_units(client: Client) -> None:
    """1,024 units pass, 1,025 do not."""
    fits = await client.call("sendVideo", files=_video(), chat_id="1000", caption="🎬" * 512)
    over = await client.call("sendVideo", files=_video(), chat_id="1000", caption="🎬" * 512 + "a")

    assert fits["ok"]
    assert over["description"] == "Bad Request: message caption is too long"


@pytest.mark.parametrize("missing_bytes", [1, 4, 60, 2000])
async def test_body_shorter_than_its_length_is_not_accepted(client: Client, missing_bytes: int) -> None:
    """A body that is cut before its announced end leaves no message, however little is missing."""
    await _send_raw(client, cut_bytes=missing_bytes, announced_bytes=0)

    assert len(client.running.messages) == 0


@pytest.mark.parametrize("announced_bytes", [-3, -4, -30, -2000])
async def test_body_longer_than_its_length_is_not_accepted(client: Client, announced_bytes: int) -> None:
    """A length that leaves out the closing boundary is refused."""
    answer = await _send_raw(client, cut_bytes=0, announced_bytes=announced_bytes)

    assert b" 400 " in answer.partition(b"\r\n")[0]
    assert len(client.running.messages) == 0


async def _send_raw(client: Client, *, cut_bytes: int, announced_bytes: int) -> bytes:
    request = httpx.Request("POST", "http://x/", data={"chat_id": "1000"}, files=_video())
    body = request.read()
    head = (
        f"POST /bot{TOKEN}/sendVideo HTTP/1.1\r\nHost: x\r\nConnection: close\r\n"
        f"Content-Type: {request.headers['content-type']}\r\nContent-Length: {len(body) + announced_bytes}\r\n\r\n"
    )
    url = urlsplit(client.running.url)
    reader, writer = await asyncio.open_connection(url.hostname, url.port)
    writer.write(head.encode() + body[: len(body) - cut_bytes])
    if cut_bytes:
        writer.write_eof()
    try:
        return await reader.read()
    finally:
        writer.close()
        await writer.wait_closed()


async def test_faults_strike_as_often_as_told(client: Client) -> None:
    """A fault is for its method and chat, for so many requests, and is counted."""
    script = [{"kind": "flood", "method": "sendMessage", "chat_id": "1000", "times": 2, "retry_after": 9}]
    posted = await client.http.post("/sandbox/faults", json=script)

    codes = [
        (await client.call("sendMessage", chat_id=chat, text="x")).get("error_code", 200)
        for chat in ("-1001", "1000", "1000", "1000")
    ]

    assert posted.status_code == 200
    assert codes == [200, 429, 429, 200]
    shown = (await client.http.get("/sandbox/faults")).json()
    assert shown == {"waiting": [], "requests": {"sendMessage": 4}, "struck": {"flood": 2}}


async def test_bad_fault_is_refused(client: Client) -> None:
    """A script with a mistake is not half taken."""
    answer = await client.http.post("/sandbox/faults", json=[{"kind": "flood"}, {"kind": "earthquake"}])

    assert answer.status_code == 400
    assert "earthquake" in answer.json()["error"]
    assert client.running.faults.as_json()["waiting"] == []


async def test_no_answer_keeps_the_message(client: Client) -> None:
    """The stand-in accepts and says nothing: what a lost answer looks like."""
    client.running.faults.add(Fault(kind="no_answer"))

    with pytest.raises(httpx.ReadTimeout):
        await client.http.post(f"/bot{TOKEN}/sendMessage", data={"chat_id": "1000", "text": "x"}, timeout=0.2)

    async def is_kept() -> bool:
        return len(client.running.messages) == 1

    await eventually(is_kept, what="the message is kept")


async def test_port_in_use(client: Client) -> None:
    """One clear line."""
    port = urlsplit(client.running.url).port
    assert port is not None

    with pytest.raises(StartError, match=f"127.0.0.1:{port}"):
        async with bot_api(port=port, token=TOKEN, chats=["1"]):
            pass


def test_inbox_is_bounded() -> None:
    """The newest messages are kept, and ids go on rising after the others went."""
    inbox = Inbox(keep_count=3)

    for _ in range(5):
        inbox.add(method="sendMessage", chat_id=1, fields={}, file=None, received_at_ms=0)

    assert [message.message_id for message in inbox] == [3, 4, 5]
