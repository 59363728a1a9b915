"""Every benchmark, and the rows of docs/goals.md that it measures."""

from collections.abc import Callable, Coroutine, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from tests.bench.api.rows import api_rows
from tests.bench.fanout.bursts import burst_rows
from tests.bench.fanout.costs import cost_rows
from tests.bench.fanout.path import path_rows
from tests.bench.fanout.slow import slow_rows
from tests.bench.fanout.stuck import stuck_rows
from tests.bench.figure import Figure
from tests.bench.goals import GOALS
from tests.bench.growth.rows import growth_rows
from tests.bench.pipeline.crowd import crowds
from tests.bench.pipeline.upload import upload_path
from tests.bench.pipeline.whole_job import whole_jobs
from tests.bench.queue.claim_rows import claim_rows
from tests.bench.queue.life_rows import live_rows
from tests.bench.queue.streamed_rows import durable_lives
from tests.bench.start.startup import startups

AREA_OF_ROW: Mapping[str, str] = {goal.row: goal.area for goal in GOALS}


@dataclass(frozen=True)
class Benchmark:
    """What runs together.

    Args:
        rows: Those that it measures; the first says its area.
        run: Measures.
    """

    rows: Sequence[str]
    run: Callable[[], Coroutine[Any, Any, Sequence[Figure]]]

    @property
    def area(self) -> str:
        """What it is a part of."""
        return AREA_OF_ROW[self.rows[0]]


BENCHMARKS: Mapping[str, Benchmark] = {
    "api-requests": Benchmark(("A1", "A2"), api_rows),
    "deliveries": Benchmark(("F1", "F2", "F4"), cost_rows),
    "bursts": Benchmark(("F3",), burst_rows),
    "reports": Benchmark(("F5",), path_rows),
    "stuck": Benchmark(("F6",), stuck_rows),
    "slow": Benchmark(("F7",), slow_rows),
    "lives": Benchmark(("Q1", "Q2"), live_rows),
    "streamed": Benchmark(("Q1",), durable_lives),
    "claims": Benchmark(("Q3",), claim_rows),
    "upload": Benchmark(("P2",), upload_path),
    "jobs": Benchmark(("P1", "P2", "P3", "P4"), whole_jobs),
    "crowd": Benchmark(("P3",), crowds),
    "startup": Benchmark(("S1", "S2", "S3"), startups),
    "growth": Benchmark(("G1",), growth_rows),
}

WANTED: Mapping[str, frozenset[str]] = {
    **{name: frozenset({name}) for name in BENCHMARKS},
    **{
        word: frozenset(name for name, each in BENCHMARKS.items() if word in (*each.rows, each.area))
        for word in (*AREA_OF_ROW, *AREA_OF_ROW.values())
    },
}
"""Names of benchmarks by what one may ask for: a benchmark, a row, an area."""
