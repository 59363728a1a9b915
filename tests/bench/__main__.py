"""``python -m tests.bench [--only NAME]``: run the benchmarks and print the table."""

import argparse
import asyncio
import signal
from collections.abc import Callable, Coroutine, Mapping, Sequence
from typing import Any

from rich.console import Console
from rich.table import Table

from tests.bench.api_rows import api_rows
from tests.bench.crowd_rows import crowds
from tests.bench.fanout_rows import fanout_rows
from tests.bench.figure import Figure, spread
from tests.bench.lives import durable_lives
from tests.bench.queue_rows import queue_rows
from tests.bench.startup import startups
from tests.bench.upload import upload_path
from tests.bench.whole_job import whole_jobs

Benchmark = Callable[[], Coroutine[Any, Any, Sequence[Figure]]]

BENCHMARKS: Mapping[str, Benchmark] = {
    "api": api_rows,
    "fan-out": fanout_rows,
    "lives": durable_lives,
    "queue": queue_rows,
    "upload": upload_path,
    "jobs": whole_jobs,
    "crowd": crowds,
    "startup": startups,
}

GROUPS: Mapping[str, frozenset[str]] = {"pipeline": frozenset({"upload", "jobs", "crowd", "startup"})}
"""Benchmarks that are asked for together; the one of jobs measures the cancel too."""


def main() -> None:
    """Run them."""
    parser = argparse.ArgumentParser(prog="make bench")
    parser.add_argument("--only", choices=sorted({*BENCHMARKS, *GROUPS}))
    only = parser.parse_args().only
    wanted = BENCHMARKS.keys() if only is None else GROUPS.get(only, {only})
    table = Table("figure", "ours", "peer", "ratio", "goal", "peer is", title="median (minimum–maximum)")
    for name, benchmark in BENCHMARKS.items():
        if name in wanted:
            for figure in _run(benchmark):
                ratio = "–" if figure.ratio is None else f"{figure.ratio:.2f}"
                row = (figure.name, spread(figure.ours), spread(figure.peer), ratio, figure.goal, figure.peer_name)
                table.add_row(*row)
    Console(width=160).print(table)


def _run(benchmark: Benchmark) -> Sequence[Figure]:
    try:
        return asyncio.run(_figures(benchmark))
    except (KeyboardInterrupt, asyncio.CancelledError):
        raise SystemExit("stopped; everything that was started has ended") from None


async def _figures(benchmark: Benchmark) -> Sequence[Figure]:
    """Run one, so that it ends what it has started on SIGTERM as on Ctrl-C."""
    task = asyncio.current_task()
    assert task is not None
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, task.cancel)
    return await benchmark()


if __name__ == "__main__":
    main()
