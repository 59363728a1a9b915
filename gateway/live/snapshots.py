"""The state of a channel at one moment."""

from dataclasses import dataclass

import msgspec

from clipferry.queue.v1 import job_pb2, queue_service_pb2
from gateway.auth.caller import Caller
from gateway.backends import QueueBackend
from gateway.live.publisher import Publisher
from gateway.views.job import job_view
from gateway.views.job_shape import JobView
from services.chassis.errors import ClipferryError, Reason

_TIMEOUT_S = 2.0
_JOB_COUNT = 200


class JobsSnapshot(msgspec.Struct, rename="camel", frozen=True):
    """Channel `jobs`: the newest jobs, or those that changed since the cursor."""

    jobs: list[JobView]
    full: bool
    """False: only what changed since the cursor."""
    more: bool
    """Older jobs exist: ask GET /api/jobs."""


class JobSnapshot(msgspec.Struct, rename="camel", frozen=True):
    """Channel `job:<id>`."""

    job: JobView


@dataclass(frozen=True, slots=True)
class Taken:
    """A snapshot and the place in the log from which live messages continue it."""

    snapshot: object
    cursor: int
    job: job_pb2.Job | None = None
    """Of a channel `job:<id>`."""
    names: tuple[str, ...] = ()
    """Of the jobs in it."""


class Snapshots:
    """Takes snapshots. When the queue does not answer in time they are empty, and live messages come all the same."""

    def __init__(self, queue: QueueBackend, publisher: Publisher) -> None:
        self._queue = queue
        self._publisher = publisher

    async def jobs(self, caller: Caller, cursor: int | None) -> Taken:
        """Return the caller's newest jobs, or with a cursor those that changed since, if the log still knows."""
        if cursor is not None:
            try:
                page = await self._list(caller, cursor)
            except ClipferryError as error:
                if error.reason is not Reason.CURSOR_EXPIRED:
                    return self._missing(error)
            else:
                if not page.next_page_token:
                    return self._of_page(page, full=False)
        try:
            return self._of_page(await self._list(caller, None), full=True)
        except ClipferryError as error:
            return self._missing(error)

    async def _list(self, caller: Caller, cursor: int | None) -> queue_service_pb2.ListJobsResponse:
        request = queue_service_pb2.ListJobsRequest(
            owner=caller.owner_filter, page_size=_JOB_COUNT, changed_after_sequence=cursor
        )
        return await self._queue.list_jobs(request, timeout_s=_TIMEOUT_S)

    def _of_page(self, page: queue_service_pb2.ListJobsResponse, *, full: bool) -> Taken:
        views = [job_view(self._publisher.snapshot(job)) for job in page.jobs]
        names = tuple(job.name for job in page.jobs)
        return Taken(JobsSnapshot(views, full, bool(page.next_page_token)), page.sequence, names=names)

    async def job(self, caller: Caller, job_id: str) -> Taken:
        """Return one job.

        Raises:
            ClipferryError: JOB_NOT_FOUND when there is none, or it is another's.
        """
        cursor = self._publisher.cursor
        try:
            job = await self._queue.get_job(job_id, caller.owner_filter, timeout_s=_TIMEOUT_S)
        except ClipferryError as error:
            latest = self._publisher.board.latest(caller.user_id, f"jobs/{job_id}")
            if latest is None or error.reason is Reason.JOB_NOT_FOUND:
                return self._missing(error)
            job = latest
        job = self._publisher.snapshot(job)
        return Taken(JobSnapshot(job_view(job)), cursor, job, (job.name,))

    def _missing(self, error: ClipferryError) -> Taken:
        if error.reason is not Reason.UNAVAILABLE:
            raise error
        return Taken(None, self._publisher.cursor)
