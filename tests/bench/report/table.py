"""The table in the terminal, and under it who the peers are."""

from collections.abc import Iterable, Mapping, Sequence

from rich.console import Console
from rich.table import Table

from tests.bench.figure import Compared, Figure, spread
from tests.bench.goals import GOALS, NO_PROFILE
from tests.bench.report.results import Result

_VERDICTS = {True: "met", False: "falls short", None: ""}
_COLUMNS = ("figure", "ours", "peer", "ratio", "goal", "result")


def print_table(results: Mapping[str, Result], rows: Iterable[str]) -> None:
    """Print every line of `rows`, medians with minimum and maximum, and what did not run."""
    console = Console(width=190, highlight=False)
    figures = [figure for result in results.values() for figure in result.figures if figure.row in rows]
    peers = _numbered(figures)
    table = Table(*_COLUMNS, title="median (minimum–maximum)")
    for figure in sorted(figures, key=lambda figure: figure.row):
        table.add_row(*_cells(figure, peers))
    console.print(table)
    for name, number in peers.items():
        console.print(f"[{number}] {name}", markup=False)
    for result_name, result in results.items():
        took = f"{result_name}: {result.took_s:.0f} s, {result.busy_cores:.1f} cores busy on average"
        console.print(f"{took}; FAILED: {result.failure}" if result.failure else took, markup=False)
    short = [figure for figure in figures if figure.is_met is False]
    console.print(f"{len(short)} of {sum(figure.is_met is not None for figure in figures)} goals fall short.")
    for figure in short:
        beside = f" ({figure.divided})" if figure.ratios else ""
        console.print(f"  {figure.name}{beside}: {spread(figure.values)}, goal {figure.goal}", markup=False)
    for goal in GOALS:
        if goal.row in {figure.row for figure in short}:
            console.print(f"{goal.row}: {goal.profile or NO_PROFILE}", markup=False)


def _cells(figure: Figure, peers: Mapping[str, int]) -> Sequence[str]:
    beside = f"no peer: {figure.missing}" if figure.missing else "–"
    peer = f"{spread(figure.peer)} \\[{peers[figure.peer_name]}]" if figure.peer else beside
    ratio = f"{spread(figure.ratios)}" if figure.ratios else "–"
    is_upside_down = figure.compared is Compared.PEER_BY_OURS
    return (
        figure.name,
        spread(figure.ours),
        peer,
        f"{ratio}, peer ÷ ours" if figure.ratios and is_upside_down else ratio,
        figure.goal,
        _VERDICTS[figure.is_met],
    )


def _numbered(figures: Sequence[Figure]) -> Mapping[str, int]:
    names = dict.fromkeys(figure.peer_name for figure in figures if figure.peer)
    return {name: number for number, name in enumerate(names, 1)}
