"""``python -m tests.bench [--only NAME]``: run the benchmarks and print the table."""

import argparse
import asyncio
from collections.abc import Callable, Coroutine, Mapping, Sequence
from typing import Any

from rich.console import Console
from rich.table import Table

from tests.bench.figure import Figure, spread
from tests.bench.lives import durable_lives
from tests.bench.upload import upload_path
from tests.bench.whole_job import whole_jobs

BENCHMARKS: Mapping[str, Callable[[], Coroutine[Any, Any, Sequence[Figure]]]] = {
    "lives": durable_lives,
    "upload": upload_path,
    "jobs": whole_jobs,
}


def main() -> None:
    """Run them."""
    parser = argparse.ArgumentParser(prog="make bench")
    parser.add_argument("--only", choices=sorted(BENCHMARKS))
    only = parser.parse_args().only
    table = Table("figure", "ours", "peer", "ratio", "goal", "peer is", title="median (minimum–maximum)")
    for name, benchmark in BENCHMARKS.items():
        if only in (None, name):
            for figure in asyncio.run(benchmark()):
                ratio = "–" if figure.ratio is None else f"{figure.ratio:.2f}"
                row = (figure.name, spread(figure.ours), spread(figure.peer), ratio, figure.goal, figure.peer_name)
                table.add_row(*row)
    Console(width=160).print(table)


if __name__ == "__main__":
    main()
