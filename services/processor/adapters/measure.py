"""Asks the web what a page does not say of its media: how large a file is, and how long it lasts."""

import os
import re
import subprocess
from collections.abc import Mapping
from typing import Any

from yt_dlp.networking import Request  # type: ignore[import-untyped]  # ships no types
from yt_dlp.networking.exceptions import RequestError  # type: ignore[import-untyped]  # ships no types

from services.processor.adapters.claims import seconds, size
from services.processor.adapters.ffmpeg import WEB_LIMITS, Streams, parse_streams, web_input
from services.processor.adapters.offers import HLS_PROTOCOLS, formats_of, is_direct, streams
from services.processor.adapters.tally import estimated_bytes

_ASKED_COUNT = 4
"""Files of one page that are asked for their size."""
_TIMEOUT_S = 8.0
_DESCRIBE_TIMEOUT_S = 8.0
_HEAD_BYTES = 4_000_000
_OBEYS_RANGES = "_obeys_ranges"
"""Our own field of a format."""
_PLAYLIST_LIMIT_BYTES = 2_000_000
_PIECE = re.compile(rb"^#EXTINF:\s*(\d+(?:\.\d+)?)", re.MULTILINE)
_TOTAL = re.compile(r"bytes 0-\d+/(\d+)\Z")


def fill_sizes(ydl: Any, info: Mapping[str, Any]) -> None:
    """Write the size of plain files into their formats, where the site announces it and the page does not.

    What cannot be asked stays unknown: the download will say more.
    """
    unknown = [fmt for fmt in formats_of(info) if is_direct(fmt) and not estimated_bytes(fmt)]
    for fmt in unknown[-_ASKED_COUNT:]:
        size_bytes, fmt[_OBEYS_RANGES] = _announced_bytes(ydl, fmt)
        if size_bytes:
            fmt["filesize"] = size_bytes


def fill_estimates(ydl: Any, info: dict[str, Any], fmt: Mapping[str, Any]) -> None:
    """Write what bitrates and the duration make of sizes into the formats of a video.

    A page that only names an HLS stream does not say how long it lasts: then the pieces of `fmt` do.
    """
    duration_s = info.get("duration") or seconds(_playlist_s(ydl, fmt))
    if not duration_s:
        return
    info["duration"] = duration_s
    for one in formats_of(info):
        if one.get("tbr") and not estimated_bytes(one):
            one["filesize_approx"] = size(one["tbr"] * 1000 / 8 * duration_s)


def _playlist_s(ydl: Any, fmt: Mapping[str, Any]) -> float:
    """Return how long an HLS stream lasts; 0 where that is unknown."""
    if fmt.get("protocol") not in HLS_PROTOCOLS:
        return 0.0
    try:
        with ydl.urlopen(_request(fmt)) as response:
            playlist = response.read(_PLAYLIST_LIMIT_BYTES)
    except (RequestError, OSError):
        return 0.0
    return sum(map(float, _PIECE.findall(playlist))) if b"#EXT-X-ENDLIST" in playlist else 0.0


def _request(fmt: Mapping[str, Any], headers: Mapping[str, str] | None = None) -> Request:
    whole = {**(fmt.get("http_headers") or {}), **(headers or {})}
    return Request(fmt["url"], headers=whole, extensions={"timeout": _TIMEOUT_S})


def _announced_bytes(ydl: Any, fmt: Mapping[str, Any]) -> tuple[int, bool]:
    """Return how large a file is, 0 when unknown, and whether parts of it can be asked for."""
    request = _request(fmt, {"Range": "bytes=0-0", "Accept-Encoding": "identity"})
    try:
        # Not HEAD: many signed addresses take nothing but GET. The body is not read.
        with ydl.urlopen(request) as response:
            total = _TOTAL.match(response.headers.get("Content-Range") or "")
            if total:
                return int(total[1]), True
            length = response.headers.get("Content-Length") or ""
            is_whole = response.status == 200 and not response.headers.get("Content-Encoding")
            return int(length) if is_whole and length.isdigit() else 0, False
    except (RequestError, OSError):
        return 0, False


def describe_on_the_web(ydl: Any, fmt: Mapping[str, Any], proxy_url: str) -> Streams | None:
    """Return what ffmpeg says of a format without downloading it; None where it cannot be asked."""
    if not streams(fmt):
        return None
    # A site that cannot be asked for parts would send everything, in search of an index at its end.
    bounded = ["-end_offset", str(_HEAD_BYTES)] if is_direct(fmt) and not fmt.get(_OBEYS_RANGES) else []
    try:
        done = subprocess.run(  # noqa: S603 - our own arguments
            ["ffmpeg", "-nostdin", "-hide_banner", *WEB_LIMITS, *bounded, *web_input(ydl, fmt)],  # noqa: S607 - PATH holds nothing else
            stdin=subprocess.DEVNULL,
            capture_output=True,
            check=False,
            timeout=_DESCRIBE_TIMEOUT_S,
            env=os.environ | {"http_proxy": proxy_url},
        )
    except subprocess.TimeoutExpired:
        return None
    return parse_streams(done.stderr.decode(errors="replace"))
