"""The page of the Bot API stand-in, and what it is made of."""

from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest

from sandbox.botapi.server import bot_api
from tests.fakes.clips import jpeg, mp4_clip

TOKEN = "123456789:AAH-a-token-for-tests-and-nothing-else"


@pytest.fixture
async def http() -> AsyncIterator[httpx.AsyncClient]:
    async with (
        bot_api(token=TOKEN, chats=["1000"]) as running,
        httpx.AsyncClient(base_url=running.url) as client,
    ):
        yield client


async def _send(http: httpx.AsyncClient) -> dict[str, Any]:
    files = {"video": ("clip.mp4", mp4_clip(), "video/mp4"), "attached1": ("t.jpg", jpeg(), "image/jpeg")}
    fields = {"chat_id": "1000", "thumbnail": "attach://attached1"}
    (await http.post(f"/bot{TOKEN}/sendVideo", data=fields, files=files)).raise_for_status()
    shown: dict[str, Any] = (await http.get("/sandbox/messages")).json()["messages"][-1]
    return shown


async def test_video_plays_by_ranges(http: httpx.AsyncClient) -> None:
    """A player can seek: whole, part, open end, suffix, and beyond the end."""
    url = (await _send(http))["file"]["url"]
    clip = mp4_clip()

    whole = await http.get(url)
    assert (whole.status_code, whole.content, whole.headers["content-type"]) == (200, clip, "video/mp4")
    for asked, expected in (("bytes=0-99", clip[:100]), ("bytes=100-", clip[100:]), ("bytes=-50", clip[-50:])):
        part = await http.get(url, headers={"Range": asked})
        assert (part.status_code, part.content) == (206, expected)
        assert part.headers["content-range"].endswith(f"/{len(clip)}")
    beyond = await http.get(url, headers={"Range": f"bytes={len(clip)}-"})
    assert beyond.status_code == 416


async def test_thumbnail_is_shown(http: httpx.AsyncClient) -> None:
    """The JPEG that came is the video's poster."""
    message = await _send(http)

    picture = await http.get(f"/thumbnail/{message['number']}")

    assert jpeg() == picture.content


@pytest.mark.parametrize("path", ["/", "/page.css", "/page.js", "/icon.svg"])
async def test_page_needs_no_other_host(http: httpx.AsyncClient, path: str) -> None:
    """Every file of the page is served here and names no other host."""
    answer = await http.get(path)

    assert answer.status_code == 200
    assert "default-src 'self'" in answer.headers["content-security-policy"]
    assert "https://" not in answer.text
    assert answer.text.replace("http://www.w3.org/2000/svg", "").count("http://") == 0


async def test_messages_can_be_forgotten(http: httpx.AsyncClient) -> None:
    """DELETE empties the list; what was shown is gone."""
    url = (await _send(http))["file"]["url"]

    assert (await http.delete("/sandbox/messages")).status_code == 204

    assert (await http.get("/sandbox/messages")).json() == {"messages": []}
    assert (await http.get(url)).status_code == 404
