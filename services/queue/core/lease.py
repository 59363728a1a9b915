"""The right to run one job: how it begins, goes on, and ends when its holder is silent."""

from dataclasses import dataclass, field
from typing import NamedTuple

from services.chassis.errors import ClipferryError, Reason
from services.queue.core.job import ACTIVE, Job, JobError, State, changed, ended
from services.queue.core.retry import RetryPolicy

MAX_EXTRA_RUNS = 30
"""Runs beyond `Policy.max_attempts` up to which a wait that Telegram named grants another. Each downloads anew.

RetryJob grants runs too, and they count; a run that was handed back grants none, so it takes nothing from these.
"""


class Lease(NamedTuple):
    """Identity of one run of one job."""

    job_id: str
    token: int
    """Rises with every run of the job, so that a stale worker is told from the present one."""


@dataclass(frozen=True)
class Policy:
    """The numbers that decisions about runs need."""

    lease_ttl_ms: int = 30_000
    """How long a worker may be silent."""
    max_attempts: int = 3
    """Runs granted by a submit, and again by each RetryJob."""
    retry: RetryPolicy = field(default_factory=RetryPolicy)


def own_run(job: Job | None, lease: Lease) -> Job:
    """Return `job` if `lease` is its present run.

    Raises:
        ClipferryError: LEASE_LOST.
    """
    if job is None or job.token != lease.token or job.state not in ACTIVE:
        raise lease_lost(lease)
    return job


def lease_lost(lease: Lease) -> ClipferryError:
    """Return the error for a run that is over or somebody else's."""
    return ClipferryError(Reason.LEASE_LOST, job=f"jobs/{lease.job_id}", token=lease.token)


def claimed(job: Job, now_ms: int, policy: Policy, *, worker_id: str, reserved_bytes: int) -> Job:
    """Return the waiting `job` as a new run of `worker_id`.

    What its owner has finished stays finished: no other run may record it anew, unless its owner retries it.
    """
    return changed(
        job,
        now_ms,
        state=State.PROCESSING,
        attempt=job.attempt + 1,
        token=job.token + 1,
        worker_id=worker_id,
        lease_until_ms=now_ms + policy.lease_ttl_ms,
        deadline_ms=now_ms + job.run_timeout_ms,
        reserved_bytes=reserved_bytes,
        send_committed=False,
        error=None,
        started_ms=now_ms,
    )


def renewed(job: Job, now_ms: int, policy: Policy) -> Job | None:
    """Return the `job` with a whole TTL; None when its run is over its time. No durable change: the version stays."""
    if job.state not in ACTIVE or is_expired(job, now_ms):
        return None
    return job._replace(lease_until_ms=now_ms + policy.lease_ttl_ms)


def is_expired(job: Job, now_ms: int) -> bool:
    """Return whether `job` has a run that is over its lease or its deadline."""
    return (
        job.lease_until_ms is not None
        and job.deadline_ms is not None
        and (job.lease_until_ms < now_ms or job.deadline_ms < now_ms)
    )


def reaped(job: Job, now_ms: int, policy: Policy) -> Job:
    """Return the expired `job` without its run."""
    late = job.deadline_ms is not None and job.deadline_ms < now_ms
    reason = Reason.TIMED_OUT if late else Reason.LEASE_EXPIRED
    limit_ms = job.run_timeout_ms if late else policy.lease_ttl_ms
    error = JobError(reason.name, f"{reason.text} The limit is {limit_ms / 1000:g} s.", retryable=True)
    return failed(job, now_ms, policy, error, unknown=job.send_committed)


def failed(
    job: Job,
    now_ms: int,
    policy: Policy,
    error: JobError,
    *,
    unknown: bool,
    retry_after_s: float | None = None,
) -> Job:
    """Return the active `job` after its run failed: CANCELLED, RETRY_WAIT or FAILED.

    A run that Telegram only put off, and said for how long, costs none of the attempts: another one is granted.

    Args:
        unknown: Whether the message may have been sent all the same. Then another run needs the owner's word.
    """
    if unknown and not job.resend_unknown:
        return ended(job, now_ms, State.FAILED, error=_unknown(error))
    if job.cancel_requested and not job.send_committed and not unknown:
        return ended(job, now_ms, State.CANCELLED)
    extra_runs = job.max_attempts - policy.max_attempts
    max_attempts = job.max_attempts + (_is_put_off(error, retry_after_s) and extra_runs < MAX_EXTRA_RUNS)
    has_attempts = job.attempt < max_attempts
    if (error.retryable or unknown) and not job.cancel_requested and has_attempts:
        # Attempts that a person granted anew start with short waits again.
        granted_attempt = max(1, job.attempt - extra_runs)
        next_ms = now_ms + round(policy.retry.delay_s(granted_attempt, retry_after_s) * 1000)
        return changed(
            job,
            now_ms,
            **_WITHOUT_RUN,
            state=State.RETRY_WAIT,
            max_attempts=max_attempts,
            error=error,
            not_before_ms=next_ms,
        )
    return ended(job, now_ms, State.FAILED, error=_unknown(error) if unknown else error)


def released(job: Job, now_ms: int) -> Job:
    """Return the active `job` handed back: it waits in its old place, and the attempt is not charged."""
    if job.cancel_requested:
        return ended(job, now_ms, State.CANCELLED)
    return changed(job, now_ms, **_WITHOUT_RUN, state=State.QUEUED, attempt=job.attempt - 1, not_before_ms=now_ms)


def _is_put_off(error: JobError, retry_after_s: float | None) -> bool:
    """Tell a wait that Telegram named from a failure: a hundred videos for one group are no fault of any of them."""
    return error.reason == Reason.TELEGRAM_FLOOD.name and retry_after_s is not None


_WITHOUT_RUN = {"lease_until_ms": None, "deadline_ms": None, "send_committed": False}


def _unknown(error: JobError) -> JobError:
    reason = Reason.DELIVERY_UNKNOWN
    if error.reason == reason.name:
        return error
    return JobError(reason.name, reason.text, retryable=False, metadata={**error.metadata, "cause": error.reason})
