"""Submits that come at once travel together: a call each would cost several times the work of the commit itself."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from clipferry.queue.v1 import queue_service_pb2
from gateway.backends import QueueBackend
from gateway.rest_names import error_in_rest_names
from services.chassis.status import from_status

_CALLS_IN_FLIGHT = 2
_JOBS_PER_CALL = 256

_Waiting = tuple[queue_service_pb2.SubmitJobRequest, asyncio.Future[queue_service_pb2.SubmitJobResponse]]


class SubmitBatcher:
    """Sends the first submit at once, and those that come while two calls are under way in the next call."""

    def __init__(self, queue: QueueBackend) -> None:
        self._queue = queue
        self._waiting: list[_Waiting] = []
        self._calls: set[asyncio.Task[None]] = set()

    async def submit(self, request: queue_service_pb2.SubmitJobRequest) -> queue_service_pb2.SubmitJobResponse:
        """Add one job.

        Raises:
            ClipferryError: What the queue refused it with.
        """
        answer: asyncio.Future[queue_service_pb2.SubmitJobResponse] = asyncio.get_running_loop().create_future()
        self._waiting.append((request, answer))
        if len(self._calls) < _CALLS_IN_FLIGHT:
            call = asyncio.create_task(self._send_waiting(), name="submit-jobs")
            self._calls.add(call)
            call.add_done_callback(self._calls.discard)
        return await answer

    async def finish(self) -> None:
        """Wait for the calls under way."""
        await asyncio.gather(*self._calls)

    async def _send_waiting(self) -> None:
        while self._waiting:
            batch, self._waiting = self._waiting[:_JOBS_PER_CALL], self._waiting[_JOBS_PER_CALL:]
            try:
                results = await self._queue.submit_jobs([request for request, _ in batch])
                outcomes = [_outcome(result) for result in results]
            except Exception as error:  # noqa: BLE001 - it is raised in each of the callers
                outcomes = [error] * len(batch)
            for (_, answer), outcome in zip(batch, outcomes, strict=True):
                if answer.done():  # its caller has gone
                    continue
                if isinstance(outcome, Exception):
                    answer.set_exception(outcome)
                else:
                    answer.set_result(outcome)


def _outcome(result: queue_service_pb2.SubmitResult) -> queue_service_pb2.SubmitJobResponse | Exception:
    return error_in_rest_names(from_status(result.error)) if result.HasField("error") else result.accepted


@asynccontextmanager
async def open_batcher(queue: QueueBackend) -> AsyncIterator[SubmitBatcher]:
    """Open a batcher for the length of the block; leaving waits for the calls under way."""
    batcher = SubmitBatcher(queue)
    try:
        yield batcher
    finally:
        await batcher.finish()
