"""What the page says of a figure."""

import pytest

from tests.bench import __main__ as bench
from tests.bench.figure import Compared, Figure
from tests.bench.report.page import PAGE, runs_in_words, shown_figure


@pytest.mark.parametrize(
    ("figure", "shown"),
    [
        (Figure("S2: forkserver, MB", [70.0]), "forkserver, MB: 70"),
        (Figure("S2: idle, MB", [70.0], "≤ 82"), "idle, MB: 70, goal ≤ 82"),
        (Figure("S2: idle, MB", [90.0], "≤ 82"), "idle, MB: 90, goal ≤ 82 **falls short**"),
        (
            Figure("A1: CPU µs", [5.0], "–", [10.0], "A peer: as fast as it gets", Compared.PEER_BY_OURS),
            "CPU µs (A peer ÷ ours): 2",
        ),
        (Figure("A2: ms", [5.0], "≤ 9", [1.0], "A peer: slow", Compared.OURS), "ms: 5, goal ≤ 9; A peer: 1"),
    ],
)
def test_a_figure_without_a_goal_is_shown_too(figure: Figure, shown: str) -> None:
    """It stands beside what has one, and claims nothing; a peer that nothing is divided by is not left out."""
    assert shown == shown_figure(figure)


def test_the_page_names_the_rows_with_fewer_runs() -> None:
    """By the runs that there are, not by what somebody once wrote."""
    usual = Figure("P2: MB/s", [1.0] * 5)
    assert runs_in_words([usual]) == "Each figure has at least 5 runs."
    found = runs_in_words([usual, Figure("P2: MB", [1.0] * 2), Figure("P3: MB", [1.0]), Figure("P4: ms", [1.0] * 10)])
    assert found == "Each figure has at least 5 runs; fewer have some of P2 2, P3 1."


def test_the_page_is_not_written_while_rows_of_it_would_be_lost(monkeypatch: pytest.MonkeyPatch) -> None:
    """In a new clone nothing is kept of what the page shows."""
    monkeypatch.setattr(bench, "last_results", dict)
    before = PAGE.read_bytes()

    with pytest.raises(SystemExit, match=r"stays as it is: .* api-requests, .*streamed"):
        bench._write_page()

    assert PAGE.read_bytes() == before
