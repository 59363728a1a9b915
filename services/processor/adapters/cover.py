"""The picture that is shown beside a sound: the site's, made a small JPEG."""

import subprocess
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from yt_dlp.networking import Request  # type: ignore[import-untyped]  # ships no types
from yt_dlp.networking.exceptions import RequestError  # type: ignore[import-untyped]  # ships no types

from services.processor.adapters.claims import MOST_PIXELS
from services.processor.adapters.ffmpeg import INPUT_LIMITS, ONE_THREAD, QUIET, small_picture_arguments
from services.processor.adapters.messages import COVER_LIMIT_BYTES, COVER_NAME

_FETCH_LIMIT_BYTES = 8_000_000
_FETCH_TIMEOUT_S = 15.0
_READ_TIMEOUT_S = 5.0
_CONVERT_TIMEOUT_S = 10.0
_BLOCK_BYTES = 65_536
_TRIED_COUNT = 2


def keep_embedded_cover(sound: Path, job_dir: Path) -> None:
    """Write the picture inside a sound as `COVER_NAME`; writes nothing where there is none."""
    _convert([*INPUT_LIMITS, "-i", str(sound)], b"", job_dir / COVER_NAME, stream="0:v:0")


def make_cover(ydl: Any, info: Mapping[str, Any], job_dir: Path) -> None:
    """Write the site's picture as `COVER_NAME`; writes nothing where there is none that can be read in time.

    It is chosen for the page, so that it takes the place of one from inside the file.
    """
    for url in _pictures(info)[:_TRIED_COUNT]:
        data = _fetch(ydl, url)
        demuxer = _demuxer(data)
        source = ["-max_pixels", str(MOST_PIXELS), "-f", demuxer, "-protocol_whitelist", "pipe", "-i", "pipe:0"]
        if demuxer and _convert(source, data, job_dir / COVER_NAME):
            return


def _pictures(info: Mapping[str, Any]) -> list[str]:
    listed = [str(one.get("url") or "") for one in reversed(info.get("thumbnails") or ())]
    urls = dict.fromkeys([str(info.get("thumbnail") or ""), *listed])
    return [url for url in urls if url.startswith(("http://", "https://"))]


def _fetch(ydl: Any, url: str) -> bytes:
    data = bytearray()
    end_s = time.monotonic() + _FETCH_TIMEOUT_S
    try:
        with ydl.urlopen(Request(url, extensions={"timeout": _READ_TIMEOUT_S})) as response:
            while block := response.read(_BLOCK_BYTES):
                data += block
                if len(data) > _FETCH_LIMIT_BYTES or time.monotonic() > end_s:
                    return b""
    except (RequestError, OSError):
        return b""
    return bytes(data)


def _demuxer(data: bytes) -> str:
    if data.startswith(b"\xff\xd8\xff"):
        return "jpeg_pipe"
    if data.startswith(b"\x89PNG"):
        return "png_pipe"
    return "webp_pipe" if data[:4] == b"RIFF" and data[8:12] == b"WEBP" else ""


def _convert(source: list[str], data: bytes, result: Path, *, stream: str = "0:V:0") -> bool:
    try:
        done = subprocess.run(  # noqa: S603 - our own arguments
            ["ffmpeg", *QUIET, *ONE_THREAD, *source, *small_picture_arguments(quality=4, stream=stream)],  # noqa: S607 - PATH holds nothing else
            input=data,
            capture_output=True,
            check=False,
            timeout=_CONVERT_TIMEOUT_S,
        )
    except subprocess.TimeoutExpired:
        return False
    if done.returncode != 0 or not 0 < len(done.stdout) <= COVER_LIMIT_BYTES:
        return False
    result.write_bytes(done.stdout)
    return True
