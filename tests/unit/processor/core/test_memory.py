"""The account of memory."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.chassis.errors import ClipferryError, Reason
from services.processor.core.memory import MemoryBudget

MIB = 1024 * 1024


def make_budget() -> MemoryBudget:
    return MemoryBudget(max_bytes=200 * MIB, max_per_video_bytes=50 * MIB)


def test_three_videos_of_unknown_size_run_at_once_and_a_fourth_waits() -> None:
    """On the defaults, and the fourth comes in when one of them has gone."""
    budget = make_budget()
    for name in ("a", "b", "c"):
        assert budget.can_admit(50 * MIB)
        budget.allocate(name, 50 * MIB)

    assert not budget.can_admit(50 * MIB)
    with pytest.raises(ClipferryError) as caught:
        budget.allocate("d", 50 * MIB)
    assert caught.value.reason is Reason.MEMORY_BUDGET
    assert budget.stats().current_bytes == 150 * MIB

    assert budget.free("a") == 50 * MIB
    assert budget.can_admit(50 * MIB)


def test_a_video_over_its_limit_is_refused_with_both_numbers() -> None:
    budget = make_budget()

    with pytest.raises(ClipferryError) as caught:
        budget.validate(50 * MIB + 1)

    assert caught.value.reason is Reason.VIDEO_TOO_LARGE
    assert caught.value.metadata == {"size_bytes": str(50 * MIB + 1), "limit_bytes": str(50 * MIB)}


def test_newcomers_leave_five_percent_and_who_runs_may_use_them() -> None:
    budget = make_budget()
    budget.allocate("a", 100 * MIB)

    assert budget.can_admit(90 * MIB)
    assert not budget.can_admit(90 * MIB + 1)
    budget.resize("a", 200 * MIB)
    with pytest.raises(ClipferryError, match="do not fit"):
        budget.resize("a", 200 * MIB + 1)
    assert budget.stats().current_bytes == 200 * MIB


def test_a_job_alone_may_have_everything() -> None:
    """Otherwise it would wait for ever."""
    budget = make_budget()

    assert budget.can_admit(200 * MIB)
    assert not budget.can_admit(200 * MIB + 1)


def test_the_warning_comes_once_for_each_rise() -> None:
    warnings: list[float] = []
    budget = MemoryBudget(max_bytes=100, max_per_video_bytes=100, warning_percent=80, on_warning=warnings.append)
    budget.allocate("a", 80)
    assert warnings == []
    budget.resize("a", 81)
    budget.resize("a", 90)
    assert warnings == [81]
    budget.resize("a", 10)
    budget.resize("a", 85)
    assert warnings == [81, 85]


def test_what_nobody_runs_is_taken_back() -> None:
    cleanups: list[int] = []
    budget = MemoryBudget(max_bytes=100, max_per_video_bytes=100, on_cleanup=cleanups.append)
    budget.allocate("a", 10)
    budget.allocate("b", 20)

    assert budget.clean_up({"a"}) == 20
    assert budget.clean_up({"a"}) == 0
    assert cleanups == [20]
    assert budget.stats().current_bytes == 10
    assert budget.stats().orphan_freed_bytes == 20


def test_the_figures() -> None:
    budget = make_budget()
    budget.allocate("a", 75 * MIB)
    budget.resize("a", 45 * MIB)

    stats = budget.stats()

    assert (stats.current_bytes, stats.peak_bytes, stats.max_bytes) == (45 * MIB, 75 * MIB, 200 * MIB)
    assert (stats.max_per_video_bytes, stats.active_allocations, stats.utilization_percent) == (50 * MIB, 1, 22)
    assert stats.free_bytes == 155 * MIB


@given(st.lists(st.tuples(st.sampled_from("abcd"), st.integers(0, 120), st.booleans())))
def test_the_sum_is_always_what_the_jobs_hold(moves: list[tuple[str, int, bool]]) -> None:
    """Whatever is asked for in whatever order: never over the maximum, and nothing is left when all are free."""
    budget = MemoryBudget(max_bytes=200, max_per_video_bytes=100)
    held: dict[str, int] = {}
    for name, wanted, is_free in moves:
        try:
            if is_free:
                assert budget.free(name) == held.pop(name, 0)
            elif name in held:
                budget.resize(name, wanted)
                held[name] = wanted
            else:
                budget.allocate(name, wanted)
                held[name] = wanted
        except ClipferryError as error:
            assert error.reason is Reason.MEMORY_BUDGET  # noqa: PT017 - one of many moves
        assert budget.stats().current_bytes == sum(held.values()) <= 200
        assert budget.stats().active_allocations == len(held)
    for name in list(held):
        budget.free(name)
    assert budget.stats().current_bytes == 0
