"""How long a free worker waits for a job that is there: from its credit to the assignment, over real gRPC."""

import asyncio
import time
from collections.abc import Sequence
from typing import Any

from clipferry.queue.v1 import queue_service_pb2, worker_service_pb2
from services.chassis.status import remote_errors
from tests.bench.queue.lives import complete_job, connected, submission, submit
from tests.fakes.queue_client import QueueClient

_FILLERS = 4
_QUIET_S = 0.005
_GIVES_UP_S = 60.0


async def fill(client: QueueClient, count: int) -> None:
    """Queue `count` jobs."""
    await asyncio.gather(*(submit(client, count // _FILLERS) for _ in range(_FILLERS)))


async def waits_for_claims(client: QueueClient, count: int) -> Sequence[float]:
    """Claim `count` jobs of those that wait, one by one, in a quiet queue that has as many afterwards as before.

    Returns:
        Milliseconds from each credit to the assignment.
    """
    await submit(client, count)
    async with asyncio.timeout(_GIVES_UP_S):
        worker = await _Worker.connected(client)
        try:
            return [await worker.claim() for _ in range(count)]
        finally:
            worker.leave()


async def waits_for_submits(client: QueueClient, count: int) -> Sequence[float]:
    """Submit `count` jobs, one by one, to an empty queue with a free worker.

    Returns:
        Milliseconds from each submit to the assignment.
    """
    async with asyncio.timeout(_GIVES_UP_S):
        worker = await _Worker.connected(client)
        try:
            return [await worker.take_submitted(client) for _ in range(count)]
        finally:
            worker.leave()


class _Worker:
    """A worker with one slot, whose runs are over at once."""

    def __init__(self, call: Any) -> None:
        self._call = call
        self._correlation_id = 0

    @classmethod
    async def connected(cls, client: QueueClient) -> "_Worker":
        return cls(await connected(client, slots=1))

    def leave(self) -> None:
        self._call.cancel()

    async def claim(self) -> float:
        await asyncio.sleep(_QUIET_S)
        started_at_s = time.perf_counter()
        await self._give_credit()
        lease = await self._assigned()
        taken_s = time.perf_counter() - started_at_s
        await self._complete(lease)
        return taken_s * 1000

    async def take_submitted(self, client: QueueClient) -> float:
        await self._give_credit()
        await asyncio.sleep(_QUIET_S)
        started_at_s = time.perf_counter()
        submitting = asyncio.ensure_future(_submit_one(client))
        lease = await self._assigned()
        taken_s = time.perf_counter() - started_at_s
        await submitting
        await self._complete(lease)
        return taken_s * 1000

    async def _give_credit(self) -> None:
        ready = worker_service_pb2.Ready(free_slots=1, free_bytes=1 << 40)
        await self._call.write(worker_service_pb2.WorkerMessage(ready=ready))

    async def _assigned(self) -> worker_service_pb2.Lease:
        assign = (await self._read()).assigns[0]
        lease: worker_service_pb2.Lease = assign.job.lease
        return lease

    async def _complete(self, lease: worker_service_pb2.Lease) -> None:
        self._correlation_id += 1
        move = worker_service_pb2.Move(correlation_id=self._correlation_id, **complete_job(lease))
        await self._call.write(worker_service_pb2.WorkerMessage(moves=[move]))
        answer = (await self._read()).answers[0]
        assert not answer.HasField("error"), answer.error.message

    async def _read(self) -> worker_service_pb2.QueueMessage:
        with remote_errors():
            message: worker_service_pb2.QueueMessage = await self._call.read()
        assert message, "the stream ended"
        return message


async def _submit_one(client: QueueClient) -> None:
    request = queue_service_pb2.SubmitJobsRequest(requests=[submission()])
    answer = await client.call(client.queue.SubmitJobs, request)
    assert answer.results[0].HasField("accepted")
