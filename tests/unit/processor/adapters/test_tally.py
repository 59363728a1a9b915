"""Bytes of several streams as one line."""

from collections.abc import Mapping
from typing import Any

import pytest

from services.processor.adapters.tally import Tally, estimated_bytes


class TooLargeError(Exception):
    """What the tally's owner does instead of going on."""


def run(
    events: list[Mapping[str, Any]], expected: Mapping[str, int], limit_bytes: int = 10**9
) -> list[tuple[int, int, int]]:
    told: list[tuple[int, int, int]] = []

    def refuse(size_bytes: int) -> None:
        raise TooLargeError(size_bytes)

    tally = Tally(
        expected,
        limit_bytes=limit_bytes,
        on_moved=lambda *moved: told.append(moved),
        on_too_large=refuse,
        on_stream=lambda _name: None,
    )
    for event in events:
        tally.hook(event)
    return told


def event(stream: str, done: int, *, status: str = "downloading", **fields: int) -> dict[str, Any]:
    return {
        "status": status,
        "downloaded_bytes": done,
        "filename": stream,
        "info_dict": {"format_id": stream},
        **fields,
    }


def test_two_streams_are_one_line_weighted_by_bytes() -> None:
    """57.6 MiB of picture, then 12.9 MiB of sound: the line goes on where yt-dlp's starts again from 0."""
    picture, sound = 60_397_978, 13_526_630
    whole = picture + sound
    told = run(
        [
            event("v", 0, total_bytes=picture),
            event("v", picture // 2, total_bytes=picture),
            event("v", picture, status="finished", total_bytes=picture),
            event("a", 0, total_bytes=sound),
            event("a", sound, status="finished", total_bytes=sound),
        ],
        {"v": picture, "a": sound},
    )

    assert [done for done, _, _ in told] == [0, picture // 2, picture, picture, whole]
    assert {total for _, total, _ in told} == {whole}


def test_an_unknown_part_makes_the_whole_unknown() -> None:
    """A total that grew later would run the line backwards."""
    told = run([event("v", 10, total_bytes=100), event("a", 10, total_bytes=50)], {"v": 0, "a": 0})

    assert [(done, total) for done, total, _ in told] == [(10, 0), (20, 150)]


def test_an_estimate_that_falls_takes_nothing_back() -> None:
    told = run([event("v", 80, total_bytes_estimate=100), event("v", 70, total_bytes_estimate=60)], {"v": 0})

    assert [(done, total) for done, total, _ in told] == [(80, 100), (80, 80)]


def test_the_limit_counts_all_streams_and_what_is_announced() -> None:
    """At the first block that announces too much; and one byte over, when nothing was announced."""
    with pytest.raises(TooLargeError, match="101"):
        run([event("v", 1, total_bytes=60), event("a", 1, total_bytes=41)], {}, limit_bytes=100)
    with pytest.raises(TooLargeError, match="101"):
        run([event("v", 60), event("a", 40), event("a", 41)], {}, limit_bytes=100)
    # An estimate is not sure enough to end a job.
    assert run([event("v", 1, total_bytes_estimate=1000)], {}, limit_bytes=100)


@pytest.mark.parametrize(
    ("told", "believed"),
    [(None, 0), (-1, 0), ("many", 0), (float("nan"), 0), (1.5e3, 1_500), (10**30, 2**53), (1e400, 2**53)],
)
def test_a_size_is_a_number_that_can_be(told: object, believed: int) -> None:
    """What is more than there can be is as much as there can be, so that it is refused as too large."""
    assert estimated_bytes({"filesize": told}) == believed
