"""The hot routes: jobs and probes, as plain routes without FastAPI's dependency solving (a third of the cost)."""

import re
import uuid

import msgspec
from starlette.requests import Request
from starlette.responses import Response

from clipferry.queue.v1 import job_pb2, queue_service_pb2
from gateway.api.body import answer, read_body
from gateway.api.job_request import JobRequest, job_spec
from gateway.auth.caller import Caller
from gateway.auth.gate import Gate
from gateway.backends import ProcessorBackend, QueueBackend
from gateway.batching import SubmitBatcher
from gateway.views.job import job_view
from gateway.views.job_shape import JobListView
from gateway.views.probe import probe_view
from gateway.views.state import ENDED, STATES_BY_STATUS
from services.chassis.errors import ClipferryError, Reason, field_invalid

_UUID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")
_MAX_KEY_LENGTH = 64


class RetryRequest(msgspec.Struct, rename="camel"):
    """How to retry."""

    allow_duplicate_delivery: bool = False
    """Needed after DELIVERY_UNKNOWN: a second message is possible."""


_job_requests = msgspec.json.Decoder(JobRequest)
_retry_requests = msgspec.json.Decoder(RetryRequest)


class JobRoutes:
    """Answers everything under /api/jobs, and /api/probe."""

    def __init__(self, gate: Gate, queue: QueueBackend, batcher: SubmitBatcher, processor: ProcessorBackend) -> None:
        self._gate = gate
        self._queue = queue
        self._batcher = batcher
        self._processor = processor

    async def submit(self, request: Request) -> Response:
        """POST /api/jobs: 202 with the job, new or already there."""
        caller = self._caller(request)
        spec = job_spec(await read_body(request, _job_requests))
        accepted = await self._batcher.submit(
            queue_service_pb2.SubmitJobRequest(
                request_id=_request_id(request.headers.get("idempotency-key")), owner=caller.user_id, spec=spec
            )
        )
        view = job_view(accepted.job)
        headers = {"Location": view.links.self}
        if accepted.replayed:
            headers["Idempotency-Replayed"] = "true"
        return answer(view, 202, headers)

    async def list(self, request: Request) -> Response:
        """GET /api/jobs: a page, newest first."""
        caller, query = self._caller(request), request.query_params
        page = await self._queue.list_jobs(
            queue_service_pb2.ListJobsRequest(
                owner=caller.owner_filter,
                states=_states(query.getlist("state")),
                page_size=_limit(query.get("limit")),
                page_token=query.get("cursor", ""),
            )
        )
        return answer(JobListView([job_view(job) for job in page.jobs], page.next_page_token or None))

    async def get(self, request: Request) -> Response:
        """GET /api/jobs/{id}."""
        caller = self._caller(request)
        return answer(job_view(await self._queue.get_job(_job_id(request), caller.owner_filter)))

    async def cancel(self, request: Request) -> Response:
        """DELETE /api/jobs/{id}: 200 when it is cancelled, 202 while the worker still has to let go."""
        caller = self._caller(request)
        job = await self._queue.cancel_job(_job_id(request), caller.owner_filter)
        return answer(job_view(job), 200 if job.state in ENDED else 202)

    async def retry(self, request: Request) -> Response:
        """POST /api/jobs/{id}/retry: 202 with the job, queued again."""
        caller, job_id = self._caller(request), _job_id(request)
        body = await read_body(request, _retry_requests, absent=RetryRequest())
        job = await self._queue.retry_job(
            job_id, caller.owner_filter, allow_duplicate_delivery=body.allow_duplicate_delivery
        )
        return answer(job_view(job), 202)

    async def finish(self, request: Request) -> Response:
        """POST /api/jobs/{id}/finish: 202 with the job, whose recording is being closed."""
        caller = self._caller(request)
        return answer(job_view(await self._queue.finish_job(_job_id(request), caller.owner_filter)), 202)

    async def probe(self, request: Request) -> Response:
        """POST /api/probe: what there is on a page, without downloading it."""
        self._caller(request)
        spec = job_spec(await read_body(request, _job_requests))
        return answer(probe_view(await self._processor.probe(spec)))

    def _caller(self, request: Request) -> Caller:
        return self._gate.caller(request.headers.get("authorization"))


def _job_id(request: Request) -> str:
    job_id: str = request.path_params["job_id"].lower()
    if not _UUID.fullmatch(job_id):
        raise ClipferryError(Reason.JOB_NOT_FOUND, f"There is no job {job_id[:64]!r}.")
    return job_id


def _request_id(idempotency_key: str | None) -> str:
    """Return the client's key, with or without the quotes that the draft standard wants.

    Without one it is ours: the channel may repeat the call then.
    """
    if idempotency_key is None:
        return uuid.uuid4().hex
    key = idempotency_key.strip().removeprefix('"').removesuffix('"')
    if not 1 <= len(key) <= _MAX_KEY_LENGTH or not key.isascii() or not key.isprintable():
        raise field_invalid(
            "Idempotency-Key",
            f"must be 1 to {_MAX_KEY_LENGTH} printable ASCII characters",
            key,
            limit_characters=_MAX_KEY_LENGTH,
        )
    return key


def _states(values: list[str]) -> list[job_pb2.JobState]:
    states: list[job_pb2.JobState] = []
    for status in filter(None, ",".join(values).split(",")):
        if status not in STATES_BY_STATUS:
            raise field_invalid("state", f"must be of {', '.join(STATES_BY_STATUS)}", status)
        states += STATES_BY_STATUS[status]
    return states


def _limit(value: str | None) -> int:
    if value is None:
        return 0
    if not (value.isascii() and value.isdecimal()) or int(value[:9]) < 1:
        raise field_invalid("limit", "must be a whole number of at least 1", value)
    return min(int(value[:9]), 200)
