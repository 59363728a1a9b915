"""What is called a leak, and what is not."""

from tests.soak.series import DESCRIPTORS, RSS, WAL, Measure, Series
from tests.soak.verdict import findings

WARM_UP_S = 180.0


def leaks(**values: list[float]) -> list[str]:
    """Return who leaks, of processes that were looked at once a second."""
    series = Series()
    for at_s in range(600):
        series.add(at_s, {Measure(of, RSS): seen[at_s] for of, seen in values.items()})
    return [finding.measure.of for finding in findings(series, WARM_UP_S) if finding.is_leak]


def test_memory_that_grows_after_the_warm_up_is_a_leak() -> None:
    assert leaks(gateway=[80 + second / 60 for second in range(600)]) == ["gateway"]


def test_memory_that_grows_in_the_warm_up_only_is_none() -> None:
    assert leaks(gateway=[80 + min(second, 170) / 10 for second in range(600)]) == []


def test_a_single_step_is_none() -> None:
    """An allocator takes memory by the piece."""
    assert leaks(gateway=[80.0 if second < 400 else 83.5 for second in range(600)]) == []


def test_the_stand_ins_of_the_sandbox_may_grow() -> None:
    assert leaks(botapi=[80 + second / 10 for second in range(600)]) == []


def test_a_descriptor_a_minute_is_a_leak() -> None:
    series = Series()
    for at_s in range(600):
        series.add(at_s, {Measure("queue", DESCRIPTORS): 20 + at_s // 60})

    assert [finding.is_leak for finding in findings(series, WARM_UP_S)] == [True]


def test_a_log_may_fill_up_to_its_checkpoint() -> None:
    """And no further."""
    series = Series()
    for at_s in range(600):
        series.add(at_s, {Measure("queue.db", WAL): at_s / 60, Measure("gateway.db", WAL): at_s / 20})

    assert [finding.measure.of for finding in findings(series, WARM_UP_S) if finding.is_leak] == ["gateway.db"]


def test_what_was_seen_too_seldom_is_not_judged() -> None:
    series = Series()
    for at_s in range(7):
        series.add(200 + at_s, {Measure("queue", DESCRIPTORS): 20 + at_s})

    assert findings(series, WARM_UP_S) == []
