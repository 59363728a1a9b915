"""What workers and owners can do to a job, and what becomes of the job. The whole state machine, without a store.

Each move names its job and decides on it: `decide` returns the job after the move, the same object when the move
changes nothing, and raises when the job's state does not allow it.
"""

from dataclasses import dataclass
from typing import Protocol

from services.chassis.errors import ClipferryError, Reason, field_invalid
from services.queue.core.job import ACTIVE, WAITING, Job, JobError, State, changed, ended, wrong_state
from services.queue.core.lease import Lease, Policy, failed, lease_lost, own_run, released


class Move(Protocol):
    """One durable change that somebody asks for."""

    @property
    def job_id(self) -> str:
        """Which job."""

    def decide(self, job: Job | None, now_ms: int, policy: Policy) -> Job:
        """Return the job after the move.

        Args:
            job: As it is kept; None when there is none.

        Raises:
            ClipferryError: LEASE_LOST, CANCEL_REQUESTED, JOB_NOT_FOUND or STATE_*, by the move.
        """


@dataclass(frozen=True, slots=True)
class _RunMove:
    lease: Lease

    @property
    def job_id(self) -> str:
        """Which job."""
        return self.lease.job_id


@dataclass(frozen=True, slots=True)
class BeginSend(_RunMove):
    """The upload begins: PROCESSING to SENDING. A repeat of the same run, whose answer was lost, gets it again."""

    size_bytes: int
    media: bytes | None

    def decide(self, job: Job | None, now_ms: int, policy: Policy) -> Job:
        if self.size_bytes < 0:
            raise field_invalid("size_bytes", "must be at least 0", self.size_bytes)
        job = own_run(job, self.lease)
        if job.send_committed:
            raise lease_lost(self.lease)
        _refuse_cancelled(job)
        if job.state is State.SENDING:
            return job
        reserved_bytes = self.size_bytes or job.reserved_bytes
        media = job.media if self.media is None else self.media
        return changed(job, now_ms, state=State.SENDING, reserved_bytes=reserved_bytes, media=media)


@dataclass(frozen=True, slots=True)
class CommitSend(_RunMove):
    """The last bytes are about to leave: from here on no cancel wins and silence means that it may have arrived.

    A repeat of the same run, whose answer was lost, gets it again: nothing has left before it is heard.
    """

    def decide(self, job: Job | None, now_ms: int, policy: Policy) -> Job:
        job = own_run(job, self.lease)
        if job.send_committed:
            return job
        _refuse_cancelled(job)
        if job.state is not State.SENDING:
            raise lease_lost(self.lease)
        return changed(job, now_ms, send_committed=True)


@dataclass(frozen=True, slots=True)
class Complete(_RunMove):
    """The message is out, which beats a pending cancel. Repeating it for the same run gives the same answer."""

    delivery: bytes

    def decide(self, job: Job | None, now_ms: int, policy: Policy) -> Job:
        if job is not None and job.state is State.COMPLETED and job.token == self.lease.token:
            return job
        job = own_run(job, self.lease)
        return ended(job, now_ms, State.COMPLETED, delivery=self.delivery)


@dataclass(frozen=True, slots=True)
class Fail(_RunMove):
    """The run failed."""

    error: JobError
    retry_after_s: float | None
    """Asked for by the site or by Telegram; None: the queue's own backoff."""
    not_sent: bool
    """Whether it is certain that nothing arrived, although the send was committed. Else that is unknown, whatever the
    error says."""

    def decide(self, job: Job | None, now_ms: int, policy: Policy) -> Job:
        job = own_run(job, self.lease)
        reported = self.error.reason == Reason.DELIVERY_UNKNOWN.name
        unknown = not self.not_sent and (reported or job.send_committed)
        if self.not_sent:
            job = job._replace(send_committed=False)
        return failed(job, now_ms, policy, self.error, unknown=unknown, retry_after_s=self.retry_after_s)


@dataclass(frozen=True, slots=True)
class Release(_RunMove):
    """The worker hands the run back, unstarted or interrupted. A repeat before the next run gets the waiting job."""

    def decide(self, job: Job | None, now_ms: int, policy: Policy) -> Job:
        # A job that has had no run has token 0, which is nobody's lease.
        if job is not None and job.state is State.QUEUED and job.token == self.lease.token > 0:
            return job
        job = own_run(job, self.lease)
        if job.send_committed:
            raise lease_lost(self.lease)
        return released(job, now_ms)


@dataclass(frozen=True, slots=True)
class Resize(_RunMove):
    """The run needs more or less memory than it has reserved."""

    reserved_bytes: int

    def decide(self, job: Job | None, now_ms: int, policy: Policy) -> Job:
        if self.reserved_bytes < 0:
            raise field_invalid("reserved_bytes", "must be at least 0", self.reserved_bytes)
        job = own_run(job, self.lease)
        if job.reserved_bytes == self.reserved_bytes:
            return job
        return changed(job, now_ms, reserved_bytes=self.reserved_bytes)


@dataclass(frozen=True, slots=True)
class _OwnerMove:
    job_id: str
    owner: str
    """Whose job it must be; empty: anybody's."""


@dataclass(frozen=True, slots=True)
class Cancel(_OwnerMove):
    """The owner does not want it any more. Waiting jobs end at once; running ones when their worker yields."""

    def decide(self, job: Job | None, now_ms: int, policy: Policy) -> Job:
        job = owned(job, self.job_id, self.owner)
        if job.state in WAITING:
            return ended(job, now_ms, State.CANCELLED, error=None)
        if job.state in ACTIVE:
            return job if job.cancel_requested else changed(job, now_ms, cancel_requested=True)
        if job.state is State.CANCELLED:
            return job
        raise wrong_state(job, f"The job is {job.state.lower()} and cannot be cancelled.")


@dataclass(frozen=True, slots=True)
class Finish(_OwnerMove):
    """The owner wants what a live recording has so far."""

    def decide(self, job: Job | None, now_ms: int, policy: Policy) -> Job:
        job = owned(job, self.job_id, self.owner)
        if job.state not in ACTIVE:
            raise wrong_state(job, f"The job is {_words(job.state)}: there is no recording to finish.")
        if job.state is State.SENDING or job.finish_requested:
            return job
        _refuse_cancelled(job)
        return changed(job, now_ms, finish_requested=True)


@dataclass(frozen=True, slots=True)
class Retry(_OwnerMove):
    """A person runs an ended job again. Attempts and tokens go on rising; new attempts are granted.

    A repeat, whose answer was lost, gets the job for as long as it waits: one that is back in the queue is what was
    asked for. A job that was only just submitted is none.
    """

    allow_duplicate_delivery: bool

    def decide(self, job: Job | None, now_ms: int, policy: Policy) -> Job:
        job = owned(job, self.job_id, self.owner)
        if job.state is State.QUEUED and job.version > 1:
            return job
        if job.state not in (State.FAILED, State.CANCELLED):
            raise wrong_state(job, f"The job is {_words(job.state)}; only failed and cancelled jobs can be retried.")
        unknown = job.error is not None and job.error.reason == Reason.DELIVERY_UNKNOWN.name
        if unknown and not self.allow_duplicate_delivery:
            raise wrong_state(
                job, "The message may have been sent already; say allow_duplicate_delivery to send it again."
            )
        return changed(
            job,
            now_ms,
            state=State.QUEUED,
            max_attempts=job.attempt + policy.max_attempts,
            not_before_ms=now_ms,
            cancel_requested=False,
            finish_requested=False,
            send_committed=False,
            error=None,
            ended_ms=None,
        )


def owned(job: Job | None, job_id: str, owner: str) -> Job:
    """Return `job` if there is one and `owner` may see it.

    Raises:
        ClipferryError: JOB_NOT_FOUND, the same for a job that is somebody else's.
    """
    if job is None or (owner and job.owner != owner):
        raise job_not_found(job_id)
    return job


def job_not_found(job_id: str) -> ClipferryError:
    """Return the error for a job that there is not."""
    return ClipferryError(Reason.JOB_NOT_FOUND, f"There is no job jobs/{job_id}.", job=f"jobs/{job_id}")


def _refuse_cancelled(job: Job) -> None:
    if job.cancel_requested:
        raise ClipferryError(Reason.CANCEL_REQUESTED, job=job.name)


def _words(state: State) -> str:
    return "waiting for its next run" if state is State.RETRY_WAIT else state.lower()


ENDS = (Complete, Fail, Release)
"""Moves after which a run is over."""
