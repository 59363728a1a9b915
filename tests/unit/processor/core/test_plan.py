"""What a run will do is decided from what the site says, before the download."""

from dataclasses import replace

import pytest

from services.chassis.errors import ClipferryError, Reason
from services.processor.core.plan import Fit, Limits, check, make_plan
from services.processor.core.run import Entry, FetchRequest
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
