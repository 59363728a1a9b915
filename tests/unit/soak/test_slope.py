"""Slopes of numbers whose rise is known."""

import random

import pytest

from tests.soak.slope import slope

SECONDS = list(range(600))


def test_a_steady_rise_is_found_through_outliers() -> None:
    """One look in twenty shows something else altogether."""
    chance = random.Random(1)
    values = [9_000.0 if chance.randrange(20) == 0 else 50 + second / 360 for second in SECONDS]

    found = slope(SECONDS, values)

    assert found.per_h == pytest.approx(10, rel=0.05)
    assert 0 < found.low_per_h <= found.per_h <= found.high_per_h
    assert found.first == pytest.approx(50.1, abs=0.1)
    assert found.last == pytest.approx(51.6, abs=0.1)
    assert found.sure_rise == pytest.approx(1.66, rel=0.1)


def test_what_only_wavers_does_not_surely_rise() -> None:
    """Also where looks that follow each other are alike."""
    for seed in range(20):
        chance = random.Random(seed)
        values, value = [], 0.0
        for _ in SECONDS:
            value = 0.9 * value + chance.uniform(-1, 1)
            values.append(value)
        found = slope(SECONDS, values)
        assert found.sure_rise < 1


def test_what_stays_does_not_rise() -> None:
    found = slope(SECONDS, [7.0] * len(SECONDS))

    assert (found.per_h, found.low_per_h, found.high_per_h) == (0, 0, 0)
    assert found.first == found.last == 7


def test_few_looks_are_never_sure() -> None:
    """Three looks that rise may do so by chance; the least slope of them is what is sure."""
    found = slope([0, 1, 2], [0.0, 1.0, 5.0])

    assert found.low_per_h == 3600
    assert found.high_per_h == 4 * 3600
