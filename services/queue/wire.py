"""Between messages and what the core works with."""

from collections import Counter
from collections.abc import Iterable, Mapping
from functools import lru_cache
from typing import Any

from google.protobuf.message import Message
from google.protobuf.timestamp_pb2 import Timestamp

from clipferry.queue.v1 import job_pb2, queue_service_pb2, worker_service_pb2
from services.chassis.errors import field_invalid
from services.chassis.wire import duration, span_s, time_ms, timestamp
from services.queue.core.job import ACTIVE, Job, JobError, State
from services.queue.core.lease import Lease
from services.queue.core.ports import Event, Record
from services.queue.core.roll import Memory, WorkerNote
from services.queue.core.runs import Progress, Run
from services.queue.core.statistics import Stats
from services.queue.core.validation import JobSpec
from services.queue.core.worker import Hello

_PREFIX = "jobs/"
_ID_LENGTH = 36
_STATE_NUMBER: Mapping[State, Any] = {state: job_pb2.JobState.Value(f"JOB_STATE_{state}") for state in State}
_STATE = {number: state for state, number in _STATE_NUMBER.items()}


def encode_job(job: Job, *, retention_ms: int) -> bytes:
    """Serialise `job` as the Job message, without its progress."""
    message = job_pb2.Job(
        state=_STATE_NUMBER[job.state],
        attempt=job.attempt,
        max_attempts=job.max_attempts,
        version=job.version,
        cancel_requested=bool(job.cancel_requested),
        finish_requested=bool(job.finish_requested),
        estimated_bytes=job.reserved_bytes,
        worker_id=job.worker_id or "",
    )
    _put(message.update_time, job.updated_ms)
    if job.started_ms is not None:
        _put(message.start_time, job.started_ms)
    if job.ended_ms is not None:
        _put(message.end_time, job.ended_ms)
        _put(message.expire_time, job.ended_ms + retention_ms)
    if job.state is State.RETRY_WAIT:
        _put(message.next_attempt_time, job.not_before_ms)
    if job.media is not None:
        message.media.MergeFromString(job.media)
    if job.delivery is not None:
        message.delivery.MergeFromString(job.delivery)
    if job.error is not None:
        message.error.CopyFrom(_error_message(job.error))
    return _lasting(job.id, job.owner, job.request_id, job.spec, job.created_ms, job.traceparent) + (
        message.SerializeToString()
    )


@lru_cache(maxsize=1_024)
def _lasting(  # noqa: PLR0917 - the key of the cache, which names would make slower
    job_id: str, owner: str, request_id: str | None, spec: bytes, created_ms: int, traceparent: str
) -> bytes:
    """Serialise what never changes of a job, once for its changes: two messages behind each other are one message."""
    message = job_pb2.Job(name=_PREFIX + job_id, owner=owner, request_id=request_id or "", traceparent=traceparent)
    message.spec.MergeFromString(spec)
    _put(message.create_time, created_ms)
    return message.SerializeToString()


def _put(stamp: Timestamp, time_ms: int) -> None:
    """Fill a Timestamp in place: half the time of making one and copying it, three times a job."""
    stamp.seconds = time_ms // 1000
    stamp.nanos = time_ms % 1000 * 1_000_000


def fill_job(message: job_pb2.Job, record: Record, run: Run | None) -> None:
    """Fill a Job in place, with its newest progress."""
    message.MergeFromString(record.body)
    if run is not None and run.change.token == record.job.token and record.job.state in ACTIVE:
        message.progress.CopyFrom(progress_message(run.progress))


def fill_event(message: job_pb2.JobEvent, event: Event) -> None:
    """Fill a JobEvent in place: nothing is copied twice."""
    message.sequence = event.sequence
    _put(message.event_time, event.at_ms)
    message.job.MergeFromString(event.body)


def job_id(name: str) -> str:
    """Return the id in a resource name.

    Raises:
        ClipferryError: FIELD_INVALID.
    """
    found = name.removeprefix(_PREFIX)
    if not name.startswith(_PREFIX) or len(found) != _ID_LENGTH:
        raise field_invalid("name", "must be jobs/ and a UUID", name)
    return found


def states(numbers: "list[job_pb2.JobState]") -> frozenset[State]:
    """Return the states of a filter.

    Raises:
        ClipferryError: FIELD_INVALID.
    """
    for number in numbers:
        if number not in _STATE:
            raise field_invalid("states", "must be states of a job", number)
    return frozenset(_STATE[number] for number in numbers)


def spec_of(message: job_pb2.JobSpec) -> JobSpec:
    """Return what the queue looks at in a spec."""
    return JobSpec(
        url=message.url,
        destination=message.destination,
        priority=message.priority,
        kind=message.kind,
        max_bytes=message.max_bytes,
        timeout_s=span_s(message.timeout) if message.HasField("timeout") else None,
        on_unknown_delivery=message.on_unknown_delivery,
        referer=message.referer,
        user_agent=message.user_agent,
        format=message.format,
        caption=message.caption,
        thread_id=message.thread_id,
        playlist_item=message.playlist_item,
        max_duration_s=span_s(message.max_duration) if message.HasField("max_duration") else None,
    )


def progress_message(progress: Progress) -> job_pb2.Progress:
    """Return a run's progress as a message. One that was not heard of yet is probing."""
    return job_pb2.Progress(
        stage=job_pb2.Stage.Name(progress.stage) if progress.stage else job_pb2.STAGE_PROBING,
        done_bytes=progress.done_bytes,
        total_bytes=progress.total_bytes,
        bytes_per_second=progress.bytes_per_second,
        observe_time=timestamp(progress.observed_ms),
        percent=progress.percent,
        message=progress.message,
        title=progress.title,
    )


def progress_of(message: job_pb2.Progress) -> Progress:
    """Return the progress in a beat."""
    return Progress(
        stage=message.stage,
        percent=message.percent,
        observed_ms=time_ms(message.observe_time),
        done_bytes=message.done_bytes,
        total_bytes=message.total_bytes,
        bytes_per_second=message.bytes_per_second,
        message=message.message,
        title=message.title,
    )


def lease_of(message: worker_service_pb2.Lease) -> Lease:
    """Return the lease of a message."""
    return Lease(message.job_name.removeprefix(_PREFIX), message.token)


def lease_message(lease: Lease) -> worker_service_pb2.Lease:
    """Return a lease as a message."""
    return worker_service_pb2.Lease(job_name=_PREFIX + lease.job_id, token=lease.token)


def error_of(message: job_pb2.JobError) -> JobError:
    """Return why a run failed."""
    return JobError(message.reason, message.message, message.retryable, dict(message.metadata))


def _error_message(error: JobError) -> job_pb2.JobError:
    return job_pb2.JobError(
        reason=error.reason, message=error.message, retryable=error.retryable, metadata=error.metadata
    )


def hello_of(message: worker_service_pb2.Hello) -> Hello:
    """Return who a worker is.

    Raises:
        ClipferryError: FIELD_INVALID.
    """
    if not 1 <= len(message.worker_id) <= 128:
        raise field_invalid("hello.worker_id", "must have 1 to 128 characters", message.worker_id)
    if message.slots < 1:
        raise field_invalid("hello.slots", "must be at least 1", message.slots)
    if message.memory_limit_bytes < 0:
        raise field_invalid("hello.memory_limit_bytes", "must be at least 0", message.memory_limit_bytes)
    return Hello(
        worker_id=message.worker_id,
        slots=message.slots,
        memory_limit_bytes=message.memory_limit_bytes,
        versions=dict(message.versions),
        memory_processing=message.memory_processing,
        auto_cleanup=message.auto_cleanup,
    )


def memory_of(message: job_pb2.MemoryStats) -> Memory:
    """Return the memory of a worker."""
    return Memory(*(getattr(message, name) for name in Memory._fields))


def stats_message(stats: Stats) -> job_pb2.Stats:
    """Return the queue's numbers as a message."""
    message = job_pb2.Stats(
        jobs_by_state={state.value: count for state, count in stats.jobs_by_state.items()},
        workers=stats.workers,
        slots_total=stats.slots_total,
        slots_busy=stats.slots_busy,
        memory=job_pb2.MemoryStats(**stats.memory._asdict()),
        read_time=timestamp(stats.read_ms),
        uptime=duration(stats.uptime_s),
        throughput_per_minute=stats.throughput_per_minute,
        total_processed=stats.total_processed,
        max_queue_size=stats.max_queue_size,
        memory_processing=stats.memory_processing,
        auto_cleanup=stats.auto_cleanup,
        ytdlp_versions=stats.ytdlp_versions,
    )
    if stats.oldest_waiting_age_s is not None:
        message.oldest_queued_age.CopyFrom(duration(stats.oldest_waiting_age_s))
    return message


def worker_stats(workers: Iterable[WorkerNote], runs: Iterable[Run]) -> list[queue_service_pb2.WorkerStats]:
    """Return each of `workers`, by name, with how many of `runs` it has."""
    busy = Counter(run.change.worker_id for run in runs)
    return [
        queue_service_pb2.WorkerStats(
            worker_id=worker.worker_id,
            slots_total=worker.slots,
            slots_busy=busy[worker.worker_id],
            memory=job_pb2.MemoryStats(**worker.memory._asdict()),
            ytdlp_version=worker.ytdlp_version,
        )
        for worker in sorted(workers, key=lambda worker: worker.worker_id)
    ]


def packed(message: Message) -> bytes:
    """Return a message as the core carries it."""
    return message.SerializeToString()
