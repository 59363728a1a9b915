"""What a site may try to reach through us: a second server stands for everything private, and hears nothing.

By yt-dlp's own downloaders and by ffmpeg, at every hop and in every address of a page, a playlist or a manifest.
"""

import asyncio
import os
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from services.chassis.errors import ClipferryError, Reason
from services.processor.adapters.egress import open_egress
from services.processor.adapters.limits import DownloadLimits
from services.processor.adapters.nursery import Nursery
from services.processor.adapters.ytdlp import YtdlpDownloader
from services.processor.core.run import FetchRequest
from tests.fakes.downloads import failure, fetch, kept_files
from tests.fakes.odd_site import OddSite, hls, odd_site, page, ranged

SECRET = "INNER-SECRET"
LIMITS = DownloadLimits(stall_s=30, socket_timeout_s=3)


@pytest.fixture
async def inner() -> AsyncIterator[OddSite]:
    """A server on a private address that is not on the list."""
    async with odd_site() as running:
        yield running


@pytest.fixture
async def downloader(odd: OddSite, shared_nursery: Nursery) -> AsyncIterator[YtdlpDownloader]:
    async with open_egress(frozenset({odd.address})) as egress:
        yield YtdlpDownloader(shared_nursery, egress, LIMITS)


def moved(to: str) -> bytes:
    """Return a redirect."""
    return page(b"", f"Location: {to}", status="302 Found")


def mpd(base: str) -> bytes:
    """Return a manifest with one stream under `base`."""
    return page(
        f"""<?xml version="1.0"?><MPD xmlns="urn:mpeg:dash:schema:mpd:2011" type="static"
        mediaPresentationDuration="PT4S" profiles="urn:mpeg:dash:profile:isoff-on-demand:2011"><BaseURL>{base}</BaseURL>
        <Period><AdaptationSet mimeType="video/mp4"><Representation id="1" bandwidth="1000" width="320" height="180"
        codecs="avc1.64000d"><SegmentList duration="4"><Initialization sourceURL="i.mp4"/>
        <SegmentURL media="1.m4s"/></SegmentList></Representation></AdaptationSet></Period></MPD>""",
        kind="application/dash+xml",
    )


def ways_in(odd: OddSite, target: str, media: bytes) -> dict[str, bytes]:
    """Return pages, by path, each of which wants `target`; what they need beside them is served too."""
    odd.answers |= {
        "/hop2": moved(target),
        "/ok.ts": page(media, kind="video/mp2t"),
        "/gone.mp4": moved(target),
    }
    return {
        "/redirect": moved(target),
        "/two-hops": moved("/hop2"),
        "/player": page(f'<video src="{target}"></video>'),
        "/players-redirect": page('<video src="/gone.mp4"></video>'),
        "/og": page(f'<meta property="og:video" content="{target}">'),
        "/refresh": page(f'<meta http-equiv="refresh" content="0; url={target}">'),
        "/variant.m3u8": hls("#EXT-X-STREAM-INF:BANDWIDTH=100000", target),
        "/segment.m3u8": hls("#EXTINF:4,", target),
        "/second-segment.m3u8": hls("#EXTINF:4,", "ok.ts", "#EXTINF:4,", target),
        "/segment-redirect.m3u8": hls("#EXTINF:4,", "hop2"),
        "/key.m3u8": hls(f'#EXT-X-KEY:METHOD=AES-128,URI="{target}"', "#EXTINF:4,", "ok.ts"),
        "/map.m3u8": hls(f'#EXT-X-MAP:URI="{target}"', "#EXTINF:4,", "ok.ts"),
        "/sound.m3u8": hls(
            f'#EXT-X-MEDIA:TYPE=AUDIO,GROUP-ID="a",NAME="a",DEFAULT=YES,URI="{target}"',
            '#EXT-X-STREAM-INF:BANDWIDTH=100000,CODECS="avc1.64000d,mp4a.40.2",AUDIO="a"',
            "second-segment.m3u8",
        ),
        "/base.mpd": mpd(f"{target}/"),
    }


async def test_nothing_private_is_reached_by_any_address_of_a_page(
    downloader: YtdlpDownloader, odd: OddSite, inner: OddSite, media_dir: Path, shared_nursery: Nursery
) -> None:
    """One refusal for all of them; whoever sent the page learns nothing of what is there."""
    media = (media_dir / "hls" / "index0.ts").read_bytes()
    target = inner.url("/secret.ts")
    inner.answers["/secret.ts"] = page(SECRET)
    for path, answer in ways_in(odd, target, media).items():
        odd.answers[path] = answer
        error = await failure(downloader, FetchRequest(url=odd.url(path)))
        assert error.reason is Reason.EGRESS_DENIED, (path, error)
        assert SECRET not in error.message + str(error.metadata), path
        assert str(inner.port) not in error.message + str(error.metadata), path
    assert inner.asked == []
    assert not kept_files(shared_nursery)


@pytest.mark.parametrize(
    "target", ["file:///etc/passwd", "ftp://8.8.8.8/x", "gopher://8.8.8.8/x", "concat:/etc/passwd"]
)
async def test_nothing_but_the_web_is_read(
    downloader: YtdlpDownloader, odd: OddSite, media_dir: Path, target: str
) -> None:
    """No local file and no other protocol, whatever holds the address; and nothing of a file is told."""
    media = (media_dir / "hls" / "index0.ts").read_bytes()
    for path, answer in ways_in(odd, target, media).items():
        odd.answers[path] = answer
        error = await failure(downloader, FetchRequest(url=odd.url(path)))
        assert "root:" not in error.message, path
        assert error.reason in {
            *(Reason.EGRESS_DENIED, Reason.NO_VIDEO, Reason.INCOMPLETE, Reason.SITE_UNSUPPORTED),
            *(Reason.SITE_UNREACHABLE, Reason.GONE, Reason.UNPLAYABLE),
        }, (path, error)


async def test_a_recording_by_ffmpeg_reaches_nothing_private(
    odd: OddSite, inner: OddSite, media_dir: Path, shared_nursery: Nursery
) -> None:
    """The same way out, also for pieces and keys; and no file is opened for a site."""
    odd.answers["/ok.ts"] = page((media_dir / "hls" / "index0.ts").read_bytes(), kind="video/mp2t")
    odd.answers["/hop"] = moved(inner.url("/x.ts"))
    for number, lines in enumerate(
        (
            ("#EXTINF:4,", inner.url("/x.ts")),
            ("#EXTINF:4,", "hop"),
            ("#EXTINF:4,", "file:///etc/passwd"),
            (f'#EXT-X-KEY:METHOD=AES-128,URI="{inner.url("/key")}"', "#EXTINF:4,", "ok.ts"),
        )
    ):
        path = f"/live{number}.m3u8"
        odd.answers[path] = hls(*lines, is_live=True)
        async with open_egress(frozenset({odd.address})) as egress:
            downloader = YtdlpDownloader(shared_nursery, egress, DownloadLimits(stall_s=2, socket_timeout_s=3))
            error = await failure(downloader, FetchRequest(url=odd.url(path), allow_live=True))
        assert error.reason in {Reason.EGRESS_DENIED, Reason.INCOMPLETE, Reason.STALLED, Reason.UNPLAYABLE}, error
        assert SECRET not in error.message
    assert inner.asked == []


async def test_a_name_is_looked_up_once_and_that_address_is_reached(
    odd: OddSite, shared_nursery: Nursery, media_dir: Path
) -> None:
    """So a name that changes its answer between check and connection gains nothing.

    One that was public before, and is private now, is refused; nobody remembers what was true a moment ago.
    """
    looked_up: list[str] = []

    async def resolve(host: str, _port: int) -> list[str]:
        looked_up.append(host)
        return ["10.0.0.7"] if host == "rebound.example" else ["127.0.0.1"]

    odd.answers["/clip.mp4"] = ranged((media_dir / "clip.mp4").read_bytes())
    odd.answers["/page"] = page(f'<video src="http://rebound.example:{odd.port}/clip.mp4"></video>')
    async with open_egress(frozenset({("site.example", odd.port)}), resolve) as egress:
        downloader = YtdlpDownloader(shared_nursery, egress, LIMITS)
        _, _, file = await fetch(downloader, FetchRequest(url=f"http://site.example:{odd.port}/clip.mp4"))
        os.close(file.fd)
        assert len(looked_up) == len(odd.asked)
        error = await failure(downloader, FetchRequest(url=f"http://site.example:{odd.port}/page"))
    assert error.reason is Reason.EGRESS_DENIED
    assert len(odd.asked) == looked_up.count("site.example")


DISGUISES = {
    "playlist": "#EXTM3U\n#EXT-X-TARGETDURATION:4\n#EXTINF:4,\nfile:///etc/passwd\n#EXT-X-ENDLIST\n",
    "concat": "ffconcat version 1.0\nfile /etc/passwd\n",
    "manifest": "<?xml version='1.0'?><MPD><Period><BaseURL>file:///etc/</BaseURL></Period></MPD>",
    "svg": "<svg xmlns='http://www.w3.org/2000/svg'><image href='file:///etc/passwd'/></svg>",
}


@pytest.mark.parametrize("kind", DISGUISES)
async def test_a_text_in_the_dress_of_media_opens_nothing(
    downloader: YtdlpDownloader, odd: OddSite, inner: OddSite, kind: str
) -> None:
    """As a file, and as a piece of a stream: ffmpeg never gets to see it."""
    text = DISGUISES[kind].replace("file:///etc/passwd", inner.url("/x"))
    odd.answers |= {
        "/clip.mp4": page(text, kind="video/mp4"),
        "/page": page('<video src="/clip.mp4"></video>'),
        "/index.m3u8": hls("#EXTINF:4,", "clip.mp4"),
    }
    for path in ("/page", "/index.m3u8"):
        error = await failure(downloader, FetchRequest(url=odd.url(path)))
        assert error.reason in {Reason.UNPLAYABLE, Reason.INCOMPLETE, Reason.NO_VIDEO, Reason.EGRESS_DENIED}, error
        assert text[:20] not in error.message
    assert inner.asked == []


async def test_what_is_no_address_of_the_web_is_refused_before_anything_runs(downloader: YtdlpDownloader) -> None:
    for url in ("ftp://x/", "file:///etc/passwd", "data:text/html,x", "http://", "javascript:1", "//x/", "chrome://x/"):
        with pytest.raises(ClipferryError) as refused:
            async with asyncio.timeout(10), downloader.fetch(FetchRequest(url=url), job_name="jobs/1") as opened:
                await opened.extract()
        assert refused.value.reason in {Reason.EGRESS_DENIED, Reason.SITE_UNSUPPORTED, Reason.NO_VIDEO}, url
