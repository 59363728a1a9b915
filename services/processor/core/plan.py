"""What a run will do with a page, decided before a byte of the media is fetched."""

import enum
from dataclasses import dataclass

from services.chassis.errors import ClipferryError, Reason
from services.processor.core.run import FetchRequest, Found


class Fit(enum.Enum):
    """Whether and how a video fits the limit."""

    UNKNOWN = "unknown"
    """The site does not say how large it is."""
    AS_IS = "as_is"
    SMALLER_FORMAT = "smaller_format"
    TRANSCODE = "transcode"
    TOO_LARGE = "too_large"


@dataclass(frozen=True, kw_only=True)
class Limits:
    """What bounds every run."""

    video_bytes: int
    """Most bytes of one finished video in memory."""
    total_bytes: int
    """Most bytes that one run can ever hold."""
    telegram_bytes: int
    """Most bytes that Telegram takes."""


@dataclass(frozen=True, kw_only=True)
class Plan:
    """The decision."""

    format_id: str
    estimated_bytes: int
    """0 when the site does not say."""
    fit: Fit
    limit_bytes: int
    """Most bytes that may be sent."""
    reserve_bytes: int
    """Memory to hold while it is fetched."""
    width: int
    height: int
    merges: bool


def make_plan(found: Found, request: FetchRequest, limits: Limits) -> Plan:
    """Return what a run would do. Never refuses: a video that cannot be sent gets ``Fit.TOO_LARGE``.

    A merge holds its streams and its result for a moment, so it reserves twice its size and may be half as large as
    all of the memory.
    """
    copies = 2 if found.merges else 1
    limit_bytes = min(request_limit(request, limits), limits.total_bytes // copies)
    expected_bytes = min(found.estimated_bytes, limit_bytes) if found.estimated_bytes else limit_bytes
    return Plan(
        format_id=found.format_id,
        estimated_bytes=found.estimated_bytes,
        fit=_fit(found, limit_bytes),
        limit_bytes=limit_bytes,
        reserve_bytes=copies * expected_bytes,
        width=found.width,
        height=found.height,
        merges=found.merges,
    )


def request_limit(request: FetchRequest, limits: Limits) -> int:
    """Return the most bytes that may be sent for `request`, before anything is known of its media."""
    limit_bytes = min(limits.video_bytes, limits.telegram_bytes)
    return min(limit_bytes, request.max_bytes) if request.max_bytes else limit_bytes


def _fit(found: Found, limit_bytes: int) -> Fit:
    if not found.estimated_bytes or found.is_live:
        return Fit.UNKNOWN
    return Fit.AS_IS if found.estimated_bytes <= limit_bytes else Fit.TOO_LARGE


def check(found: Found, request: FetchRequest, plan: Plan) -> None:
    """Refuse what the owner did not ask for, and what cannot be sent.

    Raises:
        ClipferryError: PLAYLIST_NEEDS_CONFIRM, LIVE, DURATION_TOO_LONG or VIDEO_TOO_LARGE, with value and limit.
    """
    # A list of which nothing was chosen; a page that merely embeds several videos has a chosen one.
    if len(found.entries) > 1 and not request.playlist_item and not found.format_id:
        raise ClipferryError(
            Reason.PLAYLIST_NEEDS_CONFIRM,
            f"The page is a list of {len(found.entries)} videos; say which item.",
            entry_count=len(found.entries),
        )
    if found.is_live and not request.allow_live:
        raise ClipferryError(Reason.LIVE)
    check_duration(found.duration_s, found, request)
    if plan.fit is Fit.TOO_LARGE:
        raise too_large(plan.estimated_bytes, plan.limit_bytes)


def check_duration(duration_s: float | None, found: Found, request: FetchRequest) -> None:
    """Refuse what is longer than the owner accepts. A recording never is: it is closed when it is long enough.

    Seconds are counted as players show them, without what is left of the last one: sound goes on a little after the
    picture.

    Args:
        duration_s: By the site, or read from the file; None when unknown.

    Raises:
        ClipferryError: DURATION_TOO_LONG.
    """
    limit_s = request.max_duration_s
    if limit_s is None or duration_s is None or found.is_live or int(duration_s) <= limit_s:
        return
    raise ClipferryError(
        Reason.DURATION_TOO_LONG,
        f"The video lasts {int(duration_s)} s; the limit is {limit_s:g} s.",
        duration_s=round(duration_s, 3),
        limit_s=limit_s,
    )


def too_large(size_bytes: int, limit_bytes: int) -> ClipferryError:
    """Return the error for a video over the limit."""
    return ClipferryError(
        Reason.VIDEO_TOO_LARGE,
        f"The video has {size_bytes} bytes; the limit is {limit_bytes} bytes.",
        size_bytes=size_bytes,
        limit_bytes=limit_bytes,
    )
