"""The authorities whose word yt-dlp takes for who a site is, read once: it reads their certificates for each job."""

from functools import cache
from typing import Any

from yt_dlp.networking import common  # type: ignore[import-untyped]  # ships no types


def install() -> None:
    """Make all TLS of this process and its children use what was read once for the same wishes."""
    common.make_ssl_context = cache(common.make_ssl_context)


def read_certificates(ydl: Any) -> None:
    """Read what requests of `ydl` will need, before the first one."""
    for handler in ydl._request_director.handlers.values():
        handler._make_sslcontext()
