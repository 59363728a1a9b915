"""Finished files: what they hold, their preview, and the bytes that are sent. By real ffmpeg."""

import io
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from PIL import Image

from services.chassis.errors import ClipferryError, Reason
from services.processor.adapters.media import FfmpegMedia
from services.processor.core.run import MediaFacts, MediaFile
from tests.fakes.site_media import ffmpeg, packets_md5


@contextmanager
def opened(path: Path) -> Iterator[MediaFile]:
    fd = os.open(path, os.O_RDONLY)
    try:
        yield MediaFile(fd=fd, size_bytes=os.fstat(fd).st_size, extension=path.suffix[1:])
    finally:
        os.close(fd)


async def describe(path: Path) -> MediaFacts:
    with opened(path) as file:
        return await FfmpegMedia().describe(file)


async def refusal(path: Path) -> Reason:
    with pytest.raises(ClipferryError) as caught:
        await describe(path)
    return caught.value.reason


@pytest.mark.parametrize(
    ("name", "size", "codecs"),
    [
        ("clip.mp4", (320, 180), ("h264", "aac")),
        ("silent.mp4", (320, 180), ("h264", "")),
        ("rotated.mp4", (180, 320), ("h264", "aac")),
        ("wide.mp4", (640, 180), ("h264", "")),
        ("sound.mp3", (0, 0), ("", "mp3")),
    ],
)
async def test_the_facts_are_the_files_own(
    media_dir: Path, name: str, size: tuple[int, int], codecs: tuple[str, str]
) -> None:
    """Width and height are those that a person sees: on its side means swapped, wide pixels mean wider."""
    facts = await describe(media_dir / name)

    assert (facts.width, facts.height) == size
    assert (facts.video_codec, facts.audio_codec) == codecs
    assert facts.duration_s == pytest.approx(0.4 if name == "wide.mp4" else 4, abs=0.1)
    assert facts.mime_type == ("audio/mpeg" if name == "sound.mp3" else "video/mp4")


@pytest.mark.parametrize(
    ("name", "side"), [("clip.mp4", "width"), ("rotated.mp4", "height"), ("wide.mp4", "width"), ("silent.mp4", "width")]
)
async def test_the_thumbnail_looks_like_the_video(media_dir: Path, name: str, side: str) -> None:
    """A JPEG of at most 320 pixels a side and under 200 kB, upright, with the shape of the picture."""
    with opened(media_dir / name) as file:
        facts = await FfmpegMedia().describe(file)
        jpeg = await FfmpegMedia().thumbnail(file, facts)

    picture = Image.open(io.BytesIO(jpeg))
    assert picture.format == "JPEG"
    assert len(jpeg) < 200_000
    assert max(picture.size) <= 320
    assert getattr(picture, side) == max(picture.size)
    assert picture.width / picture.height == pytest.approx(facts.width / facts.height, rel=0.05)


async def test_a_sound_has_no_thumbnail(media_dir: Path) -> None:
    with opened(media_dir / "sound.mp3") as file:
        media = FfmpegMedia()
        assert await media.thumbnail(file, await media.describe(file)) == b""


def top_level(data: bytes) -> list[str]:
    kinds, at = [], 0
    while at < len(data):
        kinds.append(data[at + 4 : at + 8].decode())
        at += int.from_bytes(data[at : at + 4], "big")
    return kinds


@pytest.mark.parametrize("part_bytes", [1000, 65_536, 10**9])
def test_the_index_comes_first_and_nothing_else_changes(media_dir: Path, tmpfs_dir: Path, part_bytes: int) -> None:
    """Read in parts of any size: same number of bytes, same packets, `moov` before `mdat`, exact size beforehand."""
    with opened(media_dir / "clip.mp4") as file:
        layout = FfmpegMedia().layout(file)
        parts = [layout.read(offset, part_bytes) for offset in range(0, layout.size_bytes, part_bytes)]
    sent = b"".join(parts)
    result = tmpfs_dir / "sent.mp4"
    result.write_bytes(sent)

    assert top_level((media_dir / "clip.mp4").read_bytes()) == ["ftyp", "free", "mdat", "moov"]
    assert top_level(sent) == ["ftyp", "free", "moov", "mdat"]
    assert len(sent) == layout.size_bytes == file.size_bytes
    assert all(len(part) == part_bytes for part in parts[:-1])
    assert layout.read(layout.size_bytes, 1) == b""
    assert packets_md5(result) == packets_md5(media_dir / "clip.mp4")


def test_wide_offsets_are_moved_too(media_dir: Path, tmpfs_dir: Path) -> None:
    """An index with 64-bit chunk offsets (`co64`) and one with two tracks' worth of them."""
    source = bytearray((media_dir / "clip.mp4").read_bytes())
    moov = source[source.rindex(b"moov") - 4 :]
    wide = widen_offsets(bytes(moov))
    path = tmpfs_dir / "wide.mp4"
    path.write_bytes(bytes(source[: len(source) - len(moov)]) + wide)

    with opened(path) as file:
        layout = FfmpegMedia().layout(file)
        sent = layout.read(0, layout.size_bytes)
    (tmpfs_dir / "sent.mp4").write_bytes(sent)

    assert b"co64" in wide
    assert top_level(sent)[2] == "moov"
    assert packets_md5(tmpfs_dir / "sent.mp4") == packets_md5(media_dir / "clip.mp4")


def widen_offsets(box: bytes) -> bytes:
    """Return the box with every `stco` in it made a `co64`."""
    kind, body = box[4:8], box[8:]
    if kind == b"stco":
        offsets = [body[at : at + 4] for at in range(8, len(body), 4)]
        body = body[:8] + b"".join(bytes(4) + offset for offset in offsets)
        kind = b"co64"
    elif kind in {b"moov", b"trak", b"mdia", b"minf", b"stbl"}:
        children, at = b"", 0
        while at < len(body):
            size = int.from_bytes(body[at : at + 4], "big")
            children += widen_offsets(body[at : at + size])
            at += size
        body = children
    return (8 + len(body)).to_bytes(4, "big") + kind + body


@pytest.mark.parametrize("name", ["silent.mp4", "sound.mp3", "clip.mkv"])
def test_what_needs_no_change_goes_as_it_is(media_dir: Path, name: str) -> None:
    with opened(media_dir / name) as file:
        layout = FfmpegMedia().layout(file)
        assert layout.read(0, layout.size_bytes + 1) == (media_dir / name).read_bytes()


async def test_a_cut_file_is_incomplete(media_dir: Path, tmpfs_dir: Path) -> None:
    cut = tmpfs_dir / "cut.mp4"
    cut.write_bytes((media_dir / "silent.mp4").read_bytes()[:-1000])

    assert await refusal(cut) is Reason.INCOMPLETE


async def test_what_telegram_does_not_play_is_unplayable(media_dir: Path, tmpfs_dir: Path) -> None:
    """VP9 in an mp4 shows nothing on iOS; an mp4 whose codec nobody knows is refused too."""
    vp9 = tmpfs_dir / "vp9.mp4"
    ffmpeg("-i", media_dir / "vp9.webm", "-c", "copy", vp9)

    assert await refusal(vp9) is Reason.UNPLAYABLE
    assert await refusal(media_dir / "clip.mkv") is Reason.UNPLAYABLE


@pytest.mark.parametrize(
    "text",
    [
        "#EXTM3U\n#EXTINF:1,\nclip.mp4\n#EXT-X-ENDLIST\n",
        "ffconcat version 1.0\nfile clip.mp4\n",
        '<?xml version="1.0"?><MPD xmlns="urn:mpeg:dash:schema:mpd:2011"><BaseURL>clip.mp4</BaseURL></MPD>',
        "<html></html>",
        "",
    ],
)
async def test_a_playlist_in_disguise_is_no_media(tmpfs_dir: Path, text: str) -> None:
    """It is never shown to ffmpeg, so it cannot make ffmpeg open another file."""
    path = tmpfs_dir / "video.mp4"
    path.write_text(text)

    assert await refusal(path) is Reason.UNPLAYABLE


@pytest.mark.parametrize("at", range(0, 1600, 97))
async def test_a_damaged_index_never_crashes(media_dir: Path, tmpfs_dir: Path, at: int) -> None:
    """Whatever a byte of the index says: facts, or an error of ours."""
    data = bytearray((media_dir / "silent.mp4").read_bytes())
    for value in (0x00, 0x7F, 0xFF):
        data[28 + at] = value
        path = tmpfs_dir / "damaged.mp4"
        path.write_bytes(data)
        with opened(path) as file:
            FfmpegMedia().layout(file)
            try:
                await FfmpegMedia().describe(file)
            except ClipferryError as error:
                assert error.reason in {Reason.UNPLAYABLE, Reason.INCOMPLETE}  # noqa: PT017 - either is fine
