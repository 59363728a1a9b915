"""The edge towards the gateway and towards people: QueueService."""

import base64
import uuid
from collections.abc import AsyncIterator
from typing import Any

import grpc

from clipferry.queue.v1 import job_pb2, queue_service_pb2, queue_service_pb2_grpc
from services.chassis.errors import ClipferryError, field_invalid
from services.chassis.status import to_status
from services.queue.core.hub import Hub
from services.queue.core.job import wrong_state
from services.queue.core.moves import Cancel, Finish, Move, Retry, job_not_found, owned
from services.queue.core.ports import Accepted, JobStore, Query, Record
from services.queue.core.statistics import Statistics, Stats
from services.queue.submitting import submit
from services.queue.watch import Watches
from services.queue.wire import fill_event, fill_job, job_id, states, stats_message, worker_stats

_PAGE_SIZE = 50
_MOST_PAGE_SIZE = 200
_MOST_REQUESTS = 256
_MOST_EVENTS = 1_000


class QueueServicer(queue_service_pb2_grpc.QueueServiceServicer):
    """Answers QueueService.

    Args:
        store: Keeps the jobs.
        hub: Knows the newest progress.
        statistics: Reads the numbers.
        watches: Serves WatchJobs.
        run_timeout_ms: Longest run of a job that does not say less.
    """

    def __init__(
        self, store: JobStore, hub: Hub[Stats], statistics: Statistics, watches: Watches, *, run_timeout_ms: int
    ) -> None:
        self._store = store
        self._hub = hub
        self._statistics = statistics
        self._watches = watches
        self._run_timeout_ms = run_timeout_ms

    async def SubmitJob(
        self, request: queue_service_pb2.SubmitJobRequest, _context: grpc.aio.ServicerContext
    ) -> queue_service_pb2.SubmitJobResponse:
        (result,) = await submit(self._store, [request], run_timeout_ms=self._run_timeout_ms)
        if isinstance(result, ClipferryError):
            raise result
        response = queue_service_pb2.SubmitJobResponse()
        self._fill(response, result)
        return response

    async def SubmitJobs(
        self, request: queue_service_pb2.SubmitJobsRequest, _context: grpc.aio.ServicerContext
    ) -> queue_service_pb2.SubmitJobsResponse:
        if len(request.requests) > _MOST_REQUESTS:
            raise field_invalid("requests", f"must be at most {_MOST_REQUESTS}", len(request.requests))
        results = await submit(self._store, request.requests, run_timeout_ms=self._run_timeout_ms)
        response = queue_service_pb2.SubmitJobsResponse()
        for result in results:
            if isinstance(result, ClipferryError):
                response.results.add(error=to_status(result))
            else:
                self._fill(response.results.add().accepted, result)
        return response

    async def GetJob(
        self, request: queue_service_pb2.GetJobRequest, _context: grpc.aio.ServicerContext
    ) -> queue_service_pb2.GetJobResponse:
        record = await self._get(job_id(request.name), request.owner)
        return queue_service_pb2.GetJobResponse(job=self._message(record))

    async def ListJobEvents(
        self, request: queue_service_pb2.ListJobEventsRequest, _context: grpc.aio.ServicerContext
    ) -> queue_service_pb2.ListJobEventsResponse:
        wanted = job_id(request.name)
        await self._get(wanted, request.owner)
        events = await self._store.events_of(wanted, limit=_MOST_EVENTS)
        response = queue_service_pb2.ListJobEventsResponse()
        for event in events:
            fill_event(response.events.add(), event)
        return response

    async def ListJobs(
        self, request: queue_service_pb2.ListJobsRequest, _context: grpc.aio.ServicerContext
    ) -> queue_service_pb2.ListJobsResponse:
        page = await self._store.page(_query(request))
        last = page.records[-1].job.id if page.has_more else ""
        return queue_service_pb2.ListJobsResponse(
            jobs=[self._message(record) for record in page.records],
            next_page_token=base64.urlsafe_b64encode(last.encode()).decode(),
            sequence=page.sequence,
        )

    async def CancelJob(
        self, request: queue_service_pb2.CancelJobRequest, _context: grpc.aio.ServicerContext
    ) -> queue_service_pb2.CancelJobResponse:
        return queue_service_pb2.CancelJobResponse(job=await self._move(Cancel(job_id(request.name), request.owner)))

    async def FinishJob(
        self, request: queue_service_pb2.FinishJobRequest, _context: grpc.aio.ServicerContext
    ) -> queue_service_pb2.FinishJobResponse:
        wanted = job_id(request.name)
        record = await self._get(wanted, request.owner)
        if not job_pb2.Job.FromString(record.body).spec.allow_live:
            raise wrong_state(record.job, "The job is no live recording: it was submitted without allow_live.")
        return queue_service_pb2.FinishJobResponse(job=await self._move(Finish(wanted, request.owner)))

    async def RetryJob(
        self, request: queue_service_pb2.RetryJobRequest, _context: grpc.aio.ServicerContext
    ) -> queue_service_pb2.RetryJobResponse:
        move = Retry(job_id(request.name), request.owner, request.allow_duplicate_delivery)
        return queue_service_pb2.RetryJobResponse(job=await self._move(move))

    async def WatchJobs(
        self,
        request_iterator: AsyncIterator[queue_service_pb2.WatchJobsRequest],
        context: grpc.aio.ServicerContext,
    ) -> None:
        await self._watches.serve(request_iterator, context)

    async def GetStats(
        self, request: queue_service_pb2.GetStatsRequest, _context: grpc.aio.ServicerContext
    ) -> queue_service_pb2.GetStatsResponse:
        if request.owner:
            stats = await self._statistics.read_of(request.owner)
            return queue_service_pb2.GetStatsResponse(stats=stats_message(stats))
        return queue_service_pb2.GetStatsResponse(
            stats=stats_message(await self._statistics.read()),
            workers=worker_stats(self._statistics.workers(), self._hub.runs),
        )

    async def _get(self, wanted: str, owner: str) -> Record:
        record = await self._store.get(wanted)
        if record is None:
            raise job_not_found(wanted)
        owned(record.job, wanted, owner)
        return record

    async def _move(self, move: Move) -> job_pb2.Job:
        (result,) = await self._store.apply([move])
        if isinstance(result, ClipferryError):
            raise result
        return self._message(result)

    def _fill(self, response: queue_service_pb2.SubmitJobResponse, accepted: Accepted) -> None:
        fill_job(response.job, accepted.record, self._hub.run(accepted.record.job.id))
        response.replayed, response.duplicate = accepted.replayed, accepted.duplicate

    def _message(self, record: Record) -> job_pb2.Job:
        message = job_pb2.Job()
        fill_job(message, record, self._hub.run(record.job.id))
        return message


def _query(request: Any) -> Query:
    if request.page_size < 0:
        raise field_invalid("page_size", "must be at least 0", request.page_size)
    changed_after = request.changed_after_sequence if request.HasField("changed_after_sequence") else None
    if changed_after is not None and changed_after < 0:
        raise field_invalid("changed_after_sequence", "must be at least 0", changed_after)
    return Query(
        owner=request.owner,
        states=states(request.states),
        before_id=_before(request.page_token),
        changed_after=changed_after,
        limit=min(request.page_size or _PAGE_SIZE, _MOST_PAGE_SIZE),
    )


def _before(page_token: str) -> str | None:
    if not page_token:
        return None
    try:
        token = base64.b64decode(page_token.encode(), altchars=b"-_", validate=True)
        return str(uuid.UUID(token.decode("ascii")))
    except ValueError:
        raise field_invalid("page_token", "must be the next_page_token of a page", page_token) from None
