"""The queue and the processor as Python functions. Every call has a deadline, and fails with `ClipferryError`."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Iterator, Sequence
from contextlib import asynccontextmanager, contextmanager
from typing import Any

import grpc

from clipferry.processor.v1 import processor_service_pb2, processor_service_pb2_grpc
from clipferry.queue.v1 import job_pb2, queue_service_pb2, queue_service_pb2_grpc
from gateway.rest_names import error_in_rest_names
from services.chassis.channel import Link, open_link
from services.chassis.errors import ClipferryError, Reason
from services.chassis.status import remote_errors
from services.chassis.tls import Tls

CALL_TIMEOUT_S = 10.0
READ_TIMEOUT_S = 6.0
_FIRST_TRY_S = 3.0
"""How long a call that may be repeated waits for a replica that has been frozen, before it is made again. Half of its
time at most."""
_SECOND_TRY_COUNT = 2
"""Calls that are made then, at once: round robin takes two neighbours to different replicas. A single one could go to
the frozen replica again, for others have called meanwhile."""
PROBE_TIMEOUT_S = 90.0

_SERVICE = "clipferry.queue.v1.QueueService"
_REPEATABLE = ("SubmitJobs", "GetJob", "ListJobEvents", "ListJobs", "CancelJob", "GetStats")
"""Harmless to repeat: reads, a cancel, and submits, which always carry a request id."""
_RETRIED = [f"{_SERVICE}/{method}" for method in _REPEATABLE]
_ANOTHER_MAY_ANSWER = (grpc.StatusCode.DEADLINE_EXCEEDED, grpc.StatusCode.UNAVAILABLE)
"""The channel itself repeats nothing that was late, and nothing UNAVAILABLE after several calls that were."""


class QueueBackend:
    """QueueService."""

    def __init__(self, link: Link) -> None:
        self._stub = queue_service_pb2_grpc.QueueServiceStub(link.channel)
        self._link = link

    async def submit_jobs(
        self, requests: Sequence[queue_service_pb2.SubmitJobRequest]
    ) -> Sequence[queue_service_pb2.SubmitResult]:
        """Add jobs in one commit; returns as many results, in the same order."""
        answer = await self._call("SubmitJobs", queue_service_pb2.SubmitJobsRequest(requests=requests))
        results: Sequence[queue_service_pb2.SubmitResult] = answer.results
        return results

    async def get_job(self, job_id: str, owner: str, *, timeout_s: float = READ_TIMEOUT_S) -> job_pb2.Job:
        """Return one job. `owner` empty: anybody's."""
        request = queue_service_pb2.GetJobRequest(name=f"jobs/{job_id}", owner=owner)
        return _job(await self._call("GetJob", request, timeout_s))

    async def job_events(self, job_id: str, owner: str) -> Sequence[job_pb2.JobEvent]:
        """Return what the log still has of one job, oldest first. `owner` empty: anybody's."""
        request = queue_service_pb2.ListJobEventsRequest(name=f"jobs/{job_id}", owner=owner)
        events: Sequence[job_pb2.JobEvent] = (await self._call("ListJobEvents", request, READ_TIMEOUT_S)).events
        return events

    async def list_jobs(
        self, request: queue_service_pb2.ListJobsRequest, *, timeout_s: float = READ_TIMEOUT_S
    ) -> queue_service_pb2.ListJobsResponse:
        """Return a page of jobs, newest first."""
        page: queue_service_pb2.ListJobsResponse = await self._call("ListJobs", request, timeout_s)
        return page

    async def cancel_job(self, job_id: str, owner: str) -> job_pb2.Job:
        """Stop a job."""
        return _job(
            await self._call("CancelJob", queue_service_pb2.CancelJobRequest(name=f"jobs/{job_id}", owner=owner))
        )

    async def finish_job(self, job_id: str, owner: str) -> job_pb2.Job:
        """Close a live recording and send what there is."""
        return _job(
            await self._call("FinishJob", queue_service_pb2.FinishJobRequest(name=f"jobs/{job_id}", owner=owner))
        )

    async def retry_job(self, job_id: str, owner: str, *, allow_duplicate_delivery: bool) -> job_pb2.Job:
        """Give an ended job another chance."""
        request = queue_service_pb2.RetryJobRequest(
            name=f"jobs/{job_id}", owner=owner, allow_duplicate_delivery=allow_duplicate_delivery
        )
        return _job(await self._call("RetryJob", request))

    async def stats(self, owner: str, *, timeout_s: float = READ_TIMEOUT_S) -> job_pb2.Stats:
        """Return the numbers of one owner's jobs now. `owner` empty: everybody's."""
        answer = await self._call("GetStats", queue_service_pb2.GetStatsRequest(owner=owner), timeout_s)
        stats: job_pb2.Stats = answer.stats
        return stats

    async def workers(self) -> Sequence[queue_service_pb2.WorkerStats]:
        """Return each processor that is connected, by name."""
        answer = await self._call("GetStats", queue_service_pb2.GetStatsRequest(), READ_TIMEOUT_S)
        workers: Sequence[queue_service_pb2.WorkerStats] = answer.workers
        return workers

    def watch(self) -> Any:
        """Open a WatchJobs stream: a bidirectional call of grpc.aio, for as long as it lasts."""
        return self._stub.WatchJobs(metadata=self._link.metadata)

    async def _call(self, method: str, request: Any, timeout_s: float = CALL_TIMEOUT_S) -> Any:
        call, metadata = getattr(self._stub, method), self._link.metadata
        with _errors_of("queue"):
            if method in _REPEATABLE:
                first_try_s = min(_FIRST_TRY_S, timeout_s / 2)
                try:
                    return await call(request, timeout=first_try_s, metadata=metadata)
                except grpc.aio.AioRpcError as error:
                    if error.code() not in _ANOTHER_MAY_ANSWER:
                        raise
                left_s = timeout_s - first_try_s
                return await _first_answer(
                    [call(request, timeout=left_s, metadata=metadata) for _ in range(_SECOND_TRY_COUNT)]
                )
            return await call(request, timeout=timeout_s, metadata=metadata)


async def _first_answer(calls: Sequence[Awaitable[Any]]) -> Any:
    """Return the answer that comes first, a refusal too, or raise why the last call failed; cancels those left over."""
    tries = [asyncio.ensure_future(call) for call in calls]
    try:
        for ended in asyncio.as_completed(tries):
            try:
                return await ended
            except grpc.aio.AioRpcError as error:
                if error.code() not in _ANOTHER_MAY_ANSWER:
                    raise
                last = error
        raise last
    finally:
        for each in tries:
            each.cancel()
        await asyncio.gather(*tries, return_exceptions=True)


@contextmanager
def _errors_of(service: str) -> Iterator[None]:
    try:
        with remote_errors():
            yield
    except ClipferryError as error:
        if error.reason is Reason.UNAVAILABLE:
            raise ClipferryError(error.reason, f"The {service} cannot be reached.") from error
        raise error_in_rest_names(error) from error


def _job(answer: Any) -> job_pb2.Job:
    job: job_pb2.Job = answer.job
    return job


class ProcessorBackend:
    """ProcessorService."""

    def __init__(self, link: Link) -> None:
        self._stub = processor_service_pb2_grpc.ProcessorServiceStub(link.channel)
        self._link = link

    async def probe(self, spec: job_pb2.JobSpec) -> processor_service_pb2.ProbeUrlResponse:
        """Look at a page without downloading its media.

        Raises:
            ClipferryError: NO_PROCESSOR when none can be reached, or what the page is refused with.
        """
        request = processor_service_pb2.ProbeUrlRequest(spec=spec)
        try:
            with _errors_of("processor"):
                found: processor_service_pb2.ProbeUrlResponse = await self._stub.ProbeUrl(
                    request, timeout=PROBE_TIMEOUT_S, metadata=self._link.metadata
                )
        except ClipferryError as error:
            if error.reason is Reason.UNAVAILABLE:
                raise ClipferryError(Reason.NO_PROCESSOR) from error
            raise
        return found


@asynccontextmanager
async def open_backends(
    *, queue_target: str, processor_target: str, token: str | None, tls: Tls | None, keepalive_s: float
) -> AsyncIterator[tuple[QueueBackend, ProcessorBackend]]:
    """Open the channels to both for the length of the block. Nothing is connected before the first call.

    Raises:
        StartError: If the files of TLS cannot be used.
    """
    async with (
        open_link(queue_target, token=token, retried=_RETRIED, tls=tls, keepalive_s=keepalive_s) as queue,
        open_link(processor_target, token=token, tls=tls, keepalive_s=keepalive_s) as processor,
    ):
        yield QueueBackend(queue), ProcessorBackend(processor)
