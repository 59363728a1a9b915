"""Media whose heads promise what nobody can hold, and manifests of a few bytes that unfold without end.

Each ends within the limits of memory, CPU and time, nothing is left of it, and the next job works.
"""

import os
import struct
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from services.chassis.errors import ClipferryError, Reason
from services.processor import wire
from services.processor.adapters.egress import open_egress
from services.processor.adapters.limits import DownloadLimits
from services.processor.adapters.media import FfmpegMedia
from services.processor.adapters.nursery import Nursery
from services.processor.adapters.ytdlp import YtdlpDownloader
from services.processor.core.run import FetchRequest, Header, MediaFacts, MediaFile, MediaKind, MediaSummary
from tests.fakes import media_bombs
from tests.fakes.downloads import children, failure, fetch, kept_files
from tests.fakes.odd_site import OddSite, hls, page, ranged
from tests.fakes.processor_tools import a_run
from tests.fakes.shaped_media import H264, made, picture, sound

MIB = 1024 * 1024
LIMITS = DownloadLimits(
    stall_s=20,
    socket_timeout_s=5,
    cpu_s=3,
    data_bytes=256 * MIB,
    page_s=20,
    fragments_at_once=2,
    transcode_timeout_s=20,
)


@pytest.fixture
async def downloader(odd: OddSite, shared_nursery: Nursery, media_dir: Path) -> AsyncIterator[YtdlpDownloader]:
    """What a test has done to it has no consequences."""
    async with open_egress(frozenset({odd.address})) as egress:
        yield (tried := YtdlpDownloader(shared_nursery, egress, LIMITS))
        odd.answers["/good.mp4"] = ranged((media_dir / "clip.mp4").read_bytes())
        _, _, file = await fetch(tried, FetchRequest(url=odd.url("/good.mp4")))
        os.close(file.fd)
    assert not children()
    assert not kept_files(shared_nursery)


@contextmanager
def in_memory(data: bytes) -> Iterator[MediaFile]:
    fd = os.memfd_create("bomb")
    try:
        os.write(fd, data)
        yield MediaFile(fd=fd, size_bytes=len(data), extension="mp4")
    finally:
        os.close(fd)


async def outcome(data: bytes) -> tuple[MediaFacts, bytes]:
    """Return what a run learns of a finished file; it must have a place in the first message of an upload."""
    media = FfmpegMedia()
    with in_memory(data) as file:
        facts = await media.describe(file)
        thumbnail = await media.thumbnail(file, facts)
        layout = media.layout(file)
        assert layout.size_bytes == len(data)
        wire.video_header(
            Header(
                run=a_run(), file_name="v.mp4", mime_type=facts.mime_type, size_bytes=layout.size_bytes, caption="",
                kind=MediaKind.VIDEO, duration_s=facts.duration_s, width=facts.width, height=facts.height,
                thumbnail=thumbnail, title="", performer="",
            )
        )  # fmt: skip
        return facts, thumbnail


@pytest.mark.parametrize("name", ["png", "jpeg", "webp"])
async def test_a_cover_of_a_gigabyte(downloader: YtdlpDownloader, odd: OddSite, name: str) -> None:
    """A few kilobytes that unpack to 16,384 × 16,384 pixels: the sound arrives without a cover."""
    bomb = {"png": media_bombs.png, "jpeg": media_bombs.jpeg, "webp": media_bombs.webp}[name]()
    odd.answers |= {
        "/": page("<html><title>T</title><video poster='/poster'><source src='/s.mp3'></video>"),
        "/s.mp3": ranged(made(*sound(), name="s.mp3"), kind="audio/mpeg"),
        "/poster": page(bomb, kind=f"image/{name}"),
    }

    _, _, file = await fetch(downloader, FetchRequest(url=odd.url("/"), kind=MediaKind.AUDIO))

    assert (file.cover, file.extension) == (b"", "mp3")
    os.close(file.fd)


@pytest.mark.parametrize("name", ["png", "jpeg", "webp"])
async def test_a_page_whose_picture_is_a_bomb(downloader: YtdlpDownloader, odd: OddSite, name: str) -> None:
    """Served as the page itself, and as its og:image: a picture is no video, and is not opened."""
    bomb = {"png": media_bombs.png, "jpeg": media_bombs.jpeg, "webp": media_bombs.webp}[name]()
    odd.answers |= {
        "/picture": page(bomb, kind=f"image/{name}"),
        "/as-video": page(bomb, kind="video/mp4"),
        "/": page(f"<html><meta property='og:image' content='{odd.url('/picture')}'><p>Nothing</p>"),
    }

    reasons = {path: (await failure(downloader, FetchRequest(url=odd.url(path)))).reason for path in odd.answers}

    assert reasons["/as-video"] is Reason.UNPLAYABLE
    assert {reasons["/"], reasons["/picture"]} <= {Reason.NO_VIDEO, Reason.SITE_UNSUPPORTED, Reason.UNPLAYABLE}


@pytest.mark.parametrize("name", ["mjpeg_mkv", "vp8_webm"])
async def test_frames_that_are_larger_than_memory_are_not_reencoded(
    downloader: YtdlpDownloader, odd: OddSite, name: str
) -> None:
    odd.answers["/clip"] = ranged(getattr(media_bombs, name)(), kind="video/webm")

    error = await failure(downloader, FetchRequest(url=odd.url("/clip")))

    assert error.reason is Reason.UNPLAYABLE
    assert not error.reason.retryable


async def test_a_picture_that_no_phone_can_decode_is_refused_with_its_size() -> None:
    """16,384 × 16,384 pixels by the index."""
    with pytest.raises(ClipferryError) as caught:
        await outcome(media_bombs.h264_mp4(is_told=True))

    assert caught.value.reason is Reason.UNPLAYABLE
    assert caught.value.metadata == {"width": "16384", "height": "16384", "limit_pixels": "40000000"}


@pytest.mark.parametrize("cut", ["frames", "samples", "chunks"])
async def test_a_video_of_which_no_frame_can_be_seen_is_not_sent(cut: str) -> None:
    """An index that is fine to look at, over frames that are too large, or nowhere."""
    data = {
        "frames": lambda: media_bombs.h264_mp4(is_told=False),
        "samples": lambda: media_bombs.patched_clip(b"stsz", 4, struct.pack(">II", 1, 0xFFFF_FFF0)),
        "chunks": lambda: media_bombs.patched_clip(b"stsc", 12, struct.pack(">I", 0x7FFF_FFF0)),
    }[cut]()

    with pytest.raises(ClipferryError) as caught:
        await outcome(data)

    assert caught.value.reason is Reason.UNPLAYABLE
    assert "Not one frame" in caught.value.message


@pytest.mark.parametrize(
    ("kind", "offset", "numbers"),
    [
        (b"mvhd", 12, struct.pack(">II", 1, 0xFFFF_FFFE)),
        (b"mvhd", 0, struct.pack(">IQQIQ", 1 << 24, 0, 0, 1, 0xFFFF_FFFF_FFFF_FFFE)),
        (b"mdhd", 12, struct.pack(">I", 0xFFFF_FFFF)),
        (b"stts", 8, struct.pack(">II", 0xFFFF_FFF0, 1)),
        (b"stts", 12, struct.pack(">I", 0x7FFF_FFF0)),
        (b"stco", 4, struct.pack(">I", 0xFFFF_FFF0)),
        (b"pasp", 0, struct.pack(">II", 0xFFFF_FFFF, 1)),
        (b"pasp", 0, struct.pack(">II", 1, 0xFFFF_FFFF)),
    ],
)
async def test_numbers_that_cannot_be_are_not_believed(kind: bytes, offset: int, numbers: bytes) -> None:
    """A century of playing time, pixels a kilometre wide, four billion samples: sent with what can be true."""
    facts, thumbnail = await outcome(media_bombs.patched_clip(kind, offset, numbers))

    assert (facts.width, facts.height) == (320, 180)
    assert facts.duration_s == pytest.approx(2, abs=0.1)
    assert thumbnail


async def test_ten_thousand_tracks() -> None:
    with pytest.raises(ClipferryError) as caught:
        await outcome(media_bombs.many_tracks(10_000))

    assert caught.value.reason is Reason.UNPLAYABLE


async def test_ten_thousand_frames_a_second(downloader: YtdlpDownloader, odd: OddSite) -> None:
    """In a form that has to be written anew; the result plays."""
    fast = made(
        *picture(), *H264, "-vf", "setpts=PTS/1000", "-fps_mode", "vfr", "-bsf:v", "setts=ts=PTS/8", name="fast.mkv"
    )
    odd.answers["/clip.mkv"] = ranged(fast, kind="video/x-matroska")

    _, _, file = await fetch(downloader, FetchRequest(url=odd.url("/clip.mkv")))

    assert (await FfmpegMedia().describe(file)).video_codec == "h264"
    os.close(file.fd)


MPD = (
    '<?xml version="1.0"?><MPD xmlns="urn:mpeg:dash:schema:mpd:2011" type="static" mediaPresentationDuration="{}">'
    '<Period><AdaptationSet mimeType="video/mp4"><SegmentTemplate timescale="{}" media="s$Number$.m4s" '
    'initialization="i.mp4" {}</SegmentTemplate><Representation id="1" codecs="avc1.64001f" bandwidth="1000"/>'
    "</AdaptationSet></Period></MPD>"
)
LAUGH = (
    '<?xml version="1.0"?><!DOCTYPE l [<!ENTITY a "lollollol">'
    + "".join(
        f'<!ENTITY {after} "{f"&{before};" * 10}">' for before, after in zip("abcdefghi", "bcdefghij", strict=True)
    )
    + "]><{0}>&j;</{0}>"
)
MANIFESTS = {
    "a billion repeated segments": MPD.format(
        "PT10S", 1, '><SegmentTimeline><S t="0" d="1" r="1000000000"/></SegmentTimeline>'
    ),
    "eleven thousand years of segments": MPD.format("PT99999999H", 1, 'duration="1">'),
    "segments of a billionth of a second": MPD.format("PT10S", 1_000_000_000, 'duration="1">'),
    "segments of no time": MPD.format("PT10S", 1, 'duration="0">'),
    "entities that unfold, DASH": LAUGH.format("MPD"),
    "entities that unfold, RSS": LAUGH.format("rss"),
}  # fmt: skip


@pytest.mark.parametrize("name", MANIFESTS)
async def test_a_manifest_that_unfolds_without_end(downloader: YtdlpDownloader, odd: OddSite, name: str) -> None:
    odd.answers["/manifest.mpd"] = page(MANIFESTS[name], kind="application/dash+xml")

    error = await failure(downloader, FetchRequest(url=odd.url("/manifest.mpd")))

    assert error.reason in {Reason.SITE_UNSUPPORTED, Reason.NO_VIDEO}, error
    assert not error.reason.retryable


async def test_a_playlist_of_half_a_million_segments(downloader: YtdlpDownloader, odd: OddSite) -> None:
    odd.answers |= {"/index.m3u8": hls(*["#EXTINF:1,", "x"] * 500_000), "/x": page(b"G" + bytes(187))}

    error = await failure(downloader, FetchRequest(url=odd.url("/index.m3u8")))

    assert error.reason in {Reason.SITE_UNSUPPORTED, Reason.VIDEO_TOO_LARGE}, error


async def test_playlists_in_playlists(downloader: YtdlpDownloader, odd: OddSite) -> None:
    """What stands where a segment should is no segment, however deep one would look."""
    odd.answers |= {f"/{n}.m3u8": hls("#EXTINF:1,", f"{n + 1}.m3u8") for n in range(20)}

    error = await failure(downloader, FetchRequest(url=odd.url("/0.m3u8")))

    assert error.reason is Reason.INCOMPLETE
    assert len(odd.asked) < 50


@pytest.mark.parametrize(
    "answer",
    [
        hls("#EXTINF:" + "9" * 400 + ",", "x.ts"),
        hls("#EXT-X-STREAM-INF:BANDWIDTH=1" + "0" * 400 + ",RESOLUTION=99999999999x1", "one.m3u8"),
        hls("#EXT-X-STREAM-INF:BANDWIDTH=100,RESOLUTION=99999999999x1", "one.m3u8"),
    ],
    ids=["duration", "bitrate", "size of the picture"],
)
async def test_a_probe_survives_every_number(downloader: YtdlpDownloader, odd: OddSite, answer: bytes) -> None:
    """It tells what it found, or a reason that nobody tries again; each number has a place in its message."""
    odd.answers |= {"/clip.m3u8": answer, "/one.m3u8": hls("#EXTINF:1,", "x.ts"), "/x.ts": page(b"G" + bytes(187))}

    async with downloader.fetch(FetchRequest(url=odd.url("/clip.m3u8")), job_name="probes/1") as opened:
        reason: Reason | None = None
        try:
            found = await opened.extract()
        except ClipferryError as error:
            reason = error.reason
        else:
            wire.media(
                MediaSummary(
                    title="",
                    duration_s=found.duration_s,
                    width=found.width,
                    height=found.height,
                    size_bytes=found.estimated_bytes,
                    mime_type="",
                    file_name="",
                    extractor="",
                )
            )

    assert reason in {None, Reason.SITE_UNSUPPORTED}
