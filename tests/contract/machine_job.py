"""What each call must make of one job, said a second time: the state machine test holds every store against it.

Nothing here calls the code that decides; it shares only its values (`Job`, `State`, `Reason`, and the moves as data).
"""

from typing import Any

from services.chassis.errors import Reason
from services.queue.core.job import Job, JobError, State
from services.queue.core.moves import (
    BeginSend,
    Cancel,
    CommitSend,
    Complete,
    Fail,
    Finish,
    Move,
    Release,
    Resize,
    Retry,
)
from services.queue.core.ports import Submission

WorkersMove = BeginSend | CommitSend | Complete | Fail | Release | Resize

WAITING = (State.QUEUED, State.RETRY_WAIT)
ACTIVE = (State.PROCESSING, State.SENDING)
ENDED = (State.COMPLETED, State.FAILED, State.CANCELLED)

TTL_MS = 30_000
GRANTED = 3
"""Runs of a new job, and again of a retried one."""

_WAITS_MS = (15_000, 60_000, 240_000, 900_000)
"""Before the second run, the third, and so on; the last one for all later ones."""


def new(asked: Submission, now_ms: int) -> Job:
    """Return a job that was just submitted. Its turn (`fair_key`) is not predicted."""
    return Job(
        id=asked.job_id,
        state=State.QUEUED,
        owner=asked.owner,
        request_id=asked.request_id,
        live_key=asked.live_key,
        spec=asked.spec,
        priority=asked.priority,
        fair_key=0,
        not_before_ms=now_ms,
        attempt=0,
        max_attempts=GRANTED,
        token=0,
        worker_id=None,
        lease_until_ms=None,
        deadline_ms=None,
        run_timeout_ms=asked.run_timeout_ms,
        resend_unknown=asked.resend_unknown,
        reserved_bytes=0,
        cancel_requested=False,
        finish_requested=False,
        send_committed=False,
        media=None,
        delivery=None,
        error=None,
        version=1,
        created_ms=now_ms,
        updated_ms=now_ms,
        started_ms=None,
        ended_ms=None,
    )


def begun(job: Job, now_ms: int, worker_id: str, reserved_bytes: int) -> Job:
    """Return the waiting `job` in its next run."""
    return _next(
        job,
        now_ms,
        state=State.PROCESSING,
        attempt=job.attempt + 1,
        token=job.token + 1,
        worker_id=worker_id,
        lease_until_ms=now_ms + TTL_MS,
        deadline_ms=now_ms + job.run_timeout_ms,
        reserved_bytes=reserved_bytes,
        send_committed=False,
        error=None,
        started_ms=now_ms,
    )


def over_time(job: Job, now_ms: int) -> bool:
    """Return whether the run of `job` is over its lease or its deadline."""
    return min(job.lease_until_ms or now_ms, job.deadline_ms or now_ms) < now_ms


def after_silence(job: Job, now_ms: int) -> Job:
    """Return `job` after the reaper took it from its worker."""
    late = job.deadline_ms is not None and job.deadline_ms < now_ms
    reason = Reason.TIMED_OUT if late else Reason.LEASE_EXPIRED
    return _after_failure(job, now_ms, JobError(reason.name, "", retryable=True), in_doubt=job.send_committed)


def after_move(job: Job | None, move: Move, now_ms: int) -> Job | Reason:
    """Return the job after the move, the same object if nothing changes, or why it is refused."""
    if not isinstance(move, Cancel | Finish | Retry):
        return _after_workers_move(job, move, now_ms)
    if job is None or move.owner not in ("", job.owner):
        return Reason.JOB_NOT_FOUND
    match move:
        case Cancel():
            return _after_cancel(job, now_ms)
        case Finish():
            return _after_finish(job, now_ms)
        case Retry():
            return _after_retry(job, now_ms, twice_is_fine=move.allow_duplicate_delivery)


def _after_cancel(job: Job, now_ms: int) -> Job | Reason:
    if job.state in WAITING:
        return _ended(job, now_ms, State.CANCELLED, error=None)
    if job.state in ACTIVE and not job.cancel_requested:
        return _next(job, now_ms, cancel_requested=True)
    return job if job.state in (*ACTIVE, State.CANCELLED) else Reason[f"STATE_{job.state}"]


def _after_finish(job: Job, now_ms: int) -> Job | Reason:
    if job.state not in ACTIVE:
        return Reason[f"STATE_{job.state}"]
    if job.state is State.SENDING or job.finish_requested:
        return job
    return Reason.CANCEL_REQUESTED if job.cancel_requested else _next(job, now_ms, finish_requested=True)


def _after_retry(job: Job, now_ms: int, *, twice_is_fine: bool) -> Job | Reason:
    if job.state is State.QUEUED and job.version != 1:
        return job
    in_doubt = job.error is not None and job.error.reason == Reason.DELIVERY_UNKNOWN.name
    if job.state not in (State.FAILED, State.CANCELLED) or (in_doubt and not twice_is_fine):
        return Reason[f"STATE_{job.state}"]
    return _next(
        job,
        now_ms,
        state=State.QUEUED,
        max_attempts=job.attempt + GRANTED,
        not_before_ms=now_ms,
        cancel_requested=False,
        finish_requested=False,
        send_committed=False,
        error=None,
        ended_ms=None,
    )


def _after_workers_move(job: Job | None, move: Move, now_ms: int) -> Job | Reason:
    assert isinstance(move, WorkersMove)
    if job is None or job.token != move.lease.token:
        return Reason.LEASE_LOST
    if job.state is State.COMPLETED and isinstance(move, Complete):
        return job
    if job.state is State.QUEUED and job.token and isinstance(move, Release):
        return job
    return _after_runs_move(job, move, now_ms) if job.state in ACTIVE else Reason.LEASE_LOST


def _after_runs_move(job: Job, move: WorkersMove, now_ms: int) -> Job | Reason:
    match move:
        case Complete():
            return _ended(job, now_ms, State.COMPLETED, delivery=move.delivery)
        case Fail():
            return _after_report(job, move, now_ms)
        case Resize():
            same = job.reserved_bytes == move.reserved_bytes
            return job if same else _next(job, now_ms, reserved_bytes=move.reserved_bytes)
        case Release():
            return Reason.LEASE_LOST if job.send_committed else _after_release(job, now_ms)
        case BeginSend() | CommitSend():
            return _on_the_way_out(job, move, now_ms)


def _on_the_way_out(job: Job, move: BeginSend | CommitSend, now_ms: int) -> Job | Reason:
    """A step towards the point of no return: a wish to cancel that came before wins."""
    begins = isinstance(move, BeginSend)
    if job.send_committed:
        return Reason.LEASE_LOST if begins else job
    if job.cancel_requested:
        return Reason.CANCEL_REQUESTED
    if isinstance(move, CommitSend):
        return _next(job, now_ms, send_committed=True) if job.state is State.SENDING else Reason.LEASE_LOST
    if job.state is State.SENDING:
        return job
    size_bytes = move.size_bytes or job.reserved_bytes
    return _next(job, now_ms, state=State.SENDING, reserved_bytes=size_bytes, media=move.media or job.media)


def _after_release(job: Job, now_ms: int) -> Job:
    if job.cancel_requested:
        return _ended(job, now_ms, State.CANCELLED)
    return _without_run(job, now_ms, state=State.QUEUED, attempt=job.attempt - 1, not_before_ms=now_ms)


def _after_report(job: Job, move: Fail, now_ms: int) -> Job:
    reported = move.error.reason == Reason.DELIVERY_UNKNOWN.name
    in_doubt = not move.not_sent and (reported or job.send_committed)
    if move.not_sent:
        job = job._replace(send_committed=False)
    return _after_failure(job, now_ms, move.error, in_doubt=in_doubt, retry_after_s=move.retry_after_s)


def _after_failure(
    job: Job, now_ms: int, error: JobError, *, in_doubt: bool, retry_after_s: float | None = None
) -> Job:
    """Return `job` after its run failed; `in_doubt`: its message may be out all the same."""
    may_run_again = job.resend_unknown if in_doubt else error.retryable
    is_free = error.reason == "TELEGRAM_FLOOD" and retry_after_s is not None and job.max_attempts < GRANTED + 30
    if may_run_again and not job.cancel_requested and (is_free or job.attempt < job.max_attempts):
        granted_attempt = max(1, job.attempt - (job.max_attempts - GRANTED))
        wait_ms = _WAITS_MS[min(granted_attempt, len(_WAITS_MS)) - 1]
        if retry_after_s is not None:
            wait_ms = max(wait_ms, round(retry_after_s * 1_100))
        job = job._replace(max_attempts=job.max_attempts + is_free)
        return _without_run(job, now_ms, state=State.RETRY_WAIT, error=error, not_before_ms=now_ms + wait_ms)
    if in_doubt:
        doubt = JobError(Reason.DELIVERY_UNKNOWN.name, "", retryable=False)
        return _ended(job, now_ms, State.FAILED, error=doubt)
    if job.cancel_requested and not job.send_committed:
        return _ended(job, now_ms, State.CANCELLED)
    return _ended(job, now_ms, State.FAILED, error=error)


def _without_run(job: Job, now_ms: int, **fields: Any) -> Job:
    return _next(job, now_ms, lease_until_ms=None, deadline_ms=None, send_committed=False, **fields)


def _ended(job: Job, now_ms: int, state: State, **fields: Any) -> Job:
    return _next(job, now_ms, state=state, lease_until_ms=None, deadline_ms=None, ended_ms=now_ms, **fields)


def _next(job: Job, now_ms: int, **fields: Any) -> Job:
    return job._replace(version=job.version + 1, updated_ms=now_ms, **fields)
