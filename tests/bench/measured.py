"""``python -m tests.bench.measured NAME FILE``: run one benchmark and write its figures.

Each has a process of its own: what one needs (a core, many sockets, a quiet heap) is not left to the next.
"""

import asyncio
import signal
import sys
from collections.abc import Sequence
from pathlib import Path

from tests.bench.benchmarks import BENCHMARKS
from tests.bench.figure import Figure
from tests.bench.report.results import dumped


def main(name: str, path: Path) -> None:
    """Run it."""
    try:
        figures = asyncio.run(_figures(name))
    except (KeyboardInterrupt, asyncio.CancelledError):
        raise SystemExit("stopped; everything that was started has ended") from None
    path.write_text(dumped(figures))


async def _figures(name: str) -> Sequence[Figure]:
    """Run one, so that it ends what it has started on SIGTERM as on Ctrl-C."""
    task = asyncio.current_task()
    assert task is not None
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, task.cancel)
    return await BENCHMARKS[name].run()


if __name__ == "__main__":
    main(sys.argv[1], Path(sys.argv[2]))
