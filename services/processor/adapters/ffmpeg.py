"""How ffmpeg is asked about downloaded bytes, and what it answers. It must trust neither their name nor their kind."""

import re
from dataclasses import dataclass

from services.processor.adapters.sniff import FORMAT_WHITELIST

INPUT_LIMITS = ("-format_whitelist", FORMAT_WHITELIST, "-protocol_whitelist", "file,pipe")
"""Before every ``-i``: a playlist in disguise would make ffmpeg open other files."""
QUIET = ("-nostdin", "-hide_banner", "-loglevel", "error")
ONE_THREAD = ("-threads", "1", "-filter_threads", "1")
"""Decoding with many threads fails or hangs under a limit on memory."""

_STREAM = re.compile(r"^\s*Stream #0:\d+.*?: (Video|Audio): (\w+)[^\n]*$", re.MULTILINE)
_DURATION = re.compile(r"^\s*Duration: (\d+):(\d\d):(\d\d(?:\.\d+)?)", re.MULTILINE)


@dataclass(frozen=True, kw_only=True)
class Streams:
    """What ``ffmpeg -i`` says of a file."""

    video_codec: str
    """Empty when there is no picture; a cover is none."""
    audio_codec: str
    duration_s: float | None


def describe_arguments(source: str) -> list[str]:
    """Return the arguments that make ffmpeg describe `source` on standard error and exit with status 1."""
    return ["-nostdin", "-hide_banner", *INPUT_LIMITS, "-i", source]


def parse_streams(text: str) -> Streams:
    """Return the first picture and the first sound of a description."""
    codecs: dict[str, str] = {}
    for match in _STREAM.finditer(text):
        if "(attached pic)" not in match[0]:
            codecs.setdefault(match[1], match[2])
    duration = _DURATION.search(text)
    return Streams(
        video_codec=codecs.get("Video", ""),
        audio_codec=codecs.get("Audio", ""),
        duration_s=_seconds(*duration.groups()) if duration else None,
    )


def _seconds(hours: str, minutes: str, seconds: str) -> float:
    return int(hours) * 3600 + int(minutes) * 60 + float(seconds)
