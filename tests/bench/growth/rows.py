"""What a job and a delivery cost at ten times the load, beside what they cost at the load."""

import asyncio
import os
import time
from collections.abc import Sequence
from contextlib import AsyncExitStack, ExitStack

from tests.bench.disk import on_disk
from tests.bench.fanout.load import crowd
from tests.bench.fanout.peers import OURS, running
from tests.bench.figure import Figure
from tests.bench.process import pin
from tests.bench.queue.lives import THREE_STEPS, lives
from tests.bench.queue.process import QueueProcess, cpu_s, queue_process

ROUNDS_COUNT = 2
TIMES = 10
JOBS_PER_S, PACED_FOR_S = 80, 8.0
KEPT_COUNT, LIVES_COUNT = 4_096, 4_096
CLIENTS_COUNT, EVENTS_PER_S, STREAMED_FOR_S = 100, 20, 6.0


async def growth_rows() -> Sequence[Figure]:
    """Measure goal G1; ours at the load stands where a peer would."""
    with on_disk() as (directory, _):
        async with AsyncExitStack() as stack:
            few, many = [
                await stack.enter_async_context(queue_process(f"sqlite:///{directory}/{name}.db"))
                for name in ("few", "many")
            ]
            pace = [(await _paced_us(few, JOBS_PER_S * TIMES), await _paced_us(few, JOBS_PER_S)) for _ in _rounds()]
            await _live(few, KEPT_COUNT)
            await _live(many, KEPT_COUNT * TIMES)
            kept = [(await _life_us(many), await _life_us(few)) for _ in _rounds()]
    pin(os.getpid(), 1)
    usual = [await _delivery_us(CLIENTS_COUNT, EVENTS_PER_S) for _ in _rounds()]
    clients = [await _delivery_us(CLIENTS_COUNT * TIMES, EVENTS_PER_S) for _ in _rounds()]
    events = [await _delivery_us(CLIENTS_COUNT, EVENTS_PER_S * TIMES) for _ in _rounds()]
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


async def _live(queue: QueueProcess, count: int) -> None:
    """Leave `count` more jobs that are over, in portions that stay within the patience of one run."""
    for _ in range(0, count, LIVES_COUNT):
        await lives([queue.client], THREE_STEPS, count=LIVES_COUNT)


async def _life_us(queue: QueueProcess) -> float:
    before_s = cpu_s([queue.server])
    await lives([queue.client], THREE_STEPS, count=LIVES_COUNT)
    return (cpu_s([queue.server]) - before_s) / LIVES_COUNT * 1e6


async def _paced_us(queue: QueueProcess, per_second: int) -> float:
    """Return the queue's CPU time for a job that comes at a steady pace and is done at once, in µs."""
    count = int(per_second * PACED_FOR_S)
    before_s, began_at_s = cpu_s([queue.server]), time.monotonic()
    await lives([queue.client], THREE_STEPS, count=count, per_second=per_second)
    taken_s = time.monotonic() - began_at_s
    print(f"{per_second} jobs / s for {PACED_FOR_S:.0f} s took {taken_s:.1f} s")
    return (cpu_s([queue.server]) - before_s) / count * 1e6


async def _delivery_us(clients: int, per_second: int) -> float:
    """Return the server's CPU time for one frame to one client, in µs."""
    async with running(OURS) as server:
        with ExitStack() as stack:
            opened = stack.enter_context(crowd(server.port, server.feed_port, OURS.dialect, size=clients))
            await asyncio.to_thread(opened.stream, 1.0, per_second=per_second, at_once=1)
            before = server.process.cpu_times()
            frames = await asyncio.to_thread(opened.stream, STREAMED_FOR_S, per_second=per_second, at_once=1)
            after = server.process.cpu_times()
    return (after.user + after.system - before.user - before.system) / frames * 1e6
