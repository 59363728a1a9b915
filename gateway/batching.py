"""Submits that come at once travel together: a call each would cost several times the work of the commit itself."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager

from clipferry.queue.v1 import queue_service_pb2
from gateway.backends import QueueBackend
from gateway.rest_names import error_in_rest_names
from services.chassis.status import from_status

_CALLS_IN_FLIGHT = 2
_JOBS_PER_CALL = 256
_LINGER_S = 0.001
"""How long a call waits for those who were answered a moment ago and mostly ask again."""
_SLOW_S = 0.05
"""After which others do not wait for a call any more: several times what a commit takes."""

_Waiting = tuple[queue_service_pb2.SubmitJobRequest, asyncio.Future[queue_service_pb2.SubmitJobResponse]]


class SubmitBatcher:
    """Sends the first submit at once, and those that come while a call is under way in the next call.

    A call costs as much as ten submits, so calls are few: one at a time, and among many callers the next one waits a
    moment for those whom the last one has answered; otherwise the callers would fall into two halves that take turns.
    A call that is slow, as with a replica that hangs, is not waited for: a second one goes beside it.
    """

    def __init__(self, queue: QueueBackend) -> None:
        self._queue = queue
        self._loop = asyncio.get_running_loop()
        self._waiting: list[_Waiting] = []
        self._calls: set[asyncio.Task[None]] = set()
        self._quick_count = 0
        """Calls under way that are not slow, or not yet."""
        self._wanted_count = 0
        self._has_wanted = asyncio.Event()

    async def submit(self, request: queue_service_pb2.SubmitJobRequest) -> queue_service_pb2.SubmitJobResponse:
        """Add one job.

        Raises:
            ClipferryError: What the queue refused it with.
        """
        answer: asyncio.Future[queue_service_pb2.SubmitJobResponse] = self._loop.create_future()
        self._waiting.append((request, answer))
        if len(self._waiting) >= self._wanted_count:
            self._has_wanted.set()
        self._begin()
        return await answer

    async def finish(self) -> None:
        """Wait for the calls under way."""
        await asyncio.gather(*self._calls)

    def _begin(self) -> None:
        if self._waiting and not self._quick_count and len(self._calls) < _CALLS_IN_FLIGHT:
            self._quick_count += 1
            call = self._loop.create_task(self._send_waiting(), name="submit-jobs")
            self._calls.add(call)
            call.add_done_callback(self._calls.discard)

    async def _send_waiting(self) -> None:
        """Send call after call, until nobody waits or another that is quick has taken over."""
        while True:
            batch, self._waiting = self._waiting[:_JOBS_PER_CALL], self._waiting[_JOBS_PER_CALL:]
            is_slow = False

            def on_slow() -> None:
                nonlocal is_slow
                is_slow = True
                self._quick_count -= 1
                self._begin()

            timer = self._loop.call_later(_SLOW_S, on_slow)
            await self._send(batch)
            timer.cancel()
            if is_slow:
                if self._quick_count:
                    return
                self._quick_count += 1
            await self._linger(len(batch) + len(self._waiting))
            if not self._waiting:
                self._quick_count -= 1
                return

    async def _linger(self, caller_count: int) -> None:
        """Wait until as many are waiting, but only for a moment. One caller alone is not waited for."""
        if caller_count == 1 or len(self._waiting) == caller_count:
            return
        self._wanted_count = caller_count
        self._has_wanted.clear()
        timer = self._loop.call_later(_LINGER_S, self._has_wanted.set)
        await self._has_wanted.wait()
        timer.cancel()

    async def _send(self, batch: Sequence[_Waiting]) -> None:
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
