"""How late this process's event loop is, and how much it has to do. Loaded only where metrics are shown."""

import asyncio
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager

from services.chassis.lifecycle import background
from services.chassis.metrics import Gauge, Histogram, Reading, read_by

LAG = Histogram("clipferry_event_loop_lag_seconds", "How late the event loop came to what was due, ten looks a second.")
TASKS = Gauge("clipferry_event_loop_tasks", "Tasks of the event loop that have not ended.")

_EVERY_S = 0.1


@asynccontextmanager
async def loop_watched() -> AsyncIterator[None]:
    """Look at the running loop for the length of the block."""
    with read_by(_tasks):
        async with background(_note_lag(), name="loop-lag"):
            yield


async def _note_lag() -> None:
    loop = asyncio.get_running_loop()
    while True:
        due_at_s = loop.time() + _EVERY_S
        await asyncio.sleep(_EVERY_S)
        LAG.observe(max(loop.time() - due_at_s, 0.0))


async def _tasks() -> Iterable[Reading]:
    return [Reading(TASKS, len(asyncio.all_tasks()))]
