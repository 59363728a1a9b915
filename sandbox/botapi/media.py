"""Looks at media without a disk: decodes it to its end, finds its boxes, measures pictures."""

import asyncio
import io
import os
import struct
from dataclasses import dataclass

import imageio_ffmpeg  # type: ignore[import-untyped]  # ships no types
from PIL import Image, UnidentifiedImageError

from sandbox.botapi.errors import bad_request

THUMBNAIL_LIMIT_BYTES = 200_000
THUMBNAIL_LIMIT_PX = 320


@dataclass(frozen=True)
class PictureSize:
    """Width and height in pixels."""

    width: int
    height: int


async def check_decodes(data: bytes) -> None:
    """Raise 400 unless ffmpeg decodes `data` to its end without an error.

    The file lies in a memfd: an mp4 with its index at the end cannot be read from a pipe.

    Raises:
        RefusalError: "wrong file: …".
    """
    descriptor = os.memfd_create("media")
    try:
        await asyncio.to_thread(_write_all, descriptor, data)
        process = await asyncio.create_subprocess_exec(
            imageio_ffmpeg.get_ffmpeg_exe(),
            *("-nostdin", "-v", "error", "-xerror", "-threads", "1", "-protocol_whitelist", "file"),
            *("-i", f"/dev/fd/{descriptor}", "-f", "null", "-"),
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.DEVNULL,
            stderr=asyncio.subprocess.PIPE,
            pass_fds=(descriptor,),
        )
        try:
            _, complaints = await process.communicate()
        finally:
            if process.returncode is None:
                process.kill()
                await process.wait()
    finally:
        os.close(descriptor)
    if process.returncode != 0 or complaints.strip():
        raise bad_request("wrong file: the media cannot be decoded to its end")


def _write_all(descriptor: int, data: bytes) -> None:
    view = memoryview(data)
    while view:
        view = view[os.write(descriptor, view) :]


def moov_before_mdat(data: bytes) -> bool | None:
    """Return whether an mp4's index comes before its media; None when it is no mp4 or lacks one of them."""
    if data[4:8] != b"ftyp":
        return None
    places: dict[bytes, int] = {}
    at = 0
    while at + 16 <= len(data):
        size, kind = struct.unpack_from(">I4s", data, at)
        if size == 1:
            (size,) = struct.unpack_from(">Q", data, at + 8)
        places.setdefault(kind, at)
        if size < 8:
            break
        at += size
    if b"moov" not in places or b"mdat" not in places:
        return None
    return places[b"moov"] < places[b"mdat"]


def check_thumbnail(data: bytes) -> PictureSize:
    """Return a thumbnail's size.

    Raises:
        RefusalError: 400 unless it is a JPEG of at most 320 pixels a side and under 200 kB.
    """
    if len(data) >= THUMBNAIL_LIMIT_BYTES:
        raise bad_request(f"thumbnail is too big: {len(data)} bytes")
    try:
        with Image.open(io.BytesIO(data), formats=["JPEG"]) as picture:
            picture.load()
            width, height = picture.size
    except (UnidentifiedImageError, OSError) as error:
        raise bad_request("thumbnail is not a JPEG") from error
    if max(width, height) > THUMBNAIL_LIMIT_PX:
        raise bad_request(f"thumbnail is too large: {width}x{height}")
    return PictureSize(width, height)
