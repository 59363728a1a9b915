"""Leaves yt-dlp one way to make requests: the standard library's.

yt-dlp takes whichever of requests, websockets and curl_cffi, which impersonates browsers, can be imported. So what
happens would depend on what is installed; and curl_cffi connects from C, where the audit hook sees nothing.
"""

from yt_dlp.networking.common import _REQUEST_HANDLERS  # type: ignore[import-untyped]  # ships no types

_KEPT = "Urllib"


def install() -> None:
    """Take all other handlers away from yt-dlp, in this process and its children."""
    for key in set(_REQUEST_HANDLERS) - {_KEPT}:
        del _REQUEST_HANDLERS[key]
