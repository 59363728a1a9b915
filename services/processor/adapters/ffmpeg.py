"""How ffmpeg is asked about downloaded bytes, and what it answers. It must trust neither their name nor their kind."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from services.processor.adapters.claims import MOST_PIXELS, seconds
from services.processor.adapters.codecs import picture_codec
from services.processor.adapters.sniff import FORMAT_WHITELIST

_PICTURE_LIMIT = ("-max_pixels", str(MOST_PIXELS))
INPUT_LIMITS = ("-format_whitelist", FORMAT_WHITELIST, "-protocol_whitelist", "file,pipe", *_PICTURE_LIMIT)
"""Before every ``-i``: a playlist in disguise would make ffmpeg open other files."""
WEB_LIMITS = (
    *("-format_whitelist", f"{FORMAT_WHITELIST},hls,dash,webvtt"),
    *("-protocol_whitelist", "http,https,tcp,tls,httpproxy,crypto,data"),
    *_PICTURE_LIMIT,
)
"""The same for what is read from the web, through the proxy."""
QUIET = ("-nostdin", "-hide_banner", "-loglevel", "error")
ONE_THREAD = ("-threads", "1", "-filter_threads", "1")
"""Decoding with many threads fails or hangs under a limit on memory."""

_HEADER_BREAKS = str.maketrans("", "", "\r\n")

_STREAM = re.compile(r"^\s*Stream #0:\d+.*?: (Video|Audio): (\w+)(?: \(([^()/]+)\))?[^\n]*$", re.MULTILINE)
_HDR_TRANSFERS = ("smpte2084", "arib-std-b67")
_SIZE = re.compile(r"\b([1-9]\d{0,4})x([1-9]\d{0,4})\b")
_DURATION = re.compile(r"^\s*Duration: (\d+):(\d\d):(\d\d(?:\.\d+)?)", re.MULTILINE)


SMALL_SIDE = 320
"""Most pixels of a side of a preview."""


@dataclass(frozen=True, kw_only=True)
class Streams:
    """What ``ffmpeg -i`` says of a file."""

    video_codec: str
    """As in `picture_codec`. Empty when there is no picture; a cover is none."""
    audio_codec: str
    duration_s: float | None
    width: int = 0
    height: int = 0
    transfer: str = ""
    """Of a picture with a high dynamic range: how its numbers stand for light."""


def describe_arguments(source: str) -> list[str]:
    """Return the arguments that make ffmpeg describe `source` on standard error and exit with status 1."""
    return ["-nostdin", "-hide_banner", *INPUT_LIMITS, "-i", source]


def tone_map(transfer: str) -> str:
    """Return the filters that bring a high dynamic range into what 8 bits show; without them the picture is grey.

    Args:
        transfer: As in `Streams`; empty: no filter.
    """
    if not transfer:
        return ""
    return (
        f"zscale=tin={transfer}:pin=bt2020:min=bt2020nc:t=linear:npl=100,format=gbrpf32le,zscale=p=bt709,"
        "tonemap=tonemap=hable:desat=0,zscale=t=bt709:m=bt709:r=tv,"
    )


def small_picture_arguments(*, quality: int, transfer: str = "", stream: str = "0:V:0") -> list[str]:
    """Return the output arguments for one JPEG on standard output that fits `SMALL_SIDE`.

    Upright already: ffmpeg turns frames by itself. Then square pixels, an even number of them, also of a picture that
    is a line.

    Args:
        quality: Of ffmpeg's JPEG, from 2 (good) to 31 (small).
        transfer: As in `Streams`.
        stream: Which picture; by default the first that is no cover.
    """
    factor = f"min(1,{SMALL_SIDE}/max(iw*sar,ih))"
    picture = (
        f"scale='max(2,2*trunc(iw*sar*{factor}/2))':'max(2,2*trunc(ih*{factor}/2))',setsar=1,"
        f"{tone_map(transfer)}scale=out_range=pc,format=yuv420p"
    )
    return ["-map", stream, "-frames:v", "1", "-vf", picture, "-q:v", str(quality), "-f", "mjpeg", "pipe:1"]


def web_input(ydl: Any, fmt: Mapping[str, Any]) -> list[str]:
    """Return the arguments that make ffmpeg read a format of yt-dlp's: cookies, headers and address."""
    url = str(fmt["url"])
    cookies = "".join(
        f"{cookie.name}={cookie.value}; path={cookie.path}; domain={cookie.domain};\r\n"
        for cookie in ydl.cookiejar.get_cookies_for_url(url)
    )
    headers = "".join(
        f"{str(name).translate(_HEADER_BREAKS)}: {str(value).translate(_HEADER_BREAKS)}\r\n"
        for name, value in (fmt.get("http_headers") or {}).items()
    )
    return [*(["-cookies", cookies] if cookies else []), *(["-headers", headers] if headers else []), "-i", url]


def parse_streams(text: str) -> Streams:
    """Return the first picture and the first sound of a description."""
    lines: dict[str, tuple[str, str, str]] = {}
    for match in _STREAM.finditer(text):
        if "(attached pic)" not in match[0]:
            lines.setdefault(match[1], (match[2], match[3] or "", match[0]))
    duration = _DURATION.search(text)
    video_codec, profile, picture = lines.get("Video", ("", "", ""))
    size = _SIZE.search(picture)
    return Streams(
        video_codec=picture_codec(video_codec, profile),
        audio_codec=lines.get("Audio", ("", "", ""))[0],
        duration_s=_seconds(*duration.groups()) if duration else None,
        width=int(size[1]) if size else 0,
        height=int(size[2]) if size else 0,
        transfer=next((transfer for transfer in _HDR_TRANSFERS if transfer in picture), ""),
    )


def _seconds(hours: str, minutes: str, rest: str) -> float | None:
    return seconds(int(hours) * 3600 + int(minutes) * 60 + float(rest))
