"""What is in a file decides what becomes of it, not what was asked for or what its name says; a probe tells it true."""

import os
from collections.abc import AsyncIterator

import pytest

from services.processor.adapters.egress import open_egress
from services.processor.adapters.limits import DownloadLimits
from services.processor.adapters.nursery import Nursery
from services.processor.adapters.ytdlp import YtdlpDownloader
from services.processor.core.plan import Fit, Limits, Plan, make_plan
from services.processor.core.run import FetchRequest, Found, MediaFile
from tests.fakes.downloads import opened_path
from tests.fakes.odd_site import OddSite, ranged
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
