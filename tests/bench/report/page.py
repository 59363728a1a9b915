"""docs/goals.md and its pictures, from the figures that were measured last."""

from collections.abc import Mapping, Sequence
from pathlib import Path

from tests.bench.figure import NO_GOAL, Figure, spread
from tests.bench.goals import GOALS, NO_PROFILE, Goal
from tests.bench.report.picture import picture
from tests.bench.report.results import Result

DOCS = Path(__file__).parents[3] / "docs"
PAGE = DOCS / "goals.md"
_HEAD = """\
# Goals in figures

Each row is a goal that `make bench` measures: ours and the peers in the same run on the same machine, in turns, and in
every second round the other way round; CPU time as the operating system counts it. Shown is the median, with minimum
and maximum; a ratio is that of a run of ours and the peer's run beside it. What has no goal explains what has one.
Every benchmark counts what arrived and fails if something is missing. It fails too where a peer is not there: the table
says which rows have none. `make bench ONLY=F1` runs one row, `ONLY=fan-out` an area; `make bench PAGE=1` also writes
this page, from what each benchmark found when it last succeeded in this clone, and leaves it as it is while one has
not. What grows over time, `make soak MINUTES=10` says: it fails if memory, descriptors, threads, tasks or a database do
after the warm-up.
{runs}
"""
_USUAL_RUNS_COUNT = 5


def write_page(results: Mapping[str, Result]) -> Sequence[Path]:
    """Write the page and the pictures; returns their files."""
    figures = [figure for result in results.values() for figure in result.figures]
    areas = list(dict.fromkeys(goal.area for goal in GOALS))
    pictures = [DOCS / "pictures" / f"bench-{area}.svg" for area in areas]
    for area, path in zip(areas, pictures, strict=True):
        path.write_text(picture(area, in_area(area, figures)))
    parts = (_table(results), _short(figures), _peers(figures), _measured(results), _pictures(areas))
    PAGE.write_text("\n".join([_HEAD.format(runs=runs_in_words(figures)), *(line for part in parts for line in part)]))
    return [PAGE, *pictures]


def runs_in_words(figures: Sequence[Figure]) -> str:
    """Say how many runs each figure has, and name the rows where some have fewer than the others."""
    fewest: dict[str, int] = {}
    for figure in figures:
        fewest[figure.row] = min(fewest.get(figure.row, _USUAL_RUNS_COUNT), len(figure.ours))
    fewer = [f"{row} {count}" for row, count in sorted(fewest.items()) if count < _USUAL_RUNS_COUNT]
    usual = f"Each figure has at least {_USUAL_RUNS_COUNT} runs"
    return f"{usual}; fewer have some of {', '.join(fewer)}." if fewer else f"{usual}."


def in_area(area: str, figures: Sequence[Figure]) -> Sequence[Figure]:
    """Return those of an area, by row."""
    rows = [goal.row for goal in GOALS if goal.area == area]
    return sorted((figure for figure in figures if figure.row in rows), key=lambda figure: figure.row)


def _table(results: Mapping[str, Result]) -> list[str]:
    lines = ["| row | work | goal | measured | how |", "|---|---|---|---|---|"]
    return [*lines, *(_row(goal, results) for goal in GOALS), ""]


def _row(goal: Goal, results: Mapping[str, Result]) -> str:
    figures = [figure for result in results.values() for figure in result.figures if figure.row == goal.row]
    measured = "<br>".join(shown_figure(figure) for figure in figures) or "not yet measured"
    return f"| {goal.row} | {goal.work} | {goal.goal} | {measured} | {goal.how} |"


def shown_figure(figure: Figure) -> str:
    """Return what was measured, with the goal where it has one, and the peer where it only stands beside."""
    what = figure.name.removeprefix(f"{figure.row}: ")
    divided = f" ({figure.divided})" if figure.ratios else ""
    peer = f"; {figure.peer_name.partition(':')[0]}: {spread(figure.peer)}" if figure.peer and not figure.ratios else ""
    goal = f", goal {figure.goal}" if figure.goal != NO_GOAL else ""
    verdict = " **falls short**" if figure.is_met is False else ""
    return f"{what}{divided}: {spread(figure.values)}{goal}{verdict}{peer}"


def _short(figures: Sequence[Figure]) -> list[str]:
    rows = {figure.row for figure in figures if figure.is_met is False}
    lines = [f"- **{goal.row}**: {goal.profile or NO_PROFILE}" for goal in GOALS if goal.row in rows]
    return ["## What falls short, and where its time goes", "", *(lines or ["Nothing."]), ""]


def _peers(figures: Sequence[Figure]) -> list[str]:
    others = [figure.peer_name for figure in figures if figure.peer and not figure.peer_name.startswith("ours")]
    names = dict.fromkeys(others)
    return ["## How the peers are set up", "", *(f"- {name}" for name in names), ""]


def _measured(results: Mapping[str, Result]) -> list[str]:
    lines = [
        f"| {name} | {result.date} | {result.took_s:.0f} s | {result.busy_cores:.1f} | {result.machine} |"
        for name, result in results.items()
    ]
    head = ["| benchmark | date | took | cores busy on average | machine |", "|---|---|---|---|---|"]
    return ["## When and where", "", *head, *lines, ""]


def _pictures(areas: Sequence[str]) -> list[str]:
    return ["## Pictures", "", *(f"![{area}](pictures/bench-{area}.svg)" for area in areas), ""]
