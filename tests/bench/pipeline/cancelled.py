"""How long a cancelled download goes on living: from the word of its owner until nothing is left of it."""

import asyncio
import time
from pathlib import Path

from sandbox.run.gateway import Gateway
from tests.bench.figure import Figure
from tests.bench.footprint import held_bytes
from tests.processes.stack import Stack

RUNS_COUNT = 10
_LOOK_EVERY_S = 0.001
_GIVES_UP_S = 30.0
"""A download that does not begin in that time, or does not go, has failed."""


async def cancel_row(stack: Stack, gateway: Gateway, endless_url: str) -> Figure:
    """Cancel downloads, each the only one that is under way."""
    runs_ms = [await _cancelled_ms(stack, gateway, f"{endless_url}?{run}") for run in range(RUNS_COUNT)]
    return Figure("P4: cancel → child dead and tmpfs empty, ms", runs_ms, "≤ 100")


async def _cancelled_ms(stack: Stack, gateway: Gateway, url: str) -> float:
    """Return the milliseconds from the request to cancel until nothing is left.

    Raises:
        TimeoutError: If that, or the beginning, takes longer than `_GIVES_UP_S`.
    """
    job = await gateway.submit(url)
    async with asyncio.timeout(_GIVES_UP_S):
        while not stack.held_files():  # noqa: ASYNC110 - another process's memory has no event
            await asyncio.sleep(_LOOK_EVERY_S)
    began_at_s = time.perf_counter()
    cancelling = asyncio.create_task(gateway.cancel(job["id"]))
    async with asyncio.timeout(_GIVES_UP_S):
        while _is_left(stack):  # noqa: ASYNC110 - the same
            await asyncio.sleep(_LOOK_EVERY_S)
    taken_s = time.perf_counter() - began_at_s
    await cancelling
    return taken_s * 1_000


def _is_left(stack: Stack) -> bool:
    """Tell whether a job has a directory or bytes, files without a name included, or the forkserver a child."""
    pid = stack.pid("processor")
    grandchildren = [job for child in _children(pid) for job in _children(int(child))]
    return bool(grandchildren) or any(stack.tmpfs_dir.glob("run-*/job-*")) or held_bytes(stack.tmpfs_dir, pid) > 0


def _children(pid: int) -> list[str]:
    return Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
