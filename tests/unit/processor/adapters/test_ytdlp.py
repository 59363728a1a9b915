"""Downloads with real yt-dlp and ffmpeg from a site on 127.0.0.1."""

import asyncio
import os
import signal
import socket
import tempfile
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from subprocess import CalledProcessError
from urllib.parse import quote

import psutil
import pytest

from services.chassis.errors import ClipferryError, Reason
from services.processor.adapters.egress import open_egress
from services.processor.adapters.limits import DownloadLimits
from services.processor.adapters.nursery import Nursery
from services.processor.adapters.tmpfs import open_run_directory
from services.processor.adapters.ytdlp import YtdlpDownloader, open_downloader
from services.processor.core.run import FetchRequest, FetchStage, Found, MediaFile, MediaKind, Moved
from tests.fakes.downloads import HANGS_UP_WITHIN_S
from tests.fakes.site_media import decoded_seconds, packets_md5
from tests.fakes.video_site import VideoSite

LIMIT_BYTES = 5_000_000
FORKSERVER = "services.processor.adapters.forkserver"


@pytest.fixture(scope="module")
def nursery() -> Iterator[Nursery]:
    """One forkserver for all tests: it takes a second to warm up."""
    with (
        tempfile.TemporaryDirectory(dir="/dev/shm", prefix="clipferry-test-") as folder,
        open_run_directory(Path(folder)) as run_dir,
    ):
        opened = Nursery(run_dir)
        yield opened
        opened.stop()


@pytest.fixture
def tmpfs_dir(nursery: Nursery) -> Path:
    return nursery._run_dir.parent


@pytest.fixture
async def downloader(site: VideoSite, nursery: Nursery) -> AsyncIterator[YtdlpDownloader]:
    async with open_egress(frozenset({site.address})) as egress:
        yield YtdlpDownloader(nursery, egress, DownloadLimits(stall_s=20, socket_timeout_s=5))


async def fetch(
    downloader: YtdlpDownloader, request: FetchRequest, *, limit_bytes: int = LIMIT_BYTES
) -> tuple[Found, list[Moved], MediaFile]:
    async with downloader.fetch(request, job_name="jobs/1") as opened:
        found = await opened.extract()
        moves = [moved async for moved in opened.download(limit_bytes=limit_bytes)]
        return found, moves, opened.take()


async def reason_of(downloader: YtdlpDownloader, url: str, **fields: int) -> ClipferryError:
    with pytest.raises(ClipferryError) as caught:
        await fetch(downloader, FetchRequest(url=url, **fields))  # type: ignore[arg-type] # the tests' own numbers
    return caught.value


def kept_files(tmpfs_dir: Path) -> list[Path]:
    return list(tmpfs_dir.glob("run-*/job-*"))


def children() -> list[psutil.Process]:
    """The forkserver's children: one for each job, and what they start."""
    return [child for forkserver in forkservers() for child in forkserver.children(recursive=True)]


def forkservers() -> list[psutil.Process]:
    """The forkserver that this process has started; empty before the first job."""
    return [process for process in psutil.Process().children() if FORKSERVER in process.cmdline()]


async def test_every_shape_arrives_whole_and_playable(
    downloader: YtdlpDownloader, site: VideoSite, tmpfs_dir: Path, media_dir: Path
) -> None:
    """Whatever way a site serves the clip, an mp4 arrives that decodes to its end; what was not remuxed, byte by byte.

    The line of bytes never falls, never passes its total, and nothing is left in memory once the file is closed.
    """
    clip = "/media/clip.mp4"
    shapes = {
        clip: True,
        f"/page/video?src={clip}": True,
        f"/page/og?src={quote(site.url(clip))}": True,
        f"/redirect?to={clip}": True,
        "/chunked/clip.mp4": True,
        "/media/hls/index.m3u8": False,
        "/media/fmp4/index.m3u8": False,
        "/media/split/master.m3u8": False,
        "/media/dash/manifest.mpd": False,
        "/media/clip.mkv": False,
    }
    for path, is_direct in shapes.items():
        found, moves, file = await fetch(downloader, FetchRequest(url=site.url(path)))

        source = f"/proc/{os.getpid()}/fd/{file.fd}"
        if is_direct:
            assert (media_dir / "clip.mp4").read_bytes() == Path(source).read_bytes(), path
        assert decoded_seconds(source) == pytest.approx(4, abs=0.1), path
        assert file.extension == "mp4"
        assert file.size_bytes == os.fstat(file.fd).st_size
        assert found.merges is not is_direct or path.endswith("mkv"), path
        done = [moved.done_bytes for moved in moves]
        assert done == sorted(done), path
        assert all(moved.done_bytes <= moved.total_bytes for moved in moves if moved.total_bytes), path
        assert (moves[-1].stage is FetchStage.DOWNLOADING) is is_direct, path
        assert os.fstat(file.fd).st_nlink == 0
        os.close(file.fd)
        assert not kept_files(tmpfs_dir)


async def test_every_byte_is_told_when_it_arrives(downloader: YtdlpDownloader, site: VideoSite) -> None:
    """However slowly or in whatever bursts a site sends: what has come is told before the next byte does."""
    size_bytes = 1_000_000
    chunk_bytes = [100, 300_000, *[10_000] * 30, 250_000, 1, *[20_000] * 5]
    request = FetchRequest(url=site.url(f"/gated.mp4?announced={size_bytes}"))
    await site.release(4_096)
    told: list[int] = []
    async with downloader.fetch(request, job_name="jobs/1") as opened, asyncio.timeout(30):
        await opened.extract()
        async for moved in opened.download(limit_bytes=LIMIT_BYTES):
            if moved.done_bytes < site.released_bytes:
                continue
            told.append(moved.done_bytes)
            if len(told) > len(chunk_bytes):
                break
            await site.release(site.released_bytes + chunk_bytes[len(told) - 1])

    assert len([done for done in told if 0.1 < done / size_bytes < 0.9]) > 30


async def test_the_title_is_the_pages(downloader: YtdlpDownloader, site: VideoSite) -> None:
    url = site.url("/page/video?src=/media/clip.mp4")
    async with downloader.fetch(FetchRequest(url=url), job_name="jobs/1") as opened:
        found = await opened.extract()

    assert (found.title, found.entries) == ("A page", ())


async def test_audio_is_taken_out_of_a_video(downloader: YtdlpDownloader, site: VideoSite) -> None:
    """Who asks for sound gets an m4a without a picture."""
    _, _, file = await fetch(downloader, FetchRequest(url=site.url("/media/clip.mp4"), kind=MediaKind.AUDIO))

    source = f"/proc/{os.getpid()}/fd/{file.fd}"
    assert file.extension == "m4a"
    with pytest.raises(CalledProcessError):  # there is no picture to decode
        decoded_seconds(source)
    assert packets_md5(source)
    os.close(file.fd)


async def test_a_page_with_several_players_gives_the_first(downloader: YtdlpDownloader, site: VideoSite) -> None:
    """It is no list: the first is chosen, and all are named."""
    url = site.url("/page/video?src=/media/clip.mp4&src=/media/silent.mp4&src=/media/clip.mkv")
    found, _, file = await fetch(downloader, FetchRequest(url=url))
    os.close(file.fd)

    assert len(found.entries) == 3
    assert found.format_id
    assert "/media/silent.mp4" not in site.asked


async def test_a_list_needs_a_choice(downloader: YtdlpDownloader, site: VideoSite) -> None:
    """A feed is listed, refused without an item, and gives the item that was asked for."""
    request = FetchRequest(url=site.url("/feed"))
    async with downloader.fetch(request, job_name="jobs/1") as opened:
        found = await opened.extract()
    assert [entry.title for entry in found.entries] == ["Item 1", "Item 2", "Item 3"]
    assert not found.format_id

    refusal = await reason_of(downloader, request.url)
    assert refusal.reason is Reason.PLAYLIST_NEEDS_CONFIRM
    assert refusal.metadata == {"entry_count": "3"}

    chosen, _, file = await fetch(downloader, FetchRequest(url=request.url, playlist_item=2))
    os.close(file.fd)
    assert chosen.title == "Item 2"
    assert (await reason_of(downloader, request.url, playlist_item=9)).reason is Reason.NO_VIDEO


async def test_every_failure_has_its_reason(downloader: YtdlpDownloader, site: VideoSite, tmpfs_dir: Path) -> None:
    """One sentence of ours, never the site's body; nothing is left."""
    hole = "/playlist.m3u8?segment=/media/hls/index0.ts&segment=/status/404"
    cases = {
        "/page/empty": Reason.NO_VIDEO,
        "/status/404": Reason.GONE,
        "/status/410": Reason.GONE,
        "/status/401": Reason.AUTH_REQUIRED,
        "/status/403": Reason.AUTH_REQUIRED,
        "/status/429": Reason.RATE_LIMITED,
        "/status/451": Reason.GEO_BLOCKED,
        "/status/500": Reason.SITE_UNREACHABLE,
        "/page/video?src=/status/404": Reason.GONE,
        "/redirect?to=http://127.0.0.1:9/": Reason.EGRESS_DENIED,
        "/playlist.m3u8?segment=http://169.254.169.254/": Reason.EGRESS_DENIED,
        hole: Reason.INCOMPLETE,
    }
    for path, reason in cases.items():
        error = await reason_of(downloader, site.url(path))
        assert error.reason is reason, (path, error)
        assert "SECRET" not in error.message
        assert (error.retry_after_s == 17) is (reason is Reason.RATE_LIMITED), path
    for url in ("ftp://127.0.0.1/", "file:///etc/passwd", "http://127.0.0.1:9/", "http://db.internal/"):
        assert (await reason_of(downloader, url)).reason is Reason.EGRESS_DENIED, url
    assert not kept_files(tmpfs_dir)


@pytest.mark.parametrize("path", ["/", "/redirect?to=http://two.example/"])
async def test_a_name_that_nobody_has_is_told(site: VideoSite, nursery: Nursery, path: str) -> None:
    """By name when the owner wrote it; where a page leads to is never told."""

    async def resolve(host: str, _port: int) -> list[str]:
        if host == "127.0.0.1":
            return [host]
        raise socket.gaierror(socket.EAI_NONAME, "x")

    url = "https://typo.example/" if path == "/" else site.url(path)
    async with open_egress(frozenset({site.address}), resolve) as egress:
        error = await reason_of(YtdlpDownloader(nursery, egress, DownloadLimits()), url)

    assert error.reason is Reason.NAME_UNRESOLVED
    is_own = path == "/"
    name = "The name typo.example" if is_own else "A name behind the page"
    assert error.message == f"{name} does not resolve."
    assert error.metadata == ({"host": "typo.example"} if is_own else {})


async def test_a_site_that_cannot_be_reached_may_be_tried_again(site: VideoSite, nursery: Nursery) -> None:
    """A resolver that is away, or a port that nobody listens on, is no answer of the site."""
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        closed = unused.getsockname()
        async with open_egress(frozenset({closed})) as egress:
            error = await reason_of(YtdlpDownloader(nursery, egress, DownloadLimits()), f"http://127.0.0.1:{closed[1]}")

    assert error.reason is Reason.SITE_UNREACHABLE
    assert "HTTP" not in error.message


@pytest.mark.parametrize("selector", ["(((", "b[height<foo]", "b[ext~='(']", "[ *)e", "-", " - ", "no-such-format"])
async def test_a_bad_format_is_the_callers_to_mend(downloader: YtdlpDownloader, site: VideoSite, selector: str) -> None:
    """Nobody tries it again, nothing has crashed, and field and value are named."""
    with pytest.raises(ClipferryError) as caught:
        await fetch(downloader, FetchRequest(url=site.url("/media/clip.mp4"), format=selector))

    assert caught.value.reason is Reason.FIELD_INVALID
    assert caught.value.metadata == {"field": "format"}
    assert caught.value.message.startswith("format must" if selector != "no-such-format" else "format matches none")
    assert caught.value.message.endswith(f"(got {selector!r}).")


@pytest.mark.parametrize("query", ["", "?announced=99999999"])
async def test_too_large_ends_at_the_limit(downloader: YtdlpDownloader, site: VideoSite, query: str) -> None:
    """An announced size ends the job at once, an unknown one when the limit is passed; the site stops sending."""
    error = await reason_of(downloader, site.url(f"/endless.mp4{query}"))

    assert error.reason is Reason.VIDEO_TOO_LARGE
    assert error.metadata["limit_bytes"] == str(LIMIT_BYTES)
    assert int(error.metadata["size_bytes"]) > LIMIT_BYTES
    async with asyncio.timeout(HANGS_UP_WITHIN_S):
        await site.cut.wait()


async def test_cancel_kills_and_stops_the_bytes(downloader: YtdlpDownloader, site: VideoSite, tmpfs_dir: Path) -> None:
    """Once the cancelled task has ended, no process of the job lives and no byte is kept; the site is hung up on."""
    request = FetchRequest(url=site.url("/endless.mp4"))
    task = asyncio.create_task(fetch(downloader, request, limit_bytes=10**12))
    async with asyncio.timeout(30):
        await site.is_sending.wait()
    assert children()

    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task

    assert not children()
    assert not kept_files(tmpfs_dir)
    async with asyncio.timeout(HANGS_UP_WITHIN_S):
        await site.cut.wait()


async def test_cancel_kills_ffmpeg_too(downloader: YtdlpDownloader, site: VideoSite) -> None:
    """What the child has started is in its group: a recording by ffmpeg ends with the job."""
    request = FetchRequest(url=site.url("/media/live/index.m3u8"), allow_live=True)
    async with downloader.fetch(request, job_name="jobs/1") as opened:
        await opened.extract()
        async for moved in opened.download(limit_bytes=LIMIT_BYTES):
            if moved.done_bytes:
                break
        assert "ffmpeg" in [process.name() for process in children()]

    assert not children()


async def test_a_crash_is_told(downloader: YtdlpDownloader, site: VideoSite, tmpfs_dir: Path) -> None:
    """A child that is killed by somebody fails its job, leaves nothing, and the next job works."""
    request = FetchRequest(url=site.url("/endless.mp4"))
    task = asyncio.create_task(fetch(downloader, request, limit_bytes=10**12))
    async with asyncio.timeout(30):
        await site.is_sending.wait()

    for process in children():
        process.send_signal(signal.SIGKILL)
    with pytest.raises(ClipferryError) as caught:
        await task

    assert caught.value.reason is Reason.CHILD_CRASHED
    assert not kept_files(tmpfs_dir)
    _, _, file = await fetch(downloader, FetchRequest(url=site.url("/media/clip.mp4")))
    os.close(file.fd)


async def test_the_forkserver_may_die_too(downloader: YtdlpDownloader, site: VideoSite, tmpfs_dir: Path) -> None:
    """Its jobs fail with it, and the next job starts a new one."""
    request = FetchRequest(url=site.url("/endless.mp4"))
    task = asyncio.create_task(fetch(downloader, request, limit_bytes=10**12))
    async with asyncio.timeout(30):
        await site.is_sending.wait()
    (forkserver,) = forkservers()

    forkserver.send_signal(signal.SIGKILL)
    with pytest.raises(ClipferryError) as caught:
        await task

    assert caught.value.reason is Reason.CHILD_CRASHED
    assert not kept_files(tmpfs_dir)
    _, _, file = await fetch(downloader, FetchRequest(url=site.url("/media/clip.mp4")))
    os.close(file.fd)


async def test_a_stall_ends_the_job(downloader: YtdlpDownloader, site: VideoSite) -> None:
    """A site that falls silent, or a child that hangs, is given `stall_s`."""
    _, _, file = await fetch(downloader, FetchRequest(url=site.url("/media/clip.mp4")))  # starts the forkserver
    os.close(file.fd)
    limits = DownloadLimits(stall_s=2.5, socket_timeout_s=60)
    hasty = YtdlpDownloader(downloader._nursery, downloader._egress, limits)

    error = await reason_of(hasty, site.url("/silent.mp4"))

    assert error.reason is Reason.STALLED
    async with asyncio.timeout(HANGS_UP_WITHIN_S):
        await site.cut.wait()


async def test_a_recording_is_closed_and_kept(downloader: YtdlpDownloader, site: VideoSite) -> None:
    """`finish` ends a live download, and what there is becomes a playable file."""
    request = FetchRequest(url=site.url("/media/live/index.m3u8"), allow_live=True)
    async with downloader.fetch(request, job_name="jobs/1") as opened:
        found = await opened.extract()
        assert found.is_live
        done_bytes = 0
        async for moved in opened.download(limit_bytes=LIMIT_BYTES):
            assert moved.done_bytes >= done_bytes
            done_bytes = moved.done_bytes
            if moved.done_bytes > 65_536:
                await opened.finish()
        file = opened.take()

    assert decoded_seconds(f"/proc/{os.getpid()}/fd/{file.fd}") > 1
    os.close(file.fd)


async def test_nothing_is_written_to_a_disk(downloader: YtdlpDownloader, site: VideoSite) -> None:
    """The kernel's count of bytes sent to storage does not move, for this process, the forkserver and the children."""
    _, _, warm = await fetch(downloader, FetchRequest(url=site.url("/media/split/master.m3u8")))
    os.close(warm.fd)
    me = psutil.Process()
    before = {process.pid: process.io_counters().write_bytes for process in (me, *me.children())}
    written: set[int] = set()
    for path in ("/media/clip.mp4", "/media/split/master.m3u8", "/media/dash/manifest.mpd"):
        async with downloader.fetch(FetchRequest(url=site.url(path)), job_name="jobs/1") as opened:
            await opened.extract()
            async for _ in opened.download(limit_bytes=LIMIT_BYTES):
                written |= {process.io_counters().write_bytes for process in children()}
            os.close(opened.take().fd)

    assert before == {process.pid: process.io_counters().write_bytes for process in (me, *me.children())}
    assert written == {0}


async def test_everything_goes_with_the_downloader(site: VideoSite) -> None:
    """Its forkserver, its children and its directory, also with a job under way."""
    before = {process.pid for process in psutil.Process().children(recursive=True)}
    with tempfile.TemporaryDirectory(dir="/dev/shm", prefix="clipferry-test-") as folder:
        async with open_downloader(Path(folder), egress_allow=frozenset({site.address})) as downloader:
            request = FetchRequest(url=site.url("/endless.mp4"))
            task = asyncio.create_task(fetch(downloader, request, limit_bytes=10**12))
            async with asyncio.timeout(20):
                await site.is_sending.wait()

        assert {process.pid for process in psutil.Process().children(recursive=True)} == before
        assert not list(Path(folder).glob("run-*"))
        with pytest.raises(ClipferryError) as caught:
            await task
        assert caught.value.reason is Reason.CHILD_CRASHED
