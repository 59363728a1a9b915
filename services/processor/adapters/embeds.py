"""The first of a page's videos that is there: pages name players and streams that are long gone."""

from typing import Any
from urllib.parse import urlsplit

from yt_dlp.networking import Request  # type: ignore[import-untyped]  # ships no types

from services.chassis.errors import ClipferryError, Reason
from services.processor.adapters.sniff import SNIFFED_BYTES, sniff

_TRIED_COUNT = 5
"""Videos of a page that are looked at, at most."""
_DIRECT_PROTOCOLS = frozenset({None, "http", "https"})

Info = dict[str, Any]


def first_playable(ydl: Any, listed: list[Info]) -> Info:
    """Return yt-dlp's description of the first of several videos of a page that can be fetched.

    Raises:
        Exception: What the first one raised, when none can.
    """
    failures: list[Exception] = []
    for entry in _mp4_first(listed)[:_TRIED_COUNT]:
        try:
            info: Info = entry if entry.get("formats") else ydl.process_ie_result(entry, download=False)
            _look_at_bytes(ydl, info)
        except Exception as error:  # noqa: BLE001 - whatever is wrong with one of them, the next may do
            failures.append(error)
        else:
            return info
    raise failures[0]


def _mp4_first(listed: list[Info]) -> list[Info]:
    """Return the list with an mp4 before other files of the name of the first: pages offer one video in several types.

    Its name is what yt-dlp makes the id of.
    """
    same = [entry for entry in listed if entry.get("id") and entry["id"] == listed[0].get("id")]
    same.sort(key=lambda entry: not urlsplit(str(entry.get("url") or "")).path.lower().endswith(".mp4"))
    return same + [entry for entry in listed if entry not in same]


def _look_at_bytes(ydl: Any, info: Info) -> None:
    """Raise what the site answers instead of a file, or UNPLAYABLE when it is no media."""
    formats = info.get("requested_formats") or [info]
    for fmt in formats:
        if fmt.get("protocol") not in _DIRECT_PROTOCOLS or not fmt.get("url"):
            continue
        with ydl.urlopen(Request(fmt["url"], headers=dict(fmt.get("http_headers") or {}))) as response:
            if not sniff(response.read(SNIFFED_BYTES)):
                raise ClipferryError(Reason.UNPLAYABLE, "What the page calls a video is none.")
