"""From submit requests to the store's answers: checked one by one, kept all together."""

from collections.abc import Sequence

import uuid_utils

from clipferry.queue.v1 import queue_service_pb2
from services.chassis.errors import ClipferryError
from services.chassis.tracing import is_traceparent
from services.queue.core.ports import Accepted, JobStore, Submission
from services.queue.core.validation import check_owner, check_request_id, live_key, validate
from services.queue.wire import packed, spec_of

_RESEND = 2
"""ON_UNKNOWN_DELIVERY_RETRY."""


async def submit(
    store: JobStore, requests: Sequence[queue_service_pb2.SubmitJobRequest], *, run_timeout_ms: int
) -> Sequence[Accepted | ClipferryError]:
    """Submit each request, in one commit; results stand at the index of their request.

    Args:
        store: Keeps the jobs.
        requests: As they came.
        run_timeout_ms: Longest run of a job that does not say less.
    """
    checked = [_check(request, run_timeout_ms) for request in requests]
    good = [each for each in checked if isinstance(each, Submission)]
    kept = iter(await store.submit(good) if good else ())
    return [next(kept) if isinstance(each, Submission) else each for each in checked]


def _check(request: queue_service_pb2.SubmitJobRequest, run_timeout_ms: int) -> Submission | ClipferryError:
    spec = spec_of(request.spec)
    try:
        check_owner(request.owner)
        check_request_id(request.request_id)
        plain_url = validate(spec)
    except ClipferryError as error:
        return error
    timeout_ms = run_timeout_ms if spec.timeout_s is None else min(round(spec.timeout_s * 1000), run_timeout_ms)
    return Submission(
        job_id=str(uuid_utils.uuid7()),
        owner=request.owner,
        request_id=request.request_id or None,
        live_key=live_key(request.owner, spec, plain_url),
        spec=packed(request.spec),
        priority=spec.priority,
        run_timeout_ms=timeout_ms,
        resend_unknown=spec.on_unknown_delivery == _RESEND,
        traceparent=request.traceparent if is_traceparent(request.traceparent) else "",
    )
