"""Pages and files that are made to use up whoever looks at them: each ends within its limits, the next job works."""

import asyncio
import os
import zlib
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path

import pytest

from services.chassis.errors import ClipferryError, Reason
from services.processor.adapters.egress import open_egress
from services.processor.adapters.limits import DownloadLimits
from services.processor.adapters.nursery import Nursery
from services.processor.adapters.ytdlp import YtdlpDownloader
from services.processor.core.run import FetchRequest
from tests.fakes.downloads import HANGS_UP_WITHIN_S, children, failure, fetch, kept_files, opened_path
from tests.fakes.odd_site import OddSite, hls, page
from tests.fakes.site_media import decoded_seconds

MIB = 1024 * 1024
LIMITS = DownloadLimits(
    stall_s=20, socket_timeout_s=5, cpu_s=3, data_bytes=256 * MIB, page_bytes=8 * MIB, page_s=20, fragments_at_once=2
)
HTML = b"HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nConnection: close\r\n\r\n"


@pytest.fixture
async def downloader(odd: OddSite, shared_nursery: Nursery) -> AsyncIterator[YtdlpDownloader]:
    async with open_egress(frozenset({odd.address})) as egress:
        yield YtdlpDownloader(shared_nursery, egress, LIMITS)


@pytest.fixture
async def ended(
    downloader: YtdlpDownloader, odd: OddSite, shared_nursery: Nursery, media_dir: Path
) -> AsyncIterator[Callable[[str], Awaitable[ClipferryError]]]:
    """Download what cannot be, in time; then nothing is left, and the next job works."""

    async def run(path: str) -> ClipferryError:
        async with asyncio.timeout(60):
            error = await failure(downloader, FetchRequest(url=odd.url(path)))
        assert not children()
        assert not kept_files(shared_nursery)
        return error

    yield run
    odd.answers["/good.mp4"] = page((media_dir / "clip.mp4").read_bytes(), kind="video/mp4")
    await arrives(downloader, odd.url("/good.mp4"))


async def arrives(downloader: YtdlpDownloader, url: str) -> None:
    _, _, file = await fetch(downloader, FetchRequest(url=url))
    try:
        assert decoded_seconds(opened_path(file)) == pytest.approx(4, abs=0.1)
    finally:
        os.close(file.fd)


Ended = Callable[[str], Awaitable[ClipferryError]]


def deflated_zeros(size_bytes: int) -> bytes:
    """Return a gzip file of so many zeros."""
    packer = zlib.compressobj(9, zlib.DEFLATED, 31)
    block = bytes(MIB)
    return b"".join(packer.compress(block) for _ in range(size_bytes // MIB)) + packer.flush()


async def test_a_page_without_end(odd: OddSite, ended: Ended) -> None:
    """It is hung up on at the limit, not when memory or time is gone."""
    odd.answers["/"] = odd.endless(HTML, b"<p>and so on</p>" * 4096)
    error = await ended("/")
    assert error.reason is Reason.SITE_UNSUPPORTED
    assert "larger than 8388608 bytes" in error.message
    async with asyncio.timeout(HANGS_UP_WITHIN_S):
        await odd.cut.wait()


async def test_a_page_a_byte_at_a_time(odd: OddSite, shared_nursery: Nursery) -> None:
    """Never silent for long, and never at its end: the whole look has a limit."""
    odd.answers["/"] = odd.endless(HTML, b"<", pause_s=0.05)
    async with open_egress(frozenset({odd.address})) as egress:
        limits = DownloadLimits(stall_s=20, socket_timeout_s=20, page_s=1.0)
        error = await failure(YtdlpDownloader(shared_nursery, egress, limits), FetchRequest(url=odd.url("/")))
    assert error.reason is Reason.TIMED_OUT
    assert error.metadata == {"limit_s": "1.0"}


@pytest.mark.parametrize("kind", ["text/html", "application/vnd.apple.mpegurl", "application/rss+xml"])
async def test_a_small_page_that_unpacks_to_more_than_memory(odd: OddSite, ended: Ended, kind: str) -> None:
    odd.answers["/"] = page(deflated_zeros(512 * MIB), "Content-Encoding: gzip", kind=kind)
    error = await ended("/")
    assert error.reason is Reason.SITE_UNSUPPORTED, error
    assert error.reason.retryable is False


async def test_a_page_that_takes_all_processor_time(odd: OddSite, ended: Ended) -> None:
    """A text on which regular expressions never come to an end."""
    odd.answers["/"] = page("<html>" + '<meta property="og:video" ' * 60_000 + "<script>{" * 60_000)
    error = await ended("/")
    assert error.reason in {Reason.SITE_UNSUPPORTED, Reason.NO_VIDEO}, error


async def test_circles(odd: OddSite, ended: Ended) -> None:
    """Redirects, pages, playlists and feeds that lead back to themselves."""
    odd.answers |= {
        "/redirect": page(b"", "Location: /redirect2", status="302 Found"),
        "/redirect2": page(b"", "Location: /redirect", status="302 Found"),
        "/refresh": page('<meta http-equiv="refresh" content="0; url=/refresh2">'),
        "/refresh2": page('<meta http-equiv="refresh" content="0; url=/refresh">'),
        "/master.m3u8": hls("#EXT-X-STREAM-INF:BANDWIDTH=1000", "master.m3u8"),
        "/feed": page(
            f'<?xml version="1.0"?><rss version="2.0"><channel><title>x</title><item><title>y</title>'
            f"<link>{odd.url('/feed')}</link></item></channel></rss>",
            kind="application/rss+xml",
        ),
    }
    for path in ("/redirect", "/refresh", "/master.m3u8", "/feed"):
        error = await ended(path)
        ends = {Reason.SITE_UNSUPPORTED, Reason.NO_VIDEO, Reason.INCOMPLETE, Reason.UNPLAYABLE}
        assert error.reason in ends, (path, error)
    assert len(odd.asked) < 2_000


async def test_a_playlist_without_end(odd: OddSite, ended: Ended) -> None:
    head = HTML.replace(b"text/html", b"application/vnd.apple.mpegurl") + b"#EXTM3U\n#EXT-X-TARGETDURATION:4\n"
    odd.answers["/index.m3u8"] = odd.endless(head, b"#EXTINF:4,\na.ts\n" * 4096)
    assert (await ended("/index.m3u8")).reason is Reason.SITE_UNSUPPORTED


async def test_heads_that_are_none(odd: OddSite, ended: Ended) -> None:
    """Too many fields, a field without end, a status line that is none, an answer that never begins."""
    odd.answers |= {
        "/many": b"HTTP/1.1 200 OK\r\n" + b"".join(b"X-%d: y\r\n" % n for n in range(5_000)) + b"\r\n",
        "/long": odd.endless(b"HTTP/1.1 200 OK\r\nX: ", b"y" * 65_536),
        "/none": b"\x00\x01\x02\x03" * 1000,
        "/hangs-up": b"",
    }
    for path in list(odd.answers):
        error = await ended(path)
        assert error.reason in {Reason.SITE_UNREACHABLE, Reason.SITE_UNSUPPORTED}, (path, error)


async def test_one_piece_that_is_larger_than_all_memory(odd: OddSite, ended: Ended) -> None:
    """A piece is read whole before it is written: the limit on memory is what ends it."""
    head = HTML.replace(b"text/html", b"video/mp2t")
    odd.answers |= {"/index.m3u8": hls("#EXTINF:4,", "a.ts"), "/a.ts": odd.endless(head, b"G" + bytes(MIB))}
    error = await ended("/index.m3u8")
    assert error.reason in {Reason.VIDEO_TOO_LARGE, Reason.SITE_UNSUPPORTED, Reason.INCOMPLETE}, error


async def test_thousands_of_formats(odd: OddSite, shared_nursery: Nursery, media_dir: Path) -> None:
    """They are only many: one is chosen, and arrives."""
    segments = sorted((media_dir / "hls").glob("*.ts"))
    for number, segment in enumerate(segments):
        odd.answers[f"/{number}.ts"] = page(segment.read_bytes(), kind="video/mp2t")
    odd.answers["/one.m3u8"] = hls(*(line for n in range(len(segments)) for line in ("#EXTINF:1,", f"{n}.ts")))
    lines = (f"#EXT-X-STREAM-INF:BANDWIDTH={800_000 + n},RESOLUTION=320x180\none.m3u8?{n}" for n in range(2_000))
    odd.answers["/master.m3u8"] = hls("#EXT-X-INDEPENDENT-SEGMENTS", *"\n".join(lines).split("\n"))
    async with open_egress(frozenset({odd.address})) as egress:
        await arrives(YtdlpDownloader(shared_nursery, egress, DownloadLimits()), odd.url("/master.m3u8"))
