"""The sample site keeps its promises: what it says of its media is true, and its odd ways of serving are odd."""

import asyncio
import hashlib
from collections.abc import AsyncIterator
from functools import partial
from pathlib import Path

import httpx
import pytest

from sandbox.site import SampleSite, sample_site
from sandbox.site.ffmpeg import ffmpeg
from sandbox.site.media import FRAMES_HASH, FRAMES_HASH_OUTPUT, Media, frames_hash, make_media, mp4_box
from tests.fakes.eventually import eventually


@pytest.fixture(scope="module")
def media() -> Media:
    return asyncio.run(make_media())


@pytest.fixture
async def site(media: Media) -> AsyncIterator[SampleSite]:
    async with sample_site(media=media) as site:
        yield site


@pytest.fixture
async def client(site: SampleSite) -> AsyncIterator[httpx.AsyncClient]:
    async with httpx.AsyncClient(base_url=site.url, timeout=10, trust_env=False) as client:
        yield client


async def test_every_sample_answers(client: httpx.AsyncClient) -> None:
    """Each address of the list is there, but the one that says it is gone."""
    samples = (await client.get("/samples.json")).json()["samples"]
    assert len(samples) > 15
    for sample in samples:
        async with client.stream("GET", sample["path"], follow_redirects=True) as answer:
            assert answer.status_code == (404 if sample["reason"] == "GONE" else 200), sample["path"]


async def test_the_index_page_links_every_sample(client: httpx.AsyncClient) -> None:
    page = (await client.get("/")).text
    for sample in (await client.get("/samples.json")).json()["samples"]:
        assert f'href="{sample["path"]}"' in page


async def test_the_clip_has_its_index_at_the_end(media: Media) -> None:
    """`moov` after `mdat`, so that somebody has to move it."""
    assert media.clip.index(b"mdat") < media.clip.index(b"moov")
    assert hashlib.sha256(mp4_box(media.clip, b"mdat")).hexdigest() == media.mdat_sha256


@pytest.mark.parametrize(
    "path",
    [
        "media/hls/index.m3u8",
        "media/hls-audio/index.m3u8",
        "media/hls-fmp4/index.m3u8",
        "media/hls-aes/index.m3u8",
        "media/dash/index.mpd",
        "media/rotated.mp4",
        "redirect/3/media/clip.mp4",
    ],
)
async def test_every_shape_holds_the_same_pictures(site: SampleSite, tmp_path: Path, path: str) -> None:
    """A player that follows any of the shapes decodes the clip's pictures, each of them."""
    source = ("-allowed_extensions", "ALL") if path.endswith("m3u8") else ()
    output = await ffmpeg(*source, *FRAMES_HASH, "-i", f"{site.url}/{path}", *FRAMES_HASH_OUTPUT, cwd=tmp_path)
    assert frames_hash(output) == site.media.frames_sha256


async def test_ranges(client: httpx.AsyncClient, media: Media) -> None:
    """A range is answered with itself, a suffix with the end, nonsense with 416."""
    middle = await client.get("/media/clip.mp4", headers={"Range": "bytes=100-199"})
    assert (middle.status_code, middle.content) == (206, media.clip[100:200])
    assert middle.headers["Content-Range"] == f"bytes 100-199/{len(media.clip)}"
    suffix = await client.get("/media/clip.mp4", headers={"Range": "bytes=-10"})
    assert suffix.content == media.clip[-10:]
    beyond = await client.get("/media/clip.mp4", headers={"Range": f"bytes={len(media.clip)}-"})
    assert beyond.status_code == 416


async def test_chunked_says_no_length(client: httpx.AsyncClient, media: Media) -> None:
    answer = await client.get("/chunked/clip.mp4")
    assert "Content-Length" not in answer.headers
    assert answer.content == media.clip


async def test_throttled_takes_its_time(client: httpx.AsyncClient, media: Media) -> None:
    """5 MB/s for 2.6 MB is half a second, however fast the client."""
    loop = asyncio.get_running_loop()
    start_s = loop.time()
    answer = await client.get("/throttled/5000/clip.mp4")
    assert answer.content == media.clip
    assert 0.4 < loop.time() - start_s < 5


async def test_a_gate_holds_the_second_half(client: httpx.AsyncClient, site: SampleSite) -> None:
    """Half of the file comes, the rest once somebody opens the gate."""
    path, half = "/gated/morning/clip.mp4", len(site.media.clip) // 2
    async with client.stream("GET", path) as answer:
        got = 0
        async for piece in answer.aiter_raw():
            got += len(piece)
            if got == half:
                assert (await client.post("/gates/morning")).status_code == 204
    assert got == len(site.media.clip)


async def test_the_site_notices_who_leaves(client: httpx.AsyncClient, site: SampleSite) -> None:
    """A client that goes away from a stalled or an endless answer ends it."""
    for path in ("/stalled.mp4", "/endless.mp4"):
        async with client.stream("GET", path) as answer:
            await anext(answer.aiter_raw())
            assert site.traffic.open[path] == 1
        await eventually(partial(_is_left, site, path), what=f"{path} ends")
        assert 0 < site.traffic.bytes_sent[path] < 10_000_000


async def _is_left(site: SampleSite, path: str) -> bool:
    return site.traffic.open[path] == 0


async def test_the_huge_file_announces_itself(client: httpx.AsyncClient) -> None:
    async with client.stream("GET", "/huge.mp4") as answer:
        assert answer.headers["Content-Length"] == "60000000"
    async with client.stream("GET", "/huge-chunked.mp4") as answer:
        assert "Content-Length" not in answer.headers
