"""Submits that come at once travel together: a call each would cost several times the work of the commit itself."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from clipferry.queue.v1 import queue_service_pb2
from gateway.backends import QueueBackend
from services.chassis.errors import ClipferryError
from services.chassis.status import from_status

_CALLS_IN_FLIGHT = 2
_JOBS_PER_CALL = 256

_Waiting = tuple[queue_service_pb2.SubmitJobRequest, asyncio.Future[queue_service_pb2.SubmitJobResponse]]


class SubmitBatcher:
    """Sends the first submit at once, and those that come while two calls are under way in the next call."""

    def __init__(self, queue: QueueBackend, calls: asyncio.TaskGroup) -> None:
        self._queue = queue
        self._calls = calls
        self._waiting: list[_Waiting] = []
        self._in_flight_count = 0

    async def submit(self, request: queue_service_pb2.SubmitJobRequest) -> queue_service_pb2.SubmitJobResponse:
        """Add one job.

        Raises:
            ClipferryError: What the queue refused it with.
        """
        answer: asyncio.Future[queue_service_pb2.SubmitJobResponse] = asyncio.get_running_loop().create_future()
        self._waiting.append((request, answer))
        if self._in_flight_count < _CALLS_IN_FLIGHT:
            self._in_flight_count += 1
            self._calls.create_task(self._send_waiting(), name="submit-jobs")
        return await answer

    async def _send_waiting(self) -> None:
        try:
            while self._waiting:
                batch, self._waiting = self._waiting[:_JOBS_PER_CALL], self._waiting[_JOBS_PER_CALL:]
                await self._send(batch)
        finally:
            self._in_flight_count -= 1

    async def _send(self, batch: list[_Waiting]) -> None:
        try:
            results = await self._queue.submit_jobs([request for request, _ in batch])
        except ClipferryError as error:
            for _, answer in batch:
                if not answer.done():
                    answer.set_exception(error)
            return
        for (_, answer), result in zip(batch, results, strict=True):
            if answer.done():  # its caller has gone
                continue
            if result.HasField("error"):
                answer.set_exception(from_status(result.error))
            else:
                answer.set_result(result.accepted)


@asynccontextmanager
async def open_batcher(queue: QueueBackend) -> AsyncIterator[SubmitBatcher]:
    """Open a batcher for the length of the block; leaving waits for the calls under way."""
    async with asyncio.TaskGroup() as calls:
        yield SubmitBatcher(queue, calls)
