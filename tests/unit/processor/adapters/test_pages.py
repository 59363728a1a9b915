"""What a person reads of a page: its title as a browser shows it, and what to do when it answers with no video."""

from collections.abc import AsyncIterator

import pytest

from services.chassis.errors import Reason
from services.processor.adapters.egress import open_egress
from services.processor.adapters.limits import DownloadLimits
from services.processor.adapters.nursery import Nursery
from services.processor.adapters.ytdlp import YtdlpDownloader
from services.processor.core.run import FetchRequest
from tests.fakes.clips import mp4_clip
from tests.fakes.downloads import failure
from tests.fakes.odd_site import OddSite, page, ranged


@pytest.fixture
async def downloader(odd: OddSite, shared_nursery: Nursery) -> AsyncIterator[YtdlpDownloader]:
    async with open_egress(frozenset({odd.address})) as egress:
        yield YtdlpDownloader(shared_nursery, egress, DownloadLimits(stall_s=20, socket_timeout_s=5))


@pytest.mark.parametrize(
    ("head", "videos", "title"),
    [
        ("<title>A <b>bold</b> page</title>", ["/c.mp4"], "A bold page"),
        ("<title>\ufeff\u200b</title>", ["/c.mp4"], ""),
        ("<title>\u202eA page\u202c</title>", ["/c.mp4"], "A page"),
        ("<title>A page</title>", ["/c.mp4", "/c.mp4?2"], "A page"),
        ("<title>Part (1)</title>", ["/c.mp4", "/c.mp4?2"], "Part (1)"),
    ],
)
async def test_a_title_is_what_a_reader_sees(
    downloader: YtdlpDownloader, odd: OddSite, head: str, videos: list[str], title: str
) -> None:
    """Not the number that a player gets of yt-dlp, nor what cannot be seen."""
    players = "".join(f"<video src='{video}'></video>" for video in videos)
    odd.answers = {"/": page(f"<html><head>{head}</head><body>{players}</body></html>"), "/c.mp4": ranged(mp4_clip())}

    async with downloader.fetch(FetchRequest(url=odd.url("/")), job_name="probes/1") as opened:
        found = await opened.extract()

    assert found.title == title


@pytest.mark.parametrize(
    ("status", "reason", "words"),
    [
        (401, Reason.AUTH_REQUIRED, "sign-in"),
        (402, Reason.AUTH_REQUIRED, "payment"),
        (403, Reason.AUTH_REQUIRED, "copy it anew"),
        (404, Reason.GONE, "browser"),
        (410, Reason.GONE, "another site"),
        (429, Reason.RATE_LIMITED, "later"),
        (451, Reason.GEO_BLOCKED, "another site"),
        (418, Reason.SITE_UNREACHABLE, "browser"),
        (503, Reason.SITE_UNREACHABLE, "later"),
    ],
)
async def test_every_status_says_what_can_be_done(
    downloader: YtdlpDownloader, odd: OddSite, status: int, reason: Reason, words: str
) -> None:
    """And which yt-dlp it was that asked."""
    odd.answers = {"/": page("<html>secret</html>", status=f"{status} Odd")}

    error = await failure(downloader, FetchRequest(url=odd.url("/")))

    assert error.reason is reason
    assert error.message.startswith(f"The site answered HTTP {status}: ")
    assert words in error.message
    assert "secret" not in error.message
    assert error.metadata["ytdlp_version"] == downloader.version


@pytest.mark.parametrize("target", ["file:///etc/passwd", "gopher://8.8.8.8/x"])
async def test_a_redirect_out_of_the_web_is_refused_as_such(
    downloader: YtdlpDownloader, odd: OddSite, target: str
) -> None:
    odd.answers = {"/": page(b"", f"Location: {target}", status="302 Found")}

    error = await failure(downloader, FetchRequest(url=odd.url("/")))

    assert error.reason is Reason.EGRESS_DENIED


async def test_of_a_video_in_several_types_the_mp4_is_taken(downloader: YtdlpDownloader, odd: OddSite) -> None:
    """Open Graph names one video in several types, in any order; others than the first one stay where they are."""
    named = "".join(f'<meta property="og:video" content="{path}">' for path in ("/a.webm", "/b.mp4", "/a.mp4"))
    odd.answers = {"/": page(f"<html><head><title>T</title>{named}</head></html>")}
    odd.answers |= {path: ranged(mp4_clip()) for path in ("/a.webm", "/b.mp4", "/a.mp4")}

    async with downloader.fetch(FetchRequest(url=odd.url("/")), job_name="probes/1") as opened:
        await opened.extract()

    assert "/a.mp4" in odd.paths()
    assert "/a.webm" not in odd.paths()
    assert "/b.mp4" not in odd.paths()
