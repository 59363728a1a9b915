"""What the gateway knows of each job, so that a client never hears anything out of order."""

from collections.abc import Sequence
from dataclasses import dataclass, field

from clipferry.queue.v1 import job_pb2
from gateway.views.state import ENDED, RUNNING

_JOBS_PER_OWNER = 500
"""Most that is known of one owner's ended jobs: older news of them is only in snapshots that were asked for before."""

QUEUED, STARTED, RETRYING, PROGRESS, FINISHED = (
    "job:queued",
    "job:started",
    "job:retrying",
    "job:progress",
    "job:finished",
)


@dataclass(frozen=True, slots=True)
class Shown:
    """How far a run is, as clients are told."""

    percent: float
    version: int
    progress: job_pb2.Progress
    """The newest that is known."""


@dataclass(slots=True)
class _Known:
    """What was said of one job."""

    said_version: int = 0
    """Version of the newest event that went out; 0 when none did."""
    floor_version: int = 0
    """Newest version that any client has seen in a snapshot."""
    state: int = job_pb2.JOB_STATE_UNSPECIFIED
    attempt: int = 0
    percent: float = 0.0
    progress: job_pb2.Progress | None = field(default=None, repr=False)
    """The newest of the attempt; None when nobody said."""
    is_ended: bool = False
    job: job_pb2.Job | None = field(default=None, repr=False)

    def begin_anew(self) -> None:
        """Forget how far the last attempt was."""
        self.percent, self.progress = 0.0, None

    def hear(self, progress: job_pb2.Progress) -> job_pb2.Progress:
        """Learn of progress of the attempt; returns what is newest. A run's own percent never falls."""
        if self.progress is None or progress.percent >= self.progress.percent:
            self.progress = progress
        self.percent = max(self.percent, min(progress.percent, 100.0))
        return self.progress


class Board:
    """Decides what a change means to clients, and drops what is older than what they have seen."""

    def __init__(self) -> None:
        self._by_owner: dict[str, dict[str, _Known]] = {}

    def take(self, job: job_pb2.Job) -> Sequence[str]:
        """Learn of a durable change; returns the names of the messages it makes, none when it is old.

        A new attempt announces itself by ``job:retrying``, also when the queue's own word for it was skipped.
        """
        known = self._known(job)
        if job.version <= known.said_version or job.version < known.floor_version:
            return ()
        names = _names(known, job)
        if job.attempt != known.attempt or RETRYING in names:
            known.begin_anew()
        known.said_version, known.state, known.attempt = job.version, job.state, job.attempt
        known.is_ended, known.job = job.state in ENDED, job
        if known.is_ended:
            # The part of a message keeps all of it in memory, and an ended job is known for long.
            known.job, known.progress = _copy(job), None
            self._trim(job.owner)
        return names

    def take_progress(self, progress: job_pb2.JobProgress) -> Shown | None:
        """Learn of progress; returns what to show, None when it is old.

        Within an attempt the percent never falls and the stage never goes back, also when a queue that was started
        again has not heard of the run yet; and the version is never ahead of the events that went out.
        """
        known = self._by_owner.setdefault(progress.owner, {}).setdefault(progress.name, _Known())
        newest = max(known.said_version, known.floor_version)
        if progress.version < newest or (known.is_ended and progress.version == newest):
            return None
        if progress.attempt != known.attempt:
            if known.said_version:
                return None  # of an attempt that was not announced yet
            known.attempt = progress.attempt
            known.begin_anew()
        if not known.said_version:
            known.floor_version = progress.version
        newest_progress = known.hear(progress.progress)
        return Shown(known.percent, known.said_version or progress.version, newest_progress)

    def take_snapshot(self, job: job_pb2.Job) -> Sequence[str]:
        """Learn of a job that a client is about to see in a snapshot.

        Returns:
            As `take`, if it is news of a job that clients were already told about: the stream may be behind or have a
            gap. Otherwise nothing, and the stream will tell.
        """
        known = self._known(job)
        if 0 < known.said_version < job.version:
            return self.take(job)
        known.floor_version = max(known.floor_version, job.version)
        if not known.said_version:
            known.is_ended = job.state in ENDED
            if job.attempt != known.attempt:
                known.attempt = job.attempt
                known.begin_anew()
            if job.HasField("progress") and not known.is_ended:
                known.hear(job.progress)
        return ()

    def percent(self, job: job_pb2.Job) -> float:
        """Return the highest percent of the job's attempt that was shown."""
        return self._known(job).percent

    def with_progress(self, job: job_pb2.Job) -> job_pb2.Job:
        """Return `job` with the newest progress that is known of its attempt."""
        known = self._known(job)
        if job.attempt != known.attempt or job.state not in RUNNING:
            return job
        told = _copy(job)
        newest = known.hear(job.progress) if job.HasField("progress") else known.progress
        if newest is not None:
            told.progress.CopyFrom(newest)
            told.progress.percent = known.percent
        return told

    def latest(self, owner: str, name: str) -> job_pb2.Job | None:
        """Return the newest job as the stream told of it."""
        known = self._by_owner.get(owner, {}).get(name)
        return known.job if known else None

    def keep_owners(self, owners: frozenset[str]) -> None:
        """Forget the jobs of everybody else: they are not followed any more."""
        for owner in self._by_owner.keys() - owners:
            del self._by_owner[owner]

    def _known(self, job: job_pb2.Job) -> _Known:
        return self._by_owner.setdefault(job.owner, {}).setdefault(job.name, _Known())

    def _trim(self, owner: str) -> None:
        jobs = self._by_owner[owner]
        if len(jobs) > _JOBS_PER_OWNER:
            for name in [name for name, known in jobs.items() if known.is_ended][: _JOBS_PER_OWNER // 10]:
                del jobs[name]


def _copy(job: job_pb2.Job) -> job_pb2.Job:
    copied = job_pb2.Job()
    copied.CopyFrom(job)
    return copied


def _names(before: _Known, job: job_pb2.Job) -> Sequence[str]:
    was_told = before.said_version > 0
    if job.state in ENDED:
        return (FINISHED,)
    if job.state == job_pb2.JOB_STATE_RETRY_WAIT:
        return (RETRYING,)
    if job.state == job_pb2.JOB_STATE_QUEUED:
        return (QUEUED,) if not was_told or before.state == job_pb2.JOB_STATE_QUEUED else (RETRYING,)
    if before.attempt == job.attempt and before.state in RUNNING:
        return (PROGRESS,) if _shows_otherwise(before, job) else ()
    if was_told and before.state not in (job_pb2.JOB_STATE_QUEUED, job_pb2.JOB_STATE_RETRY_WAIT):
        return (RETRYING, STARTED)
    return (STARTED,)


def _shows_otherwise(before: _Known, job: job_pb2.Job) -> bool:
    """Return whether people see a difference; a new reservation of memory is none."""
    was_cancelling = before.job is not None and before.job.cancel_requested
    return before.state != job.state or was_cancelling != job.cancel_requested
