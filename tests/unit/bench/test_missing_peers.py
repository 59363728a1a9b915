"""A run whose peers are not there."""

import pytest

from tests.bench.figure import Compared, Figure
from tests.bench.report.results import Result, failure
from tests.bench.report.table import print_table

ALONE = Figure(
    "A1: CPU µs", [100.0], "≥ 1.4", peer_name="Express", compared=Compared.PEER_BY_OURS, missing="node is missing"
)
BESIDE = Figure("A1: CPU µs", [100.0], "≥ 1.4", [150.0], "Express", Compared.PEER_BY_OURS)


def test_it_fails() -> None:
    """Whoever sees status 0 takes it that everything was compared."""
    assert failure(["A1"], 0, [ALONE]) == "A1 has no peer: node is missing"
    assert not failure(["A1"], 0, [BESIDE])


def test_other_failures_are_named_first() -> None:
    """What did not run at all, and rows of which there is nothing."""
    assert failure(["A1"], 1, []) == "status 1"
    assert failure(["A1", "A2"], 0, [ALONE]) == "nothing of A2"


def test_its_row_says_so(capsys: pytest.CaptureFixture[str]) -> None:
    """In the place of the peer; there is no verdict."""
    result = Result("2026-01-01", "a machine", 1.0, 1.0, failure(["A1"], 0, [ALONE]), [ALONE])
    print_table({"api-requests": result}, ["A1"])
    shown = capsys.readouterr().out
    (row,) = (line for line in shown.splitlines() if "A1: CPU µs" in line)
    assert "no peer: node is missing" in row
    assert "met" not in row
    assert "FAILED: A1 has no peer: node is missing" in shown
