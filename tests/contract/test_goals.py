"""docs/goals.md and `make bench` speak of the same rows."""

import re

from tests.bench.benchmarks import BENCHMARKS, WANTED
from tests.bench.goals import GOALS
from tests.bench.report.page import PAGE


def test_each_row_of_the_page_is_a_goal_and_the_other_way_round() -> None:
    """The page is written from the goals; a row that is changed by hand, or a goal that is not written, shows."""
    on_page = re.findall(r"^\| ([A-Z]\d) \| (.+?) \| (.+?) \|", PAGE.read_text(), re.MULTILINE)
    assert [(goal.row, goal.work, goal.goal) for goal in GOALS] == on_page


def test_each_goal_has_a_benchmark_and_the_other_way_round() -> None:
    """`make bench` prints every row."""
    assert {goal.row for goal in GOALS} == {row for each in BENCHMARKS.values() for row in each.rows}


def test_a_row_an_area_and_a_benchmark_can_be_asked_for() -> None:
    """``ONLY=Q3``, ``ONLY=queue`` and ``ONLY=claims``."""
    assert {"claims"} == WANTED["Q3"] == WANTED["claims"]
    assert WANTED["Q1"] | WANTED["Q2"] | WANTED["Q3"] == WANTED["queue"]
    assert all(WANTED[word] for goal in GOALS for word in (goal.row, goal.area))
