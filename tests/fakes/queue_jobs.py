"""Jobs and submissions as the queue's tests need them."""

import itertools
from typing import Any

from services.queue.core.job import Job, State
from services.queue.core.ports import Submission

_numbers = itertools.count(1)


def submission(**fields: Any) -> Submission:
    """Return a submission unlike any other, with `fields` as given."""
    number = next(_numbers)
    made = Submission(
        job_id=f"01900000-0000-7000-8000-{number:012d}",
        owner="ann",
        request_id=None,
        live_key=f"key {number}",
        spec=b"",
        priority=0,
        run_timeout_ms=600_000,
        resend_unknown=False,
    )
    return made._replace(**fields)


def job(state: State = State.QUEUED, **fields: Any) -> Job:
    """Return a job in `state`, in its first run if that is an active state, with `fields` as given."""
    active = state in (State.PROCESSING, State.SENDING)
    ended = state in (State.COMPLETED, State.FAILED, State.CANCELLED)
    number = next(_numbers)
    made = Job(
        id=f"01900000-0000-7000-8000-{number:012d}",
        state=state,
        owner="ann",
        request_id=None,
        live_key=f"key {number}",
        spec=b"",
        priority=0,
        fair_key=0,
        not_before_ms=0,
        attempt=0 if state is State.QUEUED else 1,
        max_attempts=3,
        token=0 if state is State.QUEUED else 1,
        worker_id="worker-1" if active else None,
        lease_until_ms=30_000 if active else None,
        deadline_ms=600_000 if active else None,
        run_timeout_ms=600_000,
        resend_unknown=False,
        reserved_bytes=0,
        cancel_requested=False,
        finish_requested=False,
        send_committed=False,
        media=None,
        delivery=b"d" if state is State.COMPLETED else None,
        error=None,
        version=1,
        created_ms=0,
        updated_ms=0,
        started_ms=0 if active else None,
        ended_ms=0 if ended else None,
    )
    return made._replace(**fields)
