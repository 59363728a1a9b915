"""What is said of the age of a slow reader's news."""

import pytest

from tests.bench.fanout.slow import Age, growth_s_per_s

_MOMENTS_S = [number / 10 for number in range(200)]


@pytest.mark.parametrize(
    ("age_s_per_s", "found"),
    [(0.0, 0.0), (0.9, 0.9), (-0.1, -0.1)],
)
def test_growth_is_told_as_seconds_each_second(age_s_per_s: float, found: float) -> None:
    """Who falls ever further behind by 0.9 s a second is not steady, however young the news still is."""
    ages = [Age(at_s, 0.5 + at_s * age_s_per_s) for at_s in _MOMENTS_S]
    assert growth_s_per_s(ages, 20.0) == pytest.approx(found, abs=0.02)


def test_filling_the_buffers_is_no_growth() -> None:
    """In the first third an age rises from nothing to what the buffers hold."""
    ages = [Age(at_s, min(at_s, 0.5)) for at_s in _MOMENTS_S]
    assert growth_s_per_s(ages, 20.0) == 0
