"""What a job and a delivery cost at ten times the load, beside what they cost at the load."""

import asyncio
import os
import time
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path

from tests.bench.disk import on_disk
from tests.bench.fanout.load import crowd
from tests.bench.fanout.peers import OURS, running
from tests.bench.figure import Figure
from tests.bench.process import cpu_clock_s, pin
from tests.bench.queue.lives import THREE_STEPS, kept_count, lives
from tests.bench.queue.process import QueueProcess, queue_process

ROUNDS_COUNT = 2
TIMES = 10
JOBS_PER_S, PACED_FOR_S = 80, 8.0
KEPT_COUNT, LIVES_COUNT = 4_096, 1_024
"""Jobs that are there before what is measured, and those that are measured. These stay too."""
CLIENTS_COUNT, EVENTS_PER_S, STREAMED_FOR_S = 100, 20, 6.0


async def growth_rows() -> Sequence[Figure]:
    """Measure goal G1; ours at the load stands where a peer would."""
    with on_disk() as (directory, _):
        async with queue_process(f"sqlite:///{directory}/paced.db") as queue:
            pace = [(await _paced_us(queue, JOBS_PER_S * TIMES), await _paced_us(queue, JOBS_PER_S)) for _ in _rounds()]
        kept = [
            (
                await _life_us(directory / f"many-{run}.db", KEPT_COUNT * TIMES),
                await _life_us(directory / f"few-{run}.db", KEPT_COUNT),
            )
            for run in _rounds()
        ]
    pin(os.getpid(), 1)
    usual, clients, events = [], [], []
    for _ in _rounds():
        usual.append(await _delivery_us(CLIENTS_COUNT, EVENTS_PER_S))
        clients.append(await _delivery_us(CLIENTS_COUNT * TIMES, EVENTS_PER_S))
        events.append(await _delivery_us(CLIENTS_COUNT, EVENTS_PER_S * TIMES))
    return [
        _grown("queue's CPU µs / job", f"{JOBS_PER_S} jobs / s", pace),
        _grown("queue's CPU µs / job", f"{KEPT_COUNT:,} jobs kept", kept),
        _grown("server's CPU µs / delivery", f"{CLIENTS_COUNT} clients", list(zip(clients, usual, strict=True))),
        _grown("server's CPU µs / delivery", f"{EVENTS_PER_S} events / s", list(zip(events, usual, strict=True))),
    ]


def _rounds() -> range:
    return range(ROUNDS_COUNT)


def _grown(cost: str, load: str, runs: Sequence[tuple[float, float]]) -> Figure:
    name = f"G1: {cost} at {TIMES} × {load}"
    return Figure(name, [run[0] for run in runs], "≤ 1.2", [run[1] for run in runs], f"ours at {load}")


async def _life_us(database: Path, kept: int) -> float:
    """Return the CPU time of a fresh queue for a life beside `kept` jobs that are over, in µs."""
    async with queue_process(f"sqlite:///{database}") as queue:
        for _ in range(0, kept, KEPT_COUNT):  # in portions that stay within the patience of one run
            await lives([queue.client], THREE_STEPS, count=KEPT_COUNT)
        found_count = await kept_count(queue.client)
        assert found_count == kept, f"{found_count:,} jobs are kept, not {kept:,}"
        before_s = cpu_clock_s(queue.server.pid)
        await lives([queue.client], THREE_STEPS, count=LIVES_COUNT)
        return (cpu_clock_s(queue.server.pid) - before_s) / LIVES_COUNT * 1e6


async def _paced_us(queue: QueueProcess, per_second: int) -> float:
    """Return the queue's CPU time for a job that comes at a steady pace and is done at once, in µs."""
    count = int(per_second * PACED_FOR_S)
    before_s, began_at_s = cpu_clock_s(queue.server.pid), time.monotonic()
    await lives([queue.client], THREE_STEPS, count=count, per_second=per_second)
    taken_s = time.monotonic() - began_at_s
    print(f"{per_second} jobs / s for {PACED_FOR_S:.0f} s took {taken_s:.1f} s")
    return (cpu_clock_s(queue.server.pid) - before_s) / count * 1e6


async def _delivery_us(clients: int, per_second: int) -> float:
    """Return the server's CPU time for one frame to one client, in µs."""
    async with running(OURS) as server:
        with ExitStack() as stack:
            opened = stack.enter_context(crowd(server.port, server.feed_port, OURS.dialect, size=clients))
            await asyncio.to_thread(opened.stream, 1.0, per_second=per_second, at_once=1)
            before_s = server.cpu_s()
            frames = await asyncio.to_thread(opened.stream, STREAMED_FOR_S, per_second=per_second, at_once=1)
            return (server.cpu_s() - before_s) / frames * 1e6
