"""The size of parts: large on a fast line, small on a slow one, and never jumping."""

import pytest

from services.processor.core.part_size import LEAST_BYTES, PartSize

MOST = 8 * LEAST_BYTES


def test_a_fast_line_gets_the_largest_parts_after_a_few_looks() -> None:
    size = PartSize(MOST, begun_at_s=0)
    seen = []
    for look in range(1, 5):
        size.heard(look * 50_000_000, now_s=look * 0.05)
        seen.append(size.bytes)

    assert seen == [4 * LEAST_BYTES, MOST, MOST, MOST]


@pytest.mark.parametrize(("bytes_per_s", "expected"), [(50_000, LEAST_BYTES), (2_000_000, 200_000), (10**9, MOST)])
def test_a_part_is_under_way_for_a_tenth_of_a_second(bytes_per_s: int, expected: int) -> None:
    size = PartSize(MOST, begun_at_s=0)
    for look in range(1, 10):
        size.heard(look * bytes_per_s, now_s=look)

    assert size.bytes == expected


def test_a_line_that_turns_slow_gets_small_parts_at_once() -> None:
    size = PartSize(MOST, begun_at_s=0)
    for look in range(1, 5):
        size.heard(look * 50_000_000, now_s=look * 0.05)
    assert size.bytes == MOST

    size.heard(200_100_000, now_s=2.2)

    assert size.bytes == LEAST_BYTES


def test_two_reports_at_one_moment_do_no_harm() -> None:
    size = PartSize(MOST, begun_at_s=0)

    size.heard(1000, now_s=0)
    size.heard(2000, now_s=0)

    assert LEAST_BYTES <= size.bytes <= MOST


def test_a_small_limit_holds() -> None:
    size = PartSize(1000, begun_at_s=0)
    assert size.bytes == size.least_bytes == 1000

    size.heard(10**9, now_s=1)

    assert size.bytes == 1000
