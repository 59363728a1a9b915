"""What a run will do with a page, decided before a byte of the media is fetched."""

import enum
from collections.abc import Mapping
from dataclasses import dataclass, replace

from services.chassis.errors import ClipferryError, Reason
from services.processor.core.recipe import Recipe, make_recipe
from services.processor.core.run import FetchRequest, Found, MediaKind, Offer, Run


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
    recipe: Recipe | None = None
    """How it is re-encoded on its way in."""


def make_plan(found: Found, request: FetchRequest, limits: Limits) -> Plan:
    """Return what a run would do. Never refuses: a video that cannot be sent gets ``Fit.TOO_LARGE``.

    In this order: the best offer that plays and fits; one that is re-encoded on its way in; one that does not play but
    fits, and is re-encoded where it lies. An offer of unknown size may fit.

    A merge holds its streams and its result for a moment, so it reserves twice its size and may be half as large as
    all of the memory.
    """
    offers = found.offers or (_only_offer(found),)
    if found.is_live:
        return _as_served(offers[0], Fit.UNKNOWN, request, limits)
    playing = [offer for offer in offers if offer.plays]
    for offer in playing:
        if _fits(offer, request, limits):
            return _as_served(offer, _fit(offer, is_first=offer is playing[0]), request, limits)
    transcoded = _transcoded(offers, found, request, limits)
    if transcoded is not None:
        return transcoded
    for offer in offers:
        if not offer.plays and _fits(offer, request, limits):
            return _as_served(offer, _fit(offer, is_first=True), request, limits)
    return _as_served(min(offers, key=lambda offer: offer.estimated_bytes), Fit.TOO_LARGE, request, limits)


def at_least(found: Found, sizes: Mapping[str, int]) -> Found:
    """Return what a site offers, corrected by what was learned.

    Args:
        sizes: Bytes that offers have at least, by their format id.
    """
    offers = found.offers or (_only_offer(found),)
    corrected = (
        replace(offer, estimated_bytes=max(offer.estimated_bytes, sizes.get(offer.format_id, 0))) for offer in offers
    )
    return replace(found, offers=tuple(corrected))


def _only_offer(found: Found) -> Offer:
    return Offer(
        format_id=found.format_id,
        estimated_bytes=found.estimated_bytes,
        width=found.width,
        height=found.height,
        merges=found.merges,
    )


def _as_served(offer: Offer, fit: Fit, request: FetchRequest, limits: Limits) -> Plan:
    limit_bytes = _limit(offer, request, limits)
    expected_bytes = min(offer.estimated_bytes, limit_bytes) if offer.estimated_bytes else limit_bytes
    return Plan(
        format_id=offer.format_id,
        estimated_bytes=offer.estimated_bytes,
        fit=fit,
        limit_bytes=limit_bytes,
        reserve_bytes=_copies(offer) * expected_bytes,
        width=offer.width,
        height=offer.height,
        merges=offer.merges,
    )


def _transcoded(offers: tuple[Offer, ...], found: Found, request: FetchRequest, limits: Limits) -> Plan | None:
    """Return a plan that re-encodes, from no larger a picture than is needed; None where that makes no sense."""
    readable = [offer for offer in offers if offer.streams]
    is_audio = request.kind is MediaKind.AUDIO or not any(offer.has_picture for offer in offers)
    limit_bytes = min(request_limit(request, limits), limits.total_bytes)
    recipe = make_recipe(found.duration_s, limit_bytes, is_audio=is_audio) if found.duration_s else None
    if recipe is None or not readable:
        return None
    enough = [offer for offer in readable if offer.width * offer.height >= recipe.most_pixels]
    source = min(enough, key=_pixels) if enough and not is_audio else max(readable, key=_pixels)
    scale = min(1.0, (recipe.most_pixels / (_pixels(source) or 1)) ** 0.5)
    return Plan(
        format_id=source.format_id,
        estimated_bytes=recipe.expected_bytes,
        fit=Fit.TRANSCODE,
        limit_bytes=limit_bytes,
        reserve_bytes=recipe.expected_bytes,
        width=round(source.width * scale),
        height=round(source.height * scale),
        merges=False,
        recipe=recipe,
    )


def _pixels(offer: Offer) -> int:
    return offer.width * offer.height


def _copies(offer: Offer) -> int:
    return 2 if offer.merges else 1


def _limit(offer: Offer, request: FetchRequest, limits: Limits) -> int:
    return min(request_limit(request, limits), limits.total_bytes // _copies(offer))


def _fits(offer: Offer, request: FetchRequest, limits: Limits) -> bool:
    return offer.estimated_bytes <= _limit(offer, request, limits)


def _fit(offer: Offer, *, is_first: bool) -> Fit:
    if not offer.estimated_bytes:
        return Fit.UNKNOWN
    return Fit.AS_IS if is_first else Fit.SMALLER_FORMAT


def request_limit(request: FetchRequest, limits: Limits) -> int:
    """Return the most bytes that may be sent for `request`, before anything is known of its media."""
    limit_bytes = min(limits.video_bytes, limits.telegram_bytes)
    return min(limit_bytes, request.max_bytes) if request.max_bytes else limit_bytes


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


def check_not_finished(run: Run, found: Found) -> None:
    """Refuse to record anew what the owner has finished in an earlier run, which could not be sent.

    Raises:
        ClipferryError: LIVE.
    """
    if run.was_finished and found.is_live:
        raise ClipferryError(
            Reason.LIVE,
            "The recording was finished, and could not be sent before its run was over: it is lost. Retry the job to "
            "record what is live now.",
        )


def too_large(size_bytes: int, limit_bytes: int) -> ClipferryError:
    """Return the error for a video over the limit."""
    return ClipferryError(
        Reason.VIDEO_TOO_LARGE,
        f"The video has {size_bytes} bytes; the limit is {limit_bytes} bytes.",
        size_bytes=size_bytes,
        limit_bytes=limit_bytes,
    )
