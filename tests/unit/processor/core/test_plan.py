"""What a run will do is decided from what the site says, before the download."""

from dataclasses import replace

import pytest

from services.chassis.errors import ClipferryError, Reason
from services.processor.core.plan import Fit, Limits, Plan, check, make_plan
from services.processor.core.run import Entry, FetchRequest, Offer
from tests.fakes.processor_tools import FOUND

LIMITS = Limits(video_bytes=52_428_800, total_bytes=80_000_000, telegram_bytes=50_000_000)
ASKED = FetchRequest(url="https://example.com/")
LIST = tuple(Entry(item=item, title="x", url="https://example.com/x") for item in (1, 2))


@pytest.mark.parametrize(
    ("estimated_bytes", "fit"),
    [(0, Fit.UNKNOWN), (1, Fit.AS_IS), (50_000_000, Fit.AS_IS), (50_000_001, Fit.TOO_LARGE)],
)
def test_the_fit_follows_the_announced_size(estimated_bytes: int, fit: Fit) -> None:
    assert make_plan(replace(FOUND, estimated_bytes=estimated_bytes), ASKED, LIMITS).fit is fit


@pytest.mark.parametrize(("max_bytes", "limit_bytes"), [(0, 50_000_000), (1_000, 1_000), (60_000_000, 50_000_000)])
def test_the_lowest_limit_counts(max_bytes: int, limit_bytes: int) -> None:
    assert make_plan(FOUND, replace(ASKED, max_bytes=max_bytes), LIMITS).limit_bytes == limit_bytes


@pytest.mark.parametrize(
    ("estimated_bytes", "merges", "reserve_bytes"),
    [(3_000, False, 3_000), (3_000, True, 6_000), (0, False, 50_000_000), (0, True, 80_000_000)],
)
def test_the_estimate_is_reserved_twice_only_for_a_merge(
    estimated_bytes: int, merges: bool, reserve_bytes: int
) -> None:
    """A merge of unknown size may fill all memory, and be no larger than half of it."""
    found = replace(FOUND, estimated_bytes=estimated_bytes, merges=merges)
    assert make_plan(found, ASKED, LIMITS).reserve_bytes == reserve_bytes


def offered(*offers: Offer, **changes: object) -> Plan:
    return make_plan(replace(FOUND, offers=offers, **changes), ASKED, LIMITS)  # type: ignore[arg-type]


HUGE = Offer(format_id="huge", estimated_bytes=90_000_000, width=1920, height=1080)
GOOD = Offer(format_id="good", estimated_bytes=40_000_000, width=1280, height=720)
TINY = Offer(format_id="tiny", estimated_bytes=2_000_000, width=320, height=180)
UNKNOWN = Offer(format_id="unknown", width=1280, height=720)


@pytest.mark.parametrize(
    ("offers", "duration_s", "format_id", "fit"),
    [
        ((GOOD, TINY), 60.0, "good", Fit.AS_IS),
        ((HUGE, GOOD, TINY), 60.0, "good", Fit.SMALLER_FORMAT),
        ((UNKNOWN, TINY), 60.0, "unknown", Fit.UNKNOWN),
        ((HUGE,), 60.0, "huge", Fit.TRANSCODE),
        ((HUGE,), None, "huge", Fit.TOO_LARGE),
        ((HUGE,), 7_200.0, "huge", Fit.TOO_LARGE),
        ((replace(HUGE, streams=False),), 60.0, "huge", Fit.TOO_LARGE),
        ((GOOD, replace(HUGE, plays=False)), 60.0, "good", Fit.AS_IS),
        ((replace(GOOD, plays=False),), 60.0, "good", Fit.TRANSCODE),
        ((replace(GOOD, plays=False),), None, "good", Fit.AS_IS),
        ((replace(GOOD, plays=False, streams=False),), 60.0, "good", Fit.AS_IS),
        ((replace(GOOD, merges=True), TINY), 60.0, "good", Fit.AS_IS),
        ((replace(GOOD, merges=True, estimated_bytes=40_000_001), TINY), 60.0, "tiny", Fit.SMALLER_FORMAT),
    ],
)
def test_the_best_offer_that_plays_and_fits_is_taken(
    offers: tuple[Offer, ...], duration_s: float | None, format_id: str, fit: Fit
) -> None:
    """Else one is re-encoded, else too large: the last resort is what does not play and has to be fetched whole.

    A merge may be half as large as all memory: 40 of 80 MB.
    """
    plan = offered(*offers, duration_s=duration_s)

    assert (plan.format_id, plan.fit) == (format_id, fit)
    assert (plan.recipe is not None) is (fit is Fit.TRANSCODE)
    assert fit is not Fit.TRANSCODE or plan.reserve_bytes <= plan.limit_bytes == 50_000_000


def test_no_larger_picture_is_reencoded_than_is_needed() -> None:
    """Of what is offered in 2160, 1080 and 360 lines, 720 are made of the 1080."""
    lines = {"2160": (3840, 2160), "1080": (1920, 1080), "360": (640, 360)}
    offers = [
        Offer(format_id=name, estimated_bytes=60_000_000, width=width, height=height, plays=False)
        for name, (width, height) in lines.items()
    ]
    plan = offered(*offers, duration_s=60.0)

    assert (plan.format_id, plan.width, plan.height) == ("1080", 1280, 720)


def test_what_is_live_is_taken_as_it_is() -> None:
    assert offered(HUGE, is_live=True).fit is Fit.UNKNOWN


def _refusal(found_changes: dict[str, object], asked_changes: dict[str, object]) -> Reason | None:
    found = replace(FOUND, **found_changes)  # type: ignore[arg-type]
    asked = replace(ASKED, **asked_changes)  # type: ignore[arg-type]
    try:
        check(found, asked, make_plan(found, asked, LIMITS))
    except ClipferryError as error:
        return error.reason
    return None


@pytest.mark.parametrize(
    ("found", "asked", "reason"),
    [
        ({}, {}, None),
        ({"is_live": True}, {}, Reason.LIVE),
        ({"is_live": True}, {"allow_live": True}, None),
        ({"entries": LIST, "format_id": ""}, {}, Reason.PLAYLIST_NEEDS_CONFIRM),
        ({"entries": LIST, "format_id": ""}, {"playlist_item": 2}, None),
        ({"entries": LIST}, {}, None),
        ({"duration_s": 61.0}, {"max_duration_s": 60.0}, Reason.DURATION_TOO_LONG),
        ({"duration_s": 60.0}, {"max_duration_s": 60.0}, None),
        ({"duration_s": 60.9}, {"max_duration_s": 60.0}, None),
        ({"duration_s": 61.0, "is_live": True}, {"max_duration_s": 60.0, "allow_live": True}, None),
        ({"duration_s": 61.0}, {}, None),
        ({"estimated_bytes": 50_000_001}, {}, Reason.VIDEO_TOO_LARGE),
    ],
)
def test_what_was_not_asked_for_is_refused(
    found: dict[str, object], asked: dict[str, object], reason: Reason | None
) -> None:
    assert _refusal(found, asked) is reason
