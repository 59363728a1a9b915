"""The picture that a look at a page brings: the site's, made small, by real yt-dlp and ffmpeg, or none."""

import asyncio
import io
import random
from collections.abc import AsyncIterator

import pytest
from PIL import Image

from services.processor.adapters.egress import open_egress
from services.processor.adapters.limits import DownloadLimits
from services.processor.adapters.nursery import Nursery
from services.processor.adapters.ytdlp import YtdlpDownloader
from services.processor.core.plan import Fit, Limits
from services.processor.core.probe import Probed, Prober
from services.processor.core.run import FetchRequest
from tests.fakes.odd_site import OddSite, page, ranged
from tests.fakes.shaped_media import AAC, H264, made, picture, sound

CLIP = made(*picture("640x360"), *sound(), *H264, *AAC)
LIMITS = Limits(video_bytes=50_000_000, total_bytes=200_000_000, telegram_bytes=50_000_000)


@pytest.fixture
async def downloader(odd: OddSite, shared_nursery: Nursery) -> AsyncIterator[YtdlpDownloader]:
    async with open_egress(frozenset({odd.address})) as egress:
        yield YtdlpDownloader(shared_nursery, egress, DownloadLimits(stall_s=20, socket_timeout_s=5))


async def look(downloader: YtdlpDownloader, odd: OddSite, image: str, *, timeout_s: float = 30) -> Probed:
    """Look at a page with a video, whose head names `image`."""
    head = f"<title>T</title><meta property='og:image' content='{image}'>"
    odd.answers |= {"/": page(f"<html>{head}<video src='/clip.mp4'></video>"), "/clip.mp4": ranged(CLIP)}
    prober = Prober(downloader, LIMITS, slots=1, wait_s=1, timeout_s=timeout_s)
    return await prober.probe(FetchRequest(url=odd.url("/")))


def drawn(image: Image.Image, kind: str) -> bytes:
    target = io.BytesIO()
    image.save(target, kind)
    return target.getvalue()


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP"])
async def test_the_sites_picture_made_small(downloader: YtdlpDownloader, odd: OddSite, kind: str) -> None:
    """Whatever it is, and whatever the site calls it, what is shown is a small JPEG of ours."""
    odd.answers = {"/picture": page(drawn(Image.new("RGB", (1600, 900), "teal"), kind), kind="text/plain")}

    seen = await look(downloader, odd, odd.url("/picture"))

    shown = Image.open(io.BytesIO(seen.thumbnail))
    assert (shown.format, shown.size) == ("JPEG", (320, 180))
    red, green, blue = shown.convert("RGB").getpixel((160, 90))  # type: ignore[misc]
    assert (red, green, blue) == pytest.approx((0, 128, 128), abs=12)
    assert (seen.found.title, seen.plan.fit) == ("T", Fit.AS_IS)


async def test_it_is_never_large(downloader: YtdlpDownloader, odd: OddSite) -> None:
    """Also of what cannot be made small by any picture format."""
    noise = Image.frombytes("RGB", (640, 640), random.Random(7).randbytes(640 * 640 * 3))
    odd.answers = {"/picture": page(drawn(noise, "PNG"), kind="image/png")}

    assert len((await look(downloader, odd, odd.url("/picture"))).thumbnail) <= 65_536


@pytest.mark.parametrize("bad", [b"", b"<html>", b"\x89PNG" + bytes(100), b"\xff\xd8\xff" * 3_000_000])
async def test_a_bad_picture_is_none(downloader: YtdlpDownloader, odd: OddSite, bad: bytes) -> None:
    odd.answers = {"/picture": page(bad, kind="image/png")}

    seen = await look(downloader, odd, odd.url("/picture"))

    assert (seen.thumbnail, seen.found.title) == (b"", "T")


@pytest.mark.parametrize("image", ["", "http://169.254.169.254/latest/picture.png", "file:///etc/passwd"])
async def test_a_picture_that_may_not_be_had(downloader: YtdlpDownloader, odd: OddSite, image: str) -> None:
    """It goes by the same rules as everything else that is fetched, and the page is shown without it."""
    seen = await look(downloader, odd, image)

    assert (seen.thumbnail, seen.found.title) == (b"", "T")


async def test_a_picture_without_end(downloader: YtdlpDownloader, odd: OddSite) -> None:
    """A byte now and then, for ever: the page is shown when its time is over, and nobody reads on."""
    head = b"HTTP/1.1 200 OK\r\nContent-Type: image/png\r\nConnection: close\r\n\r\n"
    odd.answers = {"/picture": odd.endless(head, b"\x89", pause_s=0.01)}

    seen = await look(downloader, odd, odd.url("/picture"), timeout_s=8)

    assert (seen.thumbnail, seen.found.title) == (b"", "T")
    async with asyncio.timeout(20):
        await odd.cut.wait()
