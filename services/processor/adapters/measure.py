"""Asks the web what a page does not say of its media: how large a file is, and how long it lasts."""

import os
import re
import subprocess
from collections.abc import Mapping
from typing import Any

from yt_dlp.networking.exceptions import RequestError  # type: ignore[import-untyped]  # ships no types

from services.processor.adapters.claims import seconds, size
from services.processor.adapters.ffmpeg import WEB_LIMITS, Streams, parse_streams, web_input
from services.processor.adapters.mp4 import Movie
from services.processor.adapters.offers import HLS_PROTOCOLS, formats_of, is_direct, streams
from services.processor.adapters.remote import RemoteFile, request
from services.processor.adapters.tally import estimated_bytes

_ASKED_COUNT = 4
"""Files of one page that are looked at."""
_DESCRIBE_TIMEOUT_S = 8.0
_HEAD_BYTES = 4_000_000
_OBEYS_RANGES = "_obeys_ranges"
"""Our own field of a format."""
_BY_INDEX = "_by_index"
"""The same: what is known of its streams is from the index of an mp4, which is silent on colours."""
_DYNAMIC_RANGES = {"smpte2084": "HDR10", "arib-std-b67": "HLG"}
"""yt-dlp's names, by ffmpeg's of a transfer."""
_PLAYLIST_LIMIT_BYTES = 2_000_000
_PIECE = re.compile(rb"^#EXTINF:\s*(\d+(?:\.\d+)?)", re.MULTILINE)


def fill_files(ydl: Any, info: dict[str, Any]) -> None:
    """Write what plain files say of themselves into their formats, where the page does not: size, codecs, picture.

    What cannot be asked stays unknown: the download will say more.
    """
    unknown = [fmt for fmt in formats_of(info) if is_direct(fmt) and not (estimated_bytes(fmt) and fmt.get("vcodec"))]
    for fmt in unknown[-_ASKED_COUNT:]:
        remote = RemoteFile(ydl, fmt)
        fmt[_OBEYS_RANGES] = remote.obeys_ranges
        if remote.size_bytes and not estimated_bytes(fmt):
            fmt["filesize"] = remote.size_bytes
        movie = None if fmt.get("vcodec") else remote.movie()
        if movie is not None:
            fill_streams(info, fmt, movie)
            fmt[_BY_INDEX] = True


def fill_streams(info: dict[str, Any], fmt: dict[str, Any], streams: Streams | Movie) -> None:
    """Write what is in a file into its format, where its site does not say."""
    info["duration"] = info.get("duration") or streams.duration_s
    fmt["width"], fmt["height"] = fmt.get("width") or streams.width, fmt.get("height") or streams.height
    if isinstance(streams, Streams) and streams.transfer:
        fmt["dynamic_range"] = _DYNAMIC_RANGES[streams.transfer]
    # "none" is yt-dlp's word. A silent picture is left open: yt-dlp would look for a sound to go with it.
    fmt["acodec"] = fmt.get("acodec") or streams.audio_codec or None
    fmt["vcodec"] = fmt.get("vcodec") or streams.video_codec or ("none" if streams.audio_codec else None)


def is_well_known(fmt: Mapping[str, Any]) -> bool:
    """Return whether enough is known of the streams of a format to re-encode it."""
    return not fmt.get(_BY_INDEX)


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
        with ydl.urlopen(request(fmt)) as response:
            playlist = response.read(_PLAYLIST_LIMIT_BYTES)
    except (RequestError, OSError):
        return 0.0
    return sum(map(float, _PIECE.findall(playlist))) if b"#EXT-X-ENDLIST" in playlist else 0.0


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
