"""How long a job waits for its next run."""

import pytest

from services.queue.core.retry import RetryPolicy


@pytest.mark.parametrize(("attempt", "delay_s"), [(1, 15), (2, 60), (3, 240), (4, 900), (50, 900)])
def test_waits_grow_fourfold_up_to_15_minutes(attempt: int, delay_s: float) -> None:
    assert RetryPolicy(chance=lambda: 0.5).delay_s(attempt) == delay_s


@pytest.mark.parametrize(("chance", "delay_s"), [(0.0, 12), (1.0, 18)])
def test_waits_vary_by_a_fifth(chance: float, delay_s: float) -> None:
    assert RetryPolicy(chance=lambda: chance).delay_s(1) == pytest.approx(delay_s)


@pytest.mark.parametrize(("retry_after_s", "delay_s"), [(3, 12), (100, 100)])
def test_what_was_asked_for_is_a_floor(retry_after_s: float, delay_s: float) -> None:
    assert RetryPolicy(chance=lambda: 0.0).delay_s(1, retry_after_s) == pytest.approx(delay_s)
