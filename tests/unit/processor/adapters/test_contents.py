"""What is in a file decides what becomes of it, not what was asked for or what its name says; a probe tells it true."""

import asyncio
import os
from collections.abc import AsyncIterator
from dataclasses import replace

import pytest

from services.processor.adapters.egress import open_egress
from services.processor.adapters.limits import DownloadLimits
from services.processor.adapters.nursery import Nursery
from services.processor.adapters.ytdlp import YtdlpDownloader
from services.processor.core.plan import Fit, Limits, Plan, at_least, make_plan
from services.processor.core.run import FetchRequest, Found, MediaFile
from tests.fakes.downloads import opened_path
from tests.fakes.odd_site import Asked, OddSite, ranged
from tests.fakes.shaped_media import AAC, H264, OPUS, VP9, Shape, made, picture, shape_of, sound

LIMITS = Limits(video_bytes=5_000_000, total_bytes=20_000_000, telegram_bytes=50_000_000)
X265 = ("-c:v", "libx265", "-preset", "ultrafast", "-x265-params", "log-level=none")


@pytest.fixture
async def downloader(odd: OddSite, shared_nursery: Nursery) -> AsyncIterator[YtdlpDownloader]:
    async with open_egress(frozenset({odd.address})) as egress:
        yield YtdlpDownloader(shared_nursery, egress, DownloadLimits(stall_s=20, socket_timeout_s=5))


async def probed(downloader: YtdlpDownloader, request: FetchRequest) -> tuple[Found, Plan]:
    async with downloader.fetch(request, job_name="probes/1") as opened:
        found = await opened.extract()
        return found, make_plan(found, request, LIMITS)


async def delivered(downloader: YtdlpDownloader, request: FetchRequest) -> tuple[Plan, MediaFile]:
    async with downloader.fetch(request, job_name="jobs/1") as opened:
        plan = make_plan(await opened.extract(), request, LIMITS)
        download = opened.download(limit_bytes=plan.limit_bytes, format_id=plan.format_id, recipe=plan.recipe)
        assert [moved async for moved in download]
        return plan, opened.take()


def closed_shape(file: MediaFile) -> Shape:
    try:
        return shape_of(opened_path(file))
    finally:
        os.close(file.fd)


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("s.ogg", "audio/ogg"),
        ("s.opus", "application/octet-stream"),
        ("s.flac", "audio/flac"),
        ("s.wav", "audio/x-wav"),
        ("s.webm", "video/webm"),
    ],
)
async def test_a_source_without_a_picture_is_a_sound(
    downloader: YtdlpDownloader, odd: OddSite, name: str, kind: str
) -> None:
    """Although a video was asked for; and the plan says so."""
    codec = OPUS if name.endswith(("webm", "opus")) else ()
    odd.answers = {f"/{name}": ranged(made(*sound(), *codec, name=name), kind=kind)}

    plan, file = await delivered(downloader, FetchRequest(url=odd.url(f"/{name}")))

    assert (plan.fit, plan.width, plan.height) == (Fit.TRANSCODE, 0, 0)
    assert plan.recipe is not None
    assert plan.recipe.is_audio
    facts = closed_shape(file)
    assert (facts.video_codec, facts.audio_codec, file.extension) == ("", "aac", "m4a")
    assert facts.duration_s == pytest.approx(2, abs=0.15)


@pytest.mark.parametrize(("name", "kind"), [("s.m4a", "audio/mp4"), ("s.mp3", "audio/mpeg"), ("s.mp4", "video/mp4")])
async def test_a_sound_that_plays_goes_as_it_is(
    downloader: YtdlpDownloader, odd: OddSite, name: str, kind: str
) -> None:
    odd.answers = {f"/{name}": ranged(made(*sound(), name=name), kind=kind)}

    plan, file = await delivered(downloader, FetchRequest(url=odd.url(f"/{name}")))

    assert (plan.fit, plan.width, plan.height) == (Fit.AS_IS, 0, 0)
    assert file.extension == ("mp3" if name.endswith("mp3") else "m4a")
    assert closed_shape(file).video_codec == ""


@pytest.mark.parametrize("name", ["s.flac", "s.opus"])
async def test_the_words_of_a_sound_survive_its_reencoding(
    downloader: YtdlpDownloader, odd: OddSite, name: str
) -> None:
    data = made(*sound(), "-metadata", "title=A song", "-metadata", "artist=Some Body", name=name)
    odd.answers = {f"/{name}": ranged(data, kind="application/octet-stream")}

    plan, file = await delivered(downloader, FetchRequest(url=odd.url(f"/{name}")))

    assert plan.fit is Fit.TRANSCODE
    assert (file.title, file.performer) == ("A song", "Some Body")
    os.close(file.fd)


@pytest.mark.parametrize("name", ["s.mp3", "s.m4a", "s.flac"])
async def test_a_sound_brings_its_own_words_and_picture(downloader: YtdlpDownloader, odd: OddSite, name: str) -> None:
    cover = ("-map", "0:a", "-map", "1:v", "-frames:v", "1", "-c:v", "mjpeg", "-disposition:v:0", "attached_pic")
    tags = ("-metadata", "title=A song: live", "-metadata", "artist=Some Body", "-id3v2_version", "3")
    data = made(*sound(), *picture("640x480"), *cover, *tags, name=name)
    odd.answers = {f"/{name}": ranged(data, kind="audio/mpeg" if name.endswith("mp3") else "audio/mp4")}

    async with downloader.fetch(FetchRequest(url=odd.url(f"/{name}")), job_name="jobs/1") as opened:
        await opened.extract()
        assert [moved async for moved in opened.download(limit_bytes=5_000_000)]
        file = opened.take()

    os.close(file.fd)
    assert (file.title, file.performer) == ("A song: live", "Some Body")
    assert file.cover.startswith(b"\xff\xd8\xff")


PICTURES = {
    "h264 4:2:2": (*H264[:-1], "yuv422p"),
    "h264 4:4:4": (*H264[:-1], "yuv444p"),
    "hevc 4:4:4": (*X265, "-pix_fmt", "yuv444p"),
    "hevc 12 bit": (*X265, "-pix_fmt", "yuv420p12le"),
}


@pytest.mark.parametrize("extension", ["mp4", "mkv"])
@pytest.mark.parametrize("name", PICTURES)
async def test_colours_that_no_phone_shows_are_reencoded(
    downloader: YtdlpDownloader, odd: OddSite, name: str, extension: str
) -> None:
    data = made(*picture("160x90", duration_s=1), *sound(duration_s=1), *PICTURES[name], *AAC, name=f"c.{extension}")
    odd.answers = {f"/c.{extension}": ranged(data)}

    plan, file = await delivered(downloader, FetchRequest(url=odd.url(f"/c.{extension}")))

    # Into another container than mp4 nobody looks before it is there.
    assert extension != "mp4" or plan.fit is Fit.TRANSCODE
    facts = closed_shape(file)
    assert (facts.video_codec, facts.width, facts.height) == ("h264", 160, 90)


@pytest.mark.parametrize("bits", ["yuv420p", "yuv420p10le"])
async def test_hevc_of_eight_and_ten_bits_goes_as_it_is(downloader: YtdlpDownloader, odd: OddSite, bits: str) -> None:
    data = made(*picture("160x90", duration_s=1), *sound(duration_s=1), *X265, "-pix_fmt", bits, "-tag:v", "hvc1", *AAC)
    odd.answers = {"/c.mp4": ranged(data)}

    _, file = await delivered(downloader, FetchRequest(url=odd.url("/c.mp4")))

    assert os.pread(file.fd, file.size_bytes, 0) == data
    os.close(file.fd)


@pytest.mark.parametrize("is_faststart", [True, False], ids=["index first", "index last"])
async def test_a_probe_looks_into_an_mp4(downloader: YtdlpDownloader, odd: OddSite, is_faststart: bool) -> None:
    """VP9 in it is told before a run would find it; its size on the screen and its duration are told."""
    first = ("-movflags", "+faststart") if is_faststart else ()
    odd.answers = {"/c.mp4": ranged(made(*picture("480x270"), *sound(), *VP9, *AAC, *first))}

    found, plan = await probed(downloader, FetchRequest(url=odd.url("/c.mp4")))

    assert plan.fit is Fit.TRANSCODE
    assert (found.width, found.height) == (480, 270)
    assert found.duration_s == pytest.approx(2, abs=0.1)


async def test_a_probe_tells_the_picture_of_what_plays(downloader: YtdlpDownloader, odd: OddSite) -> None:
    odd.answers = {"/c.mp4": ranged(made(*picture("320x180"), *sound(), *H264, *AAC))}

    found, plan = await probed(downloader, FetchRequest(url=odd.url("/c.mp4")))

    assert plan.fit is Fit.AS_IS
    assert (plan.width, plan.height) == (320, 180)
    assert found.duration_s == pytest.approx(2, abs=0.1)


async def test_what_comes_without_a_length_is_reencoded_once_it_proved_too_large(
    downloader: YtdlpDownloader, odd: OddSite
) -> None:
    """Its duration is asked of its first bytes, although the site can neither be asked for parts nor says its size."""
    data = made(*picture("480x270"), *sound(), *H264, *AAC, "-movflags", "+faststart")

    async def without_a_length(_asked: Asked, writer: asyncio.StreamWriter) -> None:
        head = b"HTTP/1.1 200 OK\r\nContent-Type: video/mp4\r\nTransfer-Encoding: chunked\r\n\r\n"
        writer.write(head + b"%x\r\n%b\r\n0\r\n\r\n" % (len(data), data))

    odd.answers = {"/c.mp4": without_a_length}
    request = FetchRequest(url=odd.url("/c.mp4"), max_bytes=len(data) - 1)

    found, plan = await probed(downloader, request)
    assert (plan.fit, found.duration_s) == (Fit.UNKNOWN, None)

    async with downloader.fetch(replace(request, asks_duration=True), job_name="jobs/1") as opened:
        plan = make_plan(at_least(await opened.extract(), {found.format_id: len(data)}), request, LIMITS)
        assert plan.fit is Fit.TRANSCODE
        download = opened.download(limit_bytes=plan.limit_bytes, format_id=plan.format_id, recipe=plan.recipe)
        assert [moved async for moved in download]
        facts = closed_shape(opened.take())
    assert facts.duration_s == pytest.approx(2, abs=0.2)
