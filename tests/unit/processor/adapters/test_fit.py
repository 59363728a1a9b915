"""What a site offers is made to fit and to play, by real yt-dlp and ffmpeg: the plan, and what comes of it."""

import asyncio
import io
import os
from collections.abc import AsyncIterator
from contextlib import suppress
from dataclasses import replace

import pytest
from PIL import Image

from services.chassis.errors import ClipferryError, Reason
from services.processor.adapters.egress import open_egress
from services.processor.adapters.limits import DownloadLimits
from services.processor.adapters.media import FfmpegMedia
from services.processor.adapters.nursery import Nursery
from services.processor.adapters.ytdlp import YtdlpDownloader
from services.processor.core.plan import Fit, Limits, Plan, check, make_plan
from services.processor.core.probe import Prober
from services.processor.core.run import FetchRequest, FetchStage, MediaFile, MediaKind, Moved
from tests.fakes.clips import padded
from tests.fakes.downloads import children, kept_files, opened_path
from tests.fakes.odd_site import Asked, OddSite, hls, page, ranged
from tests.fakes.shaped_media import AAC, H264, OPUS, VP9, Shape, made, picture, picture_md5, player, shape_of, sound
from tests.fakes.site_media import decoded_seconds

LIMIT_BYTES = 200_000
DOWNLOAD_LIMITS = DownloadLimits(stall_s=20, socket_timeout_s=5, limit_bytes=LIMIT_BYTES)
MP4 = 'video/mp4; codecs="avc1.64001f, mp4a.40.2"'


@pytest.fixture
async def downloader(odd: OddSite, shared_nursery: Nursery) -> AsyncIterator[YtdlpDownloader]:
    async with open_egress(frozenset({odd.address})) as egress:
        yield YtdlpDownloader(shared_nursery, egress, DOWNLOAD_LIMITS)


async def delivered(
    downloader: YtdlpDownloader, request: FetchRequest, *, limit_bytes: int = LIMIT_BYTES
) -> tuple[Plan, list[Moved], MediaFile]:
    """Do what a run does until the file is there."""
    limits = Limits(video_bytes=limit_bytes, total_bytes=4 * limit_bytes, telegram_bytes=50_000_000)
    async with downloader.fetch(request, job_name="jobs/1") as opened:
        found = await opened.extract()
        plan = make_plan(found, request, limits)
        check(found, request, plan)
        download = opened.download(limit_bytes=plan.limit_bytes, format_id=plan.format_id, recipe=plan.recipe)
        return plan, [moved async for moved in download], opened.take()


def shape(file: MediaFile) -> Shape:
    """Return what the file is, once it has been decoded to its end."""
    path = opened_path(file)
    facts = shape_of(path)
    if facts.video_codec:
        assert decoded_seconds(path) == pytest.approx(facts.duration_s, abs=0.2)
    return facts


def shares(moves: list[Moved]) -> list[float]:
    return [moved.done_share for moved in moves if moved.done_share is not None]


NOISE = ("-vf", "noise=alls=70:allf=t")
CONSTANT = ("-b:v", "2M", "-minrate", "2M", "-maxrate", "2M", "-bufsize", "1M", "-x264-params", "nal-hrd=cbr")
LARGE = made(*picture("640x360"), *sound(), *NOISE, *H264, *CONSTANT, *AAC)
"""What compresses badly."""
SMALL = made(*picture(), *sound(), *H264, "-b:v", "300k", *AAC)
VP9_MP4 = made(*picture("480x270"), *sound(), *VP9, *AAC)


def master(*lines: str) -> bytes:
    text = "\n".join(["#EXTM3U", *lines, ""])
    return page(text, kind="application/vnd.apple.mpegurl")


async def test_what_plays_is_taken_before_what_is_large(downloader: YtdlpDownloader, odd: OddSite) -> None:
    """Of VP9 in 1080 lines and H.264 in 720: the H.264, and of the other not a byte is fetched."""
    odd.answers = {
        "/master.m3u8": master(
            '#EXT-X-STREAM-INF:BANDWIDTH=600000,RESOLUTION=1920x1080,CODECS="vp09.00.10.08,mp4a.40.2"',
            "vp9.m3u8",
            '#EXT-X-STREAM-INF:BANDWIDTH=600000,RESOLUTION=1280x720,CODECS="avc1.64001f,mp4a.40.2"',
            "avc.m3u8",
        ),
        "/vp9.m3u8": hls("#EXTINF:2,", "vp9.ts"),
        "/avc.m3u8": hls("#EXTINF:2,", "avc.ts"),
        "/avc.ts": page(made(*picture(), *sound(), *H264, *AAC, name="a.ts"), kind="video/mp2t"),
    }
    plan, _, file = await delivered(downloader, FetchRequest(url=odd.url("/master.m3u8")))

    assert (shape(file).video_codec, shape(file).audio_codec) == ("h264", "aac")
    assert (plan.width, plan.height) == (1280, 720)
    assert plan.fit is not Fit.TRANSCODE
    assert "/vp9.ts" not in odd.paths()
    os.close(file.fd)


async def test_a_smaller_format_is_taken_where_the_best_is_too_large(downloader: YtdlpDownloader, odd: OddSite) -> None:
    odd.answers = {
        "/": page(player(("/large.mp4", MP4, 720), ("/small.mp4", MP4, 180))),
        "/large.mp4": ranged(LARGE),
        "/small.mp4": ranged(SMALL),
    }
    assert len(SMALL) < LIMIT_BYTES < len(LARGE)

    plan, _, file = await delivered(downloader, FetchRequest(url=odd.url("/")))

    assert os.pread(file.fd, file.size_bytes, 0) == SMALL
    assert (plan.fit, plan.estimated_bytes) == (Fit.SMALLER_FORMAT, len(SMALL))
    os.close(file.fd)


# Named: the encoder does not make the same bytes each time.
@pytest.mark.parametrize(
    "limit_bytes", [LIMIT_BYTES, len(LARGE) - 1, len(LARGE)], ids=["much too large", "a byte too large", "fits"]
)
async def test_too_large_is_reencoded_on_its_way_in(
    downloader: YtdlpDownloader, odd: OddSite, limit_bytes: int
) -> None:
    """One byte over the limit is enough. The whole never lies in memory, and progress is told as a share of time."""
    odd.answers = {"/clip.mp4": ranged(LARGE)}
    downloader._limits = replace(DOWNLOAD_LIMITS, limit_bytes=limit_bytes)
    request = FetchRequest(url=odd.url("/clip.mp4"))

    plan, moves, file = await delivered(downloader, request, limit_bytes=limit_bytes)

    facts = shape(file)
    assert file.size_bytes <= limit_bytes
    assert facts.duration_s == pytest.approx(2, abs=0.15)
    assert (facts.video_codec, facts.audio_codec) == ("h264", "aac")
    if limit_bytes == len(LARGE):
        assert plan.fit is Fit.AS_IS
    else:
        assert plan.fit is Fit.TRANSCODE
        assert 0 < plan.estimated_bytes <= limit_bytes
        assert max(moved.tmpfs_bytes for moved in moves) <= limit_bytes + 65_536
        assert shares(moves) == sorted(shares(moves))
        assert {moved.stage for moved in moves} == {FetchStage.TRANSCODING}
        assert shares(moves)[-1] == pytest.approx(1, abs=0.1)
    os.close(file.fd)


async def test_a_stream_of_pieces_is_reencoded_too(downloader: YtdlpDownloader, odd: OddSite) -> None:
    """An HLS stream with its sound apart, in a bitrate that does not fit; where a piece is missing, nothing arrives."""
    video = made(*picture("640x360"), *H264, "-b:v", "2M", name="v.ts")
    audio = made(*sound(), *AAC, name="a.ts")
    group = '#EXT-X-MEDIA:TYPE=AUDIO,GROUP-ID="a",NAME="a",DEFAULT=YES,URI="audio.m3u8"'
    variant = '#EXT-X-STREAM-INF:BANDWIDTH=4000000,RESOLUTION=640x360,CODECS="avc1.64001f,mp4a.40.2",AUDIO="a"'
    odd.answers = {
        "/master.m3u8": master(group, variant, "video.m3u8"),
        "/video.m3u8": hls("#EXTINF:2,", "v.ts"),
        "/audio.m3u8": hls("#EXTINF:2,", "a.ts"),
        "/v.ts": page(video, kind="video/mp2t"),
        "/a.ts": page(audio, kind="video/mp2t"),
    }
    request = FetchRequest(url=odd.url("/master.m3u8"))

    plan, _, file = await delivered(downloader, request)

    assert plan.fit is Fit.TRANSCODE
    facts = shape(file)
    assert (facts.video_codec, facts.audio_codec, file.size_bytes <= LIMIT_BYTES) == ("h264", "aac", True)
    assert facts.duration_s == pytest.approx(2, abs=0.2)
    os.close(file.fd)
    odd.answers["/video.m3u8"] = hls("#EXTINF:2,", "v.ts", "#EXTINF:2,", "gone.ts")
    with pytest.raises(ClipferryError) as caught:
        await delivered(downloader, request)
    assert caught.value.reason is Reason.INCOMPLETE


@pytest.mark.parametrize(
    ("options", "size"),
    [(("-display_rotation:v:0", "90"), (180, 320)), (("-display_rotation:v:0", "180"), (320, 180))],
)
async def test_what_was_held_on_its_side_is_reencoded_upright(
    downloader: YtdlpDownloader, odd: OddSite, options: tuple[str, ...], size: tuple[int, int]
) -> None:
    """The frames themselves are turned: no player has to."""
    flat = os.memfd_create("clip")
    os.write(flat, made(*picture(), *sound(), *H264, *AAC))
    turned = made(*options, "-i", f"/proc/{os.getpid()}/fd/{flat}", "-c", "copy", name=f"turned{options[1]}.mp4")
    os.close(flat)
    limit_bytes = len(turned) - 1
    downloader._limits = replace(DOWNLOAD_LIMITS, limit_bytes=limit_bytes)
    odd.answers = {"/clip.mp4": ranged(turned)}

    plan, _, file = await delivered(downloader, FetchRequest(url=odd.url("/clip.mp4")), limit_bytes=limit_bytes)

    assert plan.fit is Fit.TRANSCODE
    facts = await FfmpegMedia().describe(file)
    assert facts.width / facts.height == pytest.approx(size[0] / size[1], rel=0.05)
    coded = shape(file)
    assert (coded.width, coded.height) == (facts.width, facts.height)
    os.close(file.fd)


async def test_pixels_that_are_not_square_become_square(downloader: YtdlpDownloader, odd: OddSite) -> None:
    """A DVD's 160 x 180 that are shown as 320 x 180, in a codec that does not play."""
    data = made(*picture("160x180"), *sound(), "-vf", "setsar=2/1", "-c:v", "mpeg4", *AAC)
    odd.answers = {"/clip.mp4": ranged(data)}

    _, _, file = await delivered(downloader, FetchRequest(url=odd.url("/clip.mp4")), limit_bytes=5_000_000)

    facts = await FfmpegMedia().describe(file)
    assert (facts.width, facts.height) == (320, 180)
    os.close(file.fd)


async def test_a_high_dynamic_range_keeps_its_colours(downloader: YtdlpDownloader, odd: OddSite) -> None:
    """White at 100 nits has half of the largest number; it is shown brighter than that."""
    tags = "setparams=color_trc=smpte2084:color_primaries=bt2020:colorspace=bt2020nc:range=tv"
    white = ("-f", "lavfi", "-i", f"color=c=0x828282:s=320x180:d=1:r=25,format=yuv420p10le,{tags}")
    data = made(*white, *sound(duration_s=1), *VP9, "-pix_fmt", "yuv420p10le", "-profile:v", "2", *AAC)
    odd.answers = {"/clip.mp4": ranged(data)}

    _, _, file = await delivered(downloader, FetchRequest(url=odd.url("/clip.mp4")), limit_bytes=5_000_000)

    assert shape(file).video_codec == "h264"
    jpeg = await FfmpegMedia().thumbnail(file, await FfmpegMedia().describe(file))
    assert min(Image.open(io.BytesIO(jpeg)).convert("L").tobytes()) > 145
    os.close(file.fd)


@pytest.mark.parametrize("size_bytes", [49_999_999, 50_000_000, 50_000_001])
async def test_telegrams_limit_counts_to_the_byte(downloader: YtdlpDownloader, odd: OddSite, size_bytes: int) -> None:
    """Up to 50,000,000 bytes a file goes as it is; one more, and it is made smaller."""
    limit_bytes = 50_000_000
    downloader._limits = replace(DOWNLOAD_LIMITS, limit_bytes=limit_bytes)
    odd.answers = {"/clip.mp4": ranged(padded(SMALL, size_bytes))}

    plan, _, file = await delivered(downloader, FetchRequest(url=odd.url("/clip.mp4")), limit_bytes=limit_bytes)

    assert plan.fit is (Fit.AS_IS if size_bytes <= limit_bytes else Fit.TRANSCODE)
    assert (file.size_bytes == size_bytes) is (size_bytes <= limit_bytes)
    assert file.size_bytes <= limit_bytes
    assert shape(file).duration_s == pytest.approx(2, abs=0.15)
    os.close(file.fd)


async def test_an_index_at_the_end_of_a_large_file_is_found(downloader: YtdlpDownloader, odd: OddSite) -> None:
    """Of 20 MB little is fetched to learn that they last 2 s: the site can be asked for parts."""
    asked_bytes: list[int] = []
    large = ranged(with_index_at_the_end(LARGE, 20_000_000))

    async def answer(asked: Asked, writer: asyncio.StreamWriter) -> None:
        asked_bytes.append(int(asked.fields.get("range", "bytes=0-").removeprefix("bytes=").partition("-")[0]))
        await large(asked, writer)

    odd.answers = {"/clip.mp4": answer}
    async with downloader.fetch(FetchRequest(url=odd.url("/clip.mp4")), job_name="jobs/1") as opened:
        found = await opened.extract()

    assert found.duration_s == pytest.approx(2, abs=0.1)
    assert (found.width, found.height) == (640, 360)
    assert max(asked_bytes) > 19_000_000


def with_index_at_the_end(clip: bytes, size_bytes: int) -> bytes:
    """Return `clip` with padding between its media and its index."""
    at = clip.rindex(b"moov") - 4
    free_bytes = size_bytes - len(clip)
    return clip[:at] + free_bytes.to_bytes(4, "big") + b"free" + bytes(free_bytes - 8) + clip[at:]


async def test_a_probe_tells_the_plan(downloader: YtdlpDownloader, odd: OddSite) -> None:
    """What a job would do, and not a byte of the media is fetched for it."""
    odd.answers = {"/clip.mp4": ranged(LARGE), "/small.mp4": ranged(SMALL)}
    limits = Limits(video_bytes=LIMIT_BYTES, total_bytes=4 * LIMIT_BYTES, telegram_bytes=50_000_000)
    prober = Prober(downloader, limits, slots=1, wait_s=1, timeout_s=30)

    _, plan, _ = await prober.probe(FetchRequest(url=odd.url("/clip.mp4")))
    _, small, _ = await prober.probe(FetchRequest(url=odd.url("/small.mp4")))

    assert (plan.fit, plan.limit_bytes) == (Fit.TRANSCODE, LIMIT_BYTES)
    assert 0 < plan.estimated_bytes <= LIMIT_BYTES
    assert (small.fit, small.estimated_bytes) == (Fit.AS_IS, len(SMALL))


async def test_reencoding_reaches_only_what_is_public(downloader: YtdlpDownloader, odd: OddSite) -> None:
    """Also ffmpeg goes through the guard too: a piece at an address that is not public ends the run as refused."""
    variant = '#EXT-X-STREAM-INF:BANDWIDTH=4000000,RESOLUTION=640x360,CODECS="avc1.64001f,mp4a.40.2"'
    odd.answers = {
        "/master.m3u8": master(variant, "video.m3u8"),
        "/video.m3u8": hls("#EXTINF:2,", "http://169.254.169.254/latest/0.ts"),
    }

    with pytest.raises(ClipferryError) as caught:
        await delivered(downloader, FetchRequest(url=odd.url("/master.m3u8")))

    assert caught.value.reason is Reason.EGRESS_DENIED


async def test_two_posts_of_the_same_name_are_two_videos(downloader: YtdlpDownloader, odd: OddSite) -> None:
    """yt-dlp calls both "index"; at the same time, each arrives as itself."""
    durations_s = {"a": 1.0, "b": 3.0}
    for name, duration_s in durations_s.items():
        odd.answers[f"/{name}/index.m3u8"] = hls(f"#EXTINF:{duration_s},", "0.ts")
        clip = made(*picture(duration_s=duration_s), *sound(duration_s=duration_s), *H264, *AAC, name=f"{name}.ts")
        odd.answers[f"/{name}/0.ts"] = page(clip, kind="video/mp2t")
    requests = [FetchRequest(url=odd.url(f"/{name}/index.m3u8")) for name in durations_s]

    results = await asyncio.gather(*(delivered(downloader, one, limit_bytes=5_000_000) for one in requests))

    lasted = [shape(file).duration_s for _, _, file in results]
    assert lasted == [pytest.approx(duration_s, abs=0.2) for duration_s in durations_s.values()]
    for _, _, file in results:
        os.close(file.fd)


async def test_what_would_be_mush_is_too_large(downloader: YtdlpDownloader, odd: OddSite) -> None:
    """Where the limit leaves no bitrate worth seeing, nothing is fetched; both numbers are told."""
    odd.answers = {"/clip.mp4": ranged(LARGE)}
    limit_bytes = 30_000
    downloader._limits = replace(DOWNLOAD_LIMITS, limit_bytes=limit_bytes)

    with pytest.raises(ClipferryError) as caught:
        await delivered(downloader, FetchRequest(url=odd.url("/clip.mp4")), limit_bytes=limit_bytes)

    assert caught.value.reason is Reason.VIDEO_TOO_LARGE
    assert caught.value.metadata == {"size_bytes": str(len(LARGE)), "limit_bytes": str(limit_bytes)}


SHAPES = {
    "vp9 in mp4": (VP9_MP4, "/clip.mp4"),
    "vp9 and opus in webm": (made(*picture(), *sound(), *VP9, *OPUS, name="c.webm"), "/clip.webm"),
    "h264 and opus in mkv": (made(*picture(), *sound(), *H264, *OPUS, name="c.mkv"), "/clip.mkv"),
    "mpeg-4 part 2 and mp3 in avi": (
        made(*picture(), *sound(), "-c:v", "mpeg4", "-c:a", "libmp3lame", name="c.avi"),
        "/clip.avi",
    ),
    "ten bits": (made(*picture(), *sound(), *H264[:-1], "yuv420p10le", *AAC), "/clip.mp4"),
    "h264 and aac in flv": (made(*picture(), *sound(), *H264, *AAC, name="c.flv"), "/clip.flv"),
    "av1": (
        made(*picture("160x90"), *sound(), "-c:v", "libsvtav1", "-preset", "12", *AAC),
        "/clip.mp4",
    ),
}


@pytest.mark.parametrize("name", SHAPES)
async def test_everything_that_can_be_decoded_plays(downloader: YtdlpDownloader, odd: OddSite, name: str) -> None:
    """Whatever is in the file: H.264 and AAC or mp3 in an mp4 arrive, of the same length and size."""
    data, path = SHAPES[name]
    odd.answers = {path: ranged(data, kind="video/mp4" if path.endswith("mp4") else "application/octet-stream")}

    _, moves, file = await delivered(downloader, FetchRequest(url=odd.url(path)), limit_bytes=5_000_000)

    facts = shape(file)
    assert file.extension == "mp4"
    assert (facts.video_codec, facts.audio_codec in {"aac", "mp3"}) == ("h264", True)
    assert facts.duration_s == pytest.approx(2, abs=0.2)
    assert facts.width in {320, 480, 160}
    is_copy = name.endswith("flv")
    assert (FetchStage.TRANSCODING in {moved.stage for moved in moves}) is not is_copy
    os.close(file.fd)


async def test_a_silent_video_gets_a_silent_sound(downloader: YtdlpDownloader, odd: OddSite) -> None:
    """Telegram would make an animation of it. The picture stays as it was, packet by packet."""
    silent = made(*picture(), *H264)
    odd.answers = {"/clip.mp4": ranged(silent)}

    _, _, file = await delivered(downloader, FetchRequest(url=odd.url("/clip.mp4")))

    facts = shape(file)
    assert (facts.video_codec, facts.audio_codec) == ("h264", "aac")
    assert facts.duration_s == pytest.approx(2, abs=0.1)
    assert picture_md5(opened_path(file)) == picture_md5_of(silent)
    assert file.size_bytes < len(silent) + 10_000
    os.close(file.fd)


def picture_md5_of(data: bytes) -> str:
    fd = os.memfd_create("clip")
    try:
        os.write(fd, data)
        return picture_md5(f"/proc/{os.getpid()}/fd/{fd}")
    finally:
        os.close(fd)


async def test_a_silent_video_without_room_goes_as_it_is(downloader: YtdlpDownloader, odd: OddSite) -> None:
    """A video that fits to the byte is not refused for the silence that it lacks."""
    silent = made(*picture(), *H264)
    odd.answers = {"/clip.mp4": ranged(silent)}

    _, _, file = await delivered(downloader, FetchRequest(url=odd.url("/clip.mp4")), limit_bytes=len(silent))

    assert os.pread(file.fd, file.size_bytes, 0) == silent
    os.close(file.fd)


@pytest.mark.parametrize(
    ("name", "codec", "extension"),
    [("s.m4a", "aac", "m4a"), ("s.mp3", "mp3", "mp3"), ("s.opus", "aac", "m4a"), ("s.flac", "aac", "m4a"),
     ("s.ogg", "aac", "m4a"), ("s.wav", "aac", "m4a")],
)  # fmt: skip
async def test_every_sound_becomes_one_that_plays(
    downloader: YtdlpDownloader, odd: OddSite, name: str, codec: str, extension: str
) -> None:
    """What plays stays as it is; the rest becomes AAC. Of a page with a picture, the picture is its cover."""
    data = made(*sound(), name=name)
    poster = made(*picture("1600x900"), "-frames:v", "1", name="poster.webp")
    odd.answers = {
        "/": page(f"<html><title>T</title><video poster='/poster'><source src='/{name}'></video>"),
        f"/{name}": ranged(data, kind="application/octet-stream"),
        "/poster": page(poster, kind="image/jpeg"),
    }

    _, _, file = await delivered(downloader, FetchRequest(url=odd.url("/"), kind=MediaKind.AUDIO))

    facts = shape(file)
    assert (facts.video_codec, facts.audio_codec, file.extension) == ("", codec, extension)
    assert facts.duration_s == pytest.approx(2, abs=0.15)
    assert file.cover.startswith(b"\xff\xd8\xff")
    assert len(file.cover) < 200_000
    os.close(file.fd)


@pytest.mark.parametrize("bad", [b"", b"<html>", b"\x89PNG" + bytes(100), b"x" * 9_000_000])
async def test_a_bad_cover_is_none(downloader: YtdlpDownloader, odd: OddSite, bad: bytes) -> None:
    """Empty, no picture, a broken one, an enormous one: the sound arrives without."""
    odd.answers = {
        "/": page("<html><title>T</title><video poster='/poster'><source src='/s.mp3'></video>"),
        "/s.mp3": ranged(made(*sound(), name="s.mp3"), kind="audio/mpeg"),
        "/poster": page(bad, kind="image/png"),
    }

    _, _, file = await delivered(downloader, FetchRequest(url=odd.url("/"), kind=MediaKind.AUDIO))

    assert (file.cover, file.extension) == (b"", "mp3")
    os.close(file.fd)


LONG = made(*picture("640x360", duration_s=60, rate=30), *sound(duration_s=60), *VP9, *AAC, "-g", "600")


async def test_reencoding_ends_in_its_time(downloader: YtdlpDownloader, odd: OddSite, shared_nursery: Nursery) -> None:
    """What takes too long ends with a reason that nobody tries again, and nothing is left."""
    odd.answers = {"/clip.mp4": ranged(LONG)}
    downloader._limits = replace(DOWNLOAD_LIMITS, transcode_timeout_s=0.5)

    seen: list[float] = []
    with pytest.raises(ClipferryError) as caught:
        async with downloader.fetch(FetchRequest(url=odd.url("/clip.mp4")), job_name="jobs/1") as opened:
            await opened.extract()
            async for moved in opened.download(limit_bytes=20_000_000):
                seen += shares([moved])

    assert seen[-1] < 0.9, "it went on to its end"
    assert caught.value.reason is Reason.UNPLAYABLE
    assert "0.5 s" in caught.value.message
    assert not kept_files(shared_nursery)
    assert not children()


async def test_reencoding_ends_with_its_cpu(downloader: YtdlpDownloader, odd: OddSite) -> None:
    odd.answers = {"/clip.mp4": ranged(LONG)}
    downloader._limits = replace(DOWNLOAD_LIMITS, transcode_cpu_s=1)

    with pytest.raises(ClipferryError) as caught:
        await delivered(downloader, FetchRequest(url=odd.url("/clip.mp4")), limit_bytes=20_000_000)

    assert caught.value.reason is Reason.UNPLAYABLE
    assert "1 s of CPU" in caught.value.message


async def test_a_cancel_ends_reencoding(downloader: YtdlpDownloader, odd: OddSite, shared_nursery: Nursery) -> None:
    """The group of the job is dead, ffmpeg with it, and its memory free."""
    odd.answers = {"/clip.mp4": ranged(LONG)}
    is_encoding = asyncio.Event()

    async def run() -> None:
        async with downloader.fetch(FetchRequest(url=odd.url("/clip.mp4")), job_name="jobs/1") as opened:
            await opened.extract()
            async for moved in opened.download(limit_bytes=20_000_000):
                if moved.done_share:
                    is_encoding.set()

    task = asyncio.create_task(run())
    async with asyncio.timeout(60):
        await is_encoding.wait()
    assert "ffmpeg" in [process.name() for process in children()]
    task.cancel()
    with suppress(asyncio.CancelledError):
        await task

    assert not children()
    assert not kept_files(shared_nursery)
