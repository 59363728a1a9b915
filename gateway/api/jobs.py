"""The hot routes: jobs and probes, as plain routes without FastAPI's dependency solving (a third of the cost)."""

import re
from contextlib import nullcontext

import msgspec
from starlette.requests import Request
from starlette.responses import Response

from clipferry.queue.v1 import job_pb2, queue_service_pb2
from gateway.api.admission import Admission
from gateway.api.body import answer, read_body
from gateway.api.etag import CACHING, not_modified, tag_of
from gateway.api.fields import single
from gateway.api.idempotency import InFlight, request_id_of
from gateway.api.job_request import JobRequest, job_spec
from gateway.auth.caller import Caller
from gateway.auth.scopes import JOBS_READ, JOBS_WRITE
from gateway.backends import ProcessorBackend, QueueBackend
from gateway.batching import SubmitBatcher
from gateway.limits.quotas import Quotas
from gateway.views.history import history_view
from gateway.views.job import job_view, submitted_view
from gateway.views.job_shape import JobListView, JobView
from gateway.views.probe import probe_view
from gateway.views.state import ENDED, STATES_BY_STATUS
from services.chassis import tracing
from services.chassis.errors import ClipferryError, Reason, field_invalid

_UUID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")
_MOST_JOBS = 200
_MOST_OWNER_CHARACTERS = 128


class RetryRequest(msgspec.Struct, rename="camel", forbid_unknown_fields=True):
    """How to retry."""

    allow_duplicate_delivery: bool = False
    """Needed after DELIVERY_UNKNOWN: a second message is possible."""


_job_requests = msgspec.json.Decoder(JobRequest)
_retry_requests = msgspec.json.Decoder(RetryRequest)


class JobRoutes:
    """Answers everything under /api/jobs, and /api/probe."""

    def __init__(
        self,
        admission: Admission,
        quotas: Quotas,
        queue: QueueBackend,
        batcher: SubmitBatcher,
        processor: ProcessorBackend,
    ) -> None:
        self._admission = admission
        self._quotas = quotas
        self._in_flight = InFlight()
        self._queue = queue
        self._batcher = batcher
        self._processor = processor

    async def submit(self, request: Request) -> Response:
        """POST /api/jobs: 202 with the job, new or already there."""
        caller = await self._caller(request, JOBS_WRITE, makes_work=True)
        spec = job_spec(await read_body(request, _job_requests))
        caller.check_chat(spec.destination)
        shown = single(request.scope, b"idempotency-key", Reason.IDEMPOTENCY_KEY_INVALID)
        key = request_id_of(shown)
        # A key of ours is nobody else's.
        with nullcontext() if shown is None else self._in_flight.only(caller.user_id, key):
            async with self._quotas.one_more(caller.user_id, request.scope) as place:
                accepted = await self._batcher.submit(
                    queue_service_pb2.SubmitJobRequest(
                        request_id=key, owner=caller.user_id, spec=spec, traceparent=tracing.traceparent()
                    )
                )
                # Under a key of ours it is the same request, which a hanging queue got twice.
                is_replayed = accepted.replayed and not accepted.duplicate and shown is not None
                place.is_used = not (is_replayed or accepted.duplicate)
        view = submitted_view(_view(accepted.job, request), is_duplicate=accepted.duplicate)
        headers = {"Location": view.links.self}
        if is_replayed:
            headers["Idempotency-Replayed"] = "true"
        return answer(view, 202, headers)

    async def list(self, request: Request) -> Response:
        """GET /api/jobs: a page, newest first."""
        caller, query = await self._caller(request, JOBS_READ), request.query_params
        page = await self._queue.list_jobs(
            queue_service_pb2.ListJobsRequest(
                owner=_owner(query.get("owner"), caller),
                states=_states(query.getlist("state")),
                page_size=_limit(query.get("limit")),
                page_token=query.get("cursor", ""),
            )
        )
        tag = tag_of(page.jobs, page.next_page_token, request.scope["root_path"])
        return not_modified(request, tag) or answer(
            JobListView([_view(job, request) for job in page.jobs], page.next_page_token or None),
            headers={**CACHING, "ETag": tag},
        )

    async def get(self, request: Request) -> Response:
        """GET /api/jobs/{id}."""
        caller = await self._caller(request, JOBS_READ)
        job = await self._queue.get_job(_job_id(request), caller.owner_filter)
        tag = tag_of((job,), request.scope["root_path"])
        return not_modified(request, tag) or answer(_view(job, request), headers={**CACHING, "ETag": tag})

    async def history(self, request: Request) -> Response:
        """GET /api/jobs/{id}/history."""
        caller, job_id = await self._caller(request, JOBS_READ), _job_id(request)
        events = await self._queue.job_events(job_id, caller.owner_filter)
        return answer(history_view(job_id, events, shows_workers=caller.is_admin))

    async def cancel(self, request: Request) -> Response:
        """DELETE /api/jobs/{id}: 200 when it is cancelled, 202 while the worker still has to let go."""
        caller = await self._caller(request, JOBS_WRITE)
        job = await self._queue.cancel_job(_job_id(request), caller.owner_filter)
        return answer(_view(job, request), 200 if job.state in ENDED else 202)

    async def retry(self, request: Request) -> Response:
        """POST /api/jobs/{id}/retry: 202 with the job, queued again."""
        caller, job_id = await self._caller(request, JOBS_WRITE, makes_work=True), _job_id(request)
        body = await read_body(request, _retry_requests, absent=RetryRequest())
        # The chat was allowed once, and may not be any more.
        caller.check_chat((await self._queue.get_job(job_id, caller.owner_filter)).spec.destination)
        async with self._quotas.one_more(caller.user_id, request.scope):
            job = await self._queue.retry_job(
                job_id, caller.owner_filter, allow_duplicate_delivery=body.allow_duplicate_delivery
            )
        return answer(_view(job, request), 202)

    async def finish(self, request: Request) -> Response:
        """POST /api/jobs/{id}/finish: 202 with the job, whose recording is being closed."""
        caller = await self._caller(request, JOBS_WRITE)
        return answer(_view(await self._queue.finish_job(_job_id(request), caller.owner_filter), request), 202)

    async def probe(self, request: Request) -> Response:
        """POST /api/probe: what there is on a page, without downloading it."""
        caller = await self._caller(request, JOBS_WRITE, makes_work=True)
        spec = job_spec(await read_body(request, _job_requests))
        caller.check_chat(spec.destination)
        return answer(probe_view(await self._processor.probe(spec)))

    async def _caller(self, request: Request, scope: str, *, makes_work: bool = False) -> Caller:
        caller = await self._admission.caller(request, makes_work=makes_work)
        caller.need(scope)
        return caller


def _view(job: job_pb2.Job, request: Request) -> JobView:
    return job_view(job, request.scope["root_path"])


def _job_id(request: Request) -> str:
    job_id: str = request.path_params["job_id"].lower()
    if not _UUID.fullmatch(job_id):
        raise ClipferryError(Reason.JOB_NOT_FOUND, f"There is no job {job_id[:64]!r}.")
    return job_id


def _owner(wanted: str | None, caller: Caller) -> str:
    """Return whose jobs are listed; empty: everybody's."""
    if wanted is None:
        return caller.owner_filter
    if not wanted or len(wanted) > _MOST_OWNER_CHARACTERS:
        raise field_invalid("owner", f"must have 1 to {_MOST_OWNER_CHARACTERS} characters", wanted)
    if not caller.sees(wanted):
        raise ClipferryError(Reason.PERMISSION_DENIED, f"Only an admin may list the jobs of {wanted!r}.")
    return wanted


def _states(values: list[str]) -> list[job_pb2.JobState]:
    states: list[job_pb2.JobState] = []
    for status in ",".join(values).split(",") if values else ():
        if status not in STATES_BY_STATUS:
            raise field_invalid("state", f"must be of {', '.join(STATES_BY_STATUS)}", status)
        states += STATES_BY_STATUS[status]
    return states


def _limit(value: str | None) -> int:
    if value is None:
        return 0
    if not (value.isascii() and value.isdecimal()) or int(value[:9]) < 1:
        raise field_invalid("limit", "must be a whole number of at least 1", value)
    return min(int(value[:9]), _MOST_JOBS)
