"""How late an event loop is.

``python -m tests.bench.lag FILE`` runs the notifier and writes a line for each look at its loop.
"""

import asyncio
import sys
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path

from services.chassis.lifecycle import background, main
from services.notifier.config import NotifierSettings
from services.notifier.service import notifier_service

_EVERY_S = 0.002


async def note_lag(path: Path) -> None:
    """Write when a look was due, in seconds of the machine's monotonic clock, and how many milliseconds late it was."""
    with path.open("w", buffering=1) as notes:
        while True:
            due_at_s = time.monotonic() + _EVERY_S
            await asyncio.sleep(_EVERY_S)
            notes.write(f"{due_at_s} {(time.monotonic() - due_at_s) * 1000}\n")


def lag_p99_ms(path: Path, windows: Sequence[tuple[float, float]]) -> list[float]:
    """Return the 99th percentile of the lag in each span of time, in milliseconds."""
    notes = [tuple(map(float, line.split())) for line in path.read_text().splitlines()]
    found = []
    for begin_s, end_s in windows:
        lags_ms = sorted(lag_ms for due_at_s, lag_ms in notes if begin_s <= due_at_s <= end_s)
        found.append(lags_ms[int(len(lags_ms) * 0.99)] if lags_ms else float("nan"))
    return found


@asynccontextmanager
async def _watched_notifier(settings: NotifierSettings) -> AsyncIterator[int]:
    async with notifier_service(settings) as port, background(note_lag(Path(sys.argv[1])), name="lag"):
        yield port


if __name__ == "__main__":
    main("notifier", NotifierSettings, _watched_notifier)
