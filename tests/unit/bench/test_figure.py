"""What a figure says of its goal."""

from functools import partial

import pytest

from tests.bench.figure import Compared, Figure, alternated, spread
from tests.bench.report.picture import picture, times_goal
from tests.bench.report.results import dumped, loaded

CHEAPER = Figure(
    "F1: CPU µs / delivery", [10, 20, 10], "≥ 1.3", [14, 30, 12], "Another <server>", Compared.PEER_BY_OURS
)


def test_a_ratio_is_that_of_runs_side_by_side() -> None:
    """A moment in which the machine was busy slows both, and leaves the ratio as it is."""
    assert CHEAPER.ratios == [1.4, 1.5, 1.2]
    assert spread(CHEAPER.ratios) == "1.4 (1.2–1.5)"


@pytest.mark.parametrize(
    ("figure", "is_met"),
    [
        (CHEAPER, True),
        (Figure("Q1: lives / s", [100, 100], "≥ 1.2", [100, 90]), False),
        (Figure("F6: others' p99, ms", [11, 12], "≤ 1.2", [10, 10]), True),
        (Figure("P4: ms", [99.0]), None),
        (Figure("P4: ms", [99.0], "≤ 100"), True),
        (Figure("P2: MB/s", [300.0], "≥ 400", [100.0], "A client", Compared.OURS), False),
        (Figure("A1: CPU µs", [100.0], "≥ 1.4", compared=Compared.PEER_BY_OURS, missing="node is missing"), None),
        (Figure("Q1: lives / s", [100.0], "≥ 1.2", missing="node is missing"), None),
        (Figure("F7: age, s", [0.5], "≤ 1", compared=Compared.OURS, missing="node is missing"), True),
    ],
)
def test_the_median_meets_the_goal_or_not(figure: Figure, is_met: bool | None) -> None:
    """Of the ratio where there is one; without the peer that a ratio needs, nothing is met."""
    assert is_met is figure.is_met


def test_a_goal_that_nobody_could_check_is_refused() -> None:
    """Words would never fall short."""
    with pytest.raises(AssertionError, match="as fast as it gets"):
        Figure("F1: CPU µs", [1.0], "as fast as it gets")


def test_a_cost_without_its_peer_says_why() -> None:
    """Otherwise it would stand there without a verdict, and nobody would ask."""
    with pytest.raises(AssertionError, match="nobody said why there is no peer"):
        Figure("A1: CPU µs", [100.0], "≥ 1.4", compared=Compared.PEER_BY_OURS)


async def test_neither_ours_nor_the_peer_is_always_the_first() -> None:
    """Who comes second finds warm caches, or what the first has left behind."""
    order: list[str] = []

    async def run(name: str) -> int:
        order.append(name)
        return len(order)

    assert await alternated(partial(run, "ours"), partial(run, "peer"), count=3) == ([1, 4, 5], [2, 3, 6])
    assert order == ["ours", "peer", "peer", "ours", "ours", "peer"]
    assert await alternated(partial(run, "ours"), None, count=2) == ([7, 8], [])


def test_a_figure_comes_back_from_its_file() -> None:
    """Each benchmark is a process of its own, and tells what it found in a file."""
    assert loaded(dumped([CHEAPER])) == [CHEAPER]


def test_the_picture_says_what_fell_short() -> None:
    """In words, not by its colour alone."""
    drawn = picture("queue", [CHEAPER, Figure("Q1: lives / s", [100, 100], "≥ 1.2", [100, 90])])
    assert "goal ≥ 1.3: met" in drawn
    assert "goal ≥ 1.2: falls short" in drawn


@pytest.mark.parametrize(("goal", "value", "times"), [("≥ 2", 3.0, 1.5), ("≤ 2", 4.0, 0.5), ("≤ 2", -1.0, 8.0)])
def test_the_picture_shows_how_many_times_better_than_the_goal(goal: str, value: float, times: float) -> None:
    """A growth below nothing is as good as there is, not as bad."""
    assert times_goal(Figure("P2: MB", [value], goal), value) == times
