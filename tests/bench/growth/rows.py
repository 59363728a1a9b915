"""What a job and a delivery cost at ten times the load, beside what they cost at the load."""

import asyncio
import itertools
import os
import time
from collections.abc import Awaitable, Callable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from tests.bench.disk import on_disk
from tests.bench.fanout.load import crowd
from tests.bench.fanout.peers import OURS, running
from tests.bench.figure import NO_GOAL, Compared, Figure, alternated
from tests.bench.process import busy_share, cpu_clock_s, pin
from tests.bench.queue.lives import THREE_STEPS, kept_count, lives
from tests.bench.queue.process import QueueProcess, queue_process

ROUNDS_COUNT = 2
TIMES = 10
JOBS_PER_S, PACED_FOR_S = 80, 8.0
KEPT_COUNT, LIVES_COUNT = 4_096, 1_024
"""Jobs that are there before what is measured, and those that are measured. These stay too."""
CLIENTS_COUNT, EVENTS_PER_S, STREAMED_FOR_S = 100, 20, 6.0
_numbers = itertools.count()


async def growth_rows() -> Sequence[Figure]:
    """Measure goal G1; ours at the load stands where a peer would."""
    with on_disk() as (directory, _):
        async with queue_process(f"sqlite:///{directory}/paced.db") as queue:
            pace = await _both(partial(_paced, queue, JOBS_PER_S * TIMES), partial(_paced, queue, JOBS_PER_S))
        kept = await _both(partial(_life, directory, KEPT_COUNT * TIMES), partial(_life, directory, KEPT_COUNT))
    pin(os.getpid(), 1)
    usual = partial(_delivery, CLIENTS_COUNT, EVENTS_PER_S)
    clients = await _both(partial(_delivery, CLIENTS_COUNT * TIMES, EVENTS_PER_S), usual)
    events = await _both(partial(_delivery, CLIENTS_COUNT, EVENTS_PER_S * TIMES), usual)
    return [
        *_grown("queue's CPU µs / job", f"{JOBS_PER_S} jobs / s", pace),
        *_grown("queue's CPU µs / job", f"{KEPT_COUNT:,} jobs kept", kept),
        *_grown("server's CPU µs / delivery", f"{CLIENTS_COUNT} clients", clients),
        *_grown("server's CPU µs / delivery", f"{EVENTS_PER_S} events / s", events),
    ]


@dataclass(frozen=True)
class _Cost:
    """What one run has shown."""

    cpu_us: float
    """Of the server, for one job or delivery."""
    client_share: float
    """How much of a core the load client has used."""


_Both = tuple[Sequence[_Cost], Sequence[_Cost]]
"""At ten times the load, and at the load."""


async def _both(at_times: Callable[[], Awaitable[_Cost]], at_load: Callable[[], Awaitable[_Cost]]) -> _Both:
    return await alternated(at_times, at_load, count=ROUNDS_COUNT)


def _grown(cost: str, load: str, runs: _Both) -> list[Figure]:
    beside = f"ours at {load}"
    us = [[run.cpu_us for run in each] for each in runs]
    shares = [[run.client_share for run in each] for each in runs]
    return [
        Figure(f"G1: {cost} at {TIMES} × {load}", us[0], "≤ 1.2", us[1], beside),
        Figure(
            f"G1: load client's share of a core at {TIMES} × {load}",
            shares[0],
            NO_GOAL,
            shares[1],
            beside,
            Compared.OURS,
        ),
    ]


async def _life(directory: Path, kept: int) -> _Cost:
    """Return what a life costs a fresh queue beside `kept` jobs that are over."""
    async with queue_process(f"sqlite:///{directory}/kept-{next(_numbers)}.db") as queue:
        for _ in range(0, kept, KEPT_COUNT):  # in portions that stay within the patience of one run
            await lives([queue.client], THREE_STEPS, count=KEPT_COUNT)
        found_count = await kept_count(queue.client)
        assert found_count == kept, f"{found_count:,} jobs are kept, not {kept:,}"
        before_s, client_share = cpu_clock_s(queue.server.pid), busy_share()
        await lives([queue.client], THREE_STEPS, count=LIVES_COUNT)
        return _Cost((cpu_clock_s(queue.server.pid) - before_s) / LIVES_COUNT * 1e6, client_share())


async def _paced(queue: QueueProcess, per_second: int) -> _Cost:
    """Return what a job costs the queue that comes at a steady pace and is done at once."""
    count = int(per_second * PACED_FOR_S)
    before_s, began_at_s, client_share = cpu_clock_s(queue.server.pid), time.monotonic(), busy_share()
    await lives([queue.client], THREE_STEPS, count=count, per_second=per_second)
    taken_s = time.monotonic() - began_at_s
    print(f"{per_second} jobs / s for {PACED_FOR_S:.0f} s took {taken_s:.1f} s")
    return _Cost((cpu_clock_s(queue.server.pid) - before_s) / count * 1e6, client_share())


async def _delivery(clients: int, per_second: int) -> _Cost:
    """Return what one frame to one client costs the server."""
    async with running(OURS) as server:
        with ExitStack() as stack:
            opened = stack.enter_context(crowd(server.port, server.feed_port, OURS.dialect, size=clients))
            await asyncio.to_thread(opened.stream, 1.0, per_second=per_second, at_once=1)
            before_s, client_share = server.cpu_s(), busy_share()
            frames = await asyncio.to_thread(opened.stream, STREAMED_FOR_S, per_second=per_second, at_once=1)
            return _Cost((server.cpu_s() - before_s) / frames * 1e6, client_share())
