"""Small real media, made once by ffmpeg, and cut to any size by padding that players skip."""

import functools
import io
import os
import struct
import subprocess

import imageio_ffmpeg  # type: ignore[import-untyped]  # ships no types
from PIL import Image


@functools.cache
def mp4_clip(*, is_faststart: bool = True) -> bytes:
    """Return one second of 160x90 H.264 with AAC."""
    return _made("mp4", ("-movflags", "+faststart" if is_faststart else "+disable_chpl"))


@functools.cache
def m4a_clip() -> bytes:
    """Return one second of AAC in an m4a."""
    return _made("ipod", ("-vn",))


def padded(clip: bytes, size_bytes: int) -> bytes:
    """Return `clip` with a free box behind it, so that it has `size_bytes` bytes and plays as before."""
    free_bytes = size_bytes - len(clip)
    return clip + struct.pack(">I4s", free_bytes, b"free") + bytes(free_bytes - 8)


@functools.cache
def jpeg(*, width: int = 320, height: int = 180) -> bytes:
    """Return a picture."""
    out = io.BytesIO()
    Image.new("RGB", (width, height), (40, 120, 180)).save(out, "JPEG")
    return out.getvalue()


def _made(container: str, options: tuple[str, ...]) -> bytes:
    command = [
        imageio_ffmpeg.get_ffmpeg_exe(),
        *("-nostdin", "-v", "error", "-threads", "1"),
        *("-f", "lavfi", "-i", "testsrc=size=160x90:rate=25:duration=1"),
        *("-f", "lavfi", "-i", "sine=frequency=440:duration=1"),
        *("-c:v", "libx264", "-preset", "ultrafast", "-pix_fmt", "yuv420p", "-c:a", "aac", *options),
        *("-f", container, "-y"),
    ]
    descriptor = os.memfd_create("clip")
    try:
        subprocess.run([*command, f"/dev/fd/{descriptor}"], check=True, pass_fds=(descriptor,))
        size_bytes = os.fstat(descriptor).st_size
        return os.pread(descriptor, size_bytes, 0)
    finally:
        os.close(descriptor)
