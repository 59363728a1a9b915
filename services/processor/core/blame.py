"""Names what was asked for, and what was asked, in what went wrong."""

from collections.abc import Iterator
from contextlib import contextmanager

from services.chassis.errors import ClipferryError, Reason

_SHOWN_LENGTH = 200
_REASONS_OF_YTDLP = frozenset(
    {
        Reason.SITE_UNSUPPORTED,
        Reason.SITE_UNREACHABLE,
        Reason.NO_VIDEO,
        Reason.GONE,
        Reason.PRIVATE,
        Reason.AUTH_REQUIRED,
        Reason.GEO_BLOCKED,
        Reason.DRM,
        Reason.RATE_LIMITED,
        Reason.LIVE,
        Reason.INCOMPLETE,
        Reason.UNPLAYABLE,
        Reason.STALLED,
        Reason.CHILD_CRASHED,
    }
)
"""What it says, or got: another version may do better, or did better. Limits and the guard are our own."""


@contextmanager
def naming_page(url: str) -> Iterator[None]:
    """Add the page that was asked for to each error of the block: in its sentence and, as `url`, in its metadata.

    Only what the caller sent is named, never where the page led: that would tell of the network behind the guard.
    """
    try:
        yield
    except ClipferryError as error:
        shown = url if len(url) <= _SHOWN_LENGTH else f"{url[:_SHOWN_LENGTH]}…"
        raise ClipferryError(
            error.reason,
            f"{error.message.removesuffix('.')} ({shown}).",
            retry_after_s=error.retry_after_s,
            **error.metadata | {"url": shown},
        ) from error


@contextmanager
def naming_version(ytdlp_version: str) -> Iterator[None]:
    """Add yt-dlp's version, as `ytdlp_version`, to the metadata of each error that it may be to blame for."""
    try:
        yield
    except ClipferryError as error:
        if error.reason in _REASONS_OF_YTDLP:
            error.metadata["ytdlp_version"] = ytdlp_version
        raise
