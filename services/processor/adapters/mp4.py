"""Reads what an mp4 says about itself (ISO/IEC 14496-12): a few kilobytes by pread, whatever the file's size."""

import math
import os
import struct
from collections.abc import Iterator
from dataclasses import dataclass

from services.processor.adapters.claims import seconds, side
from services.processor.adapters.codecs import numbered_picture_codec

MOOV_LIMIT_BYTES = 32 * 1024 * 1024
"""A larger index is left alone: it would cost too much memory."""

_CODECS = {
    "avc1": "h264",
    "avc3": "h264",
    "hvc1": "hevc",
    "hev1": "hevc",
    "dvh1": "hevc",
    "dvhe": "hevc",
    "av01": "av1",
    "vp08": "vp8",
    "vp09": "vp9",
    "mp4v": "mpeg4",
    "Opus": "opus",
    "ac-3": "ac3",
    "ec-3": "eac3",
    "fLaC": "flac",
    ".mp3": "mp3",
}
# Object type of the decoder configuration (ISO/IEC 14496-1): `mp4a` says only that there is one.
_MP4A_CODECS = {0x40: "aac", 0x66: "aac", 0x67: "aac", 0x68: "aac", 0x69: "mp3", 0x6B: "mp3", 0xDD: "vorbis"}
_PROFILES = {"h264": ("avcC", 0xFF), "hevc": ("hvcC", 0x1F)}
"""Where the decoder configuration (ISO/IEC 14496-15) names the profile: in its second byte, of which these bits."""

VISUAL_ENTRY_BYTES = 86
"""Of the description of a picture, with its head; boxes follow."""

_MOST_TRACKS = 100
_SOUND_ENTRY_BYTES = 36


class NotMp4Error(Exception):
    """The bytes are no mp4, or one that cannot be read."""


class CutShortError(NotMp4Error):
    """The file ends before a box that it announces does."""


@dataclass(frozen=True)
class Box:
    """One box of the file."""

    kind: str
    start: int
    """Of its header, from the beginning of the file."""
    size: int
    """With its header."""
    header: int
    """Bytes of its header."""

    @property
    def end(self) -> int:
        """First byte after it."""
        return self.start + self.size


@dataclass(frozen=True, kw_only=True)
class Movie:
    """What an mp4 holds."""

    duration_s: float | None
    video_codec: str
    """As in `picture_codec`; empty when there is no picture."""
    audio_codec: str
    width: int
    """As shown, in pixels: rotation and sample aspect ratio applied."""
    height: int
    is_fragmented: bool


@dataclass(frozen=True, kw_only=True)
class _Track:
    handler: str
    codec: str
    width: int
    height: int
    duration_s: float


def top_boxes(fd: int) -> list[Box]:
    """Return the boxes of the file's top level, in order.

    Raises:
        CutShortError: When the last box ends after the file.
        NotMp4Error: When the file does not consist of boxes.
    """
    file_bytes = os.fstat(fd).st_size
    boxes: list[Box] = []
    at = 0
    while at + 8 <= file_bytes:
        box = top_box(os.pread(fd, 16, at), at, file_bytes)
        boxes.append(box)
        at = box.end
    if not any(box.kind in {"ftyp", "moov"} for box in boxes):
        raise NotMp4Error("no ftyp and no moov")
    return boxes


def top_box(head: bytes, start: int, file_bytes: int) -> Box:
    """Return the box at `start` of a file, by its first 16 bytes.

    Raises:
        CutShortError: When it ends after the file.
        NotMp4Error: When it is none.
    """
    if len(head) < 8:
        raise NotMp4Error("not a box")
    box = _box(head, start, file_bytes)
    if not box.kind.isprintable():
        raise NotMp4Error("not a box")
    if box.end > file_bytes:
        raise CutShortError(box.kind)
    return box


def _box(head: bytes | bytearray, start: int, end: int) -> Box:
    """Return the box whose first bytes are `head`; size 0 means until `end`."""
    size, kind = struct.unpack_from(">I4s", head)
    header = 8
    if size == 1:
        if len(head) < 16:
            raise NotMp4Error("not a box")
        size, header = struct.unpack_from(">Q", head, 8)[0], 16
    elif size == 0:
        size = end - start
    if size < header:
        raise NotMp4Error("not a box")
    return Box(kind.decode("latin-1"), start, size, header)


def find_moov(fd: int, boxes: list[Box]) -> bytes:
    """Return the bytes of the index with its header.

    Raises:
        NotMp4Error: When there is none, or it is over the limit.
    """
    moov = next((box for box in boxes if box.kind == "moov"), None)
    if moov is None:
        raise NotMp4Error("no moov")
    if moov.size > MOOV_LIMIT_BYTES:
        raise NotMp4Error("moov is too large")
    return os.pread(fd, moov.size, moov.start)


def read_movie(fd: int) -> Movie:
    """Return what the mp4 in `fd` holds. Trusts no number in it.

    Raises:
        NotMp4Error: When it cannot be read; `CutShortError` when it ends too early.
    """
    boxes = top_boxes(fd)
    moov = find_moov(fd, boxes)
    return parse_movie(moov, has_fragments=any(box.kind == "moof" for box in boxes))


def parse_movie(moov: bytes, *, has_fragments: bool = False) -> Movie:
    """Return what the index `moov`, with its header, says.

    Raises:
        NotMp4Error: When it cannot be read.
    """
    try:
        return _movie(moov, has_fragments=has_fragments)
    except (struct.error, IndexError) as error:
        raise NotMp4Error("moov cannot be read") from error


def _movie(moov: bytes, *, has_fragments: bool) -> Movie:
    root = Box("moov", 0, len(moov), _box(moov[:16], 0, len(moov)).header)
    children = list(child_boxes(moov, root))
    boxes = [box for box in children if box.kind == "trak"]
    if len(boxes) > _MOST_TRACKS:
        raise NotMp4Error("too many tracks")
    tracks = [_track(moov, box) for box in boxes]
    picture = next((track for track in tracks if track.handler == "vide"), None)
    sound = next((track for track in tracks if track.handler == "soun"), None)
    duration_s = _clock(moov, next((box for box in children if box.kind == "mvhd"), None))
    return Movie(
        duration_s=duration_s or max((track.duration_s for track in tracks), default=0) or None,
        video_codec=picture.codec if picture else "",
        audio_codec=sound.codec if sound else "",
        width=picture.width if picture else 0,
        height=picture.height if picture else 0,
        is_fragmented=has_fragments or any(box.kind == "mvex" for box in children),
    )


def child_boxes(data: bytes | bytearray, parent: Box, skip: int = 0) -> Iterator[Box]:
    """Yield the boxes inside `parent`, `skip` bytes after its header.

    Raises:
        NotMp4Error: When one of them ends after its parent.
    """
    at = parent.start + parent.header + skip
    while at + 8 <= parent.end:
        box = _box(data[at : at + 16], at, parent.end)
        if box.end > parent.end:
            raise NotMp4Error(f"{box.kind} ends after its parent")
        yield box
        at = box.end


def _find(data: bytes, parent: Box | None, path: str) -> Box | None:
    for kind in path.split("/"):
        if parent is None:
            return None
        parent = next((box for box in child_boxes(data, parent) if box.kind == kind), None)
    return parent


def _clock(data: bytes, box: Box | None) -> float:
    """Return the duration in seconds of an mvhd or mdhd; 0 when it does not say, or what cannot be."""
    if box is None:
        return 0.0
    at = box.start + box.header
    if data[at] == 1:
        scale, ticks = struct.unpack_from(">IQ", data, at + 20)
        unknown = 0xFFFF_FFFF_FFFF_FFFF
    else:
        scale, ticks = struct.unpack_from(">II", data, at + 12)
        unknown = 0xFFFF_FFFF
    return 0.0 if scale == 0 or ticks == unknown else seconds(ticks / scale) or 0.0


def _track(data: bytes, trak: Box) -> _Track:
    mdia = _find(data, trak, "mdia")
    hdlr, stsd = _find(data, mdia, "hdlr"), _find(data, mdia, "minf/stbl/stsd")
    if hdlr is None or stsd is None:
        return _Track(handler="", codec="", width=0, height=0, duration_s=0)
    handler = data[hdlr.start + hdlr.header + 8 :][:4].decode("latin-1")
    entry = next(child_boxes(data, stsd, skip=8), None)
    if entry is None:
        return _Track(handler="", codec="", width=0, height=0, duration_s=0)
    width, height = _display_size(data, trak, entry) if handler == "vide" else (0, 0)
    codec = _sound_codec(data, entry) if entry.kind == "mp4a" else _CODECS.get(entry.kind, entry.kind.strip())
    if codec in _PROFILES:
        codec = numbered_picture_codec(codec, _profile(data, entry, *_PROFILES[codec]))
    return _Track(
        handler=handler, codec=codec, width=width, height=height, duration_s=_clock(data, _find(data, mdia, "mdhd"))
    )


def _display_size(data: bytes, trak: Box, entry: Box) -> tuple[int, int]:
    width, height = struct.unpack_from(">HH", data, entry.start + 32)
    pasp = next((box for box in child_boxes(data, entry, skip=VISUAL_ENTRY_BYTES - 8) if box.kind == "pasp"), None)
    tkhd = _find(data, trak, "tkhd")
    if pasp is not None:
        across, down = struct.unpack_from(">II", data, pasp.start + pasp.header)
        width = (side(round(width * across / down)) if down else 0) or width
    if tkhd is None:
        return width, height
    at = tkhd.start + tkhd.header + (52 if data[tkhd.start + tkhd.header] == 1 else 40)
    a, b = struct.unpack_from(">ii", data, at)
    shown_width, shown_height = struct.unpack_from(">II", data, at + 36)
    if pasp is None and shown_width and shown_height:
        # Without an explicit aspect ratio the track's own size carries it.
        width = side(round(height * shown_width / shown_height)) or width
    is_on_its_side = abs(math.degrees(math.atan2(b, a))) % 180 == 90
    return (height, width) if is_on_its_side else (width, height)


def _profile(data: bytes, entry: Box, kind: str, bits: int) -> int:
    """Return the number of the profile; 0 when there is no decoder configuration."""
    boxes = child_boxes(data, entry, skip=VISUAL_ENTRY_BYTES - 8)
    config = next((box for box in boxes if box.kind == kind), None)
    return data[config.start + config.header + 1] & bits if config is not None else 0


def _sound_codec(data: bytes, entry: Box) -> str:
    esds = data.find(b"esds", entry.start + _SOUND_ENTRY_BYTES, entry.end)
    if esds < 0:
        return "aac"
    # After version and flags: descriptor 3, then 4, whose first byte is the object type. Lengths take 1 to 4 bytes.
    at = _descriptor(data, esds + 8, tag=3)
    flags = data[at + 2]
    at += 3 + (2 if flags & 0x80 else 0) + (1 + data[at + 3] if flags & 0x40 else 0) + (2 if flags & 0x20 else 0)
    return _MP4A_CODECS.get(data[_descriptor(data, at, tag=4)], "mp4a")


def _descriptor(data: bytes, at: int, *, tag: int) -> int:
    """Return where the content of the descriptor at `at` begins."""
    if data[at] != tag:
        raise NotMp4Error("esds cannot be read")
    at += 1
    while data[at] & 0x80:
        at += 1
    return at + 1
