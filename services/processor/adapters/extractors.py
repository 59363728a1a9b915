"""yt-dlp's extractors, chosen once: it chooses anew for each object, in a time that grows with the square of them."""

from collections.abc import Mapping
from functools import cache
from typing import Any

from yt_dlp import YoutubeDL  # type: ignore[import-untyped]  # ships no types


def open_with_extractors(options: Mapping[str, Any]) -> YoutubeDL:
    """Return yt-dlp with `options`, and with the extractors that it has by default, in its own order."""
    ydl = YoutubeDL(dict(options), auto_init=False)
    for extractor in _by_default():
        ydl.add_info_extractor(extractor)
    return ydl


@cache
def _by_default() -> tuple[Any, ...]:
    with YoutubeDL({"quiet": True, "cachedir": False}) as ydl:
        return tuple(ydl._ies.values())
