"""Durable job lives per second over gRPC: submit, lease, complete, each committed with fsync."""

import asyncio
import itertools
import time
from collections.abc import Sequence

from clipferry.queue.v1 import worker_service_pb2
from tests.bench.disk import on_disk
from tests.bench.figure import NO_GOAL, Figure, alternated
from tests.bench.queue.lives import SLOTS, THREE_STEPS, complete_job, lives, submission
from tests.bench.queue.process import queue_process
from tests.fakes.queue_client import QueueClient

JOBS_COUNT = 4_096
UNARY_JOBS_COUNT = 1_000
_numbers = itertools.count()


async def durable_lives() -> Sequence[Figure]:
    """Measure the streamed way of the gateway and the processor against a unary call for each step."""
    with on_disk() as (directory, _):
        async with queue_process(f"sqlite:///{directory}/queue.db") as queue:
            ours, peer = await alternated(lambda: _streamed(queue.client), lambda: _unary(queue.client), count=5)
    return [
        Figure(
            "Q1: SQLite, three-step lives / s, streamed",
            ours,
            NO_GOAL,
            peer,
            "ours, one unary call for each step: 64 at once",
        )
    ]


async def _streamed(client: QueueClient) -> float:
    return JOBS_COUNT / await lives([client], THREE_STEPS, count=JOBS_COUNT)


async def _unary(client: QueueClient) -> float:
    async with client.worker(f"unary-{next(_numbers)}", slots=SLOTS) as worker:
        started_at_s = time.perf_counter()
        free = asyncio.Semaphore(SLOTS)
        one_writer = asyncio.Lock()
        await worker.ready(SLOTS, free_bytes=1 << 40)

        async def submit() -> None:
            async with free:
                await client.call(client.queue.SubmitJob, submission())

        async def complete(lease: worker_service_pb2.Lease) -> None:
            await client.call(client.work.CompleteJob, complete_job(lease)["complete_job"])
            async with one_writer:
                await worker.ready(SLOTS, free_bytes=1 << 40)

        async with asyncio.TaskGroup() as group:
            for _ in range(UNARY_JOBS_COUNT):
                group.create_task(submit())
            for _ in range(UNARY_JOBS_COUNT):
                group.create_task(complete((await worker.run()).lease))
        return UNARY_JOBS_COUNT / (time.perf_counter() - started_at_s)
