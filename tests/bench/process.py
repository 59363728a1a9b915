"""A process under measurement."""

import asyncio
import os
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager, suppress
from functools import partial
from pathlib import Path

import psutil

from tests.fakes.eventually import eventually

LOOK_EVERY_S = 0.002
"""Seldom enough to take no time from what starts."""
ROOT = Path(__file__).parent.parent.parent


@asynccontextmanager
async def process(
    *command: str, port: int, environment: Mapping[str, str] | None = None
) -> AsyncIterator[psutil.Process]:
    """Run ``python -m command…`` for the length of the block, from the moment it listens on `port`."""
    started = subprocess.Popen(  # noqa: ASYNC220 - psutil wants a plain pid, and nothing else runs yet
        [sys.executable, "-m", *command],
        cwd=ROOT,
        env=os.environ | dict(environment or {}),
        stdout=subprocess.DEVNULL,
    )
    try:
        await listening(port, what=command[0])
        yield psutil.Process(started.pid)
    finally:
        started.terminate()
        await asyncio.to_thread(started.wait, 30)


async def listening(port: int, *, what: str) -> None:
    """Wait until somebody listens on `port` of this machine.

    Raises:
        AssertionError: If that takes more than half a minute.
    """
    await eventually(partial(_listens, port), within_s=30, what=f"{what} listens", look_every_s=LOOK_EVERY_S)


async def _listens(port: int) -> bool:
    try:
        _, writer = await asyncio.open_connection("127.0.0.1", port)
    except OSError:
        return False
    writer.close()
    await writer.wait_closed()
    return True


def cpu_clock_s(pid: int) -> float:
    """Return the processor time that a process has used, to the nanosecond: the kernel keeps a clock of each."""
    return time.clock_gettime((~pid << 3) | 2)


def busy_share(pid: int | None = None) -> Callable[[], float]:
    """Return what tells how much of a core a process, or this one, has used since."""
    watched = os.getpid() if pid is None else pid
    used_s, began_at_s = cpu_clock_s(watched), time.monotonic()
    return lambda: (cpu_clock_s(watched) - used_s) / (time.monotonic() - began_at_s)


def pin(pid: int, core: int) -> None:
    """Let a process, with all its threads and what they start later, run on one core only, where there are more."""
    if (os.cpu_count() or 1) == 1:
        return
    pinned: set[int] = set()
    # Again until there is none left: a thread may have been started meanwhile by one that was still free.
    while free := {int(task.name) for task in Path(f"/proc/{pid}/task").iterdir()} - pinned:
        for thread_id in free:
            with suppress(ProcessLookupError):  # it has ended since
                os.sched_setaffinity(thread_id, {core})
        pinned |= free
