"""Media whose heads promise what nobody can hold: real files of a few kilobytes in which single numbers are false."""

import functools
import struct
import zlib

from tests.fakes.shaped_media import AAC, H264, made, picture, sound

MONSTER = 16_384
"""Pixels a side. As RGB such a picture has 800 MB."""


@functools.cache
def png(side: int = MONSTER) -> bytes:
    """Return a whole, valid picture of `side` × `side` pixels: one colour packs well."""
    packer = zlib.compressobj(9)
    row = bytes(1 + side // 8)
    data = b"".join(packer.compress(row) for _ in range(side)) + packer.flush()
    head = struct.pack(">IIBBBBB", side, side, 1, 0, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + _png_chunk(b"IHDR", head) + _png_chunk(b"IDAT", data) + _png_chunk(b"IEND", b"")


def _png_chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


@functools.cache
def jpeg(side: int = MONSTER) -> bytes:
    """Return a small JPEG that says it has `side` × `side` pixels."""
    return _enlarged_jpeg(made(*picture("64x64"), "-frames:v", "1", name="small.jpg"), side)


def _enlarged_jpeg(data: bytes, side: int) -> bytes:
    at = data.index(b"\xff\xc0\x00\x11\x08") + 5
    return data[:at] + struct.pack(">HH", side, side) + data[at + 4 :]


@functools.cache
def webp(side: int = 16_383) -> bytes:
    """Return a small WebP that says it has `side` × `side` pixels, the most of that format."""
    return _enlarged_vp8(made(*picture("64x64"), "-frames:v", "1", "-c:v", "libwebp", name="small.webp"), side)


def _enlarged_vp8(data: bytes, side: int) -> bytes:
    at = data.index(b"\x9d\x01\x2a") + 3
    return data[:at] + struct.pack("<HH", side, side) + data[at + 4 :]


@functools.cache
def mjpeg_mkv() -> bytes:
    """Return a Matroska file with a picture that has to be re-encoded; its frames say how large they are."""
    data = made(*picture("64x64"), *sound(), "-c:v", "mjpeg", *AAC, name="small.mkv")
    marker = b"\xff\xc0\x00\x11\x08"
    pieces = data.split(marker)
    return pieces[0] + b"".join(marker + struct.pack(">HH", MONSTER, MONSTER) + piece[4:] for piece in pieces[1:])


@functools.cache
def vp8_webm() -> bytes:
    """Return a WebM whose key frames say that they have 16,383 × 16,383 pixels."""
    data = made(*picture("64x64"), *sound(), "-c:v", "libvpx", "-c:a", "libopus", name="small.webm")
    marker = b"\x9d\x01\x2a"
    pieces = data.split(marker)
    return pieces[0] + b"".join(marker + struct.pack("<HH", 16_383, 16_383) + piece[4:] for piece in pieces[1:])


@functools.cache
def h264_mp4(*, is_told: bool) -> bytes:
    """Return an mp4 with H.264 of 16,384 × 16,384 pixels by its parameter set.

    Args:
        is_told: Whether the index says the same; otherwise it says 64 × 64.
    """
    profile = ("-profile:v", "baseline", "-movflags", "+faststart")
    data = bytearray(made(*picture("64x64"), *sound(), *H264, *profile, *AAC, name="baseline.mp4"))
    if is_told:
        _patch(data, data.index(b"avc1", data.index(b"stsd")) + 28, struct.pack(">HH", MONSTER, MONSTER))
        _patch(data, data.index(b"tkhd") + 4 + 76, struct.pack(">II", MONSTER << 16, MONSTER << 16))
    at = data.index(b"avcC") + 4
    length = struct.unpack_from(">H", data, at + 6)[0]
    crafted = _sps(bytes(data[at + 9 : at + 12]), MONSTER // 16)
    assert len(crafted) <= length, "the crafted set must fit where the real one was"
    _patch(data, at + 8, crafted.ljust(length, b"\0"))
    return bytes(data)


def _patch(data: bytearray, at: int, new: bytes) -> None:
    data[at : at + len(new)] = new


def _sps(profile: bytes, macroblocks: int) -> bytes:
    """Return a sequence parameter set (ITU-T H.264, 7.3.2.1.1) of so many macroblocks a side."""
    fields = [0, 0, 2, 1]  # id, log2_max_frame_num - 4, picture order type, reference frames
    bits = "".join(map(_ue, fields)) + "0" + _ue(macroblocks - 1) * 2
    bits += "1" + "1" + "0" + "0" + "1"  # frames only, direct 8x8, no cropping, nothing about use, end
    bits = bits.ljust(-(-len(bits) // 8) * 8, "0")
    return b"\x67" + profile + int(bits, 2).to_bytes(len(bits) // 8, "big")


def _ue(value: int) -> str:
    coded = bin(value + 1)[2:]
    return "0" * (len(coded) - 1) + coded


def patched_clip(kind: bytes, offset: int, new: bytes) -> bytes:
    """Return a clip in which the bytes `offset` after each name of the box `kind` are `new`."""
    data = bytearray(made(*picture(), *sound(), *H264, *AAC, "-movflags", "+faststart", name="patched.mp4"))
    at = data.find(kind)
    while at >= 0:
        _patch(data, at + len(kind) + offset, new)
        at = data.find(kind, at + 1)
    return bytes(data)


def many_tracks(count: int) -> bytes:
    """Return an mp4 whose index repeats its tracks until there are `count`."""
    data = made(*picture(duration_s=0.2), *H264, name="one.mp4")
    at = data.index(b"moov") - 4
    size = struct.unpack_from(">I", data, at)[0]
    moov = data[at : at + size]
    track_at = moov.index(b"trak") - 4
    track = moov[track_at : track_at + struct.unpack_from(">I", moov, track_at)[0]]
    body = moov[8:] + track * (count - 1)
    return data[:at] + struct.pack(">I4s", len(body) + 8, b"moov") + body + data[at + size :]
